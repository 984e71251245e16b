use std::net::IpAddr;

use super::*;
use crate::inventory::access::{AccessState, Bar, ClaimWindow, OpenedBy};
use crate::store::ClaimOutcome;

fn operators(from: i64, until: i64) -> ClaimWindow {
    ClaimWindow { from: Vec::new(), opened: at(from), closes: at(until), opened_by: OpenedBy::Operator }
}

fn address(last: u8) -> IpAddr {
    [10, 0, 0, last].into()
}

/// A store with an unclaimed phone whose window is open until minute 1440.
fn unclaimed() -> MemoryStore {
    let store = two_sites();
    enrol(&store, device(1, "lab")).unwrap();
    store
}

fn tokens(store: &dyn Store) -> (String, Option<String>) {
    let phone = store.phone(mac(1)).unwrap().unwrap();
    (phone.token.reveal().to_owned(), phone.previous_token.map(|token| token.reveal().to_owned()))
}

#[test]
fn the_first_address_has_the_claim_until_it_ends() {
    let store = unclaimed();
    let claim = |last, minutes| store.begin_claim(mac(1), address(last), at(minutes), true).unwrap();
    assert_eq!(claim(1, 1_439), ClaimOutcome::Yours);
    assert_eq!(claim(1, 1_450), ClaimOutcome::Yours);
    assert_eq!(claim(2, 1_450), ClaimOutcome::Taken { by: address(1) });
    assert_eq!(claim(1, 1_439 + 60), ClaimOutcome::Closed);
    assert_eq!(claim(2, 1_439 + 60), ClaimOutcome::Closed);
    assert_eq!(store.phone(mac(1)).unwrap().unwrap().access.state(at(3_000)), AccessState::Bound);
}

#[test]
fn a_claim_ends_when_the_token_is_used() {
    let store = unclaimed();
    let claim = |last| store.begin_claim(mac(1), address(last), at(1), true).unwrap();
    assert_eq!(claim(1), ClaimOutcome::Yours);
    store.token_shown(mac(1), &token(1).hash()).unwrap();
    assert_eq!(claim(1), ClaimOutcome::Closed);
    assert_eq!(claim(2), ClaimOutcome::Closed);
}

#[test]
fn without_an_open_window_nothing_can_be_claimed() {
    let store = two_sites();
    enrol(&store, device(1, "hq")).unwrap();
    let claim = |minutes| store.begin_claim(mac(1), address(1), at(minutes), true).unwrap();
    assert_eq!(claim(1), ClaimOutcome::Closed);
    store.open_window(mac(1), operators(0, 15), token(9), &by()).unwrap();
    assert_eq!(claim(15), ClaimOutcome::Closed);
    store.close_window(mac(1), &by()).unwrap();
    assert_eq!(claim(14), ClaimOutcome::Closed);
    let unknown = Conflict::Unknown { kind: "device", id: mac(2).to_string() };
    assert_eq!(conflict(store.begin_claim(mac(2), address(1), at(1), true)), unknown);
    assert_eq!(conflict(store.open_window(mac(2), operators(0, 15), token(9), &by())), unknown);
    assert_eq!(conflict(store.close_window(mac(2), &by())), unknown);
    assert_eq!(conflict(store.rotate_token(mac(2), token(9), &by_at(1))), unknown);
}

#[test]
fn one_address_begins_three_claims_an_hour() {
    let store = two_sites();
    for number in 1..=6 {
        enrol(&store, device(number, "lab")).unwrap();
    }
    let claim = |number, minutes, counted| store.begin_claim(mac(number), address(1), at(minutes), counted).unwrap();
    assert_eq!(claim(1, 0, true), ClaimOutcome::Yours);
    assert_eq!(claim(2, 10, true), ClaimOutcome::Yours);
    assert_eq!(claim(3, 20, true), ClaimOutcome::Yours);
    assert_eq!(claim(4, 30, true), ClaimOutcome::TooMany);
    assert_eq!(claim(3, 30, true), ClaimOutcome::Yours, "what it has it may fetch again");
    assert_eq!(store.begin_claim(mac(5), address(2), at(30), true).unwrap(), ClaimOutcome::Yours);
    assert_eq!(claim(4, 59, true), ClaimOutcome::TooMany);
    assert_eq!(claim(4, 60, true), ClaimOutcome::Yours);
    assert_eq!(claim(6, 60, true), ClaimOutcome::TooMany);
    assert_eq!(claim(6, 60, false), ClaimOutcome::Yours, "an address that is not counted is not held back");
}

