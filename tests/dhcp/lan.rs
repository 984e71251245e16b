//! Probe and watch on a LAN with real DHCP servers: dnsmasq, Kea, and a rogue one beside them.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value as Json;

use crate::lab::Lab;

const ZTPD: &str = env!("CARGO_BIN_EXE_ztpd");

/// `ztpd dhcp probe` on a host, the server being 10.77.0.2: the report and the exit code.
fn probe(lab: &Lab, host: &str, arguments: &[&str]) -> (Json, i32) {
    let usual = ["dhcp", "probe", "--interface", "eth0", "--json", "--wait", "4s", "--server", "10.77.0.2"];
    let output = lab.command(host, ZTPD).args(usual).args(["--server", "10.77.0.6"]).args(arguments).output().unwrap();
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (report, output.status.code().unwrap())
}

fn codes(report: &Json) -> Vec<&str> {
    let findings = report["facts"].as_array().unwrap().iter().filter(|fact| fact["severity"] != "info");
    findings.map(|fact| fact["code"].as_str().unwrap()).collect()
}

fn servers(report: &Json) -> Vec<&str> {
    report["servers"].as_array().unwrap().iter().map(|row| row["server"].as_str().unwrap()).collect()
}

/// The first request of a family, as a server would cause it.
fn request<'a>(report: &'a Json, server: usize, family: &str) -> &'a str {
    let choices = report["servers"][server]["choices"].as_array().unwrap();
    choices.iter().find(|choice| choice["family"] == family).unwrap()["first_request"].as_str().unwrap()
}

#[test]
fn on_a_healthy_lan_nothing_is_found_and_no_lease_is_taken() {
    let Some(lab) = Lab::up('a', &["dnsmasq"]) else { return };
    lab.does(&["dhcp", "dnsmasq", "right"]);
    let (report, code) = probe(&lab, "srv", &[]);
    assert_eq!((codes(&report), code), (vec![], 0), "{report:#}");
    assert_eq!(servers(&report), ["10.77.0.3"]);
    assert_eq!(request(&report, 0, "Yealink"), "tftp://10.77.0.2/<mac>.boot");
    assert_eq!(request(&report, 0, "Poly UCS"), "tftp://10.77.0.2/<mac>.cfg");
    // A host without an address can be asked for too; then it has nothing to INFORM about.
    let (report, code) = probe(&lab, "phone1", &["--maker", "yealink", "--maker-mac"]);
    assert_eq!((servers(&report), code), (vec!["10.77.0.3"], 0), "{report:#}");
    assert_eq!(report["phones"][0]["sent"], serde_json::json!(["DISCOVER"]));
    assert!(report["phones"][0]["mac"].as_str().unwrap().starts_with("00:15:65:"), "{report:#}");
    let leases = std::fs::read_to_string(lab.state("dnsmasq.leases")).unwrap_or_default();
    assert_eq!(leases, "", "a lease was taken");
}

#[test]
fn each_maker_is_told_by_its_class_and_every_server_is_heard() {
    let Some(lab) = Lab::up('b', &["dnsmasq"]) else { return };
    lab.does(&["dhcp", "dnsmasq", "full"]);
    lab.does(&["rogue"]);
    let (report, code) = probe(&lab, "srv", &[]);
    assert_eq!(servers(&report), ["10.77.0.3", "10.77.0.4"], "{report:#}");
    let codes = codes(&report);
    assert!(codes.contains(&"dhcp_servers_differ") && codes.contains(&"led_elsewhere"), "{codes:?}");
    assert_eq!(code, 1);
    assert_eq!(request(&report, 0, "Poly UCS"), "https://10.77.0.2/dms/<mac>.cfg");
    assert_eq!(request(&report, 0, "Snom"), "https://10.77.0.2/boot.cfg");
    assert_eq!(request(&report, 1, "Snom"), "http://10.77.0.4/evil/snom<model>.htm");
}

#[test]
fn a_lan_without_a_server_is_said_to_have_none() {
    let Some(lab) = Lab::up('c', &[]) else { return };
    let (report, code) = probe(&lab, "srv", &["--maker", "snom"]);
    assert_eq!((codes(&report), code), (vec!["no_dhcp_answer"], 1), "{report:#}");
}

#[test]
fn kea_and_isc_answer_as_dnsmasq_does() {
    for (letter, program, server) in [('d', "kea-dhcp4", "kea"), ('e', "dhcpd", "isc")] {
        let Some(lab) = Lab::up(letter, &[program]) else { continue };
        lab.does(&["dhcp", server, "full"]);
        let (report, _) = probe(&lab, "srv", &[]);
        assert_eq!(servers(&report), ["10.77.0.3"], "{server}");
        assert_eq!(request(&report, 0, "Yealink"), "https://10.77.0.2/<mac>.boot", "{server}");
        assert_eq!(request(&report, 0, "Cisco enterprise"), "tftp://10.77.0.2/CTLSEP<MAC>.tlv", "{server}");
    }
}

