use super::*;
use crate::inventory::access::AccessState;
use crate::inventory::device::Appearance;
use crate::store::Expected;

fn line(index: u8, owner: Owner) -> Appearance {
    Appearance { index, owner, label: "".parse().unwrap() }
}

#[test]
fn a_mac_is_registered_once_and_the_refusal_says_where() {
    let store = two_sites();
    store.create_user(user("alice", "hq"), password(), &by()).unwrap();
    enrol(&store, owned(1, "lab", user_owner("alice"))).unwrap();
    let taken = Conflict::MacTaken { mac: mac(1), site: "lab".parse().unwrap(), owner: Some(user_owner("alice")) };
    assert_eq!(conflict(enrol(&store, device(1, "hq"))), taken);
    assert_eq!(store.counts().unwrap().devices, 1);
}

#[test]
fn a_user_has_nine_phones_and_a_place_as_many_as_it_needs() {
    let store = two_sites();
    store.create_user(user("alice", "hq"), password(), &by()).unwrap();
    store.create_common_area(area("hall", "hq"), password(), &by()).unwrap();
    for number in 1..=9 {
        enrol(&store, owned(number, "hq", user_owner("alice"))).unwrap();
    }
    let limit = Conflict::DeviceLimit { owner: user_owner("alice"), limit: 9 };
    assert_eq!(conflict(enrol(&store, owned(10, "hq", user_owner("alice")))), limit);
    enrol(&store, device(10, "hq")).unwrap();
    let owner = Some(user_owner("alice"));
    assert_eq!(conflict(store.assign(mac(10), owner, Expected::Any, 9, &by())), limit);
    let wish = owned(10, "hq", user_owner("alice"));
    assert_eq!(conflict(store.replace_device(wish, Expected::Any, &rules(), &by())), limit);
    // The ninth may be changed, though there are nine.
    store.replace_device(owned(9, "lab", user_owner("alice")), Expected::Any, &rules(), &by()).unwrap();
    store.assign(mac(9), Some(area_owner("hall")), Expected::Any, 9, &by()).unwrap();
    store.assign(mac(10), Some(user_owner("alice")), Expected::Any, 9, &by()).unwrap();
    for number in 11..=25 {
        enrol(&store, owned(number, "hq", area_owner("hall"))).unwrap();
    }
    assert_eq!(store.devices_of(&area_owner("hall")).unwrap().len(), 16);
    assert_eq!(store.devices_of(&user_owner("alice")).unwrap().len(), 9);
}

#[test]
fn an_appearance_counts_for_nobodys_limit() {
    let store = two_sites();
    store.create_user(user("alice", "hq"), password(), &by()).unwrap();
    for number in 1..=12 {
        let lines = vec![line(2, user_owner("alice"))];
        enrol(&store, Device { lines, ..device(number, "hq") }).unwrap();
    }
    assert_eq!(store.devices_of(&user_owner("alice")).unwrap(), []);
}

#[test]
fn owners_and_lines_that_are_not_there_are_refused() {
    let store = two_sites();
    let unknown = Conflict::Unknown { kind: "user", id: "bob@example.com".into() };
    assert_eq!(conflict(enrol(&store, owned(1, "hq", user_owner("bob")))), unknown);
    let lines = vec![line(2, user_owner("bob"))];
    assert_eq!(conflict(enrol(&store, Device { lines: lines.clone(), ..device(1, "hq") })), unknown);
    enrol(&store, device(1, "hq")).unwrap();
    let assigned = store.assign(mac(1), Some(user_owner("bob")), Expected::Any, 9, &by());
    assert_eq!(conflict(assigned), unknown);
    let replaced = store.replace_device(Device { lines, ..device(1, "hq") }, Expected::Any, &rules(), &by());
    assert_eq!(conflict(replaced), unknown);
}

#[test]
fn lines_have_indexes_of_their_own_and_are_nine_at_most() {
    let store = two_sites();
    store.create_user(user("alice", "hq"), password(), &by()).unwrap();
    let twice = vec![line(2, user_owner("alice")), line(2, user_owner("alice"))];
    let refused = conflict(enrol(&store, Device { lines: twice, ..device(1, "hq") }));
    assert_eq!(refused, Conflict::LineTwice { mac: mac(1), index: 2 });
    let lines = |last| (2..=last).map(|index| line(index, user_owner("alice"))).collect();
    let refused = conflict(enrol(&store, Device { lines: lines(11), ..device(1, "hq") }));
    assert_eq!(refused, Conflict::TooManyLines { mac: mac(1), count: 10, most: 9 });
    enrol(&store, Device { lines: lines(10), ..device(1, "hq") }).unwrap();
}

#[test]
fn a_phone_at_a_site_with_networks_may_claim_at_once() {
    let store = two_sites();
    enrol(&store, device(1, "hq")).unwrap();
    enrol(&store, device(2, "lab")).unwrap();
    let state = |number, minutes| store.phone(mac(number)).unwrap().unwrap().access.state(at(minutes));
    assert_eq!(state(1, 1), AccessState::Known);
    assert_eq!(state(2, 24 * 60 - 1), AccessState::ClaimOpen);
    assert_eq!(state(2, 24 * 60), AccessState::Known);
}

