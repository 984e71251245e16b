//! What does a phone's request cost the store, what does a registration, and how much do many at once share?

#![allow(clippy::expect_used, missing_docs)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use tempfile::TempDir;
use ztpd::inventory::mac::MacAddr;
use ztpd::inventory::master_key::MasterKey;
use ztpd::inventory::period::Period;
use ztpd::inventory::secret::Secret;
use ztpd::store::sled::SledStore;
use ztpd::store::{Actor, DeviceSecrets, EnrolRules, Store, WindowPolicy};

fn mac(number: u32) -> MacAddr {
    let [_, a, b, c] = number.to_be_bytes();
    MacAddr::new([0x00, 0x15, 0x65, a, b, c]).expect("a unicast address")
}

fn master() -> MasterKey {
    MasterKey::read(b"the master key of stores in test").expect("a key")
}

fn by() -> Actor {
    Actor { name: "bench".to_owned(), on_behalf_of: None, time: Timestamp::UNIX_EPOCH, boot_ms: 0 }
}

fn enrol(store: &SledStore, number: u32) {
    let now = Timestamp::UNIX_EPOCH;
    let device = serde_json::json!({"mac": mac(number), "maker": "yealink", "model": "T46U", "site": "hq"});
    let device = serde_json::from_value(device).expect("a device");
    let secrets =
        DeviceSecrets { token: Secret::new(format!("{number}")), admin_password: Secret::new("admin".to_owned()) };
    let rules = EnrolRules { devices_per_user: 9, windows: WindowPolicy { now, lasts: Period::hours(24) } };
    store.enrol(device, secrets, &rules, &by()).expect("enrolled");
}

fn store(folder: &TempDir) -> SledStore {
    let (store, _) = SledStore::open(folder.path(), &master()).expect("a store");
    let site = serde_json::json!({"id": "hq", "name": "hq", "networks": ["10.0.0.0/8"]});
    store.create_site(serde_json::from_value(site).expect("a site"), &by()).expect("created");
    store
}

/// How long `count` registrations take with so many hands.
fn enrol_with(store: &Arc<SledStore>, next: &AtomicU32, count: u64, hands: u32) -> Duration {
    let left = AtomicU32::new(u32::try_from(count).unwrap_or(u32::MAX));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..hands {
            scope.spawn(|| {
                while left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
                    enrol(store, next.fetch_add(1, Ordering::SeqCst));
                }
            });
        }
    });
    begun.elapsed()
}

fn requests(criterion: &mut Criterion) {
    let folder = TempDir::new().expect("a folder");
    let store = Arc::new(store(&folder));
    let next = AtomicU32::new(1);
    enrol_with(&store, &next, 2_000, 16);
    let mut number = 0;
    criterion.bench_function("phone", |bencher| {
        bencher.iter(|| {
            number = number % 2_000 + 1;
            store.phone(mac(number)).expect("read").expect("there")
        });
    });
    for hands in [1, 16] {
        criterion.bench_function(&format!("enrol, {hands} at once"), |bencher| {
            bencher.iter_custom(|count| enrol_with(&store, &next, count, hands));
        });
    }
    let alone = enrol_with(&store, &next, 200, 1);
    let together = enrol_with(&store, &next, 200, 16);
    println!(
        "group commit: sixteen at once are {:.1} times as fast as one",
        alone.as_secs_f64() / together.as_secs_f64()
    );
}

/// What a start costs a large company.
fn openings(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("open with 150,000 phones");
    group.sample_size(10);
    let folder = TempDir::new().expect("a folder");
    for note in ["closed\n", "open\n"] {
        group.bench_function(if note == "open\n" { "after a crash" } else { "after closing" }, |bencher| {
            fill(&folder);
            bencher.iter_custom(|count| {
                (0..count)
                    .map(|_| {
                        std::fs::write(folder.path().join("store.state"), note).expect("noted");
                        let begun = Instant::now();
                        let opened = SledStore::open(folder.path(), &master()).expect("a store");
                        let took = begun.elapsed();
                        drop(opened);
                        took
                    })
                    .sum()
            });
        });
    }
}

fn fill(folder: &TempDir) {
    if !folder.path().join("sled").exists() {
        enrol_with(&Arc::new(store(folder)), &AtomicU32::new(1), 150_000, 64);
    }
}

criterion_group!(all, requests, openings);
criterion_main!(all);
