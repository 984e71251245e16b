//! Planted faults of the inventory and of access.

use serde_json::json;

use crate::lookalike::{Wish, Workshop};
use crate::support::{Site, admin, curl, tftp};
use crate::{FILE, MAC, broken, has_curl, names};

fn post(site: &Site, path: &str, body: &str) -> u16 {
    admin(site, "POST", path, body, &[]).unwrap().0
}

fn device(site: &Site, verb: &str, body: &str) {
    let status = post(site, &format!("devices/{MAC}/{verb}"), body);
    assert!(matches!(status, 200 | 201), "{verb}: {status}");
}

fn get(site: &Site, from: &str, path: &str) -> u16 {
    curl(site, from, path, &[]).unwrap().status
}

/// The path of the phone's file with its token, from the file it claimed.
fn by_token(site: &Site) -> String {
    let first = curl(site, "127.0.0.1", FILE, &[]).unwrap();
    assert_eq!(first.status, 200);
    let url = first.value("static.auto_provision.server.url");
    format!("t/{}/{FILE}", url.split("/t/").nth(1).unwrap().trim_end_matches('/'))
}

#[test]
fn a_phone_nobody_ever_saw() {
    let site = Site::start();
    if !has_curl(&site) {
        return;
    }
    let (summary, _) = names(&site, "80-5E-C0-77-00-01", "never_seen");
    assert!(summary.contains("80:5e:c0:77:00:01") && summary.contains("not in the inventory"), "{summary}");
    site.enrol(MAC, "T46U", "alice@example.com");
    let (summary, fix) = names(&site, MAC, "never_seen");
    assert!(summary.contains("is in the inventory"), "{summary}");
    assert!(fix.contains("ztpd dhcp watch"), "{fix}");
}

#[test]
fn a_phone_that_asks_and_is_not_in_the_inventory() {
    let site = Site::start();
    if !has_curl(&site) {
        return;
    }
    assert_eq!(get(&site, "127.0.0.1", FILE), 404);
    let (_, fix) = names(&site, MAC, "not_in_inventory");
    assert!(fix.contains(&format!("ztpd device adopt {MAC}")), "{fix}");
    assert_eq!(broken(&site, MAC)["kind"], "request");
}

#[test]
fn a_mac_with_a_digit_mistyped_or_swapped() {
    for (typed, real) in [
        ("80:5e:c0:11:22:34", "80:5e:c0:11:22:39"),
        ("80:5e:c0:11:22:34", "80:5e:c0:11:22:43"),
        ("80:5e:c0:11:22:34", "80:5e:c0:22:11:34"),
    ] {
        let site = Site::start();
        if !has_curl(&site) {
            return;
        }
        site.enrol(typed, "T46U", "alice@example.com");
        assert_eq!(get(&site, "127.0.0.1", &format!("{}.cfg", real.replace(':', ""))), 404);
        let (summary, fix) = names(&site, real, "near_miss");
        assert!(summary.contains(typed) && fix.contains(&format!("ztpd device rm {typed}")), "{summary} {fix}");
        // The same from the other side.
        let (summary, fix) = names(&site, typed, "near_miss");
        assert!(summary.contains(real) && fix.contains(real), "{summary} {fix}");
    }
}

#[test]
fn a_phone_that_looks_like_one_which_works_is_just_another_one() {
    let site = Site::start();
    if !has_curl(&site) {
        return;
    }
    site.enrol(MAC, "T46U", "alice@example.com");
    assert_eq!(get(&site, "127.0.0.1", FILE), 200);
    assert_eq!(get(&site, "127.0.0.2", "805ec0112234.cfg"), 404);
    names(&site, "80:5e:c0:11:22:34", "not_in_inventory");
}

