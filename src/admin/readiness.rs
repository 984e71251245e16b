//! Are phones served as they should be? What `/readyz` and `status` say of it: the findings that are errors or worse, and
//! the store where it fails. Who only waits for a service need not wait for the disk: what was found is told for a
//! few seconds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde::Serialize;

use super::AdminPlane;
use crate::config::Snapshot;
use crate::diagnose::{Code, Finding, Severity, Subject};
use crate::inventory::access::AccessState;

/// For how long what was found is told again, in milliseconds since boot: so long at the least, and in a large fleet so
/// many times as long as looking took.
const FRESH: u64 = 5_000;
const WORTH: u64 = 20;

/// What was found the last time.
#[derive(Debug, Default)]
pub struct Readiness {
    last: Mutex<Option<Arc<Looked>>>,
}

/// How phones stood when somebody looked.
#[derive(Debug, Default)]
pub struct Looked {
    until: u64,
    /// Under which settings and certificate, and whether the latter could not be renewed.
    under: (Weak<Snapshot>, bool),
    /// Why phones are not served as they should be, as far as everybody who administers may know; none: they are.
    pub reasons: Vec<String>,
    /// How many devices there are, by what they have been given.
    pub devices: BTreeMap<String, u64>,
    /// How many findings there are, by kind and severity.
    pub findings: BTreeMap<(&'static str, String), u64>,
}

impl Readiness {
    /// How phones stand. Reads the disk.
    pub fn look(&self, plane: &AdminPlane) -> Arc<Looked> {
        // One looks, the others wait and are told the same.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let began = plane.clock.boot_ms();
        let snapshot = plane.snapshot.load_full();
        let unrenewed = snapshot.unrenewed().is_some();
        let holds = |looked: &&Arc<Looked>| {
            let (under, failed) = &looked.under;
            began < looked.until && std::ptr::eq(under.as_ptr(), &*snapshot) && *failed == unrenewed
        };
        if let Some(looked) = last.as_ref().filter(holds) {
            return Arc::clone(looked);
        }
        let mut looked = Looked::now(plane);
        looked.under = (Arc::downgrade(&snapshot), unrenewed);
        let ended = plane.clock.boot_ms();
        looked.until = ended.saturating_add(ended.saturating_sub(began).saturating_mul(WORTH).max(FRESH));
        let looked = Arc::new(looked);
        *last = Some(Arc::clone(&looked));
        looked
    }
}

impl Looked {
    fn now(plane: &AdminPlane) -> Looked {
        // What a phone did just now is written within a second; who asks shall hear of it.
        let (situation, found) = match plane.store.flush().and_then(|()| super::findings::look(plane)) {
            Ok(seen) => seen,
            Err(error) => return Looked { reasons: vec![format!("the store fails: {error}")], ..Looked::default() },
        };
        let mut looked = Looked { reasons: told(&found), ..Looked::default() };
        // What there is none of is told too, so that a figure does not come and go.
        looked.devices = AccessState::ALL.iter().map(|state| (word(state), 0)).collect();
        for phone in &situation.phones {
            *looked.devices.entry(word(&phone.access.state(situation.now))).or_default() += 1;
        }
        for finding in &found {
            *looked.findings.entry((finding.code.as_str(), word(&finding.severity))).or_default() += 1;
        }
        looked
    }
}

/// The word an enumeration is written with.
fn word<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
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
