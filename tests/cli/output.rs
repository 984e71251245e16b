//! What readers get: people at a terminal, programs behind a pipe, and nobody at all.

use std::process::Command;

use crate::support::{Daemon, PROGRAM, found};

/// What a person at a terminal sees; `None` where util-linux's `script` is missing.
fn terminal(daemon: &Daemon, input: &str, arguments: &str, environment: &[(&str, &str)]) -> Option<(i32, String)> {
    let mut shell = Command::new("sh");
    let line = format!("stty cols 100 rows 30; {PROGRAM} {arguments}");
    shell.arg("-c").arg(format!("printf {input:?} | script -qec {line:?} /dev/null"));
    shell
        .env("ZTPD_SOCKET", daemon.socket())
        .env("LC_ALL", "C.UTF-8")
        .env("TERM", "xterm")
        .envs(environment.iter().copied());
    found(Command::new("script").arg("--version"))?;
    let output = found(&mut shell)?;
    Some((output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap()))
}

#[test]
fn a_pipe_gets_aligned_columns_with_one_record_a_line() {
    let daemon = Daemon::furnished();
    let lines = daemon.done(&["device", "list"]);
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines.len(), 2);
    let place = lines[0].find("MODEL").unwrap();
    assert!(lines[0].starts_with("MAC ") && lines[1].starts_with("80:5e:c0:11:22:33 "), "{lines:?}");
    assert!(lines[1][place..].starts_with("T46U "), "{lines:?}");
    assert_eq!(daemon.done(&["common-area", "list"]).lines().count(), 1);
}

#[test]
fn a_terminal_gets_a_table_no_wider_than_itself() {
    let daemon = Daemon::furnished();
    daemon.done(&["device", "set", "805ec0112233", "--name", &"far too long a name ".repeat(10)]);
    let Some((code, screen)) = terminal(&daemon, "", "device list", &[]) else { return };
    assert_eq!((code, screen.contains('─')), (0, true), "{screen}");
    assert!(screen.lines().all(|line| line.trim_end().chars().count() <= 100), "{screen}");
    for dumb in [("TERM", "dumb"), ("LC_ALL", "C")] {
        let (_, screen) = terminal(&daemon, "", "device list", &[dumb]).unwrap();
        assert!(screen.contains("---") && screen.is_ascii(), "{screen}");
    }
    let (_, screen) = terminal(&daemon, "", "common-area list", &[]).unwrap();
    assert_eq!(screen.trim(), "none");
    let (_, screen) = terminal(&daemon, "", "device list --json", &[]).unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&screen).is_ok(), "{screen}");
}

#[test]
fn a_person_is_asked_before_anything_is_removed() {
    let daemon = Daemon::furnished();
    let Some((code, screen)) = terminal(&daemon, "n\n", "device rm 805ec0112233", &[]) else { return };
    assert_eq!((code, screen.contains("Remove device 80:5e:c0:11:22:33? [y/N]")), (1, true), "{screen}");
    assert_eq!(daemon.json(&["device", "list"])["items"].as_array().unwrap().len(), 1);
    assert_eq!(terminal(&daemon, "y\n", "device rm 805ec0112233", &[]).unwrap().0, 0);
    assert_eq!(terminal(&daemon, "", "user rm --yes alice@example.com", &[]).unwrap().0, 0);
}

#[test]
fn nothing_a_phone_says_moves_the_cursor() {
    let daemon = Daemon::furnished();
    if daemon.phone("805ec0112233%1b%5b2J%c2%9b.cfg").is_none() {
        return;
    }
    daemon.phone("805ec0112233.cfg");
    let mut shown = vec![daemon.done(&["device", "events", "805ec0112233"])];
    shown.push(daemon.done(&["device", "events", "805ec0112233", "--json"]));
    shown.extend(terminal(&daemon, "", "device events 805ec0112233", &[]).map(|(_, screen)| screen));
    for shown in shown {
        assert!(!shown.contains(['\u{1b}', '\u{9b}']), "{shown:?}");
    }
}

#[test]
fn a_reader_that_has_enough_is_no_fault_but_a_full_disk_is() {
    let daemon = Daemon::furnished();
    let shell = |line: &str| {
        let mut shell = Command::new("bash");
        shell.args(["-c", &format!("set -o pipefail; {line}")]).env("ZTPD_SOCKET", daemon.socket()).env("Z", PROGRAM);
        found(&mut shell)
    };
    for line in ["\"$Z\" device list | head -1", "\"$Z\" device list --json | true", "\"$Z\" --help | true"] {
        let Some(output) = shell(line) else { return };
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.as_str()), (Some(0), ""), "{line}");
    }
    let output = shell("\"$Z\" device list >/dev/full").unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.contains("cannot write the output")), (Some(1), true), "{said}");
    // Nor do closed streams make it panic.
    let output = shell("\"$Z\" device list <&- 2>&- >&-").unwrap();
    assert_eq!(output.status.code(), Some(0));
}
