//! `checks` of the admin API and `ztpd doctor`, on loopback.

use std::net::{TcpListener, UdpSocket};
use std::process::Command;

use serde_json::{Value as Json, json};

use crate::ZTPD;
use crate::place::{Place, codes, config};

fn has_curl() -> bool {
    let there = Command::new("curl").arg("--version").output().is_ok();
    if !there {
        println!("skipped: curl is missing");
    }
    there
}

/// A port that nobody listens on.
fn closed() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A list of makers' services.
fn services(dir: &std::path::Path, ports: &[(&str, u16)]) -> String {
    let entry = |(maker, port): &(&str, u16)| {
        format!(
            "[[service]]\nmaker = \"{maker}\"\nname = \"service\"\nhost = \"127.0.0.1\"\nport = {port}\ntls = false\nsource = \"test\"\n"
        )
    };
    let path = dir.join("services.toml");
    std::fs::write(&path, ports.iter().map(entry).collect::<String>()).unwrap();
    format!("[diagnose]\nservices = {path:?}\n")
}

#[test]
fn a_check_that_is_wished_for_runs_at_once_and_its_findings_stay_until_it_passes() {
    if !has_curl() {
        return;
    }
    let lists = tempfile::tempdir().unwrap();
    let (up, down) = (TcpListener::bind("127.0.0.1:0").unwrap(), closed());
    let port = up.local_addr().unwrap().port();
    let rules = services(lists.path(), &[("snom", port), ("yealink", down)]);
    let place = Place::on_loopback("", &rules);
    assert_eq!(place.findings(), Vec::<Json>::new());
    let found = place.checks("reachability");
    assert_eq!(codes(&found), [format!("maker_service_unreachable 127.0.0.1:{down}")]);
    for field in ["id", "severity", "summary", "evidence", "fix", "paste", "phones", "first_seen", "last_seen"] {
        assert!(!found[0][field].is_null(), "{field}");
    }
    // It is open, with its beginning, until the service is there again.
    let open = place.findings();
    assert_eq!(codes(&open), codes(&found));
    let first = open[0]["first_seen"].clone();
    place.checks("reachability");
    let again = place.findings();
    assert_eq!((&again[0]["first_seen"], again.len()), (&first, 1));
    assert!(again[0]["last_seen"].as_str() > first.as_str());
    let _back = TcpListener::bind(("127.0.0.1", down)).unwrap();
    place.checks("reachability");
    assert_eq!(place.findings(), Vec::<Json>::new());
}

#[test]
fn a_host_without_a_way_out_is_one_finding_and_not_one_for_each_maker() {
    if !has_curl() {
        return;
    }
    let lists = tempfile::tempdir().unwrap();
    let makers = ["cisco", "grandstream", "poly", "snom", "yealink"];
    let down: Vec<(&str, u16)> = makers.iter().map(|maker| (*maker, closed())).collect();
    let place = Place::on_loopback("", &services(lists.path(), &down));
    assert_eq!(codes(&place.checks("reachability")), ["no_way_out outside"]);
}

#[test]
fn without_a_socket_for_dhcp_that_is_said_as_something_good_to_know() {
    if !has_curl() {
        return;
    }
    let place = Place::on_loopback("", "");
    let found = place.checks("dhcp");
    assert_eq!(codes(&found), ["dhcp_probe_unavailable dhcp"]);
    assert_eq!(found[0]["severity"], "info");
    assert!(found[0]["fix"].as_str().unwrap().contains("ztpd-dhcp.socket"), "{found:?}");
    // What is only good to know leaves it ready.
    let mut curl = Command::new("curl");
    let ready = curl.args(["-sS", "--unix-socket"]).arg(place.socket()).arg("http://ztpd/readyz").output().unwrap();
    assert_eq!(String::from_utf8(ready.stdout).unwrap().lines().next(), Some("ready"));
}

#[test]
fn time_servers_that_are_named_are_asked_for_who_asks_and_nobody_else() {
    if !has_curl() {
        return;
    }
    let place = Place::on_loopback("", "");
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let body = json!({"kind": "ntp", "servers": [silent.to_string()]}).to_string();
    let answer = place.asks("POST", "checks", &body);
    assert_eq!(codes(answer["findings"].as_array().unwrap()), [format!("ntp_unreachable {silent}")]);
    assert_eq!(answer["checks"], json!([{"check": "ntp", "place": "", "findings": 1}]));
    assert_eq!(place.findings(), Vec::<Json>::new());
}

#[test]
fn who_asks_while_a_check_is_running_is_told_so_at_once() {
    if !has_curl() {
        return;
    }
    let place = Place::on_loopback("", "");
    // A time server that hears the question and keeps silent: while it is waited for, the check is running.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let body = json!({"kind": "ntp", "servers": [silent.local_addr().unwrap().to_string()]}).to_string();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| place.answers("POST", "checks", &body));
        silent.recv(&mut [0u8; 64]).unwrap();
        let (status, problem) = place.answers("POST", "checks", r#"{"kind": "ntp"}"#);
        assert_eq!((status, &problem["code"]), (429, &"check_running".into()), "{problem:#}");
        let (status, answer) = first.join().unwrap();
        assert_eq!((status, &answer["findings"][0]["code"]), (200, &"ntp_silent".into()), "{answer:#}");
    });
}

