//! The tables on the disk: the only file that knows sled. One tree holds everything acknowledged, so that a group of
//! changes is one atomic batch; another holds the observations.
//!
//! sled is quick and atomic, but known to lose its folder to rare faults: nothing here is the only copy of anything
//! but events and sightings, since every change is in the journal first.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

use super::StoreFault;
use super::backend::{Backend, Change, Heap};
use super::disk::{Lock, takes_changes, wait_until_free};
use super::journal::{Files, Journal};
use super::keyfile::KeyFile;
use super::ledger::Ledger;
use super::opening::{self, Opening, State};
use super::rows::{HEAD, Head, SCHEMA, decode, encode, is_sound};
use super::seal::{KeyId, Keyring};
use super::txn::{Changes, Row, Span};

use crate::inventory::master_key::MasterKey;

/// The store as the daemon has it.
pub type SledStore = Ledger<OnDisk>;

/// How much of the tables sled keeps in memory.
const CACHE: u64 = 64 * 1024 * 1024;

/// How many rows are read at once where all are read.
const PAGE: usize = 1_000;

/// The tables in their folder.
#[derive(Debug)]
pub struct Tables {
    path: PathBuf,
    db: ::sled::Db,
    durable: ::sled::Tree,
    observed: ::sled::Tree,
    /// The schema of the rows.
    schema: u32,
}

/// Tables, their journal, and the lock on both.
#[derive(Debug)]
pub struct OnDisk {
    tables: Tables,
    journal: Mutex<Journal>,
    keys: Keyring,
    key_file: Mutex<KeyFile>,
    state: State,
    /// Held while the journal's files must all stay.
    files: Mutex<()>,
    _lock: Lock,
}

impl SledStore {
    /// Opens the store in this folder, makes it if there is none, mends it if its tables are damaged; and says which.
    /// The master key opens its secrets; a wrong one touches nothing.
    pub fn open(data_dir: &Path, master: &MasterKey) -> Result<(SledStore, Opening), StoreFault> {
        SledStore::open_with(data_dir, master, super::journal::SEGMENT_LIMIT)
    }

    /// [`SledStore::open`] with snapshots after segments of another length than usual.
    pub fn open_with(
        data_dir: &Path,
        master: &MasterKey,
        segment_limit: u64,
    ) -> Result<(SledStore, Opening), StoreFault> {
        let (on_disk, opening) = opening::open(data_dir, master, segment_limit)?;
        Ok((Ledger::over(on_disk)?, opening))
    }
}

impl Tables {
    /// Opens the tables in this folder, or makes them.
    pub fn open(path: &Path) -> Result<Tables, StoreFault> {
        let mut tables = Tables::open_any(path)?;
        if let Some(head) = tables.head()? {
            tables.schema = head.schema;
        }
        Ok(tables)
    }

    /// New tables in this folder, for rows of this schema.
    pub fn make(path: &Path, schema: u32) -> Result<Tables, StoreFault> {
        Ok(Tables { schema, ..Tables::open_any(path)? })
    }

    fn open_any(path: &Path) -> Result<Tables, StoreFault> {
        let open = || -> Result<Tables, ::sled::Error> {
            // Nothing but the writer's own flush is waited for, and nothing else should cost the disk anything.
            let db = ::sled::Config::new().path(path).cache_capacity(CACHE).flush_every_ms(None).open()?;
            let (durable, observed) = (db.open_tree("durable")?, db.open_tree("observed")?);
            Ok(Tables { path: path.to_owned(), db, durable, observed, schema: SCHEMA })
        };
        Tables::wait_until_closed(path)?;
        // On some damage sled panics instead of saying so. Where a panic ends the process, the next start knows
        // from [`State`] that this one did not get through here.
        match catch_unwind(AssertUnwindSafe(open)) {
            Ok(opened) => opened.map_err(|error| fault(path, error)),
            Err(_) => Err(StoreFault::Corrupt(format!("{}: sled panicked while opening it", path.display()))),
        }
    }

