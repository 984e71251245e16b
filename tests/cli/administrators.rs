//! Tokens, roles and grants: who may do what, as an administrator gives it out.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use crate::support::Daemon;

#[test]
fn a_token_is_shown_once_alone_on_standard_output() {
    let daemon = Daemon::start();
    let said = daemon.ask(&["token", "add", "ci", "--expires", "30d"]);
    let token = said.out.trim();
    assert_eq!((said.code, said.out.lines().count()), (0, 1), "{said:?}");
    assert!(token.starts_with("ztpd_") && token.len() > 40, "{said:?}");
    assert!(said.err.contains("shown this once") && !said.err.contains(token), "{said:?}");
    for shown in [daemon.done(&["token", "list"]), daemon.done(&["token", "show", "ci", "--json"])] {
        assert!(shown.contains("ci") && !shown.contains(token), "{shown}");
    }
    if let Some(expected) = daemon.api("tokens") {
        assert_eq!(daemon.json(&["token", "list"]), expected);
    }
    assert_eq!(daemon.done(&["token", "rm", "ci"]), "removed token ci\n");
    assert_eq!(daemon.ask(&["token", "show", "ci"]).code, 4);
}

#[test]
fn a_token_is_written_into_a_new_file_that_only_its_owner_reads() {
    let daemon = Daemon::start();
    let file = daemon.dir().join("token");
    let path = file.to_str().unwrap();
    let said = daemon.done(&["token", "add", "ci", "--name", "Build server", "--out", path]);
    let token = std::fs::read_to_string(&file).unwrap();
    assert!(token.starts_with("ztpd_") && token.ends_with('\n') && !said.contains(token.trim()), "{said}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(daemon.json(&["token", "show", "ci"])["name"], "Build server");
    // A file that is there is not overwritten, and no token is made that nobody could read.
    let said = daemon.ask(&["token", "add", "other", "--out", path]);
    assert_eq!((said.code, std::fs::read_to_string(&file).unwrap()), (1, token), "{said:?}");
    assert_eq!(daemon.ask(&["token", "show", "other"]).code, 4);
    // What is refused leaves no empty file.
    let other = daemon.dir().join("other");
    let said = daemon.ask(&["token", "add", "ci", "--out", other.to_str().unwrap()]);
    assert_eq!((said.code, other.exists()), (4, false), "{said:?}");
}

#[test]
fn a_role_is_copied_changed_granted_and_taken_back() {
    let daemon = Daemon::furnished();
    daemon.done(&["role", "add", "desk", "--permissions", "devices:view", "--permissions", "users:view"]);
    assert_eq!(daemon.done(&["role", "add", "copy", "--copy-of", "desk"]), "added role copy\n");
    daemon.done(&["role", "set", "copy", "--name", "Help desk", "--permissions", "devices:view"]);
    let role = daemon.json(&["role", "show", "copy"]);
    assert_eq!((&role["name"], &role["permissions"]), (&json!("Help desk"), &json!(["devices:view"])));
    if let Some(expected) = daemon.api("roles") {
        assert_eq!(daemon.json(&["role", "list"]), expected);
    }
    assert_eq!(daemon.ask(&["role", "set", "super_admin", "--name", "x"]).code, 4);
    let said = daemon.ask(&["role", "add", "odd", "--permissions", "devices:fly"]);
    assert_eq!((said.code, said.err.contains("permission")), (4, true), "{said:?}");

    daemon.done(&["token", "add", "ci", "--out", daemon.dir().join("token").to_str().unwrap()]);
    let grant = |more: &[&str]| daemon.ask(&[&["grant", "add", "--role", "copy"], more].concat());
    for wrong in
        [&["--token", "ci"][..], &["--scope", "account"], &["--token", "ci", "--scope", "account", "--sites", "hq"]]
    {
        assert_eq!(grant(wrong).code, 2, "{wrong:?}");
    }
    // Root keeps its rights whatever is granted; somebody else must first give them to somebody.
    if daemon.ask(&["grant", "add", "--unix-user", "root", "--role", "super_admin", "--scope", "account"]).code != 0 {
        panic!("the first grant is refused");
    }
    let said = grant(&["--token", "ci", "--sites", "hq", "--json"]);
    let made: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&made["subject"], &made["scope"]), (&json!({"token": "ci"}), &json!({"sites": ["hq"]})));
    let id = made["id"].as_str().unwrap();
    assert_eq!(daemon.json(&["grant", "show", id]), made);
    assert_eq!(daemon.ask(&["role", "rm", "copy"]).code, 4, "somebody holds it");
    assert!(daemon.done(&["grant", "list"]).contains("token ci"));
    daemon.done(&["grant", "rm", id]);
    daemon.done(&["role", "rm", "copy", "desk"]);
}