#[test]
fn a_window_that_is_shut_contested_or_taken() {
    let site = Site::start();
    if !has_curl(&site) {
        return;
    }
    site.enrol(MAC, "T46U", "alice@example.com");
    assert_eq!(admin(&site, "DELETE", &format!("devices/{MAC}/claims"), "", &[]).unwrap().0, 204);
    assert_eq!(get(&site, "127.0.0.1", FILE), 404);
    let (_, fix) = names(&site, MAC, "claim_closed");
    assert_eq!(fix, format!("ztpd device claim {MAC}"));
    assert_eq!(broken(&site, MAC)["event"]["reason"], "claim_closed");
    device(&site, "claims", r#"{"from": ["127.0.0.1/32"], "for": "1h"}"#);
    assert_eq!(get(&site, "127.0.0.7", FILE), 404);
    let (summary, fix) = names(&site, MAC, "claim_contested");
    assert!(summary.contains("127.0.0.7") && fix.contains("--from 127.0.0.7/32"), "{summary} {fix}");
    assert_eq!(get(&site, "127.0.0.1", FILE), 200);
    assert_eq!(get(&site, "127.0.0.8", FILE), 404);
    let (summary, _) = names(&site, MAC, "claim_taken");
    assert!(summary.contains("127.0.0.1") && summary.contains("127.0.0.8"), "{summary}");
}

#[test]
fn a_phone_that_was_reset_and_one_whose_token_was_exposed() {
    let site = Site::start();
    if !has_curl(&site) {
        return;
    }
    site.enrol(MAC, "T46U", "alice@example.com");
    let path = by_token(&site);
    assert_eq!(get(&site, "127.0.0.1", &path), 200);
    names(&site, MAC, "provisioned");
    assert_eq!(get(&site, "127.0.0.1", FILE), 404);
    let (_, fix) = names(&site, MAC, "bound_without_proof");
    assert!(fix.contains(&format!("ztpd device claim {MAC}")), "{fix}");
    if tftp(&site, &path).is_none() {
        return;
    }
    assert_eq!(get(&site, "127.0.0.1", &path), 404);
    names(&site, MAC, "token_exposed");
}

#[test]
fn a_wrong_token_is_no_proof() {
    let site = Site::start();
    if !has_curl(&site) {
        return;
    }
    site.enrol(MAC, "T46U", "alice@example.com");
    assert_eq!(get(&site, "127.0.0.1", &format!("t/wrong/{FILE}")), 404);
    names(&site, MAC, "no_proof");
}

#[test]
fn a_phone_that_is_quarantined_or_retired() {
    let site = Site::start();
    if !has_curl(&site) {
        return;
    }
    site.enrol(MAC, "T46U", "alice@example.com");
    device(&site, "quarantine", "{}");
    let (_, fix) = names(&site, MAC, "quarantined");
    assert_eq!(fix, format!("ztpd device release {MAC}"));
    device(&site, "release", "{}");
    device(&site, "retire", "{}");
    names(&site, MAC, "retired");
}

#[test]
fn certificates_of_another_phone_of_nobody_and_of_another_key() {
    let Some(shop) = Workshop::open() else { return };
    let site = Site::start();
    if !has_curl(&site) {
        return;
    }
    let root = shop.make(Wish::authority("/O=Yealink/CN=Root"), None);
    let with = |subject: &str| {
        let phone = shop.make(Wish::phone(subject), Some(&root));
        let (certificate, key) = (phone.certificate.to_str().unwrap(), phone.key.to_str().unwrap());
        curl(&site, "127.0.0.1", FILE, &["--cert", certificate, "--key", key]).unwrap().status
    };
    site.enrol(MAC, "T46U", "alice@example.com");
    assert_eq!(admin(&site, "DELETE", &format!("devices/{MAC}/claims"), "", &[]).unwrap().0, 204);
    assert_eq!(with("/O=Yealink/CN=805EC0112233"), 404);
    let (summary, fix) = names(&site, MAC, "certificate_rejected");
    assert!(summary.contains("no configured authority") && fix.contains("ztpd authority add"), "{summary} {fix}");
    let trust = json!({"maker": "yealink", "pem": root.pem(), "tolerate": [], "confirm": true});
    assert_eq!(post(&site, "authorities", &trust.to_string()), 201);
    assert_eq!(with("/O=Yealink/CN=805EC0999999"), 404);
    names(&site, MAC, "certificate_mismatch");
    assert_eq!(with("/O=Yealink/CN=805EC0112233"), 200);
    names(&site, MAC, "provisioned");
    assert_eq!(with("/O=Yealink/CN=805EC0112233"), 404, "another key");
    let (_, fix) = names(&site, MAC, "identity_changed");
    assert!(fix.contains(&format!("ztpd device rebind {MAC}")), "{fix}");
}
