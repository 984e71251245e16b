//! How does a store of an earlier schema become one of this? All of it is written anew beside the old one and put into its
//! place once it is whole; whenever it is cut short, it is either begun again or finished. What had unsealed secrets has
//! every secret sealed: nothing unsealed is left in tables, journal or snapshots.

use std::path::Path;

use serde_json::value::RawValue;

use super::StoreFault;
use super::backend::Heap;
use super::chain::{self, Ends, Link};
use super::disk::{io_at, make_file, make_folder, sync_folder};
use super::journal::{Journal, Manner};
use super::observed::{self, EVENTS};
use super::rows::{HEAD, Record, SCHEMA, Table, UNSEALED, decode, encode};
use super::seal::Keyring;
use super::secrets;
use super::sled::Tables;
use super::txn::Row;
use crate::inventory::common_area::CommonArea;
use crate::inventory::secret::Secret;
use crate::inventory::user::{Status, User};

/// Where the new store is written.
const WORK: &str = "upgrade";

/// Says that it is whole.
const WHOLE: &str = "whole";

/// Says that the one before had unsealed secrets.
const HAD_UNSEALED: &str = "unsealed";

/// What is put into its place.
const PARTS: [&str; 2] = ["sled", "journal"];

/// Makes a store of the present schema of these tables; they are closed and gone afterwards.
pub fn run(data_dir: &Path, tables: Tables, keys: &Keyring, limit: u64) -> Result<(), StoreFault> {
    prepare(data_dir, tables, keys, limit)?;
    finish(data_dir)
}

/// Writes the new store beside the old one.
pub fn prepare(data_dir: &Path, tables: Tables, keys: &Keyring, limit: u64) -> Result<(), StoreFault> {
    let work = data_dir.join(WORK);
    let manner = Manner { limit, schema: SCHEMA };
    remove(&work)?;
    make_folder(&work.join("journal"))?;
    let sequence = tables.head()?.unwrap_or_default().sequence;
    let new = Tables::make(&work.join("sled"), SCHEMA)?;
    let unsealed = tables.schema() <= UNSEALED;
    let mut after = None;
    while let Some(rows) = next_page(&tables, Heap::Durable, &mut after)? {
        let rows = rows.into_iter().filter(|row| row.key != HEAD);
        new.load(rows.map(|row| anew(keys, row, unsealed)).collect::<Result<_, _>>()?)?;
    }
    if unsealed {
        let note = work.join(HAD_UNSEALED);
        make_file(&note)?.sync_all().map_err(io_at(&note))?;
        chain_events(&tables, &new)?;
    } else {
        let mut after = None;
        while let Some(rows) = next_page(&tables, Heap::Observed, &mut after)? {
            new.load_into(Heap::Observed, rows)?;
        }
    }
    new.set_head(sequence)?;
    drop(Journal::anew(&work.join("journal"), sequence, manner, |after| new.page(after))?);
    drop((new, tables));
    for folder in [data_dir, &work] {
        Tables::wait_until_closed(&folder.join("sled"))?;
    }
    let whole = work.join(WHOLE);
    make_file(&whole)?.sync_all().map_err(io_at(&whole))?;
    sync_folder(&work)
}

/// Finishes what was cut short once the new store was whole, or throws away what was not.
pub fn finish(data_dir: &Path) -> Result<(), StoreFault> {
    let work = data_dir.join(WORK);
    if work.join(WHOLE).exists() {
        for part in PARTS {
            let (from, to) = (work.join(part), data_dir.join(part));
            if from.exists() {
                remove(&to)?;
                std::fs::rename(&from, &to).map_err(io_at(&to))?;
                sync_folder(data_dir)?;
            }
        }
        if work.join(HAD_UNSEALED).exists() {
            remove_damaged(data_dir)?;
        }
    }
    remove(&work)
}

/// Whether a store is being upgraded in this folder.
pub fn is_under_way(data_dir: &Path) -> bool {
    data_dir.join(WORK).exists()
}

/// What was once put aside as damaged is full of unsealed secrets.
fn remove_damaged(data_dir: &Path) -> Result<(), StoreFault> {
    for entry in std::fs::read_dir(data_dir).map_err(io_at(data_dir))? {
        let path = entry.map_err(io_at(data_dir))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if PARTS.iter().any(|part| name.strip_prefix(part).is_some_and(|rest| rest.starts_with(".damaged-"))) {
            tracing::warn!(path = %path.display(), "removed: it had unsealed secrets");
            remove(&path)?;
        }
    }
    Ok(())
}

fn remove(folder: &Path) -> Result<(), StoreFault> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io_at(folder)(error)),
        _ => Ok(()),
    }
}

fn next_page(tables: &Tables, heap: Heap, after: &mut Option<String>) -> Result<Option<Vec<Row>>, StoreFault> {
    let rows = tables.page_of(heap, after.as_deref())?;
    let Some(last) = rows.last() else { return Ok(None) };
    *after = Some(last.key.clone());
    Ok(Some(rows))
}

/// A row as it is in the present schema.
fn anew(keys: &Keyring, row: Row, unsealed: bool) -> Result<Row, StoreFault> {
    let value = match Table::of_key(&row.key) {
        Some((Table::Secret, _)) if unsealed => {
            let secret = Secret::new(decode(&row.key, &row.value)?);
            secrets::sealed(keys, &row.key, &secret)?
        }
        Some((Table::User, _)) => {
            let mut record: Record<User> = decode(&row.key, &row.value)?;
            record.value.status.get_or_insert(Status::Active);
            encode(&row.key, &record)?
        }
        Some((Table::Area, _)) => {
            let mut record: Record<CommonArea> = decode(&row.key, &row.value)?;
            record.value.status.get_or_insert(Status::Active);
            encode(&row.key, &record)?
        }
        _ => row.value,
    };
    Ok(Row { key: row.key, value })
}

/// Chains the events there are; everything else of their heap stays as it is.
fn chain_events(tables: &Tables, new: &Tables) -> Result<(), StoreFault> {
    let mut ends: Option<Ends> = None;
    let mut after = None;
    while let Some(rows) = next_page(tables, Heap::Observed, &mut after)? {
        let mut chained = Vec::new();
        for row in rows {
            if !row.key.starts_with(EVENTS) {
                chained.push(row);
                continue;
            }
            let before = observed::number(&row.key)?.saturating_sub(1);
            let base = || Ends { base: Link::unknown(before), last: Link::unknown(before) };
            let ends = ends.get_or_insert_with(base);
            let record = record(&row)?;
            let (value, link) = ends.last.chain(&row.key, &record)?;
            ends.last = link;
            chained.push(Row { key: row.key, value });
        }
        new.load_into(Heap::Observed, chained)?;
    }
    let Some(ends) = ends else { return Ok(()) };
    let value = encode(observed::ENDS, &ends)?;
    new.load_into(Heap::Observed, vec![Row { key: observed::ENDS.to_owned(), value }])
}

/// An event's text, chained already or not.
fn record(row: &Row) -> Result<Box<RawValue>, StoreFault> {
    match chain::text(row) {
        Ok(text) => Ok(text),
        Err(_) => decode::<&RawValue>(&row.key, &row.value).map(ToOwned::to_owned),
    }
}