#[test]
fn claims_of_the_past_are_forgotten() {
    let store = two_sites();
    for number in 1..=60 {
        enrol(&store, device(number, "lab")).unwrap();
    }
    for number in 1..=60u8 {
        let minutes = i64::from(number) * 10;
        store.begin_claim(mac(number.into()), address(number), at(minutes), true).unwrap();
    }
    let rows = store.backend_rows();
    let claims = rows.iter().filter(|row| row.starts_with("claim")).count();
    assert!(claims <= 2 * 7, "{claims} rows for six claims within the hour");
}

#[test]
fn a_new_window_for_a_bound_phone_brings_a_new_token_and_keeps_the_old_one() {
    let store = unclaimed();
    store.begin_claim(mac(1), address(1), at(1), true).unwrap();
    store.token_shown(mac(1), &token(1).hash()).unwrap();
    let access = store.open_window(mac(1), operators(100, 115), token(2), &by()).unwrap();
    assert_eq!(access.state(at(101)), AccessState::ClaimOpen);
    assert!(access.previous_token_opens(at(99_999)));
    assert_eq!(tokens(&store), ("token-2".into(), Some("token-1".into())));
    // The old one shown is no news; the new one kills it.
    store.token_shown(mac(1), &token(1).hash()).unwrap();
    assert_eq!(tokens(&store).1, Some("token-1".into()));
    assert_eq!(store.begin_claim(mac(1), address(7), at(102), true).unwrap(), ClaimOutcome::Yours);
    store.token_shown(mac(1), &token(2).hash()).unwrap();
    assert_eq!(tokens(&store), ("token-2".into(), None));
    assert_eq!(store.revoke_token(&token(1).hash(), token(3), at(0)).unwrap(), None);
}

#[test]
fn a_window_opened_twice_does_not_cost_the_phone_its_old_token() {
    let store = unclaimed();
    store.token_shown(mac(1), &token(1).hash()).unwrap();
    store.open_window(mac(1), operators(0, 15), token(2), &by()).unwrap();
    store.open_window(mac(1), operators(20, 35), token(3), &by()).unwrap();
    assert_eq!(tokens(&store), ("token-2".into(), Some("token-1".into())));
    // Once somebody fetched under the window, the token may be known, and another one comes.
    store.begin_claim(mac(1), address(1), at(21), true).unwrap();
    store.open_window(mac(1), operators(40, 55), token(4), &by()).unwrap();
    assert_eq!(tokens(&store), ("token-4".into(), Some("token-2".into())));
}

#[test]
fn the_token_of_an_unclaimed_phone_stays_when_its_window_opens() {
    let store = unclaimed();
    store.open_window(mac(1), operators(0, 15), token(2), &by()).unwrap();
    assert_eq!(tokens(&store), ("token-1".into(), None));
}

#[test]
fn a_rotated_token_opens_until_the_new_one_is_used() {
    let store = unclaimed();
    store.token_shown(mac(1), &token(1).hash()).unwrap();
    let access = store.rotate_token(mac(1), token(2), &by()).unwrap();
    assert!(access.previous_token_opens(at(1_439)));
    assert!(!access.previous_token_opens(at(1_440)));
    store.rotate_token(mac(1), token(3), &by_at(10)).unwrap();
    assert_eq!(tokens(&store), ("token-3".into(), Some("token-2".into())));
    assert_eq!(store.revoke_token(&token(1).hash(), token(4), at(0)).unwrap(), None, "the one before the last is gone");
    store.token_shown(mac(1), &token(3).hash()).unwrap();
    assert_eq!(tokens(&store), ("token-3".into(), None));
}

