//! The same program over the network: TLS, a token, and what its holder may do.

use crate::support::{Daemon, bare, said};

#[test]
fn with_a_token_the_daemon_is_asked_over_tls_for_what_its_holder_may_do() {
    let daemon = Daemon::furnished();
    let token = daemon.dir().join("token");
    daemon.done(&["token", "add", "ci", "--out", token.to_str().unwrap()]);
    daemon.done(&["role", "add", "desk", "--permissions", "devices:view"]);
    daemon.done(&["grant", "add", "--unix-user", "root", "--role", "super_admin", "--scope", "account"]);
    daemon.done(&["grant", "add", "--token", "ci", "--role", "desk", "--sites", "hq"]);
    let secret = std::fs::read_to_string(&token).unwrap();
    let daemon = daemon.again("[admin]\nlisten = [\"127.0.0.1:0\"]\n");
    let token = daemon.dir().join("token");
    let status = daemon.json(&["status"]);
    let address =
        |listener: &serde_json::Value| listener["address"].as_str().filter(|at| at.contains(':')).map(str::to_owned);
    let mut admin = status["listeners"].as_array().unwrap().iter().filter(|listener| listener["plane"] == "admin");
    let address = admin.find_map(address).expect("an address");
    let ask = |scheme: &str, arguments: &[&str]| {
        let mut command = bare();
        command.env("ZTPD_URL", format!("{scheme}://{address}")).env("ZTPD_TOKEN_FILE", &token);
        command.env("ZTPD_CACERT", daemon.dir().join("data/tls/authority.crt")).args(arguments);
        let said = said(&mut command, "");
        assert!(!said.out.contains(secret.trim()) && !said.err.contains(secret.trim()));
        said
    };
    for scheme in ["https", "http"] {
        let list = ask(scheme, &["device", "list"]);
        assert_eq!((list.code, list.out.contains("80:5e:c0:11:22:33")), (0, true), "{list:?}");
    }
    let refused = ask("https", &["device", "claim", "805ec0112233"]);
    assert_eq!((refused.code, refused.err.contains("devices:run")), (4, true), "{refused:?}");
    std::fs::write(&token, "ztpd_wrong\n").unwrap();
    assert_eq!(ask("https", &["device", "list"]).code, 4);
}
