//! `ztpd ntp check` against a fake time server with each fault, and against chrony on a LAN.

// A test that cannot set itself up shall fail loudly.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value as Json;

use self::lab::Lab;

#[path = "support/lab.rs"]
mod lab;

const ZTPD: &str = env!("CARGO_BIN_EXE_ztpd");

/// A time server on loopback with one fault; its name. It lives as long as the test's process.
fn server(kind: &'static str) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let name = socket.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut question = [0u8; 512];
        while let Ok((length, from)) = socket.recv_from(&mut question) {
            if let Some(answer) = answer(kind, &question[..length]) {
                let _ = socket.send_to(&answer, from);
            }
        }
    });
    name
}

/// RFC 5905 section 7.3, written here a second time. A time server knows the wall clock.
#[allow(clippy::disallowed_methods)]
fn answer(kind: &str, question: &[u8]) -> Option<Vec<u8>> {
    let (leap, stratum, reference): (u8, u8, [u8; 4]) = match kind {
        "deny" => (3, 0, *b"DENY"),
        "rate" => (3, 0, *b"RATE"),
        "unsynchronised" => (3, 0, [0; 4]),
        "stratum 16" => (3, 16, [0; 4]),
        "stratum 0" => (0, 0, [0; 4]),
        "silent" => return None,
        _ => (0, 2, [10, 0, 0, 1]),
    };
    let ahead = match kind {
        "hour ahead" => 3600.0,
        "bit ahead" => 0.8,
        _ => 0.0,
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64() + ahead + 2_208_988_800.0;
    let seconds = (now as u64) as u32;
    let stamp = [seconds.to_be_bytes(), (((now.fract()) * 4_294_967_296.0) as u32).to_be_bytes()].concat();
    let origin = if kind == "wrong origin" { &[0u8; 8] } else { &question[40..48] };
    let mode = if kind == "peer" { 1 } else { 4 };
    let head = [leap << 6 | (question[0] & 0x38) | mode, stratum, 6, 0xec, 0, 0, 1, 0, 0, 0, 2, 0];
    let mut octets = [&head[..], &reference, &stamp, origin, &stamp, &stamp].concat();
    if kind == "short" {
        octets.truncate(40);
    }
    Some(octets)
}

/// The report on these servers, and the exit code.
fn check(mut command: Command, servers: &[&str]) -> (Json, i32) {
    let output = command.args(["ntp", "check", "--json"]).args(servers).output().unwrap();
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (report, output.status.code().unwrap())
}

fn here() -> Command {
    Command::new(ZTPD)
}

/// What was found, without what is only good to know.
fn codes(report: &Json) -> Vec<&str> {
    let findings = report["facts"].as_array().unwrap().iter().filter(|fact| fact["severity"] != "info");
    findings.map(|fact| fact["code"].as_str().unwrap()).collect()
}

#[test]
fn each_fault_has_its_name() {
    let kinds = [
        ("deny", "ntp_kiss"),
        ("rate", "ntp_kiss"),
        ("unsynchronised", "ntp_unsynchronised"),
        ("stratum 16", "ntp_unsynchronised"),
        ("stratum 0", "ntp_stratum"),
        ("wrong origin", "ntp_wrong_origin"),
        ("short", "ntp_short"),
        ("peer", "ntp_mode"),
        ("silent", "ntp_silent"),
        ("hour ahead", "ntp_offset"),
        ("bit ahead", "ntp_offset"),
    ];
    for (kind, code) in kinds {
        let (report, exit) = check(here(), &[&server(kind)]);
        assert_eq!((codes(&report), exit), (vec![code], 1), "{kind}: {report:#}");
    }
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (report, exit) = check(here(), &[&closed]);
    assert_eq!((codes(&report), exit), (vec!["ntp_unreachable"], 1), "{report:#}");
    let (report, exit) = check(here(), &["224.0.1.1"]);
    assert_eq!((codes(&report), exit), (vec!["ntp_not_unicast"], 1), "{report:#}");
    let (report, exit) = check(here(), &["no-such-host.invalid"]);
    assert_eq!((codes(&report), exit), (vec!["ntp_name_unknown"], 1), "{report:#}");
}

#[test]
fn three_good_servers_are_nothing_to_talk_about() {
    let (a, b, c) = (server("right"), server("right"), server("right"));
    let (report, exit) = check(here(), &[&a, &b, &c]);
    assert_eq!((&report["facts"], exit), (&serde_json::json!([]), 0), "{report:#}");
    let first = &report["servers"][0];
    assert_eq!((&first["header"]["stratum"], &first["header"]["leap"]), (&Json::from(2), &Json::from(0)));
    // The clock is the same: whatever it seems to be off was spent on the way.
    let (offset, round_trip) = (&first["offset_seconds"], &first["round_trip_seconds"]);
    assert!(offset.as_f64().unwrap().abs() <= round_trip.as_f64().unwrap() / 2.0 + 0.01, "{report:#}");
    // One alone is right too, and nobody could tell if it were not.
    let (report, exit) = check(here(), &[&a]);
    assert_eq!((codes(&report), exit), (vec![], 0));
    assert_eq!(report["facts"][0]["code"], "ntp_too_few");
}

#[test]
fn the_one_that_is_off_is_named_and_so_is_this_machine() {
    let (a, b, off) = (server("right"), server("right"), server("hour ahead"));
    let (report, exit) = check(here(), &[&a, &b, &off]);
    assert_eq!((codes(&report), exit), (vec!["ntp_differs"], 1), "{report:#}");
    assert_eq!(report["facts"][0]["subject"]["id"], off);
    let (a, b) = (server("hour ahead"), server("hour ahead"));
    let (report, exit) = check(here(), &[&a, &b, &off]);
    assert_eq!((codes(&report), exit), (vec!["clock_off"], 1), "{report:#}");
}

#[test]
fn without_arguments_the_configuration_names_the_servers() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("ztpd.toml");
    std::fs::write(&config, "[time]\nntp = [\"no-such-host.invalid\"]\n").unwrap();
    let (report, exit) = check(here(), &["--config", config.to_str().unwrap()]);
    assert_eq!((codes(&report), exit), (vec!["ntp_name_unknown"], 1));
    let nonsense = here().args(["ntp", "check", "ntp://a"]).output().unwrap();
    assert_eq!(nonsense.status.code(), Some(2));
    assert!(String::from_utf8(nonsense.stderr).unwrap().contains("is no time server"));
}

