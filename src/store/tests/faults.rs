use super::*;
use crate::store::memory::Failing;
use crate::store::observed::tests::event;
use crate::store::{Expected, StoreFault};

fn closed<T: std::fmt::Debug>(result: Stored<T>) -> String {
    match result {
        Err(StoreError::Fault(StoreFault::Closed(why))) => why,
        other => panic!("not closed but {other:?}"),
    }
}

#[test]
fn when_the_disk_fails_nobody_gets_an_answer_and_nothing_more_is_taken() {
    for failing in [Failing::Apply, Failing::Flush] {
        let store = two_sites();
        enrol(&store, device(1, "hq")).unwrap();
        let revision = store.revision().unwrap();
        store.fail(failing);
        let why = closed(enrol(&store, device(2, "hq")));
        assert!(why.contains(&format!("{failing:?}")), "{why}");
        store.fail(Failing::Nothing);
        assert_eq!(closed(enrol(&store, device(3, "hq"))), why);
        assert_eq!(closed(store.flush()), why);
        assert_eq!(closed(store.record(event(None, 200), None)), why);
        assert_eq!(store.backlog().fault, Some(why));
        // Reads go on, and show nothing that was not written down.
        assert!(store.phone(mac(1)).unwrap().is_some());
        if failing != Failing::Flush {
            assert!(store.phone(mac(2)).unwrap().is_none());
            assert_eq!(store.revision().unwrap(), revision);
        }
    }
}

#[test]
fn a_full_disk_refuses_changes_with_the_reason_keeps_what_was_observed_and_recovers() {
    for failing in [Failing::Changes, Failing::Persist] {
        let store = two_sites();
        enrol(&store, device(1, "hq")).unwrap();
        let before = observable(&store);
        store.fail(failing);
        store.record(event(Some(mac(1)), 200), None).unwrap();
        for number in 2..=4 {
            let refused = enrol(&store, device(number, "hq")).unwrap_err();
            assert!(refused.to_string().contains(&format!("{failing:?}")), "{refused}");
            let held = store.backlog().check().is_err();
            assert!(held || failing == Failing::Persist, "no secret leaves while nothing can be written");
        }
        assert_eq!(observable(&store), before);
        store.fail(Failing::Nothing);
        enrol(&store, device(2, "hq")).unwrap();
        store.flush().unwrap();
        assert_eq!(store.backlog().check(), Ok(()));
        assert_eq!(store.events(Some(mac(1)), None, 9).unwrap().len(), 1, "what was observed meanwhile");
    }
}

#[test]
fn a_store_that_is_closed_on_a_full_disk_ends_and_counts_what_was_lost() {
    let store = two_sites();
    store.fail(Failing::Changes);
    store.record(event(None, 200), None).unwrap();
    store.close();
    assert_eq!(store.backlog().lost, 1);
}

#[test]
fn observations_that_cannot_be_written_close_the_store() {
    let store = two_sites();
    store.fail(Failing::Observe);
    store.record(event(None, 200), None).unwrap();
    assert!(closed(store.flush()).contains("Observe"));
}

#[test]
fn a_store_that_cannot_read_says_so_and_changes_nothing() {
    let store = two_sites();
    let before = observable(&store);
    store.fail(Failing::Reads);
    let fault = |result: Stored<()>| assert!(matches!(result, Err(StoreError::Fault(StoreFault::Io { .. }))));
    fault(store.phone(mac(1)).map(|_| ()));
    fault(store.sites(&all()).map(|_| ()));
    fault(store.events(None, None, 1).map(|_| ()));
    fault(enrol(&store, device(1, "hq")));
    fault(store.create_site(site("new"), &by()).map(|_| ()));
    fault(store.begin_claim(mac(1), [10, 0, 0, 1].into(), at(0), true).map(|_| ()));
    store.fail(Failing::Nothing);
    assert_eq!(observable(&store), before);
    enrol(&store, device(1, "hq")).unwrap();
}

#[test]
fn a_refused_change_leaves_nothing() {
    let store = two_sites();
    let before = store.backend_rows();
    // Refused late: the extension, the secret and the counters were put already.
    let no_extension = Site { extension_ranges: Vec::new(), ..site("none") };
    store.create_site(no_extension, &by()).unwrap();
    store.remove_site(&"none".parse().unwrap(), Expected::Any, &by()).unwrap();
    let wish = User { extension: Some("1000".parse().unwrap()), ..user("alice", "nowhere") };
    conflict(store.create_user(wish, password(), &by()));
    conflict(enrol(&store, owned(1, "hq", user_owner("alice"))));
    assert_eq!(store.backend_rows(), before);
}

#[test]
fn a_closed_store_takes_no_changes_and_still_shows_what_it_has() {
    let store = two_sites();
    store.record(event(None, 200), None).unwrap();
    store.close();
    assert_eq!(store.events(None, None, 9).unwrap().len(), 1, "what waited was written");
    assert_eq!(closed(store.create_site(site("new"), &by())), "it was shut down");
    assert_eq!(store.sites(&all()).unwrap().len(), 2);
    store.close();
}
