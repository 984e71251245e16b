//! What is the matter, and what to do about it? One pure function from the situation to findings, so that nothing has to be
//! kept: a finding is there as long as what it says is true.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;

use super::code::Code;
use super::finding::{Finding, Seen};
use crate::inventory::access::{Access, Bar, ClaimWindow};
use crate::inventory::event::{Event, Outcome, Reason};
use crate::inventory::mac::MacAddr;
use crate::inventory::period::Period;

/// How long before its end a window is spoken of.
const ENDING: Period = Period::hours(2);
/// How long before its end a certificate is spoken of.
const RENEWAL: Period = Period::days(21);

/// Everything findings are made of.
#[derive(Clone, Debug)]
pub struct Situation {
    /// Now.
    pub now: Timestamp,
    /// Where phones are sent.
    pub public_url: String,
    /// Why new phones are not sent there, if so, and what helps.
    pub parked: Option<Parked>,
    /// When the certificate that phones see ends.
    pub certificate_ends: Option<Timestamp>,
    /// The phones of the inventory.
    pub phones: Vec<PhoneFacts>,
}

/// Why new phones are not sent to the public URL.
#[derive(Clone, Debug)]
pub struct Parked {
    /// The cause.
    pub cause: String,
    /// What helps.
    pub fix: String,
    /// How many phones wait for it.
    pub phones: usize,
    /// Since when the settings are in force.
    pub since: Timestamp,
}

/// What is known of one phone.
#[derive(Clone, Debug)]
pub struct PhoneFacts {
    /// Which.
    pub mac: MacAddr,
    /// What it has been given and may still take.
    pub access: Access,
    /// Whether its site says where phones are.
    pub site_has_networks: bool,
    /// What it did and what was asked in its name of late, newest first.
    pub events: Vec<Event>,
}

/// Everything that wants attention, the worst first.
pub fn findings(situation: &Situation) -> Vec<Finding> {
    let mut found: Vec<Finding> = situation.phones.iter().flat_map(|phone| of_phone(phone, situation.now)).collect();
    found.extend(parked(situation));
    found.extend(certificate(situation));
    found.sort_by(|one, other| other.severity.cmp(&one.severity).then_with(|| one.id.cmp(&other.id)));
    found
}

fn of_phone(phone: &PhoneFacts, now: Timestamp) -> Vec<Finding> {
    match phone.access.barred {
        Some(barred) if barred.reason == Bar::IdentityChanged => vec![identity_changed(phone, barred.since, now)],
        // Who quarantines or retires a phone knows that it gets nothing.
        Some(_) => Vec::new(),
        None => {
            let window = phone.access.window.as_ref();
            let found = [
                token_exposed(phone, now),
                window.and_then(|window| window_ending(phone, window, now)),
                window.and_then(|window| window_expired(phone, window, now)),
                window.and_then(|window| contested(phone, window, now)),
                taken(phone),
                without_proof(phone, now),
            ];
            found.into_iter().flatten().collect()
        }
    }
}

fn identity_changed(phone: &PhoneFacts, since: Timestamp, now: Timestamp) -> Finding {
    let mac = phone.mac;
    Finding {
        summary: format!("{mac} showed another key than the one it is known by, and gets nothing until you decide"),
        evidence: vec![format!("quarantined since {since}")],
        fix: format!("if the phone was repaired or replaced: ztpd device rebind {mac}; else look for who has its name"),
        ..Finding::of_phone(Code::IdentityChanged, mac, Seen { first: since, last: now })
    }
}

fn token_exposed(phone: &PhoneFacts, now: Timestamp) -> Option<Finding> {
    let since = phone.access.token_exposed?;
    let mac = phone.mac;
    Some(Finding {
        summary: format!("the token of {mac} was sent unencrypted and is revoked; the phone must claim anew"),
        evidence: vec![format!("seen over HTTP or TFTP at {since}")],
        fix: format!("find out what sends the phone there, then: {}", claim(phone)),
        ..Finding::of_phone(Code::TokenExposed, mac, Seen { first: since, last: now })
    })
}

