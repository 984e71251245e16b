//! A daemon of the real program in one of the LAN's hosts or on loopback, and what is asked of it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::Value as Json;

use crate::ZTPD;
use crate::lab::Lab;

/// A running daemon; ends when dropped.
pub struct Place {
    child: Child,
    /// Nobody may close what it writes to.
    log: BufReader<ChildStderr>,
    pub dir: tempfile::TempDir,
}

/// What is written into the configuration of every daemon here.
pub fn config(dir: &Path, server: &str, more: &str) -> PathBuf {
    let key = dir.join("master.key");
    if !key.exists() {
        assert!(Command::new(ZTPD).args(["keys", "new"]).arg(&key).output().unwrap().status.success());
    }
    let path = dir.join("ztpd.toml");
    let socket = dir.join("admin.sock");
    let data = dir.join("data");
    let text = format!(
        "[server]\ndata_dir = {data:?}\nmaster_key_file = {key:?}\n{server}\n[admin]\nsocket = {socket:?}\n{more}"
    );
    std::fs::write(&path, text).unwrap();
    path
}

impl Place {
    /// What this command runs, once it serves.
    pub fn start(dir: tempfile::TempDir, mut command: Command) -> Place {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut place = Place { child, log, dir };
        let mut said = String::new();
        loop {
            let before = said.len();
            assert!(place.log.read_line(&mut said).unwrap() > 0, "it did not start: {said}");
            if said[before..].contains(" serving ") {
                return place;
            }
        }
    }

    /// On loopback, on ports of its own.
    pub fn on_loopback(server: &str, more: &str) -> Place {
        let dir = tempfile::tempdir().unwrap();
        let usual = "[https]\nlisten = [\"127.0.0.1:0\"]\n[tftp]\nlisten = [\"127.0.0.1:0\"]\n";
        let config = config(dir.path(), server, &format!("{usual}{more}"));
        let mut command = Command::new(ZTPD);
        command.args(["serve", "--config"]).arg(config);
        Place::start(dir, command)
    }

    /// In the LAN's host for servers, with its sockets passed to it, and with phones of three makers.
    pub fn in_lab(lab: &Lab, sockets: &[&str], server: &str, more: &str) -> Place {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path(), server, more);
        let launcher = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/launch.py");
        let mut command = lab.command("srv", "python3");
        command.arg(launcher).arg(ZTPD).arg(config).args(sockets);
        let place = Place::start(dir, command);
        place.asks("POST", "sites", r#"{"id": "hq", "name": "HQ"}"#);
        for (mac, maker, model) in [
            ("00:15:65:00:00:01", "yealink", "T46U"),
            ("64:16:7f:00:00:02", "poly", "CCX400"),
            ("00:04:13:00:00:03", "snom", "D785"),
        ] {
            let device = format!(r#"{{"mac": "{mac}", "maker": "{maker}", "model": "{model}", "site": "hq"}}"#);
            place.asks("POST", "devices", &device);
        }
        place
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("admin.sock")
    }

    /// The admin API, by curl: status and body.
    pub fn answers(&self, method: &str, path: &str, body: &str) -> (u16, Json) {
        let mut command = Command::new("curl");
        command.args(["-sS", "--max-time", "300", "-w", "\n%{http_code}", "-X", method, "--unix-socket"]);
        command.arg(self.socket()).arg(format!("http://ztpd/api/v1/{path}"));
        if !body.is_empty() {
            command.args(["-H", "Content-Type: application/json", "-d", body]);
        }
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), serde_json::from_str(body).unwrap_or(Json::Null))
    }

    /// The same where success is expected.
    pub fn asks(&self, method: &str, path: &str, body: &str) -> Json {
        let (status, answer) = self.answers(method, path, body);
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer:#}");
        answer
    }

    /// What a check finds now.
    pub fn checks(&self, kind: &str) -> Vec<Json> {
        let answer = self.asks("POST", "checks", &format!(r#"{{"kind": "{kind}"}}"#));
        answer["findings"].as_array().unwrap().clone()
    }

    /// Every open finding.
    pub fn findings(&self) -> Vec<Json> {
        self.asks("GET", "findings?limit=500", "")["items"].as_array().unwrap().clone()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The kinds of these findings, and whom they are about.
pub fn codes(findings: &[Json]) -> Vec<String> {
    let shown = |finding: &Json| {
        format!("{} {}", finding["code"].as_str().unwrap(), finding["subject"]["id"].as_str().unwrap())
    };
    findings.iter().map(shown).collect()
}
