//! What the files of a store tell whoever reads them, and what they do when somebody alters them.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::disk::{copy, octets};
use super::*;
use crate::inventory::access::{ClaimWindow, OpenedBy};
use crate::inventory::event::Event;
use crate::store::backend::{Backend as _, Change, Heap};
use crate::store::journal::{Journal, Manner};
use crate::store::keyfile::KeyFile;
use crate::store::observed::tests::event;
use crate::store::rows::{UNSEALED, encode};
use crate::store::sled::{SledStore, Tables};
use crate::store::txn::{Changes, Row};
use crate::store::{Expected, Opening, StoreFault, rebuild, upgrade};

/// Parts of every secret there is in the stores of this file.
const TRACES: [&str; 4] = ["sesame", "token-", "admin-", "hunter2"];

fn other_master() -> MasterKey {
    MasterKey::read(b"another master key of a store...").unwrap()
}

fn open(folder: &Path) -> (SledStore, Opening) {
    SledStore::open_with(folder, &master(), 4_096).unwrap()
}

/// A closed store with secrets of every kind, in tables, segments and snapshots.
fn filled() -> TempDir {
    let folder = TempDir::new().unwrap();
    let (store, _) = open(folder.path());
    store.create_site(with_networks(site("hq")), &by()).unwrap();
    store.create_user(user("alice", "hq"), Secret::new("sesame-1".into()), &by()).unwrap();
    store.create_common_area(area("hall", "hq"), Secret::new("sesame-2".into()), &by()).unwrap();
    for number in 1..=30 {
        enrol(&store, device(number, "hq")).unwrap();
        store.rotate_token(mac(number), token(number + 100), &by()).unwrap();
    }
    store.set_sip_password(&user_owner("alice"), Secret::new("hunter2hunter2".into()), &by()).unwrap();
    store.record(event(Some(mac(1)), 200), None).unwrap();
    folder
}

fn traces(folder: &Path) -> Vec<String> {
    let has = |octets: &[u8], trace: &str| octets.windows(trace.len()).any(|window| window == trace.as_bytes());
    let of = |(path, octets): &(std::path::PathBuf, Vec<u8>)| -> Vec<String> {
        let found = TRACES.iter().filter(|trace| has(octets, trace));
        found.map(|trace| format!("{trace} in {}", path.display())).collect()
    };
    octets(folder).iter().flat_map(of).collect()
}

fn without_revision(text: &str) -> String {
    text.trim_end().rsplit_once('\n').unwrap().0.to_owned()
}

#[test]
fn sec_k02_no_secret_is_readable_in_any_file_of_the_store() {
    let folder = filled();
    assert_eq!(traces(folder.path()), Vec::<String>::new());
    let names: Vec<_> = octets(folder.path()).into_iter().map(|(path, _)| path).collect();
    for kind in ["snapshot", "jsonl", "db"] {
        assert!(names.iter().any(|path| path.to_string_lossy().ends_with(kind)), "{kind}: {names:?}");
    }
    let (store, _) = open(folder.path());
    assert_eq!(store.phone(mac(3)).unwrap().unwrap().token, token(103));
    assert_eq!(store.sip_password(&area_owner("hall")).unwrap(), Some(Secret::new("sesame-2".into())));
}

#[test]
fn sec_k01_a_wrong_master_key_or_none_of_the_data_keys_touches_nothing() {
    let folder = filled();
    let before = octets(folder.path());
    let wrong = StoreFault::WrongKey { wanted: master().fingerprint(), found: other_master().fingerprint() };
    let refused = |key: &MasterKey| SledStore::open(folder.path(), key).map(|_| ()).unwrap_err();
    assert_eq!(refused(&other_master()), wrong);
    assert_eq!(rebuild(folder.path(), &other_master()), Err(wrong));
    assert_eq!(octets(folder.path()), before);
    fs::remove_file(folder.path().join("keys.json")).unwrap();
    fs::remove_dir_all(folder.path().join("keys")).unwrap();
    let before = octets(folder.path());
    assert_eq!(refused(&master()), StoreFault::KeysLost(folder.path().display().to_string()));
    assert_eq!(octets(folder.path()), before);
    fs::remove_dir_all(folder.path().join("journal")).unwrap();
    assert!(matches!(refused(&master()), StoreFault::KeysLost(_)), "the tables say so too");
}

