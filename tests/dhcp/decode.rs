//! `ztpd dhcp decode`, as an operator runs it on somebody's capture.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value as Json;

fn capture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures").join(format!("{name}.pcap"))
}

fn decode(file: &Path, arguments: &[&str]) -> Output {
    // No configuration file of this machine shall change what the test sees.
    let output = Command::new(env!("CARGO_BIN_EXE_ztpd")).args(["dhcp", "decode"]).arg(file).args(arguments).output();
    output.unwrap()
}

/// The report on a capture, the server being 10.77.0.2 (and .6, its second address), and the exit code.
fn report(file: &Path) -> (Json, i32) {
    let output =
        decode(file, &["--json", "--server", "10.77.0.2", "--server", "10.77.0.6", "--server", "prov.lab.test"]);
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{}: {error}: {}", file.display(), String::from_utf8_lossy(&output.stderr)));
    (report, output.status.code().unwrap())
}

fn codes(report: &Json) -> Vec<&str> {
    let findings = report["facts"].as_array().unwrap().iter().filter(|fact| fact["severity"] != "info");
    findings.map(|fact| fact["code"].as_str().unwrap()).collect()
}

#[test]
fn each_real_exchange_ends_in_its_own_verdict() {
    for (name, expected, request) in [
        ("dnsmasq-full_dhclient_yealink", &[][..], "https://10.77.0.2/001565000001.boot"),
        ("kea-full_dhclient_yealink", &[], "https://10.77.0.2/001565000001.boot"),
        ("isc-full_udhcpc_polycom", &[], "https://10.77.0.2/dms/64167f000002.cfg"),
        ("isc-overload_udhcpc_yealink", &[], "https://10.77.0.2/overload/001565000001.boot"),
        ("dnsmasq-full_udhcpc_cisco", &[], "https://10.77.0.2/spa<model>.cfg"),
        ("kea-full_dhcpcd_grandstream", &[], "https://10.77.0.2/cfg000b82000003.xml"),
        ("dnsmasq-only66_udhcpc_yealink", &[], "tftp://10.77.0.2/001565000001.boot"),
        ("isc-full_dhclient_snom", &["file_not_served"], "https://10.77.0.2/boot.cfg"),
        ("dnsmasq-none_udhcpc_yealink", &["no_provisioning_option"], ""),
        ("no-server_udhcpc_yealink", &["no_dhcp_answer"], ""),
    ] {
        let (report, code) = report(&capture(&format!("real/{name}")));
        assert_eq!(codes(&report), expected, "{name}: {report:#}");
        assert_eq!(code, i32::from(!expected.is_empty()), "{name}");
        let told = &report["phones"][0]["told"][0]["choice"]["first_request"];
        assert_eq!(told.as_str().unwrap_or_default(), request, "{name}");
    }
}

#[test]
fn a_rogue_server_is_named_with_what_it_does() {
    for name in
        ["real/rogue_kea+dnsmasq_dhclient_yealink", "real/rogue_kea+dnsmasq_udhcpc_polycom", "made/ok_rogue-pair"]
    {
        let (report, code) = report(&capture(name));
        assert_eq!(code, 1, "{name}");
        let codes = codes(&report);
        assert!(codes.contains(&"dhcp_servers_differ") && codes.contains(&"led_elsewhere"), "{name}: {codes:?}");
        let servers: Vec<&str> =
            report["servers"].as_array().unwrap().iter().map(|row| row["server"].as_str().unwrap()).collect();
        assert_eq!(servers, ["10.77.0.3", "10.77.0.4"], "{name}");
    }
    // Both clients of the real captures took the rogue's offer.
    let (report, _) = report(&capture("real/rogue_kea+dnsmasq_dhclient_yealink"));
    assert_eq!(report["phones"][0]["took"], "10.77.0.4");
}

#[test]
fn every_capture_is_decoded_and_no_password_or_escape_comes_out() {
    for kind in ["real", "made"] {
        for entry in std::fs::read_dir(capture(kind).with_extension("")).unwrap() {
            let path = entry.unwrap().path();
            for arguments in [&[][..], &["--json"]] {
                let output = decode(&path, arguments);
                let text = String::from_utf8(output.stdout).unwrap();
                assert!(matches!(output.status.code(), Some(0 | 1)), "{}", path.display());
                assert!(!text.is_empty(), "{}", path.display());
                assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{}: {text:?}", path.display());
                assert!(!text.contains("s3cret"), "{}", path.display());
            }
        }
    }
}

