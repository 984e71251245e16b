//! A store that forgets, for tests and demonstrations, and that can be told to fail.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

use super::StoreFault;
use super::backend::{Backend, Change, Heap};
use super::ledger::Ledger;
use super::seal::{KeyId, Keyring, SealingKey};
use super::txn::{Changes, Row, Span};

/// A whole store in memory.
pub type MemoryStore = Ledger<Memory>;

/// Rows in memory.
#[derive(Debug)]
pub struct Memory {
    rows: Mutex<Heaps>,
    keys: Keyring,
    failing: AtomicU8,
}

impl Default for Memory {
    fn default() -> Memory {
        Memory { rows: Mutex::default(), keys: Keyring::passing(), failing: AtomicU8::default() }
    }
}

/// What a memory store was told to refuse.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Failing {
    /// Nothing: it works.
    Nothing = 0,
    /// To write changes down.
    Persist = 1,
    /// To make changes visible.
    Apply = 2,
    /// To wait for the disk.
    Flush = 3,
    /// To write observations.
    Observe = 4,
    /// To read.
    Reads = 5,
    /// Anything that is written, as a full disk does.
    Changes = 6,
}

#[derive(Debug, Default)]
struct Heaps {
    durable: BTreeMap<String, String>,
    observed: BTreeMap<String, String>,
    sequence: u64,
}

impl Heaps {
    fn of(&self, heap: Heap) -> &BTreeMap<String, String> {
        match heap {
            Heap::Durable => &self.durable,
            Heap::Observed => &self.observed,
        }
    }
}

fn change(rows: &mut BTreeMap<String, String>, changes: &Changes) {
    for (key, value) in &changes.0 {
        match value {
            Some(value) => rows.insert(key.clone(), value.clone()),
            None => rows.remove(key),
        };
    }
}

fn row((key, value): (&String, &String)) -> Row {
    Row { key: key.clone(), value: value.clone() }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> MemoryStore {
        Ledger::over_empty(Memory::default())
    }

    /// Makes the store refuse something from now on, or nothing.
    pub fn fail(&self, failing: Failing) {
        self.backend().failing.store(failing as u8, Ordering::SeqCst);
    }
}

impl Default for MemoryStore {
    fn default() -> MemoryStore {
        MemoryStore::new()
    }
}

impl Memory {
    fn rows(&self, unless: Failing) -> Result<std::sync::MutexGuard<'_, Heaps>, StoreFault> {
        if self.failing.load(Ordering::SeqCst) == unless as u8 {
            let error = format!("told to fail: {unless:?}");
            return Err(StoreFault::Io { path: "memory".to_owned(), error });
        }
        Ok(self.rows.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Backend for Memory {
    fn get(&self, heap: Heap, key: &str) -> Result<Option<String>, StoreFault> {
        Ok(self.rows(Failing::Reads)?.of(heap).get(key).cloned())
    }

    fn scan(&self, heap: Heap, span: Span<'_>) -> Result<Vec<Row>, StoreFault> {
        let rows = self.rows(Failing::Reads)?;
        let from = rows.of(heap).range(span.start().to_owned()..);
        let within = from.take_while(|(key, _)| key.starts_with(span.prefix)).filter(|(key, _)| span.has(key));
        Ok(within.take(span.limit).map(row).collect())
    }

    fn scan_back(&self, heap: Heap, prefix: &str, before: &str, limit: usize) -> Result<Vec<Row>, StoreFault> {
        let rows = self.rows(Failing::Reads)?;
        if before <= prefix {
            return Ok(Vec::new());
        }
        let within = rows.of(heap).range(prefix.to_owned()..before.to_owned()).rev();
        Ok(within.take(limit).map(row).collect())
    }

    fn keys(&self) -> &Keyring {
        &self.keys
    }

    fn add_key(&self) -> Result<KeyId, StoreFault> {
        let id = KeyId(self.keys.ids().last().map_or(0, |id| id.0).saturating_add(1));
        let mut octets = [0u8; 32];
        getrandom::fill(&mut octets).map_err(|_| StoreFault::NoRandomness)?;
        self.keys.add(id, SealingKey::new(&octets));
        Ok(id)
    }

    fn drop_key(&self, id: KeyId) -> Result<(), StoreFault> {
        self.keys.forget(id);
        Ok(())
    }

    fn sequence(&self) -> Result<u64, StoreFault> {
        Ok(self.rows(Failing::Reads)?.sequence)
    }

    fn takes_changes(&self) -> Result<(), StoreFault> {
        self.rows(Failing::Changes).map(|_| ())
    }

    fn persist(&self, _changes: &[Change]) -> Result<(), StoreFault> {
        self.rows(Failing::Persist).map(|_| ())
    }

    fn apply(&self, changes: &[Change]) -> Result<(), StoreFault> {
        let mut rows = self.rows(Failing::Apply)?;
        for one in changes {
            change(&mut rows.durable, &one.rows);
            rows.sequence = one.sequence;
        }
        Ok(())
    }

    fn observe(&self, changes: &Changes) -> Result<(), StoreFault> {
        change(&mut self.rows(Failing::Observe)?.observed, changes);
        Ok(())
    }

    fn flush(&self) -> Result<(), StoreFault> {
        self.rows(Failing::Flush).map(|_| ())
    }

    fn tidy(&self) -> Result<(), StoreFault> {
        Ok(())
    }
}

#[cfg(test)]
impl MemoryStore {
    /// The keys of all durable rows but those that count, remember what is free, or tell what was done.
    pub fn backend_rows(&self) -> Vec<String> {
        use super::txn::Rows as _;
        let rows = super::writer::Committed(self.backend()).scan(Span::all("")).unwrap();
        let passing = ["meta/", "free_from/", "audit/"];
        let steady = rows.into_iter().filter(|row| !passing.iter().any(|prefix| row.key.starts_with(prefix)));
        steady.map(|row| row.key).collect()
    }
}
