//! What a store on the disk survives.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::store::rebuild;
use crate::store::rows::{HEAD, Head, SCHEMA};
use crate::store::sled::{SledStore, Tables};
use crate::store::txn::Row;
use crate::store::{Expected, Opening, StoreFault};

/// A folder with a closed store of `phones` phones.
pub fn filled(phones: u32) -> TempDir {
    let folder = TempDir::new().unwrap();
    let (store, opening) = open(folder.path());
    assert_eq!(opening, Opening::Fresh);
    store.create_site(with_networks(site("hq")), &by()).unwrap();
    store.create_user(user("alice", "hq"), password(), &by()).unwrap();
    add(&store, 1..=phones);
    folder
}

pub fn add(store: &dyn Store, phones: impl Iterator<Item = u32>) {
    for number in phones {
        enrol(store, device(number, "hq")).unwrap();
    }
}

pub fn open(folder: &Path) -> (SledStore, Opening) {
    SledStore::open(folder, &master()).unwrap()
}

/// What a store in a folder shows, and how it opened.
pub fn look(folder: &Path) -> (String, Opening) {
    let (store, opening) = open(folder);
    (observable(&store), opening)
}

pub fn refused(folder: &Path) -> StoreFault {
    match SledStore::open(folder, &master()) {
        Err(fault) => fault,
        Ok((_, opening)) => panic!("opened: {opening:?}"),
    }
}

/// Every file below a folder with its octets.
pub fn octets(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(octets(&path));
        } else {
            files.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &target) } else { _ = fs::copy(&path, &target).unwrap() }
    }
}

fn rebuilt(opening: Opening) -> crate::store::RebuildReport {
    match opening {
        Opening::Rebuilt(report) => report,
        other => panic!("not rebuilt but {other:?}"),
    }
}

#[test]
fn what_was_acknowledged_is_there_after_closing_and_opening() {
    let folder = filled(5);
    let (before, opening) = look(folder.path());
    assert_eq!(opening, Opening::AsItWas);
    assert_eq!(look(folder.path()), (before, Opening::AsItWas));
}

#[test]
fn nobody_else_may_read_the_folder() {
    let parent = TempDir::new().unwrap();
    let data = parent.path().join("made").join("data");
    drop(open(&data));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&data.join("journal")), 0o700);
    assert_eq!(mode(&data.join("store.lock")), 0o600);
    for (path, _) in octets(&data.join("journal")) {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn one_process_holds_the_store() {
    let folder = filled(1);
    let held = StoreFault::Held(folder.path().display().to_string());
    let (store, _) = open(folder.path());
    assert_eq!(refused(folder.path()), held);
    assert_eq!(rebuild(folder.path(), &master()), Err(held));
    drop(store);
    assert!(SledStore::open(folder.path(), &master()).is_ok());
}

#[test]
fn a_folder_that_cannot_be_made_or_written_is_named() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let path = file.join("data");
    assert!(matches!(refused(&path), StoreFault::Io { path: named, .. } if named == path.display().to_string()));
    if rustix::process::geteuid().is_root() {
        return; // Permissions do not hold root back.
    }
    let read_only = folder.path().join("read_only");
    fs::create_dir(&read_only).unwrap();
    fs::set_permissions(&read_only, fs::Permissions::from_mode(0o500)).unwrap();
    let lock = read_only.join("store.lock").display().to_string();
    assert!(matches!(refused(&read_only), StoreFault::Io { path, .. } if path == lock));
}

#[test]
fn tables_of_a_newer_program_are_refused() {
    let folder = filled(1);
    let tables = Tables::open(&folder.path().join("sled")).unwrap();
    let head = crate::store::rows::encode(HEAD, &Head { schema: 99, sequence: 3 }).unwrap();
    tables.load(vec![Row { key: HEAD.into(), value: head }]).unwrap();
    drop(tables);
    assert_eq!(refused(folder.path()), StoreFault::Schema { found: 99, known: SCHEMA });
}

#[test]
fn a_lost_folder_of_tables_is_made_again_from_the_journal() {
    let folder = filled(5);
    let (before, _) = look(folder.path());
    fs::remove_dir_all(folder.path().join("sled")).unwrap();
    let (after, opening) = look(folder.path());
    assert_eq!(after, before);
    let report = rebuilt(opening);
    assert_eq!((report.aside, report.snapshot, report.changes), (None, None, 7));
    assert_eq!(look(folder.path()), (before, Opening::AsItWas));
}

