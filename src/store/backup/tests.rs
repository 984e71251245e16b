//! What comes out of a backup is what went in: at one moment, sealed, whole or not at all.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::restore::{check, restore};
use super::{BackUp as _, BackupFault, Onto, Opener, Recipient, Restored};
use crate::inventory::master_key::MasterKey;
use crate::inventory::secret::Secret;
use crate::store::observed::tests::event;
use crate::store::sled::SledStore;
use crate::store::tests::{by, device, enrol, master, observable, site};
use crate::store::{PageRequest, Store, StoreFault};

const PASSPHRASE: &str = "correct horse battery";

/// So small that snapshots are written all the time.
const SEGMENT_LIMIT: u64 = 8_000;

fn passphrase() -> Secret {
    Secret::new(PASSPHRASE.to_owned())
}

fn opener() -> Opener {
    Opener::Passphrase(passphrase())
}

fn filled(folder: &Path, phones: u32) -> SledStore {
    let (store, _) = SledStore::open_with(folder, &master(), SEGMENT_LIMIT).unwrap();
    store.create_site(site("hq"), &by()).unwrap();
    (1..=phones).for_each(|number| enrol(&store, device(number, "hq")).unwrap());
    fs::create_dir_all(folder.join("tls")).unwrap();
    fs::write(folder.join("tls/authority.key"), "the authority's key").unwrap();
    store
}

fn backup(store: &SledStore) -> Vec<u8> {
    let (mut file, mut begun) = (Vec::new(), 0);
    let taken =
        store.back_up(&[Recipient::Passphrase(passphrase())], by().time, &mut || begun += 1, &mut file).unwrap();
    assert_eq!(begun, 1);
    assert_eq!(check(&opener(), file.as_slice()).unwrap().1, taken.revision);
    file
}

fn restored(folder: &Path, master: &MasterKey, file: &[u8], onto: Onto) -> Result<Restored, BackupFault> {
    restore(folder, master, &opener(), file, onto, &by())
}

/// All but the revision, which counts the restoring as well.
fn content(store: &dyn Store) -> String {
    observable(store).trim_end().rsplit_once('\n').unwrap().0.to_owned()
}

#[test]
fn a_restored_store_is_the_same_under_another_master_key_with_its_events_and_its_audit_trail() {
    let (folder, target) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = filled(folder.path(), 40);
    store.rotate_keys(&by()).unwrap();
    (1..=9).for_each(|status| store.record(event(Some(device(7, "hq").mac), status), None).unwrap());
    let file = backup(&store);
    let other = MasterKey::new().unwrap();
    let report = restored(&target.path().join("data"), &other, &file, Onto::Nothing).unwrap();
    assert_eq!((report.counts.devices, &report.replaced), (40, &None));
    assert_eq!((report.audit.administration.fault, report.audit.devices.fault), (None, None));
    let (again, _) = SledStore::open(&target.path().join("data"), &other).unwrap();
    assert_eq!(content(&again), content(&store));
    let statuses = |store: &SledStore| -> Vec<u16> {
        store.events(Some(device(7, "hq").mac), None, 99).unwrap().iter().map(|event| event.status).collect()
    };
    assert_eq!(statuses(&again), statuses(&store));
    assert_eq!(again.sighting(device(7, "hq").mac).unwrap(), store.sighting(device(7, "hq").mac).unwrap());
    again.record(event(None, 10), None).unwrap();
    again.flush().unwrap();
    assert_eq!(again.verify_audit().unwrap().devices.fault, None, "the chain goes on");
    assert_eq!(fs::read(target.path().join("data/tls/authority.key")).unwrap(), b"the authority's key");
}

#[test]
fn sec_k03_neither_secrets_nor_names_nor_any_key_can_be_read_in_a_backup() {
    let folder = TempDir::new().unwrap();
    let store = filled(folder.path(), 3);
    let file = backup(&store);
    let has = |octets: &[u8]| file.windows(octets.len()).any(|found| found == octets);
    assert!(has(b"ztpd-backup 1"));
    for text in ["token-1", "admin-1", "\"hq\"", "yealink", "secret/", "the authority", PASSPHRASE, &master().to_hex()]
    {
        assert!(!has(text.as_bytes()), "{text}");
    }
    assert!(!has(master().octets()));
}

