//! Everything a phone shows follows what was changed within its next fetch: its own line, and the keys that point to
//! others. Fetched by curl as the phone does it, changed by curl over the admin API.

use serde_json::json;

use crate::support::{Client, Site, admin, curl};

const PHONE: &str = "805ec0112233.cfg";

/// Changes something, which must work; `false` where curl is missing.
fn change(site: &Site, method: &str, path: &str, body: &serde_json::Value) -> bool {
    let Some((status, _, answer)) = admin(site, method, path, &body.to_string(), &[]) else { return false };
    assert!((200..300).contains(&status), "{method} {path} {body}: {answer}");
    true
}

/// What the phone is given now.
fn fetched(site: &Site) -> Client {
    let got = curl(site, "127.0.0.1", PHONE, &[]).unwrap();
    assert_eq!(got.status, 200, "{got:?}");
    got
}

/// What stands beside a key, and what it calls.
fn key(file: &Client, position: u8) -> (String, String) {
    let value = |name: &str| file.value(&format!("linekey.{position}.{name}"));
    (value("label"), value("value"))
}

fn said(label: &str, value: &str) -> (String, String) {
    (label.to_owned(), value.to_owned())
}

/// Alice's phone with keys for Bob, the lobby and a colleague by a label of her own.
fn furnished() -> Option<Site> {
    let site = Site::start();
    let bob = json!({"id": "bob@example.com", "first_name": "Bob", "extension": "1200"});
    if !change(&site, "POST", "users", &bob) {
        return None;
    }
    change(&site, "POST", "common-areas", &json!({"name": "Lobby", "extension": "1300"}));
    site.enrol("80:5e:c0:11:22:33", "T46U", "alice@example.com");
    let keys = json!([
        {"position": 2, "kind": "blf", "user": "bob@example.com"},
        {"position": 3, "kind": "speed_dial", "common_area": "lobby"},
        {"position": 4, "kind": "blf", "user": "bob@example.com", "label": "My boss"},
        {"position": 5, "kind": "speed_dial", "value": "1200", "label": "By hand"},
    ]);
    change(&site, "PATCH", "users/alice@example.com", &json!({"keys": keys}));
    Some(site)
}

#[test]
fn a_key_shows_how_its_person_is_called_and_dialled_by_now() {
    let Some(site) = furnished() else { return };
    let file = fetched(&site);
    assert_eq!((key(&file, 2), key(&file, 3)), (said("Bob", "1200"), said("Lobby", "1300")));
    assert_eq!((key(&file, 4), key(&file, 5)), (said("My boss", "1200"), said("By hand", "1200")));

    // A name, an extension and an address change: whoever's keys point there need not be touched.
    change(&site, "PATCH", "users/bob@example.com", &json!({"first_name": "Robert", "last_name": "Roe"}));
    assert_eq!(key(&fetched(&site), 2), said("Robert Roe", "1200"));
    change(&site, "PATCH", "users/bob@example.com", &json!({"extension": "1201"}));
    change(&site, "POST", "users/bob@example.com/rename", &json!({"id": "robert@example.com"}));
    change(&site, "PATCH", "common-areas/lobby", &json!({"name": "Front desk", "extension": "1301"}));
    let file = fetched(&site);
    assert_eq!((key(&file, 2), key(&file, 3)), (said("Robert Roe", "1201"), said("Front desk", "1301")));
    assert_eq!((key(&file, 4), key(&file, 5)), (said("My boss", "1201"), said("By hand", "1200")));
    let (_, _, alice) = admin(&site, "GET", "users/alice@example.com", "", &[]).unwrap();
    assert_eq!(alice["keys"][0]["user"], "robert@example.com");

    // From another site he is dialled by its code.
    change(&site, "PATCH", "sites/hq", &json!({"code": "70"}));
    change(&site, "PATCH", "account", &json!({"site_codes": true}));
    assert_eq!(key(&fetched(&site), 2), said("Robert Roe", "701201"));

    // Who is gone has no key; the others stay where they are.
    let deleted = admin(&site, "DELETE", "users/robert@example.com", "", &[]).unwrap();
    assert_eq!(deleted.0, 204, "{deleted:?}");
    let file = fetched(&site);
    assert_eq!((file.value("linekey.2.type"), file.value("linekey.4.type")), ("0".to_owned(), "0".to_owned()));
    assert_eq!(key(&file, 3), said("Front desk", "701301"));
    site.store.flush().unwrap();
    let (_, _, device) = admin(&site, "GET", "devices/805ec0112233", "", &[]).unwrap();
    assert_eq!(device["provisioning"], "current");
}

#[test]
fn the_line_of_a_phone_follows_its_owner() {
    let Some(site) = furnished() else { return };
    let account = |file: &Client, name: &str| file.value(&format!("account.1.{name}"));
    let file = fetched(&site);
    assert_eq!((account(&file, "user_name"), account(&file, "display_name")), ("1000".into(), "Alice Doe".into()));
    let alice = "users/alice@example.com";
    change(&site, "PATCH", alice, &json!({"last_name": "Poe", "extension": "1100"}));
    let file = fetched(&site);
    assert_eq!((account(&file, "user_name"), account(&file, "display_name")), ("1100".into(), "Alice Poe".into()));
    change(&site, "PATCH", "sites/hq", &json!({"code": "70"}));
    change(&site, "PATCH", "account", &json!({"site_codes": true}));
    let file = fetched(&site);
    assert_eq!((account(&file, "user_name"), account(&file, "label")), ("701100".into(), "1100".into()));
    change(&site, "PATCH", alice, &json!({"sip": {"user": "alice"}}));
    assert_eq!(account(&fetched(&site), "user_name"), "alice");
}