    /// Waits until earlier tables in this folder are closed: sled's threads outlive its handle a little, and nothing
    /// must be moved under them.
    pub fn wait_until_closed(path: &Path) -> Result<(), StoreFault> {
        wait_until_free(&path.join("db"))
    }

    /// The schema of the rows.
    pub fn schema(&self) -> u32 {
        self.schema
    }

    /// What the tables say of themselves.
    pub fn head(&self) -> Result<Option<Head>, StoreFault> {
        self.text(&self.durable, HEAD)?.map(|text| decode(HEAD, &text)).transpose()
    }

    /// Whether nothing was ever written.
    pub fn is_empty(&self) -> bool {
        self.durable.is_empty() && self.observed.is_empty()
    }

    /// Looks at every row: whether it can be read and has the form of one.
    pub fn check(&self) -> Result<(), StoreFault> {
        let mut after: Option<String> = None;
        loop {
            let rows = self.page(after.as_deref())?;
            let Some(last) = rows.last() else { return Ok(()) };
            if let Some(bad) = rows.iter().find(|row| !is_sound(&row.key, &row.value)) {
                return Err(StoreFault::Corrupt(format!("row {} is none", bad.key)));
            }
            after = Some(last.key.clone());
        }
    }

    /// Durable rows after a key, in their order.
    pub fn page(&self, after: Option<&str>) -> Result<Vec<Row>, StoreFault> {
        self.page_of(Heap::Durable, after)
    }

    /// Rows after a key, in their order.
    pub fn page_of(&self, heap: Heap, after: Option<&str>) -> Result<Vec<Row>, StoreFault> {
        self.read(heap, Span { prefix: "", after, limit: PAGE })
    }

    /// Writes durable rows that a snapshot had.
    pub fn load(&self, rows: Vec<Row>) -> Result<(), StoreFault> {
        self.load_into(Heap::Durable, rows)
    }

    /// Writes rows as they are.
    pub fn load_into(&self, heap: Heap, rows: Vec<Row>) -> Result<(), StoreFault> {
        let mut batch = ::sled::Batch::default();
        for row in rows {
            batch.insert(row.key.into_bytes(), row.value.into_bytes());
        }
        self.heap(heap).apply_batch(batch).map_err(|error| fault(&self.path, error))
    }

    /// Makes changes in one atomic batch, and with them the note of which was the last.
    pub fn apply(&self, changes: &[Change]) -> Result<(), StoreFault> {
        let Some(last) = changes.last() else { return Ok(()) };
        let mut batch = ::sled::Batch::default();
        for change in changes {
            fill(&mut batch, &change.rows);
        }
        batch.insert(HEAD, self.head_text(last.sequence)?);
        self.durable.apply_batch(batch).map_err(|error| fault(&self.path, error))
    }

    /// Writes and drops observed rows.
    pub fn observe(&self, rows: &Changes) -> Result<(), StoreFault> {
        let mut batch = ::sled::Batch::default();
        fill(&mut batch, rows);
        self.observed.apply_batch(batch).map_err(|error| fault(&self.path, error))
    }

    /// Notes which change was the last.
    pub fn set_head(&self, sequence: u64) -> Result<(), StoreFault> {
        self.durable.insert(HEAD, self.head_text(sequence)?).map_err(|error| fault(&self.path, error))?;
        self.flush()
    }

    /// Waits until everything is on the disk.
    pub fn flush(&self) -> Result<(), StoreFault> {
        self.db.flush().map(|_| ()).map_err(|error| fault(&self.path, error))
    }

    fn head_text(&self, sequence: u64) -> Result<Vec<u8>, StoreFault> {
        Ok(encode(HEAD, &Head { schema: self.schema, sequence })?.into_bytes())
    }

