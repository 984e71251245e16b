//! Lists: pages that are full while there is more, and filters that mean what they say.

use std::collections::BTreeSet;

use crate::client::Client;
use crate::support::{Site, curl};

/// A site with 25 phones of two makers at two sites; every fifth belongs to Alice.
fn filled() -> (Site, Client) {
    let site = Site::start();
    let mut api = Client::unix(&site.socket);
    assert_eq!(api.post("sites", r#"{"id": "lab", "name": "Labor Köln", "networks": ["10.9.0.0/16"]}"#).status, 201);
    for number in 0..25 {
        let (maker, model) = if number % 3 == 0 { ("snom", "D785") } else { ("yealink", "T46U") };
        let place = if number % 2 == 0 { "hq" } else { "lab" };
        let owner = if number % 5 == 0 { r#"{"user": "alice@example.com"}"# } else { "null" };
        let body = format!(
            r#"{{"mac": "80:5e:c0:00:00:{number:02x}", "maker": "{maker}", "model": "{model}", "site": "{place}",
                "name": "Desk {number}", "serial": "S-{number:04}", "assignment": {owner}}}"#
        );
        let answer = api.post("devices", &body);
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    (site, api)
}

/// All pages of a list, of `limit` each but the last.
fn all(api: &mut Client, query: &str, limit: usize) -> Vec<String> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let answer = api.get(&format!("devices?limit={limit}{query}{cursor}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        let page = answer.json();
        let items = page["items"].as_array().unwrap();
        found.extend(items.iter().map(|item| item["mac"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { return found };
        assert_eq!(items.len(), limit, "a page came out short while there is more");
        cursor = format!("&cursor={next}");
    }
}

#[test]
fn filtered_pages_are_full_and_nothing_is_missing_or_twice() {
    let (_site, mut api) = filled();
    let numbers = |wanted: fn(usize) -> bool| -> Vec<String> {
        (0..25).filter(|number| wanted(*number)).map(|number| format!("80:5e:c0:00:00:{number:02x}")).collect()
    };
    let all_of_them: fn(usize) -> bool = |_| true;
    let cases = [
        ("", all_of_them),
        ("&maker=snom", |number| number % 3 == 0),
        ("&site=lab", |number| number % 2 == 1),
        ("&site=nowhere", |_| false),
        ("&assignment=none", |number| number % 5 != 0),
        ("&maker=snom&site=hq&assignment=none", |number| number % 6 == 0 && number % 5 != 0),
        ("&q=desk%201", |number| number == 1 || (10..20).contains(&number)),
        ("&q=S-0007", |number| number == 7),
        ("&q=805EC0000018", |number| number == 24),
        ("&access=claim_open", |_| true),
        ("&provisioning=never", |_| true),
    ];
    for (query, wanted) in cases {
        let wanted = numbers(wanted);
        for limit in [1, 4, 50] {
            assert_eq!(all(&mut api, query, limit), wanted, "{query} by {limit}");
        }
    }
    let sites = api.get("sites?q=k%C3%B6ln").json();
    assert_eq!(sites["items"].as_array().unwrap().len(), 1);
    let users = api.get("users?q=ALICE&site=hq").json();
    assert_eq!((users["items"].as_array().unwrap().len(), &users["next_cursor"]), (1, &serde_json::Value::Null));
}

#[test]
fn how_far_a_phone_is_follows_from_what_it_was_given() {
    let site = Site::start();
    site.enrol("80:5e:c0:11:22:33", "T46U", "alice@example.com");
    let mut api = Client::unix(&site.socket);
    let state = |api: &mut Client| api.get("devices/805ec0112233").json()["provisioning"].clone();
    assert_eq!(state(&mut api), "never");
    if curl(&site, "127.0.0.1", "805ec0112233.boot", &[]).is_none() {
        return;
    }
    assert_eq!(curl(&site, "127.0.0.1", "805ec0112233.cfg", &[]).unwrap().status, 200);
    site.store.flush().unwrap();
    assert_eq!(state(&mut api), "current");
    let changed = api.ask("PATCH", "account", r#"{"settings": {"vlan.id": 42}}"#, &[]);
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(state(&mut api), "outdated");
    let outdated = api.get("devices?provisioning=outdated").json();
    assert_eq!(outdated["items"].as_array().unwrap().len(), 1);
    let seen = &outdated["items"][0]["last_seen"];
    assert_eq!(
        (&seen["plane"], &seen["file"], &seen["address"]),
        (&"https".into(), &"805ec0112233.cfg".into(), &"127.0.0.1".into())
    );
    assert_eq!(curl(&site, "127.0.0.1", "805ec0112233.cfg", &[]).unwrap().status, 200);
    site.store.flush().unwrap();
    assert_eq!(state(&mut api), "current");
}

#[test]
fn what_the_program_knows_can_be_listed() {
    let site = Site::start();
    let mut api = Client::unix(&site.socket);
    let ids = |list: &serde_json::Value, key: &str| -> BTreeSet<String> {
        list["items"].as_array().unwrap().iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
    };
    let makers = ids(&api.get("makers").json(), "id");
    assert!(["cisco", "grandstream", "poly", "snom", "yealink"].iter().all(|maker| makers.contains(*maker)));
    let models = api.get("models?maker=yealink&q=t46u").json();
    assert_eq!(ids(&models, "model"), BTreeSet::from(["T46U".to_owned()]));
    let model = api.get("models/yealink/sip-t46u").json();
    assert_eq!((&model["model"], &model["accounts"]), (&"T46U".into(), &16.into()));
    assert_eq!(api.get("models/yealink/T9").status, 404);
    let settings = ids(&api.get("settings-catalogue").json(), "name");
    for known in ["language", "vlan.id", "syslog.server", "refetch.interval", "srtp", "ring_tone"] {
        assert!(settings.contains(known), "{known}");
    }
    let snom = ids(&api.get("settings-catalogue?maker=poly").json(), "name");
    assert!(snom.contains("vlan.id") && !snom.contains("ring_tone"));
    let templates = ids(&api.get("templates?maker=snom").json(), "id");
    assert!(templates.contains("snom/device.xml") && templates.iter().all(|id| id.starts_with("snom/")));
    let template = api.get("templates/snom/device.xml").json();
    assert_eq!((&template["role"], &template["source"]), (&"device".into(), &"builtin".into()));
    let lint = api.post("templates/snom/device.xml/lint", "{}").json();
    assert_eq!((&lint["ok"], &lint["faults"]), (&true.into(), &serde_json::json!([])));
}

#[test]
fn the_lists_of_a_site_have_what_belongs_there_page_by_page() {
    let site = Site::start();
    let mut api = Client::unix(&site.socket);
    for name in ["lab", "labor"] {
        assert_eq!(api.post("sites", &format!(r#"{{"id": "{name}", "name": "{name}"}}"#)).status, 201);
        for number in 1..=7 {
            let user = format!(r#"{{"id": "{name}{number}@example.com", "site": "{name}"}}"#);
            assert_eq!(api.post("users", &user).status, 201);
            let area = format!(r#"{{"id": "{name}-{number}", "name": "x", "site": "{name}"}}"#);
            assert_eq!(api.post("common-areas", &area).status, 201);
            let digit = if name == "lab" { 1 } else { 2 };
            let phone = format!(r#"{{"number": "+494000000{digit}{number}", "site": "{name}"}}"#);
            assert_eq!(api.post("numbers", &phone).status, 201);
            let mac = format!("80:5e:c0:00:0{digit}:0{number}");
            let device = format!(r#"{{"mac": "{mac}", "maker": "yealink", "model": "T46U", "site": "{name}"}}"#);
            assert_eq!(api.post("devices", &device).status, 201);
        }
    }
    for (path, key) in [("users", "id"), ("common-areas", "id"), ("numbers", "number"), ("devices", "mac")] {
        let mut found = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = api.get(&format!("{path}?site=lab&limit=3{cursor}")).json();
            let items = page["items"].as_array().unwrap().clone();
            assert!(items.iter().all(|item| item["site"] == "lab"), "{path}: {page}");
            found.extend(items.iter().map(|item| item[key].as_str().unwrap().to_owned()));
            let Some(next) = page["next_cursor"].as_str() else { break };
            assert_eq!(items.len(), 3, "{path}: {page}");
            cursor = format!("&cursor={}", next.replace('+', "%2B"));
        }
        assert_eq!(found.len(), 7, "{path}: {found:?}");
        assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "{path}: {found:?}");
        assert_eq!(api.get(&format!("{path}?site=nowhere")).json()["items"], serde_json::json!([]));
    }
    // Who moves is found where they are now.
    assert_eq!(api.ask("PATCH", "users/lab1@example.com", r#"{"site": "labor"}"#, &[]).status, 200);
    assert_eq!(api.get("users?site=lab").json()["items"].as_array().unwrap().len(), 6);
    assert_eq!(api.get("users?site=labor&q=lab1@").json()["items"].as_array().unwrap().len(), 1);
}
