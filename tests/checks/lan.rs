//! The checks on a LAN with real servers: a healthy one has no finding, and each planted fault is named.

use std::process::{Child, Command, Stdio};

use serde_json::Value as Json;

use crate::ZTPD;
use crate::lab::Lab;
use crate::place::{Place, codes, config};

/// What dnsmasq needs in any case.
const DNSMASQ: &str = "port=0\ninterface=eth0\nbind-interfaces\nexcept-interface=lo\nuser=root\ndhcp-authoritative\n\
    log-dhcp\nno-ping\nno-resolv\nno-hosts\ndhcp-range=10.77.0.100,10.77.0.199,255.255.255.0,1h\n\
    dhcp-option=option:router,10.77.0.1\n";
/// Three time servers.
const TIME: &str = "dhcp-option=option:ntp-server,10.77.0.5,10.77.0.15,10.77.0.25\n";
/// Each maker's phones by their class.
const CLASSES: &str = "dhcp-vendorclass=set:yealink,yealink\ndhcp-option-force=tag:yealink,66,\"tftp://10.77.0.2/\"\n\
    dhcp-vendorclass=set:snom,snom\ndhcp-option-force=tag:snom,66,\"tftp://10.77.0.2/\"\n\
    dhcp-match=set:poly,60,00:00:36:3d\ndhcp-option-force=tag:poly,160,\"tftp://10.77.0.2/\"\n";
/// What the daemon is passed.
const SOCKETS: [&str; 3] = ["https=tcp:10.77.0.2:443", "tftp=udp:10.77.0.2:69", "dhcp=udp:0.0.0.0:68"];
const URL: &str = "public_url = \"https://10.77.0.2\"";

/// A program in a host of the LAN, which ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A LAN whose time host has three addresses, with a right clock.
fn lan(letter: char, more: &[&str]) -> Option<Lab> {
    let programs = [&["dnsmasq", "chronyd", "python3", "curl", "openssl"], more].concat();
    let lab = Lab::up(letter, &programs)?;
    for address in ["10.77.0.15/24", "10.77.0.25/24"] {
        runs(lab.command("ntp", "ip").args(["addr", "add", address, "dev", "eth0"]));
    }
    lab.does(&["ntp", "good"]);
    Some(lab)
}

fn runs(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The LAN's DHCP server says this, beside what it needs.
fn dhcp(lab: &Lab, lines: &str) {
    let path = lab.state("test-dnsmasq.conf");
    std::fs::write(&path, format!("{DNSMASQ}{lines}")).unwrap();
    lab.does(&["dhcp", "dnsmasq", path.to_str().unwrap()]);
}

/// A TLS server in the time host, standing for the makers' services; it is there once it has said so.
fn tls_server(lab: &Lab, dir: &std::path::Path, host: &str, port: &str, kind: &str) -> Running {
    let (key, certificate) = (dir.join(format!("{kind}.key")), dir.join(format!("{kind}.crt")));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=redirect.example", "-newkey", kind]);
    if kind == "ec" {
        openssl.args(["-pkeyopt", "ec_paramgen_curve:prime256v1"]);
    }
    runs(openssl.arg("-keyout").arg(&key).arg("-out").arg(&certificate));
    let mut command = lab.command(host, "openssl");
    command.args(["s_server", "-www", "-accept", port, "-cert"]).arg(&certificate).arg("-key").arg(&key);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).stdin(Stdio::null()).spawn().unwrap();
    let mut log = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    while !said.contains("ACCEPT") {
        assert!(std::io::BufRead::read_line(&mut log, &mut said).unwrap() > 0, "{said}");
    }
    // Its output must not be closed before it ends.
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    Running(child)
}

fn services(dir: &std::path::Path, ports: &[&str]) -> String {
    let entry = |port: &&str| {
        format!(
            "[[service]]\nmaker = \"yealink\"\nname = \"RPS\"\nhost = \"10.77.0.5\"\nport = {port}\nsource = \"the lab\"\n"
        )
    };
    let path = dir.join("services.toml");
    std::fs::write(&path, ports.iter().map(entry).collect::<String>()).unwrap();
    format!("services = {path:?}\n")
}

