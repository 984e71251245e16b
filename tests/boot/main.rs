//! From outside: the daemon on ports of its own, asked by curl, tftp-hpa and simulated phones.

// A test that cannot set itself up shall fail loudly.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod administration;
mod channels;
mod crowd;
mod follow;
mod hostile;
mod makers;
// Each of the programs that use it uses a part.
#[allow(dead_code)]
mod support;

use support::{Client, Site, curl, tftp};
use ztpd::simulate::{Ending, Model, Network, Phone};

const MAC: &str = "80:5e:c0:11:22:33";
const FILE: &str = "805ec0112233.cfg";

#[test]
fn a_registered_phone_claims_once_and_comes_back_with_its_token() {
    let site = Site::start();
    site.enrol(MAC, "T46U", "alice@example.com");
    let Some(first) = curl(&site, "127.0.0.1", FILE, &[]) else { return };
    assert_eq!(first.status, 200);
    assert!(
        first.body.contains("account.1.enable = 1\n") && first.body.contains("account.1.display_name = Alice Doe\n")
    );
    assert!(first.headers.to_lowercase().contains("cache-control: no-store"), "{}", first.headers);
    let url = first.value("static.auto_provision.server.url");
    // The same address again, byte for byte; another address: nothing.
    assert_eq!(curl(&site, "127.0.0.1", FILE, &[]).unwrap().body, first.body);
    assert_eq!(curl(&site, "127.0.0.2", FILE, &[]).unwrap().status, 404);
    // The token opens from anywhere, and from its first use on nothing else does.
    let token = url.split("/t/").nth(1).unwrap().trim_end_matches('/');
    let by_token = format!("t/{token}/{FILE}");
    assert_eq!(curl(&site, "127.0.0.2", &by_token, &[]).unwrap().body, first.body);
    assert_eq!(curl(&site, "127.0.0.1", FILE, &[]).unwrap().status, 404);
    assert_eq!(curl(&site, "127.0.0.3", &by_token, &[]).unwrap().status, 200);
}

#[test]
fn what_a_stranger_sees_tells_nothing() {
    let site = Site::start();
    site.enrol(MAC, "T46U", "alice@example.com");
    let Some(known) = curl(&site, "127.0.0.1", FILE, &["-A", "x"]) else { return };
    assert_eq!(known.status, 200);
    let refusals: Vec<Client> =
        [FILE, "805ec0112234.cfg", "nothing.html", "../../etc/passwd", "805ec0112233-local.cfg"]
            .iter()
            .filter_map(|file| curl(&site, "127.0.0.9", file, &["--path-as-is"]))
            .collect();
    for refusal in &refusals {
        assert_eq!((refusal.status, refusal.body.as_str()), (404, "not found\n"));
        assert_eq!(refusal.headers_without_date(), refusals[0].headers_without_date());
    }
    let wrong = curl(&site, "127.0.0.9", &format!("t/{}/{FILE}", "A".repeat(43)), &[]).unwrap();
    assert_eq!(wrong.headers_without_date(), refusals[0].headers_without_date());
}

#[test]
fn odd_spellings_and_old_http_are_answered_alike() {
    let site = Site::start();
    let Some(plain) = curl(&site, "127.0.0.1", "y000000000108.cfg", &[]) else { return };
    assert_eq!(plain.status, 200);
    assert!(!plain.body.contains("https://"), "neutral over HTTPS: {}", plain.body);
    for (file, options) in [
        ("/y000000000108.cfg", &["--path-as-is"][..]),
        ("Y000000000108.CFG", &[]),
        ("%79000000000108.cfg", &[]),
        ("t//y000000000108.cfg", &["--path-as-is"]),
        ("t/y000000000108.cfg", &[]),
        ("y000000000108.cfg", &["--http1.0"]),
        ("y000000000108.cfg?x=1", &[]),
    ] {
        let got = curl(&site, "127.0.0.1", file, options).unwrap();
        assert_eq!((got.status, &got.body), (200, &plain.body), "{file} {options:?}");
        let headers = got.headers.to_lowercase();
        assert!(headers.contains(&format!("content-length: {}", plain.body.len())) && !headers.contains("chunked"));
    }
    let head = curl(&site, "127.0.0.1", "y000000000108.cfg", &["-I"]).unwrap();
    assert!(head.headers.to_lowercase().contains(&format!("content-length: {}", plain.body.len())));
    for method in ["PUT", "POST", "DELETE", "PROPFIND"] {
        let got = curl(&site, "127.0.0.1", "y000000000108.cfg", &["-X", method]).unwrap();
        assert_eq!(got.status, 405, "{method}");
    }
}

