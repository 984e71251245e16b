//! What does the ledger stand on? Rows that can be read while one writer commits groups of changes.

use super::StoreFault;
use super::seal::{KeyId, Keyring};
use super::txn::{Changes, Row, Span};

/// The two separate heaps of rows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Heap {
    /// What was acknowledged: journaled, never lost.
    Durable,
    /// Events and sightings: written in groups, lost at worst for the last second.
    Observed,
}

/// One acknowledged change: the unit of the journal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// Its place in the order of changes, counted from 1.
    pub sequence: u64,
    /// What it does to the rows.
    pub rows: Changes,
}

/// Rows on something that keeps them. Reads come from any thread, everything else from the one writer.
pub trait Backend: Send + Sync + 'static {
    /// One row's text.
    fn get(&self, heap: Heap, key: &str) -> Result<Option<String>, StoreFault>;
    /// Several rows, first to last.
    fn scan(&self, heap: Heap, span: Span<'_>) -> Result<Vec<Row>, StoreFault>;
    /// Several rows below `before`, last to first.
    fn scan_back(&self, heap: Heap, prefix: &str, before: &str, limit: usize) -> Result<Vec<Row>, StoreFault>;
    /// What secrets are sealed with.
    fn keys(&self) -> &Keyring;
    /// Adds a data key, which seals from now on.
    fn add_key(&self) -> Result<KeyId, StoreFault>;
    /// Drops a data key that nothing is sealed with any more.
    fn drop_key(&self, id: KeyId) -> Result<(), StoreFault>;
    /// The last change that is in the rows.
    fn sequence(&self) -> Result<u64, StoreFault>;
    /// Whether anything should be written now. A fault that passes by itself: it is asked again.
    fn takes_changes(&self) -> Result<(), StoreFault>;
    /// Makes changes durable: after this they come back even if nothing else reached the disk. Not visible yet. After a
    /// fault nothing of them is there, and it may be tried again.
    fn persist(&self, changes: &[Change]) -> Result<(), StoreFault>;
    /// Makes persisted changes visible, all at once.
    fn apply(&self, changes: &[Change]) -> Result<(), StoreFault>;
    /// Writes observations.
    fn observe(&self, rows: &Changes) -> Result<(), StoreFault>;
    /// Waits until all that was applied and observed is on the disk.
    fn flush(&self) -> Result<(), StoreFault>;
    /// Does what is due now and then, after the answers went out: snapshots.
    fn tidy(&self) -> Result<(), StoreFault>;
}