#[test]
fn a_backup_taken_amid_changes_is_the_store_as_of_one_moment() {
    let folder = TempDir::new().unwrap();
    let store = filled(folder.path(), 1);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| (2..=120).for_each(|number| enrol(&store, device(number, "hq")).unwrap()));
        while !writing.is_finished() {
            let (file, target) = (backup(&store), TempDir::new().unwrap());
            let report = restored(target.path(), &master(), &file, Onto::Nothing).unwrap();
            assert_eq!(report.audit.administration.fault, None);
            let (again, _) = SledStore::open(target.path(), &master()).unwrap();
            let all = again.devices(&PageRequest { after: None, limit: 999 }).unwrap();
            assert_eq!(u64::try_from(all.len()).unwrap(), report.counts.devices);
            // The first so many, each with all that belongs to it.
            for (place, found) in all.iter().enumerate() {
                let mac = device(u32::try_from(place).unwrap() + 1, "hq").mac;
                assert_eq!(found.value.mac, mac);
                assert!(again.phone(mac).unwrap().is_some());
            }
        }
    });
}

#[test]
fn a_folder_with_a_store_is_refused_unless_asked_and_then_kept() {
    let (folder, target) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let file = backup(&filled(folder.path(), 2));
    let before = filled(target.path(), 5);
    assert!(matches!(
        restored(target.path(), &master(), &file, Onto::Nothing),
        Err(BackupFault::Store(StoreFault::Held(_)))
    ));
    let kept = content(&before);
    drop(before);
    let said = restored(target.path(), &master(), &file, Onto::Nothing).unwrap_err().to_string();
    assert!(said.contains("--replace"), "{said}");
    assert_eq!(content(&SledStore::open(target.path(), &master()).unwrap().0), kept);
    for round in 1..=2 {
        let report = restored(target.path(), &master(), &file, Onto::Anything).unwrap();
        assert_eq!(report.counts.devices, 2);
        assert_eq!(report.replaced, Some(target.path().join(format!("replaced-{round}"))));
    }
    let (before, _) = SledStore::open(&target.path().join("replaced-1"), &master()).unwrap();
    assert_eq!(content(&before), kept);
}

#[test]
fn what_is_cut_altered_or_sealed_to_another_changes_nothing() {
    let (folder, target) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let file = backup(&filled(folder.path(), 30));
    let before = filled(target.path(), 1);
    let kept = content(&before);
    drop(before);
    let mut altered = file.clone();
    *altered.last_mut().unwrap() ^= 1;
    for bad in [&altered[..], &file[..file.len() - 1], &file[..file.len() / 2], &file[..60], b"PK\x03\x04"] {
        assert!(restored(target.path(), &master(), bad, Onto::Anything).is_err());
        assert!(check(&opener(), bad).is_err());
    }
    let other = Opener::Passphrase(Secret::new("another passphrase".into()));
    assert!(matches!(
        restore(target.path(), &master(), &other, file.as_slice(), Onto::Anything, &by()),
        Err(BackupFault::WrongKey(_))
    ));
    assert_eq!(content(&SledStore::open(target.path(), &master()).unwrap().0), kept);
}

/// Whatever a process that was killed left behind.
#[test]
fn a_restore_cut_short_anywhere_either_did_not_happen_or_is_finished_at_the_next_start() {
    let (folder, target) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let file = backup(&filled(folder.path(), 2));
    let whole = target.path().join("whole");
    restored(&whole, &master(), &file, Onto::Nothing).unwrap();
    let parts = ["keys.json", "keys", "sled", "journal", "store.state", "tls"];
    for moved in 0..=parts.len() {
        let here = target.path().join(format!("after-{moved}"));
        drop(filled(&here, 5));
        let work = here.join("restore");
        fs::create_dir_all(&work).unwrap();
        copy(&whole, &work);
        let before = content(&SledStore::open(&here, &master()).unwrap().0);
        assert!(before.contains("devices: 5") && !work.exists(), "it was not whole: {before}");
        fs::create_dir_all(here.join("replaced-1")).unwrap();
        fs::create_dir_all(&work).unwrap();
        copy(&whole, &work);
        fs::write(work.join("whole"), "replaced-1").unwrap();
        for part in &parts[..moved] {
            fs::rename(here.join(part), here.join("replaced-1").join(part)).unwrap();
            fs::rename(work.join(part), here.join(part)).unwrap();
        }
        let after = content(&SledStore::open(&here, &master()).unwrap().0);
        assert!(after.contains("devices: 2") && !work.exists(), "{moved}: {after}");
        assert!(here.join("replaced-1/tls/authority.key").exists());
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().flatten() {
        let place = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir_all(&place).unwrap();
            copy(&entry.path(), &place);
        } else {
            fs::copy(entry.path(), place).unwrap();
        }
    }
}
