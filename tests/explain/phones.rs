//! Planted faults of templates, makers and assignment, and phones that got as far as they should or half the way.

use crate::support::{Site, admin, curl, tftp};
use crate::{FILE, MAC, broken, explained, has_curl, names};

const AGENT: &str = "Yealink SIP-T46U 108.86.0.20 80:5e:c0:11:22:33";

fn get(site: &Site, path: &str) -> u16 {
    curl(site, "127.0.0.1", path, &[]).unwrap().status
}

#[test]
fn a_phone_that_is_fine_and_one_that_belongs_to_nobody() {
    let site = Site::start();
    if !has_curl(&site) {
        return;
    }
    site.enrol(MAC, "T46U", "alice@example.com");
    assert_eq!(curl(&site, "127.0.0.1", FILE, &["-A", AGENT]).unwrap().status, 200);
    names(&site, MAC, "provisioned");
    let found = explained(&site, MAC).unwrap();
    assert_eq!(found["phone"]["firmware"], "108.86.0.20");
    assert_eq!((&found["phone"]["provisioning"], &found["phone"]["maker"]), (&"current".into(), &"yealink".into()));
    let steps = found["steps"].as_array().unwrap();
    let kinds: Vec<&str> = steps.iter().map(|step| step["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["tls", "request"], "{found:#}");
    assert_eq!(steps[0]["handshake"]["version"], "TLS 1.3");
    assert!(steps[0]["handshake"]["cipher"].as_str().unwrap().starts_with("TLS13_"), "{found:#}");
    assert_eq!(steps[1]["event"]["sha256"].as_str().unwrap().len(), 64);
    site.enrol_for_nobody("80:5e:c0:11:22:44", "T46U");
    assert_eq!(get(&site, "805ec0112244.cfg"), 200);
    let (_, fix) = names(&site, "80:5e:c0:11:22:44", "not_assigned");
    assert!(fix.contains("ztpd device assign 80:5e:c0:11:22:44"), "{fix}");
}

#[test]
fn a_phone_whose_settings_have_changed_since() {
    let site = Site::start();
    if !has_curl(&site) {
        return;
    }
    site.enrol(MAC, "T46U", "alice@example.com");
    assert_eq!(get(&site, FILE), 200);
    let change = r#"{"settings": {"yealink:account.1.dnd": "1"}}"#;
    assert_eq!(admin(&site, "PATCH", &format!("devices/{MAC}"), change, &[]).unwrap().0, 200);
    names(&site, MAC, "outdated");
}

#[test]
fn a_phone_that_asks_for_another_makers_files() {
    let site = Site::start();
    if !has_curl(&site) {
        return;
    }
    site.enrol(MAC, "T46U", "alice@example.com");
    assert_eq!(get(&site, "cfg805ec0112233.xml"), 404);
    let (summary, fix) = names(&site, MAC, "wrong_maker");
    assert!(summary.contains("cfg805ec0112233.xml"), "{summary}");
    assert!(fix.contains(&format!("ztpd device set {MAC} --maker")), "{fix}");
}

#[test]
fn a_template_that_fails_for_this_phone() {
    let templates = tempfile::tempdir().unwrap();
    std::fs::create_dir(templates.path().join("yealink")).unwrap();
    let text = "#!version:1.0.0.1\n{% if device.name == \"lobby\" %}\nfeatures.dnd.enable = 1\n{% endif %}\nx = 1\n";
    std::fs::write(templates.path().join("yealink/lobby.cfg"), text).unwrap();
    let site = Site::start_with(&format!("[templates]\ndir = {:?}\n", templates.path()));
    if !has_curl(&site) {
        return;
    }
    site.enrol(MAC, "T46U", "alice@example.com");
    let change = |body: &str| admin(&site, "PATCH", &format!("devices/{MAC}"), body, &[]).unwrap();
    let (status, _, answer) = change(r#"{"template": "yealink/lobby.cfg", "name": "lobby"}"#);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(get(&site, FILE), 500);
    let (_, fix) = names(&site, MAC, "template_fault");
    assert!(fix.contains(&format!("ztpd device render {MAC}")), "{fix}");
    assert_eq!(broken(&site, MAC)["event"]["decision"], "failed");
    // It was served, and would fail now.
    assert_eq!(change(r#"{"name": "hall"}"#).0, 200);
    assert_eq!(get(&site, FILE), 200);
    assert_eq!(change(r#"{"name": "lobby"}"#).0, 200);
    names(&site, MAC, "template_fault");
}

#[test]
fn a_phone_that_was_given_the_bootstrap_and_never_came_back() {
    let site = Site::start();
    if !has_curl(&site) {
        return;
    }
    site.enrol(MAC, "T46U", "alice@example.com");
    let url = format!("http://127.0.0.1:{}/y000000000108.cfg", site.http);
    assert!(crate::support::fetch(&site, &url, AGENT).is_some());
    let (summary, fix) = names(&site, MAC, "bootstrap_only");
    assert!(summary.contains(&site.url) && fix.contains("wait"), "{summary} {fix}");
    assert_eq!(broken(&site, MAC)["event"]["plane"], "http");
}

#[test]
fn a_bootstrap_that_leads_nowhere() {
    let site = Site::start_with("public_url = \"https://nowhere.invalid\"\n");
    if !has_curl(&site) {
        return;
    }
    site.enrol(MAC, "T46U", "alice@example.com");
    let url = format!("http://127.0.0.1:{}/y000000000108.cfg", site.http);
    assert!(crate::support::fetch(&site, &url, AGENT).is_some());
    let (summary, _) = names(&site, MAC, "bootstrap_parked");
    assert!(summary.contains("nowhere.invalid"), "{summary}");
}

#[test]
fn a_phone_that_only_asks_for_its_own_file_unencrypted() {
    let site = Site::start();
    if !has_curl(&site) {
        return;
    }
    site.enrol(MAC, "T46U", "alice@example.com");
    if tftp(&site, FILE).is_none() {
        return;
    }
    names(&site, MAC, "insecure_channel");
}
