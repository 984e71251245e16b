use std::collections::BTreeSet;
use std::sync::Barrier;

use super::*;
use crate::inventory::number::{Number, PhoneNumber};
use crate::inventory::package::{Licence, Package, PackageError};
use crate::inventory::settings_template::SettingsTemplate;
use crate::inventory::user::Status;
use crate::store::Expected;

fn number(last: u32) -> PhoneNumber {
    format!("+49401234{last:02}").parse().unwrap()
}

fn listed(store: &dyn Store, last: u32, site: &str) {
    let number: Number = serde_json::from_value(json!({"number": number(last), "site": site})).unwrap();
    store.create_number(number, &by()).unwrap();
}

fn package(json: serde_json::Value) -> Package {
    serde_json::from_value(json).unwrap()
}

fn plan(seats: u32, did_limit: u16) -> Package {
    package(json!({"id": "plan", "name": "Plan", "seats": seats, "did_limit": did_limit}))
}

/// Two sites, the numbers 1 to 5, and a plan with two seats and two numbers.
fn stocked() -> MemoryStore {
    let store = two_sites();
    (1..=5).for_each(|last| listed(&store, last, "hq"));
    store.create_package(plan(2, 2), &by()).unwrap();
    store
}

fn with(name: &str, packages: &[&str], numbers: &[u32]) -> User {
    User {
        packages: packages.iter().map(|id| id.parse().unwrap()).collect(),
        numbers: numbers.iter().map(|last| number(*last)).collect(),
        ..user(name, "hq")
    }
}

fn add(store: &dyn Store, user: User) -> Stored<()> {
    store.create_user(user, password(), &by()).map(|_| ())
}

fn set(store: &dyn Store, user: User) -> Stored<()> {
    store.replace_user(user, Expected::Any, None, &by()).map(|_| ())
}

fn found(store: &dyn Store, name: &str) -> User {
    store.user(&format!("{name}@example.com").parse().unwrap()).unwrap().unwrap().value
}

#[test]
fn a_number_is_given_out_of_the_inventory_and_to_one_alone() {
    let store = stocked();
    assert_eq!(conflict(add(&store, with("a", &["plan"], &[9]))), Conflict::NumberNotListed(number(9)));
    add(&store, with("a", &["plan"], &[1, 2])).unwrap();
    let taken = Conflict::NumberTaken { number: number(2), owner: user_owner("a") };
    assert_eq!(conflict(add(&store, with("b", &["plan"], &[2]))), taken);
    assert_eq!(store.number_owner(&number(2)).unwrap(), Some(user_owner("a")));
    assert_eq!(conflict(set(&store, with("a", &["plan"], &[1, 1]))), Conflict::NumberTwice(number(1)));
    let used = Conflict::InUse { kind: "number", id: number(1).to_string(), by: "user a@example.com".into() };
    assert_eq!(conflict(store.remove_number(&number(1), Expected::Any, &by())), used);
    let pending = json!({"number": number(1), "site": "hq", "status": "pending"});
    let pending: Number = serde_json::from_value(pending).unwrap();
    assert_eq!(conflict(store.replace_number(pending.clone(), Expected::Any, &by())), used);

    // Who gives it up, or goes, leaves it to others.
    set(&store, with("a", &["plan"], &[1])).unwrap();
    add(&store, with("b", &["plan"], &[2])).unwrap();
    store.remove_user(&"a@example.com".parse().unwrap(), Expected::Any, &by()).unwrap();
    assert_eq!(store.number_owner(&number(1)).unwrap(), None);
    store.replace_number(pending, Expected::Any, &by()).unwrap();
    assert_eq!(conflict(set(&store, with("b", &["plan"], &[2, 1]))), Conflict::NumberPending(number(1)));
    store.remove_number(&number(1), Expected::Any, &by()).unwrap();
}

#[test]
fn numbers_come_with_a_plan_and_only_so_many() {
    let store = stocked();
    let none = Conflict::NumberNeedsPlan { owner: user_owner("a"), state: Licence::Basic };
    assert_eq!(conflict(add(&store, with("a", &[], &[1]))), none);
    let limit = |count, limit| Conflict::NumberLimit { owner: user_owner("a"), count, limit };
    assert_eq!(conflict(add(&store, with("a", &["plan"], &[1, 2, 3]))), limit(3, 2));
    add(&store, with("a", &["plan"], &[1, 2])).unwrap();
    assert_eq!(store.entitlements(&user_owner("a")).unwrap().state, Licence::Licensed);
    // Neither does the plan go while there are numbers, nor does the catalogue take what somebody has.
    assert_eq!(conflict(set(&store, with("a", &[], &[1, 2]))), none);
    assert_eq!(conflict(store.replace_package(plan(2, 1), Expected::Any, &by())), limit(2, 1));
    set(&store, with("a", &[], &[])).unwrap();
    assert_eq!(store.entitlements(&user_owner("a")).unwrap().state, Licence::Basic);
    store.replace_package(plan(2, 1), Expected::Any, &by()).unwrap();
}

