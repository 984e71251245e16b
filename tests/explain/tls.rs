//! Planted faults of TLS, by `openssl s_client` as old, ignorant or confused as some phones are. That the phone has the
//! address they come from is what DHCP said.

use std::process::{Command, Stdio};

use crate::dhcp::{ACK, DISCOVER, Message, observed};
use crate::support::Site;
use crate::{MAC, broken, explained, has_curl, names};

const ADDRESS: &str = "127.0.0.77";

/// A site whose phone has an address of its own; `None` where curl or openssl is not installed.
fn site() -> Option<Site> {
    let site = Site::start();
    if !has_curl(&site) {
        return None;
    }
    if let Err(error) = Command::new("openssl").arg("version").output() {
        println!("skipped: openssl: {error}");
        return None;
    }
    site.enrol(MAC, "T46U", "alice@example.com");
    let right = format!("{}/", site.url);
    observed(
        &site,
        vec![
            Message::of(DISCOVER, MAC, [0; 4]).option(60, b"yealink").ago(1),
            Message::of(ACK, MAC, [127, 0, 0, 77]).server(3).option(66, right.as_bytes()).ago(1),
        ],
    );
    Some(site)
}

/// Connects from the phone's address; waits until the connection is over.
fn connect(site: &Site, from: &str, options: &[&str]) {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-bind", &format!("{from}:0"), "-connect", site.url.trim_start_matches("https://")]);
    command.args(options).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().unwrap();
}

/// A client that verifies our certificate, trusting our authority.
fn trusting<'a>(site: &'a Site, more: &[&'a str]) -> Vec<&'a str> {
    let authority = site.authority.to_str().unwrap();
    [&["-CAfile", authority, "-verify_return_error"][..], more].concat()
}

#[test]
fn it_speaks_an_old_version() {
    for version in ["-tls1", "-tls1_1"] {
        let Some(site) = site() else { return };
        connect(&site, ADDRESS, &[version, "-cipher", "DEFAULT@SECLEVEL=0"]);
        let (summary, fix) = names(&site, MAC, "tls_old_version");
        assert!(summary.contains(ADDRESS) && fix.contains("firmware of the T46U"), "{summary} {fix}");
        let step = broken(&site, MAC);
        assert_eq!(step["handshake"]["failure"], "old_version", "{step:#}");
    }
}

#[test]
fn it_speaks_no_cipher_of_ours() {
    let Some(site) = site() else { return };
    connect(&site, ADDRESS, &["-tls1_2", "-cipher", "AES128-SHA:AES256-SHA"]);
    names(&site, MAC, "tls_no_common_cipher");
}

#[test]
fn it_does_not_trust_our_authority() {
    for version in ["-tls1_2", "-tls1_3"] {
        let Some(site) = site() else { return };
        connect(&site, ADDRESS, &[version, "-verify_return_error", "-no-CAfile", "-no-CApath", "-no-CAstore"]);
        let (_, fix) = names(&site, MAC, "tls_untrusted_authority");
        assert!(fix.contains("ztpd-ca.pem"), "{fix}");
        assert_eq!(broken(&site, MAC)["handshake"]["failure"], "unknown_authority");
    }
}

#[test]
fn its_clock_is_wrong() {
    // Past the end of our certificate, and at the beginning of time.
    for time in ["4102444800", "86400"] {
        let Some(site) = site() else { return };
        connect(&site, ADDRESS, &trusting(&site, &["-attime", time]));
        let (summary, fix) = names(&site, MAC, "tls_clock");
        assert!(summary.contains("its clock is wrong") && fix.contains("option 42"), "{summary} {fix}");
    }
}

#[test]
fn our_certificate_is_not_for_the_name_it_asks() {
    let Some(site) = site() else { return };
    let name = "prov.old.example";
    connect(&site, ADDRESS, &trusting(&site, &["-servername", name, "-verify_hostname", name]));
    let (summary, _) = names(&site, MAC, "tls_name");
    assert!(summary.contains(name), "{summary}");
}

#[test]
fn it_hangs_up_without_asking_or_speaks_no_tls() {
    let Some(site) = site() else { return };
    connect(&site, ADDRESS, &trusting(&site, &[]));
    // The daemon notices the end a moment later.
    loop {
        let explanation = explained(&site, MAC).unwrap();
        if explanation["cause"] == "tls_broken_off" {
            break;
        }
        assert_eq!(explanation["cause"], "dhcp_only", "{explanation:#}");
    }
    let url = site.url.replace("https://", "http://");
    let plain = Command::new("curl").args(["-sS", "--interface", ADDRESS, &url]).output().unwrap();
    assert!(!plain.status.success());
    let (summary, _) = names(&site, MAC, "tls_broken_off");
    assert!(summary.contains("speaks no TLS"), "{summary}");
}

#[test]
fn what_others_do_at_the_same_address_is_not_laid_at_its_door() {
    let Some(site) = site() else { return };
    // Two phones behind one address: whose handshake it was is not known.
    site.enrol("80:5e:c0:11:22:99", "T46U", "alice@example.com");
    assert_eq!(crate::support::curl(&site, ADDRESS, "805ec0112299.cfg", &[]).unwrap().status, 200);
    connect(&site, ADDRESS, &["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]);
    names(&site, MAC, "dhcp_only");
    // And an address of nobody is nobody's.
    connect(&site, "127.0.0.78", &["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]);
    names(&site, MAC, "dhcp_only");
}
