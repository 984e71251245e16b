//! A rotation of data keys is killed again and again, wherever it happens to be, and every secret still opens.

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
use ztpd::store::{Actor, DeviceSecrets, EnrolRules, Store, WindowPolicy};

/// Names the folder the second process works on.
const FOLDER: &str = "ZTPD_TEST_ROTATION_FOLDER";

const KILLS: usize = 15;
const PHONES: u32 = 300;

fn master() -> MasterKey {
    MasterKey::read(b"the master key of stores in test").unwrap()
}

fn mac(number: u32) -> MacAddr {
    let [_, a, b, c] = number.to_be_bytes();
    MacAddr::new([0x00, 0x15, 0x65, a, b, c]).unwrap()
}

fn by() -> Actor {
    Actor { name: "test".into(), on_behalf_of: None, time: Timestamp::UNIX_EPOCH, boot_ms: 0 }
}

fn prepare(folder: &Path) {
    let (store, _) = SledStore::open(folder, &master()).unwrap();
    let site = serde_json::json!({"id": "hq", "name": "Headquarters"});
    store.create_site(serde_json::from_value(site).unwrap(), &by()).unwrap();
    let windows = WindowPolicy { now: Timestamp::UNIX_EPOCH, lasts: Period::hours(24) };
    std::thread::scope(|scope| {
        for hand in 0..10 {
            let store = &store;
            scope.spawn(move || {
                for number in (1..=PHONES).filter(|number| number % 10 == hand) {
                    let device =
                        serde_json::json!({"mac": mac(number), "maker": "snom", "model": "D785", "site": "hq"});
                    let secrets = DeviceSecrets {
                        token: Secret::new(format!("token-{number}")),
                        admin_password: Secret::new(format!("admin-{number}")),
                    };
                    let rules = EnrolRules { devices_per_user: 9, windows };
                    store.enrol(serde_json::from_value(device).unwrap(), secrets, &rules, &by()).unwrap();
                }
            });
        }
    });
}

/// Not a test: what the second process does until it is killed.
#[test]
#[ignore = "run by the test below"]
fn second_process() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let (store, _) = SledStore::open(Path::new(&folder), &master()).unwrap();
    loop {
        let revision = store.revision().unwrap();
        std::thread::scope(|scope| {
            let rotation = scope.spawn(|| store.rotate_keys(&by()).unwrap());
            // Each batch is a revision: the other end may kill after any.
            let mut seen = revision;
            while !rotation.is_finished() {
                let now = store.revision().unwrap();
                if now != seen {
                    seen = now;
                    say();
                }
                std::thread::yield_now();
            }
        });
        say();
    }
}

fn say() {
    let mut out = std::io::stdout().lock();
    writeln!(out, "step").and_then(|()| out.flush()).unwrap();
}

fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["killed::second_process", "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn sec_k03_every_secret_opens_wherever_a_rotation_is_killed() {
    let folder = TempDir::new().unwrap();
    prepare(folder.path());
    let mut unfinished = 0;
    for kill in 0..KILLS {
        let mut child = start(folder.path());
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let (mut line, mut steps) = (String::new(), 0);
        while steps <= kill % 7 {
            line.clear();
            assert_ne!(out.read_line(&mut line).unwrap(), 0, "it ended by itself");
            steps += usize::from(line.contains("step"));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let file: serde_json::Value =
            serde_json::from_slice(&std::fs::read(folder.path().join("keys.json")).unwrap()).unwrap();
        unfinished += usize::from(file["keys"].as_object().unwrap().len() > 1);
        let (store, opening) = SledStore::open(folder.path(), &master()).unwrap();
        assert_eq!(store.keys().len(), 1, "{opening:?}: what was cut short is finished");
        for number in 1..=PHONES {
            let phone = store.phone(mac(number)).unwrap().expect("there");
            assert_eq!(phone.token.reveal(), format!("token-{number}"));
            assert_eq!(phone.admin_password.reveal(), format!("admin-{number}"));
        }
    }
    assert!(unfinished > 0, "none of {KILLS} kills came in the middle");
    println!("{unfinished} of {KILLS} rotations were cut short");
}
