//! A phone's way to its settings, as its administrator steers and watches it.

use serde_json::json;

use crate::support::Daemon;

const MAC: &str = "80:5e:c0:11:22:33";
const FILE: &str = "805ec0112233.cfg";

#[test]
fn a_phone_is_let_in_watched_and_let_in_again_after_a_reset() {
    let daemon = Daemon::furnished();
    let Some((status, body)) = daemon.phone(FILE) else { return };
    let token = body.split("/t/").nth(1).unwrap().split('/').next().unwrap();
    assert_eq!((status, daemon.phone(&format!("t/{token}/{FILE}")).unwrap().0), (200, 200));
    assert_eq!(daemon.json(&["device", "show", MAC])["access"], "bound");
    assert_eq!(daemon.phone(FILE).unwrap().0, 404);
    let events = daemon.done(&["device", "events", MAC]);
    let newest = events.lines().nth(1).unwrap();
    assert!(newest.contains("refused") && newest.contains("bound_without_proof"), "{events}");
    assert!(!events.contains(token), "{events}");
    assert_eq!(daemon.api(&format!("devices/{MAC}/events")).unwrap(), daemon.json(&["device", "events", MAC]));
    let one = daemon.json(&["device", "events", MAC, "--limit", "1"]);
    assert_eq!((one["items"].as_array().unwrap().len(), one["next_cursor"].is_null()), (1, false));

    let said = daemon.done(&["device", "claim", MAC, "--from", "127.0.0.1/32", "--for", "1h"]);
    assert!(said.contains("from 127.0.0.1/32 until ") && said.contains("within 5m"), "{said}");
    assert_eq!(daemon.phone(FILE).unwrap().0, 200);
    daemon.done(&["device", "claim", MAC]);
    assert_eq!(daemon.json(&["device", "show", MAC])["access"], "claim_open");
    assert_eq!(daemon.done(&["device", "claim", MAC, "--close"]), format!("the claim window of {MAC} is closed\n"));
    assert_eq!(daemon.json(&["device", "show", MAC])["access"], "bound");
}

#[test]
fn what_wants_attention_is_listed_and_shown_with_what_to_do() {
    let daemon = Daemon::furnished();
    assert_eq!(daemon.json(&["finding", "list"])["items"], json!([]));
    let Some((_, body)) = daemon.phone(FILE) else { return };
    let token = body.split("/t/").nth(1).unwrap().split('/').next().unwrap();
    assert_eq!(daemon.phone(&format!("t/{token}/{FILE}")).unwrap().0, 200);
    assert_eq!(daemon.phone(FILE).unwrap().0, 404);
    let list = daemon.json(&["finding", "list", "--severity", "error", "--mac", "805ec0112233"]);
    assert_eq!(list, daemon.api("findings").unwrap());
    let id = list["items"][0]["id"].as_str().unwrap();
    assert_eq!(list["items"][0]["code"], "bound_without_proof");
    let row = daemon.done(&["finding", "list", "--code", "bound_without_proof"]);
    assert!(row.lines().nth(1).unwrap().starts_with(id), "{row}");
    let told = daemon.done(&["finding", "show", id]);
    assert!(told.contains(&format!("  do:   ztpd device claim {MAC}\n")), "{told}");
    assert_eq!(daemon.json(&["finding", "show", id]), list["items"][0]);
    assert_eq!(daemon.json(&["status"])["reasons"].as_array().unwrap().len(), 1);
    daemon.done(&["device", "claim", MAC]);
    assert_eq!(daemon.ask(&["finding", "show", id]).code, 4, "what is mended is gone");
    assert_eq!(daemon.ask(&["finding", "list", "--code", "pigeon"]).code, 2);
}

#[test]
fn each_line_of_a_file_is_explained_beside_the_line() {
    let daemon = Daemon::furnished();
    daemon.done(&["site", "set", "hq", "--settings", "vlan.id=20"]);
    let told = daemon.done(&["device", "render", MAC, FILE, "--explain"]);
    let line = told.lines().find(|line| line.contains("network.vlan.internet_port_vid = 20")).unwrap();
    assert!(line.contains("yealink/device.cfg:") && line.contains("vlan.id (site)"), "{line}");
    assert_eq!(told, daemon.done(&["device", "render", MAC, "--explain"]), "it has one file");
    assert!(told.contains("account.1.password = ********"), "{told}");
    let machine = daemon.json(&["device", "render", MAC, FILE, "--explain"]);
    assert_eq!(machine, daemon.api(&format!("devices/{MAC}/files/{FILE}/provenance")).unwrap());
    assert_eq!(daemon.ask(&["device", "render", MAC, FILE, "--explain", "--reveal"]).code, 2);
    let template = daemon.json(&["template", "show", "yealink/device.cfg"]);
    let text = template["text"].as_str().unwrap();
    assert!(text.contains("{{ server.device_url }}"));
    assert!(daemon.done(&["template", "show", "yealink/device.cfg"]).ends_with(&format!("\n\n{text}")));
}

