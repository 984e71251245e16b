//! A daemon of one's own, the program that asks it, and clients nobody here wrote.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_ztpd");

/// A running `ztpd serve`; killed when dropped.
pub struct Daemon {
    child: Child,
    dir: tempfile::TempDir,
    /// Where phones ask.
    pub url: String,
    log: Option<std::thread::JoinHandle<String>>,
}

/// What the program said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Daemon {
    pub fn start() -> Daemon {
        Daemon::with("")
    }

    /// With more in its configuration file.
    pub fn with(more: &str) -> Daemon {
        Daemon::in_folder(tempfile::tempdir().unwrap(), "", more)
    }

    /// Stopped, and started again on what it kept, with more in its configuration file.
    pub fn again(self, more: &str) -> Daemon {
        self.again_with("", more)
    }

    /// Killed, and started again on what it kept.
    #[allow(dead_code)]
    pub fn killed(mut self) -> Daemon {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let dir = std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap());
        Daemon::in_folder(dir, "", "")
    }

    /// The same, with more keys of `[server]` as well.
    pub fn again_with(mut self, server: &str, more: &str) -> Daemon {
        self.stop();
        let dir = std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap());
        Daemon::in_folder(dir, server, more)
    }

    fn in_folder(dir: tempfile::TempDir, server: &str, more: &str) -> Daemon {
        let key = dir.path().join("master.key");
        if !key.exists() {
            let made = bare().args(["keys", "new"]).arg(&key).output().unwrap();
            assert!(made.status.success(), "{made:?}");
        }
        let text = format!(
            "[server]\ndata_dir = {:?}\nmaster_key_file = {key:?}\n{server}[https]\nlisten = [\"127.0.0.1:0\"]\n[tftp]\nlisten = [\"127.0.0.1:0\"]\n[diagnose]\ninterval = \"off\"\n\
             [sip]\nserver = \"pbx.example.com\"\n{more}",
            dir.path().join("data")
        );
        let config = dir.path().join("ztpd.toml");
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--config"]).arg(config).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("serving url=") {
            said.clear();
            assert!(log.read_line(&mut said).unwrap() > 0, "the log ended before the daemon served");
        }
        let url = said.split("url=").nth(1).unwrap().trim().to_owned();
        // What it says from now on must not fill a pipe that nobody reads.
        let log = std::thread::spawn(move || {
            let mut text = Vec::new();
            log.read_to_end(&mut text).unwrap();
            String::from_utf8(text).unwrap()
        });
        Daemon { child, dir, url, log: Some(log) }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The port it speaks TFTP on.
    pub fn tftp(&self) -> u16 {
        let status = self.json(&["status"]);
        let tftp = status["listeners"].as_array().unwrap().iter().find(|listener| listener["plane"] == "tftp").unwrap();
        tftp["address"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap()
    }

    /// Stops it; what it said while it served.
    pub fn log(mut self) -> String {
        self.stop();
        self.log.take().unwrap().join().unwrap()
    }

    fn stop(&mut self) {
        let stopped = Command::new("kill").args(["-s", "TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(stopped.success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("data/admin.sock")
    }

    /// The program, as it is started here and nowhere else.
    pub fn command(&self) -> Command {
        let mut command = bare();
        command.env("ZTPD_SOCKET", self.socket());
        command
    }

    /// Asks it.
    pub fn ask(&self, arguments: &[&str]) -> Said {
        said(self.command().args(arguments), "")
    }

    /// Asks it with something on standard input.
    pub fn ask_with(&self, arguments: &[&str], input: &str) -> Said {
        said(self.command().args(arguments), input)
    }

    /// Asks it something that must work, and gives back its output.
    pub fn done(&self, arguments: &[&str]) -> String {
        let said = self.ask(arguments);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{arguments:?}: {said:?}");
        said.out
    }

    /// The same with `--json`.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        serde_json::from_str(&self.done(&arguments)).expect("JSON")
    }

    /// What the API itself answers; `None` where curl is missing.
    pub fn api(&self, path: &str) -> Option<Value> {
        let mut command = Command::new("curl");
        command.args(["-sS", "--unix-socket"]).arg(self.socket()).arg(format!("http://ztpd/api/v1/{path}"));
        let output = found(&mut command)?;
        Some(serde_json::from_slice(&output.stdout).unwrap())
    }

    /// What the API answers to a body that is posted; `None` where curl is missing.
    #[allow(dead_code)]
    pub fn api_post(&self, path: &str, body: &Value) -> Option<Value> {
        let mut command = Command::new("curl");
        command.args(["-sS", "-H", "Content-Type: application/json", "--data-binary", &body.to_string()]);
        command.arg("--unix-socket").arg(self.socket()).arg(format!("http://ztpd/api/v1/{path}"));
        let output = found(&mut command)?;
        Some(serde_json::from_slice(&output.stdout).unwrap())
    }

    /// What a phone is given over HTTPS: status and body; `None` where curl is missing.
    pub fn phone(&self, path: &str) -> Option<(u16, String)> {
        let mut command = Command::new("curl");
        command.args(["-sS", "--path-as-is", "-w", "\n%{http_code}", "--cacert"]);
        command.arg(self.dir().join("data/tls/authority.crt")).arg(format!("{}/{path}", self.url));
        let text = String::from_utf8(found(&mut command)?.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        Some((status.parse().unwrap(), body.to_owned()))
    }

    /// A site, a user and a phone.
    pub fn furnished() -> Daemon {
        let daemon = Daemon::start();
        daemon.done(&["site", "add", "hq", "--networks", "127.0.0.0/8"]);
        daemon.done(&["user", "add", "alice@example.com", "--first-name", "Alice", "--last-name", "Doe"]);
        let user = ["--maker", "yealink", "--model", "T46U", "--user", "alice@example.com"];
        daemon.done(&[&["device", "add", "80:5e:c0:11:22:33"][..], &user].concat());
        daemon
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program without anything of the tester's own environment that it heeds.
pub fn bare() -> Command {
    let mut command = Command::new(PROGRAM);
    for name in ["ZTPD_SOCKET", "ZTPD_URL", "ZTPD_TOKEN_FILE", "ZTPD_CACERT"] {
        command.env_remove(name);
    }
    command
}

/// Runs it to its end.
pub fn said(command: &mut Command, input: &str) -> Said {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that reads nothing closes its input; that is no fault of the test.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs a client, unless it is not installed.
pub fn found(command: &mut Command) -> Option<std::process::Output> {
    match command.output() {
        Ok(output) => Some(output),
        Err(error) => {
            println!("skipped: {}: {error}", command.get_program().display());
            None
        }
    }
}