#[test]
fn people_get_a_table() {
    let output = here().args(["ntp", "check", &server("right"), &server("short")]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text.starts_with("SERVER") && text.contains("synchronised") && text.contains("(ntp_short)"), "{text}");
}

#[test]
fn chrony_is_read_rightly_over_both_kinds_of_address() {
    let Some(lab) = Lab::up('n', &["chronyd"]) else { return };
    let asked = |servers: &[&str]| check(lab.command("srv", ZTPD), servers);
    lab.does(&["ntp", "good"]);
    for address in ["10.77.0.5", "fd77:0:0:77::5"] {
        let (report, exit) = asked(&[address]);
        assert_eq!((codes(&report), exit), (vec![], 0), "{address}: {report:#}");
        assert_eq!(report["servers"][0]["header"]["stratum"], 3, "{report:#}");
    }
    lab.does(&["ntp", "unsync"]);
    let (report, exit) = asked(&["10.77.0.5"]);
    assert_eq!((codes(&report), exit), (vec!["ntp_unsynchronised"], 1), "{report:#}");
    lab.does(&["ntp", "stop"]);
    let (report, exit) = asked(&["10.77.0.5", "fd77:0:0:77::5"]);
    assert_eq!((codes(&report), exit), (vec!["ntp_unreachable", "ntp_unreachable"], 1), "{report:#}");
}

#[test]
fn a_firewall_in_between_looks_like_silence() {
    let Some(lab) = Lab::up('o', &["chronyd", "nft"]) else { return };
    lab.does(&["ntp", "good"]);
    lab.does(&["ntp", "blackhole"]);
    let (report, exit) = check(lab.command("srv", ZTPD), &["10.77.0.5"]);
    assert_eq!((codes(&report), exit), (vec!["ntp_silent"], 1), "{report:#}");
    assert!(report["facts"][0]["summary"].as_str().unwrap().contains("123"), "{report:#}");
}

/// The script's own time server with a fault, in the LAN's time host.
struct Odd(Child);

impl Odd {
    fn start(lab: &Lab, kind: &str, port: &str) -> Odd {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/ntp/ntp_odd.py");
        let mut command = lab.command("ntp", "python3");
        let mut child = command.arg(script).args([kind, port]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("ready"), "{line}");
        Odd(child)
    }
}

impl Drop for Odd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn servers_that_others_wrote_are_judged_alike() {
    let Some(lab) = Lab::up('p', &["python3"]) else { return };
    let kinds = [
        ("offset", "ntp_offset"),
        ("offset-small", "ntp_offset"),
        ("kod", "ntp_kiss"),
        ("kod-deny", "ntp_kiss"),
        ("stratum16", "ntp_unsynchronised"),
        ("stratum0", "ntp_stratum"),
        ("badorigin", "ntp_wrong_origin"),
        ("short", "ntp_short"),
        ("silent", "ntp_silent"),
    ];
    for (number, (kind, code)) in kinds.into_iter().enumerate() {
        let port = (2000 + number).to_string();
        let _server = Odd::start(&lab, kind, &port);
        let (report, exit) = check(lab.command("srv", ZTPD), &[&format!("10.77.0.5:{port}")]);
        assert_eq!((codes(&report), exit), (vec![code], 1), "{kind}: {report:#}");
    }
}
