//! What is remembered of a request: the event and the log line, written together. Never a token, never a secret.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::identify::Identity;
use super::request::Request;
use crate::host::clock::Clock;
use crate::inventory::certificate::CertificateNote;
use crate::inventory::event::{Event, Outcome, Proof, Reason, Rule};

/// What came of a request, besides the answer itself.
#[derive(Clone, Debug)]
pub struct Result {
    /// What the phone got.
    pub outcome: Outcome,
    /// Why it got nothing.
    pub reason: Option<Reason>,
    /// Which rule let it have the file.
    pub rule: Option<Rule>,
    /// What let it have the file.
    pub proof: Option<Proof>,
    /// What became of its certificate.
    pub certificate: Option<CertificateNote>,
    /// HTTP status.
    pub status: u16,
    /// Octets of the body.
    pub bytes: u64,
    /// Hash of the body, if it was made here.
    pub sha256: Option<String>,
    /// Hash of the template it was made from.
    pub template_sha256: Option<String>,
    /// For the operator: what failed.
    pub detail: Option<String>,
}

/// Keeps a source from filling the log: one refusal a minute of each, for a bounded number of sources.
#[derive(Debug, Default)]
pub struct Quiet {
    last: Mutex<BTreeMap<IpAddr, Timestamp>>,
}

/// How many sources are told apart; beyond, all others share their silence.
const SOURCES: usize = 1024;

impl Quiet {
    fn may_log(&self, peer: IpAddr, now: Timestamp) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = |then: &Timestamp| now.as_second().saturating_sub(then.as_second()) < 60;
        if last.get(&peer).is_some_and(recent) {
            return false;
        }
        if last.len() >= SOURCES {
            last.retain(|_, then| recent(then));
        }
        if last.len() >= SOURCES {
            return false;
        }
        last.insert(peer, now);
        true
    }
}

/// The event of a request.
pub fn event(request: &Request, identity: &Identity, result: &Result, clock: &Clock) -> Event {
    let duration = clock.now().as_millisecond().saturating_sub(request.time.as_millisecond());
    Event {
        id: 0,
        time: request.time,
        boot_ms: clock.boot_ms(),
        mac: identity.mac(),
        plane: request.plane,
        proxied_tls: request.proxied_tls.clone(),
        address: Some(request.peer),
        maker: identity.maker().and_then(|maker| maker.maker_id()),
        user_agent: request.user_agent.as_deref().map(printable),
        file: (!identity.file.is_empty()).then(|| printable(&identity.file)),
        proof: result.proof,
        certificate: result.certificate,
        rule: result.rule,
        decision: result.outcome,
        reason: result.reason,
        status: result.status,
        bytes: result.bytes,
        sha256: result.sha256.clone(),
        template_sha256: result.template_sha256.clone(),
        duration_ms: u64::try_from(duration).unwrap_or_default(),
    }
}

/// The log line of a request. Control characters of the phone's words never reach a terminal (policy L3).
pub fn log(event: &Event, result: &Result, quiet: &Quiet) {
    let mac = event.mac.map(|mac| mac.to_string()).unwrap_or_default();
    let vendor = event.maker.as_ref().map(ToString::to_string).unwrap_or_default();
    let plane = serde_plain(&event.plane);
    let file = event.file.as_deref().unwrap_or_default();
    let address = event.address.map(|address| address.to_string()).unwrap_or_default();
    match (event.decision, event.reason) {
        (Outcome::Failed, reason) => {
            let reason = reason.map(|reason| serde_plain(&reason)).unwrap_or_default();
            let detail = result.detail.as_deref().unwrap_or_default();
            tracing::error!(%mac, %vendor, %plane, %address, %reason, file, "not served: {detail}");
        }
        (Outcome::Refused, Some(Reason::NotAPhoneFile | Reason::InsecureChannel)) => {
            tracing::debug!(%mac, %vendor, %plane, %address, file, "not found");
        }
        (Outcome::Refused, reason) => {
            let reason = reason.map(|reason| serde_plain(&reason)).unwrap_or_default();
            if event.address.is_some_and(|address| quiet.may_log(address, event.time)) {
                tracing::warn!(%mac, %vendor, %plane, %address, %reason, file, "refused");
            }
        }
        (Outcome::Bootstrap | Outcome::Served, _) => {
            tracing::info!(%mac, %vendor, %plane, %address, file, bytes = event.bytes, "served");
        }
    }
}

/// The word an enumeration is written with.
fn serde_plain<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// At most 256 characters, none that a terminal or a log would obey.
fn printable(text: &str) -> String {
    text.chars().map(|c| if crate::inventory::text::is_forbidden(c) { '\u{fffd}' } else { c }).take(256).collect()
}
