//! The OpenAPI document against what is really answered.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::client::Client;
use crate::support::{Site, curl};

/// The document's schema of an answer, with the parts it refers to.
fn schema(document: &Value, method: &str, path: &str, status: &str) -> Value {
    let answer = &document["paths"][path][method]["responses"][status]["content"]["application/json"]["schema"];
    assert!(!answer.is_null(), "{method} {path} {status} has no schema");
    json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "allOf": [answer], "components": document["components"]})
}

// A table: a line a request.
#[allow(clippy::too_many_lines)]
#[test]
fn what_is_answered_is_as_the_document_says() {
    let site = Site::start();
    site.enrol("80:5e:c0:11:22:33", "T46U", "alice@example.com");
    if let Some(first) = curl(&site, "127.0.0.1", "805ec0112233.cfg", &[]) {
        assert_eq!(first.status, 200);
        curl(&site, "127.0.0.1", "805ec0112299.cfg", &[]).unwrap();
    }
    let mut api = Client::unix(&site.socket);
    let document = api.get("openapi.json").json();
    assert_eq!(document["openapi"], "3.1.0");
    let device = r#"{"mac": "80:5e:c0:11:22:44", "maker": "yealink", "model": "T46U",
        "lines": [{"index": 2, "user": "alice@example.com"}], "settings": {"yealink:a.b": "1"}}"#;
    let area = r#"{"name": "Lobby", "keys": [{"position": 1, "kind": "blf", "value": "1000"}]}"#;
    let grant = r#"{"subject": {"token": "ci"}, "role": "mine", "scope": {"sites": ["hq"]}}"#;
    let place =
        r#"{"name": "Lab", "ntp": ["ntp.example.com"], "sip": {"port": 5060, "expires": "30m"}, "timezone": "UTC"}"#;
    let package = r#"{"id": "plan", "name": "Plan", "seats": 3, "did_limit": 1, "grants": ["abroad"], "regions": []}"#;
    let gifts = r#"{"packages": ["plan"], "numbers": ["+4940123456"], "outbound_caller_id": "+4940123456",
        "settings_template": "sales", "keys": [{"position": 2, "kind": "blf", "user": "alice@example.com"}]}"#;
    let mut tried = BTreeSet::new();
    for (method, path, at, body, status) in [
        ("POST", "/sites", "", place, 201),
        ("POST", "/users", "", r#"{"id": "bob@example.com", "locale": "de-DE"}"#, 201),
        ("POST", "/common-areas", "", area, 201),
        ("POST", "/devices", "", device, 201),
        ("POST", "/tokens", "", r#"{"name": "CI"}"#, 201),
        ("POST", "/packages", "", package, 201),
        ("POST", "/settings-templates", "", r#"{"name": "Sales", "settings": {"language": "de"}}"#, 201),
        ("POST", "/numbers", "", r#"{"number": "+49 40 123456", "source": "carrier", "kind": "tollfree"}"#, 201),
        ("PATCH", "/users/{id}", "/users/bob@example.com", gifts, 200),
        ("GET", "/numbers", "", "", 200),
        ("GET", "/numbers/{id}", "/numbers/%2B4940123456", "", 200),
        ("GET", "/packages", "", "", 200),
        ("GET", "/packages/{id}", "/packages/plan", "", 200),
        ("GET", "/settings-templates", "", "", 200),
        ("POST", "/roles", "", r#"{"id": "mine", "name": "Mine", "copy_of": "report_viewer"}"#, 201),
        ("POST", "/grants", "", grant, 201),
        ("GET", "/sites", "", "", 200),
        ("GET", "/sites/{id}", "/sites/hq", "", 200),
        ("PUT", "/sites/{id}", "/sites/lab", place, 200),
        ("GET", "/users", "", "", 200),
        ("GET", "/users/{id}", "/users/bob@example.com", "", 200),
        ("PATCH", "/users/{id}", "/users/bob@example.com", r#"{"timezone": "UTC"}"#, 200),
        ("GET", "/common-areas", "", "", 200),
        ("GET", "/devices", "", "", 200),
        ("GET", "/devices/{id}", "/devices/805ec0112233", "", 200),
        ("PUT", "/devices/{id}/assignment", "/devices/805ec0112244/assignment", r#"{"common_area": "lobby"}"#, 200),
        ("POST", "/devices/{id}/claims", "/devices/805ec0112244/claims", "{}", 201),
        ("POST", "/devices/{id}/quarantine", "/devices/805ec0112244/quarantine", "{}", 200),
        ("POST", "/devices/{id}/rebind", "/devices/805ec0112244/rebind", "{}", 200),
        ("POST", "/sites/{id}/claims", "/sites/hq/claims", "{}", 201),
        ("GET", "/devices/{id}/events", "/devices/805ec0112233/events", "", 200),
        ("GET", "/devices/{id}/explain", "/devices/805ec0112233/explain", "", 200),
        ("GET", "/devices/{id}/explain", "/devices/805ec0112299/explain", "", 200),
        ("POST", "/observations", "", r#"{"messages": []}"#, 200),
        ("GET", "/devices/{id}/files", "/devices/805ec0112233/files", "", 200),
        (
            "GET",
            "/devices/{id}/files/{file}/provenance",
            "/devices/805ec0112244/files/805ec0112244.cfg/provenance",
            "",
            200,
        ),
        ("GET", "/devices/{id}/settings", "/devices/805ec0112244/settings", "", 200),
        ("GET", "/events", "", "", 200),
        ("GET", "/pending", "", "", 200),
        ("GET", "/account", "", "", 200),
        ("GET", "/status", "", "", 200),
        ("GET", "/tokens", "", "", 200),
        ("GET", "/tokens/{id}", "/tokens/ci", "", 200),
        ("GET", "/roles", "", "", 200),
        ("GET", "/roles/{id}", "/roles/mine", "", 200),
        ("GET", "/grants", "", "", 200),
        ("GET", "/keys", "", "", 200),
        ("POST", "/keys/rotations", "", "{}", 201),
        ("GET", "/lab", "", "", 200),
        ("POST", "/lab/disable", "", "{}", 200),
        ("GET", "/audit", "", "", 200),
        ("GET", "/audit/verification", "", "", 200),
        ("GET", "/makers", "", "", 200),
        ("GET", "/models", "", "", 200),
        ("GET", "/settings-catalogue", "", "", 200),
        ("GET", "/templates", "", "", 200),
        ("GET", "/templates/{maker}/{name}", "/templates/snom/device.xml", "", 200),
        ("POST", "/templates/{maker}/{name}/lint", "/templates/snom/device.xml/lint", "{}", 200),
    ] {
        let answer = api.ask(method, &format!("/api/v1{}", if at.is_empty() { path } else { at }), body, &[]);
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        let schema = schema(&document, &method.to_lowercase(), &format!("/api/v1{path}"), &status.to_string());
        let checks = jsonschema::validator_for(&schema).unwrap();
        let faults: Vec<String> =
            checks.iter_errors(&answer.json()).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
        assert!(faults.is_empty(), "{method} {path}: {faults:#?} in {}", answer.text);
        tried.insert(schema["allOf"].to_string());
    }
    assert!(tried.len() > 30);
    let changes =
        r#"{"changes": [{"kind": "user", "id": "bob@example.com", "fields": {"locale": null, "last_name": "B"}}]}"#;
    let made = api.post("plans", changes);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let answers = [
        ("post", "/api/v1/plans", "201", made),
        ("get", "/api/v1/plans/{id}", "200", api.get(&format!("plans/{id}"))),
        ("get", "/api/v1/plans", "200", api.get("plans")),
        (
            "post",
            "/api/v1/plans/{id}/apply",
            "200",
            api.post(&format!("plans/{id}/apply"), r#"{"confirm_clears": true}"#),
        ),
        ("post", "/api/v1/plans/{id}/undo", "200", api.post(&format!("plans/{id}/undo"), "{}")),
    ];
    for (method, path, status, answer) in answers {
        assert_eq!(answer.status.to_string(), status, "{method} {path}: {answer:?}");
        let checks = jsonschema::validator_for(&schema(&document, method, path, status)).unwrap();
        let faults: Vec<String> = checks.iter_errors(&answer.json()).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{method} {path}: {faults:#?} in {}", answer.text);
    }
    let problem = api.ask("GET", "devices/xyz", "", &[]).json();
    let schema = json!({"$ref": "#/components/schemas/Problem", "components": document["components"]});
    assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&problem), "{problem}");
}

#[test]
fn the_document_speaks_of_every_path_that_is_answered() {
    let site = Site::start();
    let mut api = Client::unix(&site.socket);
    let document = api.get("openapi.json").json();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let told: BTreeSet<String> =
            operations.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        let answer = api.ask("TRACE", path, "", &[]);
        assert_eq!(answer.status, 405, "{path}: {answer:?}");
        let allowed = answer.header("allow").unwrap().split(',').map(str::trim).filter(|method| *method != "HEAD");
        assert_eq!(allowed.map(str::to_owned).collect::<BTreeSet<_>>(), told, "{path}");
    }
}
