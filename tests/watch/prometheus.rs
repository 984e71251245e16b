//! A real Prometheus, set up as `docs/monitoring.md` says: over TLS, with a token that may only look.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Site, admin, curl};

/// A Prometheus of our own; ended when dropped.
struct Prometheus(Child);

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Prometheus {
    /// The port it listens on: it was free to choose one.
    fn port(&self) -> Option<u16> {
        let own: Vec<String> = std::fs::read_dir(format!("/proc/{}/fd", self.0.id()))
            .ok()?
            .filter_map(|entry| Some(std::fs::read_link(entry.ok()?.path()).ok()?.to_str()?.to_owned()))
            .filter_map(|link| Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
            .collect();
        let listening = std::fs::read_to_string("/proc/net/tcp").ok()?;
        let mut lines = listening.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
        let ours = lines.find(|fields| fields[3] == "0A" && own.iter().any(|inode| inode == fields[9]))?;
        u16::from_str_radix(ours[1].split(':').nth(1)?, 16).ok()
    }

    /// The result of a query, once it has one.
    fn asked(&self, query: &str) -> Option<Value> {
        let mut command = Command::new("curl");
        command.args(["-sS", "-G", "--max-time", "5", "--data-urlencode", &format!("query={query}")]);
        let output = command.arg(format!("http://127.0.0.1:{}/api/v1/query", self.port()?)).output().ok()?;
        let answer: Value = serde_json::from_slice(&output.stdout).ok()?;
        answer["data"]["result"].as_array()?.first().cloned()
    }
}

/// Asks until there is an answer, for as long as a busy machine may take.
fn until(what: &str, ask: impl Fn() -> Option<Value>) -> Value {
    let end = Instant::now() + Duration::from_secs(60);
    std::iter::repeat_with(ask)
        .take_while(|_| Instant::now() < end)
        .flatten()
        .next()
        .unwrap_or_else(|| panic!("{what}"))
}

fn settings(dir: &Path, site: &Site, token: &str) {
    std::fs::write(dir.join("token"), token).unwrap();
    std::fs::copy(&site.authority, dir.join("authority.pem")).unwrap();
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("package/monitoring/ztpd.rules.yml");
    let text = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [{rules:?}]\nscrape_configs:\n  \
         - job_name: ztpd\n    scheme: https\n    authorization: {{credentials_file: token}}\n    \
         tls_config: {{ca_file: authority.pem}}\n    static_configs: [{{targets: [\"127.0.0.1:{}\"]}}]\n",
        site.admin.unwrap()
    );
    std::fs::write(dir.join("prometheus.yml"), text).unwrap();
}

#[test]
fn prometheus_scrapes_with_a_token_that_may_only_look_and_rings_the_alert() {
    if Command::new("prometheus").arg("--version").output().is_err() {
        return println!("skipped: prometheus is missing");
    }
    let site = Site::start();
    let Some((201, _, token)) = admin(&site, "POST", "tokens", r#"{"name": "prometheus", "expires": "1h"}"#, &[])
    else {
        return;
    };
    let grant = r#"{"subject": {"token": "prometheus"}, "role": "report_viewer", "scope": "account"}"#;
    assert_eq!(admin(&site, "POST", "grants", grant, &[]).unwrap().0, 201);
    let site = site.restart("[admin]\nlisten = [\"127.0.0.1:0\"]\n");
    site.enrol("80:5e:c0:11:22:33", "T46U", "alice@example.com");
    assert_eq!(curl(&site, "127.0.0.1", "805ec0112233.cfg", &[]).unwrap().status, 200);
    assert_eq!(curl(&site, "127.0.0.2", "805ec0112233.cfg", &[]).unwrap().status, 404);
    let dir = tempfile::tempdir().unwrap();
    settings(dir.path(), &site, token["token"].as_str().unwrap());
    let mut command = Command::new("prometheus");
    command.current_dir(dir.path()).args(["--web.listen-address=127.0.0.1:0", "--config.file=prometheus.yml"]);
    let log = std::fs::File::create(dir.path().join("log")).unwrap();
    let child = command.arg("--storage.tsdb.path=data").stdout(Stdio::null()).stderr(log).spawn().unwrap();
    let prometheus = Prometheus(child);
    let served = until("nothing was scraped", || {
        prometheus.asked("ztpd_requests_total{outcome=\"served\",maker=\"yealink\",plane=\"https\"} and on() up == 1")
    });
    assert_eq!(served["value"][1], "1", "{served}");
    // Somebody else asks for a phone that was claimed: the alert rings.
    let ringing =
        until("no alert", || prometheus.asked("ALERTS{alertname=\"ZtpdCriticalFinding\",alertstate=\"firing\"}"));
    assert_eq!(ringing["metric"]["code"], "claim_taken", "{ringing}");
}
