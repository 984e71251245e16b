//! What one set of facts says, where the order of things or the time that passed decides.

use super::*;
use crate::inventory::event::{Outcome, Plane, Proof, Reason, Rule};
use crate::inventory::handshake::HandshakeFailure;

const ADDRESS: [u8; 4] = [10, 0, 0, 7];

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
}

fn event(minutes: i64, plane: Plane, decision: Outcome, reason: Option<Reason>) -> Event {
    let rule = match decision {
        Outcome::Bootstrap => Some(Rule::Public),
        Outcome::Served => Some(Rule::Device),
        _ => None,
    };
    let proof = (decision == Outcome::Served).then_some(Proof::Token);
    let value = serde_json::json!({"id": 1, "time": at(minutes), "boot_ms": 1, "mac": null, "plane": plane,
        "address": "10.0.0.7", "maker": null, "user_agent": null, "file": "a.cfg", "proof": proof, "rule": rule,
        "decision": decision, "reason": reason, "status": 200, "bytes": 9, "sha256": null, "template_sha256": null,
        "duration_ms": 0});
    serde_json::from_value(value).unwrap()
}

fn served(minutes: i64) -> Event {
    event(minutes, Plane::Https, Outcome::Served, None)
}

fn bootstrap(minutes: i64, plane: Plane) -> Event {
    event(minutes, plane, Outcome::Bootstrap, None)
}

fn refused(minutes: i64, reason: Reason) -> Event {
    event(minutes, Plane::Https, Outcome::Refused, Some(reason))
}

fn handshake(minutes: i64, failure: Option<HandshakeFailure>) -> Handshake {
    Handshake {
        first_seen: at(minutes),
        last_seen: at(minutes),
        count: 1,
        address: ADDRESS.into(),
        server_name: None,
        certificate_fits: true,
        version: failure.is_none().then_some("TLS 1.3"),
        cipher: None,
        failure,
        detail: None,
    }
}

/// A phone of the inventory that did these things; now is minute 60.
fn facts(mut events: Vec<Event>, handshakes: Vec<Handshake>) -> Facts {
    events.sort_by_key(|event| std::cmp::Reverse(event.time));
    let mac: MacAddr = "80:5e:c0:11:22:33".parse().unwrap();
    let device = r#"{"mac": "80:5e:c0:11:22:33", "maker": "yealink", "model": "T46U", "site": "hq",
        "assignment": {"user": "alice@example.com"}}"#;
    let registered = Registered {
        device: serde_json::from_str(device).unwrap(),
        access: Access::default(),
        provisioning: Provisioning::Current,
        sighting: Sighting::default(),
        site_has_networks: true,
        poll: Period::minutes(5),
        keeps_url: true,
    };
    Facts {
        now: at(60),
        mac,
        public_url: "https://prov.example.com".to_owned(),
        parked: None,
        registered: Some(registered),
        near: Vec::new(),
        dhcp: None,
        handshakes,
        events,
        pending: None,
        findings: Vec::new(),
    }
}

fn cause(events: Vec<Event>, handshakes: Vec<Handshake>) -> Cause {
    explain(facts(events, handshakes)).cause
}

#[test]
fn the_newest_of_request_and_handshake_decides() {
    let old = HandshakeFailure::OldVersion;
    assert_eq!(cause(vec![bootstrap(1, Plane::Tftp)], vec![handshake(2, Some(old))]), Cause::TlsOldVersion);
    assert_eq!(cause(vec![served(3)], vec![handshake(2, Some(old))]), Cause::Provisioned);
    assert_eq!(cause(vec![served(3)], vec![handshake(4, Some(old))]), Cause::TlsOldVersion);
    assert_eq!(cause(vec![], vec![handshake(2, Some(old)), handshake(3, None)]), Cause::NeverSeen);
    // Somebody looks whether a served phone's server is there.
    assert_eq!(cause(vec![served(3)], vec![handshake(4, Some(HandshakeFailure::NothingAsked))]), Cause::Provisioned);
}