fn window_ending(phone: &PhoneFacts, window: &ClaimWindow, now: Timestamp) -> Option<Finding> {
    let soon = window.closes.saturating_sub(ENDING.signed()).ok()?;
    // A short window is opened by somebody who waits beside the phone.
    let is_long = window.opened < soon;
    if !is_long || now < soon || now >= window.closes {
        return None;
    }
    let mac = phone.mac;
    Some(Finding {
        summary: format!("{mac} has not fetched its settings, and its claim window closes at {}", window.closes),
        evidence: vec![format!("open since {}", window.opened), last_word(phone)],
        fix: format!("plug the phone in, or keep the window open: {} --for 24h", claim(phone)),
        ..Finding::of_phone(Code::ClaimWindowEnding, mac, Seen { first: soon, last: now })
    })
}

fn window_expired(phone: &PhoneFacts, window: &ClaimWindow, now: Timestamp) -> Option<Finding> {
    if now < window.closes {
        return None;
    }
    let mac = phone.mac;
    Some(Finding {
        summary: format!("the claim window of {mac} closed before the phone fetched its settings"),
        evidence: vec![format!("open from {} to {}", window.opened, window.closes), last_word(phone)],
        fix: claim(phone),
        ..Finding::of_phone(Code::ClaimExpired, mac, Seen { first: window.closes, last: now })
    })
}

