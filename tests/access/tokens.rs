//! D2, D8, D9, D27: tokens that are replaced or exposed, claims and windows that outlive the daemon, phones behind NAT.

use std::process::Command;

use ztpd::inventory::event::Plane;
use ztpd::provision::{ClientCertificate, Method, Request};

use crate::support::{Client, Site, admin, curl};

const MAC: &str = "80:5e:c0:11:22:33";
const FILE: &str = "805ec0112233.cfg";

fn by_token(file: &Client) -> String {
    let url = file.value("static.auto_provision.server.url");
    format!("t/{}/{FILE}", url.split("/t/").nth(1).unwrap().trim_end_matches('/'))
}

fn reason(site: &Site) -> String {
    let (_, _, events) = admin(site, "GET", &format!("devices/{MAC}/events?limit=1"), "", &[]).unwrap();
    events["items"][0]["reason"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn sec_d08_a_replaced_token_opens_until_the_new_one_is_used() {
    let site = Site::start();
    site.enrol(MAC, "T46U", "alice@example.com");
    let Some(first) = curl(&site, "127.0.0.1", FILE, &[]) else { return };
    let old = by_token(&first);
    assert_eq!(curl(&site, "127.0.0.1", &old, &[]).unwrap().status, 200);
    let path = format!("devices/{MAC}/token-rotations");
    assert_eq!(admin(&site, "POST", &path, "{}", &[]).unwrap().0, 200);
    let told = curl(&site, "127.0.0.1", &old, &[]).unwrap();
    assert_eq!(told.status, 200, "the old one opens");
    let new = by_token(&told);
    assert_ne!(old, new, "and brings the new one");
    let site = site.restart("");
    assert_eq!(curl(&site, "127.0.0.1", &old, &[]).unwrap().status, 200, "also after a restart");
    assert_eq!(curl(&site, "127.0.0.1", &new, &[]).unwrap().status, 200);
    assert_eq!(curl(&site, "127.0.0.1", &old, &[]).unwrap().status, 404);
}

#[test]
fn sec_d02_a_token_on_plain_http_is_revoked_at_once_and_nothing_is_redirected() {
    let site = Site::start();
    site.enrol(MAC, "T46U", "alice@example.com");
    let Some(first) = curl(&site, "127.0.0.1", FILE, &[]) else { return };
    let path = by_token(&first);
    assert_eq!(curl(&site, "127.0.0.1", &path, &[]).unwrap().status, 200);
    let url = format!("http://127.0.0.1:{}/{path}", site.http);
    let output = Command::new("curl").args(["-sS", "-i", &url]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("HTTP/1.1 404 ") && !text.to_lowercase().contains("location:"), "{text}");
    assert_eq!(curl(&site, "127.0.0.1", &path, &[]).unwrap().status, 404, "no overlap");
}

#[test]
fn sec_d09_a_claim_and_a_window_outlive_the_daemon() {
    let site = Site::start();
    site.enrol(MAC, "T46U", "alice@example.com");
    let site = site.restart("");
    let Some(first) = curl(&site, "127.0.0.1", FILE, &[]) else { return };
    assert_eq!(first.status, 200, "the window was kept");
    let site = site.restart("");
    assert_eq!(curl(&site, "127.0.0.2", FILE, &[]).unwrap().status, 404);
    assert_eq!(reason(&site), "claim_taken");
    let again = curl(&site, "127.0.0.1", FILE, &[]).unwrap();
    assert_eq!((again.status, by_token(&again)), (200, by_token(&first)), "the claim was kept");
}

#[test]
fn sec_d27_a_wall_clock_that_was_set_back_meanwhile_does_not_open_a_window_again() {
    let site = Site::start();
    site.enrol(MAC, "T46U", "alice@example.com");
    // What the daemon would have written had the wall clock been a day and an hour ahead of what it is now.
    let kept = site.socket.with_file_name("clock.json");
    let mut clock: serde_json::Value = serde_json::from_slice(&std::fs::read(&kept).unwrap()).unwrap();
    let ahead = site.now.saturating_add(jiff::SignedDuration::from_hours(25)).unwrap();
    clock["time"] = ahead.to_string().into();
    let site = site.restart_after(|| std::fs::write(&kept, clock.to_string()).unwrap());
    let Some(late) = curl(&site, "127.0.0.1", FILE, &[]) else { return };
    assert_eq!(late.status, 404);
    assert_eq!(reason(&site), "claim_closed");
}

#[test]
fn sec_d09_an_address_begins_three_claims_an_hour_and_a_nat_exit_any_number() {
    let site = Site::start();
    let networks = r#"{"networks": ["10.0.0.0/8", "192.0.2.7/32"]}"#;
    if admin(&site, "PATCH", "sites/hq", networks, &[]).is_none() {
        return;
    }
    for number in 0..60 {
        site.enrol_for_nobody(&format!("80:5e:c0:44:00:{number:02x}"), "T46U");
    }
    let ask = |peer: [u8; 4], number: i32| {
        let target = format!("/805ec04400{number:02x}.cfg");
        let (local, time) = (([10, 0, 0, 1], 443).into(), site.pipeline.clock.now());
        let peer = peer.into();
        let certificate = ClientCertificate::None;
        let request = Request {
            plane: Plane::Https,
            method: Method::Get,
            target,
            user_agent: None,
            authorization: None,
            certificate,
            proxied_tls: None,
            peer,
            local,
            time,
        };
        site.pipeline.answer(&request).status
    };
    let served: Vec<i32> = (0..10).filter(|number| ask([10, 0, 0, 9], *number) == 200).collect();
    assert_eq!(served, [0, 1, 2]);
    assert!(served.iter().all(|number| ask([10, 0, 0, 9], *number) == 200), "what it has it may fetch again");
    // Sixty phones behind one exit, and as many unknown ones that knock there too.
    for number in 0..60 {
        ask([192, 0, 2, 7], 100 + number);
    }
    assert!((3..60).all(|number| ask([192, 0, 2, 7], number) == 200));
}