#[test]
fn tftp_and_http_give_the_hand_over_and_never_a_secret() {
    let site = Site::start();
    site.enrol(MAC, "T46U", "alice@example.com");
    let Some(common) = tftp(&site, "y000000000108.cfg") else { return };
    let common = common.expect("the common file");
    assert!(common.contains(&format!("static.auto_provision.server.url = {}/\n", site.url)), "{common}");
    assert!(common.contains("static.auto_provision.dhcp_option.enable = 0\n"));
    assert!(common.contains("static.trusted_certificates.url = tftp://127.0.0.1:"));
    assert_eq!(tftp(&site, FILE), Some(None));
    assert_eq!(tftp(&site, "805ec0112233.boot"), Some(None));
    let authority = tftp(&site, "ztpd-ca.pem").flatten().expect("our authority");
    assert!(authority.starts_with("-----BEGIN CERTIFICATE-----"));
}

#[test]
fn public_files_are_the_same_for_known_and_unknown_phones() {
    let site = Site::start();
    let agent = ["-A", "Yealink SIP-T46U 108.86.0.20 80:5e:c0:11:22:33"];
    let Some(before) = curl(&site, "127.0.0.1", "y000000000108.cfg", &agent) else { return };
    site.enrol(MAC, "T46U", "alice@example.com");
    assert_eq!(curl(&site, "127.0.0.1", "y000000000108.cfg", &agent).unwrap().body, before.body);
}

#[test]
fn a_simulated_yealink_boots_twice_with_the_same_dhcp_answer() {
    let site = Site::start();
    site.enrol(MAC, "T46U", "alice@example.com");
    let mut network = Network::new([127, 0, 0, 1].into(), site.now);
    network.options.option_66 = Some(format!("tftp://127.0.0.1:{}/", site.tftp));
    let mut phone = Phone::new(Model::YEALINK_T46U, MAC.parse().unwrap(), "serial");
    for boot in 0..20 {
        let boot_log = site.runtime.block_on(phone.boot(&network));
        let account = boot_log.account.as_ref().unwrap_or_else(|| panic!("boot {boot}: {boot_log:#?}"));
        assert_eq!((account.user.as_str(), account.display_name.as_str()), ("1000", "Alice Doe"));
        assert!(matches!(boot_log.ended, Ending::Stable), "{boot_log:#?}");
        assert!(boot_log.stored_server.as_deref().is_some_and(|url| url.contains("/t/")), "{boot_log:#?}");
    }
}

#[test]
fn of_fifty_racing_addresses_one_wins_and_is_served_again() {
    let site = Site::start();
    site.enrol(MAC, "T46U", "alice@example.com");
    if curl(&site, "127.0.0.1", "y000000000108.cfg", &[]).is_none() {
        return;
    }
    let served: Vec<String> = std::thread::scope(|scope| {
        let racers: Vec<_> = (1..=50)
            .map(|host| format!("127.0.1.{host}"))
            .map(|source| {
                let site = &site;
                scope.spawn(move || (curl(site, &source, FILE, &[]).unwrap().status == 200).then_some(source))
            })
            .collect();
        racers.into_iter().filter_map(|racer| racer.join().unwrap()).collect()
    });
    assert_eq!(served.len(), 1, "{served:?}");
    assert_eq!(curl(&site, &served[0], FILE, &[]).unwrap().status, 200);
}

#[test]
fn head_and_gate_and_a_strangers_network_begin_no_claim() {
    let site = Site::start();
    site.enrol(MAC, "T46U", "alice@example.com");
    let Some(head) = curl(&site, "127.0.0.2", FILE, &["-I"]) else { return };
    assert_eq!(head.status, 200);
    // Another address may still claim: the HEAD took nothing.
    assert_eq!(curl(&site, "127.0.0.3", FILE, &[]).unwrap().status, 200);
}

#[test]
fn sec_d02_a_token_sent_unencrypted_opens_nothing_any_more() {
    let site = Site::start();
    site.enrol(MAC, "T46U", "alice@example.com");
    let Some(first) = curl(&site, "127.0.0.1", FILE, &[]) else { return };
    let url = first.value("static.auto_provision.server.url");
    let by_token = format!("t/{}/{FILE}", url.split("/t/").nth(1).unwrap().trim_end_matches('/'));
    assert_eq!(curl(&site, "127.0.0.1", &by_token, &[]).unwrap().status, 200);
    assert_eq!(tftp(&site, &by_token), Some(None));
    assert_eq!(curl(&site, "127.0.0.1", &by_token, &[]).unwrap().status, 404);
}
