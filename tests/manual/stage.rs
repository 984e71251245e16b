//! What stands in for the reader's machine: a folder for its folders, and a daemon with ports of its own.
//!
//! A page says `/etc/ztpd`, `https://prov.example.com` and `10.20.0.0/16`; what is run has the folder, the address and the
//! networks of this test instead, and what is said is turned back before it is compared. `ztpd serve` runs in the
//! background, with the settings the page has written; `systemctl start`, `stop`, `restart` and `reload` of ztpd
//! do what the service manager would.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::shell::{Said, Shell, at_home};

const PROGRAM: &str = env!("CARGO_BIN_EXE_ztpd");

/// The folders of a machine that a page may name.
const FOLDERS: &[&str] = &["/etc/ztpd", "/var/lib/ztpd", "/run/ztpd", "/root", "/srv", "/backups"];

/// Settings of a daemon that the page takes for granted.
const GRANTED: &str = "[server]\npublic_url = \"https://prov.example.com\"\ndata_dir = \"/var/lib/ztpd\"\n\
    master_key_file = \"/etc/ztpd/master.key\"\n[https]\nlisten = [\"[::]:443\"]\n[http]\nlisten = [\"[::]:80\"]\n\
    [tftp]\nlisten = [\"[::]:69\"]\n[admin]\nsocket = \"/run/ztpd/admin.sock\"\n[sip]\nserver = \"pbx.example.com\"\n\
    [time]\nntp = [\"ntp.example.com\"]\ntimezone = \"Europe/Berlin\"\n";

/// A machine of one's own, with a daemon or without one yet.
pub struct Stage {
    shell: Shell,
    daemon: Option<Daemon>,
    /// What the daemon is started with.
    config: PathBuf,
    dir: tempfile::TempDir,
}

struct Daemon {
    child: Child,
    log: Arc<Mutex<String>>,
    /// What a page says, and what it is here.
    addresses: Vec<(String, String)>,
}

/// Whether this is the daemon itself, which does not end.
pub fn starts_the_daemon(command: &str) -> bool {
    let mut words = command.split_whitespace();
    words.next().is_some_and(|word| word == "ztpd" || word.ends_with("/ztpd")) && words.next() == Some("serve")
}

impl Stage {
    /// A machine, on which the daemon may run already.
    pub fn new(serving: bool) -> Stage {
        let dir = tempfile::tempdir().unwrap();
        for folder in FOLDERS.iter().map(|folder| &folder[1..]).chain(["bin", "home", "target/release"]) {
            std::fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        for program in ["bin/ztpd", "target/release/ztpd"] {
            std::os::unix::fs::symlink(PROGRAM, dir.path().join(program)).unwrap();
        }
        let mut stage = Stage { shell: Shell::new(dir.path()), daemon: None, config: PathBuf::new(), dir };
        if serving {
            stage.write("/etc/ztpd/ztpd.toml", GRANTED).unwrap();
            stage.run("ztpd keys new /etc/ztpd/master.key").unwrap();
            stage.serve("ztpd serve --config /etc/ztpd/ztpd.toml").unwrap();
        }
        stage
    }

    /// Writes a file of the page, its settings with ports of this test.
    pub fn write(&mut self, path: &str, text: &str) -> Result<(), String> {
        let here = self.dir.path().join(self.here(path));
        let text = if path.ends_with(".toml") { own_ports(text) } else { text.to_owned() };
        std::fs::write(&here, self.here(&text)).map_err(|error| format!("{}: {error}", here.display()))
    }

    /// Puts tables of settings into a file, in place of those of the same name.
    pub fn put(&mut self, path: &str, text: &str) -> Result<(), String> {
        let known = std::fs::read_to_string(self.here(path)).unwrap_or_default();
        let replaced: Vec<&str> = text.lines().filter(|line| line.starts_with('[')).collect();
        let mut kept = true;
        let mut all = String::new();
        for line in known.lines() {
            kept = if line.starts_with('[') { !replaced.contains(&line) } else { kept };
            if kept {
                all += &format!("{line}\n");
            }
        }
        self.write(path, &(all + text))
    }

    /// Does what a command says.
    pub fn run(&mut self, command: &str) -> Result<Said, String> {
        if starts_the_daemon(command) {
            return self.serve(command).map(|()| Said { code: 0, text: String::new() });
        }
        let done = match command.trim() {
            "systemctl reload ztpd" => Some(self.reload()),
            "systemctl restart ztpd" => Some(self.stop().and_then(|()| self.start())),
            "systemctl start ztpd" => Some(self.start()),
            "systemctl stop ztpd" => Some(self.stop()),
            _ => None,
        };
        if let Some(done) = done {
            return done.map(|()| Said { code: 0, text: String::new() });
        }
        let said = self.shell.run(&self.here(&with_settings(command)))?;
        Ok(Said { code: said.code, text: self.there(&said.text) })
    }

    fn serve(&mut self, command: &str) -> Result<(), String> {
        let mut words = command.split_whitespace().skip_while(|word| *word != "--config").skip(1);
        self.config = match words.next() {
            Some(path) => self.dir.path().join(self.here(path)),
            None => self.defaults(),
        };
        self.start()
    }

    /// The settings there are without a file, but for the ports.
    fn defaults(&mut self) -> PathBuf {
        let home = self.dir.path().join("home");
        let (state, key) = (home.join(".local/state/ztpd"), home.join(".config/ztpd/master.key"));
        std::fs::create_dir_all(key.parent().unwrap()).unwrap();
        let made = Command::new(PROGRAM).args(["keys", "new"]).arg(&key).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let listen = "listen = [\"127.0.0.1:0\"]\n";
        let text =
            format!("[server]\ndata_dir = {state:?}\nmaster_key_file = {key:?}\n[https]\n{listen}[tftp]\n{listen}");
        let config = home.join("defaults.toml");
        std::fs::write(&config, text).unwrap();
        config
    }

    fn start(&mut self) -> Result<(), String> {
        let mut command = Command::new(PROGRAM);
        at_home(&mut command, self.dir.path());
        let mut child = command.args(["serve", "--config"]).arg(&self.config).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let log = Arc::new(Mutex::new(String::new()));
        let mut said = String::new();
        while !said.contains("serving url=") {
            if lines.read_line(&mut said).unwrap() == 0 {
                let ended = child.wait().unwrap();
                return Err(format!("the daemon ended before it served: {ended}\n{said}"));
            }
        }
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                kept.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        let text = std::fs::read_to_string(&self.config).unwrap();
        let value = |key: &str| {
            let line = text.lines().find(|line| line.starts_with(&format!("{key} = ")))?;
            line.split('"').nth(1).map(str::to_owned)
        };
        let socket = value("socket").unwrap_or_else(|| format!("{}/admin.sock", value("data_dir").unwrap()));
        self.shell.export("ZTPD_SOCKET", &socket);
        let addresses = addresses(&socket);
        self.daemon = Some(Daemon { child, log, addresses });
        Ok(())
    }

    fn stop(&mut self) -> Result<(), String> {
        let mut daemon = self.daemon.take().ok_or("no daemon was started")?;
        signal(&daemon.child, "TERM");
        let ended = daemon.child.wait().unwrap();
        if ended.success() { Ok(()) } else { Err(format!("{ended}:\n{}", daemon.log.lock().unwrap())) }
    }

    /// Reads the settings again, and waits until the daemon says so.
    fn reload(&mut self) -> Result<(), String> {
        let before = self.settings_read();
        signal(&self.daemon.as_ref().ok_or("no daemon was started")?.child, "HUP");
        // Bounded: a reload that fails changes nothing, and the page is wrong then.
        for _ in 0..500 {
            if self.settings_read() != before {
                return Ok(());
            }
        }
        Err(format!(
            "not read again:\n{}",
            self.daemon.as_ref().map_or(String::new(), |it| it.log.lock().unwrap().clone())
        ))
    }

    fn settings_read(&mut self) -> String {
        self.shell
            .run("ztpd status --json | grep -o '\"settings_read\": *\"[^\"]*\"'")
            .map_or(String::new(), |said| said.text)
    }

    /// A text of the page as it is here.
    fn here(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for folder in FOLDERS {
            let at = self.dir.path().join(&folder[1..]);
            text = with_folder(&text, folder, &at.display().to_string());
        }
        for (there, here) in self.daemon.iter().flat_map(|daemon| &daemon.addresses) {
            text = text.replace(there, here);
        }
        text.replace("10.20.0.0/16", "127.0.0.0/8").replace("10.20.0.", "127.0.0.")
    }

    /// What was said here, as the page has it.
    fn there(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (there, here) in self.daemon.iter().flat_map(|daemon| &daemon.addresses) {
            text = text.replace(here, there);
        }
        text.replace(&self.dir.path().display().to_string(), "").replace("127.0.0.0/8", "10.20.0.0/16")
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.child.kill();
            let _ = daemon.child.wait();
        }
    }
}