#[test]
fn seats_are_taken_and_left_in_the_same_change() {
    let store = stocked();
    for name in ["a", "b"] {
        add(&store, with(name, &["plan"], &[])).unwrap();
    }
    let full = Conflict::NoSeat { package: "plan".parse().unwrap(), seats: 2, taken: 3 };
    assert_eq!(conflict(add(&store, with("c", &["plan"], &[]))), full);
    assert!(full.to_string().contains("package plan has 2 seats") && full.to_string().contains("1 too many"), "{full}");
    assert_eq!(store.user(&"c@example.com".parse().unwrap()).unwrap(), None);
    let fewer = Conflict::NoSeat { package: "plan".parse().unwrap(), seats: 1, taken: 2 };
    assert_eq!(conflict(store.replace_package(plan(1, 2), Expected::Any, &by())), fewer);

    // Whoever is inactive takes none, and needs one to come back.
    set(&store, User { status: Some(Status::Inactive), ..with("a", &["plan"], &[]) }).unwrap();
    add(&store, with("c", &["plan"], &[])).unwrap();
    assert_eq!(conflict(set(&store, User { status: Some(Status::Active), ..with("a", &["plan"], &[]) })), full);
    store.remove_user(&"b@example.com".parse().unwrap(), Expected::Any, &by()).unwrap();
    set(&store, User { status: Some(Status::Active), ..with("a", &["plan"], &[]) }).unwrap();
    assert_eq!(store.seats_taken(&"plan".parse().unwrap()).unwrap(), 2);
    let used = Conflict::InUse { kind: "package", id: "plan".into(), by: "user a@example.com".into() };
    assert_eq!(conflict(store.remove_package(&"plan".parse().unwrap(), Expected::Any, &by())), used);
    for name in ["a", "c"] {
        set(&store, with(name, &[], &[])).unwrap();
    }
    assert_eq!(store.seats_taken(&"plan".parse().unwrap()).unwrap(), 0);
    store.remove_package(&"plan".parse().unwrap(), Expected::Any, &by()).unwrap();
}

#[test]
fn a_bundle_gives_its_parts_and_none_of_their_seats() {
    let store = stocked();
    let bundle = json!({"id": "all", "name": "All", "kind": "bundle", "seats": 5, "includes": ["plan"]});
    store.create_package(package(bundle.clone()), &by()).unwrap();
    add(&store, with("a", &["all"], &[1, 2])).unwrap();
    assert_eq!(store.seats_taken(&"plan".parse().unwrap()).unwrap(), 0);
    assert_eq!(store.seats_taken(&"all".parse().unwrap()).unwrap(), 1);
    let used = Conflict::InUse { kind: "package", id: "plan".into(), by: "the bundle all".into() };
    assert_eq!(conflict(store.remove_package(&"plan".parse().unwrap(), Expected::Any, &by())), used);
    let limit = Conflict::NumberLimit { owner: user_owner("a"), count: 2, limit: 1 };
    assert_eq!(conflict(store.replace_package(plan(2, 1), Expected::Any, &by())), limit, "also by way of the bundle");
    let empty = Package { includes: BTreeSet::new(), ..package(bundle) };
    let refused = conflict(store.replace_package(empty, Expected::Any, &by()));
    assert_eq!(refused, Conflict::Package(PackageError::EmptyBundle));
    let nested = json!({"id": "nested", "name": "N", "kind": "bundle", "includes": ["all"]});
    assert!(matches!(conflict(store.create_package(package(nested), &by())), Conflict::Package(_)));
}

