//! D8, D12, Z11, Z17: Basic and Digest with a real client, where an operator has switched them on. The base asks as its
//! maker says; its user name is its address, its password its token.

use ztpd::inventory::certificate::{Fingerprint, Pin};

use crate::support::{Client, Site, admin, curl};

const ON: &str = "[access]\nproofs = [\"certificate\", \"token\", \"claim\", \"basic\"]\n";
const MAC: &str = "7c:2f:80:aa:bb:01";
const USER: &str = "7c2f80aabb01";
const AGENT: &str = "Gigaset N870 IP PRO/83.V2.43.0+build.5f0a106;7C2F80AABB01;Handset=250";
const FILE: &str = "7c2f80aabb01.xml";

fn token(site: &Site, mac: &str) -> String {
    site.store.phone(mac.parse().unwrap()).unwrap().unwrap().token.reveal().to_owned()
}

fn last_event(site: &Site, mac: &str) -> serde_json::Value {
    admin(site, "GET", &format!("devices/{mac}/events?limit=1"), "", &[]).unwrap().2["items"][0].clone()
}

/// A base that has its settings already: only a proof opens. `None` where curl is not installed.
fn bound(more: &str) -> Option<Site> {
    let site = Site::start_with(more);
    site.enrol_of("gigaset", MAC, "N870 IP PRO");
    let first = curl(&site, "127.0.0.1", FILE, &["-A", AGENT])?;
    assert_eq!(first.status, 200, "no challenge stands in the way of an open window");
    let path = format!("t/{}/{FILE}", token(&site, MAC));
    assert_eq!(curl(&site, "127.0.0.1", &path, &["-A", AGENT]).unwrap().status, 200);
    Some(site)
}

/// As curl asks with this scheme and password; the last answer.
fn ask(site: &Site, scheme: &str, user: &str, password: &str, file: &str) -> Client {
    let both = format!("{user}:{password}");
    let mut got = curl(site, "127.0.0.9", file, &[scheme, "-u", &both, "-A", AGENT]).unwrap();
    // A challenge came first: curl shows its header and drops its body.
    while got.body.starts_with("HTTP/1.1 ") {
        let (headers, body) = got.body.split_once("\r\n\r\n").unwrap();
        let status = headers.split(' ').nth(1).unwrap().parse().unwrap();
        got = Client { status, headers: headers.to_owned(), body: body.to_owned() };
    }
    got
}

#[test]
fn sec_d08_a_base_is_served_by_digest_and_by_basic_once_that_is_switched_on() {
    let Some(site) = bound(ON) else { return };
    let password = token(&site, MAC);
    for scheme in ["--digest", "--basic", "--anyauth"] {
        for file in [FILE, "provisioning.xml"] {
            let got = ask(&site, scheme, USER, &password, file);
            assert_eq!(got.status, 200, "{scheme} {file}: {got:?}");
            assert!(got.body.contains("SipAccount.00001.AuthPassword"), "{scheme} {file}");
            assert!(got.headers.to_lowercase().contains("cache-control: no-store"), "{}", got.headers);
            let event = last_event(&site, MAC);
            assert_eq!((event["proof"].as_str(), event["decision"].as_str()), (Some("basic"), Some("served")));
        }
    }
    let site = site.restart("");
    for scheme in ["--digest", "--basic"] {
        assert_eq!(ask(&site, scheme, USER, &password, FILE).status, 404, "{scheme}: switched off, it opens nothing");
    }
}

