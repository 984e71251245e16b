//! G1 and G2: what is no credential, and what is off until somebody switches it on.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use ztpd::inventory::device::Owner;

use crate::program::{PROGRAM, found};
use crate::support::{Site, admin, curl, fetch};

/// Maker, model, address, own file and what the phone says of itself.
const PHONES: &[(&str, &str, &str, &str, &str)] = &[
    ("cisco", "CP-8841-3PCC", "d0:ec:35:11:22:33", "d0ec35112233.xml", "Cisco-CP-8841-3PCC/11.0 (d0ec35112233)"),
    (
        "gigaset",
        "N870 IP PRO",
        "7c:2f:80:11:22:33",
        "7c2f80112233.xml",
        "Gigaset N870 IP PRO/83.V2.43.0;7C2F80112233;Handset=250",
    ),
    (
        "grandstream",
        "GRP2614",
        "c0:74:ad:11:22:33",
        "cfgc074ad112233.xml",
        "Grandstream Model HW GRP2614 SW 1.0.5.15 DevId c074ad112233",
    ),
    (
        "poly",
        "VVX450",
        "64:16:7f:11:22:33",
        "64167f112233-user.cfg",
        "FileTransport PolycomVVX-VVX_450-UA/5.9.1.0615 (SN:64167f112233) Type/Application",
    ),
    (
        "snom",
        "D785",
        "00:04:13:11:22:33",
        "snomD785-000413112233.htm",
        "Mozilla/4.0 (compatible; snomD785-SIP 10.1.33.33 2010.12-00004-g9ba52f5 000413112233)",
    ),
    ("yealink", "T46U", "80:5e:c0:11:22:33", "805ec0112233.cfg", "Yealink SIP-T46U 108.86.0.20 80:5e:c0:11:22:33"),
];

/// Everything that a label, a switch port or a capture shows of a phone, from the very address it claimed from.
#[test]
fn sec_g01_nothing_that_can_be_read_off_a_phone_or_its_network_opens_its_files() {
    let site = Site::start();
    let user = Owner::User("alice@example.com".parse().unwrap());
    let secret = site.store.sip_password(&user).unwrap().unwrap();
    for (maker, model, mac, file, agent) in PHONES {
        site.enrol_of(maker, mac, model);
        let Some(first) = curl(&site, "127.0.0.1", file, &["-A", agent]) else { return };
        assert!(first.status == 200 && first.body.contains(secret.reveal()), "{file}: {first:?}");
        let token = site.store.phone(mac.parse().unwrap()).unwrap().unwrap().token;
        let by_token = format!("t/{}/{file}", token.reveal());
        assert_eq!(curl(&site, "127.0.0.1", &by_token, &["-A", agent]).unwrap().status, 200);
        let serial = r#"{"serial": "8301011K5160028"}"#;
        assert_eq!(admin(&site, "PATCH", &format!("devices/{mac}"), serial, &[]).unwrap().0, 200);
        let bare = mac.replace(':', "");
        for options in [
            &["-A", agent][..],
            &["-A", agent, "-H", "X-Forwarded-For: 127.0.0.1", "-H", "Forwarded: for=127.0.0.1"],
            &["-A", agent, "-u", &format!("{bare}:{bare}")],
            &["-A", agent, "-u", &format!("{bare}:8301011K5160028")],
            &["-A", agent, "-H", "X-Serial-Number: 8301011K5160028", "-b", &format!("mac={bare}")],
        ] {
            for path in
                [(*file).to_owned(), format!("{file}?mac={bare}&serial=8301011K5160028"), format!("{bare}/{file}")]
            {
                let got = curl(&site, "127.0.0.1", &path, options).unwrap();
                assert_eq!((got.status, got.body.as_str()), (404, "not found\n"), "{path} {options:?}");
            }
        }
        for url in [format!("tftp://127.0.0.1:{}/{file}", site.tftp), format!("http://127.0.0.1:{}/{file}", site.http)]
        {
            let got = fetch(&site, &url, agent).unwrap_or_default();
            assert!(!String::from_utf8_lossy(&got).contains(secret.reveal()), "{url}");
        }
    }
}

/// The addresses that a process listens on or receives at, as the kernel lists them: `(protocol, address, port)`.
fn sockets(pid: u32) -> Vec<(&'static str, String, u16)> {
    let mut open = Vec::new();
    for protocol in ["tcp", "tcp6", "udp", "udp6"] {
        let list = std::fs::read_to_string(format!("/proc/{pid}/net/{protocol}")).unwrap_or_default();
        for line in list.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            // 0A: a listening stream; 07: a datagram socket that is nobody's peer.
            if matches!(fields[3], "0A" | "07") {
                let (address, port) = fields[1].split_once(':').unwrap();
                open.push((protocol, address.to_owned(), u16::from_str_radix(port, 16).unwrap()));
            }
        }
    }
    open
}

/// The program with no settings at all, in a network of its own, so that its usual ports are free.
#[test]
fn sec_g02_without_a_word_of_settings_nothing_weaker_is_on() {
    if Path::new("/etc/ztpd/ztpd.toml").exists() {
        println!("skipped: /etc/ztpd/ztpd.toml exists here");
        return;
    }
    let may = Command::new("unshare").args(["-n", "ip", "link", "set", "lo", "up"]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        println!("skipped: no network namespace can be made here");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new("unshare");
    command.args(["-n", "sh", "-c", "ip link set lo up && exec \"$0\" serve", PROGRAM]);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", home.path());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("serving url=") {
        said.clear();
        assert!(log.read_line(&mut said).unwrap() > 0, "the log ended before the daemon served");
    }
    let open = sockets(child.id());
    let is_loopback = |address: &str| matches!(address, "0100007F" | "00000000000000000000000001000000");
    assert!(open.iter().all(|(_, address, _)| is_loopback(address)), "{open:?}");
    let ports: std::collections::BTreeSet<(bool, u16)> =
        open.iter().map(|(protocol, _, port)| (protocol.starts_with("tcp"), *port)).collect();
    assert_eq!(ports.into_iter().collect::<Vec<_>>(), [(false, 6969), (true, 8443)], "no HTTP, no administration");
    let asked = |arguments: &[&str]| {
        let mut command = Command::new("nsenter");
        command.args(["-t", &child.id().to_string(), "-n", "curl", "-sSki", "--max-time", "20"]).args(arguments);
        found(&mut command).map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    if let Some(refused) = asked(&["https://127.0.0.1:8443/7c2f80aabb01.xml"]) {
        assert!(
            refused.starts_with("HTTP/1.1 404 ") && !refused.to_lowercase().contains("www-authenticate"),
            "{refused}"
        );
        let upload = asked(&["-X", "PUT", "-d", "x", "https://127.0.0.1:8443/7c2f80aabb01-log.txt"]).unwrap();
        assert!(upload.starts_with("HTTP/1.1 405 "), "{upload}");
        let socket = home.path().join(".local/state/ztpd/admin.sock");
        let ready = asked(&["--unix-socket", socket.to_str().unwrap(), "http://ztpd/readyz"]).unwrap();
        assert!(ready.contains("\nready\n"), "{ready}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