#[test]
fn a_package_may_wait_for_an_administrator_and_be_for_some_countries_alone() {
    let store = stocked();
    let waiting = json!({"id": "later", "name": "Later", "auto_provision": false});
    store.create_package(package(waiting), &by()).unwrap();
    add(&store, with("a", &["later"], &[])).unwrap();
    assert_eq!(found(&store, "a").status, Some(Status::Pending));
    set(&store, with("a", &["later"], &[])).unwrap();
    assert_eq!(found(&store, "a").status, Some(Status::Pending), "what is not said stays");
    set(&store, User { status: Some(Status::Active), ..with("a", &["later"], &[]) }).unwrap();
    add(&store, User { status: Some(Status::Active), ..with("b", &["later"], &[]) }).unwrap();
    add(&store, with("c", &[], &[])).unwrap();
    assert_eq!(["a", "b", "c"].map(|name| found(&store, name).status.unwrap()), [Status::Active; 3]);

    let local = json!({"id": "local", "name": "Local", "regions": ["DE", "AT"]});
    store.create_package(package(local), &by()).unwrap();
    let elsewhere = Conflict::PackageElsewhere {
        package: "local".parse().unwrap(),
        site: "hq".parse().unwrap(),
        regions: "AT, DE".into(),
    };
    assert_eq!(conflict(set(&store, with("c", &["local"], &[]))), elsewhere);
    let german = Site { country: "DE".parse().ok(), main: true, ..site("hq") };
    store.replace_site(german, Expected::Any, &windows(0), &by()).unwrap();
    set(&store, with("c", &["local"], &[])).unwrap();
    let moved = User { site: "lab".parse().unwrap(), ..with("c", &["local"], &[]) };
    assert!(matches!(conflict(set(&store, moved)), Conflict::PackageElsewhere { .. }));
}

#[test]
fn who_has_no_extension_gets_one_with_a_plan_and_keeps_it_as_long() {
    let store = stocked();
    let without = |packages: &[&str]| User { without_extension: true, ..with("a", packages, &[]) };
    let extension = || found(&store, "a").extension.map(|extension| extension.to_string());
    add(&store, without(&[])).unwrap();
    assert_eq!((extension(), store.entitlements(&user_owner("a")).unwrap().state), (None, Licence::None));
    assert!(!store.backend_rows().iter().any(|key| key.starts_with("extension/")));
    set(&store, without(&["plan"])).unwrap();
    assert_eq!((extension(), found(&store, "a").without_extension), (Some("1000".to_owned()), false));
    assert_eq!(conflict(set(&store, without(&["plan"]))), Conflict::PlanNeedsExtension(user_owner("a")));
    set(&store, without(&[])).unwrap();
    assert_eq!(extension(), None);
    // Whoever is given one by name has one; so has who is to have any.
    set(&store, User { extension: "1234".parse().ok(), ..without(&[]) }).unwrap();
    assert_eq!(extension(), Some("1234".to_owned()));
    set(&store, without(&[])).unwrap();
    set(&store, with("a", &[], &[])).unwrap();
    assert_eq!(extension(), Some("1000".to_owned()));
    store.remove_user(&"a@example.com".parse().unwrap(), Expected::Any, &by()).unwrap();
    assert_eq!(store.backend_rows(), stocked().backend_rows());
}

#[test]
fn the_called_see_a_number_of_ones_own_or_of_no_other_person() {
    let store = stocked();
    add(&store, with("a", &["plan"], &[1])).unwrap();
    let showing = |last| User { outbound_caller_id: Some(number(last)), ..with("b", &["plan"], &[2]) };
    assert_eq!(conflict(add(&store, showing(9))), Conflict::NumberNotListed(number(9)));
    let taken = Conflict::CallerIdTaken { number: number(1), owner: user_owner("a") };
    assert_eq!(conflict(add(&store, showing(1))), taken);
    add(&store, showing(2)).unwrap();
    // The company's number stays the company's while somebody shows it; a place may have it.
    set(&store, showing(3)).unwrap();
    let by_b = "user b@example.com as outbound caller id".to_owned();
    let used = Conflict::InUse { kind: "number", id: number(3).to_string(), by: by_b };
    assert_eq!(conflict(store.remove_number(&number(3), Expected::Any, &by())), used);
    assert_eq!(conflict(set(&store, with("a", &["plan"], &[1, 3]))), used);
    store.replace_package(plan(3, 2), Expected::Any, &by()).unwrap();
    let lobby = CommonArea {
        packages: BTreeSet::from(["plan".parse().unwrap()]),
        numbers: vec![number(3)],
        ..area("lobby", "hq")
    };
    store.create_common_area(lobby, password(), &by()).unwrap();
    set(&store, with("b", &["plan"], &[2])).unwrap();
    set(&store, User { outbound_caller_id: Some(number(2)), ..with("b", &["plan"], &[2]) }).unwrap();
    // A number that is given up may still be shown: it is the company's then.
    set(&store, User { outbound_caller_id: Some(number(2)), ..with("b", &["plan"], &[]) }).unwrap();
    assert!(matches!(conflict(set(&store, with("a", &["plan"], &[2]))), Conflict::InUse { .. }));
}