#[test]
fn a_wish_that_makes_no_sense_is_refused_with_its_place() {
    if !has_curl() {
        return;
    }
    let place = Place::on_loopback("", "");
    let many: Vec<String> = (1..=9).map(|last| format!("10.0.0.{last}")).collect();
    for (body, pointer) in [
        (json!({}), ""),
        (json!({"kind": "everything"}), "/kind"),
        (json!({"kind": "dhcp", "interface": "no-such"}), "/interface"),
        (json!({"kind": "dhcp", "interface": "../lo"}), "/interface"),
        (json!({"kind": "ntp", "interface": "lo"}), "/interface"),
        (json!({"kind": "ntp", "servers": ["ntp://a"]}), "/servers/0"),
        (json!({"kind": "ntp", "servers": many}), "/servers"),
        (json!({"kind": "all", "servers": ["10.0.0.1"]}), "/servers"),
        (json!({"kind": "ntp", "server": "10.0.0.1"}), "/server"),
    ] {
        let (status, problem) = place.answers("POST", "checks", &body.to_string());
        assert_eq!(status, 422, "{body}: {problem:#}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}: {problem:#}");
    }
    assert_eq!(place.answers("GET", "checks", "").0, 405);
    assert_eq!(place.findings(), Vec::<Json>::new());
}

#[test]
fn a_list_of_services_that_cannot_be_read_is_a_finding_and_nothing_else_breaks() {
    if !has_curl() {
        return;
    }
    let lists = tempfile::tempdir().unwrap();
    let rules = services(lists.path(), &[]);
    std::fs::write(lists.path().join("services.toml"), "[[service]]\nmaker = 5\n").unwrap();
    let place = Place::on_loopback("", &rules);
    let found = place.checks("reachability");
    assert_eq!(found[0]["code"], "services_file_unreadable");
    assert!(found[0]["summary"].as_str().unwrap().contains("line 2"), "{found:?}");
    assert_eq!(found.len(), 1);
}

#[test]
fn phones_see_who_answers_at_the_public_url() {
    if !has_curl() {
        return;
    }
    let quiet = "[diagnose]\nmakers_reachability = false\n";
    let nobody = closed();
    let place = Place::on_loopback(&format!("public_url = \"https://127.0.0.1:{nobody}\""), quiet);
    assert_eq!(codes(&place.checks("reachability")), [format!("public_url_unreachable https://127.0.0.1:{nobody}")]);
    drop(place);
    // Another daemon's certificate, as a proxy that ends TLS would show its own.
    let other = Place::on_loopback("", quiet);
    let url = other.asks("GET", "status", "")["public_url"].as_str().unwrap().to_owned();
    let place = Place::on_loopback(&format!("public_url = {url:?}"), quiet);
    let found = place.checks("reachability");
    assert_eq!(codes(&found), [format!("public_url_other_certificate {url}")]);
    assert!(found[0]["evidence"][0].as_str().unwrap().contains("127.0.0.1"), "{found:?}");
    assert_eq!(codes(&other.checks("reachability")), Vec::<String>::new());
}

/// `ztpd doctor` without a daemon: the diagnosis and the exit code.
fn doctor(arguments: &[&str]) -> (Json, i32) {
    let mut command = Command::new(ZTPD);
    command.args(["doctor", "--json"]).args(arguments).env_remove("ZTPD_SOCKET").env_remove("ZTPD_URL");
    let output = command.output().unwrap();
    let diagnosis = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (diagnosis, output.status.code().unwrap())
}

#[test]
fn doctor_asks_the_daemon_that_is_named_and_says_when_it_is_not_there() {
    if !has_curl() {
        return;
    }
    let lists = tempfile::tempdir().unwrap();
    let down = closed();
    let open = TcpListener::bind("127.0.0.1:0").unwrap();
    let rules = services(lists.path(), &[("snom", open.local_addr().unwrap().port()), ("yealink", down)]);
    let place = Place::on_loopback("", &format!("{rules}[time]\nntp = []\n"));
    place.asks("POST", "sites", r#"{"id": "hq", "name": "HQ"}"#);
    let device = r#"{"mac": "80:5e:c0:11:22:33", "maker": "yealink", "model": "T46U", "site": "hq"}"#;
    place.asks("POST", "devices", device);
    let socket = place.socket();
    let named = ["--socket", socket.to_str().unwrap()];
    // No interface of that name: nothing is asked on the machine's own network.
    let mut command = Command::new(ZTPD);
    let output = command.args(["doctor", "--json", "--interface", "no-such"]).args(named).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
    let gone = Command::new(ZTPD).args(["doctor", "--socket", "/no/such/socket"]).output().unwrap();
    assert_eq!(gone.status.code(), Some(3), "{}", String::from_utf8_lossy(&gone.stderr));
}

#[test]
fn doctor_needs_a_file_without_faults_and_an_interface_that_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let quiet = "[https]\nlisten = [\"127.0.0.1:0\"]\n[time]\nntp = []\n[diagnose]\nmakers_reachability = false\n";
    let good = config(dir.path(), "", quiet);
    let good = good.to_str().unwrap();
    let (diagnosis, code) = doctor(&["--config", good, "--interface", "no-such"]);
    assert_eq!(code, 1, "{diagnosis:#}");
    assert_eq!((&diagnosis["daemon"], &diagnosis["ok"]), (&json!(false), &json!(false)));
    assert_eq!(codes(diagnosis["findings"].as_array().unwrap()), ["dhcp_probe_failed no-such"]);
    let checks: Vec<&str> =
        diagnosis["checks"].as_array().unwrap().iter().map(|ran| ran["check"].as_str().unwrap()).collect();
    assert_eq!(checks, ["dhcp", "ntp", "reachability"]);
    let bad = dir.path().join("bad.toml");
    std::fs::write(&bad, "[htps]\n").unwrap();
    let output = Command::new(ZTPD).args(["doctor", "--config"]).arg(&bad).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("line 1"));
    let wrong = Command::new(ZTPD).args(["doctor", "not-a-mac"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
}
