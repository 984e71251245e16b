use std::net::IpAddr;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::store::ClaimOutcome;

#[test]
fn eight_hands_adding_phones_to_one_user_end_with_nine() {
    let store = two_sites();
    store.create_user(user("alice", "hq"), password(), &by()).unwrap();
    let (barrier, added) = (Barrier::new(8), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for hand in 0..8 {
            let (store, barrier, added) = (&store, &barrier, &added);
            scope.spawn(move || {
                barrier.wait();
                for number in 0..6 {
                    match enrol(store, owned(hand * 100 + number, "hq", user_owner("alice"))) {
                        Ok(()) => _ = added.fetch_add(1, Ordering::SeqCst),
                        refused => assert!(matches!(conflict(refused), Conflict::DeviceLimit { limit: 9, .. })),
                    }
                }
            });
        }
    });
    assert_eq!(added.load(Ordering::SeqCst), 9);
    assert_eq!(store.devices_of(&user_owner("alice")).unwrap().len(), 9);
    assert_eq!(store.counts().unwrap().devices, 9);
}

#[test]
fn of_fifty_addresses_one_wins_the_claim() {
    let store = two_sites();
    enrol(&store, device(1, "lab")).unwrap();
    let barrier = Barrier::new(50);
    let outcomes: Vec<(IpAddr, ClaimOutcome)> = std::thread::scope(|scope| {
        let racers: Vec<_> = (1..=50u8)
            .map(|last| {
                let (store, barrier, address) = (&store, &barrier, IpAddr::from([10, 0, 0, last]));
                scope.spawn(move || {
                    barrier.wait();
                    (address, store.begin_claim(mac(1), address, at(1), true).unwrap())
                })
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    let winners: Vec<_> = outcomes.iter().filter(|(_, outcome)| *outcome == ClaimOutcome::Yours).collect();
    assert_eq!(winners.len(), 1);
    let by = winners[0].0;
    assert!(outcomes.iter().all(|(address, outcome)| *address == by || *outcome == ClaimOutcome::Taken { by }));
}

#[test]
fn eight_hands_asking_for_extensions_get_different_ones() {
    let store = two_sites();
    let barrier = Barrier::new(8);
    std::thread::scope(|scope| {
        for hand in 0..8 {
            let (store, barrier) = (&store, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for number in 0..20 {
                    store.create_user(user(&format!("u{hand}-{number}"), "hq"), password(), &by()).unwrap();
                }
            });
        }
    });
    let users = store.users(&all()).unwrap();
    let mut extensions: Vec<String> =
        users.iter().map(|user| user.value.extension.clone().unwrap().to_string()).collect();
    extensions.sort();
    assert_eq!(extensions, (1000..1160).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_phone_is_read_as_of_one_moment() {
    let store = two_sites();
    enrol(&store, device(1, "lab")).unwrap();
    store.token_shown(mac(1), &token(1).hash()).unwrap();
    std::thread::scope(|scope| {
        let rotating = scope.spawn(|| {
            for number in 2..200 {
                store.rotate_token(mac(1), token(number), &by()).unwrap();
                store.token_shown(mac(1), &token(number).hash()).unwrap();
            }
        });
        while !rotating.is_finished() {
            let phone = store.phone(mac(1)).unwrap().unwrap();
            assert_eq!(phone.previous_token.is_some(), phone.access.previous_token.is_some());
        }
        rotating.join().unwrap();
    });
}
