//! The admin API from outside, spoken to by curl over its Unix socket.

use crate::support::{Site, admin, curl};

const DEVICE: &str = r#"{"mac": "80-5E-C0-11-22-33", "maker": "yealink", "model": "sip-t46u"}"#;

#[test]
fn from_an_empty_inventory_to_a_phone_with_its_account() {
    let site = Site::start();
    let Some((status, headers, body)) =
        admin(&site, "POST", "users", r#"{"id": "Bob@Example.com", "first_name": "Bob"}"#, &[])
    else {
        return;
    };
    assert_eq!((status, body["id"].as_str(), body["extension"].as_str()), (201, Some("bob@example.com"), Some("1001")));
    assert!(headers.contains("/api/v1/users/bob@example.com"), "{headers}");
    assert_eq!(body["sip"].get("password"), None);
    let (status, _, body) = admin(&site, "POST", "devices", DEVICE, &[]).unwrap();
    assert_eq!((status, body["model"].as_str(), body["access"].as_str()), (201, Some("T46U"), Some("claim_open")));
    let owner = r#"{"user": "bob@example.com"}"#;
    let (status, _, _) = admin(&site, "PUT", "devices/805ec0112233/assignment", owner, &[]).unwrap();
    assert_eq!(status, 200);
    let got = curl(&site, "127.0.0.1", "805ec0112233.cfg", &[]).unwrap();
    assert!(got.body.contains("account.1.user_name = 1001\n") && got.body.contains("account.1.display_name = Bob\n"));
    let (_, _, body) = admin(&site, "GET", "devices/80:5e:c0:11:22:33", "", &[]).unwrap();
    assert_eq!(body["access"], "bound");
    let (_, _, body) = admin(&site, "GET", "users/bob@example.com", "", &[]).unwrap();
    assert_eq!(body["devices"], serde_json::json!(["80:5e:c0:11:22:33"]));
}

#[test]
fn what_cannot_be_is_refused_with_its_reason_and_changes_nothing() {
    let site = Site::start();
    if admin(&site, "POST", "devices", DEVICE, &[]).is_none() {
        return;
    }
    let device = |mac: &str, rest: &str| format!(r#"{{"mac": "{mac}", "maker": "yealink", "model": "T46U"{rest}}}"#);
    for (body, status, code, pointer) in [
        (DEVICE.to_owned(), 409, "mac_taken", ""),
        (device("80:5e:c0:11:22", ""), 422, "invalid", "/mac"),
        (device("80:5e:c0:00:00:01", r#", "colour": "red""#), 422, "invalid", "/colour"),
        (device("80:5e:c0:00:00:01", r#", "site": "nowhere""#), 422, "unknown_reference", ""),
        (device("80:5e:c0:00:00:01", r#", "template": "yealink/nothing.cfg""#), 422, "unknown_template", "/template"),
        (device("80:5e:c0:00:00:01", r#", "assignment": {"user": "no@body.example"}"#), 422, "unknown_reference", ""),
        (device("80:5e:c0:00:00:01", "").replace("T46U", "T99"), 422, "unknown_model", "/model"),
        (device("80:5e:c0:00:00:01", "").replace("yealink", "acme"), 422, "unknown_maker", "/maker"),
        (device("80:5e:c0:00:00:01", r#", "name": "a\u202eb""#), 422, "invalid", "/name"),
        (device("80:5e:c0:00:00:01", r#", "settings": {"vlan.id": 5000}"#), 422, "invalid", "/settings"),
        ("{".to_owned(), 400, "malformed", ""),
    ] {
        let (got, headers, problem) = admin(&site, "POST", "devices", &body, &[]).unwrap();
        assert_eq!((got, problem["code"].as_str()), (status, Some(code)), "{body}: {problem}");
        assert!(headers.contains("application/problem+json"), "{headers}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{problem}");
        if !pointer.is_empty() {
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}: {problem}");
        }
    }
    let (_, _, list) = admin(&site, "GET", "devices", "", &[]).unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(admin(&site, "GET", "devices/80:5e:c0:00:00:01", "", &[]).unwrap().0, 404);
    assert_eq!(admin(&site, "GET", "nothing", "", &[]).unwrap().0, 404);
}

#[test]
fn the_tenth_device_is_refused_also_when_eight_hands_reach_for_it() {
    let site = Site::start();
    if admin(&site, "GET", "sites", "", &[]).is_none() {
        return;
    }
    std::thread::scope(|scope| {
        for hand in 0..8 {
            let site = &site;
            scope.spawn(move || {
                for number in 0..3 {
                    let mac = format!("80:5e:c0:00:{hand:02x}:{number:02x}");
                    let body = format!(
                        r#"{{"mac": "{mac}", "maker": "yealink", "model": "T46U", "assignment": {{"user": "alice@example.com"}}}}"#
                    );
                    let (status, _, problem) = admin(site, "POST", "devices", &body, &[]).unwrap();
                    assert!(status == 201 || problem["code"] == "device_limit", "{status} {problem}");
                }
            });
        }
    });
    let (_, _, body) = admin(&site, "GET", "users/alice@example.com", "", &[]).unwrap();
    assert_eq!(body["devices"].as_array().unwrap().len(), 9);
}

#[test]
fn a_change_made_on_what_was_read_before_is_refused() {
    let site = Site::start();
    let Some((_, headers, _)) = admin(&site, "GET", "users/alice@example.com", "", &[]) else { return };
    let tag = headers.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    let condition = format!("If-Match: {tag}");
    let change = |name: &str| format!(r#"{{"first_name": "{name}"}}"#);
    let path = "users/alice@example.com";
    assert_eq!(admin(&site, "PATCH", path, &change("Al"), &[&condition]).unwrap().0, 200);
    let (status, _, problem) = admin(&site, "PATCH", path, &change("Eve"), &[&condition]).unwrap();
    assert_eq!((status, problem["code"].as_str()), (412, Some("stale")));
    assert_eq!(admin(&site, "GET", path, "", &[]).unwrap().2["first_name"], "Al");
}

#[test]
fn a_phone_that_was_reset_comes_back_after_a_claim() {
    let site = Site::start();
    if admin(&site, "POST", "devices", DEVICE, &[]).is_none() {
        return;
    }
    let file = "805ec0112233.cfg";
    let first = curl(&site, "127.0.0.1", file, &[]).unwrap();
    let token = |body: &str| body.split("/t/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let old = token(&first.body);
    assert_eq!(curl(&site, "127.0.0.1", &format!("t/{old}/{file}"), &[]).unwrap().status, 200);
    assert_eq!(curl(&site, "127.0.0.1", file, &[]).unwrap().status, 404);
    let (status, _, _) = admin(&site, "POST", "devices/805ec0112233/claims", r#"{"for": "1h"}"#, &[]).unwrap();
    assert_eq!(status, 201);
    let again = curl(&site, "127.0.0.5", file, &[]).unwrap();
    let new = token(&again.body);
    assert_ne!(old, new);
    // The old token opens until the new one is first used.
    assert_eq!(curl(&site, "127.0.0.6", &format!("t/{old}/{file}"), &[]).unwrap().status, 200);
    assert_eq!(curl(&site, "127.0.0.5", &format!("t/{new}/{file}"), &[]).unwrap().status, 200);
    assert_eq!(curl(&site, "127.0.0.6", &format!("t/{old}/{file}"), &[]).unwrap().status, 404);
}

#[test]
fn what_a_phone_did_and_would_be_given_can_be_looked_at_without_its_secrets() {
    let site = Site::start();
    if admin(&site, "POST", "devices", DEVICE, &[]).is_none() {
        return;
    }
    let owner = r#"{"user": "alice@example.com"}"#;
    assert_eq!(admin(&site, "PUT", "devices/805ec0112233/assignment", owner, &[]).unwrap().0, 200);
    let file = "805ec0112233.cfg";
    let given = curl(&site, "127.0.0.1", file, &[]).unwrap();
    assert_eq!(curl(&site, "127.0.0.9", file, &[]).unwrap().status, 404);
    let (_, _, events) = admin(&site, "GET", "devices/805ec0112233/events", "", &[]).unwrap();
    let of = |event: usize, field: &str| events["items"][event][field].clone();
    assert_eq!((of(0, "decision"), of(0, "reason")), ("refused".into(), "claim_taken".into()));
    assert_eq!((of(1, "decision"), of(1, "proof"), of(1, "file")), ("served".into(), "claim".into(), file.into()));
    assert!(!events.to_string().contains(&given.value("account.1.password")));
    let (_, _, files) = admin(&site, "GET", "devices/805ec0112233/files", "", &[]).unwrap();
    assert_eq!(files["items"], serde_json::json!([file]));
    let masked = crate::support::admin_text(&site, &format!("devices/805ec0112233/files/{file}")).unwrap();
    let secrets = [
        given.value("account.1.password"),
        given.value("static.auto_provision.server.url"),
        given.value("static.security.user_password"),
    ];
    assert!(secrets.iter().all(|secret| !masked.contains(secret)), "{masked}");
    assert_eq!(masked.lines().count(), given.body.lines().count());
    // A phone that nobody knows is remembered, not stored.
    curl(&site, "127.0.0.9", "805ec0999999.cfg", &[]).unwrap();
    let (_, _, pending) = admin(&site, "GET", "pending", "", &[]).unwrap();
    assert_eq!(pending["items"][0]["mac"], "80:5e:c0:99:99:99");
    let (_, _, settings) = admin(&site, "GET", "devices/805ec0112233/settings", "", &[]).unwrap();
    assert_eq!((&settings["language"]["value"], &settings["language"]["layer"]), (&"en".into(), &"default".into()));
    let (status, _, body) = admin(&site, "GET", "status", "", &[]).unwrap();
    assert_eq!((status, &body["store"]["counts"]["devices"]), (200, &1.into()));
}

#[test]
fn sec_l02_the_trail_is_listed_and_verified_over_the_socket() {
    let site = Site::start();
    let place = r#"{"id": "lab", "name": "Lab"}"#;
    let Some((201, ..)) = admin(&site, "POST", "sites", place, &[]) else { return };
    admin(&site, "PATCH", "sites/lab", r#"{"name": "Laboratory"}"#, &[]).unwrap();
    let (status, _, list) = admin(&site, "GET", "audit?kind=site&id=lab", "", &[]).unwrap();
    assert_eq!(status, 200);
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 2, "{list:#}");
    let uid = String::from_utf8(std::process::Command::new("id").arg("-u").output().unwrap().stdout).unwrap();
    assert!(items[0]["actor"].as_str().unwrap().contains(uid.trim()), "{list:#}");
    assert_eq!(items[0]["action"], "replace");
    let change = serde_json::json!([{"field": "name", "from": "Lab", "to": "Laboratory"}]);
    assert_eq!(items[0]["changes"], change);
    assert_eq!(items[0]["hash"].as_str().unwrap().len(), 64);
    let (_, _, page) = admin(&site, "GET", "audit?limit=1", "", &[]).unwrap();
    let cursor = page["next_cursor"].as_str().unwrap();
    let (_, _, next) = admin(&site, "GET", &format!("audit?limit=1&cursor={cursor}"), "", &[]).unwrap();
    assert_eq!(next["items"][0]["id"].as_u64().unwrap() + 1, page["items"][0]["id"].as_u64().unwrap());
    assert_eq!(admin(&site, "GET", "audit?cursor=x", "", &[]).unwrap().0, 400);
    let (status, _, found) = admin(&site, "GET", "audit/verification", "", &[]).unwrap();
    assert_eq!((status, &found["ok"]), (200, &serde_json::json!(true)), "{found:#}");
    assert_eq!(found["administration"]["head"], page["items"][0]["hash"]);
}
