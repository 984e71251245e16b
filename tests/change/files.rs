//! What is read and what is refused, and that an export says just what there is.

use serde_json::json;

use crate::support::{Daemon, Said};

/// A file in the daemon's own folder.
pub fn file(daemon: &Daemon, name: &str, octets: impl AsRef<[u8]>) -> String {
    let path = daemon.dir().join(name);
    std::fs::write(&path, octets).unwrap();
    path.to_str().unwrap().to_owned()
}

/// What importing that text comes to.
pub fn import(daemon: &Daemon, text: &str, more: &[&str]) -> Said {
    let path = file(daemon, "import.csv", text);
    daemon.ask(&[&["import", &path], more].concat())
}

#[test]
fn what_is_exported_changes_nothing_when_it_is_imported() {
    let daemon = Daemon::furnished();
    daemon.done(&["site", "add", "lab", "--name", "Lab; 2nd \"floor\", left"]);
    daemon.done(&["common-area", "add", "--name", "=Lobby", "--site", "lab", "--locale", "de-DE"]);
    daemon.done(&["user", "add", "zoe@example.com", "--last-name", "+Müller, \"Zoë\" 李", "--site", "lab"]);
    let line = ["--lines", "index=2,user=zoe@example.com,label=Z", "--lines", "index=5,common_area=lobby"];
    daemon.done(&[&["device", "set", "80:5e:c0:11:22:33"][..], &line].concat());
    daemon.done(&["device", "add", "00:04:13:00:00:01", "--maker", "snom", "--model", "D785", "--name", "@home"]);
    daemon.done(&["package", "add", "flat", "--did-limit", "2"]);
    daemon.done(&["number", "add", "+4940123456", "--site", "lab", "--kind", "tollfree", "--source=-carrier"]);
    daemon.done(&["number", "add", "+4940123457", "--site", "hq", "--status", "pending"]);
    let given =
        ["--packages", "flat", "--numbers", "+4940123456", "--sms", "--status", "inactive", "--cost-center", "=4711"];
    daemon.done(&[&["user", "set", "zoe@example.com"][..], &given].concat());
    for kind in ["users", "common-areas", "devices", "numbers"] {
        let export = daemon.done(&["export", kind]);
        assert!(export.contains("\r\n"), "{export}");
        for mode in ["exact", "merge"] {
            let said = import(&daemon, &export, &["--mode", mode, "--json"]);
            assert_eq!(said.code, 0, "{kind} {mode}: {said:?}");
            let plan: serde_json::Value = serde_json::from_str(&said.out).unwrap();
            assert_eq!((&plan["changes"], &plan["warnings"]), (&json!([]), &json!([])), "{kind} {mode}: {plan}");
        }
    }
    let users = daemon.done(&["export", "users"]);
    assert!(users.contains("\"'+Müller, \"\"Zoë\"\" 李\""), "{users}");
    assert!(daemon.done(&["export", "common-areas"]).contains("\r\n'=Lobby,"));
}

#[test]
fn every_usual_form_of_a_file_is_read() {
    let daemon = Daemon::furnished();
    let text = "Email,Last Name\r\nzoe@example.com,M\u{fc}ller\r\n";
    let utf16 = |mark: [u8; 2], to: fn(u16) -> [u8; 2]| -> Vec<u8> {
        mark.into_iter().chain(text.encode_utf16().flat_map(to)).collect()
    };
    let latin: Vec<u8> = text.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect();
    for (name, octets) in [
        ("plain", text.as_bytes().to_vec()),
        ("marked", [b"\xef\xbb\xbf", text.as_bytes()].concat()),
        ("utf-16le", utf16([0xff, 0xfe], u16::to_le_bytes)),
        ("utf-16be", utf16([0xfe, 0xff], u16::to_be_bytes)),
        ("latin", latin),
        ("semicolons", text.replace(',', ";").into_bytes()),
    ] {
        let path = file(&daemon, &format!("{name}.csv"), octets);
        let plan = daemon.json(&["import", &path]);
        assert_eq!(plan["changes"][0]["to"]["last_name"], "Müller", "{name}: {plan}");
        let warned = plan["warnings"].to_string().contains("encoding_guessed");
        assert_eq!(warned, name == "latin", "{name}: {plan}");
    }
    for (octets, word) in
        [(&b"PK\x03\x04\0\0"[..], "workbook"), (b"E\0m\0", "UTF-16"), (b"Email\nca\x81\xff", "UTF-8"), (b"", "empty")]
    {
        let path = file(&daemon, "bad.csv", octets);
        let said = daemon.ask(&["import", &path, "--kind", "users"]);
        assert!(said.code == 4 && said.err.contains(word), "{word}: {said:?}");
    }
}

