//! What the verbs do, seen from outside: on the memory backend unless the disk is the subject.

mod access;
mod audit;
mod belongings;
mod concurrency;
mod devices;
mod dial_plan;
mod disk;
mod earlier;
mod faults;
mod journal;
mod model;
mod observations;
mod people;
mod sealing;
mod sites;

use jiff::Timestamp;
use serde_json::json;

use super::{
    Actor, Catalogues as _, Conflict, DeviceSecrets, EnrolRules, PageRequest, Store, StoreError, Stored, WindowPolicy,
    memory::MemoryStore,
};
use crate::inventory::common_area::CommonArea;
use crate::inventory::device::{Device, Owner};
use crate::inventory::mac::MacAddr;
use crate::inventory::master_key::MasterKey;
use crate::inventory::period::Period;
use crate::inventory::secret::Secret;
use crate::inventory::site::Site;
use crate::inventory::user::User;

/// A memory store with the sites `hq` (main, no networks) and `lab` (networks).
fn two_sites() -> MemoryStore {
    let store = MemoryStore::new();
    store.create_site(site("hq"), &by()).unwrap();
    store.create_site(with_networks(site("lab")), &by()).unwrap();
    store
}

/// The master key of all stores here.
pub fn master() -> MasterKey {
    MasterKey::read(b"the master key of stores in test").unwrap()
}

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
}

pub fn by() -> Actor {
    by_at(0)
}

fn by_at(minutes: i64) -> Actor {
    Actor { name: "root".into(), on_behalf_of: None, time: at(minutes), boot_ms: 60_000 }
}

fn windows(minutes: i64) -> WindowPolicy {
    WindowPolicy { now: at(minutes), lasts: Period::hours(24) }
}

fn rules() -> EnrolRules {
    EnrolRules { devices_per_user: 9, windows: windows(0) }
}

pub fn site(id: &str) -> Site {
    serde_json::from_value(json!({"id": id, "name": id})).unwrap()
}

fn with_networks(site: Site) -> Site {
    Site { networks: vec!["10.0.0.0/8".parse().unwrap()], ..site }
}

fn user(name: &str, site: &str) -> User {
    serde_json::from_value(json!({"id": format!("{name}@example.com"), "site": site})).unwrap()
}

fn area(id: &str, site: &str) -> CommonArea {
    serde_json::from_value(json!({"id": id, "name": id, "site": site})).unwrap()
}

fn user_owner(name: &str) -> Owner {
    Owner::User(format!("{name}@example.com").parse().unwrap())
}

fn area_owner(id: &str) -> Owner {
    Owner::CommonArea(id.parse().unwrap())
}

fn mac(number: u32) -> MacAddr {
    let [_, a, b, c] = number.to_be_bytes();
    MacAddr::new([0x00, 0x15, 0x65, a, b, c]).unwrap()
}

pub fn device(number: u32, site: &str) -> Device {
    serde_json::from_value(json!({"mac": mac(number), "maker": "yealink", "model": "T46U", "site": site})).unwrap()
}

fn owned(number: u32, site: &str, owner: Owner) -> Device {
    Device { assignment: Some(owner), ..device(number, site) }
}

fn token(number: u32) -> Secret {
    Secret::new(format!("token-{number}"))
}

fn secrets(number: u32) -> DeviceSecrets {
    DeviceSecrets { token: token(number), admin_password: Secret::new(format!("admin-{number}")) }
}

fn password() -> Secret {
    Secret::new("sip".into())
}

pub fn enrol(store: &dyn Store, device: Device) -> Stored<()> {
    let [.., a, b, c] = device.mac.octets();
    store.enrol(device, secrets(u32::from_be_bytes([0, a, b, c])), &rules(), &by()).map(|_| ())
}

fn all() -> PageRequest {
    PageRequest { after: None, limit: usize::MAX }
}

fn conflict<T: std::fmt::Debug>(result: Stored<T>) -> Conflict {
    match result {
        Err(StoreError::Conflict(conflict)) => conflict,
        other => panic!("no conflict but {other:?}"),
    }
}

/// Everything an observer can read, as one text, so that two stores can be compared.
pub fn observable(store: &dyn Store) -> String {
    let mut text = format!("{:?}\n{:?}\n", store.account().unwrap(), store.main_site().unwrap());
    for site in store.sites(&all()).unwrap() {
        text += &format!("{site:?}\n");
    }
    for user in store.users(&all()).unwrap() {
        let owner = Owner::User(user.value.id.clone());
        let password = store.sip_password(&owner).unwrap().map(|password| password.reveal().to_owned());
        text += &format!("{user:?} {password:?} {:?}\n", store.devices_of(&owner).unwrap());
    }
    for area in store.common_areas(&all()).unwrap() {
        let owner = Owner::CommonArea(area.value.id.clone());
        let password = store.sip_password(&owner).unwrap().map(|password| password.reveal().to_owned());
        text += &format!("{area:?} {password:?} {:?}\n", store.devices_of(&owner).unwrap());
    }
    for device in store.devices(&all()).unwrap() {
        let mac = device.value.mac;
        let phone = store.phone(mac).unwrap().unwrap();
        let previous = phone.previous_token.as_ref().map(Secret::reveal);
        text += &format!("{phone:?} {} {previous:?} {}\n", phone.token.reveal(), phone.admin_password.reveal());
        text += &format!("{:?}\n", store.assignments(mac).unwrap());
    }
    for number in store.numbers(&all()).unwrap() {
        text += &format!("{number:?} {:?}\n", store.number_owner(&number.value.number).unwrap());
    }
    for package in store.packages(&all()).unwrap() {
        text += &format!("{package:?} {}\n", store.seats_taken(&package.value.id).unwrap());
    }
    text += &format!("{:?}\n", store.settings_templates(&all()).unwrap());
    text += &format!("{:?}\n{:?}\n", store.admin_tokens().unwrap(), store.counts().unwrap());
    text + &format!("{}\n", store.revision().unwrap())
}
