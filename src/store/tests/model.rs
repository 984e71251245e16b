//! Whatever is asked in whatever order: memory and disk answer alike, also after closing, and after the tables are
//! lost.

use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::disk::open;
use super::*;
use crate::inventory::access::{ClaimWindow, OpenedBy};
use crate::inventory::account::Account;
use crate::inventory::device::Appearance;
use crate::inventory::extension::Extension;
use crate::inventory::keys::Key;
use crate::inventory::number::{Number, PhoneNumber};
use crate::inventory::package::Package;
use crate::inventory::site::SiteId;
use crate::inventory::user::Status;
use crate::store::sled::SledStore;
use crate::store::{Expected, Opening};

#[derive(Clone, Debug)]
enum Verb {
    Assign(u32, Option<u8>),
    BeginClaim(u32, u8, i64),
    CloseWindow(u32),
    CreateArea(u8, u8),
    CreateSite(u8, bool, bool),
    CreateNumber(u8),
    CreatePackage(u8),
    CreateUser(u8, u8, Option<u8>),
    Enrol(u32, u8, Option<u8>, Option<u8>),
    Equip(u8, u8, bool, Vec<u8>, Option<u8>),
    OpenWindow(u32, u32),
    RemoveArea(u8),
    RemoveDevice(u32),
    RemoveNumber(u8),
    RemoveSite(u8),
    RemoveUser(u8),
    ReplaceDevice(u32, u8, Option<u8>, Option<u8>),
    ReplaceSite(u8, bool, bool),
    ReplaceUser(u8, u8, Option<u8>, u64),
    Rename(u8, u8),
    ReplacePackage(u8, u8),
    Revoke(u32, u32),
    Rotate(u32, u32),
    SetPassword(u8, u8),
    SiteCodes(bool),
    TokenShown(u32, u32),
}

fn verb() -> impl Strategy<Value = Verb> {
    use Verb::*;
    let (phone, place, person) = (1..6u32, 0..3u8, 0..6u8);
    let maybe = || proptest::option::of(0..6u8);
    let number = || 1..12u32;
    prop_oneof![
        (phone.clone(), maybe()).prop_map(|(a, b)| Assign(a, b)),
        (phone.clone(), 0..3u8, 0..3_000i64).prop_map(|(a, b, c)| BeginClaim(a, b, c)),
        phone.clone().prop_map(CloseWindow),
        (person.clone(), place.clone()).prop_map(|(a, b)| CreateArea(a, b)),
        (place.clone(), any::<bool>(), any::<bool>()).prop_map(|(a, b, c)| CreateSite(a, b, c)),
        (0..3u8).prop_map(CreateNumber),
        (0..3u8).prop_map(CreatePackage),
        (person.clone(), place.clone(), maybe()).prop_map(|(a, b, c)| CreateUser(a, b, c)),
        equip(),
        equip(),
        (0..3u8).prop_map(RemoveNumber),
        (person.clone(), person.clone()).prop_map(|(a, b)| Rename(a, b)),
        (0..3u8, 0..3u8).prop_map(|(a, b)| ReplacePackage(a, b)),
        any::<bool>().prop_map(SiteCodes),
        (phone.clone(), place.clone(), maybe(), maybe()).prop_map(|(a, b, c, d)| Enrol(a, b, c, d)),
        (phone.clone(), place.clone(), maybe(), maybe()).prop_map(|(a, b, c, d)| Enrol(a, b, c, d)),
        (phone.clone(), number()).prop_map(|(a, b)| OpenWindow(a, b)),
        person.clone().prop_map(RemoveArea),
        phone.clone().prop_map(RemoveDevice),
        place.clone().prop_map(RemoveSite),
        person.clone().prop_map(RemoveUser),
        (phone.clone(), place.clone(), maybe(), maybe()).prop_map(|(a, b, c, d)| ReplaceDevice(a, b, c, d)),
        (place.clone(), any::<bool>(), any::<bool>()).prop_map(|(a, b, c)| ReplaceSite(a, b, c)),
        (person.clone(), place, maybe(), 0..40u64).prop_map(|(a, b, c, d)| ReplaceUser(a, b, c, d)),
        (number(), number()).prop_map(|(a, b)| Revoke(a, b)),
        (phone.clone(), number()).prop_map(|(a, b)| Rotate(a, b)),
        (person, 0..9u8).prop_map(|(a, b)| SetPassword(a, b)),
        (phone, number()).prop_map(|(a, b)| TokenShown(a, b)),
    ]
}