#[test]
fn malformed_messages_are_findings() {
    for (name, code) in [
        ("bad_truncated-length", "truncated_option"),
        ("bad_66-crlf", "control_character"),
        ("bad_udp-checksum", "wrong_checksum"),
        ("bad_udp-length-lies", "short_datagram"),
        ("bad_short-header", "unreadable_message"),
        ("bad_hlen-255", "unreadable_message"),
        ("bad_150-length-3", "bad_length"),
        ("ok_66-userinfo", "password"),
        ("ok_nak", "dhcp_refused"),
    ] {
        let (report, exit) = report(&capture(&format!("made/{name}")));
        assert!(codes(&report).contains(&code), "{name}: {report:#}");
        assert_eq!(exit, 1, "{name}");
    }
}

#[test]
fn tag_and_relay_say_where_the_phone_is_plugged_in() {
    let (tagged, _) = report(&capture("made/ok_vlan-tagged"));
    assert_eq!(tagged["phones"][0]["vlans"], serde_json::json!([110]));
    let (relayed, _) = report(&capture("made/ok_relayed-82"));
    let expected = serde_json::json!({ "address": "10.77.0.1", "circuit": "Gi1/0/7", "remote": "0x001565000001" });
    assert_eq!(relayed["phones"][0]["told"][0]["relay"], expected);
}

#[test]
fn an_option_that_leads_elsewhere_is_named_even_if_no_maker_here_reads_it() {
    // 150 has a second address, .6; of the five makers only one reads 150, and takes the first.
    let output = decode(&capture("real/kea-full_dhclient_yealink"), &["--json", "--server", "10.77.0.2"]);
    let report: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(codes(&report), ["option_leads_elsewhere"]);
    assert!(report["facts"][0]["summary"].as_str().unwrap().contains("option 150 leads to 10.77.0.6"));
}

/// The same frames as a pcapng file.
fn as_pcapng(classic: &[u8]) -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let length = u32::try_from(body.len() + 12).unwrap().to_le_bytes();
        [&kind.to_le_bytes()[..], &length, &body, &length].concat()
    };
    let section = [&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat();
    let mut file = [block(0x0a0d_0d0a, &section), block(1, &[1, 0, 0, 0, 0, 0, 4, 0])].concat();
    let number = |at: usize| u32::from_le_bytes(classic[at..at + 4].try_into().unwrap());
    let mut at = 24;
    while at < classic.len() {
        let micros = u64::from(number(at)) * 1_000_000 + u64::from(number(at + 4));
        let length = usize::try_from(number(at + 8)).unwrap();
        let high = u32::try_from(micros >> 32).unwrap().to_le_bytes();
        let low = u32::try_from(micros & 0xffff_ffff).unwrap().to_le_bytes();
        let lengths = [number(at + 8).to_le_bytes(), number(at + 12).to_le_bytes()].concat();
        file.extend(block(6, &[&[0; 4][..], &high, &low, &lengths, &classic[at + 16..at + 16 + length]].concat()));
        at += 16 + length;
    }
    file
}

#[test]
fn pcapng_says_the_same_as_pcap() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["real/kea-full_udhcpc_polycom", "real/rogue_kea+dnsmasq_dhclient_yealink"] {
        let path = capture(name);
        let file = folder.path().join("same.pcapng");
        std::fs::write(&file, as_pcapng(&std::fs::read(&path).unwrap())).unwrap();
        assert_eq!(report(&file), report(&path), "{name}");
    }
}

#[test]
fn what_cannot_be_decoded_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, octets: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, octets).unwrap();
        path
    };
    let whole = std::fs::read(capture("real/kea-full_dhclient_yealink")).unwrap();
    let fails = |path: &Path, arguments: &[&str], code: i32, said: &str| {
        let output = decode(path, arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert!(error.contains(said), "{error}");
    };
    fails(&folder.path().join("absent.pcap"), &[], 1, "No such file");
    fails(&file("text.pcap", b"this is no capture at all, but a text"), &[], 1, "neither a pcap nor a pcapng");
    fails(&file("none.pcap", &whole[..24]), &[], 1, "has no DHCP in it");
    fails(&file("cut.pcap", &whole[..whole.len() - 10]), &[], 1, "cut or damaged after 3 frames");
    fails(&capture("real/kea-full_dhclient_yealink"), &["--maker", "nokia"], 2, "known are");
}

#[test]
fn other_makers_are_judged_when_named() {
    let output = decode(
        &capture("real/kea-full_dhclient_yealink"),
        &["--json", "--server", "10.77.0.2", "--maker", "mitel", "--maker", "panasonic"],
    );
    let report: Json = serde_json::from_slice(&output.stdout).unwrap();
    let choices = report["servers"][0]["choices"].as_array().unwrap();
    let told: Vec<(&str, &Json)> =
        choices.iter().map(|choice| (choice["family"].as_str().unwrap(), &choice["option"])).collect();
    assert_eq!(told, [("Mitel", &Json::from(160)), ("Panasonic", &Json::from(160))]);
}
