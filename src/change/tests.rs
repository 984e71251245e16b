//! From a file to the inventory and back, on a store in memory.

use jiff::Timestamp;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::csv::{CsvFaults, FileKind, Mode, Outcome, export, import};
use super::{Ground, apply, losses, plan};
use crate::inventory::device::Owner;
use crate::inventory::period::Period;
use crate::inventory::plan::{Plan, PlanState, RecordDeed, RecordKind};
use crate::inventory::secret::Secret;
use crate::inventory::site::SiteId;
use crate::store::memory::MemoryStore;
use crate::store::{Actor, Conflict, DeviceSecrets, EnrolRules, PageRequest, Store, StoreError, WindowPolicy};
use crate::templates::Templates;

fn by() -> Actor {
    let time = Timestamp::from_second(1_800_000_000).unwrap();
    Actor { name: "root".into(), on_behalf_of: None, time, boot_ms: 60_000 }
}

fn rules() -> EnrolRules {
    EnrolRules { devices_per_user: 9, windows: WindowPolicy { now: by().time, lasts: Period::hours(24) } }
}

/// A store with the sites `hq` (main) and `lab` (networks).
fn two_sites() -> MemoryStore {
    let store = MemoryStore::new();
    for site in [json!({"id": "hq", "name": "HQ"}), json!({"id": "lab", "name": "Lab", "networks": ["10.0.0.0/8"]})] {
        store.create_site(serde_json::from_value(site).unwrap(), &by()).unwrap();
    }
    store
}

fn add_user(store: &dyn Store, user: Value) {
    store.create_user(serde_json::from_value(user).unwrap(), Secret::new("sip".into()), &by()).unwrap();
}

fn add_area(store: &dyn Store, area: Value) {
    store.create_common_area(serde_json::from_value(area).unwrap(), Secret::new("sip".into()), &by()).unwrap();
}

fn add_device(store: &dyn Store, device: Value) {
    let secrets = DeviceSecrets {
        token: Secret::new(device["mac"].as_str().unwrap().to_owned()),
        admin_password: Secret::new("admin".into()),
    };
    store.enrol(serde_json::from_value(device).unwrap(), secrets, &rules(), &by()).unwrap();
}

