//! Phones as they arrive.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::Daemon;

/// A program that goes on until it is told to end.
struct Going(Child);

impl Drop for Going {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Going {
    fn start(daemon: &Daemon, arguments: &[&str]) -> (Going, impl Iterator<Item = String>) {
        let mut child = daemon.command().args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        (Going(child), lines)
    }

    fn interrupted(mut self) {
        let sent = Command::new("kill").args(["-s", "INT", &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
        assert_eq!(self.0.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn a_pipe_gets_a_line_for_each_request_until_it_is_told_to_end() {
    let daemon = Daemon::furnished();
    let (going, mut lines) = Going::start(&daemon, &["top"]);
    assert!(lines.next().unwrap().starts_with("TIME  MAC"));
    if daemon.phone("805ec0112233.cfg").is_none() {
        return;
    }
    let line = lines.next().unwrap();
    assert!(line.contains("80:5e:c0:11:22:33  yealink  127.0.0.1  https  805ec0112233.cfg  served"), "{line}");
    going.interrupted();
}

#[test]
fn machines_get_an_object_a_line() {
    let daemon = Daemon::furnished();
    if daemon.phone("805ec0112233.cfg").is_none() {
        return;
    }
    let (going, mut lines) = Going::start(&daemon, &["top", "--json", "--interval", "1s"]);
    // Nothing tells when it begins to look: the phone asks until it is seen.
    let waiting = AtomicBool::new(true);
    let line = std::thread::scope(|scope| {
        scope.spawn(|| {
            while waiting.load(Ordering::Relaxed) {
                daemon.phone("805ec0112233.cfg").unwrap();
            }
        });
        let line = lines.next();
        waiting.store(false, Ordering::Relaxed);
        line.unwrap()
    });
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&event["mac"], &event["decision"]), (&"80:5e:c0:11:22:33".into(), &"served".into()));
    going.interrupted();
}