#[test]
fn who_has_no_extension_or_is_not_active_has_no_line_on_any_phone() {
    let Some(site) = furnished() else { return };
    let bob = json!({"mac": "80:5e:c0:11:22:44", "maker": "yealink", "model": "T46U",
        "assignment": {"user": "bob@example.com"}, "lines": [{"index": 2, "user": "alice@example.com"}]});
    change(&site, "POST", "devices", &bob);
    let lines = |file: &str| {
        let got = curl(&site, "127.0.0.1", file, &[]).unwrap();
        assert_eq!(got.status, 200, "{got:?}");
        [1, 2].map(|line| got.value(&format!("account.{line}.enable")) == "1")
    };
    let all = || (lines(PHONE), lines("805ec0112244.cfg"));
    assert_eq!(all(), ([true, false], [true, true]));
    let alice = "users/alice@example.com";
    for status in ["inactive", "pending"] {
        change(&site, "PATCH", alice, &json!({"status": status}));
        assert_eq!(all(), ([false, false], [true, false]), "{status}");
    }
    change(&site, "PATCH", alice, &json!({"status": "active"}));
    assert_eq!(all(), ([true, false], [true, true]));

    change(&site, "PATCH", alice, &json!({"without_extension": true}));
    let (_, _, user) = admin(&site, "GET", alice, "", &[]).unwrap();
    assert_eq!((user.get("extension"), &user["entitlements"]["state"]), (None, &"none".into()));
    assert_eq!(all(), ([false, false], [true, false]));
    // A plan comes with an extension.
    change(&site, "POST", "packages", &json!({"name": "Plan"}));
    change(&site, "PATCH", alice, &json!({"packages": ["plan"]}));
    let (_, _, user) = admin(&site, "GET", alice, "", &[]).unwrap();
    assert_eq!((&user["extension"], &user["without_extension"]), (&"1000".into(), &false.into()));
    assert_eq!(user["entitlements"]["state"], "licensed");
    assert_eq!(all(), ([true, false], [true, true]));
    let (status, _, problem) = admin(&site, "PATCH", alice, r#"{"without_extension": true}"#, &[]).unwrap();
    assert_eq!((status, problem["code"].as_str()), (409, Some("plan_needs_extension")));
}

#[test]
fn settings_reach_the_phone_layer_by_layer() {
    let Some(site) = furnished() else { return };
    let vlan = || {
        fetched(&site)
            .body
            .lines()
            .find_map(|line| line.strip_prefix("network.vlan.internet_port_vid = ").map(str::to_owned))
    };
    let settings = |value: u16| json!({"settings": {"vlan.id": value}});
    assert_eq!(vlan(), None);
    change(&site, "POST", "settings-templates", &json!({"id": "sales", "name": "Sales"}));
    change(&site, "PATCH", "users/alice@example.com", &json!({"settings_template": "sales"}));
    for (number, path) in
        ["account", "sites/hq", "settings-templates/sales", "users/alice@example.com", "devices/805ec0112233"]
            .into_iter()
            .enumerate()
    {
        let value = u16::try_from(number).unwrap() + 10;
        change(&site, "PATCH", path, &settings(value));
        assert_eq!(vlan(), Some(value.to_string()), "{path}");
    }
    change(&site, "PATCH", "settings-templates/sales", &json!({"locks": ["vlan.id"]}));
    assert_eq!(vlan(), Some("12".to_owned()));
    let (_, _, told) = admin(&site, "GET", "devices/805ec0112233/settings", "", &[]).unwrap();
    assert_eq!(told["vlan.id"], json!({"value": 12, "layer": "template", "locked_by": "template"}));
    change(&site, "PATCH", "account", &json!({"locks": ["vlan.id"]}));
    assert_eq!(vlan(), Some("10".to_owned()));
    for (path, settings, code) in [
        ("users/alice@example.com", json!({"colour": "red"}), "unknown_setting"),
        ("users/alice@example.com", json!({"yealnik:a.b": "1"}), "unknown_setting"),
        ("account", json!({"vlan": 1}), "unknown_setting"),
        ("settings-templates/sales", json!({"vlan.id": 4095}), "invalid"),
        ("devices/805ec0112233", json!({"yealink:a b": "1"}), "unknown_setting"),
    ] {
        let (status, _, problem) =
            admin(&site, "PATCH", path, &json!({"settings": settings}).to_string(), &[]).unwrap();
        assert_eq!((status, problem["code"].as_str()), (422, Some(code)), "{path} {settings}: {problem}");
    }
    let (status, _, problem) = admin(&site, "PATCH", "sites/hq", r#"{"locks": ["vlan"]}"#, &[]).unwrap();
    assert_eq!((status, problem["code"].as_str()), (422, Some("unknown_setting")), "{problem}");
    assert_eq!(problem["errors"][0]["pointer"], "/locks/0");
}