fn contested(phone: &PhoneFacts, window: &ClaimWindow, now: Timestamp) -> Option<Finding> {
    if now >= window.closes {
        return None;
    }
    let (seen, addresses) = asked(phone, Reason::ClaimContested, window.opened)?;
    let mac = phone.mac;
    let from = addresses.iter().next().map(|address| format!(" --from {}", IpNet::from(*address))).unwrap_or_default();
    let networks = match window.from.as_slice() {
        [] => "the networks of its site".to_owned(),
        from => from.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    Some(Finding {
        summary: format!("{mac} is asked for from outside {networks}, for which its claim window is open"),
        evidence: vec![format!("asked from {}", list(&addresses))],
        fix: format!(
            "nothing, if the phone moves on to its voice VLAN; if it stands there: ztpd device claim {mac}{from}"
        ),
        ..Finding::of_phone(Code::ClaimContested, mac, seen)
    })
}

fn taken(phone: &PhoneFacts) -> Option<Finding> {
    let claim = phone.access.claim.as_ref()?;
    let (seen, addresses) = asked(phone, Reason::ClaimTaken, claim.began)?;
    let (mac, by) = (phone.mac, claim.address);
    let others = list(&addresses);
    Some(Finding {
        summary: format!("{by} fetched the settings of {mac}, and {others} asks for them too"),
        evidence: vec![format!("claimed by {by} at {}", claim.began), format!("asked from {others}")],
        fix: format!(
            "if {by} is the phone: nothing; else change the SIP password of its owner, then: ztpd device rebind {mac}"
        ),
        ..Finding::of_phone(Code::ClaimTaken, mac, seen)
    })
}

fn without_proof(phone: &PhoneFacts, now: Timestamp) -> Option<Finding> {
    if phone.access.token_exposed.is_some() || phone.access.open_window(now).is_some() {
        return None;
    }
    let served = phone.events.iter().find(|event| event.decision == Outcome::Served).map(|event| event.time);
    let (seen, addresses) = asked(phone, Reason::BoundWithoutProof, served.unwrap_or(Timestamp::MIN))?;
    let mac = phone.mac;
    Some(Finding {
        summary: format!("{mac} asks without its token: it was reset or lost its memory, or somebody uses its name"),
        evidence: vec![format!("asked from {}", list(&addresses))],
        fix: claim(phone),
        ..Finding::of_phone(Code::BoundWithoutProof, mac, seen)
    })
}

fn parked(situation: &Situation) -> Option<Finding> {
    let parked = situation.parked.as_ref()?;
    let (url, seen) = (situation.public_url.clone(), Seen { first: parked.since, last: situation.now });
    Some(Finding {
        summary: format!("new phones are not sent to {url} for good, since they might never come back"),
        evidence: vec![parked.cause.clone()],
        fix: parked.fix.clone(),
        ..Finding::of_server(Code::BootstrapParked, url, parked.phones, seen)
    })
}

fn certificate(situation: &Situation) -> Option<Finding> {
    let ends = situation.certificate_ends?;
    let soon = ends.saturating_sub(RENEWAL.signed()).ok()?;
    if situation.now < soon {
        return None;
    }
    let is_over = if situation.now < ends { "ends" } else { "ended" };
    let (url, seen) = (situation.public_url.clone(), Seen { first: soon, last: situation.now });
    Some(Finding {
        summary: format!("the certificate of {url} {is_over} at {ends}; afterwards no phone comes back"),
        evidence: vec![format!("notAfter {ends}")],
        fix: "renew the certificate (https.certificate and https.key), then: systemctl reload ztpd".to_owned(),
        ..Finding::of_server(Code::CertificateDate, url, situation.phones.len(), seen)
    })
}

/// The command that opens a window, with a source where the site names none.
fn claim(phone: &PhoneFacts) -> String {
    let mac = phone.mac;
    let last = phone.events.iter().find_map(|event| event.address);
    match (phone.site_has_networks, last) {
        (true, _) => format!("ztpd device claim {mac}"),
        (false, Some(address)) => format!("ztpd device claim {mac} --from {}", IpNet::from(address)),
        (false, None) => format!("ztpd device claim {mac} --from CIDR"),
    }
}

/// When and from where the phone was asked for in vain for a reason, after a moment.
fn asked(phone: &PhoneFacts, reason: Reason, after: Timestamp) -> Option<(Seen, BTreeSet<IpAddr>)> {
    let of_reason = |event: &&Event| event.reason == Some(reason) && event.time >= after;
    let events: Vec<&Event> = phone.events.iter().filter(of_reason).collect();
    let seen = Seen { first: events.last()?.time, last: events.first()?.time };
    Some((seen, events.iter().filter_map(|event| event.address).collect()))
}

/// When the phone was last heard of.
fn last_word(phone: &PhoneFacts) -> String {
    match phone.events.first() {
        Some(event) => {
            let from = event.address.map(|address| format!(" from {address}")).unwrap_or_default();
            format!("last heard of at {}{from}", event.time)
        }
        None => "not heard of for a day".to_owned(),
    }
}

fn list(addresses: &BTreeSet<IpAddr>) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::finding::Severity;
    use crate::inventory::access::{Claim, OpenedBy};
    use crate::inventory::event::Plane;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
    }

    fn window(opened: i64, closes: i64) -> Option<ClaimWindow> {
        Some(ClaimWindow { from: Vec::new(), opened: at(opened), closes: at(closes), opened_by: OpenedBy::Site })
    }

    fn event(minutes: i64, last: u8, decision: Outcome, reason: Option<Reason>) -> Event {
        let value = serde_json::json!({"id": 1, "time": at(minutes), "boot_ms": 1, "mac": null, "plane": Plane::Https,
            "address": format!("10.0.0.{last}"), "maker": null, "user_agent": null, "file": null, "proof": null,
            "rule": null, "decision": decision, "reason": reason, "status": 404, "bytes": 0, "sha256": null,
            "template_sha256": null, "duration_ms": 0});
        serde_json::from_value(value).unwrap()
    }

    fn refused(minutes: i64, last: u8, reason: Reason) -> Event {
        event(minutes, last, Outcome::Refused, Some(reason))
    }

    fn phone(access: Access, events: Vec<Event>) -> Situation {
        let mac = "80:5e:c0:11:22:33".parse().unwrap();
        let phones = vec![PhoneFacts { mac, access, site_has_networks: true, events }];
        let url = "https://prov.example.com".to_owned();
        Situation { now: at(0), public_url: url, parked: None, certificate_ends: None, phones }
    }

    fn codes(situation: &Situation, minutes: i64) -> Vec<Code> {
        findings(&Situation { now: at(minutes), ..situation.clone() }).iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn sec_d09_a_window_is_spoken_of_two_hours_before_it_closes_and_when_it_has() {
        let situation = phone(Access { window: window(0, 24 * 60), ..Access::default() }, Vec::new());
        assert_eq!(codes(&situation, 22 * 60 - 1), []);
        assert_eq!(codes(&situation, 22 * 60), [Code::ClaimWindowEnding]);
        assert_eq!(codes(&situation, 24 * 60), [Code::ClaimExpired]);
        let found = &findings(&Situation { now: at(24 * 60), ..situation })[0];
        assert_eq!(found.fix, "ztpd device claim 80:5e:c0:11:22:33");
        assert_eq!(
            (found.id.as_str(), found.subject.to_string()),
            ("claim-expired-805ec0112233", "80:5e:c0:11:22:33".to_owned())
        );
    }

    #[test]
    fn a_short_window_is_not_spoken_of_before_it_has_closed() {
        let situation = phone(Access { window: window(0, 15), ..Access::default() }, Vec::new());
        assert_eq!(codes(&situation, 14), []);
        assert_eq!(codes(&situation, 15), [Code::ClaimExpired]);
    }

    #[test]
    fn sec_d09_a_taken_claim_names_both_addresses() {
        let claim = Some(Claim { address: [10, 0, 0, 1].into(), began: at(10), ends: at(70) });
        let events = vec![refused(12, 9, Reason::ClaimTaken), refused(5, 8, Reason::ClaimTaken)];
        let situation = phone(Access { bound: true, claim, ..Access::default() }, events);
        let found = findings(&situation);
        assert_eq!((found[0].code, found[0].severity), (Code::ClaimTaken, Severity::Critical));
        assert!(found[0].summary.contains("10.0.0.1") && found[0].summary.contains("10.0.0.9"), "{found:?}");
        assert!(!found[0].summary.contains("10.0.0.8"), "of an earlier claim: {found:?}");
    }

    #[test]
    fn sec_d09_a_contested_window_is_spoken_of_while_it_is_open() {
        let events = vec![refused(3, 9, Reason::ClaimContested)];
        let situation = phone(Access { window: window(0, 15), ..Access::default() }, events);
        assert_eq!(codes(&situation, 4), [Code::ClaimContested]);
        assert_eq!(codes(&situation, 15), [Code::ClaimExpired]);
    }

    #[test]
    fn sec_d09a_a_reset_phone_is_spoken_of_until_it_is_served_or_its_window_opens() {
        let access = Access { bound: true, token_used: true, ..Access::default() };
        let reset = refused(3, 9, Reason::BoundWithoutProof);
        let situation = phone(access.clone(), vec![reset.clone(), event(1, 9, Outcome::Served, None)]);
        assert_eq!(codes(&situation, 4), [Code::BoundWithoutProof]);
        let served = phone(access.clone(), vec![event(4, 9, Outcome::Served, None), reset.clone()]);
        assert_eq!(codes(&served, 5), []);
        let opened = phone(Access { window: window(4, 19), ..access }, vec![reset]);
        assert_eq!(codes(&opened, 5), []);
    }

    #[test]
    fn a_changed_key_and_an_exposed_token_come_first_and_a_retired_phone_is_left_in_peace() {
        let mut access = Access { bound: true, window: window(0, 24 * 60), ..Access::default() };
        access.revoked(at(1));
        assert_eq!(codes(&phone(access.clone(), Vec::new()), 2), [Code::TokenExposed]);
        access.bar(Bar::IdentityChanged, at(3));
        let found = findings(&phone(access.clone(), Vec::new()));
        assert_eq!(found.len(), 1);
        assert!(found[0].fix.contains("ztpd device rebind 80:5e:c0:11:22:33"));
        access.bar(Bar::Retired, at(4));
        assert_eq!(codes(&phone(access, vec![refused(5, 9, Reason::Retired)]), 6), []);
    }

    #[test]
    fn the_daemons_own_findings_say_how_many_phones_they_concern() {
        let mut situation = phone(Access::default(), Vec::new());
        situation.certificate_ends = Some(at(60 * 24 * 22));
        assert_eq!(codes(&situation, 0), []);
        situation.parked = Some(Parked { cause: "no".into(), fix: "do".into(), phones: 7, since: at(0) });
        assert_eq!(codes(&situation, 60 * 24 * 2), [Code::BootstrapParked, Code::CertificateDate]);
        assert_eq!(findings(&situation)[0].phones, 7);
    }
}
