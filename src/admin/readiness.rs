//! Are phones served as they should be? What `/readyz` and `status` say of it: the findings that are errors or worse, and
//! the store where it fails. Who only waits for a service need not wait for the disk: what was found is told for a
//! few seconds.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::AdminPlane;
use crate::diagnose::{Code, Finding, Severity, Subject};

/// For how long what was found is told again, in milliseconds since boot.
const FRESH: u64 = 5_000;

/// What was found the last time.
#[derive(Debug, Default)]
pub struct Readiness {
    last: Mutex<Option<Looked>>,
}

#[derive(Clone, Debug)]
struct Looked {
    at: u64,
    reasons: Vec<String>,
}

impl Readiness {
    /// Why phones are not served as they should be, as far as everybody who administers may know; none: they are. Reads
    /// the disk.
    pub fn reasons(&self, plane: &AdminPlane) -> Vec<String> {
        // One looks, the others wait and are told the same.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = plane.clock.boot_ms();
        if let Some(looked) = last.as_ref().filter(|looked| now.saturating_sub(looked.at) < FRESH) {
            return looked.reasons.clone();
        }
        // What a phone did just now is written within a second; who asks shall hear of it.
        let reasons = match plane.store.flush().and_then(|()| super::findings::all(plane)) {
            Ok(found) => told(&found),
            Err(error) => vec![format!("the store fails: {error}")],
        };
        *last = Some(Looked { at: now, reasons: reasons.clone() });
        reasons
    }
}

/// One reason a kind: of the server in full, of phones and places how many, since not everybody may know which.
pub fn told(found: &[Finding]) -> Vec<String> {
    let mut counts: BTreeMap<(std::cmp::Reverse<Severity>, Code), usize> = BTreeMap::new();
    let mut reasons = Vec::new();
    for finding in found.iter().filter(|finding| finding.severity >= Severity::Error) {
        match finding.subject {
            Subject::Server(_) => {
                reasons.push(format!("{}: {} ({})", finding.code, finding.summary, finding.evidence.join("; ")));
            }
            _ => *counts.entry((std::cmp::Reverse(finding.severity), finding.code)).or_default() += 1,
        }
    }
    let counted = |((_, code), number)| format!("{code}: {number} of them, see `ztpd finding list --code {code}`");
    reasons.extend(counts.into_iter().map(counted));
    reasons
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::diagnose::Seen;

    fn of_phone(code: Code, mac: &str) -> Finding {
        let seen = Seen { first: Timestamp::UNIX_EPOCH, last: Timestamp::UNIX_EPOCH };
        Finding::of_phone(code, mac.parse().unwrap(), seen)
    }

    #[test]
    fn errors_and_worse_are_reasons_and_no_phone_is_named() {
        let found = [
            of_phone(Code::BoundWithoutProof, "80:5e:c0:00:00:01"),
            of_phone(Code::BoundWithoutProof, "80:5e:c0:00:00:02"),
            of_phone(Code::ClaimTaken, "80:5e:c0:00:00:03"),
            of_phone(Code::ClaimContested, "80:5e:c0:00:00:04"),
        ];
        let reasons = told(&found);
        assert_eq!(
            reasons,
            [
                "claim_taken: 1 of them, see `ztpd finding list --code claim_taken`",
                "bound_without_proof: 2 of them, see `ztpd finding list --code bound_without_proof`"
            ]
        );
        assert_eq!(told(&found[3..]), Vec::<String>::new());
    }
}
