//! From the first order to the renewal, seen by clients nobody here wrote.

use std::process::Command;

use crate::support::{NAME, Pebble, Phone, Ports, Ztpd, configure, found};

const ANY_PORT: &str = "\"127.0.0.1:0\"";
const A_DAY: u64 = 86_400;

fn installed() -> bool {
    ["curl", "openssl"].iter().all(|client| found(Command::new(client).arg("version")).is_some())
        && found(Command::new("pebble").arg("-h")).is_some()
}

fn findings(ztpd: &Ztpd) -> String {
    ztpd.admin("/api/v1/findings").unwrap()
}

#[test]
fn a_server_that_is_away_costs_nobody_anything_and_is_asked_again_after_a_reload() {
    if !installed() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let ports = Ports::new(dir.path());
    let ztpd = Ztpd::start(dir.path(), &ports, ANY_PORT, "");
    let failed = ztpd.says("no new certificate");
    assert!(failed.contains(NAME) && failed.contains("tried again in 5 minutes"), "{failed}");
    assert!(ztpd.admin("/readyz").unwrap().contains("could not be renewed"));
    assert!(findings(&ztpd).contains("certificate_unrenewed"), "{}", findings(&ztpd));
    let mut phone = Phone::connect(&ztpd);
    assert_eq!(phone.asks(), 200, "with the certificate made here");

    let pebble = Pebble::start(&ports, ztpd.http.unwrap(), ztpd.https, A_DAY).unwrap();
    ztpd.reload();
    ztpd.says("the new certificate is shown");
    assert_eq!(phone.asks(), 200, "on the connection of before");
    assert_eq!(ztpd.public_file(pebble.root()).unwrap(), "200");
    let shown = ztpd.certificate(&["-subject", "-ext", "subjectAltName", "-text"]);
    assert!(shown.contains(&format!("subject=CN = {NAME}")) && shown.contains(&format!("DNS:{NAME}")), "{shown}");
    assert!(shown.contains("Public-Key: (2048 bit)") && shown.contains("rsaEncryption"), "{shown}");
    assert!(!ztpd.admin("/readyz").unwrap().contains("could not be renewed"));
    assert!(!findings(&ztpd).contains("certificate_unrenewed"));
    // Nothing is shown to those who ask later.
    let url = format!("http://127.0.0.1:{}/.well-known/acme-challenge/x", ztpd.http.unwrap());
    let asked = Command::new("curl").args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", &url]).output().unwrap();
    assert_eq!(asked.stdout, b"404");

    // What was issued outlives the daemon, and the server need not be there.
    let before = ztpd.certificate(&["-serial"]);
    drop((phone, ztpd, pebble));
    let ztpd = Ztpd::start(dir.path(), &ports, ANY_PORT, "");
    assert_eq!(ztpd.certificate(&["-serial"]), before);

    // Another name, and a server that has forgotten who we are.
    let pebble = Pebble::start(&ports, ztpd.http.unwrap(), ztpd.https, A_DAY).unwrap();
    configure(dir.path(), &ports, ANY_PORT, "names = [\"two.example.com\"]\n");
    ztpd.reload();
    ztpd.says("the new certificate is shown");
    let names = ztpd.certificate(&["-ext", "subjectAltName"]);
    assert!(names.contains("DNS:two.example.com") && names.contains(NAME), "{names}");
    assert_eq!(ztpd.public_file(pebble.root()).unwrap(), "200");
}

#[test]
fn a_certificate_is_renewed_in_time_and_no_connection_is_dropped() {
    if !installed() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let ports = Ports::new(dir.path());
    let ztpd = Ztpd::start(dir.path(), &ports, ANY_PORT, "key = \"ecdsa-p256\"\n");
    let _pebble = Pebble::start(&ports, ztpd.http.unwrap(), ztpd.https, 20).unwrap();
    ztpd.reload();
    ztpd.says("the new certificate is shown");
    let first = ztpd.certificate(&["-serial"]);
    let mut phone = Phone::connect(&ztpd);
    assert_eq!(phone.asks(), 200);
    ztpd.says("a new certificate was issued");
    ztpd.says("the new certificate is shown");
    let second = ztpd.certificate(&["-serial", "-text"]);
    assert!(!second.contains(first.trim()) && second.contains("id-ecPublicKey"), "{first} {second}");
    // It was still good then: the renewal came before its end, which one that is over would not survive.
    assert_eq!(phone.asks(), 200, "on the connection of before");
}

#[test]
fn without_plain_http_the_name_is_proven_over_tls() {
    if !installed() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let ports = Ports::new(dir.path());
    let ztpd = Ztpd::start(dir.path(), &ports, "", "challenge = \"tls-alpn-01\"\n");
    ztpd.says("no new certificate");
    let pebble = Pebble::start(&ports, 1, ztpd.https, A_DAY).unwrap();
    ztpd.reload();
    ztpd.says("the new certificate is shown");
    assert_eq!(ztpd.public_file(pebble.root()).unwrap(), "200");
    // Outside an order there is nothing to show by that protocol.
    let at = format!("127.0.0.1:{}", ztpd.https);
    let asked = |protocol: &str| {
        let mut client = Command::new("openssl");
        client.args(["s_client", "-brief", "-servername", NAME, "-alpn", protocol, "-connect", &at]);
        client.stdin(std::process::Stdio::null()).output().unwrap().status.success()
    };
    assert!(!asked("acme-tls/1"));
    assert!(asked("http/1.1"));
}

#[test]
fn whoever_cannot_be_seen_from_the_server_is_told_why() {
    if !installed() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let ports = Ports::new(dir.path());
    let silent = Ztpd::start(dir.path(), &ports, "", "");
    let said = silent.says("no new certificate");
    assert!(said.contains("[http] listen") && said.contains("tls-alpn-01"), "{said}");
    drop(silent);
    let ztpd = Ztpd::start(dir.path(), &ports, ANY_PORT, "");
    ztpd.says("no new certificate");
    // The server asks a port where nobody listens.
    let Some(_pebble) = Pebble::start(&ports, 1, 1, A_DAY) else { return };
    ztpd.reload();
    let said = ztpd.says("no new certificate");
    assert!(said.contains(&format!("could not see that {NAME} is ours")) && said.contains("refused"), "{said}");
    assert_eq!(Phone::connect(&ztpd).asks(), 200, "phones are served all the same");
}