    fn heap(&self, heap: Heap) -> &::sled::Tree {
        match heap {
            Heap::Durable => &self.durable,
            Heap::Observed => &self.observed,
        }
    }

    fn text(&self, tree: &::sled::Tree, key: &str) -> Result<Option<String>, StoreFault> {
        let value = tree.get(key).map_err(|error| fault(&self.path, error))?;
        value.map(|value| text(&value)).transpose()
    }

    /// Some rows.
    pub fn read(&self, heap: Heap, span: Span<'_>) -> Result<Vec<Row>, StoreFault> {
        let rows = self.heap(heap).range(span.start()..);
        self.collect(rows, span.limit, |key| span.has(key), |key| key.starts_with(span.prefix))
    }

    fn collect(
        &self,
        rows: impl Iterator<Item = ::sled::Result<(::sled::IVec, ::sled::IVec)>>,
        limit: usize,
        wanted: impl Fn(&str) -> bool,
        going_on: impl Fn(&str) -> bool,
    ) -> Result<Vec<Row>, StoreFault> {
        let mut found = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        for row in rows {
            let (key, value) = row.map_err(|error| fault(&self.path, error))?;
            let key = text(&key)?;
            if !going_on(&key) {
                break;
            }
            if wanted(&key) {
                found.push(Row { key, value: text(&value)? });
            }
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }
}

impl OnDisk {
    /// What was opened, with its lock.
    pub fn new(tables: Tables, journal: Journal, key_file: KeyFile, state: State, lock: Lock) -> OnDisk {
        let keys = key_file.ring().clone();
        let (journal, key_file, files) = (Mutex::new(journal), Mutex::new(key_file), Mutex::new(()));
        OnDisk { tables, journal, keys, key_file, state, files, _lock: lock }
    }

    /// The folder everything is in.
    pub fn data_dir(&self) -> &Path {
        self.tables.path.parent().unwrap_or(&self.tables.path)
    }

    /// The journal's files as they are now.
    pub fn journal_files(&self) -> Result<Files, StoreFault> {
        Files::list(self.journal().folder())
    }

    /// While this is held, no file of the journal is cleared away.
    pub fn keep_files(&self) -> MutexGuard<'_, ()> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The data keys themselves, for a backup that is sealed.
    pub fn data_keys(&self) -> Result<BTreeMap<KeyId, Zeroizing<[u8; 32]>>, StoreFault> {
        self.key_file.lock().unwrap_or_else(PoisonError::into_inner).unsealed()
    }