#[test]
fn a_file_with_any_fault_changes_nothing_and_says_where_each_is() {
    let daemon = Daemon::furnished();
    let text = "Email,Extension Number,Site\nx@example.com,1500,hq\nalice@example.com,12a,Nowhere\n";
    let said = import(&daemon, text, &["--apply", "--confirm-clears"]);
    assert_eq!((said.code, said.out.as_str()), (4, ""), "{said:?}");
    assert!(said.err.contains("row 3, Extension Number: \"12a\" is no extension"), "{}", said.err);
    assert!(said.err.contains("row 3, Site Name: there is no site Nowhere"), "{}", said.err);
    assert_eq!(daemon.ask(&["user", "show", "x@example.com"]).code, 4);
    let said = import(&daemon, text, &["--json"]);
    let problem: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&problem["status"], &problem["code"]), (&json!(422), &json!("csv_faults")));
    let errors = problem["errors"].as_array().unwrap();
    let of_extension = errors.iter().find(|error| error["column"] == "Extension Number").unwrap();
    assert_eq!(
        (&of_extension["row"], &of_extension["value"], &of_extension["code"]),
        (&json!(3), &json!("12a"), &json!("invalid"))
    );
    let said = import(&daemon, "Email,Lst Name\nx@example.com,X\n", &[]);
    assert!(said.code == 4 && said.err.contains("row 1") && said.err.contains("did you mean Last Name?"), "{said:?}");
}

#[test]
fn what_makes_no_sense_is_wrong_usage() {
    let daemon = Daemon::furnished();
    for arguments in [
        &["import"][..],
        &["import", "/nowhere.csv"],
        &["import", "/nowhere.csv", "--kind", "cars"],
        &["import", "x.csv", "--confirm-clears"],
        &["export", "cars"],
        &["plan", "show"],
    ] {
        assert_eq!(daemon.ask(arguments).code, 2, "{arguments:?}");
    }
    for arguments in [["plan", "show", "7"], ["plan", "apply", "7"], ["plan", "undo", "x"]] {
        assert_eq!(daemon.ask(&arguments).code, 4, "{arguments:?}");
    }
    let said = import(&daemon, "Shoe Size\n43\n", &[]);
    assert!(said.code == 4 && said.err.contains("say what the file is of"), "{said:?}");
}

#[test]
fn numbers_are_listed_and_given_out_by_files() {
    let daemon = Daemon::furnished();
    daemon.done(&["site", "set", "hq", "--country", "DE"]);
    daemon.done(&["package", "add", "flat", "--name", "Flat Rate", "--did-limit", "2"]);
    let said = import(&daemon, "Phone Number,Type\n040 123 456,toll\n+49 40 123457,tollfree\n", &["--apply"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(daemon.json(&["number", "show", "+4940123457"])["kind"], "tollfree");
    let header = "Email,Phone Number,Package,Outbound Caller ID\n";
    let fault = |row: &str| {
        let said = import(&daemon, &format!("{header}{row}\n"), &["--mode", "merge", "--json"]);
        let problem: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        problem["errors"][0]["code"].as_str().unwrap_or_else(|| panic!("{problem}")).to_owned()
    };
    assert_eq!(fault("alice@example.com,+4940123456,,"), "number_needs_plan");
    assert_eq!(fault("alice@example.com,+4940999999,flat,"), "number_not_listed");
    assert_eq!(fault("alice@example.com,\"+4940123456,+4940123456\",flat,"), "number_twice");
    assert_eq!(fault("alice@example.com,12x,flat,"), "invalid");
    assert_eq!(fault("alice@example.com,,Fltrate,"), "unknown_package");
    let said = import(
        &daemon,
        &format!("{header}alice@example.com,040/123456,Flat Rate,040123456\n"),
        &["--mode", "merge", "--apply"],
    );
    assert_eq!(said.code, 0, "{said:?}");
    let alice = daemon.json(&["user", "show", "alice@example.com"]);
    assert_eq!((&alice["numbers"], &alice["packages"]), (&json!(["+4940123456"]), &json!(["flat"])));
    assert_eq!((&alice["outbound_caller_id"], &alice["last_name"]), (&json!("+4940123456"), &json!("Doe")));
    // A new one takes it in the same file in which she gives it up.
    let swap = format!("{header}bob@example.com,+4940123456,flat,\nalice@example.com,+4940123457,flat,\n");
    let said = import(&daemon, &swap, &["--mode", "merge", "--apply", "--confirm-clears"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(daemon.json(&["user", "show", "bob@example.com"])["numbers"], json!(["+4940123456"]));
}

#[test]
fn a_file_may_come_from_standard_input() {
    let daemon = Daemon::furnished();
    let said = daemon.ask_with(&["import", "-", "--apply"], "Email\nx@example.com\n");
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(daemon.json(&["user", "show", "x@example.com"])["extension"], "1001");
}
