//! The API over TCP (policy A2, A3): TLS, tokens, the names that are answered to, and what web pages may not do.

use std::process::Command;

use crate::client::{Answer, Client};
use crate::support::Site;

const LISTEN: &str = "[admin]\nlisten = [\"127.0.0.1:0\"]\n";

/// A daemon that listens on TCP, with a token that may do everything.
pub fn networked() -> (Site, String) {
    let site = Site::start();
    let mut api = Client::unix(&site.socket);
    let made = api.post("tokens", r#"{"name": "Admin", "expires": "1h"}"#);
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let grant = r#"{"subject": {"token": "admin"}, "role": "super_admin", "scope": "account"}"#;
    assert_eq!(api.post("grants", grant).status, 201);
    drop(api);
    (site.restart(LISTEN), token)
}

/// curl over TCP with these options; `None` where it is not installed.
fn curl(site: &Site, scheme: &str, path: &str, options: &[&str]) -> Option<Answer> {
    let port = site.admin.unwrap();
    let mut command = Command::new("curl");
    command.args(["-sS", "-i", "--cacert"]).arg(&site.authority).args(options);
    command.arg(format!("{scheme}://127.0.0.1:{port}{path}"));
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            println!("skipped: curl: {error}");
            return None;
        }
    };
    assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let (headers, body) = text.split_once("\r\n\r\n").unwrap();
    let status = headers.split(' ').nth(1).unwrap().parse().unwrap();
    Some(Answer { status, headers: format!("{headers}\r\n"), text: body.to_owned() })
}

#[test]
fn sec_a01_without_being_asked_nothing_listens_on_the_network() {
    let site = Site::start();
    assert_eq!(site.admin, None);
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&site.socket).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o660);
    let mut api = Client::unix(&site.socket);
    assert_eq!(api.ask("PATCH", "sites/hq", r#"{"name": "Head office"}"#, &[]).status, 200);
    let act = api.get("audit?action=replace").json()["items"][0].clone();
    let uid = nix::unistd::geteuid();
    assert!(act["actor"].as_str().unwrap().contains(&format!("uid {uid}")), "{act}");
}

#[test]
fn sec_a02_a_network_listener_without_a_token_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("ztpd.toml");
    let text = format!(
        "[server]\ndata_dir = {:?}\nmaster_key_file = {:?}\n[https]\nlisten = [\"127.0.0.1:0\"]\n[tftp]\nlisten = [\"127.0.0.1:0\"]\n{LISTEN}",
        dir.path().join("data"),
        crate::support::master_key(dir.path())
    );
    std::fs::write(&config, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ztpd"))
        .env("XDG_CONFIG_HOME", dir.path().join("config"))
        .args(["serve", "--config"])
        .arg(&config)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("admin.listen needs a token") && said.contains("ztpd token add"), "{said}");
}

#[test]
fn sec_a02_tls_is_spoken_and_on_loopback_may_be_left_out() {
    let (site, token) = networked();
    let bearer = format!("Authorization: Bearer {token}");
    let Some(tls) = curl(&site, "https", "/api/v1/status", &["-H", &bearer]) else { return };
    assert_eq!(tls.status, 200, "{tls:?}");
    let listeners = tls.json()["listeners"].as_array().unwrap().clone();
    let address = format!("127.0.0.1:{}", site.admin.unwrap());
    assert!(listeners.iter().any(|known| known["plane"] == "admin" && known["address"] == address), "{listeners:?}");
    assert_eq!(curl(&site, "http", "/api/v1/status", &["-H", &bearer]).unwrap().status, 200);
    for options in [&[][..], &["-H", "Authorization: Bearer wrong"], &["-H", "Authorization: Basic eDp5"]] {
        let refused = curl(&site, "https", "/api/v1/status", options).unwrap();
        assert_eq!((refused.status, refused.code().as_str()), (401, "unauthenticated"), "{options:?}");
        assert!(refused.header("www-authenticate").unwrap().starts_with("Bearer"), "{refused:?}");
        let unknown = curl(&site, "https", "/api/v1/nothing", options).unwrap();
        assert_eq!(unknown.status, 401, "what there is is told to those we know");
    }
    assert_eq!(curl(&site, "https", "/healthz", &[]).unwrap().text, "alive\n");
    assert_eq!(curl(&site, "https", "/readyz", &[]).unwrap().status, 200);
}