fn with_ground<T>(
    store: &dyn Store,
    may: &dyn Fn(RecordKind, &SiteId) -> bool,
    what: impl FnOnce(&Ground<'_>) -> T,
) -> T {
    thread_local! {
        static TEMPLATES: Templates = Templates::load(None).unwrap();
    }
    TEMPLATES
        .with(|templates| what(&Ground { store, templates, rules: rules(), may, forbids: &|_, _| None, by: &by() }))
}

fn read(store: &dyn Store, kind: FileKind, mode: Mode, text: &str) -> Result<Outcome, CsvFaults> {
    with_ground(store, &|_, _| true, |ground| import(ground, kind, mode, text.as_bytes()).unwrap())
}

fn users(store: &dyn Store, text: &str) -> Result<Outcome, CsvFaults> {
    read(store, FileKind::Users, Mode::Exact, text)
}

fn kept(store: &dyn Store, outcome: Outcome) -> Plan {
    let plan = plan(outcome.draft, outcome.warnings, vec![], "test".into(), String::new(), &by());
    let head = store.keep_plan(plan).unwrap();
    store.plan(head.id).unwrap().unwrap()
}

fn apply_it(store: &dyn Store, plan: &Plan) -> Result<(), StoreError> {
    let set = apply::forwards(store, plan, rules())?;
    store.apply_plan(plan.head.id, set, &by()).map(|_| ())
}

fn undo_it(store: &dyn Store, plan: &Plan) -> Result<(), StoreError> {
    let plan = store.plan(plan.head.id).unwrap().unwrap();
    let set = apply::backwards(store, &plan, rules())?;
    store.undo_plan(plan.head.id, set, &by()).map(|_| ())
}

fn told(faults: &CsvFaults) -> Vec<(u64, &str, &str)> {
    faults.shown.iter().map(|fault| (fault.row, fault.column.as_str(), fault.code)).collect()
}

/// Everything but revisions, history and secrets.
fn inventory(store: &dyn Store) -> String {
    let all = PageRequest { after: None, limit: usize::MAX };
    let users: Vec<_> = store.users(&all).unwrap().into_iter().map(|user| user.value).collect();
    let areas: Vec<_> = store.common_areas(&all).unwrap().into_iter().map(|area| area.value).collect();
    let devices: Vec<_> = store.devices(&all).unwrap().into_iter().map(|device| device.value).collect();
    let access: Vec<_> = devices.iter().map(|device| store.access(device.mac).unwrap()).collect();
    let owned: Vec<_> = users
        .iter()
        .map(|user| Owner::User(user.id.clone()))
        .map(|owner| (store.devices_of(&owner).unwrap(), store.appearances_of(&owner).unwrap()))
        .collect();
    format!("{users:#?}{areas:#?}{devices:#?}{access:#?}{owned:#?}{:?}", store.counts().unwrap())
}

const HEADER: &str = "Email,First Name,Last Name,Site Name,Extension Number,Desk Phone 1's Brand,Desk Phone 1's Model,\
                      Desk Phone 1's MAC Address\n";

fn furnished() -> MemoryStore {
    let store = two_sites();
    add_user(&store, json!({"id": "alice@example.com", "first_name": "Alice", "last_name": "Doe", "site": "lab"}));
    add_user(&store, json!({"id": "bob@example.com", "first_name": "Bob", "site": "hq", "extension": "2000"}));
    for (mac, owner) in [("00:15:65:00:00:01", "alice"), ("00:15:65:00:00:02", "bob")] {
        let owner = json!({"user": format!("{owner}@example.com")});
        add_device(&store, json!({"mac": mac, "maker": "yealink", "model": "T46U", "site": "hq", "assignment": owner}));
    }
    store
}

#[test]
fn a_file_that_names_only_the_new_phone_says_what_it_would_cost() {
    let store = furnished();
    let file = "Email,Desk Phone 1's Brand,Desk Phone 1's Model,Desk Phone 1's MAC Address\n\
                alice@example.com,Yealink,SIP-T54W,0015.6500.0009\n";
    let before = inventory(&store);
    let kept = kept(&store, users(&store, file).unwrap());
    let lost: Vec<(String, Value, bool)> =
        losses(&kept.changes).into_iter().map(|loss| (loss.field, loss.value, loss.grave)).collect();
    assert_eq!(
        lost,
        [
            ("assignment".into(), json!({"user": "alice@example.com"}), true),
            ("first_name".into(), json!("Alice"), false),
            ("last_name".into(), json!("Doe"), false),
        ]
    );
    let codes: Vec<&str> = kept.warnings.iter().map(|warning| warning.code.as_str()).collect();
    assert_eq!(codes, ["column_absent", "column_absent", "main_site"]);
    apply_it(&store, &kept).unwrap();
    let alice = store.user(&"alice@example.com".parse().unwrap()).unwrap().unwrap().value;
    assert_eq!((alice.last_name.as_str(), alice.site.as_str()), ("", "hq"));
    assert_eq!(alice.extension.as_ref().unwrap().as_str(), "1000", "an extension is never lost");
    let owner = Owner::User(alice.id);
    assert_eq!(store.devices_of(&owner).unwrap(), ["00:15:65:00:00:09".parse().unwrap()]);
    undo_it(&store, &kept).unwrap();
    assert_eq!(inventory(&store), before);
    assert_eq!(store.plan(kept.head.id).unwrap().unwrap().head.state, PlanState::Undone);
}

#[test]
fn in_merge_mode_the_same_file_loses_nothing() {
    let store = furnished();
    let file = "Email,Desk Phone 1's Brand,Desk Phone 1's Model,Desk Phone 1's MAC Address\n\
                alice@example.com,Yealink,SIP-T54W,0015.6500.0009\n";
    let outcome = read(&store, FileKind::Users, Mode::Merge, file).unwrap();
    assert_eq!(losses(&outcome.draft.changes), []);
    assert_eq!(outcome.draft.changes.len(), 1);
    assert!(matches!(outcome.draft.changes[0].deed, RecordDeed::Create(_)));
    assert_eq!(outcome.warnings, []);
}

#[test]
fn two_users_swap_their_phones_and_their_extensions() {
    let store = furnished();
    let before = inventory(&store);
    let file = format!(
        "{HEADER}alice@example.com,Alice,Doe,Lab,2000,yealink,T46U,001565000002\n\
         bob@example.com,Bob,,HQ,1000,yealink,T46U,001565000001\n"
    );
    let kept = kept(&store, users(&store, &file).unwrap());
    assert_eq!(kept.changes.len(), 4);
    apply_it(&store, &kept).unwrap();
    let extension =
        |name: &str| store.user(&name.parse().unwrap()).unwrap().unwrap().value.extension.unwrap().to_string();
    assert_eq!((extension("alice@example.com"), extension("bob@example.com")), ("2000".into(), "1000".into()));
    assert_eq!(store.holder_of(&"2000".parse().unwrap()).unwrap().unwrap().to_string(), "user alice@example.com");
    assert_eq!(users(&store, &file).unwrap().draft.changes, [], "said again, it changes nothing");
    undo_it(&store, &kept).unwrap();
    assert_eq!(inventory(&store), before);
}

#[test]
fn new_people_get_the_next_free_extensions_that_nobody_else_in_the_file_asks_for() {
    let store = furnished();
    let file = "Email,Extension Number\nx@example.com,\ny@example.com,0\nz@example.com,1001\n";
    let outcome = users(&store, file).unwrap();
    let extensions: Vec<&str> = outcome
        .draft
        .changes
        .iter()
        .map(|change| match &change.deed {
            RecordDeed::Create(value) => value["extension"].as_str().unwrap(),
            RecordDeed::Change(_) => panic!("{change:?}"),
        })
        .collect();
    assert_eq!(extensions, ["1002", "1003", "1001"]);
    let kept = kept(&store, outcome);
    apply_it(&store, &kept).unwrap();
    let z = store.user(&"y@example.com".parse().unwrap()).unwrap().unwrap().value;
    assert_eq!(z.extension.unwrap().as_str(), "1003", "what was shown is what was given");
}

#[test]
fn every_fault_has_its_row_and_column_and_nothing_is_planned() {
    let store = furnished();
    let file = format!(
        "{HEADER}nobody,,,,,,,\nalice@example.com,\u{202e}x,,Nowhere,12a,Yealnk,T46U,xyz\n\
         bob@example.com,,,HQ,,Yealink,T64U,\nBOB@example.com,,,,,,,\n"
    );
    let faults = users(&store, &file).unwrap_err();
    assert_eq!(
        told(&faults),
        [
            (2, "Email", "invalid"),
            (3, "First Name", "invalid"),
            (3, "Site Name", "unknown_site"),
            (3, "Extension Number", "invalid"),
            (3, "Desk Phone 1's Brand", "unknown_maker"),
            (3, "Desk Phone 1's MAC Address", "invalid"),
            (4, "Desk Phone 1's MAC Address", "incomplete_phone"),
            (5, "Email", "twice"),
        ]
    );
    let brand = &faults.shown[4];
    assert!(brand.message.contains("did you mean Yealink?") && brand.value == "Yealnk", "{brand:?}");
}

#[test]
fn what_only_the_whole_can_tell_is_told_by_row_and_column_too() {
    let store = furnished();
    let row = |row: &str| {
        told(&users(&store, &format!("{HEADER}{row}\n")).unwrap_err())
            .into_iter()
            .map(|(row, column, code)| (row, column.to_owned(), code.to_owned()))
            .collect::<Vec<_>>()
    };
    let one = |column: &str, code: &str| vec![(2, column.to_owned(), code.to_owned())];
    assert_eq!(row("alice@example.com,,,Lab,2000,,,"), one("Extension Number", "extension_taken"));
    let taken = row("alice@example.com,,,Lab,,Yealink,T46U,00:15:65:00:00:02");
    assert_eq!(taken, one("Desk Phone 1's MAC Address", "mac_taken"));
    let ten: String = (1..=10)
        .map(|slot| format!(",Desk Phone {slot} Brand,Desk Phone {slot} Model,Desk Phone {slot} MAC Address"))
        .collect();
    let phones: String = (1..=10).map(|number| format!(",Yealink,T46U,0015651000{number:02}")).collect();
    let faults = users(&store, &format!("Email{ten}\nnew@example.com{phones}\n")).unwrap_err();
    assert_eq!(told(&faults), [(2, "Desk Phone 10's MAC Address", "device_limit")]);
}

#[test]
fn a_plan_is_refused_once_the_inventory_is_another_one() {
    let store = furnished();
    let kept = kept(&store, users(&store, "Email,Site\nnew@example.com,Lab\n").unwrap());
    add_user(&store, json!({"id": "zoe@example.com", "site": "hq"}));
    let refused = apply_it(&store, &kept).unwrap_err();
    assert_eq!(refused, StoreError::Conflict(Conflict::PlanStale(kept.head.id)));
    assert_eq!(store.plan(kept.head.id).unwrap().unwrap().head.state, PlanState::Stale);
    assert_eq!(store.user(&"new@example.com".parse().unwrap()).unwrap(), None);
}

#[test]
fn an_undo_says_what_was_changed_since_and_changes_nothing() {
    let store = furnished();
    let file =
        format!("{HEADER}new@example.com,New,,Lab,,Yealink,T46U,00:15:65:00:00:07\nbob@example.com,Bobby,,HQ,,,,\n");
    let kept = kept(&store, users(&store, &file).unwrap());
    apply_it(&store, &kept).unwrap();
    let bob = store.user(&"bob@example.com".parse().unwrap()).unwrap().unwrap().value;
    let bob = crate::inventory::user::User { last_name: "Late".parse().unwrap(), ..bob };
    store.replace_user(bob, crate::store::Expected::Any, None, &by()).unwrap();
    let before = inventory(&store);
    let StoreError::Conflict(Conflict::Together(refused)) = undo_it(&store, &kept).unwrap_err() else { panic!() };
    let ids: Vec<&str> = refused.iter().map(|refusal| refusal.id.as_str()).collect();
    assert_eq!(ids, ["bob@example.com"]);
    assert_eq!(inventory(&store), before);
    assert_eq!(undo_it(&store, &kept).unwrap_err(), StoreError::Conflict(Conflict::Together(refused)));
}

#[test]
fn a_phone_that_was_given_its_settings_is_not_taken_back() {
    let store = furnished();
    let file = format!("{HEADER}new@example.com,New,,Lab,,Yealink,T46U,00:15:65:00:00:07\n");
    let kept = kept(&store, users(&store, &file).unwrap());
    apply_it(&store, &kept).unwrap();
    store.begin_claim("001565000007".parse().unwrap(), [10, 0, 0, 7].into(), by().time, true).unwrap();
    let refused = undo_it(&store, &kept).unwrap_err().to_string();
    assert!(refused.contains("given its settings since"), "{refused}");
}

#[test]
fn what_is_out_of_scope_is_not_there() {
    let store = furnished();
    let lab = |_: RecordKind, site: &SiteId| site.as_str() == "lab";
    let try_it = |file: &str| {
        let outcome =
            with_ground(&store, &lab, |ground| import(ground, FileKind::Users, Mode::Exact, file.as_bytes()).unwrap());
        outcome.map(|outcome| outcome.draft.changes.len()).map_err(|faults| {
            let first = &faults.shown[0];
            (first.column.clone(), first.code, first.message.clone())
        })
    };
    assert_eq!(try_it("Email,Site\nx@example.com,Lab\n"), Ok(1));
    let (column, code, message) = try_it("Email,Site\nbob@example.com,Lab\n").unwrap_err();
    assert_eq!((column.as_str(), code, message.as_str()), ("Email", "not_found", "there is no user bob@example.com"));
    assert_eq!(try_it("Email,Site\nx@example.com,HQ\n").unwrap_err().1, "unknown_site");
    assert_eq!(try_it("Email\nx@example.com\n").unwrap_err().1, "unknown_site");
}

#[test]
fn common_areas_are_known_by_name_within_their_site() {
    let store = two_sites();
    add_area(&store, json!({"id": "lobby", "name": "Lobby", "site": "hq", "locale": "de-DE"}));
    let header =
        "Display Name,Site Name,Language,Desk Phone 1's Brand,Desk Phone 1's Model,Desk Phone 1's MAC Address\n";
    let file = format!("{header}Lobby,HQ,de-DE,Snom,D785,00:04:13:00:00:01\nLobby,Lab,,,,\n");
    let kept = kept(&store, read(&store, FileKind::CommonAreas, Mode::Exact, &file).unwrap());
    let ids: Vec<&str> = kept.changes.iter().map(|change| change.id.as_str()).collect();
    assert_eq!(ids, ["00:04:13:00:00:01", "lab-lobby"]);
    apply_it(&store, &kept).unwrap();
    assert_eq!(read(&store, FileKind::CommonAreas, Mode::Exact, &file).unwrap().draft.changes, []);
    let faults = read(&store, FileKind::CommonAreas, Mode::Merge, "Display Name\nLobby\n").unwrap_err();
    assert_eq!(told(&faults), [(2, "Display Name", "ambiguous")]);
    let short = read(&store, FileKind::CommonAreas, Mode::Exact, "Display Name\nAB\n").unwrap_err();
    assert_eq!(told(&short), [(2, "Display Name", "invalid")]);
}

#[test]
fn a_file_of_devices_says_whose_they_are() {
    let store = furnished();
    add_area(&store, json!({"id": "lobby", "name": "Lobby", "site": "hq", "extension": "1500"}));
    let header = "MAC Address,Display Name,Brand,Model,Site Name,Assigned To\n";
    let file = format!(
        "{header}00:15:65:00:00:01,Desk,Yealink,T46U,HQ,\"bob@example.com, ext:1500\"\n00:15:65:00:00:09,,Poly,VVX 450,,\n"
    );
    let kept = kept(&store, read(&store, FileKind::Devices, Mode::Exact, &file).unwrap());
    apply_it(&store, &kept).unwrap();
    let device = store.device("001565000001".parse().unwrap()).unwrap().unwrap().value;
    assert_eq!(device.assignment.unwrap().to_string(), "user bob@example.com");
    assert_eq!(device.lines[0].owner.to_string(), "common area lobby");
    let fault = |row: &str| {
        told(&read(&store, FileKind::Devices, Mode::Exact, &format!("{header}{row}\n")).unwrap_err())[0].2.to_owned()
    };
    assert_eq!(fault("00:15:65:00:00:01,,Yealink,T46U,,nobody@example.com"), "unknown_reference");
    assert_eq!(fault("00:15:65:00:00:01,,,T46U,,"), "required");
    assert_eq!(fault("00:15:65:00:00:01,,Yealink,T46X,,"), "unknown_model");
}

/// What a name may be: also what a spreadsheet would calculate.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Za-z]{0,8}",
        "['=+@,;\" a-c\u{fc}＝-]{0,6}",
        Just("+4930123456".to_owned()),
        Just("李小龍".to_owned())
    ]
}