    /// Leaves a note when damage shows, so that the next start mends it.
    fn noted<T>(&self, result: Result<T, StoreFault>) -> Result<T, StoreFault> {
        if let Err(StoreFault::Corrupt(what)) = &result {
            tracing::error!(%what, "the store's tables are damaged; they are rebuilt at the next start");
            self.state.damaged();
        }
        result
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend for OnDisk {
    fn get(&self, heap: Heap, key: &str) -> Result<Option<String>, StoreFault> {
        self.noted(self.tables.text(self.tables.heap(heap), key))
    }

    fn scan(&self, heap: Heap, span: Span<'_>) -> Result<Vec<Row>, StoreFault> {
        self.noted(self.tables.read(heap, span))
    }

    fn scan_back(&self, heap: Heap, prefix: &str, before: &str, limit: usize) -> Result<Vec<Row>, StoreFault> {
        if before <= prefix {
            return Ok(Vec::new());
        }
        let rows = self.tables.heap(heap).range(prefix..before).rev();
        self.noted(self.tables.collect(rows, limit, |_| true, |_| true))
    }

    fn keys(&self) -> &Keyring {
        &self.keys
    }

    fn add_key(&self) -> Result<KeyId, StoreFault> {
        self.key_file.lock().unwrap_or_else(PoisonError::into_inner).add()
    }

    fn drop_key(&self, id: KeyId) -> Result<(), StoreFault> {
        self.key_file.lock().unwrap_or_else(PoisonError::into_inner).forget(id)
    }

    fn sequence(&self) -> Result<u64, StoreFault> {
        Ok(self.tables.head()?.unwrap_or_default().sequence)
    }

    fn takes_changes(&self) -> Result<(), StoreFault> {
        takes_changes(self.data_dir())
    }

    fn persist(&self, changes: &[Change]) -> Result<(), StoreFault> {
        self.journal().append(changes)
    }

    fn apply(&self, changes: &[Change]) -> Result<(), StoreFault> {
        self.noted(self.tables.apply(changes))
    }

    fn observe(&self, rows: &Changes) -> Result<(), StoreFault> {
        self.noted(self.tables.observe(rows))
    }

    fn flush(&self) -> Result<(), StoreFault> {
        self.noted(self.tables.flush())
    }

    fn tidy(&self) -> Result<(), StoreFault> {
        // A backup reads them: the next change finds it still due.
        let Ok(_free) = self.files.try_lock() else { return Ok(()) };
        let mut journal = self.journal();
        if !journal.is_due() {
            return Ok(());
        }
        let sequence = self.sequence()?;
        self.noted(journal.rotate(sequence, |after| self.tables.page(after)))
    }
}

impl Drop for OnDisk {
    fn drop(&mut self) {
        if self.tables.flush().is_ok() {
            self.state.closed();
        }
    }
}

fn fill(batch: &mut ::sled::Batch, rows: &Changes) {
    for (key, value) in &rows.0 {
        match value {
            Some(value) => batch.insert(key.as_bytes(), value.as_bytes()),
            None => batch.remove(key.as_bytes()),
        }
    }
}

fn text(octets: &[u8]) -> Result<String, StoreFault> {
    let text = std::str::from_utf8(octets).map_err(|_| StoreFault::Corrupt("a row is no text".to_owned()))?;
    Ok(text.to_owned())
}

fn fault(path: &Path, error: ::sled::Error) -> StoreFault {
    let path = path.display().to_string();
    match error {
        ::sled::Error::Io(error) if error.kind() != std::io::ErrorKind::InvalidData => {
            StoreFault::Io { path, error: error.to_string() }
        }
        error => StoreFault::Corrupt(format!("{path}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn damage_that_shows_while_running_is_mended_at_the_next_start() {
        let folder = TempDir::new().unwrap();
        let (store, _) = SledStore::open(folder.path(), &crate::store::tests::master()).unwrap();
        let tables = &store.backend().tables;
        tables.durable.insert("site/hq", &[0xff, 0xfe][..]).unwrap();
        assert!(matches!(store.backend().get(Heap::Durable, "site/hq"), Err(StoreFault::Corrupt(_))));
        drop(store);
        let (store, opening) = SledStore::open(folder.path(), &crate::store::tests::master()).unwrap();
        assert!(matches!(opening, Opening::Rebuilt(_)));
        assert_eq!(store.backend().get(Heap::Durable, "site/hq"), Ok(None));
    }

    #[test]
    fn changes_and_the_note_of_the_last_one_are_one_batch() {
        let folder = TempDir::new().unwrap();
        let tables = Tables::open(folder.path()).unwrap();
        assert_eq!(tables.head(), Ok(None));
        let change = |sequence, value: Option<&str>| {
            let rows = [("a/1".to_owned(), value.map(str::to_owned))];
            Change { sequence, rows: Changes(rows.into()) }
        };
        tables.apply(&[change(1, Some("1x")), change(2, None), change(3, Some("1y"))]).unwrap();
        assert_eq!(tables.head(), Ok(Some(Head { schema: SCHEMA, sequence: 3 })));
        let rows = tables.page(None).unwrap();
        assert_eq!(rows.first(), Some(&Row { key: "a/1".into(), value: "1y".into() }));
        tables.apply(&[change(4, None)]).unwrap();
        assert_eq!(tables.page(None).unwrap().len(), 1, "only the note is left");
    }
}