#[test]
fn sec_a03_other_names_and_web_pages_are_turned_away() {
    let (site, token) = networked();
    let bearer = format!("Authorization: Bearer {token}");
    let ask = |options: &[&str]| {
        let mut all = vec!["-H", bearer.as_str()];
        all.extend(options);
        curl(&site, "http", "/api/v1/status", &all)
    };
    let Some(plain) = ask(&[]) else { return };
    assert_eq!(plain.status, 200);
    for (header, status, code) in [
        ("Host: evil.example", 421, "misdirected"),
        ("Host: 127.0.0.2", 421, "misdirected"),
        ("Host: localhost.evil.example", 421, "misdirected"),
        ("Origin: http://127.0.0.1", 403, "forbidden"),
        ("Origin: null", 403, "forbidden"),
        ("Sec-Fetch-Site: cross-site", 403, "forbidden"),
        ("Sec-Fetch-Site: same-site", 403, "forbidden"),
    ] {
        let refused = ask(&["-H", header]).unwrap();
        assert_eq!((refused.status, refused.code().as_str()), (status, code), "{header}");
        assert!(!refused.headers.to_lowercase().contains("access-control-"), "{refused:?}");
        let health = curl(&site, "http", "/healthz", &["-H", header]).unwrap();
        assert_eq!(health.status, status, "{header}");
    }
    for header in ["Host: localhost", "Host: 127.0.0.1", "Host: [::ffff:127.0.0.1]:1"] {
        assert_eq!(ask(&["-H", header]).unwrap().status, 200, "{header}");
    }
    let preflight = ask(&["-X", "OPTIONS", "-H", "Access-Control-Request-Method: POST"]).unwrap();
    assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (405, None));
    let form = ask(&["-X", "POST", "-d", "name=x"]).unwrap();
    assert_eq!(form.status, 405);
    let form = curl(&site, "http", "/api/v1/sites", &["-H", &bearer, "-d", "{\"name\": \"x\"}"]).unwrap();
    assert_eq!((form.status, form.code().as_str()), (415, "not_json"));
    assert!(!plain.headers.to_lowercase().contains("set-cookie"));
}

#[test]
fn sec_a04_a_token_is_kept_as_a_hash_ends_and_can_be_taken_away() {
    let (site, token) = networked();
    let mut api = Client::tcp(site.admin.unwrap(), &token);
    assert!(token.starts_with("ztpd_") && token.len() == "ztpd_".len() + 43);
    let listed = api.get("tokens").text;
    assert!(!listed.contains(&token) && listed.contains("\"expires\""), "{listed}");
    let kept = format!("{:?}", site.store.admin_tokens().unwrap());
    assert!(!kept.contains(&token[5..]), "{kept}");
    let made = api.post("tokens", r#"{"name": "Short", "expires": "1s"}"#).json();
    let grant = r#"{"subject": {"token": "short"}, "role": "report_viewer", "scope": "account"}"#;
    assert_eq!(api.post("grants", grant).status, 201);
    let mut short = Client::tcp(site.admin.unwrap(), made["token"].as_str().unwrap());
    assert_eq!(short.get("sites").status, 200);
    let end: jiff::Timestamp = made["expires"].as_str().unwrap().parse().unwrap();
    let clock = ztpd::host::clock::Clock::start();
    while clock.now() <= end {
        std::thread::yield_now();
    }
    let over = short.get("sites");
    assert_eq!((over.status, over.code().as_str()), (401, "token_expired"), "{over:?}");
    assert_eq!(api.get("tokens/short").json()["expired"], true);
    assert_eq!(api.ask("DELETE", "tokens/short", "", &["If-Match: \"0\""]).status, 412);
    let tag = api.get("tokens/short").header("etag").unwrap().to_owned();
    assert_eq!(api.ask("DELETE", "tokens/short", "", &[&format!("If-Match: {tag}")]).status, 204);
    assert_eq!(short.get("sites").code(), "unauthenticated");
    assert_eq!(api.get("grants").json()["items"].as_array().unwrap().len(), 1, "its grants went with it");
    let again = api.post("tokens", r#"{"name": "Admin"}"#);
    assert_eq!((again.status, again.code().as_str()), (409, "exists"));
}

#[test]
fn sec_a04_wrong_tokens_are_limited_and_audited_and_a_right_one_is_let_in() {
    let (site, token) = networked();
    let port = site.admin.unwrap();
    let mut wrong = Client::tcp(port, "ztpd_wrong");
    let answers: Vec<u16> = (0..12).map(|_| wrong.get("status").status).collect();
    assert_eq!((answers[0], answers[9], answers[11]), (401, 401, 429), "{answers:?}");
    assert_eq!(wrong.get("status").header("retry-after"), Some("60"));
    let mut right = Client::tcp(port, &token);
    let acts = right.get("audit?action=turn_away").json();
    assert_eq!(acts["items"].as_array().unwrap().len(), 1, "{acts}");
    assert_eq!(acts["items"][0]["actor"], "stranger at 127.0.0.1");
    assert!(!acts.to_string().contains("ztpd_wrong"));
}

#[test]
fn sec_a06_a_phone_is_nobody_here() {
    let (site, _) = networked();
    site.enrol("80:5e:c0:11:22:33", "T46U", "alice@example.com");
    let phone = site.store.phone("80:5e:c0:11:22:33".parse().unwrap()).unwrap().unwrap();
    let mut api = Client::tcp(site.admin.unwrap(), phone.token.reveal());
    assert_eq!(api.get("status").status, 401);
}
