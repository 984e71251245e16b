//! Each noun from its first day to its last.

use serde_json::{Value, json};

use crate::support::Daemon;

/// What the program shows is what the API has.
fn equal(daemon: &Daemon, arguments: &[&str], path: &str) {
    if let Some(expected) = daemon.api(path) {
        assert_eq!(daemon.json(arguments), expected, "{arguments:?}");
    }
}

#[test]
fn a_site_is_added_shown_changed_and_removed() {
    let daemon = Daemon::start();
    assert_eq!(daemon.done(&["site", "add", "--name", "Hauptsitz München"]), "added site hauptsitz-muenchen\n");
    let more = ["--networks", "10.20.0.0/16", "--networks", "2001:db8::/32", "--timezone", "Europe/Lisbon"];
    let sip = ["--sip-server", "pbx.example.net", "--sip-port", "5070", "--sip-transport", "udp"];
    daemon.done(
        &[&["site", "add", "lisbon", "--settings", "vlan.id=20", "--locks", "vlan.id"], &more[..], &sip].concat(),
    );
    let site = daemon.json(&["site", "show", "lisbon"]);
    assert_eq!((&site["name"], &site["networks"]), (&json!("lisbon"), &json!(["10.20.0.0/16", "2001:db8::/32"])));
    assert_eq!(site["sip"], json!({"server": "pbx.example.net", "port": 5070, "transport": "udp"}));
    assert_eq!((&site["settings"], &site["locks"]), (&json!({"vlan.id": 20}), &json!(["vlan.id"])));
    equal(&daemon, &["site", "list"], "sites");
    equal(&daemon, &["site", "show", "lisbon"], "sites/lisbon");

    assert_eq!(daemon.done(&["site", "set", "lisbon", "--main", "--name", "Lisbon"]), "changed site lisbon\n");
    daemon.done(&["site", "set", "lisbon", "--clear", "sip-port", "--clear", "networks", "--clear", "timezone"]);
    daemon.done(&["site", "set", "lisbon", "--unset", "vlan.id", "--settings", "language=pt"]);
    let site = daemon.json(&["site", "show", "lisbon"]);
    assert_eq!(site["sip"], json!({"server": "pbx.example.net", "transport": "udp"}));
    assert_eq!((&site["networks"], &site["settings"]), (&json!([]), &json!({"language": "pt"})));
    assert_eq!((site.get("timezone"), &site["main"]), (None, &json!(true)));
    assert_eq!(daemon.done(&["site", "rm", "hauptsitz-muenchen"]), "removed site hauptsitz-muenchen\n");
    assert_eq!(daemon.json(&["site", "list"])["items"].as_array().unwrap().len(), 1);
}

#[test]
fn a_user_is_added_shown_changed_and_removed() {
    let daemon = Daemon::start();
    daemon.done(&["site", "add", "hq"]);
    let said = daemon.done(&["user", "add", "Zoë@Example.com", "--first-name", "Zoë", "--extension", "0"]);
    assert_eq!(said, "added user zoë@example.com, extension 1000\n");
    let key = "position=1,kind=blf,value=1001,label=Bob";
    daemon.done(&["user", "set", "zoë@example.com", "--keys", key, "--sip-user", "zoe", "--locale", "de-DE"]);
    let user = daemon.json(&["user", "show", "ZOË@example.com"]);
    assert_eq!(user["keys"], json!([{"position": 1, "kind": "blf", "value": "1001", "label": "Bob", "line": 1}]));
    assert_eq!((&user["sip"], &user["locale"]), (&json!({"user": "zoe"}), &json!("de-DE")));
    equal(&daemon, &["user", "list"], "users");
    equal(&daemon, &["user", "show", "zoë@example.com"], "users/zo%C3%AB@example.com");
    daemon.done(&["user", "set", "zoë@example.com", "--clear", "keys", "--clear", "sip", "--clear", "locale"]);
    let user = daemon.json(&["user", "show", "zoë@example.com"]);
    assert_eq!((&user["keys"], &user["sip"], user.get("locale")), (&json!([]), &json!({}), None));
    daemon.done(&["user", "rm", "zoë@example.com"]);
    assert_eq!(daemon.json(&["user", "list"]), json!({"items": [], "next_cursor": null}));
}

