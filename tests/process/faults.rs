//! What an operator is told when the settings, a template or the store are broken, and what the phones get meanwhile.

use std::path::Path;
use std::process::Command;

use crate::{Daemon, config, run};

const TEMPLATE: &str =
    "#!version:1.0.0.1\n{% if device.model == \"T46U\" %}\naccount.1.label = {{ device.colour }}\n{% endif %}\n";

/// The admin API over the socket, by curl; `None` where it is missing.
fn admin(dir: &Path, method: &str, path: &str, body: &str) -> Option<serde_json::Value> {
    let mut command = Command::new("curl");
    command.args(["-sS", "--fail-with-body", "-X", method, "--unix-socket"]).arg(dir.join("data/admin.sock"));
    if !body.is_empty() {
        command.args(["-H", "Content-Type: application/json", "-d", body]);
    }
    let Ok(output) = command.arg(format!("http://ztpd/api/v1/{path}")).output() else {
        println!("skipped: curl is not installed");
        return None;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{method} {path}: {said}");
    Some(serde_json::from_str(&said).unwrap_or_default())
}

/// The status of a phone's file over HTTPS, and its body.
fn ask(dir: &Path, url: &str, source: &str, file: &str) -> (String, String) {
    let mut command = Command::new("curl");
    command
        .args(["-sS", "-w", "\n%{http_code}", "--interface", source, "--cacert"])
        .arg(dir.join("data/tls/authority.crt"));
    let output = command.arg(format!("{url}/{file}")).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let (body, status) = said.rsplit_once('\n').unwrap();
    (status.to_owned(), body.to_owned())
}

/// Where the log says the daemon serves.
fn url(serving: &str) -> String {
    let start = serving.find("https://").unwrap();
    serving[start..].split(['"', ' ', '\n', '\u{1b}']).next().unwrap().to_owned()
}

#[test]
fn a_template_that_fails_for_one_phone_gives_it_nothing_begins_no_claim_and_names_the_place() {
    let dir = tempfile::tempdir().unwrap();
    let templates = dir.path().join("templates/yealink");
    std::fs::create_dir_all(&templates).unwrap();
    std::fs::write(templates.join("lobby.cfg"), TEMPLATE).unwrap();
    let sip = "[sip]\nserver = \"pbx.example.com\"\n";
    let path = config(dir.path(), &format!("{sip}[templates]\ndir = {:?}\n", dir.path().join("templates")));
    let mut daemon = Daemon::start(&path);
    let url = url(&daemon.serving);
    let site = r#"{"id": "hq", "name": "HQ", "networks": ["127.0.0.0/8"]}"#;
    if admin(dir.path(), "POST", "sites", site).is_none() {
        return;
    }
    let device = r#"{"mac": "80:5e:c0:11:22:33", "maker": "yealink", "model": "T46U", "site": "hq", "template": "yealink/lobby.cfg"}"#;
    admin(dir.path(), "POST", "devices", device);
    let (status, body) = ask(dir.path(), &url, "127.0.0.1", "805ec0112233.cfg");
    assert_eq!((status.as_str(), body.as_str()), ("500", "temporarily unavailable\n"));
    let said = daemon.says("template_fault");
    assert!(said.contains("yealink/lobby.cfg:3:") && said.contains("colour"), "{said}");
    let events = admin(dir.path(), "GET", "devices/80:5e:c0:11:22:33/events", "").unwrap();
    assert_eq!(
        (&events["items"][0]["decision"], &events["items"][0]["reason"]),
        (&"failed".into(), &"template_fault".into())
    );
    std::fs::write(templates.join("lobby.cfg"), "#!version:1.0.0.1\naccount.1.label = {{ device.name }}\n").unwrap();
    daemon.signal("HUP");
    daemon.says("read again");
    // Another address begins the claim: the failed one was none.
    let (status, body) = ask(dir.path(), &url, "127.0.0.2", "805ec0112233.cfg");
    assert_eq!((status.as_str(), body.as_str()), ("200", "#!version:1.0.0.1\naccount.1.label = \n"));
}

#[test]
fn a_store_that_was_damaged_is_made_again_loudly_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let path = config(dir.path(), "");
    let mut daemon = Daemon::start(&path);
    if admin(dir.path(), "POST", "sites", r#"{"id": "hq", "name": "HQ"}"#).is_none() {
        return;
    }
    admin(dir.path(), "POST", "devices", r#"{"mac": "80:5e:c0:11:22:33", "maker": "yealink", "model": "T46U"}"#);
    daemon.signal("TERM");
    daemon.says("stopped");
    daemon.child.wait().unwrap();
    for entry in
        std::fs::read_dir(dir.path().join("data/sled")).unwrap().flatten().filter(|entry| entry.path().is_file())
    {
        std::fs::write(entry.path(), b"no table of ours").unwrap();
    }
    let daemon = Daemon::start(&path);
    assert!(daemon.before.contains("the store was damaged and has been made again"), "{}", daemon.before);
    let device = admin(dir.path(), "GET", "devices/80:5e:c0:11:22:33", "").unwrap();
    assert_eq!(device["model"], "T46U");
}

#[test]
fn a_file_that_is_no_text_or_no_toml_is_named_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = config(dir.path(), "[sip\nserver = 1\n");
    for command in [&["serve"][..], &["config", "check"]] {
        let (output, said) = run(command, &path);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("ztpd.toml") && said.contains("line 7"), "{said}");
    }
    std::fs::write(&path, b"[server]\ndata_dir = \"\xff\"\n").unwrap();
    let (output, said) = run(&["serve"], &path);
    assert!(output.status.code() == Some(1) && said.contains("ztpd.toml") && said.contains("UTF-8"), "{said}");
    assert!(!dir.path().join("data").exists(), "nothing was begun");
}

#[test]
fn five_slips_in_one_file_are_five_lines_of_answer() {
    let dir = tempfile::tempdir().unwrap();
    let slips = "[sip]\nport = 70000\ntransport = \"tsl\"\n[time]\ntimezone = \"Europe/Berln\"\n[access]\nproofs = [\"mac\"]\n[lgo]\n";
    let (output, said) = run(&["config", "check"], &config(dir.path(), slips));
    assert_eq!(output.status.code(), Some(1));
    for line in [8, 9, 11, 13, 14] {
        assert!(said.contains(&format!("line {line}")), "line {line}: {said}");
    }
}

#[test]
fn a_template_that_does_not_compile_is_named_by_line_and_column_and_the_daemon_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let templates = dir.path().join("templates/snom");
    std::fs::create_dir_all(&templates).unwrap();
    std::fs::write(templates.join("mine.xml"), "<settings>\n  {% if %}\n</settings>\n").unwrap();
    std::fs::write(templates.join("env.xml"), "<settings>{{ get_env(name=\"HOME\") }}</settings>\n").unwrap();
    let path = config(dir.path(), &format!("[templates]\ndir = {:?}\n", dir.path().join("templates")));
    let (output, said) = run(&["serve"], &path);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("snom/mine.xml:2:"), "{said}");
    std::fs::remove_file(templates.join("mine.xml")).unwrap();
    let (output, said) = run(&["serve"], &path);
    assert!(output.status.code() == Some(1) && said.contains("snom/env.xml:1:") && said.contains("get_env"), "{said}");
}