/// Writes a row as somebody would who can write the files.
fn forge(store: &SledStore, key: &str, value: String) {
    let rows = Changes([(key.to_owned(), Some(value))].into());
    store.backend().apply(&[Change { sequence: store.revision().unwrap(), rows }]).unwrap();
}

fn row(store: &SledStore, key: &str) -> String {
    store.backend().get(Heap::Durable, key).unwrap().unwrap()
}

fn altered(result: Stored<Option<crate::store::Phone>>) -> String {
    match result {
        Err(StoreError::Fault(fault @ StoreFault::Altered { .. })) => fault.to_string(),
        other => panic!("not altered but {other:?}"),
    }
}

#[test]
fn sec_k02_flipped_and_swapped_secrets_are_noticed_and_cost_only_their_phones() {
    let folder = filled();
    let (store, _) = open(folder.path());
    let token_of = |number: u32| format!("secret/device/{}/token", mac(number).plain());
    let flipped = row(&store, &token_of(1)).replacen('A', "B", 1);
    forge(&store, &token_of(1), flipped);
    let (second, third) = (row(&store, &token_of(2)), row(&store, &token_of(3)));
    forge(&store, &token_of(2), third);
    forge(&store, &token_of(3), second);
    for number in 1..=3 {
        let said = altered(store.phone(mac(number)));
        assert!(said.contains(&format!("token of device {}", mac(number))) && said.contains("claim window"), "{said}");
    }
    assert_eq!(store.phone(mac(4)).unwrap().unwrap().token, token(104));
    assert_eq!(store.devices(&all()).unwrap().len(), 30);
    // The cure works, and what found the phone by its lost token is gone.
    let window = ClaimWindow { from: Vec::new(), opened: at(0), closes: at(15), opened_by: OpenedBy::Operator };
    store.open_window(mac(1), window, token(501), &by()).unwrap();
    assert_eq!(store.phone(mac(1)).unwrap().unwrap().token, token(501));
    store.rotate_token(mac(2), token(502), &by()).unwrap();
    assert_eq!(store.phone(mac(2)).unwrap().unwrap().token, token(502));
    assert_eq!(store.revoke_token(&token(101).hash(), token(503), at(1)).unwrap(), None);
    store.remove_device(mac(3), Expected::Any, &by()).unwrap();
    // A rotation of keys leaves what does not open, and finishes.
    forge(&store, &token_of(5), "1\"AAAA\"".to_owned());
    store.rotate_keys(&by()).unwrap();
    altered(store.phone(mac(5)));
    drop(store);
    assert_eq!(open(folder.path()).1, Opening::AsItWas, "one altered secret is no damaged store");
}

#[test]
fn sec_k03_another_master_key_takes_over_and_the_old_one_opens_nothing() {
    let folder = filled();
    crate::store::change_master_key(folder.path(), &master(), &other_master()).unwrap();
    let old = SledStore::open(folder.path(), &master()).map(|_| ());
    assert!(matches!(old, Err(StoreFault::WrongKey { .. })));
    crate::store::change_master_key(folder.path(), &master(), &other_master()).unwrap();
    let (store, opening) = SledStore::open(folder.path(), &other_master()).unwrap();
    assert_eq!((opening, store.phone(mac(3)).unwrap().unwrap().token), (Opening::AsItWas, token(103)));
}