#[test]
fn coming_to_a_site_with_networks_opens_the_window_of_an_unclaimed_phone_only() {
    let store = two_sites();
    for number in 1..=2 {
        enrol(&store, device(number, "hq")).unwrap();
    }
    store.token_shown(mac(2), &token(2).hash()).unwrap();
    for number in 1..=2 {
        store.replace_device(device(number, "lab"), Expected::Any, &rules(), &by()).unwrap();
    }
    let access = |number| store.phone(mac(number)).unwrap().unwrap().access;
    let opened = access(1).window.unwrap();
    assert_eq!(access(2).window, None);
    // Staying there, or coming back while it is open, changes nothing.
    let later = EnrolRules { windows: windows(60), ..rules() };
    store.replace_device(device(1, "lab"), Expected::Any, &later, &by()).unwrap();
    store.replace_device(device(1, "hq"), Expected::Any, &later, &by()).unwrap();
    store.replace_device(device(1, "lab"), Expected::Any, &later, &by()).unwrap();
    assert_eq!(access(1).window, Some(opened));
    // After its end, coming there opens it again.
    let much_later = EnrolRules { windows: windows(48 * 60), ..rules() };
    store.replace_device(device(1, "hq"), Expected::Any, &much_later, &by()).unwrap();
    store.replace_device(device(1, "lab"), Expected::Any, &much_later, &by()).unwrap();
    assert_eq!(access(1).state(at(48 * 60)), AccessState::ClaimOpen);
}

#[test]
fn every_change_of_owner_is_remembered_with_who_made_it() {
    let store = two_sites();
    store.create_user(user("alice", "hq"), password(), &by()).unwrap();
    store.create_common_area(area("hall", "hq"), password(), &by()).unwrap();
    enrol(&store, device(1, "hq")).unwrap();
    assert_eq!(store.assignments(mac(1)).unwrap(), []);
    let as_named = |name: &str| Actor { name: name.into(), ..by_at(1) };
    store.assign(mac(1), Some(user_owner("alice")), Expected::Any, 9, &as_named("one")).unwrap();
    store.assign(mac(1), Some(user_owner("alice")), Expected::Any, 9, &as_named("again")).unwrap();
    let placed = owned(1, "hq", area_owner("hall"));
    store.replace_device(placed, Expected::Any, &rules(), &as_named("two")).unwrap();
    store.assign(mac(1), None, Expected::Any, 9, &as_named("three")).unwrap();
    let history = store.assignments(mac(1)).unwrap();
    let history: Vec<_> = history.into_iter().map(|change| (change.assignment, change.by)).collect();
    let expected = [(Some(user_owner("alice")), "one"), (Some(area_owner("hall")), "two"), (None, "three")];
    assert_eq!(history, expected.map(|(owner, by)| (owner, by.to_owned())));
}

#[test]
fn nothing_of_a_removed_phone_stays() {
    let store = two_sites();
    store.create_user(user("alice", "hq"), password(), &by()).unwrap();
    let before = store.backend_rows();
    let lines = vec![line(2, user_owner("alice"))];
    enrol(&store, Device { lines, ..owned(1, "lab", user_owner("alice")) }).unwrap();
    store.token_shown(mac(1), &token(1).hash()).unwrap();
    store.rotate_token(mac(1), token(101), &by_at(1)).unwrap();
    store.record(crate::store::observed::tests::event(Some(mac(1)), 200), Some("1.2".into())).unwrap();
    store.flush().unwrap();
    assert_eq!(store.sighting(mac(1)).unwrap().firmware.as_deref(), Some("1.2"));
    store.remove_device(mac(1), Expected::Any, &by()).unwrap();
    assert_eq!(store.backend_rows(), before);
    assert_eq!(store.sighting(mac(1)).unwrap(), crate::inventory::event::Sighting::default());
    assert!(store.phone(mac(1)).unwrap().is_none());
    let unknown = Conflict::Unknown { kind: "device", id: mac(1).to_string() };
    assert_eq!(conflict(store.remove_device(mac(1), Expected::Any, &by())), unknown);
    assert_eq!(conflict(store.replace_device(device(1, "hq"), Expected::Any, &rules(), &by())), unknown);
    assert_eq!(conflict(store.assign(mac(1), None, Expected::Any, 9, &by())), unknown);
}

#[test]
fn what_a_phone_does_never_changes_its_revision() {
    let store = two_sites();
    enrol(&store, device(1, "lab")).unwrap();
    let revision = || store.phone(mac(1)).unwrap().unwrap().device.revision;
    let before = revision();
    store.begin_claim(mac(1), [10, 0, 0, 1].into(), at(1), true).unwrap();
    store.token_shown(mac(1), &token(1).hash()).unwrap();
    store.rotate_token(mac(1), token(101), &by_at(2)).unwrap();
    store.revoke_token(&token(101).hash(), token(102), at(0)).unwrap();
    assert_eq!(revision(), before);
    let renamed = Device { name: "desk".parse().unwrap(), ..device(1, "lab") };
    let stale = store.replace_device(renamed.clone(), Expected::Revision(before - 1), &rules(), &by());
    assert!(matches!(conflict(stale), Conflict::Stale { kind: "device", .. }));
    store.replace_device(renamed, Expected::Revision(before), &rules(), &by()).unwrap();
    assert!(revision() > before);
}
