//! A thief with the whole `data_dir`, before and after the data keys changed.

use std::path::Path;
use std::process::Command;

use crate::support::{Client, Site, admin, curl};

const MAC: &str = "80:5e:c0:00:00:01";
const FILE: &str = "805ec0000001.cfg";

/// The files below a folder in which `grep` finds a text.
fn grep(text: &str, folder: &Path) -> String {
    let found = Command::new("grep").args(["-rFal", "--", text]).arg(folder).output().unwrap();
    String::from_utf8(found.stdout).unwrap()
}

/// The secrets a phone was given: its token, its SIP password, the password of its web page.
fn secrets(file: &Client) -> Vec<String> {
    let url = file.value("static.auto_provision.server.url");
    let token = url.split("/t/").nth(1).unwrap().trim_end_matches('/').to_owned();
    let password = file.value("account.1.password");
    let admin = file.value("static.security.user_password").trim_start_matches("admin:").to_owned();
    vec![token, password, admin]
}

fn data_dir(site: &Site) -> &Path {
    site.socket.parent().unwrap()
}

#[test]
fn sec_k02_what_a_phone_was_given_is_found_nowhere_in_the_data_folder() {
    let site = Site::start();
    site.enrol(MAC, "T46U", "alice@example.com");
    let Some(first) = curl(&site, "127.0.0.1", FILE, &[]) else { return };
    let given = secrets(&first);
    assert!(given.iter().all(|secret| secret.len() >= 20), "{} of {given:?}", given.len());
    let mine = r#"{"sip": {"password": "CorrectHorseBatteryStaple9"}}"#;
    assert_eq!(admin(&site, "PATCH", "users/alice@example.com", mine, &[]).unwrap().0, 200);
    let by_token = format!("t/{}/{FILE}", given[0]);
    assert_eq!(curl(&site, "127.0.0.1", &by_token, &[]).unwrap().status, 200);
    site.store.flush().unwrap();
    assert!(grep("alice@example.com", data_dir(&site)).contains("journal"), "grep finds what is no secret");
    for secret in given.iter().map(String::as_str).chain(["CorrectHorseBatteryStaple9"]) {
        assert_eq!(grep(secret, data_dir(&site)), "", "{secret}");
    }
}

#[test]
fn sec_k03_new_data_keys_change_nothing_for_a_phone() {
    let site = Site::start();
    site.enrol(MAC, "T46U", "alice@example.com");
    let Some(first) = curl(&site, "127.0.0.1", FILE, &[]) else { return };
    let by_token = format!("t/{}/{FILE}", secrets(&first)[0]);
    for round in 1..=3 {
        let (status, _, done) = admin(&site, "POST", "keys/rotations", "{}", &[]).unwrap();
        assert_eq!((status, &done["key"], &done["forgotten"]), (201, &(round + 1).into(), &serde_json::json!([round])));
        assert_eq!(curl(&site, "127.0.0.1", &by_token, &[]).unwrap().body, first.body);
    }
    let (_, _, keys) = admin(&site, "GET", "keys", "", &[]).unwrap();
    assert_eq!((&keys["items"], &keys["rotating"]), (&serde_json::json!([{"id": 4, "seals": true}]), &false.into()));
    let (_, _, trail) = admin(&site, "GET", "audit?action=rotate", "", &[]).unwrap();
    assert_eq!(trail["items"].as_array().unwrap().len(), 3);
    let site = site.restart("");
    assert_eq!(curl(&site, "127.0.0.1", &by_token, &[]).unwrap().status, 200, "the URL's port is another one now");
}