/// Users with name and site; places with name and site; phones with their model, owner and further lines.
type Furniture = (
    Vec<(String, String, bool)>,
    Vec<(String, bool)>,
    std::collections::BTreeMap<u8, (usize, bool, Option<usize>, Vec<usize>)>,
);

fn furniture() -> impl Strategy<Value = Furniture> {
    let users = vec((name(), name(), any::<bool>()), 0..6);
    let areas = vec((name(), any::<bool>()), 0..4);
    let device = (0..3usize, any::<bool>(), proptest::option::of(0..10usize), btree_set(0..10usize, 0..3));
    let device = device.prop_map(|(model, site, owner, lines)| (model, site, owner, lines.into_iter().collect()));
    (users, areas, btree_map(1..40u8, device, 0..12))
}

fn furnish(store: &dyn Store, (users, areas, devices): &Furniture) {
    let site = |lab: &bool| if *lab { "lab" } else { "hq" };
    let flat = json!({"id": "flat", "name": "Flat", "did_limit": 3});
    store.create_package(serde_json::from_value(flat).unwrap(), &by()).unwrap();
    let mut owners = Vec::new();
    for (number, (first, last, lab)) in users.iter().enumerate() {
        add_user(
            store,
            json!({"id": format!("u{number}@example.com"), "first_name": first, "last_name": last, "site": site(lab)}),
        );
        owners.push(json!({"user": format!("u{number}@example.com")}));
    }
    for (number, (name, lab)) in areas.iter().enumerate() {
        add_area(store, json!({"id": format!("a{number}"), "name": format!("The {name}"), "site": site(lab)}));
        owners.push(json!({"common_area": format!("a{number}")}));
    }
    for (last, (model, lab, owner, lines)) in devices {
        let [maker, model] = [["yealink", "T46U"], ["snom", "D785"], ["poly", "VVX450"]][*model];
        let owner = owner.and_then(|owner| owners.get(owner));
        let others = lines.iter().filter_map(|line| owners.get(*line)).filter(|line| Some(*line) != owner);
        let lines: Vec<Value> = (2..)
            .zip(others)
            .map(|(index, other): (u8, &Value)| {
                let mut line = other.clone();
                line["index"] = json!(index);
                line["label"] = json!("L");
                line
            })
            .collect();
        add_device(
            store,
            json!({"mac": format!("00:15:65:00:01:{last:02x}"), "maker": maker, "model": model,
            "site": site(lab), "assignment": owner, "lines": lines}),
        );
    }
}

