//! What a plan says, what it does, and that it can be taken back.

use serde_json::{Value, json};

use crate::files::import;
use crate::support::Daemon;

/// The file that makes trouble elsewhere: it only means to name the new phone.
const NEW_PHONE: &str = "Email,Desk Phone 1's Brand,Desk Phone 1's Model,Desk Phone 1's MAC Address\n\
                         alice@example.com,Yealink,SIP-T54W,80-5E-C0-11-22-44\n";

/// What an administrator sees of Alice and of phones.
fn seen(daemon: &Daemon) -> (Value, Value) {
    let mut user = daemon.json(&["user", "show", "alice@example.com"]);
    user.as_object_mut().unwrap().remove("etag");
    (user, daemon.json(&["device", "list"]))
}

/// Alice with a number, which comes with a calling plan, and a name.
fn with_number_and_plan() -> Daemon {
    let daemon = Daemon::furnished();
    daemon.done(&["number", "add", "+4940123456", "--site", "hq"]);
    daemon.done(&["package", "add", "de-flat", "--name", "Germany flat", "--did-limit", "2"]);
    let given = ["--numbers", "+4940123456", "--packages", "de-flat", "--outbound-caller-id", "+4940123456"];
    daemon.done(&[&["user", "set", "alice@example.com", "--department", "Sales"][..], &given].concat());
    daemon
}

#[test]
fn the_file_that_only_names_the_new_phone_is_seen_through_and_taken_back() {
    let daemon = with_number_and_plan();
    let before = seen(&daemon);
    let said = import(&daemon, NEW_PHONE, &[]);
    assert_eq!(said.code, 0, "{said:?}");
    println!("{}", said.out);
    let place = |words: &str| said.out.find(words).unwrap_or_else(|| panic!("no {words:?}: {}", said.out));
    assert!(place("THIS IS LOST") < place("Changes:"), "what is lost comes first: {}", said.out);
    for grave in ["number +4940123456", "package de-flat", "80:5e:c0:11:22:33"] {
        assert!(place(grave) < place("These values are cleared"), "{grave}: {}", said.out);
    }
    for light in ["first name Alice", "last name Doe", "department Sales", "has no column First Name"] {
        assert!(place(light) > place("These values are cleared"), "{light}: {}", said.out);
    }
    assert_eq!(seen(&daemon), before, "a plan changes nothing");

    let plan = daemon.json(&["plan", "list"])["items"][0].clone();
    let id = plan["id"].as_str().unwrap();
    assert_eq!((&plan["state"], &plan["counts"]["device"]["unassign"]), (&json!("open"), &json!(1)), "{plan}");
    let refused = daemon.ask(&["plan", "apply", id]);
    assert!(refused.code == 4 && refused.err.contains("3 of them numbers, packages or phones"), "{refused:?}");
    assert_eq!(seen(&daemon), before);
    daemon.done(&["plan", "apply", id, "--confirm-clears"]);
    let (alice, _) = seen(&daemon);
    assert_eq!((&alice["last_name"], &alice["devices"]), (&json!(""), &json!(["80:5e:c0:11:22:44"])));
    assert_eq!((&alice["numbers"], &alice["packages"]), (&json!([]), &json!([])));
    let again = daemon.ask(&["plan", "apply", id, "--confirm-clears"]);
    assert!(again.code == 4 && again.err.contains("applied already"), "{again:?}");

    daemon.done(&["plan", "undo", id]);
    assert_eq!(seen(&daemon), before);
    assert_eq!(daemon.json(&["plan", "show", id])["state"], "undone");
    assert_eq!(daemon.ask(&["plan", "undo", id]).code, 4);
    if let Some(audit) = daemon.api("audit?kind=plan") {
        let acts: Vec<&str> =
            audit["items"].as_array().unwrap().iter().map(|act| act["action"].as_str().unwrap()).collect();
        assert_eq!(acts, ["undo", "apply"]);
    }
}