#[test]
fn what_a_phone_would_be_given_is_shown_without_its_secrets() {
    let daemon = Daemon::furnished();
    let shown = daemon.done(&["device", "render", MAC, FILE]);
    assert_eq!(shown, daemon.done(&["device", "render", MAC]));
    assert!(shown.contains("account.1.display_name = Alice Doe\n"), "{shown}");
    assert_eq!(daemon.json(&["device", "render", MAC])["items"], json!([FILE]));
    let Some((_, given)) = daemon.phone(FILE) else { return };
    let password = given.lines().find_map(|line| line.strip_prefix("account.1.password = ")).unwrap();
    assert!(password.len() > 8 && !shown.contains(password), "{shown}");
    assert_eq!(shown.lines().count(), given.lines().count());
    let said = daemon.ask(&["device", "render", MAC, "other.cfg"]);
    assert_eq!((said.code, said.err.contains(FILE)), (4, true), "{said:?}");
    // More than one file: each under its name.
    daemon.done(&["device", "add", "64:16:7f:00:00:01", "--maker", "poly", "--model", "VVX450"]);
    let both = daemon.done(&["device", "render", "64167f000001"]);
    assert!(both.starts_with("==> ") && both.contains("\n==> 64167f000001-user.cfg <==\n"), "{both}");
}

#[test]
fn every_setting_is_shown_with_the_layer_it_comes_from() {
    let daemon = Daemon::furnished();
    daemon.done(&["site", "set", "hq", "--settings", "vlan.id=20", "--locks", "vlan.id"]);
    daemon.done(&["device", "set", MAC, "--settings", "language=de"]);
    let shown = daemon.done(&["device", "settings", MAC]);
    let line = |key: &str| {
        let line = shown.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{key}: {shown}"));
        line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    assert_eq!((line("vlan.id"), line("language")), ("20 site site".to_owned(), "de device -".to_owned()));
    if let Some(expected) = daemon.api(&format!("devices/{MAC}/settings")) {
        assert_eq!(daemon.json(&["device", "settings", MAC]), expected);
    }
}

#[test]
fn an_unknown_phone_that_asked_is_listed_and_adopted() {
    let daemon = Daemon::furnished();
    if daemon.phone("805ec0999999.cfg").is_none() {
        return;
    }
    let pending = daemon.json(&["device", "pending"]);
    assert_eq!(pending["items"][0]["mac"], "80:5e:c0:99:99:99");
    assert!(daemon.done(&["device", "pending"]).contains("80:5e:c0:99:99:99  yealink"));
    // Its file name tells the maker, not the model.
    let said = daemon.ask(&["device", "adopt", "80-5e-c0-99-99-99"]);
    assert_eq!((said.code, said.err.contains("model")), (4, true), "{said:?}");
    let said = daemon.done(&["device", "adopt", "80-5e-c0-99-99-99", "--model", "T46U", "--user", "alice@example.com"]);
    assert!(said.starts_with("added device 80:5e:c0:99:99:99: it may fetch"), "{said}");
    let device = daemon.json(&["device", "show", "80:5e:c0:99:99:99"]);
    assert_eq!((&device["maker"], &device["site"]), (&json!("yealink"), &json!("hq")));
    assert_eq!(daemon.json(&["device", "pending"])["items"], json!([]));
}

#[test]
fn a_phone_is_quarantined_released_rebound_and_retired() {
    let daemon = Daemon::furnished();
    let access = || daemon.json(&["device", "show", MAC])["access"].clone();
    let said = daemon.done(&["device", "quarantine", MAC]);
    assert!(said.contains(&format!("device {MAC} is quarantined")), "{said}");
    assert_eq!(access(), "quarantined");
    if let Some((status, _)) = daemon.phone(FILE) {
        assert_eq!(status, 404);
    }
    daemon.done(&["device", "release", "805EC0112233"]);
    assert_ne!(access(), "quarantined");
    let said = daemon.done(&["device", "rebind", MAC]);
    assert!(said.contains("let the phone boot before"), "{said}");
    assert_eq!(access(), "claim_open");
    let said = daemon.done(&["device", "retire", MAC]);
    assert!(said.contains("`ztpd user sip-password alice@example.com`"), "{said}");
    let retired = daemon.json(&["device", "retire", MAC]);
    assert_eq!((&retired["access"], retired["next"].as_array().unwrap().len()), (&json!("retired"), 1));
    if let Some((status, _)) = daemon.phone(FILE) {
        assert_eq!(status, 404);
    }
    assert_eq!(daemon.ask(&["device", "quarantine", "80:5e:c0:99:99:99"]).code, 4);
}

#[test]
fn a_whole_site_is_let_in_at_once() {
    let daemon = Daemon::start();
    daemon.done(&["site", "add", "hq"]);
    for mac in ["80:5e:c0:00:00:01", "80:5e:c0:00:00:02"] {
        let said = daemon.done(&["device", "add", mac, "--maker", "yealink", "--model", "T46U"]);
        assert!(said.contains("`ztpd device claim` lets it"), "{said}");
    }
    assert_eq!(daemon.ask(&["site", "claim", "hq"]).code, 4, "nobody said from where");
    let said = daemon.done(&["site", "claim", "hq", "--from", "127.0.0.0/8", "--for", "2h"]);
    assert_eq!(said, "claim windows opened at site hq: 2\n");
    assert_eq!(daemon.json(&["device", "list", "--access", "claim_open"])["items"].as_array().unwrap().len(), 2);
}
