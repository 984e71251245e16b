//! The program on a folder of its own: its daemon, its commands, a phone that asks.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

/// What is tested.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_ztpd");

/// The phone all tests speak of, and its file.
pub const MAC: &str = "80:5e:c0:00:00:01";
pub const FILE: &str = "805ec0000001.cfg";

/// A folder with a configuration, a master key and perhaps a store.
pub struct Place {
    dir: tempfile::TempDir,
}

/// A running daemon; killed when dropped.
pub struct Daemon {
    pub child: Child,
    log: BufReader<ChildStderr>,
    /// What it said so far.
    pub said: String,
    /// Where it speaks HTTPS.
    pub https: String,
}

impl Place {
    pub fn new() -> Place {
        Place::with("")
    }

    /// With further sections in its configuration file.
    pub fn with(more: &str) -> Place {
        let place = Place { dir: tempfile::tempdir().unwrap() };
        let made = Command::new(PROGRAM).args(["keys", "new"]).arg(place.path("master.key")).output().unwrap();
        assert!(made.status.success(), "{}", told(&made));
        place.configure(more);
        place
    }

    /// Writes its configuration file.
    pub fn configure(&self, more: &str) {
        let text = format!(
            "[server]\npublic_url = \"https://prov.example.com\"\ndata_dir = {:?}\nmaster_key_file = {:?}\n[https]\n\
             listen = [\"127.0.0.1:0\"]\n[tftp]\nlisten = [\"127.0.0.1:0\"]\n[sip]\nserver = \"pbx.example.com\"\n\
             [admin]\nsocket = {:?}\n{more}",
            self.path("data"),
            self.path("master.key"),
            self.path("admin.sock")
        );
        std::fs::write(self.path("ztpd.toml"), text).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn serve(&self) -> Daemon {
        self.serve_by(Command::new(PROGRAM))
    }

    /// Runs the daemon by this command, which takes the program's arguments.
    pub fn serve_by(&self, mut command: Command) -> Daemon {
        command.args(["serve", "--config"]).arg(self.path("ztpd.toml"));
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut daemon = Daemon { child, log, said: String::new(), https: String::new() };
        daemon.says("serving");
        let line = daemon.said.lines().find(|line| line.contains("https") && line.contains("address=")).unwrap();
        daemon.https = line.split("address=").nth(1).unwrap().trim().to_owned();
        daemon
    }

    /// One command of the program, with something on its standard input.
    pub fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).env("ZTPD_SOCKET", self.path("admin.sock")).current_dir(self.dir.path());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A command that refuses at once reads nothing.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// One that must succeed; what it wrote.
    pub fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments, "");
        assert!(output.status.success(), "{arguments:?}: {}", told(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// One that must be refused, with this exit code; what it said.
    pub fn refused(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments, "");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", told(&output));
        told(&output)
    }

    /// A site on loopback, a user, and the phone.
    pub fn furnish(&self) {
        self.done(&["site", "add", "hq", "--networks", "127.0.0.0/8"]);
        self.done(&["user", "add", "alice@example.com", "--first-name", "Alice", "--site", "hq"]);
        let phone = ["device", "add", MAC, "--maker", "yealink", "--model", "T46U", "--user", "alice@example.com"];
        self.done(&phone);
    }

    /// What curl gets as a phone: the status and the body; nothing where curl is missing.
    pub fn phone(&self, daemon: &Daemon, path: &str) -> Option<(u16, String)> {
        let mut command = Command::new("curl");
        command.args(["-sS", "--max-time", "60", "-w", "\n%{http_code}", "--cacert"]);
        command.arg(self.path("data/tls/authority.crt")).arg("--connect-to");
        command.arg(format!("prov.example.com:443:{}", daemon.https));
        let Ok(output) = command.arg(format!("https://prov.example.com/{path}")).output() else {
            println!("skipped: curl is missing");
            return None;
        };
        assert!(output.status.success(), "{path}: {}", told(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        Some((status.parse().unwrap(), body.to_owned()))
    }

    /// The admin API by curl: the status and the body.
    pub fn api(&self, method: &str, path: &str, body: &str) -> Option<(u16, serde_json::Value)> {
        let mut command = Command::new("curl");
        command.args(["-sS", "-X", method, "-w", "\n%{http_code}", "--unix-socket"]).arg(self.path("admin.sock"));
        if !body.is_empty() {
            command.args(["-H", "Content-Type: application/json", "-d", body]);
        }
        let Ok(output) = command.arg(format!("http://ztpd/{path}")).output() else {
            println!("skipped: curl is missing");
            return None;
        };
        assert!(output.status.success(), "{path}: {}", told(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        let body = serde_json::from_str(body).unwrap_or_else(|_| body.into());
        Some((status.parse().unwrap(), body))
    }
}

impl Daemon {
    /// Waits for a line of its log that has these words.
    pub fn says(&mut self, words: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "the log ended before {words:?}: {}", self.said);
            let line = plain(&line);
            self.said += &line;
            if line.contains(words) {
                return line;
            }
        }
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Stops it as a service manager does.
    pub fn stop(mut self) {
        self.signal("TERM");
        self.says("stopped");
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a command said, on both of its outputs.
pub fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The value of a `key = value` line of a phone's file.
pub fn value(file: &str, key: &str) -> String {
    let start = format!("{key} = ");
    file.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_else(|| panic!("{key} in {file}")).to_owned()
}

/// The token in a phone's file.
pub fn token(file: &str) -> String {
    let url = value(file, "static.auto_provision.server.url");
    url.split("/t/").nth(1).unwrap().trim_end_matches('/').to_owned()
}

/// Whether a file has these octets somewhere.
pub fn has(file: &Path, text: &str) -> bool {
    let octets = std::fs::read(file).unwrap();
    octets.windows(text.len()).any(|found| found == text.as_bytes())
}

/// Without what colours a line.
fn plain(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        text += before;
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    text + rest
}