#[test]
fn what_is_not_allowed_is_named() {
    let Some(lab) = Lab::up('f', &["dnsmasq", "setpriv"]) else { return };
    lab.does(&["dhcp", "dnsmasq", "right"]);
    let without = |capabilities: &str, verb: &[&str]| -> Output {
        let mut command = lab.command("srv", "setpriv");
        let bounding = format!("--bounding-set={capabilities}");
        let inherited = format!("--inh-caps={capabilities}");
        command.args([&bounding, &inherited, ZTPD, "dhcp"]).args(verb).args(["--interface", "eth0", "--json"]);
        command.output().unwrap()
    };
    let probe = ["probe", "--maker", "yealink", "--wait", "2s"];
    let neither = without("-net_raw,-net_bind_service", &probe);
    let error = String::from_utf8(neither.stderr).unwrap();
    assert_eq!(neither.status.code(), Some(1));
    assert!(error.contains("CAP_NET_RAW") && error.contains("CAP_NET_BIND_SERVICE"), "{error}");
    // Either is enough.
    for capability in ["-net_raw", "-net_bind_service"] {
        let output = without(capability, &probe);
        let report: Json = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("without {capability}: {}", String::from_utf8_lossy(&output.stderr)));
        assert_eq!(servers(&report), ["10.77.0.3"], "without {capability}");
    }
    let deaf = without("-net_raw", &["watch", "--for", "1s"]);
    assert_eq!(deaf.status.code(), Some(1));
    assert!(String::from_utf8(deaf.stderr).unwrap().contains("CAP_NET_RAW is missing"));
}

#[test]
fn an_interface_there_is_not_is_refused_with_those_there_are() {
    let Some(lab) = Lab::up('g', &[]) else { return };
    for verb in ["probe", "watch"] {
        let output = lab.command("srv", ZTPD).args(["dhcp", verb, "--interface", "eth9"]).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains("eth9") && error.contains("eth0"), "{error}");
    }
}

/// `ztpd dhcp watch` on a host, listening.
struct Watch {
    child: Child,
}

impl Watch {
    fn on(lab: &Lab, host: &str) -> Watch {
        let mut command = lab.command(host, ZTPD);
        command.args(["dhcp", "watch", "--interface", "eth0", "--json", "--for", "2m", "--server", "10.77.0.2"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("listening"), "{line}");
        Watch { child }
    }

    /// Ends it as Ctrl-C does: its messages, its report, its exit code.
    fn ends(mut self) -> (Vec<Json>, Json, i32) {
        let ended = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(ended.success());
        let mut text = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        let code = self.child.wait().unwrap().code().unwrap();
        let mut lines: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let report = lines.pop().unwrap()["report"].take();
        (lines, report, code)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

#[test]
fn a_booting_phone_is_seen_with_what_it_was_told() {
    let Some(lab) = Lab::up('h', &["dnsmasq", "busybox"]) else { return };
    lab.does(&["dhcp", "dnsmasq", "right"]);
    let watch = Watch::on(&lab, "phone1");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/dhcp/udhcpc-dump.sh");
    let mut client = lab.command("phone1", "busybox");
    client.args(["udhcpc", "-f", "-q", "-n", "-t", "5", "-T", "2", "-i", "eth0", "-V", "yealink", "-O", "66", "-s"]);
    assert!(client.arg(script).output().unwrap().status.success());
    let (messages, report, code) = watch.ends();
    let kinds: Vec<&str> = messages.iter().map(|line| line["message"]["type"].as_str().unwrap()).collect();
    for kind in ["DISCOVER", "OFFER", "REQUEST", "ACK"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    let phone = &report["phones"][0];
    assert_eq!((&phone["mac"], &phone["family"]), (&Json::from("00:15:65:00:00:01"), &Json::from("Yealink")));
    assert_eq!(phone["told"][0]["choice"]["first_request"], "tftp://10.77.0.2/001565000001.boot");
    assert_eq!((codes(&report), code), (vec![], 0), "{report:#}");
}

#[test]
fn a_phone_in_a_tagged_vlan_is_seen_with_its_tag() {
    let Some(lab) = Lab::up('i', &[]) else { return };
    let link =
        |arguments: &str| lab.command("phone1", "ip").args(arguments.split(' ')).output().unwrap().status.success();
    if !link("link add link eth0 name voice type vlan id 110") {
        return eprintln!("skipped: this kernel has no VLAN interfaces");
    }
    assert!(link("link set voice up"));
    let watch = Watch::on(&lab, "dhcp");
    let asking = ["dhcp", "probe", "--interface", "voice", "--maker", "yealink", "--wait", "1s"];
    assert_eq!(lab.command("phone1", ZTPD).args(asking).status().unwrap().code(), Some(1));
    let (messages, report, _) = watch.ends();
    assert!(!messages.is_empty());
    assert_eq!(messages[0]["message"]["vlans"], serde_json::json!([110]), "{messages:?}");
    assert_eq!(report["phones"][0]["vlans"], serde_json::json!([110]), "{report:#}");
    assert_eq!(codes(&report), ["no_dhcp_answer"]);
}