/// What was written before secrets were sealed: the same rows, with secrets and events as plain JSON, also in an older
/// snapshot, in segments and in tables that were put aside.
fn unsealed() -> (TempDir, String) {
    let sealed = filled();
    let (store, _) = open(sealed.path());
    let before = observable(&store);
    let folder = TempDir::new().unwrap();
    let tables = Tables::make(&folder.path().join("sled"), UNSEALED).unwrap();
    let mut rows = Vec::new();
    for row in store.backend().scan(Heap::Durable, crate::store::txn::Span::all("")).unwrap() {
        let opened = row.key.starts_with("secret/").then(|| {
            let text: String = crate::store::rows::decode(&row.key, &row.value).unwrap();
            let secret = store.backend().keys().open(&row.key, &text).unwrap();
            encode(&row.key, &secret.reveal()).unwrap()
        });
        rows.push(Row { value: opened.unwrap_or(row.value), key: row.key });
    }
    let sequence = store.revision().unwrap();
    let manner = Manner { limit: 1 << 20, schema: UNSEALED };
    fs::create_dir(folder.path().join("journal")).unwrap();
    let page = |rows: &[Row], after: Option<&str>| -> Vec<Row> {
        rows.iter().filter(|row| after.is_none_or(|after| row.key.as_str() > after)).cloned().collect()
    };
    let anew = |after: Option<&str>| Ok(page(&rows, after));
    let mut journal = Journal::anew(&folder.path().join("journal"), sequence - 1, manner, anew).unwrap();
    let token = rows.iter().find(|row| row.key.ends_with("/token")).unwrap();
    let change = Changes([(token.key.clone(), Some(token.value.clone()))].into());
    journal.append(&[Change { sequence, rows: change }]).unwrap();
    tables.load(rows).unwrap();
    let plain = |id: u64| Row {
        key: format!("event/{id:020}"),
        value: encode("", &Event { id, ..event(Some(mac(1)), 200) }).unwrap(),
    };
    tables.load_into(Heap::Observed, vec![plain(4), plain(5), plain(6)]).unwrap();
    tables.set_head(sequence).unwrap();
    drop(tables);
    copy(&folder.path().join("sled"), &folder.path().join("sled.damaged-1"));
    assert!(traces(folder.path()).len() >= 4, "{:?}", traces(folder.path()));
    (folder, before)
}

fn check_sealed(folder: &Path, before: &str) {
    assert_eq!(traces(folder), Vec::<String>::new());
    assert!(!folder.join("upgrade").exists());
    let (store, opening) = open(folder);
    assert_eq!(opening, Opening::AsItWas);
    assert_eq!(observable(&store), before);
    assert!(store.verify_audit().unwrap().is_whole());
}

#[test]
fn sec_k02_a_store_of_before_is_sealed_and_keeps_no_secret_anywhere() {
    for lost in ["nothing", "sled", "journal"] {
        let (folder, before) = unsealed();
        if lost != "nothing" {
            fs::remove_dir_all(folder.path().join(lost)).unwrap();
        }
        let (store, opening) = open(folder.path());
        assert_eq!(opening, Opening::Upgraded, "without {lost}");
        let events = store.events(None, None, 9).unwrap();
        assert_eq!(events.len(), if lost == "sled" { 0 } else { 3 });
        store.record(event(Some(mac(1)), 404), None).unwrap();
        store.flush().unwrap();
        assert_eq!(store.events(None, None, 1).unwrap()[0].id, if lost == "sled" { 1 } else { 7 });
        drop(store);
        check_sealed(folder.path(), &before);
        fs::remove_dir_all(folder.path().join("sled")).unwrap();
        let (store, _) = open(folder.path());
        assert_eq!(observable(&store), before, "the new journal has all of it");
    }
}

#[test]
fn sec_k02_sealing_a_store_that_is_cut_short_is_begun_again_or_finished() {
    for step in 0..=5 {
        let (folder, before) = unsealed();
        let path = folder.path();
        let keys = KeyFile::make(path, &master()).unwrap();
        upgrade::prepare(path, Tables::open(&path.join("sled")).unwrap(), keys.ring(), 4_096).unwrap();
        let work = path.join("upgrade");
        if step == 0 {
            fs::remove_file(work.join("whole")).unwrap();
        }
        if step >= 2 {
            fs::remove_dir_all(path.join("sled")).unwrap();
        }
        if step >= 3 {
            fs::rename(work.join("sled"), path.join("sled")).unwrap();
        }
        if step >= 4 {
            fs::remove_dir_all(path.join("journal")).unwrap();
            fs::rename(work.join("journal"), path.join("journal")).unwrap();
        }
        if step == 5 {
            fs::remove_dir_all(path.join("sled.damaged-1")).unwrap();
            fs::remove_file(work.join("whole")).unwrap();
        }
        let (store, _) = open(path);
        assert_eq!(observable(&store), before, "step {step}");
        drop(store);
        check_sealed(path, &before);
    }
}

#[test]
fn a_store_of_before_is_rebuilt_and_then_sealed() {
    let (folder, before) = unsealed();
    rebuild(folder.path(), &master()).unwrap();
    let (store, opening) = open(folder.path());
    assert_eq!((opening, without_revision(&observable(&store))), (Opening::Upgraded, without_revision(&before)));
    drop(store);
    check_sealed(folder.path(), &before);
}
