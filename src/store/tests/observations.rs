use super::*;
use crate::inventory::event::Sighting;
use crate::store::observed::tests::event;

#[test]
fn events_are_found_newest_first_by_phone_and_before_a_given_one() {
    let store = two_sites();
    enrol(&store, device(1, "hq")).unwrap();
    for status in 1..=6 {
        store.record(event(Some(mac(u32::from(status % 2))), status), None).unwrap();
    }
    store.flush().unwrap();
    let found = |mac, before, limit| -> Vec<u64> {
        store.events(mac, before, limit).unwrap().iter().map(|event| event.id).collect()
    };
    assert_eq!(found(None, None, 4), [6, 5, 4, 3]);
    assert_eq!(found(None, Some(3), 4), [2, 1]);
    assert_eq!(found(Some(mac(1)), None, 9), [5, 3, 1]);
    assert_eq!(found(Some(mac(1)), Some(3), 9), [1]);
    assert_eq!(found(Some(mac(7)), None, 9), Vec::<u64>::new());
    assert_eq!(store.sighting(mac(0)).unwrap(), Sighting::default(), "not registered");
    assert!(store.sighting(mac(1)).unwrap().last_seen.is_some());
    assert_eq!(store.backlog(), crate::store::Backlog::default());
}

#[test]
fn a_phone_seen_changes_no_revision() {
    let store = two_sites();
    let before = store.revision().unwrap();
    store.record(event(None, 200), None).unwrap();
    store.flush().unwrap();
    assert_eq!(store.revision().unwrap(), before);
}
