//! Who may do what: every route for every role, at a site of the role's own, at another one and where there is none.
//! The table below is written from the specification of roles; a route without an entry fails.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::client::{Answer, Client};
use crate::network::networked;
use crate::support::Site;

/// What the shipped roles hold, resource by resource.
const ROLES: &[(&str, &str)] = &[
    (
        "common_area_admin",
        "common_areas:view common_areas:edit common_areas:delete credentials:edit devices:view devices:assign \
         devices:run numbers:view numbers:assign packages:view packages:assign sites:view",
    ),
    ("compliance", "audit:view devices:view roles:view settings:view sites:view"),
    (
        "device_operator",
        "common_areas:view devices:view devices:edit devices:assign devices:run sites:view templates:view users:view",
    ),
    ("report_viewer", "common_areas:view devices:view numbers:view packages:view sites:view users:view"),
    (
        "site_admin",
        "common_areas:view common_areas:edit common_areas:delete credentials:edit devices:view devices:edit \
         devices:delete devices:assign devices:run imports:run imports:view numbers:view numbers:edit numbers:delete numbers:assign \
         packages:view packages:assign settings:view sites:view sites:edit templates:view templates:run \
         users:view users:edit users:delete",
    ),
    (
        "super_admin",
        "audit:view backups:run common_areas:view common_areas:edit common_areas:delete credentials:edit \
         credentials:reveal \
         devices:view devices:edit devices:delete devices:assign devices:run imports:run imports:view numbers:view \
         numbers:edit numbers:delete \
         numbers:assign observations:edit packages:view packages:edit packages:delete packages:assign roles:view \
         roles:edit roles:assign \
         settings:view settings:edit sites:view sites:edit sites:delete templates:view templates:run users:view \
         users:edit users:delete",
    ),
    ("watcher", "observations:edit"),
];

const OWN: &str = "80:5e:c0:00:00:01";
const OTHER: &str = "80:5e:c0:00:00:02";

