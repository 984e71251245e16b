//! A8 and L3: no secret in arguments or environment, and nothing a phone says that moves a cursor or begins a line.

use std::net::UdpSocket;
use std::process::Command;

use crate::program::{Daemon, bare, said};

/// Options that are named after a secret and take none: why not.
const HARMLESS: &[(&str, &str)] =
    &[("--keys", "the programmable keys of a phone"), ("--token", "the name of a token, not what it is")];

#[test]
fn sec_a08_no_command_takes_a_secret_as_argument() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(said(bare().args(["man", "--dir"]).arg(dir.path()), "").code, 0);
    let mut seen = 0;
    for page in std::fs::read_dir(dir.path()).unwrap().flatten() {
        let text =
            std::fs::read_to_string(page.path()).unwrap().replace("\\-", "-").replace("\\fB", "").replace("\\fR", "");
        for option in text.split_whitespace().filter(|word| word.starts_with("--")) {
            let name = option.trim_end_matches(|c: char| !c.is_ascii_lowercase());
            seen += 1;
            let secret = ["password", "passphrase", "secret", "token", "key"].iter().any(|word| name.contains(word));
            let harmless = name.ends_with("-file") || HARMLESS.iter().any(|(known, _)| known == &name);
            assert!(!secret || harmless, "{}: {name}", page.path().display());
        }
    }
    assert!(seen > 200, "{seen} options were looked at");
}

#[test]
fn sec_a08_neither_arguments_nor_environment_of_the_daemon_have_a_secret_and_none_is_read_there() {
    let daemon = Daemon::furnished();
    let Some((200, file)) = daemon.phone("805ec0112233.cfg") else { return };
    let password = file.lines().find_map(|line| line.strip_prefix("account.1.password = ")).unwrap().to_owned();
    let key = std::fs::read(daemon.dir().join("master.key")).unwrap();
    let key = String::from_utf8_lossy(&key).trim().to_owned();
    for place in ["cmdline", "environ"] {
        let seen = std::fs::read(format!("/proc/{}/{place}", daemon.pid())).unwrap();
        let seen = String::from_utf8_lossy(&seen);
        assert!(!seen.is_empty() || place == "environ");
        assert!(!seen.contains(&password) && !seen.contains(&key), "{place}");
    }
    // A token in the environment is not looked at: only a file with one is.
    let mut command = bare();
    command.env("ZTPD_TOKEN", "t").env("ZTPD_PASSWORD", "p").args(["--url", "https://127.0.0.1:9", "site", "list"]);
    let refused = said(&mut command, "");
    assert!(refused.code != 0 && refused.err.contains("ZTPD_TOKEN_FILE"), "{refused:?}");
}

/// Names that would clear a screen, forge a line of the log or turn text round, over every protocol.
#[test]
fn sec_l03_what_a_phone_says_stays_on_its_line_in_the_log_and_in_every_list() {
    let daemon = Daemon::with("[log]\nlevel = \"debug\"\n");
    daemon.done(&["site", "add", "hq", "--networks", "127.0.0.0/8"]);
    daemon.done(&["device", "add", "80:5e:c0:11:22:33", "--maker", "yealink", "--model", "T46U"]);
    let forged = "805ec0112233.cfg\n2026-01-01T00:00:00Z  INFO forged line\u{1b}[2J\u{202e}";
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    let request = [&[0u8, 1][..], forged.as_bytes(), b"\0octet\0"].concat();
    socket.send_to(&request, ("127.0.0.1", daemon.tftp())).unwrap();
    let mut answer = [0; 600];
    let length = socket.recv(&mut answer).unwrap();
    assert_eq!(&answer[..2], [0, 5], "an error: {:?}", &answer[..length]);
    for path in ["805ec0112233.cfg%0a%1b%5b2J", "805ec0112233-%e2%80%ae.cfg", "t/x/805ec0112233.cfg%00"] {
        let Some((status, _)) = daemon.phone(path) else { return };
        assert_eq!(status, 404, "{path}");
    }
    let agents = ["Yealink SIP-T46U 1 80:5e:c0:11:22:33 \u{9b}2J", "Yealink SIP-T46U\t1\t80:5e:c0:11:22:33"];
    for agent in agents {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-A", agent, "--cacert"]).arg(daemon.dir().join("data/tls/authority.crt"));
        assert!(curl.arg(format!("{}/805ec0112233.cfg", daemon.url)).output().unwrap().status.success());
    }
    let clean =
        |text: &str| text.chars().all(|c| c == '\n' || !(c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)));
    for arguments in [
        &["device", "events", "80:5e:c0:11:22:33"][..],
        &["device", "events", "80:5e:c0:11:22:33", "--json"],
        &["device", "pending"],
        &["finding", "list"],
        &["audit", "list"],
    ] {
        let shown = daemon.done(arguments);
        assert!(clean(&shown) && !shown.contains("\n2026-01-01"), "{arguments:?}: {shown:?}");
    }
    let log = daemon.log();
    assert!(log.contains("not found") && clean(&log), "{log:?}");
    assert!(!log.lines().any(|line| line.starts_with("2026-01-01") || line.contains("INFO forged")), "{log}");
}
