//! DHCPv6: captures of it, and a LAN with a server that speaks it.

use std::process::Command;

use etherparse::PacketBuilder;
use serde_json::{Value as Json, json};

use crate::lab::Lab;

const ZTPD: &str = env!("CARGO_BIN_EXE_ztpd");
const PHONE: [u8; 6] = [0x00, 0x15, 0x65, 0, 0, 1];

fn option(code: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap();
    [&code.to_be_bytes()[..], &length.to_be_bytes(), value].concat()
}

/// A frame from the link-local address with that end, with a message (RFC 8415 section 8) in it.
fn frame(end: u8, to_server: bool, message: &[u8]) -> Vec<u8> {
    let mut source = [0u8; 16];
    (source[0], source[1], source[15]) = (0xfe, 0x80, end);
    let mut everybody = [0u8; 16];
    (everybody[0], everybody[1], everybody[13], everybody[15]) = (0xff, 0x02, 1, 2);
    let (from, to) = if to_server { (546, 547) } else { (547, 546) };
    let builder = PacketBuilder::ethernet2(PHONE, [0x33, 0x33, 0, 1, 0, 2]).ipv6(source, everybody, 1).udp(from, to);
    let mut frame = Vec::new();
    builder.write(&mut frame, message).unwrap();
    frame
}

fn capture(frames: &[Vec<u8>]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut octets =
        [&0xa1b2_c3d4_u32.to_le_bytes()[..], &[2, 0, 4, 0], &[0; 8], &[0xff, 0xff, 0, 0], &[1, 0, 0, 0]].concat();
    for frame in frames {
        let length = u32::try_from(frame.len()).unwrap().to_le_bytes();
        octets.extend([&1_700_000_000_u32.to_le_bytes()[..], &[0; 4], &length, &length, frame].concat());
    }
    std::fs::write(file.path(), octets).unwrap();
    file
}

fn decoded(frames: &[Vec<u8>]) -> (Json, i32) {
    let file = capture(frames);
    let output = Command::new(ZTPD)
        .args(["dhcp", "decode", "--json", "--server", "2001:db8::1"])
        .arg(file.path())
        .output()
        .unwrap();
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (report, output.status.code().unwrap())
}

fn client() -> Vec<u8> {
    option(1, &[&[0, 3, 0, 1][..], &PHONE].concat())
}

/// A phone asks, and a server answers with these options.
fn exchange(more: &[u8]) -> Vec<Vec<u8>> {
    let asks = [vec![11, 0, 0, 7], client(), option(6, &[0, 59, 0, 17])].concat();
    let answers = [vec![7, 0, 0, 7], client(), option(2, &[0, 3, 0, 1, 2, 0, 0, 0, 0, 3]), more.to_vec()].concat();
    vec![frame(1, true, &asks), frame(3, false, &answers)]
}

#[test]
fn a_capture_says_who_asked_and_where_the_boot_file_and_vendor_options_lead() {
    let vendor = [&9u32.to_be_bytes()[..], &option(1, b"https://prov.old.example/$PSN.xml")].concat();
    let more = [option(59, b"https://[2001:db8::1]/dms/"), option(17, &vendor)].concat();
    let (report, code) = decoded(&exchange(&more));
    let six = &report["ipv6"];
    assert_eq!(six["messages"], 2, "{report:#}");
    let phone = &six["phones"][0];
    assert_eq!((&phone["mac"], &phone["family"]), (&json!("00:15:65:00:00:01"), &json!("Yealink")));
    assert_eq!(phone["sent"], json!(["INFORMATION-REQUEST"]));
    let places = six["servers"][0]["places"].as_array().unwrap();
    let told: Vec<(&Json, &Json)> = places.iter().map(|place| (&place["option"], &place["verdict"])).collect();
    assert_eq!(told, [(&json!(59), &json!("here")), (&json!(17), &json!("other_name"))], "{six:#}");
    assert_eq!(code, 0, "{report:#}");
}

#[test]
fn what_leads_elsewhere_and_what_is_malformed_is_found() {
    let (report, code) = decoded(&exchange(&option(59, b"tftp://[2001:db8::66]/")));
    assert_eq!((&report["facts"][0]["code"], code), (&json!("option_leads_elsewhere"), 1), "{report:#}");
    let (report, code) = decoded(&exchange(&option(31, &[1, 2, 3])));
    assert_eq!((&report["facts"][0]["code"], code), (&json!("bad_length"), 1), "{report:#}");
    let mut broken = exchange(&[]);
    let last = broken[1].len() - 1;
    broken[1][last] ^= 1;
    let (report, _) = decoded(&broken);
    assert_eq!(report["facts"][0]["code"], "wrong_checksum", "{report:#}");
}

#[test]
fn people_read_it_too() {
    let file = capture(&exchange(&option(59, b"https://[2001:db8::1]/dms/")));
    let output =
        Command::new(ZTPD).args(["dhcp", "decode", "--server", "2001:db8::1"]).arg(file.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for part in ["IPv6", "fe80::3", "option 59 (boot file URL): https://[2001:db8::1]/dms/", "00:15:65:00:00:01"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_server_of_a_lan_is_asked_over_ipv6_and_no_lease_is_taken() {
    let Some(lab) = Lab::up('s', &["dnsmasq"]) else { return };
    lab.does(&["dhcp", "dnsmasq", "ipv6"]);
    let arguments = ["dhcp", "probe", "--interface", "eth0", "--json", "--wait", "4s", "--maker", "yealink"];
    let servers = ["--server", "10.77.0.2", "--server", "fd77:0:0:77::2"];
    let output = lab.command("srv", ZTPD).args(arguments).args(servers).output().unwrap();
    let report: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    let server = &report["ipv6"]["servers"][0];
    assert_eq!(server["places"][0]["url"], "https://[fd77:0:0:77::2]/", "{report:#}");
    assert_eq!(server["places"][0]["verdict"], "here");
    let codes: Vec<&Json> = server["options"].as_array().unwrap().iter().map(|option| &option["code"]).collect();
    assert!(codes.contains(&&json!(59)) && codes.contains(&&json!(56)), "{report:#}");
    assert_eq!(report["ipv6"]["phones"][0]["sent"], json!(["SOLICIT", "INFORMATION-REQUEST"]));
    let leases = std::fs::read_to_string(lab.state("dnsmasq.leases")).unwrap_or_default();
    assert!(!leases.contains("fd77:"), "a lease was taken: {leases}");
    // The same from elsewhere.
    let output = lab.command("srv", ZTPD).args(arguments).args(["--server", "fd77:0:0:77::9"]).output().unwrap();
    let report: Json = serde_json::from_slice(&output.stdout).unwrap();
    let codes: Vec<&Json> = report["facts"].as_array().unwrap().iter().map(|fact| &fact["code"]).collect();
    assert!(codes.contains(&&json!("option_leads_elsewhere")), "{report:#}");
}