/// The settings that a command without a daemon finds by itself, named: here they are elsewhere.
fn with_settings(command: &str) -> String {
    let alone = ["ztpd restore", "ztpd store rebuild", "ztpd keys rotate"];
    match alone.into_iter().find(|words| command.contains(words) && !command.contains("--config")) {
        Some(words) => command.replace(words, &format!("{words} --config /etc/ztpd/ztpd.toml")),
        None => command.to_owned(),
    }
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// A folder replaced where a path begins, not inside another one.
fn with_folder(text: &str, folder: &str, at: &str) -> String {
    let mut found = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(folder) {
        let inside = rest[..start].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '/' | '_' | '-' | '.' | '}'));
        found += &rest[..start];
        found += if inside { folder } else { at };
        rest = &rest[start + folder.len()..];
    }
    found + rest
}

/// Settings with ports that are free, and so without a name for them.
fn own_ports(text: &str) -> String {
    let line = |line: &str| match line.split_once('=') {
        Some((key, _)) if key.trim() == "listen" => "listen = [\"127.0.0.1:0\"]\n".to_owned(),
        Some((key, _)) if key.trim() == "public_url" => String::new(),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// What the page's addresses are here, the longer ones first.
fn addresses(socket: &str) -> Vec<(String, String)> {
    let status = Command::new(PROGRAM).args(["--socket", socket, "status", "--json"]).output().unwrap();
    assert!(status.status.success(), "{status:?}");
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    let at = |plane: &str| {
        let mut listeners = status["listeners"].as_array().unwrap().iter();
        listeners.find_map(|it| {
            it["address"].as_str().filter(|at| it["plane"] == plane && !at.starts_with('/')).map(str::to_owned)
        })
    };
    let mut found = Vec::new();
    for (name, plane) in [
        ("https://prov.example.com:8444", "admin"),
        ("tftp://prov.example.com", "tftp"),
        ("http://prov.example.com", "http"),
        ("https://prov.example.com", "https"),
        ("https://127.0.0.1:8443", "https"),
        ("prov.example.com", "https"),
    ] {
        let scheme = name.split_once("://").map_or(String::new(), |(scheme, _)| format!("{scheme}://"));
        found.extend(at(plane).map(|at| (name.to_owned(), scheme + &at)));
    }
    found
}
