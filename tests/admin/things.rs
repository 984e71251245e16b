//! What can be done: settings of the account, renaming, new passwords, adoption, claims of a site, tokens, and a lost
//! answer asked for again.

use crate::client::Client;
use crate::support::{Site, curl};

#[test]
fn settings_of_the_account_reach_every_phone_and_are_guarded_by_their_revision() {
    let site = Site::start();
    site.enrol("80:5e:c0:11:22:33", "T46U", "alice@example.com");
    let mut api = Client::unix(&site.socket);
    let before = api.get("account");
    let tag = before.header("etag").unwrap().to_owned();
    let condition = format!("If-Match: {tag}");
    let wish = r#"{"settings": {"vlan.id": 42}, "locks": ["vlan.id"]}"#;
    let put = api.ask("PUT", "account", wish, &[&condition]);
    assert_eq!(put.status, 200, "{put:?}");
    assert_ne!(put.header("etag"), Some(tag.as_str()));
    assert_eq!(api.ask("PATCH", "account", "{}", &[&condition]).status, 412);
    let kind = "Content-Type: application/merge-patch+json";
    let patched = api.ask("PATCH", "account", r#"{"settings": {"language": "de"}}"#, &[kind]).json();
    assert_eq!(patched["settings"], serde_json::json!({"language": "de", "vlan.id": 42}));
    assert_eq!(api.ask("PATCH", "devices/805ec0112233", r#"{"settings": {"vlan.id": 7}}"#, &[]).status, 200);
    let settings = api.get("devices/805ec0112233/settings").json();
    assert_eq!(settings["vlan.id"], serde_json::json!({"value": 42, "layer": "account", "locked_by": "account"}));
    assert_eq!(settings["language"]["layer"], "account");
}

#[test]
fn a_renamed_user_keeps_phones_lines_extension_and_password() {
    let site = Site::start();
    let (own, other) = ("80:5e:c0:11:22:33", "80:5e:c0:11:22:44");
    site.enrol(own, "T46U", "alice@example.com");
    let mut api = Client::unix(&site.socket);
    assert_eq!(api.post("users", r#"{"id": "bob@example.com"}"#).status, 201);
    let lines = r#", "lines": [{"index": 2, "user": "alice@example.com"}], "assignment": {"user": "bob@example.com"}"#;
    let body = format!(r#"{{"mac": "{other}", "maker": "yealink", "model": "T46U"{lines}}}"#);
    assert_eq!(api.post("devices", &body).status, 201);
    let file = format!("devices/{own}/files/805ec0112233.cfg?reveal=true");
    let password = |text: &str| text.lines().find(|line| line.starts_with("account.1.password")).unwrap().to_owned();
    let before = password(&api.get(&file).text);
    let taken = api.post("users/alice@example.com/rename", r#"{"id": "bob@example.com"}"#);
    assert_eq!((taken.status, taken.code().as_str()), (409, "exists"));
    let renamed = api.post("users/alice@example.com/rename", r#"{"id": "Alice.Smith@Example.com"}"#);
    assert_eq!(renamed.status, 200, "{renamed:?}");
    let user = api.get("users/alice.smith@example.com").json();
    assert_eq!((&user["extension"], &user["devices"]), (&"1000".into(), &serde_json::json!([own])));
    assert_eq!(api.get("users/alice@example.com").status, 404);
    assert_eq!(password(&api.get(&file).text), before);
    assert_eq!(api.get(&format!("devices/{other}")).json()["lines"][0]["user"], "alice.smith@example.com");
    let busy = api.ask("DELETE", "users/alice.smith@example.com", "", &[]);
    assert_eq!((busy.status, busy.code().as_str()), (409, "in_use"));
    let again = api.post("users", r#"{"id": "new@example.com", "extension": "1000"}"#);
    assert_eq!(again.code(), "extension_taken", "{again:?}");
    assert!(again.json()["detail"].as_str().unwrap().contains("alice.smith@example.com"), "{again:?}");
}

#[test]
fn a_new_sip_password_reaches_the_phone_and_is_never_shown_by_itself() {
    let site = Site::start();
    site.enrol("80:5e:c0:11:22:33", "T46U", "alice@example.com");
    let mut api = Client::unix(&site.socket);
    let password = |api: &mut Client| {
        let file = api.get("devices/805ec0112233/files/805ec0112233.cfg?reveal=true").text;
        file.lines().find_map(|line| line.strip_prefix("account.1.password = ")).unwrap().to_owned()
    };
    let first = password(&mut api);
    let made = api.post("users/alice@example.com/sip-password", "{}");
    assert_eq!((made.status, made.json()["id"].as_str()), (200, Some("alice@example.com")));
    let second = password(&mut api);
    assert!(second != first && second.len() == 24 && !made.text.contains(&second));
    let body = r#"{"password": "Correct-Horse-7"}"#;
    assert_eq!(api.post("users/alice@example.com/sip-password", body).status, 200);
    assert_eq!(password(&mut api), "Correct-Horse-7");
    let audit = api.get("audit").text;
    assert!(!audit.contains("Correct-Horse-7") && !audit.contains(&second), "{audit}");
}

#[test]
fn sec_a05_what_is_shown_of_secrets_is_recorded_field_by_field() {
    let site = Site::start();
    site.enrol("80:5e:c0:11:22:33", "T46U", "alice@example.com");
    let mut api = Client::unix(&site.socket);
    let plain = "devices/805ec0112233/files/805ec0112233.cfg";
    let masked = api.get(plain).text;
    let shown = api.ask("GET", &format!("{plain}?reveal=true"), "", &["Ztpd-On-Behalf-Of: Käthe"]);
    assert_eq!(shown.header("cache-control"), Some("no-store"));
    assert!(masked.contains("****") && !shown.text.contains("****"));
    let acts = api.get("audit?action=reveal").json();
    let acts = acts["items"].as_array().unwrap();
    assert_eq!(acts.len(), 1, "{acts:?}");
    assert_eq!(acts[0]["on_behalf_of"], "Käthe");
    assert_eq!(acts[0]["object"], serde_json::json!({"kind": "device", "id": "80:5e:c0:11:22:33"}));
    let fields = serde_json::json!(["admin_password", "token", "sip_password of user alice@example.com"]);
    assert_eq!(acts[0]["shown"], fields);
}

#[test]
fn a_phone_that_asked_is_adopted_as_it_was_seen() {
    let site = Site::start();
    let mut api = Client::unix(&site.socket);
    let agent = |agent: &'static str| vec!["-A", agent];
    if curl(&site, "127.0.0.1", "805ec0112233.cfg", &agent("Yealink SIP-T46U 108.86.0.20 80:5e:c0:11:22:33")).is_none()
    {
        return;
    }
    curl(&site, "127.0.0.1", "805ec0112244.cfg", &agent("Yealink SIP-T99X 108.86.0.20 80:5e:c0:11:22:44")).unwrap();
    curl(&site, "127.0.0.1", "805ec0112255.cfg", &[]).unwrap();
    let pending = api.get("pending?limit=2").json();
    assert_eq!((pending["items"].as_array().unwrap().len(), &pending["next_cursor"]), (2, &"80:5e:c0:11:22:44".into()));
    let adopted =
        api.post("pending/80-5e-c0-11-22-33/adopt", r#"{"name": "Desk", "assignment": {"user": "alice@example.com"}}"#);
    assert_eq!(adopted.status, 201, "{adopted:?}");
    assert_eq!(adopted.header("location"), Some("/api/v1/devices/80:5e:c0:11:22:33"));
    let device = adopted.json();
    assert_eq!(
        (&device["model"], &device["site"], &device["access"]),
        (&"T46U".into(), &"hq".into(), &"claim_open".into())
    );
    let unknown = api.post("pending/805ec0112244/adopt", "{}");
    assert_eq!((unknown.status, unknown.code().as_str()), (422, "unknown_model"));
    assert!(unknown.json()["detail"].as_str().unwrap().contains("T46U"), "{unknown:?}");
    let nameless = api.post("pending/805ec0112255/adopt", "{}");
    assert_eq!((nameless.status, nameless.json()["errors"][0]["pointer"].as_str()), (422, Some("/model")));
    assert_eq!(api.post("pending/805ec0112255/adopt", r#"{"model": "T46U"}"#).status, 201);
    assert_eq!(api.post("pending/805ec0112255/adopt", r#"{"model": "T46U"}"#).status, 404);
    assert_eq!(api.get("pending").json()["items"].as_array().unwrap().len(), 1);
}

#[test]
fn a_claim_of_a_site_opens_for_phones_that_were_never_given_anything() {
    let site = Site::start();
    let mut api = Client::unix(&site.socket);
    assert_eq!(api.post("sites", r#"{"id": "lab", "name": "Lab"}"#).status, 201);
    for mac in ["80:5e:c0:11:22:33", "80:5e:c0:11:22:44", "80:5e:c0:11:22:55"] {
        let body = format!(r#"{{"mac": "{mac}", "maker": "yealink", "model": "T46U", "site": "lab"}}"#);
        assert_eq!(api.post("devices", &body).json()["access"], "known");
    }
    assert_eq!(api.post("devices/805ec0112255/quarantine", "{}").status, 200);
    let nowhere = api.post("sites/lab/claims", "{}");
    assert_eq!((nowhere.status, nowhere.code().as_str()), (422, "no_networks"));
    let wish = r#"{"from": ["127.0.0.0/8"], "for": "1h"}"#;
    assert_eq!(api.post("devices/805ec0112233/claims", wish).status, 201);
    if curl(&site, "127.0.0.1", "805ec0112233.cfg", &[]).is_none() {
        return;
    }
    let opened = api.post("sites/lab/claims", wish);
    assert_eq!(opened.status, 201, "{opened:?}");
    assert_eq!(opened.json()["opened"], serde_json::json!(["80:5e:c0:11:22:44"]));
    assert_eq!(api.get("devices/805ec0112233").json()["access"], "bound");
    assert_eq!(api.get("devices/805ec0112255").json()["access"], "quarantined");
    assert_eq!(curl(&site, "127.0.0.1", "805ec0112244.cfg", &[]).unwrap().status, 200);
}

#[test]
fn a_post_whose_answer_was_lost_is_carried_out_once() {
    let site = Site::start();
    let mut api = Client::unix(&site.socket);
    let body = r#"{"name": "Lab"}"#;
    let key = ["Idempotency-Key: 5f0c"];
    let first = api.ask("POST", "sites", body, &key);
    let second = api.ask("POST", "sites", body, &key);
    assert_eq!((first.status, second.status, &first.text), (201, 201, &second.text));
    assert_eq!((first.header("etag"), first.header("location")), (second.header("etag"), second.header("location")));
    assert_eq!((first.header("idempotency-replayed"), second.header("idempotency-replayed")), (None, Some("true")));
    let other = api.ask("POST", "sites", r#"{"name": "Shop"}"#, &key);
    assert_eq!((other.status, other.code().as_str()), (422, "idempotency_key_reused"));
    let elsewhere = api.ask("POST", "common-areas", body, &key);
    assert_eq!(elsewhere.status, 422);
    assert_eq!(api.ask("POST", "sites", body, &["Idempotency-Key: other"]).status, 409);
    // A refused request changed nothing, and may be tried again with the same key.
    let wrong = ["Idempotency-Key: 77"];
    assert_eq!(api.ask("POST", "users", r#"{"id": "x@example.com", "site": "shop"}"#, &wrong).status, 422);
    assert_eq!(api.ask("POST", "users", r#"{"id": "x@example.com", "site": "lab"}"#, &wrong).status, 201);
    let shown = ["Idempotency-Key: once"];
    let token = r#"{"name": "ci"}"#;
    assert_eq!(api.ask("POST", "tokens", token, &shown).status, 201);
    let again = api.ask("POST", "tokens", token, &shown);
    assert_eq!((again.status, again.code().as_str()), (409, "idempotency_not_kept"));
    assert_eq!(api.get("tokens").json()["items"].as_array().unwrap().len(), 1);
}