#[test]
fn sec_d08_a_wrong_password_opens_nothing_and_counts_as_a_failure() {
    let Some(site) = bound(ON) else { return };
    let password = token(&site, MAC);
    for (scheme, user, password) in [
        ("--digest", USER, "0000"),
        ("--basic", USER, "0000"),
        ("--basic", USER, ""),
        ("--digest", "7c2f80aabb02", password.as_str()),
        ("--basic", "7c2f80aabb02", password.as_str()),
        ("--basic", "admin", password.as_str()),
    ] {
        for file in [FILE, "provisioning.xml"] {
            let got = ask(&site, scheme, user, password, file);
            assert_eq!(got.status, 401, "{scheme} {user} {file}: {got:?}");
            let event = last_event(&site, MAC);
            assert_eq!((event["status"].as_u64(), event["decision"].as_str()), (Some(401), Some("refused")));
            assert!(!event.to_string().contains(password) || password.is_empty(), "{event}");
        }
    }
    // Wrong passwords for many bases use up what one source may get wrong; the right one is served all the same.
    let reasons: Vec<String> = (0x10..0x1e)
        .map(|number| {
            let mac = format!("7c:2f:80:aa:bb:{number:02x}");
            site.enrol_of("gigaset", &mac, "N670");
            let (user, file) = (mac.replace(':', ""), format!("{}.xml", mac.replace(':', "")));
            assert_eq!(ask(&site, "--basic", &user, "wrong", &file).status, 401);
            last_event(&site, &mac)["reason"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!((reasons[0].as_str(), reasons[13].as_str()), ("no_proof", "limited"), "{reasons:?}");
    assert_eq!(ask(&site, "--digest", USER, &password, FILE).status, 200);
}

#[test]
fn sec_d08_a_response_is_taken_once_and_for_the_file_it_was_made_for() {
    let Some(site) = bound(ON) else { return };
    let user = format!("{USER}:{}", token(&site, MAC));
    let url = format!("{}/{FILE}", site.url);
    let mut command = std::process::Command::new("curl");
    command.args(["-sS", "-v", "--digest", "-A", AGENT, "-u", &user, "--cacert"]).arg(&site.authority).arg(url);
    let said = String::from_utf8(command.output().unwrap().stderr).unwrap();
    let sent = said.lines().find_map(|line| line.strip_prefix("> Authorization: Digest ")).expect(&said);
    let header = format!("Authorization: Digest {}", sent.trim_end());
    for file in [FILE, "provisioning.xml"] {
        let again = curl(&site, "127.0.0.1", file, &["-A", AGENT, "-H", &header]).unwrap();
        assert_eq!(again.status, 401, "{file}");
        assert!(again.headers.contains("stale=true"), "{}", again.headers);
    }
}

/// Every base of the maker sees the same, known or not; phones of other makers see what they always see.
#[test]
fn sec_d12_the_challenge_is_the_same_for_all_phones_of_its_maker_and_for_no_other() {
    let Some(site) = bound(ON) else { return };
    for (number, verb) in [(2, "quarantine"), (3, "retire")] {
        let mac = format!("7c:2f:80:aa:bb:{number:02x}");
        site.enrol_of("gigaset", &mac, "N670");
        assert_eq!(admin(&site, "POST", &format!("devices/{mac}/{verb}"), "{}", &[]).unwrap().0, 200);
    }
    let seen = |file: &str, options: &[&str]| {
        let got = curl(&site, "127.0.0.2", file, options).unwrap();
        let nonce = |line: &str| match line.split_once("nonce=\"") {
            Some((before, after)) => format!("{before}nonce of {}", after.len()),
            None => line.to_owned(),
        };
        (got.status, got.headers_without_date().into_iter().map(nonce).collect::<Vec<_>>(), got.body)
    };
    let expected = seen(FILE, &[]);
    assert_eq!(expected.0, 401);
    assert!(expected.1.iter().any(|line| line.contains("algorithm=SHA-256")), "{expected:?}");
    for file in ["7c2f80aabb02.xml", "7c2f80aabb03.xml", "7c2f80ffffff.xml", "7c2f80000009.xml"] {
        assert_eq!(seen(file, &[]), expected, "{file}");
        let wrong = format!("{}:wrong", file.trim_end_matches(".xml"));
        assert_eq!(seen(file, &["--basic", "-u", &wrong]), expected, "{file}");
    }
    assert_eq!(seen("provisioning.xml", &["-A", AGENT]), expected);
    assert_eq!(seen("provisioning.xml", &["-A", &AGENT.replace("AABB01", "FFFFFF")]), expected);
    // By its own word too, whoever made its network card.
    assert_eq!(seen("02112233aabb.xml", &["-A", "Gigaset N870 IP PRO/83.V2.43.0"]), expected);
    // A file that no base has, and the phones of others.
    assert_eq!(seen("updates.xml", &["-A", AGENT]).0, 404);
    assert_eq!(seen("805ec0112233.cfg", &[]).0, 404);
    assert_eq!(seen("805ec0112233.cfg", &["--basic", "-u", "805ec0112233:wrong"]).0, 404);
    let site = site.restart("");
    assert_eq!(curl(&site, "127.0.0.2", FILE, &[]).unwrap().status, 404, "switched off, nobody is challenged");
}

/// Z11: the file names no base, its User-Agent does; without proof it is everybody's.
#[test]
fn sec_d09_the_file_of_all_bases_is_the_own_one_for_who_may_have_it() {
    let site = Site::start();
    site.enrol_of("gigaset", MAC, "N870 IP PRO");
    let Some(stranger) = curl(&site, "127.0.0.1", "provisioning.xml", &[]) else { return };
    assert_eq!(stranger.status, 200);
    assert!(stranger.body.contains("NtpServer") && !stranger.body.contains("SipAccount"), "{}", stranger.body);
    let unknown = AGENT.replace("AABB01", "FFFFFF");
    let other = curl(&site, "127.0.0.1", "provisioning.xml", &["-A", &unknown]).unwrap();
    assert_eq!((other.status, &other.body), (200, &stranger.body));
    let own = curl(&site, "127.0.0.1", "provisioning.xml", &["-A", AGENT]).unwrap();
    assert!(own.status == 200 && own.body.contains("SipAccount.00001"), "{}", own.body);
    // Another address is too late and sees what everybody sees; the operator sees why.
    let late = curl(&site, "127.0.0.2", "provisioning.xml", &["-A", AGENT]).unwrap();
    assert_eq!((late.status, &late.body), (200, &stranger.body));
    let event = last_event(&site, MAC);
    assert_eq!((event["decision"].as_str(), event["reason"].as_str()), (Some("bootstrap"), Some("claim_taken")));
}

#[test]
fn sec_d10_after_a_good_certificate_no_password_opens() {
    let Some(site) = bound(ON) else { return };
    let key = Fingerprint::of(b"the key of its certificate");
    let pin = Pin { key, authority: Fingerprint::of(b"its maker's"), since: site.now };
    assert!(site.store.pin_key(MAC.parse().unwrap(), pin, None, None).unwrap());
    for scheme in ["--digest", "--basic"] {
        assert_eq!(ask(&site, scheme, USER, &token(&site, MAC), FILE).status, 401, "{scheme}");
    }
}

#[test]
fn sec_d02_a_password_on_plain_http_is_revoked_at_once() {
    let Some(site) = bound(ON) else { return };
    let password = token(&site, MAC);
    let both = format!("{USER}:{password}");
    let url = format!("http://127.0.0.1:{}/{FILE}", site.http);
    let output = std::process::Command::new("curl").args(["-sS", "-i", "--basic", "-u", &both, &url]).output().unwrap();
    assert!(output.stdout.starts_with(b"HTTP/1.1 404 "), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(ask(&site, "--digest", USER, &password, FILE).status, 401);
    let path = format!("t/{password}/{FILE}");
    assert_eq!(curl(&site, "127.0.0.1", &path, &[]).unwrap().status, 401);
}
