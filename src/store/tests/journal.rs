//! What the journal on the disk survives, and when it must not be trusted.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::disk::{add, copy, filled, look, octets, open, refused};
use super::*;
use crate::store::journal::line;
use crate::store::rebuild;
use crate::store::rows::SCHEMA;
use crate::store::sled::SledStore;
use crate::store::{Opening, StoreFault};

fn files(folder: &Path, suffix: &str) -> Vec<PathBuf> {
    let paths = octets(&folder.join("journal")).into_iter().map(|(path, _)| path);
    paths.filter(|path| path.extension().is_some_and(|found| found == suffix)).collect()
}

fn segment(folder: &Path) -> PathBuf {
    files(folder, "jsonl").pop().unwrap()
}

fn append(path: &Path, octets: &[u8]) {
    fs::File::options().append(true).open(path).unwrap().write_all(octets).unwrap();
}

/// Flips a bit in the middle of a line, counted from 0.
fn flip(path: &Path, line: usize) {
    let mut octets = fs::read(path).unwrap();
    let start: usize = octets.split(|octet| *octet == b'\n').take(line).map(|line| line.len() + 1).sum();
    octets[start + 30] ^= 1;
    fs::write(path, octets).unwrap();
}

fn lose_tables(folder: &Path) {
    fs::remove_dir_all(folder.join("sled")).unwrap();
}

/// A closed store that wrote several snapshots.
fn with_snapshots() -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let (store, _) = SledStore::open_with(folder.path(), &master(), 4_096).unwrap();
    store.create_site(site("hq"), &by()).unwrap();
    add(&store, 1..=200);
    let before = observable(&store);
    (folder, before)
}

