//! SIP servers: SIPp over UDP and TCP, and over TLS behind socat.

use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::place::{Place, codes};

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn missing(program: &str, argument: &str) -> bool {
    let missing = Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status().is_err();
    if missing {
        println!("skipped: {program} is missing");
    }
    missing
}

/// SIPp with a scenario, on a port of its own; it is there when the port is taken.
fn sipp(scenario: &str, transport: &str) -> (Running, u16) {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/sip").join(scenario);
    let port = match transport {
        "u1" => UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port(),
        _ => TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port(),
    };
    let mut command = Command::new("sipp");
    command.arg("-sf").arg(scenario).args(["-t", transport, "-i", "127.0.0.1", "-p", &port.to_string(), "-nostdin"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let running = Running(child);
    loop {
        let taken = match transport {
            "u1" => UdpSocket::bind(("127.0.0.1", port)).is_err(),
            _ => std::net::TcpStream::connect(("127.0.0.1", port)).is_ok(),
        };
        if taken {
            return (running, port);
        }
        std::thread::yield_now();
    }
}

fn place(server: &str, port: u16, transport: &str) -> Place {
    let sip = format!("[sip]\nserver = \"{server}\"\nport = {port}\ntransport = \"{transport}\"\n");
    let place = Place::on_loopback("", &format!("{sip}[diagnose]\nmakers_reachability = false\n"));
    place.asks("POST", "sites", r#"{"id": "hq", "name": "HQ"}"#);
    let device = r#"{"mac": "80:5e:c0:11:22:33", "maker": "yealink", "model": "T46U", "site": "hq"}"#;
    place.asks("POST", "devices", device);
    place
}

#[test]
fn a_sip_server_that_answers_is_nothing_to_talk_about() {
    if missing("sipp", "-v") || missing("curl", "--version") {
        return;
    }
    for (option, transport) in [("u1", "udp"), ("t1", "tcp")] {
        let (_server, port) = sipp("options.xml", option);
        let found = place("127.0.0.1", port, transport).checks("reachability");
        assert_eq!(codes(&found), Vec::<String>::new(), "{transport}: {found:#?}");
    }
}

#[test]
fn one_that_cannot_serve_or_is_not_there_is_named_with_the_phones_it_hits() {
    if missing("sipp", "-v") || missing("curl", "--version") {
        return;
    }
    let (_server, port) = sipp("unavailable.xml", "u1");
    let found = place("127.0.0.1", port, "udp").checks("reachability");
    assert_eq!(codes(&found), [format!("sip_refuses 127.0.0.1:{port}/udp")], "{found:#?}");
    assert!(found[0]["summary"].as_str().unwrap().contains("503") && found[0]["phones"] == 1, "{found:#?}");
    for transport in ["udp", "tcp", "tls"] {
        let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let found = place("127.0.0.1", closed, transport).checks("reachability");
        assert_eq!(codes(&found), [format!("sip_unreachable 127.0.0.1:{closed}/{transport}")]);
        assert_eq!((&found[0]["severity"], &found[0]["phones"]), (&"error".into(), &1.into()));
    }
    let found = place("no-such-host.invalid", 5060, "udp").checks("reachability");
    assert_eq!(codes(&found), ["sip_name_unknown no-such-host.invalid:5060/udp"]);
    // A web server on that port.
    let other = Place::on_loopback("", "[http]\nlisten = [\"127.0.0.1:0\"]\n");
    let status = other.asks("GET", "status", "");
    let listeners = status["listeners"].as_array().unwrap();
    let http = listeners.iter().find(|one| one["plane"] == "http").unwrap()["address"].as_str().unwrap();
    let port: u16 = http.rsplit(':').next().unwrap().parse().unwrap();
    let found = place("127.0.0.1", port, "tcp").checks("reachability");
    assert_eq!(codes(&found), [format!("sip_unreachable 127.0.0.1:{port}/tcp")]);
    assert!(found[0]["summary"].as_str().unwrap().contains("does not speak SIP"), "{found:#?}");
}

/// socat ends TLS with this certificate, SIPp answers behind it.
fn over_tls(dir: &Path, name: &str, days: &str) -> Option<(Running, Running, u16)> {
    let (key, certificate) = (dir.join("key.pem"), dir.join("crt.pem"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", days, "-subj"]).arg(format!("/CN={name}"));
    openssl.arg("-addext").arg(format!(
        "subjectAltName={}",
        if name.parse::<std::net::IpAddr>().is_ok() { format!("IP:{name}") } else { format!("DNS:{name}") }
    ));
    let made = openssl.arg("-keyout").arg(&key).arg("-out").arg(&certificate).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (server, behind) = sipp("options.xml", "t1");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!(
        "OPENSSL-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork,verify=0,cert={},key={}",
        certificate.display(),
        key.display()
    );
    let child = Command::new("socat").arg(listen).arg(format!("TCP:127.0.0.1:{behind}")).spawn().unwrap();
    let socat = Running(child);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        std::thread::yield_now();
    }
    Some((server, socat, port))
}

#[test]
fn the_certificate_of_a_sip_server_is_judged_as_phones_do() {
    if ["sipp", "curl", "openssl", "socat"].iter().any(|program| missing(program, "-V")) {
        return;
    }
    // For the right name, but of nobody that phones know: they may have been given it.
    let dir = tempfile::tempdir().unwrap();
    let (_sipp, _socat, port) = over_tls(dir.path(), "127.0.0.1", "30").unwrap();
    let found = place("127.0.0.1", port, "tls").checks("reachability");
    assert_eq!(codes(&found), [format!("sip_certificate 127.0.0.1:{port}/tls")], "{found:#?}");
    assert_eq!(found[0]["severity"], "info");
    // For another name.
    let dir = tempfile::tempdir().unwrap();
    let (_sipp, _socat, port) = over_tls(dir.path(), "pbx.example.com", "30").unwrap();
    let found = place("127.0.0.1", port, "tls").checks("reachability");
    assert_eq!(codes(&found), [format!("sip_certificate 127.0.0.1:{port}/tls")], "{found:#?}");
    assert!(
        found[0]["severity"] == "warning" && found[0]["summary"].as_str().unwrap().contains("is not for"),
        "{found:#?}"
    );
}
