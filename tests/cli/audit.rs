//! Who changed what, and whether the record of it is as it was written.

use crate::support::Daemon;

#[test]
fn every_change_is_listed_with_who_made_it_from_what_to_what() {
    let daemon = Daemon::furnished();
    daemon.done(&["site", "set", "hq", "--name", "Head office"]);
    let list = daemon.done(&["audit", "list"]);
    let newest = list.lines().nth(1).unwrap();
    assert!(newest.contains("site hq") && newest.contains("name: hq → Head office"), "{list}");
    if let Some(expected) = daemon.api("audit?limit=500") {
        assert_eq!(daemon.json(&["audit", "list"]), expected);
    }
    let devices = daemon.json(&["audit", "list", "--kind", "device"]);
    let devices = devices["items"].as_array().unwrap();
    assert!(!devices.is_empty() && devices.iter().all(|act| act["object"]["kind"] == "device"), "{devices:?}");
    assert_eq!(daemon.json(&["audit", "list", "--limit", "1"])["items"].as_array().unwrap().len(), 1);
}

#[test]
fn a_password_is_recorded_as_changed_and_never_as_what_it_is() {
    let daemon = Daemon::furnished();
    let said = daemon.ask_with(&["user", "set", "alice@example.com", "--sip-password-file", "-"], "Correct-Horse-9");
    assert_eq!(said.code, 0, "{said:?}");
    for list in [daemon.done(&["audit", "list"]), daemon.done(&["audit", "list", "--json"])] {
        assert!(list.contains("alice@example.com") && !list.contains("Correct-Horse-9"), "{list}");
    }
}

#[test]
fn the_record_is_verified() {
    let daemon = Daemon::furnished();
    daemon.phone("805ec0112233.cfg");
    let said = daemon.done(&["audit", "verify"]);
    assert_eq!(said.matches("are as they were written; head ").count(), 2, "{said}");
    assert_eq!(daemon.json(&["audit", "verify"])["ok"], true);
}
