//! D5: nobody leaves a file here, with or without proof; phones that try go on without it.

use std::process::Command;

use crate::support::{Site, admin, curl, fetch, tftp};

const MAC: &str = "80:5e:c0:11:22:33";
const FILE: &str = "805ec0112233.cfg";

/// What phones leave behind: contacts, their users' own settings, logs; and their own file itself.
const NAMES: &[&str] = &[
    "805ec0112233-contact.xml",
    "805ec0112233-local.cfg",
    "805ec0112233-phone.cfg",
    "805ec0112233-boot.log",
    FILE,
    "firmware.rom",
    "",
];

fn site() -> Site {
    let site = Site::start();
    site.enrol(MAC, "T46U", "alice@example.com");
    site
}

#[test]
fn sec_d05_no_way_to_write_over_http_is_open_whoever_asks_and_whatever_for() {
    let site = site();
    let Some(claimed) = curl(&site, "127.0.0.1", FILE, &[]) else { return };
    let token = claimed.body.split("/t/").nth(1).unwrap().split(['/', '\n']).next().unwrap().to_owned();
    let before = curl(&site, "127.0.0.1", &format!("t/{token}/{FILE}"), &[]).unwrap().body;
    let octets = "x".repeat(1_000);
    let wanted = "GET, HEAD";
    for method in ["PUT", "POST", "PATCH", "DELETE", "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK"]
    {
        for name in NAMES {
            for path in [(*name).to_owned(), format!("t/{token}/{name}")] {
                let body = ["-X", method, "--data-binary", &octets, "-H", "Destination: /x", "-H", "Expect:"];
                let refused = curl(&site, "127.0.0.1", &path, &body).unwrap();
                assert_eq!((refused.status, refused.body.as_str()), (405, ""), "{method} {path}");
                let allow = refused.headers.lines().find_map(|line| line.strip_prefix("allow: "));
                assert_eq!(allow, Some(wanted), "{method} {path}: {}", refused.headers);
            }
        }
    }
    // Known or not makes no difference.
    let put = |path: &str| {
        curl(&site, "127.0.0.1", path, &["-X", "PUT", "-d", "x"]).unwrap().headers_without_date().join("\n")
    };
    assert_eq!(put("805ec0112233-contact.xml"), put("805ec0ffffff-contact.xml"));
    for name in NAMES.iter().filter(|name| !name.is_empty() && **name != FILE) {
        assert_eq!(curl(&site, "127.0.0.1", &format!("t/{token}/{name}"), &[]).unwrap().status, 404, "{name}");
    }
    assert_eq!(curl(&site, "127.0.0.1", &format!("t/{token}/{FILE}"), &[]).unwrap().body, before);
}

#[test]
fn sec_d05_a_body_is_not_even_asked_for() {
    let site = site();
    // curl waits for the word to go on before it sends a body as large as this.
    let dir = tempfile::tempdir().unwrap();
    let large = dir.path().join("large");
    std::fs::write(&large, vec![0; 2 << 20]).unwrap();
    let large = large.to_str().unwrap();
    let uploaded = ["-T", large, "--expect100-timeout", "60", "-H", "Expect: 100-continue", "-w", "\n%{size_upload}"];
    let Some(refused) = curl(&site, "127.0.0.1", "805ec0112233-contact.xml", &uploaded) else { return };
    assert_eq!((refused.status, refused.body.trim()), (405, "0"));
    // Nor is a body read that comes with a request for a file.
    assert_eq!(curl(&site, "127.0.0.1", FILE, &["-X", "GET", "-d", "x"]).unwrap().status, 400);
}

#[test]
fn sec_d05_nothing_can_be_written_over_tftp() {
    let site = site();
    let dir = tempfile::tempdir().unwrap();
    let mine = dir.path().join("mine");
    std::fs::write(&mine, "mine").unwrap();
    for name in ["805ec0112233-contact.xml", FILE, "ztpd-ca.pem", "anything"] {
        let mut hpa = Command::new("tftp");
        hpa.current_dir(dir.path()).args([
            "-m",
            "octet",
            "127.0.0.1",
            &site.tftp.to_string(),
            "-c",
            "put",
            "mine",
            name,
        ]);
        match hpa.output() {
            Ok(output) => {
                let said = [output.stdout, output.stderr].concat();
                let said = String::from_utf8_lossy(&said).into_owned();
                assert!(said.contains("Read only"), "{name}: {said}");
            }
            Err(error) => println!("skipped: tftp: {error}"),
        }
        let url = format!("tftp://127.0.0.1:{}/{name}", site.tftp);
        match Command::new("curl").args(["-sS", "-T"]).arg(&mine).arg(&url).output() {
            Ok(output) => assert_eq!(output.status.code(), Some(69), "{name}: permission problem: {output:?}"),
            Err(error) => println!("skipped: curl: {error}"),
        }
    }
    if let Some(authority) = fetch(&site, &format!("tftp://127.0.0.1:{}/ztpd-ca.pem", site.tftp), "x") {
        assert!(authority.starts_with(b"-----BEGIN CERTIFICATE"));
    }
    assert_eq!(tftp(&site, "anything").flatten(), None);
    if let Some((_, _, events)) = admin(&site, "GET", &format!("devices/{MAC}/events"), "", &[]) {
        assert_eq!(events["items"], serde_json::json!([]), "nobody was even asked about");
    }
}
