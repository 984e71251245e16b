//! A store of the schema before: people had neither numbers nor packages nor a status.

use tempfile::TempDir;

use super::disk::open;
use super::*;
use crate::inventory::user::Status;
use crate::store::Opening;
use crate::store::backend::{Backend as _, Heap};
use crate::store::journal::{Journal, Manner};
use crate::store::observed::tests::event;
use crate::store::rows::{HEAD, SEALED};
use crate::store::sled::Tables;
use crate::store::txn::{Row, Span};

/// The fields that people had then.
const KNOWN: [&str; 11] =
    ["extension", "first_name", "id", "keys", "last_name", "locale", "name", "settings", "sip", "site", "timezone"];

/// The row as it was written then.
fn as_before(row: Row) -> Row {
    if !row.key.starts_with("user/") && !row.key.starts_with("common_area/") {
        return row;
    }
    let mut record: serde_json::Value = serde_json::from_str(&row.value[1..]).unwrap();
    record["value"].as_object_mut().unwrap().retain(|field, _| KNOWN.contains(&field.as_str()));
    Row { value: format!("1{record}"), key: row.key }
}

#[test]
fn a_store_of_the_schema_before_opens_with_everything_in_it() {
    let folder = TempDir::new().unwrap();
    let (store, _) = open(folder.path());
    store.create_site(with_networks(site("hq")), &by()).unwrap();
    store.create_user(user("alice", "hq"), password(), &by()).unwrap();
    store.create_common_area(area("hall", "hq"), password(), &by()).unwrap();
    enrol(&store, owned(1, "hq", user_owner("alice"))).unwrap();
    store.record(event(Some(mac(1)), 200), None).unwrap();
    store.flush().unwrap();
    let (before, sequence) = (observable(&store), store.revision().unwrap());
    let rows = store.backend().scan(Heap::Durable, Span::all("")).unwrap();
    let rows: Vec<Row> = rows.into_iter().filter(|row| row.key != HEAD).map(as_before).collect();
    let observed = store.backend().scan(Heap::Observed, Span::all("")).unwrap();
    assert!(rows.iter().any(|row| row.key.starts_with("user/") && !row.value.contains("status")));
    drop(store);

    for part in ["sled", "journal"] {
        std::fs::remove_dir_all(folder.path().join(part)).unwrap();
    }
    let tables = Tables::make(&folder.path().join("sled"), SEALED).unwrap();
    std::fs::create_dir(folder.path().join("journal")).unwrap();
    let page = |after: Option<&str>| {
        Ok(rows.iter().filter(|row| after.is_none_or(|after| row.key.as_str() > after)).cloned().collect())
    };
    let manner = Manner { limit: 1 << 20, schema: SEALED };
    drop(Journal::anew(&folder.path().join("journal"), sequence, manner, page).unwrap());
    tables.load(rows.clone()).unwrap();
    tables.load_into(Heap::Observed, observed).unwrap();
    tables.set_head(sequence).unwrap();
    drop(tables);
    let aside = folder.path().join("sled.damaged-1");
    std::fs::create_dir(&aside).unwrap();

    let (store, opening) = open(folder.path());
    assert_eq!(opening, Opening::Upgraded);
    assert_eq!(observable(&store), before);
    let alice = store.user(&"alice@example.com".parse().unwrap()).unwrap().unwrap().value;
    assert_eq!(alice.status, Some(Status::Active));
    assert_eq!(store.events(None, None, 9).unwrap().len(), 1);
    assert!(store.verify_audit().unwrap().is_whole());
    assert!(aside.exists(), "its secrets are sealed: it may still help somebody");
    drop(store);
    assert_eq!(open(folder.path()).1, Opening::AsItWas);
}
