use super::*;
use crate::inventory::device::Appearance;
use crate::inventory::extension::Extension;
use crate::store::Expected;

fn narrow(id: &str, ranges: &[&str], reserved: &[&str]) -> Site {
    Site {
        extension_ranges: ranges.iter().map(|range| range.parse().unwrap()).collect(),
        reserved_extensions: reserved.iter().map(|extension| extension.parse().unwrap()).collect(),
        ..site(id)
    }
}

fn given(store: &dyn Store, name: &str, site: &str) -> Stored<String> {
    let user = store.create_user(user(name, site), password(), &by())?;
    Ok(user.value.extension.unwrap().to_string())
}

fn wishing(name: &str, extension: &str) -> User {
    User { extension: Some(extension.parse().unwrap()), ..user(name, "hq") }
}

#[test]
fn the_next_free_extension_is_the_smallest_that_is_neither_taken_nor_reserved() {
    let store = MemoryStore::new();
    store.create_site(narrow("hq", &["10-13", "098-101"], &["11", "099"]), &by()).unwrap();
    assert_eq!(given(&store, "a", "hq").unwrap(), "10");
    store.create_user(wishing("b", "12"), password(), &by()).unwrap();
    assert_eq!(given(&store, "c", "hq").unwrap(), "13");
    assert_eq!(given(&store, "d", "hq").unwrap(), "098");
    store.create_common_area(area("lobby", "hq"), password(), &by()).unwrap();
    let lobby = store.common_area(&"lobby".parse().unwrap()).unwrap().unwrap();
    assert_eq!(lobby.value.extension, Some("100".parse().unwrap()));
    assert_eq!(given(&store, "f", "hq").unwrap(), "101");
    let exhausted = Conflict::RangeExhausted("hq".parse().unwrap());
    assert_eq!(conflict(given(&store, "g", "hq")), exhausted);
    assert_eq!(store.user(&"g@example.com".parse().unwrap()).unwrap(), None);

    // A freed one is found again, and so is one that is no longer reserved.
    store.remove_user(&"b@example.com".parse().unwrap(), Expected::Any, &by()).unwrap();
    assert_eq!(given(&store, "g", "hq").unwrap(), "12");
    let looser = Site { main: true, ..narrow("hq", &["10-13", "098-101"], &["099"]) };
    store.replace_site(looser, Expected::Any, &windows(0), &by()).unwrap();
    assert_eq!(given(&store, "h", "hq").unwrap(), "11");
    assert_eq!(conflict(given(&store, "i", "hq")), exhausted);
    // A reserved one is given to who names it.
    store.create_user(wishing("j", "099"), password(), &by()).unwrap();
}

#[test]
fn users_and_places_of_all_sites_share_one_number_space() {
    let store = two_sites();
    store.create_user(wishing("alice", "2000"), password(), &by()).unwrap();
    let taken = Conflict::ExtensionTaken { extension: "2000".parse().unwrap(), owner: user_owner("alice") };
    let lobby = CommonArea { extension: Some("2000".parse().unwrap()), ..area("lobby", "lab") };
    assert_eq!(conflict(store.create_common_area(lobby, password(), &by())), taken);
    store.create_common_area(area("lobby", "lab"), password(), &by()).unwrap();
    let wish = CommonArea { extension: Some("2000".parse().unwrap()), ..area("lobby", "lab") };
    assert_eq!(conflict(store.replace_common_area(wish, Expected::Any, None, &by())), taken);
}

#[test]
fn a_replaced_user_keeps_the_extension_unless_another_is_named() {
    let store = two_sites();
    let alice: crate::inventory::user::UserId = "alice@example.com".parse().unwrap();
    store.create_user(wishing("alice", "2000"), password(), &by()).unwrap();
    let extension = || store.user(&alice).unwrap().unwrap().value.extension;
    store.replace_user(user("alice", "lab"), Expected::Any, None, &by()).unwrap();
    assert_eq!(extension(), Some("2000".parse().unwrap()));
    assert_eq!(store.sip_password(&user_owner("alice")).unwrap(), Some(password()));
    store.replace_user(wishing("alice", "2001"), Expected::Any, Some(Secret::new("new".into())), &by()).unwrap();
    assert_eq!(extension(), Some("2001".parse::<Extension>().unwrap()));
    assert_eq!(store.sip_password(&user_owner("alice")).unwrap(), Some(Secret::new("new".into())));
    store.create_user(wishing("bob", "2000"), password(), &by()).unwrap();
    let taken = Conflict::ExtensionTaken { extension: "2000".parse().unwrap(), owner: user_owner("bob") };
    assert_eq!(conflict(store.replace_user(wishing("alice", "2000"), Expected::Any, None, &by())), taken);
}

