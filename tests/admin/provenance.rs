//! Where each line of a phone's file comes from, and the text of the templates that wrote it.

use serde_json::Value;

use crate::client::Client;
use crate::support::Site;

const FILE: &str = "devices/805ec0112233/files/805ec0112233.cfg";

/// The line of the explained file that begins so.
fn line<'a>(explained: &'a Value, words: &str) -> &'a Value {
    let items = explained["items"].as_array().unwrap();
    items.iter().find(|item| item["text"].as_str().unwrap().starts_with(words)).unwrap_or_else(|| panic!("{words}"))
}

#[test]
fn each_line_of_a_file_names_its_template_and_the_layer_of_its_settings() {
    let site = Site::start();
    site.enrol("80:5e:c0:11:22:33", "T46U", "alice@example.com");
    let mut api = Client::unix(&site.socket);
    let office = r#"{"settings": {"vlan.id": 20, "yealink:phone_setting.ring_type": "Ring2.wav"}}"#;
    assert_eq!(api.ask("PATCH", "/api/v1/sites/hq", office, &[]).status, 200);
    let explained = api.get(&format!("{FILE}/provenance")).json();
    let vlan = line(&explained, "static.network.vlan.internet_port_vid");
    assert_eq!(vlan["template"], "yealink/device.cfg", "{vlan}");
    assert_eq!((&vlan["settings"][0]["key"], &vlan["settings"][0]["layer"]), (&"vlan.id".into(), &"site".into()));
    let native = line(&explained, "phone_setting.ring_type");
    assert_eq!(native["settings"][0]["key"], "yealink:phone_setting.ring_type", "{native}");
    // The line stands where the template's text says it does.
    let template = api.get("templates/yealink/device.cfg").json();
    let number = usize::try_from(vlan["template_line"].as_u64().unwrap()).unwrap();
    let written = template["text"].as_str().unwrap().lines().nth(number - 1).unwrap().to_owned();
    assert!(written.contains("internet_port_vid"), "{written}");
    // It is the masked file, line by line.
    let masked = api.get(FILE).text;
    let lines: Vec<&str> = explained["items"].as_array().unwrap().iter().map(|i| i["text"].as_str().unwrap()).collect();
    assert_eq!(lines, masked.lines().collect::<Vec<_>>());
}

#[test]
fn what_cannot_be_explained_or_is_not_there_says_so() {
    let site = Site::start();
    site.enrol("80:5e:c0:11:22:33", "T46U", "alice@example.com");
    let mut api = Client::unix(&site.socket);
    let missing = api.get("devices/805ec0112233/files/other.cfg/provenance");
    assert!(missing.status == 404 && missing.text.contains("805ec0112233.cfg"), "{missing:?}");
    assert_eq!(api.get("devices/805ec0112299/files/805ec0112299.cfg/provenance").status, 404);
    let none = api.get("templates/yealink/none.cfg");
    assert_eq!(none.status, 404, "{none:?}");
    for item in api.get("templates?limit=500").json()["items"].as_array().unwrap() {
        assert!(item.get("text").is_none(), "a list has no texts: {item}");
    }
}