#[test]
fn a_common_area_is_added_shown_changed_and_removed() {
    let daemon = Daemon::start();
    daemon.done(&["site", "add", "hq"]);
    assert_eq!(daemon.done(&["common-area", "add", "lobby"]), "added common area lobby, extension 1000\n");
    assert_eq!(daemon.done(&["common-area", "add", "--name", "Lift 2"]), "added common area lift-2, extension 1001\n");
    daemon.done(&["common-area", "set", "lobby", "--name", "Lobby", "--extension", "1500"]);
    equal(&daemon, &["common-area", "show", "lobby"], "common-areas/lobby");
    equal(&daemon, &["common-area", "list"], "common-areas");
    assert_eq!(daemon.json(&["common-area", "show", "lobby"])["extension"], "1500");
    assert_eq!(daemon.done(&["common-area", "rm", "lobby", "lift-2"]).lines().count(), 2);
    assert_eq!(daemon.json(&["common-area", "list"])["items"], json!([]));
}

#[test]
fn a_device_is_added_shown_changed_and_removed() {
    let daemon = Daemon::furnished();
    daemon.done(&["common-area", "add", "lobby"]);
    let mac = "80:5e:c0:11:22:33";
    equal(&daemon, &["device", "show", mac], &format!("devices/{mac}"));
    equal(&daemon, &["device", "list"], "devices");
    daemon.done(&["device", "set", mac, "--name", "Desk", "--lines", "index=2,common_area=lobby,label=Lobby"]);
    let device = daemon.json(&["device", "show", mac]);
    assert_eq!(device["lines"], json!([{"index": 2, "common_area": "lobby", "label": "Lobby"}]));
    assert_eq!(device["assignment"], json!({"user": "alice@example.com"}));
    // Another owner takes the place of the one before, by `set` as by `assign`.
    daemon.done(&["device", "set", mac, "--common-area", "lobby", "--clear", "lines"]);
    assert_eq!(daemon.json(&["device", "show", mac])["assignment"], json!({"common_area": "lobby"}));
    daemon.done(&["device", "assign", mac, "--user", "alice@example.com"]);
    assert_eq!(daemon.json(&["user", "show", "alice@example.com"])["devices"], json!([mac]));
    assert_eq!(daemon.done(&["device", "unassign", mac]), format!("device {mac} belongs to nobody\n"));
    assert_eq!(daemon.json(&["device", "show", mac])["assignment"], Value::Null);
    daemon.done(&["device", "set", mac, "--clear", "name"]);
    assert_eq!(daemon.json(&["device", "show", mac])["name"], "");
    assert_eq!(daemon.done(&["device", "rm", mac]), format!("removed device {mac}\n"));
    assert_eq!(daemon.ask(&["device", "show", mac]).code, 4);
}

#[test]
fn a_mac_is_taken_in_every_usual_spelling_and_printed_in_one() {
    let daemon = Daemon::furnished();
    for spelling in ["80:5e:c0:11:22:33", "80-5E-C0-11-22-33", "805E.C011.2233", "805ec0112233", "805EC0112233"] {
        assert_eq!(daemon.json(&["device", "show", spelling])["mac"], "80:5e:c0:11:22:33", "{spelling}");
        let said = daemon.done(&["device", "rotate-token", spelling]);
        assert!(said.contains("80:5e:c0:11:22:33"), "{said}");
    }
}