/// What a route is about, and so how it is walked.
enum Walk {
    /// Something of the whole account: this path, with this body.
    Account(&'static str, &'static str),
    /// Something everybody with the permission sees, wherever it is held.
    Anywhere(&'static str, &'static str),
    /// A new thing, with a body for a site: `SITE` stands for it.
    Create(&'static str),
    /// A thing at a site; `SITE`, `MAC`, `USER` and `AREA` stand for the one of it.
    Item(&'static str),
    /// A list, and the field that names its entries.
    List(&'static str),
    /// For everybody who is known.
    Open(&'static str),
}

use Walk::{Account, Anywhere, Create, Item, List, Open};

/// Every route, the permission it needs, and how it is walked.
const TABLE: &[(&str, &str, Walk)] = &[
    ("GET /sites", "sites:view", List("id")),
    ("POST /sites", "sites:edit", Account("sites", r#"{"id": "own", "name": "x"}"#)),
    ("GET /sites/{id}", "sites:view", Item("")),
    ("PUT /sites/{id}", "sites:edit", Item(r#"{"name": "x"}"#)),
    ("PATCH /sites/{id}", "sites:edit", Item("{}")),
    ("DELETE /sites/{id}", "sites:delete", Item("")),
    ("POST /sites/{id}/claims", "devices:run", Item(r#"{"for": "x"}"#)),
    ("GET /users", "users:view", List("id")),
    ("POST /users", "users:edit", Create(r#"{"id": "own@example.com", "site": "SITE"}"#)),
    ("GET /users/{id}", "users:view", Item("")),
    ("PUT /users/{id}", "users:edit", Item(r#"{"site": "SITE"}"#)),
    ("PATCH /users/{id}", "users:edit", Item("{}")),
    ("DELETE /users/{id}", "users:delete", Item("")),
    ("POST /users/{id}/rename", "users:edit", Item("{}")),
    ("POST /users/{id}/sip-password", "credentials:edit", Item(r#"{"password": "x"}"#)),
    ("GET /common-areas", "common_areas:view", List("id")),
    ("POST /common-areas", "common_areas:edit", Create(r#"{"id": "own-area", "name": "x", "site": "SITE"}"#)),
    ("GET /common-areas/{id}", "common_areas:view", Item("")),
    ("PUT /common-areas/{id}", "common_areas:edit", Item(r#"{"name": "x", "site": "SITE"}"#)),
    ("PATCH /common-areas/{id}", "common_areas:edit", Item("{}")),
    ("DELETE /common-areas/{id}", "common_areas:delete", Item("")),
    ("POST /common-areas/{id}/sip-password", "credentials:edit", Item(r#"{"password": "x"}"#)),
    ("GET /devices", "devices:view", List("mac")),
    (
        "POST /devices",
        "devices:edit",
        Create(r#"{"mac": "80:5e:c0:00:00:01", "maker": "yealink", "model": "T46U", "site": "SITE"}"#),
    ),
    ("GET /devices/{id}", "devices:view", Item("")),
    ("PUT /devices/{id}", "devices:edit", Item(r#"{"maker": "yealink", "model": "T46U", "site": "SITE"}"#)),
    ("PATCH /devices/{id}", "devices:edit", Item("{}")),
    ("DELETE /devices/{id}", "devices:delete", Item("")),
    ("PUT /devices/{id}/assignment", "devices:assign", Item(r#"{"user": "USER"}"#)),
    ("DELETE /devices/{id}/assignment", "devices:assign", Item("")),
    ("POST /devices/{id}/claims", "devices:run", Item(r#"{"for": "x"}"#)),
    ("DELETE /devices/{id}/claims", "devices:run", Item("")),
    ("POST /devices/{id}/token-rotations", "credentials:edit", Item(r#"{"x": 1}"#)),
    ("POST /devices/{id}/quarantine", "devices:run", Item(r#"{"x": 1}"#)),
    ("POST /devices/{id}/release", "devices:run", Item(r#"{"x": 1}"#)),
    ("POST /devices/{id}/rebind", "devices:run", Item(r#"{"x": 1}"#)),
    ("POST /devices/{id}/retire", "devices:run", Item(r#"{"x": 1}"#)),
    ("GET /devices/{id}/events", "devices:view", Item("")),
    ("GET /devices/{id}/explain", "devices:view", Anywhere("devices/80:5e:c0:00:00:02/explain", "")),
    ("GET /devices/{id}/files", "devices:view", Item("")),
    ("GET /devices/{id}/files/{file}", "devices:view", Item("")),
    ("GET /devices/{id}/files/{file}/provenance", "devices:view", Item("")),
    ("GET /devices/{id}/settings", "devices:view", Item("")),
    ("GET /numbers", "numbers:view", List("number")),
    ("POST /numbers", "numbers:edit", Create(r#"{"number": "NUMBER", "site": "SITE"}"#)),
    ("GET /numbers/{id}", "numbers:view", Item("")),
    ("PUT /numbers/{id}", "numbers:edit", Item(r#"{"site": "SITE"}"#)),
    ("PATCH /numbers/{id}", "numbers:edit", Item("{}")),
    ("DELETE /numbers/{id}", "numbers:delete", Item("")),
    ("GET /packages", "packages:view", Anywhere("packages", "")),
    ("POST /packages", "packages:edit", Account("packages", r#"{"id": "plan", "name": "x"}"#)),
    ("GET /packages/{id}", "packages:view", Anywhere("packages/plan", "")),
    ("PUT /packages/{id}", "packages:edit", Account("packages/plan", r#"{"name": "x"}"#)),
    ("PATCH /packages/{id}", "packages:edit", Account("packages/plan", "{}")),
    ("DELETE /packages/{id}", "packages:delete", Account("packages/plan", "")),
    ("GET /settings-templates", "settings:view", List("id")),
    ("POST /settings-templates", "settings:edit", Create(r#"{"id": "own-template", "name": "x", "site": "SITE"}"#)),
    ("GET /settings-templates/{id}", "settings:view", Item("")),
    ("PUT /settings-templates/{id}", "settings:edit", Item(r#"{"name": "x", "site": "SITE"}"#)),
    ("PATCH /settings-templates/{id}", "settings:edit", Item("{}")),
    ("DELETE /settings-templates/{id}", "settings:edit", Item("")),
    ("GET /events", "devices:view", List("mac")),
    ("GET /findings", "devices:view", Anywhere("findings", "")),
    ("GET /findings/{id}", "devices:view", Item("")),
    ("POST /observations", "observations:edit", Account("observations", r#"{"messages": []}"#)),
    ("POST /checks", "devices:run", Account("checks", r#"{"kind": "x"}"#)),
    ("GET /pending", "devices:view", List("mac")),
    ("POST /pending/{mac}/adopt", "devices:edit", Item(r#"{"mac": 1}"#)),
    ("GET /exports/common-areas", "common_areas:view", Anywhere("exports/common-areas", "")),
    ("GET /exports/devices", "devices:view", Anywhere("exports/devices", "")),
    ("GET /exports/numbers", "numbers:view", Anywhere("exports/numbers", "")),
    ("GET /exports/users", "users:view", Anywhere("exports/users", "")),
    ("GET /plans", "imports:view", Anywhere("plans", "")),
    ("POST /plans", "imports:run", Anywhere("plans", r#"{"changes": []}"#)),
    ("GET /plans/{id}", "imports:view", Item("")),
    ("POST /plans/{id}/apply", "imports:run", Item(r#"{"x": 1}"#)),
    ("POST /plans/{id}/undo", "imports:run", Item(r#"{"x": 1}"#)),
    ("GET /status", "sites:view", Anywhere("status", "")),
    ("GET /keys", "settings:view", Account("keys", "")),
    ("GET /lab", "settings:view", Account("lab", "")),
    ("POST /lab/enable", "settings:edit", Account("lab/enable", r#"{"x": 1}"#)),
    ("POST /lab/disable", "settings:edit", Account("lab/disable", r#"{"x": 1}"#)),
    ("POST /keys/rotations", "settings:edit", Account("keys/rotations", r#"{"x": 1}"#)),
    ("POST /backups", "backups:run", Account("backups", r#"{"recipients": ["x"]}"#)),
    ("GET /account", "settings:view", Account("account", "")),
    ("PUT /account", "settings:edit", Account("account", "{}")),
    ("PATCH /account", "settings:edit", Account("account", "{}")),
    ("GET /tokens", "roles:view", Account("tokens", "")),
    ("POST /tokens", "roles:assign", Account("tokens", r#"{"name": "x", "expires": "0s"}"#)),
    ("GET /tokens/{id}", "roles:view", Account("tokens/admin", "")),
    ("DELETE /tokens/{id}", "roles:assign", Account("tokens/admin", "")),
    ("GET /roles", "roles:view", Anywhere("roles", "")),
    ("POST /roles", "roles:edit", Account("roles", r#"{"name": "x", "copy_of": "no"}"#)),
    ("GET /roles/{id}", "roles:view", Anywhere("roles/site_admin", "")),
    ("PUT /roles/{id}", "roles:edit", Account("roles/site_admin", r#"{"name": "x", "permissions": []}"#)),
    ("PATCH /roles/{id}", "roles:edit", Account("roles/site_admin", "{}")),
    ("DELETE /roles/{id}", "roles:edit", Account("roles/site_admin", "")),
    ("GET /grants", "roles:view", List("role")),
    (
        "POST /grants",
        "roles:assign",
        Create(r#"{"subject": {"token": "nobody"}, "role": "report_viewer", "scope": {"sites": ["SITE"]}}"#),
    ),
    ("GET /grants/{id}", "roles:view", Item("")),
    ("DELETE /grants/{id}", "roles:assign", Item("")),
    ("GET /audit", "audit:view", Account("audit", "")),
    ("GET /audit/verification", "audit:view", Account("audit/verification", "")),
    ("GET /authorities", "settings:view", Account("authorities", "")),
    ("POST /authorities", "settings:edit", Account("authorities", r#"{"maker": "snom", "pem": ""}"#)),
    ("POST /authorities/check", "settings:view", Account("authorities/check", r#"{"pem": ""}"#)),
    ("GET /authorities/{sha256}", "settings:view", Account("authorities/KNOWN", "")),
    ("DELETE /authorities/{sha256}", "settings:edit", Account("authorities/KNOWN", "")),
    ("GET /templates", "templates:view", Anywhere("templates", "")),
    ("GET /templates/{maker}/{name}", "templates:view", Anywhere("templates/yealink/device.cfg", "")),
    ("POST /templates/{maker}/{name}/lint", "templates:run", Anywhere("templates/yealink/device.cfg/lint", "{}")),
    ("GET /makers", "", Open("makers")),
    ("GET /makers/{maker}", "", Open("makers/snom")),
    ("GET /models", "", Open("models")),
    ("GET /models/{maker}/{model}", "", Open("models/snom/D785")),
    ("GET /settings-catalogue", "", Open("settings-catalogue")),
    ("GET /openapi.json", "", Open("openapi.json")),
];

/// Where a thing is that is reached for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Own,
    Other,
}

impl Place {
    fn site(self) -> &'static str {
        match self {
            Place::Own => "own",
            Place::Other => "other",
        }
    }

    fn number(self) -> &'static str {
        match self {
            Place::Own => "+4940000001",
            Place::Other => "+4940000002",
        }
    }

    fn fill(self, text: &str) -> String {
        let mac = if self == Place::Own { OWN } else { OTHER };
        let site = self.site();
        text.replace("SITE", site)
            .replace("NUMBER", self.number())
            .replace("MAC", mac)
            .replace("USER", &format!("{site}@example.com"))
    }
}

/// Two sites with a user, a common area, a phone, an unknown phone and a grant each.
struct World {
    site: Site,
    admin: Client,
    /// The grant of the role `report_viewer` at each site, and tokens by role and scope.
    grants: BTreeMap<&'static str, String>,
    /// A plan for each site.
    plans: BTreeMap<&'static str, String>,
    tokens: BTreeMap<(String, String), String>,
    /// The fingerprint of an authority.
    authority: String,
}

impl World {
    fn new() -> World {
        let (site, token) = networked();
        let mut admin = Client::tcp(site.admin.unwrap(), &token);
        let mut make = |path: &str, body: String| {
            let answer = admin.post(path, &body);
            assert_eq!(answer.status, 201, "{path} {body}: {answer:?}");
            answer.json()
        };
        for (name, network) in [("own", "127.0.1.0/24"), ("other", "127.0.2.0/24")] {
            make("sites", format!(r#"{{"id": "{name}", "name": "{name}", "networks": ["{network}"]}}"#));
            make("users", format!(r#"{{"id": "{name}@example.com", "site": "{name}"}}"#));
            make("common-areas", format!(r#"{{"id": "{name}-area", "name": "{name}", "site": "{name}"}}"#));
        }
        make("packages", r#"{"id": "plan", "name": "Plan"}"#.to_owned());
        for place in [Place::Own, Place::Other] {
            let name = place.site();
            make("numbers", place.fill(r#"{"number": "NUMBER", "site": "SITE"}"#));
            make("settings-templates", format!(r#"{{"id": "{name}-template", "name": "x", "site": "{name}"}}"#));
        }
        for (mac, name) in [(OWN, "own"), (OTHER, "other")] {
            let kind = r#""maker": "yealink", "model": "T46U""#;
            make("devices", format!(r#"{{"mac": "{mac}", {kind}, "site": "{name}"}}"#));
        }
        make("tokens", r#"{"name": "Viewer"}"#.to_owned());
        let mut grants = BTreeMap::new();
        for name in ["own", "other"] {
            let scope = format!(r#"{{"sites": ["{name}"]}}"#);
            let body = format!(r#"{{"subject": {{"token": "viewer"}}, "role": "report_viewer", "scope": {scope}}}"#);
            grants.insert(name, make("grants", body)["id"].as_str().unwrap().to_owned());
        }
        let mut plans = BTreeMap::new();
        for name in ["own", "other"] {
            let fields = format!(r#"{{"site": "{name}"}}"#);
            let body = format!(r#"{{"changes": [{{"kind": "user", "id": "new@example.com", "fields": {fields}}}]}}"#);
            plans.insert(name, make("plans", body)["id"].as_str().unwrap().to_owned());
        }
        let mut tokens = BTreeMap::new();
        for (role, _) in ROLES {
            for (scope, name) in [(r#""account""#, "account"), (r#"{"sites": ["own"]}"#, "own")] {
                let id = format!("{}-{name}", role.replace('_', "-"));
                let token = make("tokens", format!(r#"{{"name": "{id}"}}"#));
                let subject = format!(r#"{{"token": "{id}"}}"#);
                make("grants", format!(r#"{{"subject": {subject}, "role": "{role}", "scope": {scope}}}"#));
                let key = ((*role).to_owned(), name.to_owned());
                tokens.insert(key, token["token"].as_str().unwrap().to_owned());
            }
        }
        // Any authority's certificate will do: the daemon's own is at hand.
        let pem = std::fs::read_to_string(&site.authority).unwrap();
        let body = serde_json::json!({"maker": "snom", "pem": pem, "confirm": true});
        let authority = make("authorities", body.to_string())["sha256"].as_str().unwrap().to_owned();
        World { site, admin, grants, plans, tokens, authority }
    }

    /// Phones of both sites ask, known ones and unknown ones; whether there was a client to do so.
    fn phones_ask(&self) -> bool {
        for (from, file) in [
            ("127.0.1.1", "000001"),
            ("127.0.1.2", "990001"),
            ("127.0.1.3", "000001"),
            ("127.0.2.1", "000002"),
            ("127.0.2.2", "990002"),
            ("127.0.2.3", "000002"),
        ] {
            if crate::support::curl(&self.site, from, &format!("805ec0{file}.cfg"), &[]).is_none() {
                return false;
            }
        }
        true
    }

    /// The path of a thing at a place.
    fn path(&self, route: &str, place: Place) -> String {
        let id = match route.split('/').next().unwrap() {
            "sites" => place.site().to_owned(),
            "users" => format!("{}@example.com", place.site()),
            "common-areas" => format!("{}-area", place.site()),
            "numbers" => place.number().to_owned(),
            "settings-templates" => format!("{}-template", place.site()),
            "findings" => format!("claim-taken-{}", place.fill("MAC").replace(':', "")),
            "grants" => self.grants[place.site()].clone(),
            "plans" => self.plans[place.site()].clone(),
            "pending" => place.fill("MAC").replace("00:00:0", "99:00:0"),
            _ => place.fill("MAC"),
        };
        let file = format!("{}.cfg", place.fill("MAC").replace(':', ""));
        route.replace("{id}", &id).replace("{mac}", &id).replace("{file}", &file)
    }
}

/// Whether the caller was let through: what came of it then is another matter.
fn let_in(answer: &Answer) -> bool {
    !matches!(answer.status, 401 | 403 | 404 | 405 | 500..)
}

#[test]
fn sec_a04_every_route_asks_for_its_permission_at_the_place_in_question() {
    let mut world = World::new();
    let asked = world.phones_ask();
    let document = world.admin.get("openapi.json").json();
    let mut routes = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let Some(path) = path.strip_prefix("/api/v1") else { continue };
        routes.extend(operations.as_object().unwrap().keys().map(|method| format!("{} {path}", method.to_uppercase())));
    }
    let entries: BTreeSet<String> = TABLE.iter().map(|(route, ..)| (*route).to_owned()).collect();
    assert_eq!(routes, entries, "a route without an entry, or an entry without a route");
    for ((role, scope), token) in &world.tokens {
        let held = ROLES.iter().find(|(name, _)| name == role).unwrap().1;
        let held: BTreeSet<&str> = held.split_whitespace().collect();
        let mut caller = Client::tcp(world.site.admin.unwrap(), token);
        let everywhere = scope == "account";
        for (route, needs, walk) in TABLE {
            let (method, pattern) = route.split_once(" /").unwrap();
            if !asked && (pattern.starts_with("pending") || pattern == "findings/{id}") {
                continue;
            }
            let holds = needs.is_empty() || held.contains(needs);
            let who = format!("{role} of {scope}: {route}");
            check(&world, &mut caller, &who, (method, pattern), walk, holds, everywhere);
        }
    }
    // The walk takes longer than a connection may be idle.
    let revision = Client::unix(&world.site.socket).get("status").json()["store"]["counts"].clone();
    assert_eq!((&revision["devices"], &revision["users"]), (&2.into(), &3.into()), "the walk changed something");
}

fn check(
    world: &World,
    caller: &mut Client,
    who: &str,
    (method, pattern): (&str, &str),
    walk: &Walk,
    holds: bool,
    everywhere: bool,
) {
    // What would change something is kept from it by a revision that nothing has.
    let guard: &[&str] = if matches!(method, "PUT" | "PATCH" | "DELETE") { &["If-Match: \"0\""] } else { &[] };
    let mut ask = |path: &str, body: &str| caller.ask(method, path, body, guard);
    match walk {
        Open(path) => assert_eq!(ask(path, "").status, 200, "{who}"),
        Anywhere(path, body) => {
            let answer = ask(path, body);
            assert_eq!(let_in(&answer), holds, "{who}: {answer:?}");
            assert!(holds || answer.status == 403, "{who}: {answer:?}");
        }
        Account(path, body) => {
            let answer = ask(&path.replace("KNOWN", &world.authority), body);
            assert_eq!(let_in(&answer), holds && everywhere, "{who}: {answer:?}");
            assert!(let_in(&answer) || matches!(answer.status, 403 | 404), "{who}: {answer:?}");
        }
        Item(body) => {
            for place in [Place::Own, Place::Other] {
                let answer = ask(&world.path(pattern, place), &place.fill(body));
                let expected = holds && (everywhere || place == Place::Own);
                assert_eq!(let_in(&answer), expected, "{who} at {place:?}: {answer:?}");
                let status = if holds { 404 } else { 403 };
                assert!(expected || answer.status == status, "{who} at {place:?}: {answer:?}");
            }
        }
        Create(body) => {
            for place in [Place::Own, Place::Other] {
                let answer = ask(pattern, &place.fill(body));
                let expected = match (holds, everywhere || place == Place::Own) {
                    (false, _) => "forbidden",
                    (true, true) if pattern == "grants" => "unknown_reference",
                    (true, true) if pattern == "devices" => "mac_taken",
                    (true, true) => "exists",
                    (true, false) => "unknown_reference",
                };
                assert_eq!(answer.code(), expected, "{who} at {place:?}: {answer:?}");
            }
        }
        List(field) => {
            let answer = ask(&format!("{pattern}?limit=500"), "");
            assert_eq!(answer.status, if holds { 200 } else { 403 }, "{who}: {answer:?}");
            if holds {
                check_list(world, who, field, &answer.json(), everywhere);
            }
        }
    }
}

fn check_list(world: &World, who: &str, field: &str, list: &Value, everywhere: bool) {
    let items = list["items"].as_array().unwrap();
    let text = list.to_string();
    let of = |place: Place| match field {
        "number" => text.contains(place.number()),
        "role" => text.contains(&world.grants[place.site()]),
        "mac" => {
            items.iter().any(|item| item["mac"].as_str().is_some_and(|mac| mac.ends_with(&place.fill("MAC")[15..])))
        }
        _ => items.iter().any(|item| item[field].as_str().is_some_and(|id| id.starts_with(place.site()))),
    };
    assert!(of(Place::Own) || items.is_empty() && who.contains("events"), "{who}: {list}");
    assert_eq!(of(Place::Other), everywhere && (of(Place::Own)), "{who}: {list}");
}

#[test]
fn sec_a04_a_phone_of_two_sites_is_seen_by_both_and_changed_by_who_has_both() {
    let mut world = World::new();
    let line = r#"{"lines": [{"index": 2, "user": "other@example.com"}]}"#;
    assert_eq!(world.admin.ask("PATCH", &format!("devices/{OWN}"), line, &[]).status, 200);
    let owner = r#"{"user": "own@example.com"}"#;
    assert_eq!(world.admin.ask("PUT", &format!("devices/{OTHER}/assignment"), owner, &[]).status, 200);
    let token = &world.tokens[&("site_admin".to_owned(), "own".to_owned())];
    let mut own = Client::tcp(world.site.admin.unwrap(), token);
    for mac in [OWN, OTHER] {
        let path = format!("devices/{mac}");
        assert_eq!(own.get(&path).status, 200);
        let refused = own.ask("PATCH", &path, r#"{"name": "x"}"#, &[]);
        assert_eq!((refused.status, refused.code().as_str()), (403, "forbidden"), "{refused:?}");
        assert_eq!(own.ask("DELETE", &path, "", &[]).status, 403);
        assert_eq!(own.post(&format!("{path}/claims"), "{}").status, 403);
    }
    assert_eq!(
        own.get("status").json()["store"]["counts"],
        serde_json::json!({
            "sites": 1, "users": 1, "common_areas": 1, "devices": 2,
        })
    );
    // What is not in scope is not there, and cannot be referred to either.
    let plain = r#"{"mac": "80:5e:c0:00:00:03", "maker": "yealink", "model": "T46U", "site": "own"}"#;
    assert_eq!(own.post("devices", plain).status, 201);
    for (patch, gone) in [
        (r#"{"site": "other"}"#, "site other"),
        (r#"{"assignment": {"user": "other@example.com"}}"#, "user other@example.com"),
        (r#"{"assignment": {"user": "nobody@example.com"}}"#, "user nobody@example.com"),
    ] {
        let refused = own.ask("PATCH", "devices/80:5e:c0:00:00:03", patch, &[]);
        assert_eq!((refused.status, refused.code().as_str()), (422, "unknown_reference"), "{patch}: {refused:?}");
        assert_eq!(refused.json()["detail"], format!("there is no {gone}"));
    }
    let taken = own.post("devices", &plain.replace("00:03", "00:99").replace("80:5e:c0", "00:15:65"));
    assert_eq!(taken.status, 201, "{taken:?}");
    let body = r#"{"id": "new@example.com", "site": "own", "extension": "1000"}"#;
    let taken = own.post("users", body);
    assert_eq!(taken.code(), "extension_taken", "{taken:?}");
    assert!(!taken.text.contains("alice"), "whose it is belongs to another site: {taken:?}");
    let main = own.ask("PATCH", "sites/own", r#"{"main": true}"#, &[]);
    assert_eq!(main.status, 403, "{main:?}");
    let account = own.post("sites", r#"{"name": "New"}"#);
    assert_eq!(account.status, 403, "{account:?}");
}

#[test]
fn sec_a04_nobody_grants_what_they_do_not_hold_and_a_super_admin_stays() {
    let mut world = World::new();
    let make = |client: &mut Client, path: &str, body: &str| {
        let answer = client.post(path, body);
        (answer.status, answer.json())
    };
    let copy = r#"{"name": "Hiring", "copy_of": "report_viewer"}"#;
    let (status, role) = make(&mut world.admin, "roles", copy);
    assert_eq!((status, &role["id"], &role["shipped"]), (201, &"hiring".into(), &false.into()), "{role}");
    let permissions = r#"{"permissions": ["devices:view", "roles:view", "roles:assign", "sites:view", "users:view"]}"#;
    assert_eq!(world.admin.ask("PATCH", "roles/hiring", permissions, &[]).status, 200);
    let (_, made) = make(&mut world.admin, "tokens", r#"{"name": "Hr"}"#);
    let at_own = r#"{"subject": {"token": "hr"}, "role": "hiring", "scope": {"sites": ["own"]}}"#;
    assert_eq!(make(&mut world.admin, "grants", at_own).0, 201);
    let mut hr = Client::tcp(world.site.admin.unwrap(), made["token"].as_str().unwrap());
    let grant = |role: &str, scope: &str| {
        format!(r#"{{"subject": {{"token": "viewer"}}, "role": "{role}", "scope": {scope}}}"#)
    };
    let (own, other) = (r#"{"sites": ["own"]}"#, r#"{"sites": ["other"]}"#);
    let (status, problem) = make(&mut hr, "grants", &grant("site_admin", own));
    assert_eq!(status, 403, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("devices:edit"), "{problem}");
    assert_eq!(make(&mut hr, "grants", &grant("hiring", other)).0, 422);
    assert_eq!(make(&mut hr, "grants", &grant("hiring", r#""account""#)).0, 403);
    assert_eq!(make(&mut hr, "grants", &grant("hiring", own)).0, 201);
    assert_eq!(make(&mut hr, "grants", &grant("hiring", own)).0, 409);
    // A role somebody holds is not removed; more is not put into it than one holds oneself.
    let busy = world.admin.ask("DELETE", "roles/hiring", "", &[]);
    assert_eq!((busy.status, busy.code().as_str()), (409, "in_use"));
    let named = world.admin.ask("DELETE", "sites/own", "", &[]);
    assert_eq!(named.status, 409, "{named:?}");
    // All account-wide super admins but one may go.
    let supers: Vec<String> = world.admin.get("grants?limit=500").json()["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|grant| grant["role"] == "super_admin" && grant["scope"] == "account")
        .map(|grant| grant["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(supers.len(), 2);
    assert_eq!(world.admin.ask("DELETE", "tokens/super-admin-account", "", &[]).status, 204);
    let last = world.admin.ask("DELETE", "tokens/admin", "", &[]);
    assert_eq!((last.status, last.code().as_str()), (409, "last_super_admin"), "{last:?}");
    let left: Vec<String> =
        supers.into_iter().filter(|id| world.admin.get(&format!("grants/{id}")).status == 200).collect();
    assert_eq!(left.len(), 1);
    let last = world.admin.ask("DELETE", &format!("grants/{}", left[0]), "", &[]);
    assert_eq!((last.status, last.code().as_str()), (409, "last_super_admin"), "{last:?}");
}

#[test]
fn sec_a04_for_whom_somebody_acts_is_recorded_and_changes_nothing() {
    let world = World::new();
    let token = &world.tokens[&("report_viewer".to_owned(), "own".to_owned())];
    let mut viewer = Client::tcp(world.site.admin.unwrap(), token);
    let refused = viewer.ask("PATCH", "sites/own", "{}", &["Ztpd-On-Behalf-Of: root"]);
    assert_eq!(refused.status, 403);
    let token = &world.tokens[&("site_admin".to_owned(), "own".to_owned())];
    let mut admin = Client::tcp(world.site.admin.unwrap(), token);
    let done = admin.ask("PATCH", "sites/own", r#"{"name": "Own"}"#, &["Ztpd-On-Behalf-Of: carla@example.com"]);
    assert_eq!(done.status, 200, "{done:?}");
    let mut all = Client::unix(&world.site.socket);
    let act = all.get("audit?kind=site&id=own&action=replace").json()["items"][0].clone();
    assert_eq!((&act["actor"], &act["on_behalf_of"]), (&"token site-admin-own".into(), &"carla@example.com".into()));
}
