//! Numbers, packages and settings templates, and people who are given them.

use serde_json::json;

use crate::support::Daemon;

/// What the program shows is what the API has.
fn equal(daemon: &Daemon, arguments: &[&str], path: &str) {
    if let Some(expected) = daemon.api(path) {
        assert_eq!(daemon.json(arguments), expected, "{arguments:?}");
    }
}

#[test]
fn a_number_is_added_listed_given_and_removed() {
    let daemon = Daemon::start();
    daemon.done(&["site", "add", "hq", "--country", "de"]);
    assert_eq!(
        daemon.done(&["number", "add", "040 123456", "--source", "carrier"]),
        "added number +4940123456 at site hq\n"
    );
    daemon.done(&["number", "add", "+49800123456", "--kind", "tollfree", "--status", "pending"]);
    equal(&daemon, &["number", "list"], "numbers");
    equal(&daemon, &["number", "show", "+4940123456"], "numbers/%2B4940123456");
    daemon.done(&["package", "add", "plan", "--did-limit", "2", "--seats", "5", "--grants", "abroad"]);
    equal(&daemon, &["package", "show", "plan"], "packages/plan");
    let gifts = ["--packages", "plan", "--numbers", "+4940123456", "--outbound-caller-id", "+49 40 123456"];
    daemon.done(&[&["user", "add", "bob@example.com", "--department", "Sales", "--sms"], &gifts[..]].concat());
    let bob = daemon.json(&["user", "show", "bob@example.com"]);
    assert_eq!((&bob["numbers"], &bob["sms"]), (&json!(["+4940123456"]), &json!(true)));
    assert_eq!(bob["entitlements"]["grants"], json!({"abroad": ["plan"]}));
    let pending = daemon.ask(&["user", "set", "bob@example.com", "--numbers", "+49800123456"]);
    assert_eq!(pending.code, 4, "{pending:?}");
    assert!(pending.err.contains("ztpd number set +49800123456 --status active"), "{pending:?}");
    daemon.done(&["number", "set", "+49800123456", "--status", "active"]);
    let items = daemon.json(&["number", "list", "--assignment", "none", "--kind", "tollfree"])["items"].clone();
    assert_eq!(items.as_array().unwrap().len(), 1);
    let unlisted = daemon.ask(&["user", "set", "bob@example.com", "--numbers", "+4940999999"]);
    assert_eq!((unlisted.code, unlisted.err.contains("ztpd number add +4940999999")), (4, true), "{unlisted:?}");
    assert_eq!(daemon.ask(&["package", "rm", "plan", "--yes"]).code, 4);
    daemon.done(&[
        "user",
        "set",
        "bob@example.com",
        "--clear",
        "numbers",
        "--clear",
        "outbound-caller-id",
        "--clear",
        "packages",
    ]);
    daemon.done(&["number", "rm", "+4940123456", "+49800123456"]);
    daemon.done(&["package", "rm", "plan"]);
    assert_eq!(daemon.json(&["number", "list"])["items"], json!([]));
}

#[test]
fn a_settings_template_is_a_layer_between_the_site_and_the_person() {
    let daemon = Daemon::furnished();
    let mac = "80:5e:c0:11:22:33";
    daemon.done(&[
        "settings-template",
        "add",
        "sales",
        "--settings",
        "language=de",
        "--settings",
        "vlan.id=30",
        "--locks",
        "vlan.id",
    ]);
    equal(&daemon, &["settings-template", "list"], "settings-templates");
    daemon.done(&["site", "set", "hq", "--settings", "language=fr", "--settings", "srtp=off"]);
    daemon.done(&["user", "set", "alice@example.com", "--settings-template", "sales", "--settings", "language=it"]);
    daemon.done(&["device", "set", mac, "--settings", "vlan.id=99"]);
    let settings = daemon.json(&["device", "settings", mac]);
    assert_eq!(settings["language"], json!({"value": "it", "layer": "assignee"}));
    assert_eq!(settings["vlan.id"], json!({"value": 30, "layer": "template", "locked_by": "template"}));
    assert_eq!(settings["srtp"], json!({"value": "off", "layer": "site"}));
    assert_eq!(settings["vlan.priority"]["layer"], "default");
    daemon.done(&["user", "set", "alice@example.com", "--unset", "language"]);
    assert_eq!(daemon.json(&["device", "settings", mac])["language"], json!({"value": "de", "layer": "template"}));
    let used = daemon.ask(&["settings-template", "rm", "sales", "--yes"]);
    assert_eq!((used.code, used.err.contains("alice@example.com")), (4, true), "{used:?}");
    let unknown = daemon.ask(&["settings-template", "set", "sales", "--settings", "colour=red"]);
    assert_eq!((unknown.code, unknown.err.contains("colour")), (4, true), "{unknown:?}");
}

#[test]
fn site_codes_are_switched_on_for_the_account() {
    let daemon = Daemon::start();
    daemon.done(&["site", "add", "hq", "--code", "70", "--extension-ranges", "200-299"]);
    daemon.done(&["account", "set", "--site-codes"]);
    assert_eq!(daemon.done(&["user", "add", "bob@example.com"]), "added user bob@example.com, extension 200\n");
    assert_eq!(daemon.json(&["user", "show", "bob@example.com"])["long_extension"], "70200");
    let codeless = daemon.ask(&["site", "set", "hq", "--clear", "code"]);
    assert_eq!((codeless.code, codeless.err.contains("has no code")), (4, true), "{codeless:?}");
    daemon.done(&["account", "set", "--site-codes=false"]);
    assert_eq!(daemon.json(&["user", "show", "bob@example.com"])["long_extension"], "200");
}
