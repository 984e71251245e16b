//! What the daemon finds out by itself: findings with their fix, from the first sign to the cure.

use serde_json::Value;

use crate::support::{Site, admin, curl, tftp};

const MAC: &str = "80:5e:c0:11:22:33";
const FILE: &str = "805ec0112233.cfg";

fn findings(site: &Site) -> Vec<Value> {
    let (status, _, list) = admin(site, "GET", "findings", "", &[]).unwrap();
    assert_eq!(status, 200, "{list}");
    list["items"].as_array().unwrap().clone()
}

fn codes(site: &Site) -> Vec<String> {
    findings(site).iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

fn claim(site: &Site, body: &str) -> u16 {
    admin(site, "POST", &format!("devices/{MAC}/claims"), body, &[]).unwrap().0
}

#[test]
fn sec_d09_claims_that_are_taken_contested_or_late_are_found_and_the_fix_cures_them() {
    let site = Site::start();
    site.enrol(MAC, "T46U", "alice@example.com");
    if admin(&site, "GET", "findings", "", &[]).is_none() {
        return;
    }
    assert_eq!(codes(&site), Vec::<String>::new());
    // From outside the networks of the window.
    assert_eq!(claim(&site, r#"{"from": ["127.0.0.1/32"], "for": "1h"}"#), 201);
    assert_eq!(curl(&site, "127.0.0.7", FILE, &[]).unwrap().status, 404);
    assert_eq!(codes(&site), ["claim_contested"]);
    // One has it, another one asks.
    assert_eq!(curl(&site, "127.0.0.1", FILE, &[]).unwrap().status, 200);
    assert_eq!(curl(&site, "127.0.0.8", FILE, &[]).unwrap().status, 404);
    let found = findings(&site);
    assert_eq!((found.len(), &found[0]["code"], &found[0]["severity"]), (1, &"claim_taken".into(), &"critical".into()));
    let summary = found[0]["summary"].as_str().unwrap();
    assert!(summary.contains("127.0.0.1") && summary.contains("127.0.0.8"), "{summary}");
    assert!(found[0]["fix"].as_str().unwrap().contains(&format!("ztpd device rebind {MAC}")), "{found:?}");
    for field in ["id", "subject", "evidence", "paste", "phones", "first_seen", "last_seen"] {
        assert!(!found[0][field].is_null(), "{field}");
    }
    let path = format!("findings/{}", found[0]["id"].as_str().unwrap());
    assert_eq!(admin(&site, "GET", &path, "", &[]).unwrap().2["code"], "claim_taken");
    // The fix cures it.
    assert_eq!(admin(&site, "POST", &format!("devices/{MAC}/rebind"), "{}", &[]).unwrap().0, 200);
    assert_eq!(codes(&site), Vec::<String>::new());
    assert_eq!(admin(&site, "GET", &path, "", &[]).unwrap().0, 404);
    // A window that closes before the phone came: the shortest there is, and the next second.
    assert_eq!(claim(&site, r#"{"for": "1s"}"#), 201);
    loop {
        let found = codes(&site);
        if found == ["claim_expired"] {
            break;
        }
        assert!(found.is_empty(), "{found:?}");
    }
    assert_eq!(findings(&site)[0]["fix"], format!("ztpd device claim {MAC}"));
}

#[test]
fn sec_d09a_a_reset_phone_and_an_exposed_token_are_found_until_the_phone_is_back() {
    let site = Site::start();
    site.enrol(MAC, "T46U", "alice@example.com");
    let Some(first) = curl(&site, "127.0.0.1", FILE, &[]) else { return };
    let by_token = |body: &crate::support::Client| {
        let url = body.value("static.auto_provision.server.url");
        format!("t/{}/{FILE}", url.split("/t/").nth(1).unwrap().trim_end_matches('/'))
    };
    let path = by_token(&first);
    assert_eq!(curl(&site, "127.0.0.1", &path, &[]).unwrap().status, 200);
    assert_eq!(curl(&site, "127.0.0.2", FILE, &[]).unwrap().status, 404);
    assert_eq!(codes(&site), ["bound_without_proof"]);
    assert_eq!(curl(&site, "127.0.0.1", &path, &[]).unwrap().status, 200);
    assert_eq!(codes(&site), Vec::<String>::new(), "it was somebody else, or it is back");
    // The token is sent where others can read it.
    assert_eq!(tftp(&site, &path), Some(None));
    let found = findings(&site);
    assert_eq!((found.len(), &found[0]["code"]), (1, &"token_exposed".into()), "{found:?}");
    assert_eq!(curl(&site, "127.0.0.1", &path, &[]).unwrap().status, 404);
    assert_eq!(claim(&site, "{}"), 201);
    let again = curl(&site, "127.0.0.1", FILE, &[]).unwrap();
    assert_eq!(curl(&site, "127.0.0.1", &by_token(&again), &[]).unwrap().status, 200);
    assert_eq!(codes(&site), Vec::<String>::new());
}

#[test]
fn a_parked_bootstrap_is_a_finding_and_lists_are_filtered_and_paged() {
    let site = Site::start_with("public_url = \"https://nowhere.invalid\"\n");
    for number in 0..3 {
        let mac = format!("80:5e:c0:22:00:{number:02x}");
        site.enrol(&mac, "T46U", "alice@example.com");
        let path = format!("devices/{mac}/claims");
        if admin(&site, "POST", &path, r#"{"from": ["127.0.0.1/32"]}"#, &[]).is_none() {
            return;
        }
        ask_port(&site, &format!("805ec02200{number:02x}.cfg"));
    }
    let found = findings(&site);
    assert_eq!(found[0]["code"], "bootstrap_parked");
    assert_eq!((&found[0]["phones"], &found[0]["subject"]["id"]), (&3.into(), &"https://nowhere.invalid".into()));
    assert_eq!(found.len(), 4);
    let get = |query: &str| admin(&site, "GET", &format!("findings?{query}"), "", &[]).unwrap();
    assert_eq!(get("code=claim_contested").2["items"].as_array().unwrap().len(), 3);
    assert_eq!(get("severity=error").2["items"].as_array().unwrap().len(), 1);
    assert_eq!(get("mac=805ec0220001").2["items"][0]["subject"]["id"], "80:5e:c0:22:00:01");
    let mut seen = Vec::new();
    let mut query = "limit=3".to_owned();
    loop {
        let (_, _, page) = get(&query);
        seen.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else { break };
        query = format!("limit=3&cursor={next}");
    }
    let ids = |found: &[Value]| -> Vec<Value> { found.iter().map(|finding| finding["id"].clone()).collect() };
    assert_eq!(ids(&seen), ids(&found));
    assert_eq!(get("colour=red").0, 400);
}

fn readyz(site: &Site) -> String {
    let mut command = std::process::Command::new("curl");
    let output = command.args(["-sS", "--unix-socket"]).arg(&site.socket).arg("http://ztpd/readyz").output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_keeps_phones_from_their_settings_is_told_to_who_asks_whether_all_is_well() {
    let site = Site::start_with("public_url = \"https://nowhere.invalid\"\n");
    site.enrol(MAC, "T46U", "alice@example.com");
    if admin(&site, "GET", "sites", "", &[]).is_none() {
        return;
    }
    let said = readyz(&site);
    assert!(said.starts_with("degraded: bootstrap_parked: ") && said.contains("nowhere.invalid"), "{said}");
    let (_, _, status) = admin(&site, "GET", "status", "", &[]).unwrap();
    assert_eq!((&status["ready"], status["reasons"].as_array().unwrap().len()), (&false.into(), 1), "{status}");
    let site = Site::start();
    assert_eq!(readyz(&site), "ready\n");
    let site = Site::start();
    site.enrol(MAC, "T46U", "alice@example.com");
    assert_eq!(curl(&site, "127.0.0.1", FILE, &[]).unwrap().status, 200);
    assert_eq!(curl(&site, "127.0.0.2", FILE, &[]).unwrap().status, 404);
    let said = readyz(&site);
    assert_eq!(said, "degraded: claim_taken: 1 of them, see `ztpd finding list --code claim_taken`\n");
}

/// Asks the daemon at its bound address, whatever its public URL says.
fn ask_port(site: &Site, file: &str) {
    assert_eq!(curl(site, "127.0.0.9", file, &[]).unwrap().status, 404);
}