proptest! {
    #[test]
    fn what_is_exported_changes_nothing_when_it_is_read_again(furniture in furniture()) {
        let store = two_sites();
        furnish(&store, &furniture);
        for kind in FileKind::ALL.iter().copied() {
            let file = export(&store, kind, &|_, _| true).unwrap();
            for mode in [Mode::Exact, Mode::Merge] {
                let outcome = with_ground(&store, &|_, _| true, |ground| import(ground, kind, mode, &file).unwrap());
                let outcome = outcome.map(|outcome| (outcome.draft.changes, outcome.warnings));
                prop_assert_eq!(outcome, Ok((vec![], vec![])), "{:?} {:?}\n{}", kind, mode, String::from_utf8_lossy(&file));
            }
        }
    }

    #[test]
    fn an_undo_restores_what_was_there(from in furniture(), to in furniture()) {
        let (store, other) = (two_sites(), two_sites());
        furnish(&store, &from);
        furnish(&other, &to);
        let before = inventory(&store);
        for kind in [FileKind::CommonAreas, FileKind::Numbers, FileKind::Users] {
            let file = export(&other, kind, &|_, _| true).unwrap();
            // What cannot be is refused, and tried with the other kind.
            let Ok(outcome) = read(&store, kind, Mode::Exact, &String::from_utf8(file).unwrap()) else { continue };
            let kept = kept(&store, outcome);
            apply_it(&store, &kept).unwrap();
            undo_it(&store, &kept).unwrap();
            prop_assert_eq!(inventory(&store), before.clone());
        }
    }
}
