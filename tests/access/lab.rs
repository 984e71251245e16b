//! X1, X2: secrets in clear, or for a MAC alone, only in a lab: where the settings say so, somebody has confirmed just
//! that, from the lab's networks, and until its end.

use std::time::{Duration, Instant};

use crate::support::{Client, Site, admin, curl, fetch, tftp};

const MAC: &str = "80:5e:c0:11:22:33";
const FILE: &str = "805ec0112233.cfg";
const ALL: [&str; 3] = ["allow_secrets_over_http", "allow_secrets_over_tftp", "mac_is_enough"];

/// The settings of a lab that ends so many seconds from now, for `127.0.0.0/24` alone.
fn lab(switches: &[&str], seconds: i64) -> String {
    let now = ztpd::host::clock::Clock::start().now();
    let until = now + jiff::SignedDuration::from_secs(seconds);
    let switches: String = switches.iter().map(|switch| format!("{switch} = true\n")).collect();
    format!("mode = \"lab\"\n[lab]\nnetworks = [\"127.0.0.0/24\"]\nuntil = \"{until}\"\n{switches}")
}

fn site(settings: &str) -> Site {
    let site = Site::start_with(settings);
    site.enrol(MAC, "T46U", "alice@example.com");
    site
}

/// Confirms what the settings say; `None` where curl is not installed.
fn enable(site: &Site) -> Option<serde_json::Value> {
    let (status, _, lab) = admin(site, "POST", "lab/enable", r#"{"confirm": true}"#, &[])?;
    assert_eq!((status, &lab["on"]), (200, &true.into()), "{lab}");
    Some(lab)
}

fn disable(site: &Site) {
    let (status, _, lab) = admin(site, "POST", "lab/disable", "{}", &[]).unwrap();
    assert_eq!((status, &lab["on"]), (200, &false.into()), "{lab}");
}

fn over_https(site: &Site, source: &str) -> u16 {
    curl(site, source, FILE, &[]).unwrap().status
}

/// Over plain HTTP.
fn over_http(site: &Site, source: &str, path: &str) -> Client {
    let plain = format!("http://127.0.0.1:{}", site.http);
    let output = std::process::Command::new("curl")
        .args(["-sS", "-i", "--interface", source])
        .arg(format!("{plain}/{path}"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (headers, body) = text.split_once("\r\n\r\n").unwrap();
    let status = headers.split(' ').nth(1).unwrap().parse().unwrap();
    Client { status, headers: headers.to_owned(), body: body.to_owned() }
}

/// What the audit trail says that was given away, newest first.
fn given(site: &Site) -> Vec<String> {
    let (_, _, acts) = admin(site, "GET", "audit?action=give_in_lab", "", &[]).unwrap();
    let items = acts["items"].as_array().unwrap().iter();
    items
        .map(|act| {
            assert_eq!((&act["object"]["id"], &act["actor"]), (&MAC.into(), &"ztpd".into()), "{act}");
            act["detail"].as_str().unwrap().to_owned()
        })
        .collect()
}

fn ready(site: &Site) -> String {
    let output = std::process::Command::new("curl")
        .args(["-sS", "--unix-socket"])
        .arg(&site.socket)
        .arg("http://ztpd/readyz")
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn sec_x1_settings_alone_make_nothing_weaker() {
    let site = site(&lab(&ALL, 3600));
    let Some((_, _, shown)) = admin(&site, "GET", "lab", "", &[]) else { return };
    assert_eq!((&shown["on"], &shown["settings"]["mac_is_enough"]), (&false.into(), &true.into()));
    assert!(shown["why_off"].as_str().unwrap().contains("ztpd lab enable"), "{shown}");
    assert_eq!(over_http(&site, "127.0.0.1", FILE).status, 404);
    assert_eq!(tftp(&site, FILE).flatten(), None);
    assert_eq!(over_https(&site, "127.0.0.1"), 200, "its claim, as ever");
    assert_eq!(over_https(&site, "127.0.0.2"), 404, "its MAC is not enough");
    for body in ["{}", r#"{"confirm": false}"#, ""] {
        let (status, _, problem) = admin(&site, "POST", "lab/enable", body, &[]).unwrap();
        assert_eq!((status, &problem["code"]), (422, &"not_confirmed".into()), "{body}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains("allow_secrets_over_tftp"), "it says what is given up");
    }
    assert_eq!(over_https(&site, "127.0.0.2"), 404);
    assert!(!ready(&site).contains("lab"));
}

#[test]
fn sec_x1_without_the_mode_there_is_nothing_to_confirm() {
    let site = site(&lab(&ALL, 3600).replace("mode = \"lab\"\n", ""));
    let Some((status, _, problem)) = admin(&site, "POST", "lab/enable", r#"{"confirm": true}"#, &[]) else { return };
    assert_eq!((status, &problem["code"]), (409, &"no_lab".into()), "{problem}");
    assert_eq!(over_http(&site, "127.0.0.1", FILE).status, 404);
}

#[test]
fn sec_x1_each_switch_opens_its_own_door_from_the_labs_networks_only() {
    let http = site(&lab(&["allow_secrets_over_http"], 3600));
    let Some(_) = enable(&http) else { return };
    // From outside the lab, with and without the right token, a phone gets what it always gets.
    assert_eq!(over_http(&http, "127.0.1.1", FILE).status, 404);
    assert_eq!(tftp(&http, FILE).flatten(), None, "TFTP is not HTTP");
    let claimed = over_http(&http, "127.0.0.1", FILE);
    assert_eq!(claimed.status, 200, "its window is open, and the way is allowed");
    assert!(claimed.headers.to_lowercase().contains("cache-control: no-store"));
    assert_eq!(
        over_http(&http, "127.0.0.2", FILE).status,
        404,
        "another address is another phone: the MAC proves nothing"
    );
    let token = claimed.body.split("/t/").nth(1).unwrap().split(['/', '\n']).next().unwrap();
    assert_eq!(over_http(&http, "127.0.0.2", &format!("t/{token}/{FILE}")).status, 200, "nor is the token revoked");
    assert_eq!(over_http(&http, "127.0.0.3", &format!("t/{token}/{FILE}")).status, 200);
    assert_eq!(over_http(&http, "127.0.1.1", &format!("t/{token}/{FILE}")).status, 404);
    assert_eq!(over_http(&http, "127.0.0.2", &format!("t/{token}/{FILE}")).status, 404, "seen outside: revoked (D2)");

    let tftp_only = site(&lab(&["allow_secrets_over_tftp"], 3600));
    enable(&tftp_only).unwrap();
    assert_eq!(over_http(&tftp_only, "127.0.0.1", FILE).status, 404);
    if let Some(file) = tftp(&tftp_only, FILE) {
        assert!(file.is_some_and(|file| file.contains("account.1.password")));
    }

    let mac = site(&lab(&["mac_is_enough"], 3600));
    enable(&mac).unwrap();
    assert_eq!(over_https(&mac, "127.0.0.1"), 200);
    assert_eq!(over_https(&mac, "127.0.0.2"), 200, "whoever names it");
    assert_eq!(over_https(&mac, "127.0.1.1"), 404);
    assert_eq!(over_http(&mac, "127.0.0.1", FILE).status, 404, "but not in clear");
    assert_eq!(curl(&mac, "127.0.0.1", "805ec0ffffff.cfg", &[]).unwrap().status, 404, "nobody's MAC is enough");
}

#[test]
fn sec_x1_a_lab_opens_nothing_for_a_phone_that_is_barred() {
    let site = site(&lab(&ALL, 3600));
    let Some(_) = enable(&site) else { return };
    assert_eq!(over_http(&site, "127.0.0.5", FILE).status, 200);
    assert_eq!(admin(&site, "POST", &format!("devices/{MAC}/quarantine"), "{}", &[]).unwrap().0, 200);
    assert_eq!(over_http(&site, "127.0.0.5", FILE).status, 404);
    assert_eq!(over_https(&site, "127.0.0.5"), 404);
    assert_eq!(tftp(&site, FILE).flatten(), None);
}

#[test]
fn sec_x1_what_was_not_confirmed_does_not_count() {
    let few = lab(&["mac_is_enough"], 3600);
    let site = site(&few);
    let Some(_) = enable(&site) else { return };
    // The same settings after a restart: it goes on. More than was confirmed: nothing goes on.
    let site = site.restart(&few);
    assert_eq!((over_https(&site, "127.0.0.1"), over_https(&site, "127.0.0.2")), (200, 200));
    let site = site.restart(&format!("{few}allow_secrets_over_http = true\n"));
    assert_eq!(over_http(&site, "127.0.0.2", FILE).status, 404);
    assert_eq!(over_https(&site, "127.0.0.2"), 404);
    let (_, _, shown) = admin(&site, "GET", "lab", "", &[]).unwrap();
    assert!(shown["why_off"].as_str().unwrap().contains("changed after"), "{shown}");
    // Nor does a confirmation of before count once the mode is normal.
    let site = site.restart("");
    assert_eq!(over_https(&site, "127.0.0.2"), 404);
}

#[test]
fn sec_x1_an_end_that_is_past_or_far_away_is_refused() {
    let over = site(&lab(&ALL, -1));
    let Some((status, _, problem)) = admin(&over, "POST", "lab/enable", r#"{"confirm": true}"#, &[]) else { return };
    assert_eq!((status, &problem["code"]), (409, &"lab_until".into()), "{problem}");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ztpd.toml");
    let data = dir.path().join("data");
    let key = crate::support::master_key(dir.path());
    let far = lab(&ALL, 31 * 86_400);
    let text = format!(
        "[https]\nlisten = [\"127.0.0.1:0\"]\n[tftp]\nlisten = []\n[server]\ndata_dir = {data:?}\nmaster_key_file = {key:?}\n{far}"
    );
    std::fs::write(&file, text).unwrap();
    let program = env!("CARGO_BIN_EXE_ztpd");
    let output = std::process::Command::new(program).args(["serve", "--config"]).arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("more than 30 days"), "{said}");
}

#[test]
fn sec_x2_every_secret_given_away_is_in_the_audit_trail_and_health_says_so() {
    let site = site(&lab(&ALL, 3600));
    let Some(lab) = enable(&site) else { return };
    assert_eq!(given(&site), Vec::<String>::new());
    assert_eq!(over_http(&site, "127.0.0.1", FILE).status, 200);
    assert_eq!(given(&site), [format!("{FILE} in clear over HTTP to 127.0.0.1, for its claim")]);
    assert_eq!(over_https(&site, "127.0.0.2"), 200);
    assert_eq!(given(&site).first().unwrap(), &format!("{FILE} over HTTPS to 127.0.0.2, for its MAC alone"));
    assert_eq!(over_https(&site, "127.0.0.1"), 200, "the claim again, over HTTPS: no more than usual");
    assert_eq!(given(&site).len(), 2);
    if tftp(&site, FILE).is_some_and(|file| file.is_some()) {
        assert_eq!(given(&site).first().unwrap(), &format!("{FILE} in clear over TFTP to 127.0.0.1, for its claim"));
    }
    // Public files are nobody's secret.
    let before = given(&site).len();
    fetch(&site, &format!("tftp://127.0.0.1:{}/y000000000108.cfg", site.tftp), "x").unwrap();
    assert_eq!(given(&site).len(), before);
    let health = ready(&site);
    assert!(health.contains("degraded: lab mode is on: allow_secrets_over_http"), "{health}");
    let (_, headers, status) = admin(&site, "GET", "status", "", &[]).unwrap();
    assert!(headers.lines().any(|line| line.starts_with("ztpd-lab: allow_secrets_over_http")), "the banner: {headers}");
    assert_eq!(status["ready"], false, "{status}");
    let (_, _, acts) = admin(&site, "GET", "audit?action=enable", "", &[]).unwrap();
    assert!(acts["items"][0]["changes"].to_string().contains("mac_is_enough"), "{acts}");
    assert!(!lab["confirmed"]["by"].as_str().unwrap().is_empty());
    disable(&site);
    assert_eq!(over_http(&site, "127.0.0.1", FILE).status, 404);
    assert!(!ready(&site).contains("lab mode"));
    let (_, headers, _) = admin(&site, "GET", "status", "", &[]).unwrap();
    assert!(!headers.contains("ztpd-lab"), "{headers}");
    let (_, _, checked) = admin(&site, "GET", "audit/verification", "", &[]).unwrap();
    assert_eq!(checked["ok"], true);
}

#[test]
fn sec_x2_a_lab_ends_by_itself() {
    let site = site(&lab(&["mac_is_enough"], 4));
    let Some(_) = enable(&site) else { return };
    // Somebody has the claim; everybody else has but the MAC to show.
    assert_eq!(over_https(&site, "127.0.0.1"), 200);
    assert_eq!(over_https(&site, "127.0.0.2"), 200);
    let begun = Instant::now();
    while over_https(&site, "127.0.0.2") == 200 {
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not end");
    }
    let (_, _, shown) = admin(&site, "GET", "lab", "", &[]).unwrap();
    assert_eq!(shown["on"], false, "{shown}");
    assert!(!ready(&site).contains("lab mode"));
}
