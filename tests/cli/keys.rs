//! Keys, as far as the command line has to do with them.

use crate::support::{Daemon, Said, bare, said};

fn alone(arguments: &[&str]) -> Said {
    said(bare().args(arguments), "")
}

#[test]
fn new_data_keys_are_asked_for_and_listed() {
    let daemon = Daemon::furnished();
    assert_eq!(daemon.json(&["keys", "list"])["items"], serde_json::json!([{"id": 1, "seals": true}]));
    let said = daemon.done(&["keys", "rotate"]);
    assert!(said.contains("sealed with data key 2"), "{said}");
    assert_eq!(daemon.json(&["keys", "rotate"])["key"], 3);
    let list = daemon.done(&["keys", "list"]);
    assert!(list.contains("seals and opens") && list.lines().count() == 2, "{list}");
    daemon.done(&["device", "show", "80:5e:c0:11:22:33"]);
    assert!(daemon.done(&["audit", "list", "--action", "rotate"]).contains("data_key"));
}

#[test]
fn the_master_key_is_not_changed_under_a_running_daemon() {
    let daemon = Daemon::start();
    let new = daemon.dir().join("new.key");
    let new = new.to_str().unwrap();
    let told = alone(&["keys", "new", new]);
    assert_eq!(told.code, 0, "{told:?}");
    let config = daemon.dir().join("ztpd.toml");
    let rotate = ["keys", "rotate", "--new-master-key-file", new, "--config", config.to_str().unwrap()];
    let told = alone(&rotate);
    assert_eq!(told.code, 4, "{told:?}");
    assert!(told.err.contains("held by another process"), "{told:?}");
    let told = alone(&["keys", "new", new]);
    assert_eq!((told.code, told.err.contains("never overwritten")), (4, true), "{told:?}");
    let told = alone(&["--json", "keys", "new", new]);
    assert_eq!(told.code, 2, "no daemon is asked: {told:?}");
}
