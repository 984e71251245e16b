//! What the program knows by itself: makers, models, templates.

use crate::support::Daemon;

#[test]
fn makers_models_and_templates_are_listed_as_the_api_has_them() {
    let daemon = Daemon::start();
    for (noun, path) in [("maker", "makers"), ("model", "models"), ("template", "templates")] {
        let list = daemon.json(&[noun, "list"]);
        assert!(list["items"].as_array().unwrap().len() >= 5, "{noun}");
        if let Some(expected) = daemon.api(&format!("{path}?limit=500")) {
            assert_eq!(list, expected, "{noun}");
        }
    }
    assert_eq!(daemon.json(&["maker", "show", "yealink"])["name"], "Yealink");
    let models = daemon.json(&["model", "list", "--maker", "snom", "--q", "d785"]);
    assert_eq!(models["items"].as_array().unwrap().len(), 1);
    assert_eq!(daemon.json(&["model", "show", "yealink/SIP-T46U"])["model"], "T46U");
    assert_eq!(daemon.ask(&["model", "show", "T46U"]).code, 2);
    assert_eq!(daemon.ask(&["model", "show", "yealink/T99"]).code, 4);
    let template = daemon.json(&["template", "list", "--maker", "yealink"])["items"][0]["id"].clone();
    assert_eq!(daemon.json(&["template", "show", template.as_str().unwrap()])["id"], template);
}

#[test]
fn a_template_with_a_fault_is_told_with_its_place() {
    let templates = tempfile::tempdir().unwrap();
    let daemon = Daemon::with(&format!("[templates]\ndir = {:?}\n", templates.path()));
    std::fs::create_dir(templates.path().join("yealink")).unwrap();
    let file = templates.path().join("yealink/mine.cfg");
    std::fs::write(&file, "#!version:1.0.0.1\nx = {{ device.colour }}\n").unwrap();
    let said = daemon.ask(&["template", "lint", "yealink/mine.cfg"]);
    assert_eq!((said.code, said.out.as_str()), (1, ""), "{said:?}");
    assert!(said.err.contains("yealink/mine.cfg:2:"), "{said:?}");
    let said = daemon.ask(&["template", "lint", "yealink/mine.cfg", "--json"]);
    let found: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((said.code, &found["ok"]), (1, &false.into()));
    std::fs::write(&file, "#!version:1.0.0.1\nx = {{ device.model }}\n").unwrap();
    assert_eq!(daemon.done(&["template", "lint", "yealink/mine.cfg"]), "yealink/mine.cfg: no fault\n");
    assert_eq!(daemon.ask(&["template", "lint", "yealink/none.cfg"]).code, 4);
}
