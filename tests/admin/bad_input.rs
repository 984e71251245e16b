//! What cannot be is refused with its reason and its remedy, and changes nothing.

use crate::client::Client;
use crate::support::Site;

const DEVICE: &str = r#"{"mac": "80:5e:c0:11:22:33", "maker": "yealink", "model": "T46U"}"#;

// A table: a line a fault.
#[allow(clippy::too_many_lines)]
#[test]
fn odd_requests_get_the_status_their_fault_has_and_a_problem() {
    let site = Site::start();
    let mut api = Client::unix(&site.socket);
    assert_eq!(api.post("devices", DEVICE).status, 201);
    let revision = api.get("status").json()["store"]["revision"].clone();
    let long = format!(r#"{{"name": "{}"}}"#, "x".repeat(1100 * 1024));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("long.json");
    std::fs::write(&file, long).unwrap();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for (method, path, body, headers, status, code) in [
        ("GET", "nothing", "", &[][..], 404, "not_found"),
        ("GET", "/api/v2/sites", "", &[], 404, "not_found"),
        ("GET", "/", "", &[], 404, "not_found"),
        ("GET", "devices/805ec0999999", "", &[], 404, "not_found"),
        ("GET", "devices/xyz", "", &[], 400, "malformed"),
        ("GET", "devices/ff:ff:ff:ff:ff:ff", "", &[], 400, "malformed"),
        ("GET", "devices/%ff", "", &[], 400, "malformed"),
        ("GET", "sites/No%20Slug", "", &[], 404, "not_found"),
        ("GET", "users/nobody", "", &[], 404, "not_found"),
        ("GET", "devices?limit=0", "", &[], 400, "bad_query"),
        ("GET", "devices?limit=501", "", &[], 400, "bad_query"),
        ("GET", "devices?limit=-1", "", &[], 400, "bad_query"),
        ("GET", "devices?limit=9999999999999999999999", "", &[], 400, "bad_query"),
        ("GET", "devices?limit=5&limit=6", "", &[], 400, "bad_query"),
        ("GET", "devices?cursor=zzz", "", &[], 400, "bad_query"),
        ("GET", "sites?cursor=../x", "", &[], 400, "bad_query"),
        ("GET", "events?cursor=x", "", &[], 400, "bad_query"),
        ("GET", "devices?colour=red", "", &[], 400, "bad_query"),
        ("GET", "devices?access=open", "", &[], 400, "bad_query"),
        ("GET", "devices?provisioning=maybe", "", &[], 400, "bad_query"),
        ("GET", "devices?assignment=alice", "", &[], 400, "bad_query"),
        ("GET", "devices?site=A%20B", "", &[], 400, "bad_query"),
        ("GET", "sites/hq?q=x", "", &[], 400, "bad_query"),
        ("GET", "devices/805ec0112233/files/other.cfg", "", &[], 404, "not_found"),
        ("GET", "devices/805ec0112233/files/805ec0112233.cfg?reveal=yes", "", &[], 400, "bad_query"),
        ("POST", "devices", DEVICE, &[], 409, "mac_taken"),
        ("POST", "devices", "", &[], 415, "not_json"),
        ("POST", "devices", DEVICE, &["Content-Type: text/plain"], 415, "not_json"),
        ("POST", "devices", DEVICE, &["Content-Type: application/merge-patch+json"], 415, "not_json"),
        ("POST", "devices", "[1]", &[], 422, "invalid"),
        ("POST", "devices", "{\"mac\": \"80", &[], 400, "malformed"),
        ("POST", "devices", "\u{0}", &[], 400, "malformed"),
        ("POST", "devices", &deep, &[], 400, "malformed"),
        ("POST", "sites", r#"{"name": "***"}"#, &[], 422, "invalid"),
        ("POST", "sites", r#"{"id": "Ä", "name": "x"}"#, &[], 422, "invalid"),
        ("POST", "users", r#"{"id": "no address"}"#, &[], 422, "invalid"),
        ("POST", "users", r#"{"id": "a@b.example", "sip": {"password": "short"}}"#, &[], 422, "invalid"),
        ("POST", "users", r#"{"id": "a@b.example", "sip": {"password": 12345678}}"#, &[], 422, "invalid"),
        ("POST", "users", r#"{"id": "a@b.example", "long_extension": "1"}"#, &[], 422, "invalid"),
        ("POST", "sites/hq/claims", r#"{"for": "1 hour"}"#, &[], 422, "invalid"),
        ("POST", "devices/805ec0112233/claims", r#"{"for": "31d"}"#, &[], 422, "invalid"),
        ("POST", "devices/805ec0112233/claims", r#"{"from": ["10.0.0.0/99"]}"#, &[], 422, "invalid"),
        ("POST", "devices/805ec0112233/token-rotations", r#"{"x": 1}"#, &[], 422, "invalid"),
        ("POST", "pending/80:5e:c0:77:77:77/adopt", "{}", &[], 404, "not_found"),
        ("POST", "users/alice@example.com/rename", r#"{"id": "?"}"#, &[], 422, "invalid"),
        ("POST", "users/alice@example.com/rename", "{}", &[], 422, "invalid"),
        ("POST", "tokens", r#"{"name": "x", "expires": "0s"}"#, &[], 422, "invalid"),
        ("POST", "tokens", r#"{"name": "x", "expires": "3650d"}"#, &[], 422, "invalid"),
        ("POST", "tokens", r#"{"expires": "1d"}"#, &[], 422, "invalid"),
        ("POST", "templates/yealink/none.cfg/lint", "{}", &[], 404, "not_found"),
        ("PUT", "devices/805ec0112233", DEVICE, &["If-Match: 17"], 400, "malformed"),
        ("PUT", "devices/805ec0112233", DEVICE, &["If-Match: \"999999\""], 412, "stale"),
        ("PUT", "devices/805ec0112233", DEVICE, &["If-Match: \"abc\""], 412, "stale"),
        ("DELETE", "devices/805ec0112233", "", &["If-Match: \"1\""], 412, "stale"),
        ("PATCH", "devices/805ec0112233", r#"{"mac": "80:5e:c0:11:22:34"}"#, &[], 422, "unchangeable"),
        ("PATCH", "devices/805ec0112233", r#"{"model": null}"#, &[], 422, "invalid"),
        ("PATCH", "account", r#"{"settings": {"vlan": 1}}"#, &[], 422, "unknown_setting"),
        ("PATCH", "account", r#"{"settings": {"vlan.id": 1}}"#, &["If-Match: \"7\""], 412, "stale"),
        ("PUT", "account", r#"{"site_code": true}"#, &[], 422, "invalid"),
        ("DELETE", "sites/hq", "", &[], 409, "in_use"),
        ("DELETE", "roles/super_admin", "", &[], 409, "shipped_role"),
        ("PATCH", "roles/site_admin", r#"{"permissions": []}"#, &[], 409, "shipped_role"),
        ("POST", "roles", r#"{"name": "x", "permissions": ["devices:fly"]}"#, &[], 422, "invalid"),
        ("POST", "roles", r#"{"name": "x", "copy_of": "nothing"}"#, &[], 422, "unknown_reference"),
        (
            "POST",
            "grants",
            r#"{"subject": {"token": "no"}, "role": "site_admin", "scope": "account"}"#,
            &[],
            422,
            "unknown_reference",
        ),
        (
            "POST",
            "grants",
            r#"{"subject": {"unix_user": "x"}, "role": "no", "scope": "account"}"#,
            &[],
            422,
            "unknown_reference",
        ),
        (
            "POST",
            "grants",
            r#"{"subject": {"unix_user": "x"}, "role": "site_admin", "scope": {"sites": []}}"#,
            &[],
            422,
            "invalid",
        ),
        (
            "POST",
            "grants",
            r#"{"subject": {"unix_user": "x"}, "role": "site_admin", "scope": {"sites": ["no"]}}"#,
            &[],
            422,
            "unknown_reference",
        ),
        (
            "POST",
            "grants",
            r#"{"subject": {"user": "x"}, "role": "site_admin", "scope": "account"}"#,
            &[],
            422,
            "invalid",
        ),
        ("DELETE", "status", "", &[], 405, "method_not_allowed"),
        ("PUT", "sites", "{}", &[], 405, "method_not_allowed"),
        ("OPTIONS", "devices", "", &[], 405, "method_not_allowed"),
        ("TRACE", "devices", "", &[], 405, "method_not_allowed"),
        ("PROPFIND", "devices", "", &[], 405, "method_not_allowed"),
        ("POST", "/healthz", "", &[], 405, "method_not_allowed"),
        ("GET", "status", "", &["Ztpd-On-Behalf-Of: "], 400, "malformed"),
        ("GET", "status", "", &["Ztpd-On-Behalf-Of: a\tb"], 400, "malformed"),
        ("POST", "sites", r#"{"name": "x"}"#, &["Idempotency-Key: "], 400, "malformed"),
    ] {
        let answer = api.ask(method, path, body, headers);
        let shown: String = body.chars().take(80).collect();
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{method} {path} {shown}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{method} {path}");
        let problem = answer.json();
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{method} {path}: {problem}");
        assert_eq!(problem["type"], format!("urn:ztpd:problem:{code}"));
        if status == 405 {
            assert!(answer.header("allow").is_some_and(|allowed| !allowed.is_empty()), "{answer:?}");
        }
    }
    if let Some((status, _, problem)) =
        crate::support::admin(&site, "POST", "sites", &format!("@{}", file.display()), &[])
    {
        assert_eq!((status, problem["code"].as_str()), (413, Some("too_large")));
    }
    assert_eq!(api.get("status").json()["store"]["revision"], revision, "a refused request changed something");
}

#[test]
fn a_head_is_a_get_without_its_body() {
    let site = Site::start();
    let mut api = Client::unix(&site.socket);
    for path in ["sites", "sites/hq", "status", "/healthz", "/readyz"] {
        let (head, get) = (api.ask("HEAD", path, "", &[]), api.get(path));
        assert_eq!((head.status, head.text.as_str()), (200, ""), "{path}");
        assert_eq!(head.header("content-length"), get.header("content-length"), "{path}");
        assert_eq!(head.header("etag"), get.header("etag"), "{path}");
    }
    assert_eq!(api.ask("HEAD", "sites/nowhere", "", &[]).status, 404);
}
