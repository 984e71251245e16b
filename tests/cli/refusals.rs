//! What the program cannot do it says in sentences, with the exit code of its kind, and nothing is changed.

use crate::support::{Daemon, Said, bare, said};

fn ends(said: &Said, code: i32, words: &[&str]) {
    assert_eq!((said.code, said.out.as_str()), (code, ""), "{said:?}");
    for word in words {
        assert!(said.err.contains(word), "{word:?} is not in {said:?}");
    }
    assert!(!said.err.contains(['{', '}']), "no dump: {said:?}");
}

#[test]
fn what_the_daemon_refuses_is_told_as_it_told_it() {
    let daemon = Daemon::furnished();
    let add = |mac: &str, more: &[&str]| {
        daemon.ask(&[&["device", "add", mac, "--maker", "yealink", "--model", "T46U"], more].concat())
    };
    ends(&add("805ec0112233", &[]), 4, &["80:5e:c0:11:22:33 is registered already", "alice@example.com"]);
    ends(&add("80:5e:c0:00:00:01", &["--site", "nowhere"]), 4, &["nowhere"]);
    ends(&add("80:5e:c0:00:00:01", &["--user", "nobody@example.com"]), 4, &["nobody@example.com"]);
    ends(&add("80:5e:c0:00:00:01", &["--settings", "vlan.id=5000"]), 4, &["settings", "1 to 4094"]);
    ends(&add("80:5e:c0:00:00:01", &["--settings", "vlan.di=5"]), 4, &["vlan.di"]);
    ends(&add("80:5e:c0:00:00:01", &["--name", "a\u{202e}b"]), 4, &["name", "U+202E"]);
    ends(&daemon.ask(&["device", "show", "80:5e:c0:00:00:01"]), 4, &["80:5e:c0:00:00:01"]);
    ends(&daemon.ask(&["site", "show", "../status"]), 4, &["site"]);
    ends(&daemon.ask(&["site", "rm", "hq"]), 4, &["hq"]);
    ends(&daemon.ask(&["site", "add", "hq"]), 4, &["hq"]);
    ends(&daemon.ask(&["device", "claim", "805ec0112233", "--for", "99d"]), 4, &["for", "30d"]);
    assert_eq!(daemon.json(&["device", "list"])["items"].as_array().unwrap().len(), 1);
}

#[test]
fn machines_get_the_code_of_a_refusal() {
    let daemon = Daemon::furnished();
    let said = daemon.ask(&["device", "add", "805ec0112233", "--maker", "yealink", "--model", "T46U", "--json"]);
    let problem: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((said.code, &problem["code"]), (4, &"mac_taken".into()));
    assert!(said.err.contains("registered already"), "{said:?}");
}

#[test]
fn the_tenth_device_of_a_user_is_refused() {
    let daemon = Daemon::furnished();
    for number in 2..=10 {
        let mac = format!("80:5e:c0:00:00:{number:02x}");
        let said = daemon.ask(&[
            "device",
            "add",
            &mac,
            "--maker",
            "yealink",
            "--model",
            "T46U",
            "--user",
            "alice@example.com",
        ]);
        if number < 10 {
            assert_eq!(said.code, 0, "{said:?}");
        } else {
            ends(&said, 4, &["alice@example.com", "9"]);
        }
    }
    assert_eq!(daemon.json(&["user", "show", "alice@example.com"])["devices"].as_array().unwrap().len(), 9);
}

#[test]
fn a_daemon_that_is_not_there_is_told_apart_from_one_that_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("admin.sock");
    ends(&said(bare().args(["site", "list", "--socket"]).arg(&socket), ""), 3, &["no daemon at", "ztpd serve"]);
    // A socket whose daemon has died.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    ends(&said(bare().args(["status", "--socket"]).arg(&socket), ""), 3, &["nobody listens"]);
    ends(&said(bare().env("ZTPD_SOCKET", "x".repeat(200)).arg("status"), ""), 3, &["no daemon at"]);
    // Somebody who is no ztpd at all.
    std::fs::remove_file(&socket).unwrap();
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let other = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").unwrap();
    });
    ends(&said(bare().args(["status", "--socket"]).arg(&socket), ""), 1, &["admin API of ztpd"]);
    other.join().unwrap();
}

#[test]
fn what_makes_no_sense_is_wrong_usage_before_anything_is_asked() {
    let daemon = Daemon::start();
    for (arguments, words) in [
        (&["device", "show", "nomac"][..], &["nomac", "80:5e:c0:11:22:33"][..]),
        (&["device", "shwo", "805ec0112233"], &["similar", "show"]),
        (&["devcie", "list"], &["device"]),
        (&["device", "add", "805ec0112233"], &["--maker", "--model"]),
        (&["device", "add", "805ec0112233", "--maker", "yaelink", "--model", "T46U"], &["yealink"]),
        (&["device", "assign", "805ec0112233"], &["--user or --common-area"]),
        (&["device", "assign", "805ec0112233", "--user", "a", "--common-area", "b"], &["cannot be used with"]),
        (&["device", "claim", "805ec0112233", "--close", "--for", "1h"], &["cannot be used with"]),
        (&["site", "set", "hq"], &["nothing to change"]),
        (&["site", "set", "hq", "--clear", "netwroks"], &["networks"]),
        (&["site", "add"], &["ID"]),
        (&["site", "show", ""], &["empty"]),
        (&["user", "add"], &["EMAIL"]),
        (&["device", "list", "--limit", "0"], &["1"]),
        (&["site", "set", "hq", "--settings", "vlan.id"], &["KEY=VALUE"]),
        (&["--json", "serve"], &["--json"]),
        (&["man", "devcie"], &["devcie"]),
        (&[], &["Usage"]),
    ] {
        let said = daemon.ask(arguments);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{arguments:?}: {said:?}");
        for word in words {
            assert!(said.err.contains(word), "{arguments:?}: {word:?} is not in {said:?}");
        }
    }
}

#[test]
fn who_may_not_use_the_socket_is_told_who_may() {
    let daemon = Daemon::start();
    // Only root can be somebody else for a moment.
    let mut command = std::process::Command::new("setpriv");
    command.args([
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--inh-caps=-all",
        crate::support::PROGRAM,
        "status",
        "--socket",
    ]);
    let Some(output) = crate::support::found(command.arg(daemon.socket())) else { return };
    let said = String::from_utf8(output.stderr).unwrap();
    if said.starts_with("setpriv") {
        println!("skipped: {said}");
        return;
    }
    assert_eq!((output.status.code(), said.contains("you may not use")), (Some(4), true), "{said}");
}