#[test]
fn a_settings_template_is_for_its_site_and_stays_while_it_is_named() {
    let store = two_sites();
    let template = |site: Option<&str>| SettingsTemplate {
        site: site.map(|site| site.parse().unwrap()),
        ..serde_json::from_value(json!({"id": "sales", "name": "Sales"})).unwrap()
    };
    let naming = |name, site| User { settings_template: "sales".parse().ok(), ..user(name, site) };
    let unknown = Conflict::Unknown { kind: "settings template", id: "sales".into() };
    assert_eq!(conflict(add(&store, naming("a", "hq"))), unknown);
    store.create_settings_template(template(Some("lab")), &by()).unwrap();
    assert!(matches!(conflict(add(&store, naming("a", "hq"))), Conflict::TemplateElsewhere { .. }));
    add(&store, naming("a", "lab")).unwrap();
    let elsewhere = conflict(store.replace_settings_template(template(Some("hq")), Expected::Any, &by()));
    assert!(matches!(elsewhere, Conflict::InUse { .. }));
    store.replace_settings_template(template(None), Expected::Any, &by()).unwrap();
    add(&store, naming("b", "hq")).unwrap();
    let id = "sales".parse().unwrap();
    assert!(matches!(conflict(store.remove_settings_template(&id, Expected::Any, &by())), Conflict::InUse { .. }));
    for (name, site) in [("a", "lab"), ("b", "hq")] {
        set(&store, user(name, site)).unwrap();
    }
    store.remove_settings_template(&id, Expected::Any, &by()).unwrap();
}

#[test]
fn a_renamed_users_belongings_and_the_keys_that_point_there_come_along() {
    let store = stocked();
    let key = |name: &str| serde_json::from_value(json!({"position": 2, "kind": "blf", "user": name})).unwrap();
    add(&store, with("bob", &["plan"], &[1])).unwrap();
    add(&store, User { keys: vec![key("bob@example.com")], ..with("alice", &[], &[]) }).unwrap();
    let nobody = User { keys: vec![key("nobody@example.com")], ..with("carol", &[], &[]) };
    assert_eq!(conflict(add(&store, nobody)), Conflict::Unknown { kind: "user", id: "nobody@example.com".into() });
    let own = User { keys: vec![key("bob@example.com")], ..with("bob", &["plan"], &[1]) };
    set(&store, own).unwrap();

    let (bob, robert) = ("bob@example.com".parse().unwrap(), "robert@example.com".parse().unwrap());
    store.rename_user(&bob, robert, Expected::Any, &by()).unwrap();
    assert_eq!(found(&store, "alice").keys[0].owner, Some(user_owner("robert")));
    assert_eq!(found(&store, "robert").keys[0].owner, Some(user_owner("robert")));
    assert_eq!(store.number_owner(&number(1)).unwrap(), Some(user_owner("robert")));
    assert_eq!(store.seats_taken(&"plan".parse().unwrap()).unwrap(), 1);

    store.remove_user(&"robert@example.com".parse().unwrap(), Expected::Any, &by()).unwrap();
    assert_eq!(found(&store, "alice").keys, []);
    store.remove_user(&"alice@example.com".parse().unwrap(), Expected::Any, &by()).unwrap();
    let left = store.backend_rows().into_iter().filter(|key| key.starts_with("use/")).collect::<Vec<_>>();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn eight_hands_reaching_for_the_same_seats_and_numbers_break_no_limit() {
    let store = two_sites();
    (1..=20).for_each(|last| listed(&store, last, "hq"));
    store.create_package(plan(10, 1), &by()).unwrap();
    let barrier = Barrier::new(8);
    let given: usize = std::thread::scope(|scope| {
        let hands: Vec<_> = (0..8u32)
            .map(|hand| {
                let (store, barrier) = (&store, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    let try_one = |turn: u32| {
                        let name = format!("u{hand}-{turn}");
                        match add(store, with(&name, &["plan"], &[turn + 1])) {
                            Ok(()) => true,
                            refused => {
                                let conflict = conflict(refused);
                                assert!(matches!(conflict, Conflict::NoSeat { .. } | Conflict::NumberTaken { .. }));
                                false
                            }
                        }
                    };
                    (0..20).filter(|turn| try_one(*turn)).count()
                })
            })
            .collect();
        hands.into_iter().map(|hand| hand.join().unwrap()).sum()
    });
    assert_eq!((given, store.seats_taken(&"plan".parse().unwrap()).unwrap()), (10, 10));
    let owners: Vec<_> = (1..=20).filter_map(|last| store.number_owner(&number(last)).unwrap()).collect();
    assert_eq!((owners.len(), owners.iter().collect::<BTreeSet<_>>().len()), (10, 10));
}