fn rules(services: &str) -> String {
    format!(
        "[time]\nntp = [\"10.77.0.5\", \"10.77.0.15\"]\n[diagnose]\ninterfaces = [\"eth0\"]\ninterval = \"off\"\n{services}"
    )
}

/// `ztpd doctor` in the host of the daemon: the diagnosis and the exit code.
fn doctor(lab: &Lab, arguments: &[&str]) -> (Json, i32) {
    let output = lab.command("srv", ZTPD).args(["doctor", "--json"]).args(arguments).output().unwrap();
    let diagnosis = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (diagnosis, output.status.code().unwrap())
}

fn found(diagnosis: &Json) -> Vec<String> {
    codes(diagnosis["findings"].as_array().unwrap())
}

fn has(findings: &[Json], code: &str) -> bool {
    findings.iter().any(|finding| finding["code"] == code)
}

#[test]
fn on_a_healthy_lan_there_is_no_finding_whoever_looks() {
    let Some(lab) = lan('h', &["sipp"]) else { return };
    dhcp(&lab, &format!("{TIME}{CLASSES}"));
    let dir = tempfile::tempdir().unwrap();
    let _maker = tls_server(&lab, dir.path(), "ntp", "8443", "rsa:2048");
    let scenario = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/sip/options.xml");
    let mut sipp = lab.command("ntp", "sipp");
    sipp.arg("-sf").arg(scenario).args(["-t", "u1", "-i", "10.77.0.5", "-p", "5060", "-nostdin"]);
    let _sipp = Running(sipp.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let sip = "[sip]\nserver = \"10.77.0.5\"\ntransport = \"udp\"\n";
    let place = Place::in_lab(&lab, &SOCKETS, URL, &format!("{sip}{}", rules(&services(dir.path(), &["8443"]))));
    assert_eq!(codes(&place.checks("all")), Vec::<String>::new());
    assert_eq!(codes(&place.findings()), Vec::<String>::new());
    let socket = place.socket();
    let (diagnosis, code) = doctor(&lab, &["--socket", socket.to_str().unwrap()]);
    assert_eq!((found(&diagnosis), code), (Vec::new(), 0), "{diagnosis:#}");
    assert_eq!((&diagnosis["daemon"], &diagnosis["ok"]), (&true.into(), &true.into()));
    let (diagnosis, code) = doctor(&lab, &["00:15:65:00:00:01", "--socket", socket.to_str().unwrap()]);
    assert_eq!((found(&diagnosis), code), (Vec::new(), 0), "{diagnosis:#}");
    // And without a word of the daemon's: it answers phones, and nobody who asks for findings.
    let file = place.dir.path().join("ztpd.toml");
    let (diagnosis, code) = doctor(&lab, &["--config", file.to_str().unwrap()]);
    // Without an inventory Grandstream's and Cisco's phones may be there too, whom this DHCP server tells nothing.
    assert_eq!((found(&diagnosis), code), (vec!["no_provisioning_option 10.77.0.3".to_owned()], 1), "{diagnosis:#}");
    let (diagnosis, code) = doctor(&lab, &["00:15:65:00:00:01", "--config", file.to_str().unwrap()]);
    assert_eq!((found(&diagnosis), code), (Vec::new(), 0), "{diagnosis:#}");
    assert_eq!(diagnosis["daemon"], false);
    let people =
        lab.command("srv", ZTPD).args(["doctor", "00:15:65:00:00:01", "--config"]).arg(&file).output().unwrap();
    let text = String::from_utf8(people.stdout).unwrap();
    assert!(
        text.contains("checked dhcp on eth0: nothing to say") && text.contains("No check found anything wrong."),
        "{text}"
    );
    let leases = std::fs::read_to_string(lab.state("dnsmasq.leases")).unwrap_or_default();
    assert_eq!(leases, "", "a lease was taken");
}

/// What tells every phone this.
fn everybody(code: u8, value: &str) -> String {
    format!("{TIME}dhcp-option-force={code},\"{value}\"\n")
}

/// Each of these is read by some makers and leads them astray, or nowhere.
fn astray(letter: char, options: &[(u8, &str, &str)]) {
    let Some(lab) = lan(letter, &[]) else { return };
    let place = Place::in_lab(&lab, &SOCKETS, URL, &rules("makers_reachability = false\n"));
    for (code, value, named) in options {
        dhcp(&lab, &everybody(*code, value));
        let found = place.checks("dhcp");
        assert!(has(&found, named), "{code} {value}: {:?}", codes(&found));
        assert!(has(&place.findings(), named));
    }
}

#[test]
fn an_option_that_leads_elsewhere_or_over_a_closed_door_is_named() {
    astray(
        'q',
        &[
            (66, "tftp://10.77.0.9/", "led_elsewhere"),
            (161, "ftp://10.77.0.9/", "option_leads_elsewhere"),
            (66, "http://10.77.0.2/", "http_option_but_off"),
            (66, "tftp://10.77.0.2:6969/", "protocol_not_spoken"),
            (66, "https://10.77.0.2/", "authority_unknown_to_phones"),
        ],
    );
}

#[test]
fn an_option_that_phones_misread_is_named() {
    astray(
        'r',
        &[
            (66, "10.77.0.2", "bare_address_means_ftp"),
            (66, "gopher://10.77.0.2/", "option_unreadable"),
            (66, "tftp://10.77.0.2/yealink.cfg", "file_not_served"),
            (66, "https://user:secret@10.77.0.2/", "password"),
        ],
    );
}

#[test]
fn what_is_wrong_with_dhcp_is_named_and_gone_when_it_is_mended() {
    let Some(lab) = lan('i', &[]) else { return };
    let place = Place::in_lab(&lab, &SOCKETS, URL, &rules("makers_reachability = false\n"));
    // Nobody answers at all.
    let silent = place.checks("dhcp");
    assert_eq!(codes(&silent), ["no_dhcp_answer eth0"]);
    assert_eq!((&silent[0]["severity"], &silent[0]["phones"]), (&"error".into(), &3.into()));
    let healthy = || dhcp(&lab, &format!("{TIME}{CLASSES}"));
    healthy();
    assert_eq!(codes(&place.checks("dhcp")), Vec::<String>::new());
    assert_eq!(codes(&place.findings()), Vec::<String>::new(), "it passes again");
    // No option for anybody.
    dhcp(&lab, TIME);
    let none = place.checks("dhcp");
    assert_eq!(codes(&none), ["no_provisioning_option 10.77.0.3"]);
    assert!(none[0]["paste"]["dnsmasq"].as_str().unwrap().contains("tftp://10.77.0.2/"), "{none:#?}");
    // An option for all, though it leads here.
    dhcp(&lab, &everybody(66, "tftp://10.77.0.2/"));
    let all = place.checks("dhcp");
    assert_eq!(codes(&all), ["option_for_all_makers 10.77.0.3"], "{all:#?}");
    // A second server, which says something else.
    healthy();
    lab.does(&["rogue"]);
    let two = place.checks("dhcp");
    assert!(has(&two, "dhcp_servers_differ") && has(&two, "led_elsewhere"), "{:?}", codes(&two));
    assert!(two.iter().any(|finding| finding["subject"]["id"] == "10.77.0.4"), "{:?}", codes(&two));
    lab.does(&["stop", "rogue"]);
    assert_eq!(codes(&place.checks("dhcp")), Vec::<String>::new());
    assert_eq!(codes(&place.findings()), Vec::<String>::new());
}

#[test]
fn what_is_wrong_with_time_servers_is_named_whoever_told_phones_of_them() {
    let Some(lab) = lan('j', &["nft"]) else { return };
    dhcp(&lab, &format!("{TIME}{CLASSES}"));
    let more = rules("makers_reachability = false\n").replace("\"10.77.0.15\"", "\"fd77:0:0:77::5\"");
    let place = Place::in_lab(&lab, &SOCKETS, URL, &more);
    // Before DHCP was asked: one server under two addresses of two names that nobody can know to be one.
    let all = place.checks("all");
    assert_eq!(codes(&all), Vec::<String>::new(), "two of the settings and two that DHCP named: {all:#?}");
    for (kind, code) in [
        ("unsync", "ntp_unsynchronised"),
        ("kod", "ntp_kiss"),
        ("stratum0", "ntp_stratum"),
        ("badorigin", "ntp_wrong_origin"),
        ("short", "ntp_short"),
        ("silent", "ntp_silent"),
        ("offset", "clock_off"),
    ] {
        lab.does(&["ntp", kind]);
        let found = place.checks("ntp");
        assert!(has(&found, code), "{kind}: {:?}", codes(&found));
    }
    lab.does(&["ntp", "stop"]);
    assert!(has(&place.checks("ntp"), "ntp_unreachable"));
    lab.does(&["ntp", "good"]);
    lab.does(&["ntp", "blackhole"]);
    assert!(has(&place.checks("ntp"), "ntp_silent"));
    lab.does(&["ntp", "unblackhole"]);
    assert!(!has(&place.checks("ntp"), "ntp_silent"));
}

#[test]
fn a_server_that_dhcp_named_is_asked_once_an_interval_and_out_of_its_interface() {
    let Some(lab) = lan('k', &["nft"]) else { return };
    // The time host counts what it is asked by name of DHCP alone, and of what is no single machine nothing is sent.
    dhcp(&lab, &format!("dhcp-option=option:ntp-server,10.77.0.15,224.0.1.1\n{CLASSES}"));
    let rules = "[time]\nntp = [\"10.77.0.5\"]\n[diagnose]\ninterfaces = [\"eth0\"]\nmakers_reachability = false\n";
    let place = Place::in_lab(&lab, &SOCKETS, URL, rules);
    let nft = |lines: &str| {
        let mut child = lab.command("ntp", "nft").args(["-f", "-"]).stdin(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), lines.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    };
    nft("table inet count {\n chain in {\n  type filter hook input priority -1;\n  \
         ip daddr 10.77.0.15 udp dport 123 counter\n }\n}\n");
    for _ in 0..3 {
        let found = place.checks("all");
        assert!(has(&found, "ntp_not_unicast"), "{:?}", codes(&found));
    }
    let output = lab.command("ntp", "nft").args(["list", "chain", "inet", "count", "in"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("counter packets 1 "), "{text}");
}

#[test]
fn a_young_certificate_is_a_trap_where_dhcp_tells_no_time() {
    let Some(lab) = lan('l', &[]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let (key, certificate) = (dir.path().join("k.pem"), dir.path().join("c.pem"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=10.77.0.2", "-newkey", "ec"]);
    openssl.args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-addext", "subjectAltName=IP:10.77.0.2"]);
    runs(openssl.arg("-keyout").arg(&key).arg("-out").arg(&certificate));
    let https = format!("[https]\ncertificate = {certificate:?}\nkey = {key:?}\n");
    let more = format!("{https}{}", rules("makers_reachability = false\n"));
    dhcp(&lab, CLASSES);
    let place = Place::in_lab(&lab, &SOCKETS, URL, &more);
    let untold = place.checks("all");
    let trap = untold.iter().find(|finding| finding["code"] == "certificate_needs_clock").unwrap();
    assert_eq!((&trap["severity"], &trap["phones"]), (&"warning".into(), &3.into()), "{trap:#}");
    assert!(has(&untold, "certificate_key_type"), "{:?}", codes(&untold));
    dhcp(&lab, &format!("{TIME}{CLASSES}"));
    assert!(!has(&place.checks("all"), "certificate_needs_clock"));
}

#[test]
fn a_lan_without_a_way_out_is_one_finding() {
    let Some(lab) = lan('m', &[]) else { return };
    dhcp(&lab, &format!("{TIME}{CLASSES}"));
    let file = tempfile::tempdir().unwrap();
    let rules = "[time]\nntp = [\"0.pool.ntp.org\", \"1.pool.ntp.org\"]\n[diagnose]\ninterfaces = [\"eth0\"]\n";
    let path = config(
        file.path(),
        URL,
        &format!("{rules}[https]\nlisten = [\"10.77.0.2:443\"]\n[tftp]\nlisten = [\"10.77.0.2:69\"]\n"),
    );
    // The daemon is not there either: that is another finding, and the only other one.
    let (diagnosis, code) = doctor(&lab, &["00:15:65:00:00:01", "--config", path.to_str().unwrap()]);
    assert_eq!(found(&diagnosis), ["public_url_unreachable https://10.77.0.2", "no_way_out outside"], "{diagnosis:#}");
    assert_eq!(code, 1);
}

/// The lines to paste are taken by the servers they are for, and cure what they are for.
#[test]
fn the_lines_to_paste_are_good() {
    let Some(lab) = lan('p', &[]) else { return };
    dhcp(&lab, TIME);
    let place = Place::in_lab(&lab, &SOCKETS, URL, &rules("makers_reachability = false\n"));
    let found = place.checks("dhcp");
    assert_eq!(codes(&found), ["no_provisioning_option 10.77.0.3"]);
    let lines = |server: &str| found[0]["paste"][server].as_str().unwrap().to_owned();
    dhcp(&lab, &format!("{TIME}{}", lines("dnsmasq")));
    assert_eq!(codes(&place.checks("dhcp")), Vec::<String>::new(), "{}", lines("dnsmasq"));
    let written = |name: &str, text: String| {
        let path = lab.state(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    if has_program("kea-dhcp4") {
        let text = format!(
            "{{ \"Dhcp4\": {{ \"interfaces-config\": {{ \"interfaces\": [ \"eth0\" ], \"dhcp-socket-type\": \"raw\" }},\n\
             \"lease-database\": {{ \"type\": \"memfile\", \"persist\": false }}, \"authoritative\": true,\n{},\n\
             \"subnet4\": [ {{ \"id\": 1, \"subnet\": \"10.77.0.0/24\", \"interface\": \"eth0\",\n\
             \"pools\": [ {{ \"pool\": \"10.77.0.100 - 10.77.0.199\" }} ],\n\
             \"option-data\": [ {{ \"name\": \"ntp-servers\", \"data\": \"10.77.0.5\" }} ] }} ],\n\
             \"loggers\": [ {{ \"name\": \"kea-dhcp4\", \"severity\": \"INFO\", \"output_options\": [ {{ \"output\": \"stdout\" }} ] }} ] }} }}",
            lines("kea").trim_end()
        );
        lab.does(&["dhcp", "kea", &written("test-kea.conf", text)]);
        assert_eq!(codes(&place.checks("dhcp")), Vec::<String>::new(), "{}", lines("kea"));
    }
    if has_program("dhcpd") {
        let subnet = "subnet 10.77.0.0 netmask 255.255.255.0 {\n  range 10.77.0.100 10.77.0.199;\n  \
                      option ntp-servers 10.77.0.5;\n}\n";
        let text = format!("authoritative;\nping-check false;\n{}{subnet}", lines("isc-dhcpd"));
        lab.does(&["dhcp", "isc", &written("test-isc.conf", text)]);
        assert_eq!(codes(&place.checks("dhcp")), Vec::<String>::new(), "{}", lines("isc-dhcpd"));
    }
}

fn has_program(program: &str) -> bool {
    let there = ["/usr/sbin", "/usr/bin"].iter().any(|at| std::path::Path::new(at).join(program).exists());
    if !there {
        eprintln!("skipped: {program} is missing");
    }
    there
}
