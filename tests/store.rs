//! Is what was acknowledged there after the power went? A second process writes, says what was acknowledged, and is
//! killed in the middle, a hundred times.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use jiff::Timestamp;
use tempfile::TempDir;
use ztpd::inventory::mac::MacAddr;
use ztpd::inventory::master_key::MasterKey;
use ztpd::inventory::period::Period;
use ztpd::inventory::secret::Secret;
use ztpd::store::sled::SledStore;
use ztpd::store::{Actor, DeviceSecrets, EnrolRules, Opening, PageRequest, Store, StoreFault, WindowPolicy};

/// Names the folder the second process writes to, and the number of its first phone.
const FOLDER: &str = "ZTPD_TEST_STORE_FOLDER";
const FIRST: &str = "ZTPD_TEST_STORE_FIRST";

/// So small that snapshots are written all the time.
const SEGMENT_LIMIT: u64 = 24_000;

const ROUNDS: u32 = 100;
const ROUNDS_A_FOLDER: u32 = 10;
const HANDS: u32 = 3;
/// How many phones a hand may add in a round.
const PHONES: u32 = 1_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn mac(number: u32) -> MacAddr {
    let [_, a, b, c] = number.to_be_bytes();
    MacAddr::new([0x00, 0x15, 0x65, a, b, c]).unwrap()
}

fn token(number: u32, generation: u32) -> Secret {
    Secret::new(format!("{number}-{generation}"))
}

fn master() -> MasterKey {
    MasterKey::read(b"the master key of stores in test").unwrap()
}

fn by() -> Actor {
    Actor { name: "test".into(), on_behalf_of: None, time: at(0), boot_ms: 0 }
}

fn prepare(folder: &Path) {
    let (store, opening) = SledStore::open_with(folder, &master(), SEGMENT_LIMIT).unwrap();
    assert_eq!(opening, Opening::Fresh);
    let site = serde_json::json!({"id": "hq", "name": "Headquarters", "networks": ["10.0.0.0/8"]});
    store.create_site(serde_json::from_value(site).unwrap(), &by()).unwrap();
}

/// Adds a phone and twice gives it a new token, saying each time what was acknowledged: the phone and its generation
/// of tokens.
fn write_phone(store: &SledStore, number: u32) {
    let device = serde_json::json!({"mac": mac(number), "maker": "snom", "model": "D785", "site": "hq"});
    let rules = EnrolRules { devices_per_user: 9, windows: WindowPolicy { now: at(0), lasts: Period::hours(24) } };
    let secrets = DeviceSecrets { token: token(number, 0), admin_password: Secret::new("admin".into()) };
    let by = by();
    store.enrol(serde_json::from_value(device).unwrap(), secrets, &rules, &by).unwrap();
    say(number, 0);
    for generation in 1..=2 {
        store.rotate_token(mac(number), token(number, generation), &by).unwrap();
        say(number, generation);
    }
}

fn say(number: u32, generation: u32) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "acknowledged {number} {generation}").and_then(|()| out.flush()).unwrap();
}

/// Not a test: what the second process does until it is killed.
#[test]
#[ignore = "run by the tests below"]
fn second_process() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let first: u32 = std::env::var(FIRST).unwrap().parse().unwrap();
    let (store, _) = SledStore::open_with(Path::new(&folder), &master(), SEGMENT_LIMIT).unwrap();
    std::thread::scope(|scope| {
        for hand in 0..HANDS {
            let store = &store;
            let first = first + hand * PHONES;
            scope.spawn(move || (first..first + PHONES).for_each(|number| write_phone(store, number)));
        }
    });
}

fn start(folder: &Path, first: u32) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["second_process", "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Kills the second process after so many acknowledged changes; what it acknowledged in all.
fn kill_after(mut child: Child, changes: usize, acknowledged: &mut BTreeMap<u32, u32>) {
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = Vec::new();
    let mut seen = 0;
    while out.read_until(b'\n', &mut line).unwrap() > 0 {
        let text = String::from_utf8_lossy(&line);
        let mut words = text.trim_end().split(' ').skip_while(|word| !word.ends_with("acknowledged")).skip(1);
        if let (Some(number), Some(generation), true) = (words.next(), words.next(), text.ends_with('\n')) {
            acknowledged.insert(number.parse().unwrap(), generation.parse().unwrap());
            seen += 1;
            if seen == changes {
                child.kill().unwrap();
            }
        }
        line.clear();
    }
    child.wait().unwrap();
    assert!(seen >= changes, "it ended by itself after {seen}");
}

fn check(store: &SledStore, acknowledged: &BTreeMap<u32, u32>) {
    for (number, generation) in acknowledged {
        let phone = store.phone(mac(*number)).unwrap().unwrap_or_else(|| panic!("phone {number} is lost"));
        let shown = phone.token.reveal().to_owned();
        let found: u32 = shown.split_once('-').unwrap().1.parse().unwrap();
        assert!(found >= *generation, "phone {number} has the token of before: {found} < {generation}");
    }
    let devices = store.devices(&PageRequest { after: None, limit: usize::MAX }).unwrap();
    assert_eq!(store.counts().unwrap().devices, devices.len() as u64);
    for device in devices {
        store.phone(device.value.mac).unwrap().expect("what is listed is whole");
    }
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let mut openings = BTreeMap::<&str, u32>::new();
    for folders in 0..ROUNDS / ROUNDS_A_FOLDER {
        let folder = TempDir::new().unwrap();
        prepare(folder.path());
        let mut acknowledged = BTreeMap::new();
        for round in 0..ROUNDS_A_FOLDER {
            let child = start(folder.path(), round * HANDS * PHONES);
            // From the very first to some sixty changes: also in the middle of opening and of snapshots.
            let changes = 1 + usize::try_from((folders * 37 + round * 23) % 60).unwrap();
            kill_after(child, changes, &mut acknowledged);
            if round % 3 == 2 {
                continue; // The next process finds it as the killed one left it.
            }
            let (store, opening) = SledStore::open_with(folder.path(), &master(), SEGMENT_LIMIT).unwrap();
            check(&store, &acknowledged);
            *openings
                .entry(match opening {
                    Opening::AsItWas => "as it was",
                    Opening::Replayed(_) => "replayed",
                    Opening::Rebuilt(_) => "rebuilt",
                    other => panic!("{other:?}"),
                })
                .or_default() += 1;
        }
        std::fs::remove_dir_all(folder.path().join("sled")).unwrap();
        let (store, opening) = SledStore::open_with(folder.path(), &master(), SEGMENT_LIMIT).unwrap();
        assert!(matches!(opening, Opening::Rebuilt(_)), "{opening:?}");
        check(&store, &acknowledged);
    }
    println!("{ROUNDS} kills, openings: {openings:?}");
}

#[test]
fn a_second_process_is_kept_out() {
    let folder = TempDir::new().unwrap();
    prepare(folder.path());
    let mut child = start(folder.path(), 0);
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("acknowledged") {
        line.clear();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "it ended");
    }
    let held = SledStore::open(folder.path(), &master()).map(|_| ());
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(held, Err(StoreFault::Held(folder.path().display().to_string())));
    assert!(SledStore::open(folder.path(), &master()).is_ok(), "a killed process holds nothing");
}
