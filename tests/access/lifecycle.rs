//! D24: `quarantine`, `release`, `rebind` and `retire`, effective on connections that are open.

use serde_json::Value;

use crate::connection::Connection;
use crate::support::{Client, Site, admin, curl};

const MAC: &str = "80:5e:c0:11:22:33";
const FILE: &str = "805ec0112233.cfg";

/// A phone that has claimed and shown its token: the path with it.
fn bound(site: &Site) -> Option<String> {
    site.enrol(MAC, "T46U", "alice@example.com");
    let first = curl(site, "127.0.0.1", FILE, &[])?;
    let path = path_of(&first);
    assert_eq!(curl(site, "127.0.0.1", &path, &[])?.status, 200);
    Some(path)
}

fn path_of(file: &Client) -> String {
    let url = file.value("static.auto_provision.server.url");
    format!("t/{}/{FILE}", url.split("/t/").nth(1).unwrap().trim_end_matches('/'))
}

fn wish(site: &Site, verb: &str) -> (u16, Value) {
    let (status, _, value) = admin(site, "POST", &format!("devices/{MAC}/{verb}"), "{}", &[]).unwrap();
    (status, value)
}

fn reason(site: &Site) -> Value {
    let (_, _, events) = admin(site, "GET", &format!("devices/{MAC}/events?limit=1"), "", &[]).unwrap();
    events["items"][0]["reason"].clone()
}

#[test]
fn sec_d24_a_quarantine_holds_on_an_open_connection_and_a_release_ends_it() {
    let site = Site::start();
    let Some(path) = bound(&site) else { return };
    let Some(mut phone) = Connection::open(&site) else { return };
    assert_eq!(phone.get(&path).status, 200);
    let (status, device) = wish(&site, "quarantine");
    assert_eq!(
        (status, &device["access"], &device["barred"]["reason"]),
        (200, &"quarantined".into(), &"operator".into())
    );
    let refused = phone.get(&path);
    assert_eq!((refused.status, refused.body.as_str()), (404, "not found\n"));
    assert_eq!(reason(&site), "quarantined");
    // A stranger's refusal looks the same.
    let stranger = phone.get("805ec0999999.cfg");
    let without_date = |headers: Vec<String>| -> Vec<String> {
        headers.into_iter().filter(|header| !header.starts_with("date:")).collect()
    };
    assert_eq!(without_date(stranger.headers), without_date(refused.headers));
    let (status, device) = wish(&site, "release");
    assert_eq!((status, &device["access"], &device["barred"]), (200, &"bound".into(), &Value::Null));
    assert_eq!(phone.get(&path).status, 200);
}

#[test]
fn sec_d24_only_an_operator_leaves_a_quarantine() {
    let site = Site::start();
    let Some(path) = bound(&site) else { return };
    let (_, first) = wish(&site, "quarantine");
    assert_eq!(wish(&site, "quarantine"), (200, first), "the second changes nothing");
    let path_of_claims = format!("devices/{MAC}/claims");
    let (status, _, problem) = admin(&site, "POST", &path_of_claims, r#"{"for": "1h"}"#, &[]).unwrap();
    assert_eq!((status, problem["code"].as_str()), (409, Some("quarantined")));
    assert!(problem["detail"].as_str().unwrap().contains(&format!("ztpd device release {MAC}")), "{problem}");
    // Neither a new site with networks nor a restart opens anything.
    let (status, _, _) =
        admin(&site, "POST", "sites", r#"{"id": "b", "name": "B", "networks": ["127.0.0.0/8"]}"#, &[]).unwrap();
    assert_eq!(status, 201);
    assert_eq!(admin(&site, "PATCH", &format!("devices/{MAC}"), r#"{"site": "b"}"#, &[]).unwrap().0, 200);
    let site = site.restart("");
    assert_eq!(curl(&site, "127.0.0.1", &path, &[]).unwrap().status, 404);
    assert_eq!(curl(&site, "127.0.0.1", FILE, &[]).unwrap().status, 404);
    assert_eq!(wish(&site, "release").0, 200);
    assert_eq!(curl(&site, "127.0.0.1", &path, &[]).unwrap().status, 200);
    assert_eq!(wish(&site, "release").0, 200, "of one that is not quarantined: no change");
}

#[test]
fn sec_d24_retire_revokes_at_once_on_an_open_connection_and_is_final() {
    let site = Site::start();
    let Some(path) = bound(&site) else { return };
    let Some(mut phone) = Connection::open(&site) else { return };
    assert_eq!(phone.get(&path).status, 200);
    let (status, device) = wish(&site, "retire");
    assert_eq!((status, &device["access"]), (200, &"retired".into()));
    let reminder = device["next"][0].as_str().unwrap();
    assert!(reminder.contains("SIP password of user alice@example.com"), "{reminder}");
    assert_eq!(phone.get(&path).status, 404);
    assert_eq!(reason(&site), "retired");
    for verb in ["quarantine", "release", "rebind", "token-rotations", "claims"] {
        let (status, problem) = wish(&site, verb);
        assert_eq!((status, problem["code"].as_str()), (409, Some("retired")), "{verb}");
    }
    assert_eq!(wish(&site, "retire").0, 200, "again: no change");
    // Its MAC stays out of reach until it is removed; then it begins anew.
    let body = format!(r#"{{"mac": "{MAC}", "maker": "yealink", "model": "T46U"}}"#);
    assert_eq!(admin(&site, "POST", "devices", &body, &[]).unwrap().0, 409);
    assert_eq!(admin(&site, "DELETE", &format!("devices/{MAC}"), "", &[]).unwrap().0, 204);
    assert_eq!(admin(&site, "POST", "devices", &body, &[]).unwrap().0, 201);
    assert_eq!(phone.get(&path).status, 404, "the old token opens nothing");
    assert_eq!(phone.get(FILE).status, 200);
}

#[test]
fn sec_d24_a_rebound_device_forgets_its_token_and_may_claim() {
    let site = Site::start();
    let Some(path) = bound(&site) else { return };
    assert_eq!(wish(&site, "quarantine").0, 200);
    let (status, device) = wish(&site, "rebind");
    assert_eq!((status, &device["access"]), (200, &"claim_open".into()), "{device}");
    assert!(device["next"][0].as_str().unwrap().contains("boot before"), "{device}");
    assert_eq!(curl(&site, "127.0.0.1", &path, &[]).unwrap().status, 404, "what it knew opens nothing");
    let again = curl(&site, "127.0.0.1", FILE, &[]).unwrap();
    assert_eq!(again.status, 200);
    assert_eq!(curl(&site, "127.0.0.1", &path_of(&again), &[]).unwrap().status, 200);
}

#[test]
fn a_lifecycle_wish_takes_no_fields_and_needs_a_device() {
    let site = Site::start();
    site.enrol(MAC, "T46U", "alice@example.com");
    let path = format!("devices/{MAC}/quarantine");
    let Some((status, _, problem)) = admin(&site, "POST", &path, r#"{"reason": "x"}"#, &[]) else { return };
    assert_eq!((status, problem["errors"][0]["pointer"].as_str()), (422, Some("/reason")), "{problem}");
    let (_, _, device) = admin(&site, "GET", &format!("devices/{MAC}"), "", &[]).unwrap();
    assert_eq!(device["access"], "claim_open", "a refused wish changes nothing");
    assert_eq!(admin(&site, "POST", "devices/80:5e:c0:00:00:01/retire", "{}", &[]).unwrap().0, 404);
    assert_eq!(admin(&site, "POST", &path, "", &[]).unwrap().0, 200, "an empty body says the same as {{}}");
}