#[test]
fn a_removed_users_phones_belong_to_nobody_and_remember_it() {
    let store = two_sites();
    store.create_user(user("alice", "hq"), password(), &by()).unwrap();
    enrol(&store, owned(1, "hq", user_owner("alice"))).unwrap();
    let revision = store.phone(mac(1)).unwrap().unwrap().device.revision;
    let later = Actor { name: "eve".into(), ..by_at(9) };
    store.remove_user(&"alice@example.com".parse().unwrap(), Expected::Any, &later).unwrap();
    let phone = store.phone(mac(1)).unwrap().unwrap();
    assert_eq!(phone.device.value.assignment, None);
    assert!(phone.device.revision > revision);
    let history = store.assignments(mac(1)).unwrap();
    let history: Vec<_> = history.iter().map(|change| (change.assignment.is_some(), change.by.as_str())).collect();
    assert_eq!(history, [(true, "root"), (false, "eve")]);
    assert_eq!(store.sip_password(&user_owner("alice")).unwrap(), None);
    assert_eq!(store.counts().unwrap().users, 0);
    // Whoever is called so later starts without phones.
    store.create_user(user("alice", "hq"), password(), &by()).unwrap();
    assert_eq!(store.devices_of(&user_owner("alice")).unwrap(), []);
}

#[test]
fn nobody_is_removed_while_their_line_appears_on_a_phone() {
    let store = two_sites();
    store.create_common_area(area("lobby", "hq"), password(), &by()).unwrap();
    let line = Appearance { index: 2, owner: area_owner("lobby"), label: "".parse().unwrap() };
    enrol(&store, Device { lines: vec![line], ..device(1, "hq") }).unwrap();
    let lobby = "lobby".parse().unwrap();
    let by_line = "a line of device 00:15:65:00:00:01".to_owned();
    let in_use = Conflict::InUse { kind: "common area", id: "lobby".into(), by: by_line };
    assert_eq!(conflict(store.remove_common_area(&lobby, Expected::Any, &by())), in_use);
    store.replace_device(device(1, "hq"), Expected::Any, &rules(), &by()).unwrap();
    store.remove_common_area(&lobby, Expected::Any, &by()).unwrap();
}

#[test]
fn people_exist_once_and_unknown_ones_are_said_so() {
    let store = two_sites();
    store.create_user(user("alice", "hq"), password(), &by()).unwrap();
    let exists = Conflict::Exists { kind: "user", id: "alice@example.com".into() };
    assert_eq!(conflict(store.create_user(user("alice", "lab"), password(), &by())), exists);
    let unknown = Conflict::Unknown { kind: "user", id: "bob@example.com".into() };
    assert_eq!(conflict(store.replace_user(user("bob", "hq"), Expected::Any, None, &by())), unknown);
    assert_eq!(conflict(store.remove_user(&"bob@example.com".parse().unwrap(), Expected::Any, &by())), unknown);
    assert_eq!(conflict(store.set_sip_password(&user_owner("bob"), password(), &by())), unknown);
    let stale = store.replace_user(user("alice", "hq"), Expected::Revision(1), None, &by());
    assert!(matches!(conflict(stale), Conflict::Stale { .. }));
}

#[test]
fn a_new_sip_password_leaves_the_record_as_it_is() {
    let store = two_sites();
    let alice = store.create_user(user("alice", "hq"), password(), &by()).unwrap();
    store.set_sip_password(&user_owner("alice"), Secret::new("new".into()), &by()).unwrap();
    assert_eq!(store.user(&alice.value.id).unwrap(), Some(alice));
}