#[test]
fn a_password_comes_from_a_file_or_standard_input_and_is_never_shown() {
    let daemon = Daemon::furnished();
    let password = "Correct-Horse-9";
    let file = daemon.dir().join("password");
    std::fs::write(&file, format!("{password}\n")).unwrap();
    daemon.done(&["user", "set", "alice@example.com", "--sip-password-file", file.to_str().unwrap()]);
    let Some((status, body)) = daemon.phone("805ec0112233.cfg") else { return };
    assert_eq!((status, body.contains(&format!("account.1.password = {password}\n"))), (200, true), "{body}");
    let said = daemon
        .ask_with(&["user", "set", "alice@example.com", "--sip-password-file", "-", "--json"], "Other-Word-1234\n");
    assert_eq!((said.code, said.out.contains("Other")), (0, false), "{said:?}");
    let (_, body) = daemon.phone("805ec0112233.cfg").unwrap();
    assert!(body.contains("account.1.password = Other-Word-1234\n"), "{body}");
    for (arguments, input) in [(["--sip-password-file", "-"], ""), (["--sip-password-file", "/nowhere"], "")] {
        let said = daemon.ask_with(&[&["user", "set", "alice@example.com"], &arguments[..]].concat(), input);
        assert_eq!(said.code, 2, "{said:?}");
    }
}

#[test]
fn a_change_made_on_what_was_read_before_is_refused() {
    let daemon = Daemon::furnished();
    let shown = daemon.done(&["site", "show", "hq"]);
    let tag = shown.lines().find_map(|line| line.strip_prefix("etag")).unwrap().trim();
    daemon.done(&["site", "set", "hq", "--name", "HQ", "--if-match", tag]);
    let said = daemon.ask(&["site", "set", "hq", "--name", "Late", "--if-match", tag]);
    assert_eq!((said.code, said.out.as_str()), (4, ""), "{said:?}");
    assert_eq!(daemon.ask(&["site", "rm", "hq", "--if-match", &format!("\"{tag}\"")]).code, 4);
    assert_eq!(daemon.json(&["site", "show", "hq"])["name"], "HQ");
}

