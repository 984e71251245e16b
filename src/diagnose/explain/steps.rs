//! What was seen of this phone, in order: DHCP, TLS, and each request with what came of it.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;

use super::Facts;
use crate::diagnose::dhcp_report::{PhoneRow, Told};
use crate::diagnose::here::Verdict as Place;
use crate::inventory::event::{Event, Outcome, Plane};
use crate::inventory::handshake::{Handshake, HandshakeFailure};

/// The most that are shown: the newest.
const MOST: usize = 100;

/// Something that was seen.
#[derive(Debug, Serialize)]
pub struct Step {
    /// When.
    pub time: Timestamp,
    /// Where.
    pub kind: StepKind,
    /// From which address; for DHCP, which was given.
    pub address: Option<IpAddr>,
    /// What happened.
    pub summary: String,
    /// Whether it is what the cause is read from.
    pub broken: bool,
    /// All that is known of it.
    #[serde(flatten)]
    pub detail: Detail,
}

/// Where something was seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Between it and a DHCP server.
    Dhcp,
    /// It asked us for a file.
    Request,
    /// It opened a connection.
    Tls,
}

/// All that is known of a step.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Detail {
    /// A request.
    Event(Box<Event>),
    /// A handshake.
    Handshake(Box<Handshake>),
    /// A phone of no inventory.
    Requests(u64),
    /// What DHCP messages it sent, and what it was told by whom.
    Dhcp(Box<serde_json::Value>),
}

/// The steps, the oldest first.
pub(super) fn steps(facts: &Facts) -> Vec<Step> {
    let mut steps: Vec<Step> = facts.events.iter().map(request).chain(facts.handshakes.iter().map(handshake)).collect();
    steps.extend(facts.dhcp.iter().flat_map(dhcp));
    if let Some(pending) = facts.pending.as_ref().filter(|pending| pending.plane != Plane::Dhcp) {
        steps.push(Step {
            time: pending.last_seen,
            kind: StepKind::Request,
            address: pending.address,
            summary: format!("asked {} times since {}: not in the inventory", pending.requests, pending.first_seen),
            broken: false,
            detail: Detail::Requests(pending.requests),
        });
    }
    // What ends at the same moment stands in the order it must have come in.
    steps.sort_by_key(|step| (step.time, step.kind == StepKind::Request, step.kind == StepKind::Tls));
    steps.split_off(steps.len().saturating_sub(MOST))
}

fn request(event: &Event) -> Step {
    let file = event.file.as_deref().unwrap_or("a file that makes no sense");
    let plane = word(&event.plane);
    let got = match (event.decision, event.reason) {
        (Outcome::Bootstrap, _) => "given, without secrets".to_owned(),
        (Outcome::Served, _) => {
            let proof = event.proof.map(|proof| format!(" by {}", word(&proof))).unwrap_or_default();
            format!("given{proof}, {} octets", event.bytes)
        }
        (Outcome::Failed, reason) => format!("failed: {}", reason.map(|reason| word(&reason)).unwrap_or_default()),
        (Outcome::Refused, reason) => format!("refused: {}", reason.map(|reason| word(&reason)).unwrap_or_default()),
    };
    Step {
        time: event.time,
        kind: StepKind::Request,
        address: event.address,
        summary: format!("{file} over {plane}: {got}"),
        broken: false,
        detail: Detail::Event(Box::new(event.clone())),
    }
}

/// The word an enumeration is written with.
fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn handshake(seen: &Handshake) -> Step {
    let agreed = seen.version.map(|version| format!("{version}, {}", seen.cipher.unwrap_or("unknown cipher")));
    let failed = seen.failure.map(said);
    let what = match (agreed, failed) {
        (Some(agreed), None) => agreed,
        (Some(agreed), Some(failed)) => format!("{agreed}; {failed}"),
        (None, failed) => failed.unwrap_or("failed").to_owned(),
    };
    let times =
        if seen.count > 1 { format!(", {} times since {}", seen.count, seen.first_seen) } else { String::new() };
    let name = seen.server_name.as_ref().map(|name| format!(" for {name}")).unwrap_or_default();
    Step {
        time: seen.last_seen,
        kind: StepKind::Tls,
        address: Some(seen.address),
        summary: format!("handshake{name}: {what}{times}"),
        broken: false,
        detail: Detail::Handshake(Box::new(seen.clone())),
    }
}

fn said(failure: HandshakeFailure) -> &'static str {
    match failure {
        HandshakeFailure::Alert => "the phone ended it with an alert",
        HandshakeFailure::CertificateExpired => "the phone takes our certificate for expired",
        HandshakeFailure::CertificateRefused => "the phone does not take our certificate",
        HandshakeFailure::HungUp => "the phone hung up in the midst of it",
        HandshakeFailure::NoCommonCipher => "no cipher that both speak",
        HandshakeFailure::NothingAsked => "nothing was asked over it",
        HandshakeFailure::NotTls => "what came was no TLS",
        HandshakeFailure::OldVersion => "nothing newer than TLS 1.1 was offered",
        HandshakeFailure::Other => "it failed",
        HandshakeFailure::TimedOut => "it took longer than ten seconds",
        HandshakeFailure::UnknownAuthority => "the phone does not know the authority of our certificate",
    }
}

fn dhcp(row: &PhoneRow) -> Vec<Step> {
    let Some(time) = row.last_seen.as_ref().and_then(|time| time.parse().ok()) else { return Vec::new() };
    let sent: Vec<String> = row.sent.iter().map(word).collect();
    let sent = if sent.is_empty() { "was answered".to_owned() } else { format!("sent {}", sent.join(", ")) };
    let step = |address, summary, detail: serde_json::Value| Step {
        time,
        kind: StepKind::Dhcp,
        address,
        summary,
        broken: false,
        detail: Detail::Dhcp(Box::new(detail)),
    };
    if row.told.is_empty() {
        let detail = serde_json::json!({"sent": row.sent, "class": row.class, "vlans": row.vlans});
        return vec![step(None, format!("{sent}; no server answered"), detail)];
    }
    let told = |told: &Told| {
        let address = (!told.address.is_unspecified()).then_some(IpAddr::V4(told.address));
        let detail = serde_json::json!({"sent": row.sent, "class": row.class, "vlans": row.vlans, "took": row.took, "told": told});
        step(address, format!("{sent}; {} {}", told.server, leads(told)), detail)
    };
    row.told.iter().map(told).collect()
}

/// Where a server leads it.
fn leads(told: &Told) -> String {
    let Some(choice) = &told.choice else { return "answered".to_owned() };
    let (Some(option), Some(asks)) = (choice.option, &choice.first_request) else {
        return match choice.option {
            Some(option) => format!("says in option {option} what cannot be read"),
            None => "names no provisioning server".to_owned(),
        };
    };
    let place = match choice.verdict {
        Place::Here => " (here)",
        Place::Elsewhere => " (not this server)",
        Place::OtherName => " (not our name)",
        Place::Unknown => "",
    };
    format!("leads it by option {option} to {asks}{place}")
}