/// What a user is given: with which site, a plan or not, numbers, and whose key is on the phones.
fn equip() -> impl Strategy<Value = Verb> {
    let numbers = proptest::collection::vec(0..3u8, 0..3);
    (0..6u8, 0..3u8, any::<bool>(), numbers, proptest::option::of(0..6u8))
        .prop_map(|(user, site, plan, numbers, key)| Verb::Equip(user, site, plan, numbers, key))
}

fn a_number(number: u8) -> PhoneNumber {
    format!("+4940000000{number}").parse().unwrap()
}

fn a_package(seats: u8, did_limit: u8) -> Package {
    serde_json::from_value(json!({"id": "plan", "name": "Plan", "seats": seats, "did_limit": did_limit})).unwrap()
}

fn equipped(number: u8, site: u8, plan: bool, numbers: &[u8], key: Option<u8>) -> User {
    let key = key.map(|owner| Key { owner: Some(an_owner(owner)), ..blank_key() });
    User {
        packages: plan.then(|| "plan".parse().unwrap()).into_iter().collect(),
        numbers: numbers.iter().map(|number| a_number(*number)).collect(),
        status: Some(if site == 2 { Status::Inactive } else { Status::Active }),
        keys: key.into_iter().collect(),
        ..a_user(number, site, None)
    }
}

fn blank_key() -> Key {
    serde_json::from_value(json!({"position": 2, "kind": "blf"})).unwrap()
}

fn a_site(number: u8, main: bool, networks: bool) -> Site {
    let ranges = vec!["10-13".parse().unwrap()];
    let code = format!("7{number}").parse().ok();
    let site = Site { main, code, extension_ranges: ranges, ..site(&format!("s{number}")) };
    if networks { with_networks(site) } else { site }
}

fn a_user(number: u8, site: u8, extension: Option<u8>) -> User {
    let extension = extension.map(|extension| format!("1{extension}").parse().unwrap());
    User { extension, ..user(&format!("u{number}"), &format!("s{site}")) }
}

/// The even ones are users, the odd ones places.
fn an_owner(number: u8) -> Owner {
    if number.is_multiple_of(2) { user_owner(&format!("u{number}")) } else { area_owner(&format!("a{number}")) }
}

fn a_device(number: u32, site: u8, owner: Option<u8>, line: Option<u8>) -> Device {
    let line = line.map(|owner| Appearance { index: 2, owner: an_owner(owner), label: "".parse().unwrap() });
    let assignment = owner.map(an_owner);
    Device { assignment, lines: line.into_iter().collect(), ..device(number, &format!("s{site}")) }
}