#[test]
fn a_line_that_was_cut_short_was_never_acknowledged() {
    for lost in [false, true] {
        let folder = filled(3);
        let (before, _) = look(folder.path());
        let whole = fs::read(segment(folder.path())).unwrap();
        append(&segment(folder.path()), br#"{"seq":6,"rows":[["device/0015"#);
        if lost {
            lose_tables(folder.path());
        }
        let (after, opening) = look(folder.path());
        assert_eq!(after, before);
        assert_eq!(opening == Opening::AsItWas, !lost);
        assert_eq!(fs::read(segment(folder.path())).unwrap(), whole, "what was cut short is cut off");
        let (store, _) = open(folder.path());
        add(&store, 4..=4);
        drop(store);
        assert_eq!(look(folder.path()).1, Opening::AsItWas);
    }
}

#[test]
fn a_flipped_bit_in_the_middle_stops_everything_and_touches_nothing() {
    let folder = filled(5);
    flip(&segment(folder.path()), 3);
    let before = octets(&folder.path().join("journal"));
    assert!(matches!(refused(folder.path()), StoreFault::Corrupt(why) if why.contains("line 4")));
    assert_eq!(octets(&folder.path().join("journal")), before);
    assert!(folder.path().join("sled").exists());
}

#[test]
fn a_damaged_journal_is_begun_anew_from_sound_tables_when_asked() {
    let folder = filled(5);
    let (before, _) = look(folder.path());
    flip(&segment(folder.path()), 3);
    let report = rebuild(folder.path(), &master()).unwrap();
    assert_eq!(report.journal_aside, Some(folder.path().join("journal.damaged-1")));
    assert_eq!(look(folder.path()), (before.clone(), Opening::AsItWas));
    lose_tables(folder.path());
    assert_eq!(look(folder.path()).0, before);
}

#[test]
fn tables_that_lack_changes_never_replace_a_damaged_journal() {
    let folder = filled(5);
    let old = TempDir::new().unwrap();
    copy(&folder.path().join("sled"), old.path());
    let (store, _) = open(folder.path());
    add(&store, 6..=9);
    drop(store);
    lose_tables(folder.path());
    copy(old.path(), &folder.path().join("sled"));
    flip(&segment(folder.path()), 3);
    let before = octets(&folder.path().join("journal"));
    assert!(matches!(rebuild(folder.path(), &master()), Err(StoreFault::Corrupt(_))));
    assert!(matches!(refused(folder.path()), StoreFault::Corrupt(_)));
    assert_eq!(octets(&folder.path().join("journal")), before);
}

#[test]
fn a_damaged_last_line_costs_nothing_while_the_tables_have_it() {
    let folder = filled(3);
    let (before, _) = look(folder.path());
    flip(&segment(folder.path()), 5);
    let (after, opening) = look(folder.path());
    assert_eq!((&after, opening), (&before, Opening::JournalBegunAnew { journal: 4, tables: 5 }));
    lose_tables(folder.path());
    assert_eq!(look(folder.path()).0, before);
}

#[test]
fn a_damaged_last_line_is_not_passed_over_when_the_tables_are_lost() {
    let folder = filled(3);
    flip(&segment(folder.path()), 5);
    lose_tables(folder.path());
    assert!(matches!(refused(folder.path()), StoreFault::Corrupt(_)));
}

#[test]
fn a_journal_of_a_newer_program_is_refused_and_nothing_is_touched() {
    let folder = filled(2);
    let path = segment(folder.path());
    let text = fs::read(&path).unwrap();
    let mut newer = Vec::new();
    line::seal(&mut newer, &json!({"schema": SCHEMA + 1, "after": 0})).unwrap();
    newer.extend(text.iter().skip_while(|octet| **octet != b'\n').skip(1));
    fs::write(&path, newer).unwrap();
    let before = octets(folder.path());
    assert_eq!(refused(folder.path()), StoreFault::Schema { found: SCHEMA + 1, known: SCHEMA });
    assert_eq!(rebuild(folder.path(), &master()), Err(StoreFault::Schema { found: SCHEMA + 1, known: SCHEMA }));
    assert_eq!(octets(folder.path()), before);
}

#[test]
fn the_last_two_snapshots_are_kept_and_suffice() {
    let (folder, before) = with_snapshots();
    assert_eq!(files(folder.path(), "snapshot").len(), 2);
    assert!(files(folder.path(), "jsonl").len() <= 3);
    lose_tables(folder.path());
    let (after, opening) = look(folder.path());
    assert_eq!(after, before);
    assert!(matches!(opening, Opening::Rebuilt(report) if report.snapshot.is_some()));
}

#[test]
fn a_damaged_snapshot_is_passed_over_for_the_one_before() {
    let (folder, before) = with_snapshots();
    let snapshots = files(folder.path(), "snapshot");
    let newest = snapshots.last().unwrap();
    for damage in ["bit", "cut", "gone"] {
        let copied = TempDir::new().unwrap();
        copy(folder.path(), copied.path());
        let newest = copied.path().join("journal").join(newest.file_name().unwrap());
        match damage {
            "bit" => flip(&newest, 20),
            "cut" => fs::write(&newest, fs::read(&newest).unwrap().split_at(5_000).0).unwrap(),
            _ => fs::remove_file(&newest).unwrap(),
        }
        let report = rebuild(copied.path(), &master()).unwrap();
        assert_eq!(report.passed_over.len(), usize::from(damage != "gone"), "{damage}");
        assert_eq!(report.aside, Some(copied.path().join("sled.damaged-1")));
        assert_eq!(look(copied.path()), (before.clone(), Opening::AsItWas), "{damage}");
    }
}

#[test]
fn without_a_sound_snapshot_nothing_is_made_up() {
    let (folder, _) = with_snapshots();
    for path in files(folder.path(), "snapshot") {
        flip(&path, 20);
    }
    lose_tables(folder.path());
    assert!(matches!(refused(folder.path()), StoreFault::Corrupt(_)));
    assert!(matches!(rebuild(folder.path(), &master()), Err(StoreFault::Corrupt(_))));
}

#[test]
fn a_missing_segment_is_a_gap_and_not_overlooked() {
    let (folder, _) = with_snapshots();
    fs::remove_file(segment(folder.path())).unwrap();
    lose_tables(folder.path());
    assert!(matches!(refused(folder.path()), StoreFault::Corrupt(_)));
}

#[test]
fn garbage_behind_an_older_segment_is_not_overlooked() {
    let (folder, _) = with_snapshots();
    fs::remove_file(files(folder.path(), "snapshot").pop().unwrap()).unwrap();
    let segments = files(folder.path(), "jsonl");
    append(&segments[segments.len() - 2], b"{");
    lose_tables(folder.path());
    assert!(matches!(refused(folder.path()), StoreFault::Corrupt(_)));
}

#[test]
fn a_journal_whose_beginning_anew_was_cut_short_is_begun_anew() {
    let folder = filled(3);
    let (before, _) = look(folder.path());
    fs::remove_dir_all(folder.path().join("journal")).unwrap();
    look(folder.path());
    fs::remove_file(segment(folder.path())).unwrap();
    let (after, opening) = look(folder.path());
    assert_eq!((after, opening), (before, Opening::JournalBegunAnew { journal: 0, tables: 5 }));
}

#[test]
fn tables_older_than_the_whole_journal_are_made_again() {
    let (folder, _) = with_snapshots();
    let old = TempDir::new().unwrap();
    copy(&folder.path().join("sled"), old.path());
    let (store, _) = SledStore::open_with(folder.path(), &master(), 4_096).unwrap();
    add(&store, 201..=600);
    let before = observable(&store);
    drop(store);
    lose_tables(folder.path());
    copy(old.path(), &folder.path().join("sled"));
    let (after, opening) = look(folder.path());
    assert_eq!(after, before);
    assert!(matches!(opening, Opening::Rebuilt(report) if report.aside.is_some()));
}

#[test]
fn a_rebuild_that_was_cut_short_is_done_again() {
    let (folder, before) = with_snapshots();
    lose_tables(folder.path());
    // The first rows of a snapshot, and no note yet of the last change.
    let tables = crate::store::sled::Tables::open(&folder.path().join("sled")).unwrap();
    tables.load(vec![crate::store::txn::Row { key: "site/hq".into(), value: "1{}".into() }]).unwrap();
    drop(tables);
    let (after, opening) = look(folder.path());
    assert_eq!(after, before);
    assert!(matches!(opening, Opening::Rebuilt(_)));
}

#[test]
fn rebuilding_says_what_it_did() {
    let folder = filled(3);
    let said = rebuild(folder.path(), &master()).unwrap().to_string();
    let aside = folder.path().join("sled.damaged-1");
    let expected = format!(
        "the former tables are kept as {}; rebuilt from nothing and 5 changes after it, up to revision 5; \
         events are not kept",
        aside.display()
    );
    assert_eq!(said, expected);
}