#[test]
fn a_list_is_whole_however_many_pages_it_has() {
    let daemon = Daemon::start();
    daemon.done(&["site", "add", "hq"]);
    let wishes: Vec<String> = (0..620)
        .map(|number| {
            let body = format!(r#"{{\"id\": \"user{number:03}@example.com\"}}"#);
            format!(
                "url = \"http://ztpd/api/v1/users\"\nheader = \"Content-Type: application/json\"\ndata = \"{body}\"\n\
                     unix-socket = {:?}\noutput = \"/dev/null\"\n",
                daemon.socket()
            )
        })
        .collect();
    let file = daemon.dir().join("wishes");
    std::fs::write(&file, wishes.join("next\n")).unwrap();
    let mut curl = std::process::Command::new("curl");
    let Some(_) = crate::support::found(curl.args(["-sS", "--parallel", "-K"]).arg(file)) else { return };
    let all = daemon.json(&["user", "list"]);
    let items = all["items"].as_array().unwrap();
    assert_eq!((items.len(), &all["next_cursor"]), (620, &Value::Null));
    assert_eq!(daemon.done(&["user", "list"]).lines().count(), 621);
    let some = daemon.json(&["user", "list", "--limit", "510"]);
    let cursor = some["next_cursor"].as_str().unwrap();
    assert_eq!(some["items"].as_array().unwrap().len(), 510);
    let rest = daemon.json(&["user", "list", "--cursor", cursor]);
    assert_eq!(rest["items"].as_array().unwrap().len(), 110);
    assert_eq!(rest["items"][0], items[510]);
}

#[test]
fn what_holds_for_every_phone_is_shown_and_changed() {
    let daemon = Daemon::furnished();
    assert_eq!(
        daemon.done(&["account", "set", "--settings", "language=de", "--locks", "language"]),
        "changed the account\n"
    );
    equal(&daemon, &["account", "show"], "account");
    let settings = daemon.json(&["device", "settings", "805ec0112233"]);
    assert_eq!((&settings["language"]["value"], &settings["language"]["layer"]), (&json!("de"), &json!("account")));
    daemon.done(&["account", "set", "--unset", "language", "--clear", "locks"]);
    let account = daemon.json(&["account", "show"]);
    assert_eq!((&account["settings"], &account["locks"]), (&json!({}), &json!([])));
    assert_eq!(daemon.ask(&["account", "set"]).code, 2);
    assert_eq!(daemon.ask(&["account", "set", "--settings", "colour=red"]).code, 4);
}

#[test]
fn a_list_is_narrowed_down_by_its_filters() {
    let daemon = Daemon::furnished();
    daemon.done(&["site", "add", "branch"]);
    daemon.done(&["user", "add", "bob@example.com", "--site", "branch"]);
    daemon.done(&["device", "add", "64:16:7f:00:00:01", "--maker", "poly", "--model", "VVX450", "--site", "branch"]);
    let macs = |filters: &[&str]| {
        let list = daemon.json(&[&["device", "list"], filters].concat());
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|device| device["mac"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    for filters in
        [["--site", "branch"], ["--maker", "poly"], ["--access", "known"], ["--assignment", "none"], ["--q", "vvx"]]
    {
        assert_eq!(macs(&filters), ["64:16:7f:00:00:01"], "{filters:?}");
    }
    assert_eq!(macs(&["--maker", "yealink", "--provisioning", "never"]), ["80:5e:c0:11:22:33"]);
    assert_eq!(macs(&["--q", "nothing like it"]), Vec::<String>::new());
    assert_eq!(daemon.json(&["user", "list", "--site", "branch"])["items"].as_array().unwrap().len(), 1);
    assert_eq!(daemon.json(&["site", "list", "--q", "bran"])["items"].as_array().unwrap().len(), 1);
    let said = daemon.ask(&["device", "list", "--access", "opne"]);
    assert_eq!((said.code, said.err.contains("claim_open")), (2, true), "{said:?}");
    assert_eq!(daemon.ask(&["device", "list", "--cursor", "nonsense"]).code, 4);
}

#[test]
fn a_renamed_user_keeps_phones_and_extension() {
    let daemon = Daemon::furnished();
    let said = daemon.done(&["user", "rename", "alice@example.com", "Alice.Doe@example.com"]);
    assert_eq!(said, "user alice@example.com is alice.doe@example.com from now on\n");
    let user = daemon.json(&["user", "show", "alice.doe@example.com"]);
    assert_eq!((&user["devices"], &user["extension"]), (&json!(["80:5e:c0:11:22:33"]), &json!("1000")));
    assert_eq!(daemon.ask(&["user", "show", "alice@example.com"]).code, 4);
}

#[test]
fn a_new_sip_password_is_made_or_taken_and_not_shown() {
    let daemon = Daemon::furnished();
    let revealed = || {
        let file = daemon.done(&["device", "render", "805ec0112233", "--reveal"]);
        file.lines().find_map(|line| line.strip_prefix("account.1.password = ")).unwrap().to_owned()
    };
    let first = revealed();
    let said = daemon.done(&["user", "sip-password", "alice@example.com"]);
    let second = revealed();
    assert!(first != second && second.len() == 24 && !said.contains(&second), "{said}");
    let said =
        daemon.ask_with(&["user", "sip-password", "alice@example.com", "--password-file", "-"], "Correct-Horse-9\n");
    assert_eq!((said.code, revealed().as_str()), (0, "Correct-Horse-9"), "{said:?}");
    daemon.done(&["common-area", "add", "lobby"]);
    assert!(
        daemon.done(&["common-area", "sip-password", "lobby"]).starts_with("common area lobby has a new SIP password")
    );
    let shown = daemon.done(&["device", "render", "805ec0112233"]);
    assert!(!shown.contains("Correct-Horse-9"), "{shown}");
}
