//! Which daemon is asked: flags, environment, what is found.

use crate::support::{Daemon, bare, said};

#[test]
fn a_flag_is_stronger_than_the_environment_on_either_side_of_the_command() {
    let daemon = Daemon::furnished();
    let socket = daemon.socket();
    let with = |arguments: &[&str]| {
        let mut command = bare();
        command.env("ZTPD_SOCKET", "/nowhere").env("ZTPD_URL", "https://nowhere.invalid").args(arguments);
        command
    };
    let path = socket.to_str().unwrap();
    for arguments in
        [["--socket", path, "site", "list"], ["site", "--socket", path, "list"], ["site", "list", "--socket", path]]
    {
        let said = said(&mut with(&arguments), "");
        assert_eq!((said.code, said.out.contains("127.0.0.0/8")), (0, true), "{said:?}");
    }
    let said = said(&mut with(&["site", "list", "--socket", path, "--url", "https://a"]), "");
    assert_eq!(said.code, 2, "{said:?}");
}

#[test]
fn without_a_word_the_socket_of_an_unprivileged_daemon_is_meant() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = bare();
    let said = said(command.env("XDG_STATE_HOME", dir.path()).arg("status"), "");
    if std::path::Path::new("/run/ztpd/admin.sock").exists() {
        println!("skipped: this machine has a daemon of its own");
        return;
    }
    let expected = dir.path().join("ztpd/admin.sock");
    assert_eq!((said.code, said.err.contains(expected.to_str().unwrap())), (3, true), "{said:?}");
}

#[test]
fn over_the_network_a_token_is_needed_and_never_sent_in_clear() {
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    let ask = |url: &str| said(bare().env("ZTPD_TOKEN_FILE", &token).args(["status", "--url", url]), "");
    let missing = said(bare().args(["status", "--url", "https://localhost:1"]), "");
    assert_eq!((missing.code, missing.err.contains("ZTPD_TOKEN_FILE")), (2, true), "{missing:?}");
    assert_eq!(ask("https://localhost:1").code, 2);
    std::fs::write(&token, "secret-word\n").unwrap();
    let clear = ask("http://prov.example.com");
    assert_eq!((clear.code, clear.err.contains("in clear")), (2, true), "{clear:?}");
    // A port that was free a moment ago: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let gone = ask(&format!("https://127.0.0.1:{port}"));
    assert_eq!((gone.code, gone.err.contains("no daemon at")), (3, true), "{gone:?}");
    let nowhere = ask("https://nowhere.invalid");
    assert_eq!(nowhere.code, 3, "{nowhere:?}");
    for said in [clear, gone, nowhere] {
        assert!(!said.err.contains("secret-word"));
    }
}

#[test]
fn a_daemon_with_a_certificate_of_strangers_is_not_trusted() {
    // The phones' own listener: TLS with an authority that nobody here was told of.
    let daemon = Daemon::start();
    let token = daemon.dir().join("token");
    std::fs::write(&token, "secret-word").unwrap();
    let mut command = bare();
    command.env("ZTPD_TOKEN_FILE", &token).args(["status", "--url", &daemon.url]);
    let stranger = said(&mut command, "");
    assert_eq!((stranger.code, stranger.err.contains("--cacert")), (3, true), "{stranger:?}");
    // Trusted, it turns out to be no admin API: whatever it answers is no secret shown and no success.
    command.arg("--cacert").arg(daemon.dir().join("data/tls/authority.crt"));
    let phones = said(&mut command, "");
    assert_eq!((phones.code, phones.err.contains("404")), (4, true), "{phones:?}");
}
