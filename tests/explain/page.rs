//! The page that `ztpd device explain` prints, and the one of the manual.

use std::process::Command;

use ztpd::diagnose::explain::Cause;

use crate::support::{Site, curl};
use crate::{FILE, MAC, has_curl};

fn ztpd(site: &Site, arguments: &[&str]) -> (String, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ztpd"));
    let output = command.args(arguments).arg("--socket").arg(&site.socket).output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap())
}

#[test]
fn one_page_says_who_what_why_and_what_to_do() {
    let site = Site::start();
    if !has_curl(&site) {
        return;
    }
    site.enrol(MAC, "T46U", "alice@example.com");
    assert_eq!(curl(&site, "127.0.0.1", FILE, &[]).unwrap().status, 200);
    let (page, code) = ztpd(&site, &["device", "explain", "805EC0112233"]);
    assert_eq!(code, 0);
    for part in [MAC, "yealink T46U", "alice@example.com", "provisioned", "TLS 1.3", FILE, "by claim", "<- here"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let (text, code) = ztpd(&site, &["device", "explain", "--json", "80:5e:c0:99:99:99"]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &json["cause"], &json["mac"]), (0, &"never_seen".into(), &"80:5e:c0:99:99:99".into()));
    let (page, _) = ztpd(&site, &["device", "explain", "80:5e:c0:99:99:99"]);
    assert!(page.contains("not in the inventory") && page.contains("nothing was seen"), "{page}");
}

#[test]
fn the_manual_has_a_section_on_every_cause_and_no_other() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/explain.md")).unwrap();
    let mut told: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect();
    for section in text.split("### `").skip(1) {
        assert!(section.contains("**Do:**"), "what to do is missing: {section}");
    }
    let mut causes: Vec<&str> = Cause::ALL.iter().map(|cause| cause.as_str()).collect();
    told.sort_unstable();
    causes.sort_unstable();
    assert_eq!(told, causes);
}
