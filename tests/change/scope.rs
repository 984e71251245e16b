//! Plans of administrators of some sites: what is out of scope is neither changed nor told of.

use serde_json::{Value, json};

use crate::support::{Daemon, Said, said};

/// An administrator of one site, by token over the network.
struct Admin<'a> {
    daemon: &'a Daemon,
    url: String,
    token: std::path::PathBuf,
}

impl Admin<'_> {
    fn ask(&self, arguments: &[&str], input: &str) -> Said {
        let mut command = crate::support::bare();
        command.env("ZTPD_URL", &self.url).env("ZTPD_TOKEN_FILE", &self.token);
        command.env("ZTPD_CACERT", self.daemon.dir().join("data/tls/authority.crt"));
        said(command.args(arguments), input)
    }

    fn import(&self, text: &str, more: &[&str]) -> Said {
        self.ask(&[&["import", "-"], more].concat(), text)
    }
}

/// A daemon with the sites `hq` (Alice and her phone) and `lab`, and an administrator of `lab`.
fn with_admin_of_lab(test: impl Fn(&Daemon, &Admin<'_>)) {
    let daemon = Daemon::start();
    daemon.done(&["site", "add", "hq"]);
    daemon.done(&["site", "add", "lab"]);
    daemon.done(&["user", "add", "alice@example.com", "--extension", "2000"]);
    let phone = ["--maker", "yealink", "--model", "T46U", "--user", "alice@example.com"];
    daemon.done(&[&["device", "add", "80:5e:c0:11:22:33"][..], &phone].concat());
    daemon.done(&["token", "add", "lab", "--out", daemon.dir().join("token").to_str().unwrap()]);
    daemon.done(&["grant", "add", "--unix-user", "root", "--role", "super_admin", "--scope", "account"]);
    daemon.done(&["grant", "add", "--token", "lab", "--role", "site_admin", "--sites", "lab"]);
    let daemon = daemon.again("[admin]\nlisten = [\"127.0.0.1:0\"]\n");
    let token = daemon.dir().join("token");
    let status = daemon.json(&["status"]);
    let over_tcp =
        |listener: &&Value| listener["plane"] == "admin" && listener["address"].as_str().unwrap().contains(':');
    let listener = status["listeners"].as_array().unwrap().iter().find(over_tcp).expect("an address");
    let url = format!("https://{}", listener["address"].as_str().unwrap());
    test(&daemon, &Admin { daemon: &daemon, url, token });
}

#[test]
fn sec_a04_a_file_changes_what_its_sender_may_change_and_nothing_else() {
    with_admin_of_lab(|daemon, admin| {
        let made = admin.import("Email,Site\nbob@example.com,lab\n", &["--apply", "--json"]);
        assert_eq!(made.code, 0, "{made:?}");
        assert_eq!(daemon.json(&["user", "show", "bob@example.com"])["site"], "lab");
        let phone = "Desk Phone 1's Brand,Desk Phone 1's Model,Desk Phone 1's MAC Address";
        for (text, told) in [
            ("Email,Site\nalice@example.com,lab\n".to_owned(), "there is no user alice@example.com"),
            ("Email,Site\nx@example.com,hq\n".to_owned(), "there is no site hq"),
            ("Email\nx@example.com\n".to_owned(), "out of your scope"),
            ("Email,Site,Extension\nx@example.com,lab,2000\n".to_owned(), "out of your scope"),
            (format!("Email,Site,{phone}\nbob@example.com,lab,Yealink,T46U,805ec0112233\n"), "80:5e:c0:11:22:33"),
        ] {
            let refused = admin.import(&text, &["--apply", "--confirm-clears"]);
            assert!(refused.code == 4 && refused.err.contains(told), "{text}: {refused:?}");
            let tells = refused.err.contains("user alice") && !told.contains("alice");
            assert!(!tells, "it tells of somebody out of scope: {refused:?}");
        }
        let export = admin.ask(&["export", "users"], "").out;
        assert!(export.contains("bob@") && !export.contains("alice@"), "{export}");
    });
}

#[test]
fn sec_a04_plans_of_other_sites_are_not_there() {
    with_admin_of_lab(|daemon, admin| {
        let plan = |text: &str| {
            let said = daemon.ask_with(&["import", "-", "--json"], text);
            serde_json::from_str::<Value>(&said.out).unwrap()["id"].as_str().unwrap().to_owned()
        };
        let other = plan("Email,Site\nx@example.com,hq\n");
        let both = plan("Email,Site\nx@example.com,hq\ny@example.com,lab\n");
        let own = plan("Email,Site\nz@example.com,lab\n");
        for id in [&other, &both] {
            for verb in ["show", "apply", "undo"] {
                let refused = admin.ask(&["plan", verb, id], "");
                assert!(refused.code == 4 && refused.err.contains("there is no plan"), "{verb}: {refused:?}");
            }
        }
        let list: Value = serde_json::from_str(&admin.ask(&["plan", "list", "--json"], "").out).unwrap();
        let ids: Vec<&Value> = list["items"].as_array().unwrap().iter().map(|plan| &plan["id"]).collect();
        assert_eq!(ids, [&json!(own)]);
        assert_eq!(admin.ask(&["plan", "apply", &own], "").code, 0);
    });
}
