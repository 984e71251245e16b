//! What is left of an administrator's acts.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::inventory::audit::{Act, AuditObject, FieldChange, Retention};
use crate::store::audit::{Keep, append};
use crate::store::backend::{Backend as _, Change, Heap};
use crate::store::observed::tests::event;
use crate::store::txn::{Changes, Txn};
use crate::store::writer::Committed;
use crate::store::{AuditEntry, AuditQuery, Backlog, Behind, Expected};

fn trail(store: &dyn Store) -> Vec<AuditEntry> {
    store.audit(&AuditQuery { limit: 100, ..AuditQuery::default() }).unwrap()
}

fn last(store: &dyn Store) -> Act {
    trail(store).swap_remove(0).record.act
}

fn field<'a>(act: &'a Act, name: &str) -> &'a FieldChange {
    act.changes.iter().find(|change| change.field == name).unwrap_or_else(|| panic!("{name} in {act:#?}"))
}

#[test]
fn sec_l02_each_change_says_who_what_from_what_to_what_and_for_whom() {
    let store = two_sites();
    store.create_user(user("alice", "hq"), password(), &by()).unwrap();
    let wish = User { first_name: "Alice".parse().unwrap(), ..user("alice", "lab") };
    let eve = Actor { name: "eve".into(), on_behalf_of: Some("ticket 7".into()), ..by_at(3) };
    store.replace_user(wish, Expected::Any, None, &eve).unwrap();
    let entry = trail(&store).swap_remove(0);
    let record = &entry.record;
    assert_eq!((record.id, record.actor.as_str(), record.on_behalf_of.as_deref()), (4, "eve", Some("ticket 7")));
    assert_eq!((record.time, record.boot_ms), (at(3), 60_000));
    assert_eq!(
        (record.act.action.as_str(), &record.act.object),
        ("replace", &AuditObject::new("user", "alice@example.com"))
    );
    let site = field(&record.act, "site");
    assert_eq!((&site.object, &site.from, &site.to), (&None, &json!("hq"), &json!("lab")));
    assert_eq!(
        (&field(&record.act, "first_name").from, &field(&record.act, "first_name").to),
        (&json!(""), &json!("Alice"))
    );
    assert_eq!(record.act.changes.len(), 2);
}

