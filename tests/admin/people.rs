//! What people and places are given: numbers, packages, settings templates, and who may give them.

use serde_json::json;

use crate::client::Client;
use crate::network::networked;
use crate::support::Site;

fn made(api: &mut Client, path: &str, body: &str) {
    let answer = api.post(path, body);
    assert_eq!(answer.status, 201, "{path} {body}: {answer:?}");
}

fn patched(api: &mut Client, path: &str, body: &str) -> (u16, String) {
    let answer = api.ask("PATCH", path, body, &[]);
    (answer.status, if answer.status == 200 { answer.text } else { answer.code() })
}

#[test]
fn a_number_is_listed_before_it_is_given_and_says_whose_it_is() {
    let site = Site::start();
    let mut api = Client::unix(&site.socket);
    assert_eq!(api.ask("PATCH", "sites/hq", r#"{"country": "DE"}"#, &[]).status, 200);
    // As people of the site write it, and as the world does.
    made(&mut api, "numbers", r#"{"number": "(040) 12-34 56", "source": "carrier A"}"#);
    made(&mut api, "numbers", r#"{"number": "tel:+49-800-123456", "kind": "tollfree"}"#);
    made(&mut api, "packages", r#"{"name": "Plan", "did_limit": 1}"#);
    assert_eq!(api.post("numbers", r#"{"number": "+4940123456"}"#).code(), "exists");
    for (number, code) in [("555x", "invalid"), ("12", "invalid"), ("+49 40 123456 x12", "invalid")] {
        assert_eq!(api.post("numbers", &json!({"number": number}).to_string()).code(), code, "{number}");
    }
    made(&mut api, "users", r#"{"id": "bob@example.com"}"#);
    for (body, status, code) in [
        (r#"{"numbers": ["+4940999999"]}"#, 422, "number_not_listed"),
        (r#"{"numbers": ["+4940123456"]}"#, 409, "number_needs_plan"),
        (r#"{"numbers": ["040 12"]}"#, 422, "invalid"),
        (r#"{"packages": ["plan"], "numbers": ["+4940123456", "+49800123456"]}"#, 409, "number_limit"),
        (r#"{"packages": ["no-plan"]}"#, 422, "unknown_reference"),
        (r#"{"outbound_caller_id": "+4940999999"}"#, 422, "number_not_listed"),
        (r#"{"settings_template": "none"}"#, 422, "unknown_reference"),
        (r#"{"status": "asleep"}"#, 422, "invalid"),
    ] {
        assert_eq!(patched(&mut api, "users/bob@example.com", body), (status, code.to_owned()), "{body}");
    }
    let tag = api.get("numbers/+4940123456").header("etag").unwrap().to_owned();
    let gifts = r#"{"packages": ["plan"], "numbers": ["040 123456"], "outbound_caller_id": "+4940123456"}"#;
    assert_eq!(patched(&mut api, "users/bob@example.com", gifts).0, 200);
    let number = api.get("numbers/%2B4940123456");
    assert_eq!(number.json()["assignment"], json!({"user": "bob@example.com"}));
    assert_eq!(number.header("etag"), Some(tag.as_str()), "whose it is, is the owner's to say");
    let user = api.get("users/bob@example.com").json();
    assert_eq!(user["entitlements"], json!({"state": "licensed", "did_limit": 1, "grants": {}}));
    assert_eq!(api.get("packages/plan").json()["seats_taken"], 1);
    let busy = api.ask("DELETE", "numbers/+4940123456", "", &[]);
    assert_eq!((busy.status, busy.code().as_str()), (409, "in_use"), "{busy:?}");

    let listed = |api: &mut Client, query: &str| -> Vec<String> {
        let items = api.get(&format!("numbers?{query}")).json()["items"].clone();
        items.as_array().unwrap().iter().map(|item| item["number"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(listed(&mut api, "assignment=none"), ["+49800123456"]);
    assert_eq!(listed(&mut api, "number_kind=toll"), ["+4940123456"]);
    assert_eq!(listed(&mut api, "q=carrier"), ["+4940123456"]);
    assert_eq!(listed(&mut api, "site=hq"), ["+4940123456", "+49800123456"]);
    assert_eq!(api.get("numbers?site=lab").json()["items"], json!([]));
    assert_eq!(api.ask("DELETE", "numbers/+49800123456", "", &[]).status, 204);
    assert_eq!(api.get("numbers/+49800123456").status, 404);
}

#[test]
fn packages_name_the_shortfall_and_what_is_wrong_with_them() {
    let site = Site::start();
    let mut api = Client::unix(&site.socket);
    made(&mut api, "packages", r#"{"id": "one", "name": "One", "seats": 1, "grants": ["abroad"]}"#);
    for body in [
        r#"{"id": "b", "name": "B", "kind": "bundle"}"#,
        r#"{"id": "b", "name": "B", "includes": ["one"]}"#,
        r#"{"id": "b", "name": "B", "kind": "bundle", "includes": ["b"]}"#,
    ] {
        assert_eq!(api.post("packages", body).code(), "invalid_package", "{body}");
    }
    made(&mut api, "packages", r#"{"name": "All of it", "kind": "bundle", "includes": ["one"]}"#);
    let bundle = r#"{"id": "b@example.com", "packages": ["all-of-it"]}"#;
    made(&mut api, "users", bundle);
    made(&mut api, "users", r#"{"id": "c@example.com", "packages": ["one", "all-of-it"]}"#);
    let grants = api.get("users/c@example.com").json()["entitlements"]["grants"].clone();
    assert_eq!(grants, json!({"abroad": ["all-of-it", "one"]}));
    let full = api.post("common-areas", r#"{"name": "Lobby", "packages": ["one"]}"#);
    assert_eq!((full.status, full.code().as_str()), (409, "no_seat"));
    let detail = full.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("package one has 1 seats") && detail.contains("1 too many"), "{detail}");
    assert_eq!(api.get("common-areas/lobby").status, 404, "nothing was changed");
    assert_eq!(patched(&mut api, "packages/one", r#"{"seats": 0}"#), (409, "no_seat".to_owned()));
    assert_eq!(patched(&mut api, "users/c@example.com", r#"{"packages": ["all-of-it"]}"#).0, 200);
    assert_eq!(api.get("packages/one").json()["seats_taken"], 0);
    let grants = api.get("users/c@example.com").json()["entitlements"]["grants"].clone();
    assert_eq!(grants, json!({"abroad": ["all-of-it"]}), "the other source still gives it");
    assert_eq!(api.ask("DELETE", "packages/one", "", &[]).code(), "in_use");
}

#[test]
fn sec_a04_who_administers_a_site_gives_from_its_own_stock_alone() {
    let (site, token) = networked();
    let mut admin = Client::tcp(site.admin.unwrap(), &token);
    for name in ["own", "other"] {
        made(&mut admin, "sites", &format!(r#"{{"id": "{name}", "name": "{name}"}}"#));
        made(&mut admin, "users", &format!(r#"{{"id": "{name}@example.com", "site": "{name}"}}"#));
    }
    made(&mut admin, "packages", r#"{"id": "plan", "name": "Plan", "did_limit": 9}"#);
    for (number, name) in [("+4940000001", "own"), ("+4940000002", "other"), ("+4940000003", "other")] {
        made(&mut admin, "numbers", &format!(r#"{{"number": "{number}", "site": "{name}"}}"#));
    }
    let role = r#"{"id": "people-only", "name": "x", "permissions": ["users:view", "users:edit", "sites:view"]}"#;
    made(&mut admin, "roles", role);
    let mut as_role = |role: &str| {
        let made = admin.post("tokens", &format!(r#"{{"name": "{role}"}}"#)).json();
        let subject = format!(r#"{{"token": "{}"}}"#, made["id"].as_str().unwrap());
        let grant = format!(r#"{{"subject": {subject}, "role": "{role}", "scope": {{"sites": ["own"]}}}}"#);
        assert_eq!(admin.post("grants", &grant).status, 201, "{grant}");
        Client::tcp(site.admin.unwrap(), made["token"].as_str().unwrap())
    };
    let mut own = as_role("site_admin");
    let mut people = as_role("people-only");
    let user = "users/own@example.com";
    for body in [r#"{"packages": ["plan"]}"#, r#"{"numbers": ["+4940000001"]}"#] {
        assert_eq!(patched(&mut people, user, body), (403, "forbidden".to_owned()), "{body}");
    }
    assert_eq!(own.get("packages/plan").status, 200);
    assert_eq!(patched(&mut own, "packages/plan", "{}"), (403, "forbidden".to_owned()));
    assert_eq!(own.get("numbers/+4940000002").status, 404);
    assert_eq!(patched(&mut own, user, r#"{"packages": ["plan"]}"#).0, 200);
    let foreign = r#"{"numbers": ["+4940000002"]}"#;
    assert_eq!(patched(&mut own, user, foreign), (422, "number_not_listed".to_owned()), "it is not there for them");
    let shown = r#"{"outbound_caller_id": "+4940000002"}"#;
    assert_eq!(patched(&mut own, user, shown), (422, "number_not_listed".to_owned()));
    let key = r#"{"keys": [{"position": 2, "kind": "blf", "user": "other@example.com"}]}"#;
    assert_eq!(patched(&mut own, user, key), (422, "unknown_reference".to_owned()));
    assert_eq!(patched(&mut own, user, r#"{"numbers": ["+4940000001"]}"#).0, 200);
    // What somebody else gave stays theirs to change nothing about.
    let gifts = r#"{"numbers": ["+4940000001", "+4940000003"]}"#;
    let mut admin = Client::tcp(site.admin.unwrap(), &token);
    assert_eq!(patched(&mut admin, user, gifts).0, 200);
    assert_eq!(patched(&mut admin, user, key).0, 200);
    assert_eq!(patched(&mut own, user, r#"{"department": "Sales"}"#).0, 200);
    assert_eq!(patched(&mut people, user, r#"{"department": "Support"}"#).0, 200);
}

#[test]
fn everybody_is_dialled_by_site_code_and_extension_once_the_account_has_codes() {
    let site = Site::start();
    let mut api = Client::unix(&site.socket);
    made(&mut api, "sites", r#"{"id": "lab", "name": "Lab", "code": "71", "extension_ranges": ["200-299"]}"#);
    assert_eq!(patched(&mut api, "account", r#"{"site_codes": true}"#), (409, "no_site_code".to_owned()));
    for (code, expected) in [("7100", "invalid"), ("a", "invalid"), ("71", "site_code_taken")] {
        let body = format!(r#"{{"code": "{code}", "extension_ranges": ["200-299"]}}"#);
        assert_eq!(patched(&mut api, "sites/hq", &body).1, expected, "{code}");
    }
    assert_eq!(patched(&mut api, "sites/hq", r#"{"code": "70", "extension_ranges": ["200-299"]}"#).0, 200);
    assert_eq!(patched(&mut api, "account", r#"{"site_codes": true}"#).0, 200);
    made(&mut api, "users", r#"{"id": "a@example.com", "extension": "0"}"#);
    made(&mut api, "users", r#"{"id": "b@example.com", "site": "lab", "extension": ""}"#);
    let shown = |api: &mut Client, id: &str| {
        let user = api.get(&format!("users/{id}@example.com")).json();
        (user["extension"].as_str().unwrap().to_owned(), user["long_extension"].as_str().unwrap().to_owned())
    };
    assert_eq!(shown(&mut api, "a"), ("200".to_owned(), "70200".to_owned()));
    assert_eq!(shown(&mut api, "b"), ("200".to_owned(), "71200".to_owned()));
    // To ask again for one changes nothing: who has one keeps it.
    for body in [r#"{"extension": "0"}"#, r#"{"extension": ""}"#, r#"{"extension": null}"#] {
        assert_eq!(patched(&mut api, "users/b@example.com", body).0, 200);
        assert_eq!(shown(&mut api, "b").0, "200", "{body}");
    }
    assert_eq!(patched(&mut api, "users/b@example.com", r#"{"site": "hq"}"#), (409, "extension_taken".to_owned()));
    assert_eq!(patched(&mut api, "account", r#"{"site_codes": false}"#), (409, "extension_taken".to_owned()));
    let too_long = patched(&mut api, "users/b@example.com", r#"{"extension": "12345"}"#);
    assert_eq!(too_long, (422, "extension_too_long".to_owned()));
}

#[test]
fn eight_hands_asking_for_extensions_get_different_ones_until_there_are_none() {
    let site = Site::start();
    let mut api = Client::unix(&site.socket);
    assert_eq!(patched(&mut api, "sites/hq", r#"{"extension_ranges": ["1000-1029"]}"#).0, 200);
    let hands: Vec<_> = std::thread::scope(|scope| {
        let add = |hand: usize| {
            let mut api = Client::unix(&site.socket);
            let user = |turn| format!(r#"{{"id": "u{hand}-{turn}@example.com", "extension": "0"}}"#);
            (0..5).map(|turn| api.post("users", &user(turn))).collect::<Vec<_>>()
        };
        let hands: Vec<_> = (0..8).map(|hand| scope.spawn(move || add(hand))).collect();
        hands.into_iter().flat_map(|hand| hand.join().unwrap()).collect()
    });
    let (given, refused): (Vec<_>, Vec<_>) = hands.iter().partition(|answer| answer.status == 201);
    let mut given: Vec<String> =
        given.iter().map(|answer| answer.json()["extension"].as_str().unwrap().to_owned()).collect();
    given.sort();
    // 1000 is Alice's.
    assert_eq!(given, (1001..1030).map(|number| number.to_string()).collect::<Vec<_>>());
    assert!(refused.iter().all(|answer| (answer.status, answer.code().as_str()) == (409, "range_exhausted")));
    assert_eq!(refused.len(), 11);
}