#[test]
fn garbage_in_place_of_tables_is_put_aside_and_nothing_is_lost() {
    let folder = filled(5);
    let (before, _) = look(folder.path());
    for (path, octets) in octets(&folder.path().join("sled")) {
        fs::write(&path, vec![0xa5; octets.len()]).unwrap();
    }
    let (after, opening) = look(folder.path());
    assert_eq!(after, before);
    let aside = rebuilt(opening).aside.unwrap();
    assert_eq!(aside, folder.path().join("sled.damaged-1"));
    assert!(aside.join("db").exists());
    assert_eq!(look(folder.path()), (before, Opening::AsItWas));
}

#[test]
fn wherever_the_tables_are_damaged_nothing_is_lost() {
    let folder = filled(40);
    let (before, _) = look(folder.path());
    let length = fs::metadata(folder.path().join("sled/db")).unwrap().len();
    for step in 0..24u64 {
        let damaged = TempDir::new().unwrap();
        copy(folder.path(), damaged.path());
        let db = damaged.path().join("sled/db");
        let mut octets = fs::read(&db).unwrap();
        if step % 6 == 5 {
            octets.truncate(usize::try_from(length * step / 24).unwrap());
        } else {
            let start = usize::try_from(length * step / 24).unwrap();
            octets[start..start + 16].iter_mut().for_each(|octet| *octet ^= 0xff);
        }
        fs::write(&db, octets).unwrap();
        // As after a crash: only then are all rows looked at.
        fs::write(damaged.path().join("store.state"), "open\n").unwrap();
        assert_eq!(look(damaged.path()).0, before, "step {step}");
    }
}

#[test]
fn rows_that_make_no_sense_are_found_after_a_crash() {
    let folder = filled(3);
    let (before, _) = look(folder.path());
    let tables = Tables::open(&folder.path().join("sled")).unwrap();
    tables.load(vec![Row { key: "site/hq".into(), value: "nonsense".into() }]).unwrap();
    drop(tables);
    fs::write(folder.path().join("store.state"), "open\n").unwrap();
    let (after, opening) = look(folder.path());
    assert_eq!(after, before);
    assert!(rebuilt(opening).aside.is_some());
}

#[test]
fn what_the_last_process_noted_decides_whether_the_tables_are_trusted() {
    let folder = filled(3);
    let (before, _) = look(folder.path());
    for (note, again) in [("opening\n", false), ("opening again\n", true), ("damaged\n", true), ("", false)] {
        fs::write(folder.path().join("store.state"), note).unwrap();
        let (after, opening) = look(folder.path());
        assert_eq!(after, before);
        assert_eq!(matches!(opening, Opening::Rebuilt(_)), again, "{note:?}: {opening:?}");
    }
}

#[test]
fn changes_that_are_in_the_journal_alone_are_replayed() {
    let folder = filled(2);
    let old = TempDir::new().unwrap();
    copy(&folder.path().join("sled"), old.path());
    let (store, _) = open(folder.path());
    add(&store, 3..=6);
    store.remove_device(mac(1), Expected::Any, &by()).unwrap();
    let before = observable(&store);
    drop(store);
    fs::remove_dir_all(folder.path().join("sled")).unwrap();
    copy(old.path(), &folder.path().join("sled"));
    assert_eq!(look(folder.path()), (before, Opening::Replayed(5)));
}

#[test]
fn a_lost_journal_is_begun_anew_with_a_snapshot() {
    let folder = filled(4);
    let (before, _) = look(folder.path());
    fs::remove_dir_all(folder.path().join("journal")).unwrap();
    let (after, opening) = look(folder.path());
    assert_eq!((&after, opening), (&before, Opening::JournalBegunAnew { journal: 0, tables: 6 }));
    fs::remove_dir_all(folder.path().join("sled")).unwrap();
    let (after, opening) = look(folder.path());
    assert_eq!((after, rebuilt(opening).snapshot), (before, Some(6)));
}

#[test]
fn events_survive_closing_and_have_numbers_of_their_own_afterwards() {
    let folder = filled(1);
    for expected in 1..=3 {
        let (store, _) = open(folder.path());
        let event = crate::store::observed::tests::event(Some(mac(1)), 200);
        store.record(event, Some("66.86".into())).unwrap();
        store.flush().unwrap();
        assert_eq!(store.events(None, None, 9).unwrap().first().map(|event| event.id), Some(expected));
        assert_eq!(store.sighting(mac(1)).unwrap().firmware.as_deref(), Some("66.86"));
    }
}