#[test]
fn sec_l01_no_secret_is_in_the_trail() {
    let store = two_sites();
    store.create_user(user("alice", "hq"), Secret::new("sesame-1".into()), &by()).unwrap();
    store.set_sip_password(&user_owner("alice"), Secret::new("sesame-2".into()), &by()).unwrap();
    assert_eq!(
        (&field(&last(&store), "sip_password").from, &field(&last(&store), "sip_password").to),
        (&Value::Null, &json!("changed"))
    );
    enrol(&store, device(1, "lab")).unwrap();
    store.rotate_token(mac(1), token(2), &by()).unwrap();
    assert_eq!(field(&last(&store), "token").to, json!("changed"));
    let admin = json!({"id": "ci", "name": "ci", "hash": "abcdef", "created": at(0), "expires": at(9)});
    store.create_admin_token(serde_json::from_value(admin).unwrap(), &by()).unwrap();
    let text = serde_json::to_string(&trail(&store)).unwrap();
    for secret in ["sesame", "token-1", "token-2", "admin-1", "abcdef", &token(1).hash().to_hex()] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

#[test]
fn what_a_change_does_to_others_is_told_too() {
    let store = two_sites();
    store.create_user(user("alice", "hq"), password(), &by()).unwrap();
    enrol(&store, owned(1, "hq", user_owner("alice"))).unwrap();
    store.replace_site(Site { main: true, ..with_networks(site("hq")) }, Expected::Any, &windows(0), &by()).unwrap();
    let act = last(&store);
    let window = act.changes.iter().find(|change| change.field.starts_with("access.window")).unwrap();
    assert_eq!(window.object, Some(AuditObject::new("device", mac(1))));
    store.remove_user(&"alice@example.com".parse().unwrap(), Expected::Any, &by()).unwrap();
    let act = last(&store);
    assert_eq!(field(&act, "assignment.user").to, Value::Null);
    assert_eq!(field(&act, "sip_password").object, None);
}

#[test]
fn what_is_refused_or_changes_nothing_leaves_no_record() {
    let store = two_sites();
    let before = trail(&store).len();
    conflict(store.create_site(site("hq"), &by()));
    enrol(&store, device(1, "hq")).unwrap();
    store.close_window(mac(1), &by()).unwrap();
    assert_eq!(trail(&store).len(), before + 1);
}

#[test]
fn the_trail_is_read_in_pages_and_by_who_did_what_to_what() {
    let store = two_sites();
    for number in 1..=5 {
        enrol(&store, device(number, "hq")).unwrap();
    }
    store
        .note(Act { shown: vec!["token".into()], ..Act::new("reveal", AuditObject::new("device", mac(2))) }, &by())
        .unwrap();
    let ids = |query: AuditQuery| -> Vec<u64> {
        store.audit(&AuditQuery { limit: 3, ..query }).unwrap().iter().map(|entry| entry.record.id).collect()
    };
    assert_eq!(ids(AuditQuery::default()), [8, 7, 6]);
    assert_eq!(ids(AuditQuery { before: Some(6), ..AuditQuery::default() }), [5, 4, 3]);
    let of = |kind: &str, id: Option<String>| AuditQuery { kind: Some(kind.into()), id, ..AuditQuery::default() };
    assert_eq!(ids(of("site", None)), [2, 1]);
    assert_eq!(ids(of("device", Some(mac(2).to_string()))), [8, 4]);
    assert_eq!(ids(AuditQuery { action: Some("reveal".into()), ..AuditQuery::default() }), [8]);
    assert_eq!(ids(AuditQuery { actor: Some("nobody".into()), ..AuditQuery::default() }), Vec::<u64>::new());
    assert_eq!(last(&store).shown, ["token"]);
}

#[test]
fn sec_l02_a_trail_somebody_altered_is_found_out() {
    for heap in [Heap::Durable, Heap::Observed] {
        let store = two_sites();
        enrol(&store, device(1, "hq")).unwrap();
        for status in 200..205 {
            store.record(event(Some(mac(1)), status), None).unwrap();
        }
        store.flush().unwrap();
        let found = store.verify_audit().unwrap();
        assert!(found.is_whole(), "{found:?}");
        assert_eq!((found.administration.last, found.devices.last), (3, 5));
        let prefix = if heap == Heap::Durable { "audit/" } else { "event/" };
        let key = format!("{prefix}{:020}", 2);
        let text = store.backend().get(heap, &key).unwrap().unwrap();
        let forged = text.replace("root", "mary").replace("201", "200");
        assert_ne!(forged, text);
        for forged in [Some(forged), None] {
            let rows = Changes([(key.clone(), forged)].into());
            match heap {
                Heap::Durable => store.backend().apply(&[Change { sequence: 9, rows }]).unwrap(),
                Heap::Observed => store.backend().observe(&rows).unwrap(),
            }
            let found = store.verify_audit().unwrap();
            let state = if heap == Heap::Durable { found.administration } else { found.devices };
            assert_eq!(state.fault.map(|fault| fault.id), Some(2));
        }
    }
}

#[test]
fn what_is_dropped_for_age_leaves_a_chain_that_still_holds() {
    let store = two_sites();
    let keep = Keep { most: 5, batch: 3 };
    for number in 0..20 {
        let rows = Committed(store.backend());
        let mut txn = Txn::new(&rows, number);
        append(&mut txn, &by(), Act::new("try", AuditObject::new("site", number)), keep).unwrap();
        let rows = txn.finish().changes;
        store.backend().apply(&[Change { sequence: number, rows }]).unwrap();
    }
    let state = store.verify_audit().unwrap().administration;
    assert_eq!(state.fault, None);
    assert!(state.first > 1 && state.last - state.first < 9, "{state:?}");
    let pruned = store.audit(&AuditQuery { action: Some("prune".into()), limit: 1, ..AuditQuery::default() }).unwrap();
    assert_eq!(pruned[0].record.act.object.id, (state.first - 1).to_string());
    assert_eq!(pruned[0].record.actor, "ztpd");
}

#[test]
fn keeping_less_from_now_on_counts_with_the_next_record_and_both_chains_still_hold() {
    let store = two_sites();
    let act = || Act::new("try", AuditObject::new("site", "hq"));
    for status in 1..=30 {
        store.record(event(Some(mac(1)), status), None).unwrap();
    }
    (0..1_010).for_each(|_| store.note(act(), &by()).unwrap());
    store.retain(Retention { acts: 3, events: 5 });
    store.note(act(), &by()).unwrap();
    store.record(event(Some(mac(1)), 31), None).unwrap();
    store.flush().unwrap();
    let state = store.verify_audit().unwrap();
    assert_eq!((state.administration.fault, state.devices.fault), (None, None));
    assert!(state.administration.first > 1_000 && state.administration.last > 1_010);
    assert_eq!(store.events(None, None, 99).unwrap().len(), 5);
}

#[test]
fn sec_l02_secrets_wait_for_what_must_be_written() {
    let fit = Backlog { waiting: 14_999, oldest: Duration::from_secs(5), ..Backlog::default() };
    assert_eq!(fit.check(), Ok(()));
    assert_eq!(Backlog { waiting: 15_000, ..fit.clone() }.check(), Err(Behind::Full(15_000)));
    let late = Duration::from_millis(5_001);
    assert_eq!(Backlog { oldest: late, ..fit.clone() }.check(), Err(Behind::Late(late)));
    let failed = Some("disk".to_owned());
    assert_eq!(Backlog { fault: failed, ..fit }.check(), Err(Behind::Failed("disk".into())));
}

#[test]
fn who_may_do_what_is_told_field_by_field_too() {
    let store = two_sites();
    let role = json!({"id": "mine", "name": "Mine", "permissions": ["sites:view"]});
    store.create_role(serde_json::from_value(role).unwrap(), &by()).unwrap();
    assert_eq!(field(&last(&store), "permissions").to, json!(["sites:view"]));
    let grant = json!({"id": "g1", "subject": {"unix_user": "eve"}, "role": "mine", "scope": "account"});
    store.create_grant(serde_json::from_value(grant).unwrap(), &by()).unwrap();
    assert_eq!(field(&last(&store), "subject.unix_user").to, json!("eve"));
}

#[test]
fn a_renamed_users_secret_moves_with_the_user() {
    let store = two_sites();
    store.create_user(user("alice", "hq"), Secret::new("sesame".into()), &by()).unwrap();
    let (from, to) = ("alice@example.com".parse().unwrap(), "ann@example.com".parse().unwrap());
    store.rename_user(&from, to, Expected::Any, &by()).unwrap();
    assert_eq!(store.sip_password(&user_owner("ann")).unwrap(), Some(Secret::new("sesame".into())));
    assert_eq!(store.sip_password(&user_owner("alice")).unwrap(), None);
}