/// Does it, and says in one text what came of it.
// A table: an arm a verb.
#[allow(clippy::too_many_lines)]
fn run(store: &dyn Store, verb: &Verb) -> String {
    let rules = EnrolRules { devices_per_user: 2, ..rules() };
    let any = Expected::Any;
    match verb.clone() {
        Verb::Assign(phone, owner) => format!("{:?}", store.assign(mac(phone), owner.map(an_owner), any, 2, &by())),
        Verb::BeginClaim(phone, address, time) => {
            format!("{:?}", store.begin_claim(mac(phone), [10, 0, 0, address].into(), at(time), true))
        }
        Verb::CloseWindow(phone) => format!("{:?}", store.close_window(mac(phone), &by())),
        Verb::CreateArea(number, site) => {
            format!(
                "{:?}",
                store.create_common_area(area(&format!("a{number}"), &format!("s{site}")), password(), &by())
            )
        }
        Verb::CreateSite(number, main, networks) => {
            format!("{:?}", store.create_site(a_site(number, main, networks), &by()))
        }
        Verb::CreateUser(number, site, extension) => {
            format!("{:?}", store.create_user(a_user(number, site, extension), password(), &by()))
        }
        Verb::CreateNumber(number) => {
            let number: Number = serde_json::from_value(json!({"number": a_number(number), "site": "s0"})).unwrap();
            format!("{:?}", store.create_number(number, &by()))
        }
        Verb::CreatePackage(seats) => format!("{:?}", store.create_package(a_package(seats, 2), &by())),
        Verb::Equip(number, site, plan, numbers, key) => {
            format!("{:?}", store.replace_user(equipped(number, site, plan, &numbers, key), any, None, &by()))
        }
        Verb::RemoveNumber(number) => format!("{:?}", store.remove_number(&a_number(number), any, &by())),
        Verb::Rename(from, to) => {
            let id = |number| format!("u{number}@example.com").parse().unwrap();
            format!("{:?}", store.rename_user(&id(from), id(to), any, &by()))
        }
        Verb::ReplacePackage(seats, limit) => {
            format!("{:?}", store.replace_package(a_package(seats, limit), any, &by()))
        }
        Verb::SiteCodes(on) => {
            let account = Account { site_codes: on, ..Account::default() };
            format!("{:?}", store.set_account(account, any, &by()))
        }
        Verb::Enrol(phone, site, owner, line) => {
            format!("{:?}", store.enrol(a_device(phone, site, owner, line), secrets(phone), &rules, &by()))
        }
        Verb::OpenWindow(phone, fresh) => {
            let window =
                ClaimWindow { from: Vec::new(), opened: at(0), closes: at(900), opened_by: OpenedBy::Operator };
            format!("{:?}", store.open_window(mac(phone), window, token(fresh), &by()))
        }
        Verb::RemoveArea(number) => {
            format!("{:?}", store.remove_common_area(&format!("a{number}").parse().unwrap(), any, &by()))
        }
        Verb::RemoveDevice(phone) => format!("{:?}", store.remove_device(mac(phone), any, &by())),
        Verb::RemoveSite(number) => {
            format!("{:?}", store.remove_site(&format!("s{number}").parse().unwrap(), any, &by()))
        }
        Verb::RemoveUser(number) => {
            format!("{:?}", store.remove_user(&format!("u{number}@example.com").parse().unwrap(), any, &by()))
        }
        Verb::ReplaceDevice(phone, site, owner, line) => {
            format!("{:?}", store.replace_device(a_device(phone, site, owner, line), any, &rules, &by()))
        }
        Verb::ReplaceSite(number, main, networks) => {
            format!("{:?}", store.replace_site(a_site(number, main, networks), any, &windows(1), &by()))
        }
        Verb::ReplaceUser(number, site, extension, revision) => {
            let expected = Expected::Revision(revision);
            format!("{:?}", store.replace_user(a_user(number, site, extension), expected, None, &by()))
        }
        Verb::Revoke(shown, fresh) => {
            format!("{:?}", store.revoke_token(&token(shown).hash(), token(fresh + 100), at(0)))
        }
        Verb::Rotate(phone, fresh) => format!("{:?}", store.rotate_token(mac(phone), token(fresh), &by_at(5))),
        Verb::SetPassword(number, password) => {
            let password = Secret::new(format!("password-{password}"));
            format!("{:?}", store.set_sip_password(&an_owner(number), password, &by()))
        }
        Verb::TokenShown(phone, shown) => format!("{:?}", store.token_shown(mac(phone), &token(shown).hash())),
    }
}