#[test]
fn a_common_file_after_the_own_one_is_no_new_beginning_and_one_long_after_it_is() {
    assert_eq!(cause(vec![served(1), bootstrap(2, Plane::Https)], vec![]), Cause::Provisioned);
    assert_eq!(cause(vec![served(1), bootstrap(30, Plane::Https)], vec![]), Cause::Provisioned);
    assert_eq!(cause(vec![served(1), bootstrap(5, Plane::Tftp)], vec![]), Cause::Provisioned);
    assert_eq!(cause(vec![served(1), bootstrap(30, Plane::Tftp)], vec![]), Cause::BootstrapOnly);
    let shut = refused(1, Reason::ClaimClosed);
    assert_eq!(cause(vec![shut, bootstrap(2, Plane::Https)], vec![]), Cause::ClaimClosed);
}

#[test]
fn files_that_do_not_exist_tell_nothing() {
    let sidecar = refused(9, Reason::NotAPhoneFile);
    assert_eq!(cause(vec![served(1), sidecar], vec![]), Cause::Provisioned);
    let gate = event(9, Plane::Tftp, Outcome::Refused, Some(Reason::InsecureChannel));
    assert_eq!(cause(vec![served(1), gate.clone()], vec![]), Cause::Provisioned);
    assert_eq!(cause(vec![gate.clone()], vec![]), Cause::InsecureChannel);
    assert_eq!(cause(vec![gate, bootstrap(10, Plane::Tftp)], vec![]), Cause::BootstrapOnly);
}

#[test]
fn who_is_given_the_bootstrap_is_waited_for_as_long_as_it_may_take() {
    let fix = |minute| explain(facts(vec![bootstrap(minute, Plane::Http)], vec![])).fix;
    assert!(fix(56).starts_with("wait"), "{}", fix(56));
    assert!(fix(54).contains("firewall"), "{}", fix(54));
}

#[test]
fn what_fails_on_our_side_or_is_limited_is_said_to() {
    let failed = |reason| vec![event(1, Plane::Https, Outcome::Failed, Some(reason))];
    assert_eq!(cause(failed(Reason::StoreFault), vec![]), Cause::StoreFault);
    assert_eq!(cause(failed(Reason::TemplateFault), vec![]), Cause::TemplateFault);
    assert_eq!(cause(vec![refused(1, Reason::Limited)], vec![]), Cause::Limited);
}

#[test]
fn what_was_forgotten_of_a_served_phone_makes_it_no_stranger() {
    let mut known = facts(vec![], vec![]);
    known.registered.as_mut().unwrap().sighting.served_sha256 = Some("aa".to_owned());
    assert_eq!(explain(known).cause, Cause::Provisioned);
}

#[test]
fn many_phones_that_look_alike_are_a_series_and_no_slip() {
    let near = |count: u8| {
        let other = |number| Near {
            mac: MacAddr::new([0x80, 0x5e, 0xc0, 0x11, 0x22, 0x33 ^ number]).unwrap(),
            slip: Slip::OneDigit,
            seen: true,
        };
        (1..=count).map(other).collect()
    };
    let with = |count| explain(Facts { near: near(count), ..facts(vec![], vec![]) }).cause;
    assert_eq!((with(1), with(3), with(4)), (Cause::NearMiss, Cause::NearMiss, Cause::NeverSeen));
}

#[test]
fn every_step_is_in_order_and_the_one_that_decides_is_marked() {
    let steps = explain(facts(
        vec![bootstrap(1, Plane::Tftp), refused(5, Reason::ClaimClosed)],
        vec![handshake(5, None), handshake(3, Some(HandshakeFailure::HungUp))],
    ))
    .steps;
    let seen: Vec<(StepKind, Timestamp, bool)> = steps.iter().map(|step| (step.kind, step.time, step.broken)).collect();
    assert_eq!(
        seen,
        [
            (StepKind::Request, at(1), false),
            (StepKind::Tls, at(3), false),
            (StepKind::Tls, at(5), false),
            (StepKind::Request, at(5), true),
        ]
    );
}

#[test]
fn every_cause_has_a_word_of_its_own() {
    let words: std::collections::BTreeSet<&str> = Cause::ALL.iter().map(|cause| cause.as_str()).collect();
    assert_eq!(words.len(), Cause::ALL.len());
}