#[test]
fn a_number_that_somebody_took_meanwhile_keeps_a_plan_from_being_undone() {
    let daemon = with_number_and_plan();
    let said = import(&daemon, NEW_PHONE, &["--apply", "--confirm-clears", "--json"]);
    let id = serde_json::from_str::<Value>(&said.out).unwrap()["id"].as_str().unwrap().to_owned();
    daemon.done(&["user", "add", "bob@example.com", "--packages", "de-flat", "--numbers", "+4940123456"]);
    let refused = daemon.ask(&["plan", "undo", &id]);
    assert!(refused.code == 4 && refused.err.contains("belongs to user bob@example.com"), "{refused:?}");
    assert_eq!(daemon.json(&["user", "show", "alice@example.com"])["last_name"], "", "nothing was undone by half");
}

#[test]
fn in_merge_mode_the_same_file_only_adds_the_phone() {
    let daemon = Daemon::furnished();
    let said = import(&daemon, NEW_PHONE, &["--mode", "merge", "--apply", "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    let plan: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&plan["losses"], &plan["state"]), (&json!([]), &json!("applied")));
    let (alice, _) = seen(&daemon);
    assert_eq!((&alice["last_name"], alice["devices"].as_array().unwrap().len()), (&json!("Doe"), 2));
}

#[test]
fn a_new_phone_of_a_plan_is_served_like_any_other() {
    let daemon = Daemon::furnished();
    assert_eq!(import(&daemon, NEW_PHONE, &["--mode", "merge", "--apply"]).code, 0);
    if let Some((status, body)) = daemon.phone("805ec0112244.cfg") {
        assert_eq!((status, body.contains("Alice Doe")), (200, true), "{body}");
        let id = daemon.json(&["plan", "list"])["items"][0]["id"].as_str().unwrap().to_owned();
        let refused = daemon.ask(&["plan", "undo", &id]);
        assert!(refused.code == 4 && refused.err.contains("given its settings since"), "{refused:?}");
    }
}

#[test]
fn a_plan_for_another_inventory_is_refused_and_an_undo_over_later_changes_too() {
    let daemon = Daemon::furnished();
    let plan = |text: &str| {
        let said = import(&daemon, text, &["--json"]);
        serde_json::from_str::<Value>(&said.out).unwrap()["id"].as_str().unwrap().to_owned()
    };
    let late = plan("Email\nx@example.com\n");
    let first = plan("Email,First Name,Site\ny@example.com,Y,hq\nalice@example.com,Alicia,hq\n");
    // What phones do is no change of the inventory.
    daemon.phone("805ec0112233.cfg");
    daemon.done(&["plan", "apply", &first, "--confirm-clears"]);
    let stale = daemon.ask(&["plan", "apply", &late]);
    assert!(stale.code == 4 && stale.err.contains("made for an inventory that has changed"), "{stale:?}");
    assert_eq!(daemon.json(&["plan", "show", &late])["state"], "stale");
    daemon.done(&["user", "set", "alice@example.com", "--last-name", "Roe"]);
    let refused = daemon.ask(&["plan", "undo", &first]);
    assert!(refused.code == 4 && refused.err.contains("user alice@example.com"), "{refused:?}");
    assert_eq!(daemon.json(&["user", "show", "y@example.com"])["first_name"], "Y", "nothing was undone by half");
}

#[test]
fn programs_send_changes_as_they_send_files() {
    let daemon = Daemon::furnished();
    let body = json!({"changes": [
        {"kind": "user", "id": "alice@example.com", "fields": {"last_name": null, "locale": "de-DE"}},
        {"kind": "common_area", "id": "lobby", "fields": {"name": "Lobby"}},
        {"kind": "device", "id": "805ec0112233", "fields": {"assignment": {"user": null, "common_area": "lobby"}}},
    ]});
    let Some(plan) = daemon.api_post("plans", &body) else { return };
    assert_eq!(plan["counts"]["user"], json!({"records": 1, "create": 0, "change": 1, "clear": 1, "unassign": 0}));
    assert_eq!(plan["losses"].as_array().unwrap().len(), 1, "{plan}");
    let id = plan["id"].as_str().unwrap();
    daemon.done(&["plan", "apply", id, "--confirm-clears"]);
    assert_eq!(daemon.json(&["device", "show", "805ec0112233"])["assignment"], json!({"common_area": "lobby"}));
    daemon.done(&["plan", "undo", id]);
    assert_eq!(daemon.json(&["user", "show", "alice@example.com"])["last_name"], "Doe");
    assert_eq!(daemon.ask(&["common-area", "show", "lobby"]).code, 4);
    for (body, code) in [
        (json!({"changes": [{"kind": "user", "id": "x", "fields": {}}]}), "invalid_changes"),
        (json!({"changes": [{"kind": "user", "id": "alice@example.com", "fields": {"shoe": 43}}]}), "invalid_changes"),
        (json!({"changes": [{"kind": "car", "id": "x", "fields": {}}]}), "invalid"),
    ] {
        let problem = daemon.api_post("plans", &body).unwrap();
        assert_eq!(problem["code"], code, "{problem}");
    }
}

#[test]
fn a_phone_that_was_unknown_is_pending_no_more() {
    let daemon = Daemon::furnished();
    if daemon.phone("805ec0112244.cfg").is_none() {
        return;
    }
    assert_eq!(daemon.json(&["device", "pending"])["items"].as_array().unwrap().len(), 1);
    assert_eq!(import(&daemon, NEW_PHONE, &["--mode", "merge", "--apply"]).code, 0);
    assert_eq!(daemon.json(&["device", "pending"])["items"], json!([]));
}

#[test]
fn a_plan_shows_whose_files_change_and_how_without_a_secret() {
    let daemon = Daemon::furnished();
    let key = r#"{"position": 2, "kind": "blf", "user": "alice@example.com"}"#;
    daemon.done(&["user", "add", "bob@example.com", "--keys", key]);
    let phone = ["--maker", "snom", "--model", "D785", "--user", "bob@example.com"];
    daemon.done(&[&["device", "add", "00:04:13:00:00:01"][..], &phone].concat());
    let text = "Email,First Name,Last Name,Department\nalice@example.com,Alicia,Doe,Sales\n";
    let said = import(&daemon, text, &["--mode", "merge", "--json"]);
    let plan: Value = serde_json::from_str(&said.out).unwrap();
    let files = plan["files"].as_array().unwrap();
    let of = |maker: &str| files.iter().find(|file| file["maker"] == maker).unwrap_or_else(|| panic!("{plan}"));
    let (own, watching) = (of("yealink"), of("snom"));
    assert_eq!(
        (&own["phones"], &own["example"], &own["restarts"]),
        (&json!(1), &json!("80:5e:c0:11:22:33"), &json!(false))
    );
    let diff = own["diff"].as_str().unwrap();
    assert!(diff.lines().any(|line| line.starts_with('-') && line.contains("Alice Doe")), "{diff}");
    assert!(diff.lines().any(|line| line.starts_with('+') && line.contains("Alicia Doe")), "{diff}");
    assert!(watching["diff"].as_str().unwrap().contains("Alicia Doe"), "her key on Bob's phone: {watching}");
    assert_eq!(watching["restarts"], Value::Null, "no source says");
    let revealed = daemon.done(&["device", "render", "80:5e:c0:11:22:33", "--reveal"]);
    let secret = revealed.lines().find_map(|line| line.strip_prefix("account.1.password = ")).unwrap();
    assert!(!plan.to_string().contains(secret.trim()));
    // What no phone shows changes no file.
    let said = import(&daemon, "Email,Department\nalice@example.com,Support\n", &["--mode", "merge", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&said.out).unwrap()["files"], json!([]));
    let said = import(&daemon, text, &["--mode", "merge"]);
    assert!(said.out.contains("1 phone gets another 805ec0112233.cfg (yealink T46U"), "{}", said.out);
}