/// Every number is where its owner says, every seat is somebody's, and no key points to nobody.
fn check_belongings(store: &dyn Store) {
    let users: Vec<User> = store.users(&all()).unwrap().into_iter().map(|user| user.value).collect();
    for number in store.numbers(&all()).unwrap() {
        let number = number.value.number;
        let having: Vec<Owner> = users
            .iter()
            .filter(|user| user.numbers.contains(&number))
            .map(|user| Owner::User(user.id.clone()))
            .collect();
        assert_eq!(store.number_owner(&number).unwrap().into_iter().collect::<Vec<_>>(), having, "{number}");
    }
    for package in store.packages(&all()).unwrap() {
        let package = package.value;
        let seated = |user: &&User| user.packages.contains(&package.id) && user.status != Some(Status::Inactive);
        let taken = u32::try_from(users.iter().filter(seated).count()).unwrap();
        assert_eq!(store.seats_taken(&package.id).unwrap(), taken);
        assert!(package.seats.is_none_or(|seats| taken <= seats));
        let holds = |user: &&User| user.packages.contains(&package.id);
        assert!(users.iter().filter(holds).all(|user| user.numbers.len() <= usize::from(package.did_limit)));
    }
    for user in &users {
        assert!(user.packages.is_empty() <= user.numbers.is_empty(), "{user:?}");
        for owner in user.keys.iter().filter_map(|key| key.owner.as_ref()) {
            assert!(store.sip_password(owner).unwrap().is_some(), "{owner} is gone");
        }
    }
}

/// What holds after any sequence of verbs.
fn check_rules(store: &dyn Store) {
    let sites = store.sites(&all()).unwrap();
    assert_eq!(sites.iter().filter(|site| site.value.main).count(), usize::from(!sites.is_empty()));
    let devices = store.devices(&all()).unwrap();
    for user in store.users(&all()).unwrap() {
        let owner = Owner::User(user.value.id);
        let of: Vec<_> = devices.iter().filter(|device| device.value.assignment.as_ref() == Some(&owner)).collect();
        assert!(of.len() <= 2);
        assert_eq!(store.devices_of(&owner).unwrap().len(), of.len());
        assert!(store.sip_password(&owner).unwrap().is_some());
    }
    for device in &devices {
        assert!(sites.iter().any(|site| site.value.id == device.value.site));
        let owners = device.value.lines.iter().map(|line| &line.owner).chain(&device.value.assignment);
        for owner in owners {
            assert!(store.sip_password(owner).unwrap().is_some(), "{owner} is gone");
        }
    }
    check_belongings(store);
    let long =
        |site: &SiteId, extension: Option<Extension>| extension.map(|of| store.long_extension(&of, site).unwrap());
    let users = store.users(&all()).unwrap().into_iter();
    let users = users.filter_map(|user| long(&user.value.site, user.value.extension));
    let areas = store.common_areas(&all()).unwrap().into_iter();
    let areas = areas.filter_map(|area| long(&area.value.site, area.value.extension));
    let extensions: Vec<_> = users.chain(areas).collect();
    assert_eq!(extensions.iter().collect::<std::collections::BTreeSet<_>>().len(), extensions.len());
    let counts = store.counts().unwrap();
    assert_eq!((counts.sites, counts.devices), (sites.len() as u64, devices.len() as u64));
    assert_eq!(counts.users + counts.common_areas, extensions.len() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn memory_and_disk_agree_whatever_happens(verbs in proptest::collection::vec(verb(), 1..60)) {
        let folder = TempDir::new().unwrap();
        let memory = MemoryStore::new();
        let (disk, _) = SledStore::open_with(folder.path(), &master(), 8_192).unwrap();
        for verb in &verbs {
            prop_assert_eq!(run(&memory, verb), run(&disk, verb), "{:?}", verb);
        }
        check_rules(&memory);
        let expected = observable(&memory);
        prop_assert_eq!(&observable(&disk), &expected);
        drop(disk);

        let (disk, opening) = open(folder.path());
        prop_assert_eq!(opening, Opening::AsItWas);
        prop_assert_eq!(&observable(&disk), &expected);
        drop(disk);

        fs::remove_dir_all(folder.path().join("sled")).unwrap();
        let (disk, opening) = open(folder.path());
        prop_assert!(matches!(opening, Opening::Rebuilt(_)));
        prop_assert_eq!(&observable(&disk), &expected);
    }
}
