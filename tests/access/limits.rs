//! D12 and D13: what a stranger can find out by asking, and how soon it is shut out.

use std::net::IpAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use ztpd::inventory::event::Plane;
use ztpd::inventory::mac::MacAddr;
use ztpd::provision::{ClientCertificate, Method, Request};

use crate::connection::Connection;
use crate::support::{Site, admin, curl};

const OPEN: &str = "80:5e:c0:10:00:01";
const FILE: &str = "805ec0112233.cfg";
const MAC: &str = "80:5e:c0:11:22:33";

/// The statuses of a sweep over 4,096 neighbours with curl, eight connections at once.
fn sweep(site: &Site, source: &str) -> Vec<String> {
    let mut command = Command::new("curl");
    command.args(["-sS", "-Z", "--parallel-max", "8", "--interface", source, "--cacert"]).arg(&site.authority);
    command.args(["-o", "/dev/null", "-w", "%{http_code} %{size_download} %{num_headers}\n"]);
    command.arg(format!("{}/805ec01[20000-24095].cfg", site.url));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn sec_d13_a_sweep_is_shut_out_while_phones_at_the_same_address_are_served() {
    let site = Site::start_with("[limits]\nglobal_failures_per_minute = 100000\n");
    site.enrol(MAC, "T46U", "alice@example.com");
    site.enrol("80:5e:c0:12:10:00", "T46U", "alice@example.com");
    let Some(first) = curl(&site, "127.0.0.5", FILE, &[]) else { return };
    let token = first.value("static.auto_provision.server.url");
    let path = format!("t/{}/{FILE}", token.split("/t/").nth(1).unwrap().trim_end_matches('/'));
    assert_eq!(curl(&site, "127.0.0.5", &path, &[]).unwrap().status, 200);
    // One of the neighbours is known, and has its secrets already.
    let known = "805ec0121000.cfg";
    assert_eq!(curl(&site, "127.0.0.6", known, &[]).unwrap().status, 200);
    let answers = sweep(&site, "127.0.0.5");
    assert_eq!(answers.len(), 4_096);
    assert!(answers.iter().all(|answer| *answer == "404 10 3"), "all alike: {:?}", answers[0]);
    // What is remembered of it: the few before it was shut out, not the rest.
    let (_, _, pending) = admin(&site, "GET", "pending", "", &[]).unwrap();
    let remembered = pending["items"].as_array().unwrap().len();
    assert!((1..=7).contains(&remembered), "{remembered}");
    assert_eq!(curl(&site, "127.0.0.5", known, &[]).unwrap().status, 404);
    let (_, _, events) = admin(&site, "GET", "devices/805ec0121000/events?limit=1", "", &[]).unwrap();
    assert_eq!(events["items"][0]["reason"], "limited", "{events}");
    // The proven phone and the one whose window is open are served all the same; so are public files.
    assert_eq!(curl(&site, "127.0.0.5", &path, &[]).unwrap().status, 200);
    site.enrol(OPEN, "T46U", "alice@example.com");
    assert_eq!(curl(&site, "127.0.0.5", "805ec0100001.cfg", &[]).unwrap().status, 200);
    assert_eq!(curl(&site, "127.0.0.5", "y000000000108.cfg", &[]).unwrap().status, 200);
    // A stranger elsewhere is not concerned.
    assert_eq!(curl(&site, "127.0.0.7", known, &[]).unwrap().status, 404);
    let (_, _, events) = admin(&site, "GET", "devices/805ec0121000/events?limit=1", "", &[]).unwrap();
    assert_ne!(events["items"][0]["reason"], "limited", "{events}");
}

/// A request as a listener would hand it over, since from loopback any number of claims may begin.
fn ask(site: &Site, peer: IpAddr, method: Method, target: String) -> u16 {
    let (local, time) = (([10, 0, 0, 1], 443).into(), site.pipeline.clock.now());
    let certificate = ClientCertificate::None;
    let plane = Plane::Https;
    let request = Request {
        plane,
        method,
        target,
        user_agent: None,
        peer,
        local,
        time,
        certificate,
        authorization: None,
        proxied_tls: None,
    };
    site.pipeline.answer(&request).status
}

#[test]
fn sec_d13_among_4096_neighbours_a_handful_of_new_phones_is_all_a_stranger_finds() {
    for method in [Method::Get, Method::Head] {
        let site = Site::start();
        let office = r#"{"networks": ["10.0.0.0/8"]}"#;
        if admin(&site, "PATCH", "sites/hq", office, &[]).is_none() {
            return;
        }
        for number in (0..4_096).step_by(64) {
            let [high, low] = u16::try_from(number).unwrap().to_be_bytes();
            let mac = MacAddr::new([0x80, 0x5e, 0xc0, 0x55, high, low]).unwrap().to_string();
            site.enrol_for_nobody(&mac, "T46U");
        }
        let peer = [10, 1, 2, 3].into();
        let found = (0..4_096).filter(|number| ask(&site, peer, method, format!("/805ec055{number:04x}.cfg")) != 404);
        assert_eq!(found.count(), 3, "{method:?}");
        // Each honest phone at its own address finds its own.
        assert_eq!(ask(&site, [10, 1, 2, 4].into(), method, "/805ec0550fc0.cfg".to_owned()), 200);
    }
}

#[test]
fn sec_d13_what_phones_ask_by_habit_counts_as_no_failure() {
    let site = Site::start();
    site.enrol(MAC, "T46U", "alice@example.com");
    let Some(first) = curl(&site, "127.0.0.1", FILE, &[]) else { return };
    assert_eq!(first.status, 200);
    for number in 0..40 {
        for file in ["805ec0{}.boot", "805ec0{}-local.cfg", "cfg805ec0{}.bin", "y0000000{}.cfg", "nothing{}.html"] {
            let file = file.replace("{}", &format!("{:06}", 110_000 + number));
            let peer = [127, 0, 0, 8].into();
            ask(&site, peer, Method::Get, format!("/{file}"));
        }
    }
    for number in 0..40 {
        let (local, time) = (([10, 0, 0, 1], 69).into(), site.pipeline.clock.now());
        for plane in [Plane::Tftp, Plane::Http] {
            let target = format!("805ec0{number:06}.cfg");
            let peer = [127, 0, 0, 8].into();
            let (method, certificate) = (Method::Get, ClientCertificate::None);
            let request = Request {
                plane,
                method,
                target,
                user_agent: None,
                peer,
                local,
                time,
                certificate,
                authorization: None,
                proxied_tls: None,
            };
            site.pipeline.answer(&request);
        }
    }
    assert_eq!(curl(&site, "127.0.0.8", FILE, &[]).unwrap().status, 404);
    let (_, _, events) = admin(&site, "GET", &format!("devices/{MAC}/events?limit=1"), "", &[]).unwrap();
    assert_eq!(events["items"][0]["reason"], "claim_taken", "not limited: {events}");
}

#[test]
fn sec_d13_a_wrong_token_is_a_failure_of_its_phone() {
    let site = Site::start();
    for number in 0..12 {
        site.enrol_for_nobody(&format!("80:5e:c0:66:00:{number:02x}"), "T46U");
    }
    let last = |number: i32| {
        let wrong = format!("t/{}/805ec06600{number:02x}.cfg", "A".repeat(43));
        assert_eq!(curl(&site, "127.0.0.5", &wrong, &[]).map(|answer| answer.status), Some(404));
        let path = format!("devices/80:5e:c0:66:00:{number:02x}/events?limit=1");
        admin(&site, "GET", &path, "", &[]).unwrap().2["items"][0]["reason"].as_str().unwrap().to_owned()
    };
    if admin(&site, "GET", "sites", "", &[]).is_none() {
        return;
    }
    let reasons: Vec<String> = (0..12).map(last).collect();
    assert!(reasons[..10].iter().all(|reason| reason == "no_proof"), "{reasons:?}");
    assert_eq!(reasons[11], "limited", "{reasons:?}");
}

#[test]
fn sec_d12_known_and_unknown_phones_are_refused_in_the_same_time() {
    let site = Site::start();
    for (number, verb) in ["", "quarantine", "retire"].iter().enumerate() {
        let mac = format!("80:5e:c0:77:00:{number:02x}");
        site.enrol(&mac, "T46U", "alice@example.com");
        let Some(file) = curl(&site, "127.0.0.2", &format!("805ec07700{number:02x}.cfg"), &[]) else { return };
        assert_eq!(file.status, 200);
        if !verb.is_empty() {
            assert_eq!(admin(&site, "POST", &format!("devices/{mac}/{verb}"), "{}", &[]).unwrap().0, 200);
        }
    }
    let Some(mut stranger) = Connection::open(&site) else { return };
    let files = ["805ec0770000.cfg", "805ec0770001.cfg", "805ec0770002.cfg", "805ec0770003.cfg", "nothing.html"];
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); files.len()];
    for _ in 0..60 {
        for (file, times) in files.iter().zip(&mut times) {
            let asked = Instant::now();
            assert_eq!(stranger.get(file).status, 404);
            times.push(asked.elapsed());
        }
    }
    let medians: Vec<Duration> = times
        .iter_mut()
        .map(|times| {
            times.sort();
            times[times.len() / 2]
        })
        .collect();
    let (least, most) = (medians.iter().min().unwrap(), medians.iter().max().unwrap());
    assert!(*most - *least < Duration::from_millis(2), "{files:?}: {medians:?}");
}