#[test]
fn an_exposed_token_dies_with_the_one_beside_it() {
    for exposed in [1, 2] {
        let store = unclaimed();
        store.token_shown(mac(1), &token(1).hash()).unwrap();
        store.rotate_token(mac(1), token(2), &by()).unwrap();
        assert_eq!(store.revoke_token(&token(exposed).hash(), token(3), at(0)).unwrap(), Some(mac(1)));
        assert_eq!(tokens(&store), ("token-3".into(), None));
        assert!(!store.phone(mac(1)).unwrap().unwrap().access.previous_token_opens(at(1)));
        for number in [1, 2] {
            assert_eq!(store.revoke_token(&token(number).hash(), token(4), at(0)).unwrap(), None);
        }
    }
}

#[test]
fn a_token_shown_again_or_by_nobody_is_no_change() {
    let store = unclaimed();
    store.token_shown(mac(1), &token(1).hash()).unwrap();
    let revision = store.revision().unwrap();
    store.token_shown(mac(1), &token(1).hash()).unwrap();
    store.token_shown(mac(1), &token(2).hash()).unwrap();
    store.token_shown(mac(9), &token(1).hash()).unwrap();
    store.begin_claim(mac(1), address(1), at(1), true).unwrap();
    assert_eq!(store.revision().unwrap(), revision);
}

fn bound() -> MemoryStore {
    let store = unclaimed();
    store.begin_claim(mac(1), address(1), at(1), true).unwrap();
    store.token_shown(mac(1), &token(1).hash()).unwrap();
    store
}

#[test]
fn a_quarantined_phone_keeps_its_token_for_the_day_it_is_released() {
    let store = bound();
    let access = store.quarantine(mac(1), Bar::Operator, &by()).unwrap();
    assert_eq!(access.state(at(2)), AccessState::Quarantined);
    let barred = Conflict::Barred { mac: mac(1), reason: Bar::Operator };
    assert_eq!(conflict(store.open_window(mac(1), operators(0, 15), token(9), &by())), barred);
    assert_eq!(store.begin_claim(mac(1), address(1), at(2), true).unwrap(), ClaimOutcome::Closed);
    let access = store.release(mac(1), &by()).unwrap();
    assert_eq!((access.state(at(2)), access.token_used), (AccessState::Bound, true));
    assert_eq!(tokens(&store), ("token-1".into(), None));
}

#[test]
fn sec_d07_a_changed_key_is_not_released_but_rebound() {
    let store = bound();
    store.quarantine(mac(1), Bar::IdentityChanged, &by()).unwrap();
    store.quarantine(mac(1), Bar::Operator, &by()).unwrap();
    let barred = Conflict::Barred { mac: mac(1), reason: Bar::IdentityChanged };
    assert_eq!(conflict(store.release(mac(1), &by())), barred, "the first reason stays");
    let access = store.rebind(mac(1), None, token(2), &by()).unwrap();
    assert_eq!((access.barred, access.window), (None, None));
    assert_eq!(tokens(&store), ("token-2".into(), None));
    assert_eq!(store.revoke_token(&token(1).hash(), token(3), at(0)).unwrap(), None, "the old token is nobody's");
}

#[test]
fn a_retired_phone_is_out_of_reach_for_every_verb() {
    let store = bound();
    store.retire(mac(1), token(2), &by()).unwrap();
    assert_eq!(tokens(&store), ("token-2".into(), None));
    let barred = Conflict::Barred { mac: mac(1), reason: Bar::Retired };
    assert_eq!(conflict(store.open_window(mac(1), operators(0, 15), token(9), &by())), barred);
    assert_eq!(conflict(store.rotate_token(mac(1), token(9), &by())), barred);
    assert_eq!(conflict(store.quarantine(mac(1), Bar::Operator, &by())), barred);
    assert_eq!(conflict(store.release(mac(1), &by())), barred);
    assert_eq!(conflict(store.rebind(mac(1), Some(operators(0, 15)), token(9), &by())), barred);
    store.retire(mac(1), token(9), &by()).unwrap();
    assert_eq!(tokens(&store), ("token-2".into(), None), "retired twice is retired once");
    store.remove_device(mac(1), crate::store::Expected::Any, &by()).unwrap();
    enrol(&store, device(1, "lab")).unwrap();
    assert_eq!(store.phone(mac(1)).unwrap().unwrap().access.state(at(1)), AccessState::ClaimOpen);
}
