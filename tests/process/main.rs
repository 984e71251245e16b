//! The program as a service manager sees it: signals, exit codes, faults at the start, what it says of them.

// A test that cannot set itself up shall fail loudly.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

mod privilege;
mod systemd;

const PROGRAM: &str = env!("CARGO_BIN_EXE_ztpd");

mod faults;

/// A running `ztpd serve`; killed when dropped.
struct Daemon {
    child: Child,
    log: BufReader<ChildStderr>,
    /// What it said before it served, and the line in which it said so.
    before: String,
    serving: String,
}

impl Daemon {
    fn start(config: &Path) -> Daemon {
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--config"]).arg(config).stderr(Stdio::piped());
        Daemon::start_as(command)
    }

    fn start_as(mut command: Command) -> Daemon {
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut daemon = Daemon { child, log, before: String::new(), serving: String::new() };
        daemon.serving = daemon.says("serving");
        daemon
    }

    /// Waits for a line of the log that has these words.
    fn says(&mut self, words: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "the log ended before {words:?}");
            if line.contains(words) {
                return line;
            }
            self.before.push_str(&line);
        }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A master key made by the program; the one that is there already.
fn master_key(dir: &Path) -> PathBuf {
    let path = dir.join("master.key");
    if !path.exists() {
        let made = Command::new(PROGRAM).args(["keys", "new"]).arg(&path).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    path
}

fn config(dir: &Path, more: &str) -> PathBuf {
    let path = dir.join("ztpd.toml");
    let text = format!(
        "server = {{ data_dir = {:?}, master_key_file = {:?} }}\ndiagnose = {{ interval = \"off\" }}\n[https]\nlisten = [\"127.0.0.1:0\"]\n[tftp]\nlisten = [\"127.0.0.1:0\"]\n{more}",
        dir.join("data"),
        master_key(dir)
    );
    std::fs::write(&path, text).unwrap();
    path
}

fn run(arguments: &[&str], config: &Path) -> (Output, String) {
    let output = Command::new(PROGRAM).args(arguments).arg("--config").arg(config).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output, said)
}

#[test]
fn it_stops_cleanly_and_starts_again_on_what_it_kept() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), "");
    for _ in 0..2 {
        let mut daemon = Daemon::start(&config);
        daemon.signal("TERM");
        daemon.says("stopped");
        assert_eq!(daemon.child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn a_reload_takes_a_good_file_and_keeps_the_old_settings_with_a_bad_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = config(dir.path(), "");
    let mut daemon = Daemon::start(&path);
    daemon.signal("HUP");
    daemon.says("read again");
    config(dir.path(), "[htps]\n");
    daemon.signal("HUP");
    let said = daemon.says("the old settings stay");
    assert!(said.contains("line 7"), "{said}");
    config(dir.path(), "[log]\nlevel = \"info\"\n");
    daemon.signal("HUP");
    daemon.says("read again");
}

#[test]
fn a_second_daemon_on_the_same_store_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let first = config(dir.path(), "");
    let _daemon = Daemon::start(&first);
    let second = config(dir.path(), &format!("[admin]\nsocket = {:?}\n", dir.path().join("other.sock")));
    for command in [&["serve"][..], &["store", "rebuild"]] {
        let (output, said) = run(command, &second);
        assert_eq!(output.status.code(), Some(4), "{said}");
        assert!(said.contains("held by another process"), "{said}");
    }
}

#[test]
fn a_port_in_use_is_named_with_its_remedy() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = config(dir.path(), &format!("[http]\nlisten = [\"{}\"]\n", taken.local_addr().unwrap()));
    let (output, said) = run(&["serve"], &path);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains(&taken.local_addr().unwrap().to_string()) && said.contains("change http.listen"), "{said}");
    assert!(!dir.path().join("data/sled").exists());
}

#[test]
fn every_fault_of_the_file_and_the_templates_is_named_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = config(dir.path(), "[log]\nlevel = \"loud\"\nfromat = \"text\"\n");
    let (output, said) = run(&["config", "check"], &path);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("line 8") && said.contains("line 9") && said.contains("did you mean \"format\""), "{said}");
    let templates = dir.path().join("templates/yealink");
    std::fs::create_dir_all(&templates).unwrap();
    std::fs::write(templates.join("mine.cfg"), "#!version:1.0.0.1\nx = {{ device.colour }}\n").unwrap();
    let path = config(dir.path(), &format!("[templates]\ndir = {:?}\n", dir.path().join("templates")));
    let (output, said) = run(&["config", "check"], &path);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("yealink/mine.cfg:2:"), "{said}");
    std::fs::remove_file(templates.join("mine.cfg")).unwrap();
    let (output, said) = run(&["config", "check"], &path);
    assert_eq!((output.status.code(), said.contains("no fault")), (Some(0), true), "{said}");
}

#[test]
fn a_missing_file_and_a_wrong_word_are_told_apart() {
    let (output, said) = run(&["serve"], Path::new("/nowhere/ztpd.toml"));
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("/nowhere/ztpd.toml"), "{said}");
    let output = Command::new(PROGRAM).arg("sevre").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_rebuilt_store_serves_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = config(dir.path(), "");
    let mut daemon = Daemon::start(&path);
    daemon.signal("TERM");
    daemon.says("stopped");
    daemon.child.wait().unwrap();
    let (output, said) = run(&["store", "rebuild"], &path);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("whole again"), "{said}");
    Daemon::start(&path);
}

#[test]
fn the_demo_boots_phones_of_all_five_makers_twice() {
    let output = Command::new(PROGRAM).args(["demo", "--once", "--json"]).output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert!(output.status.success(), "{report:#}");
    let phones = report["phones"].as_array().unwrap();
    for maker in ["cisco", "grandstream", "poly", "snom", "yealink"] {
        assert!(phones.iter().filter(|phone| phone["maker"] == maker).count() >= 2, "{maker}");
    }
    assert!(phones.iter().all(|phone| phone["ok"] == true), "{report:#}");
    let without: Vec<_> = phones.iter().filter(|phone| phone["account"].is_null()).collect();
    assert!(without.iter().all(|phone| phone["expect"] == "bootstrap_only"));
}
