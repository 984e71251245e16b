//! The store as it would be: everything that is kept under changes that were tried and not made. It can be read like any
//! other and takes no changes.

use std::sync::Arc;

use super::backend::{Backend, Change, Heap};
use super::ledger::Ledger;
use super::seal::{KeyId, Keyring};
use super::txn::{Changes, Row, Span, laid_over};
use super::writer::Shared;
use super::{Store, StoreFault};

/// A backend, whichever it is.
pub trait Under: Send + Sync {
    /// It.
    fn backend(&self) -> &dyn Backend;
}

impl<B: Backend> Under for Shared<B> {
    fn backend(&self) -> &dyn Backend {
        &self.backend
    }
}

/// Rows under changes that were not made.
pub struct Supposed {
    under: Arc<dyn Under>,
    changes: Changes,
}

/// The store as it would be after these changes.
pub fn suppose(under: Arc<dyn Under>, changes: Changes, head: u64) -> Box<dyn Store> {
    Box::new(Ledger::reading(Supposed { under, changes }, head))
}

impl Supposed {
    fn refused() -> StoreFault {
        StoreFault::Closed("it is only supposed".to_owned())
    }
}

impl Backend for Supposed {
    fn get(&self, heap: Heap, key: &str) -> Result<Option<String>, StoreFault> {
        match self.changes.0.get(key).filter(|_| heap == Heap::Durable) {
            Some(changed) => Ok(changed.clone()),
            None => self.under.backend().get(heap, key),
        }
    }

    fn scan(&self, heap: Heap, span: Span<'_>) -> Result<Vec<Row>, StoreFault> {
        match heap {
            Heap::Durable => laid_over(&self.changes, span, |span| self.under.backend().scan(heap, span)),
            Heap::Observed => self.under.backend().scan(heap, span),
        }
    }

    fn scan_back(&self, heap: Heap, prefix: &str, before: &str, limit: usize) -> Result<Vec<Row>, StoreFault> {
        // What is read backwards are records of what happened, which nothing supposed adds to.
        self.under.backend().scan_back(heap, prefix, before, limit)
    }

    fn keys(&self) -> &Keyring {
        self.under.backend().keys()
    }

    fn add_key(&self) -> Result<KeyId, StoreFault> {
        Err(Supposed::refused())
    }

    fn drop_key(&self, _: KeyId) -> Result<(), StoreFault> {
        Err(Supposed::refused())
    }

    fn sequence(&self) -> Result<u64, StoreFault> {
        self.under.backend().sequence()
    }

    fn takes_changes(&self) -> Result<(), StoreFault> {
        Err(Supposed::refused())
    }

    fn persist(&self, _: &[Change]) -> Result<(), StoreFault> {
        Err(Supposed::refused())
    }

    fn apply(&self, _: &[Change]) -> Result<(), StoreFault> {
        Err(Supposed::refused())
    }

    fn observe(&self, _: &Changes) -> Result<(), StoreFault> {
        Err(Supposed::refused())
    }

    fn flush(&self) -> Result<(), StoreFault> {
        Ok(())
    }

    fn tidy(&self) -> Result<(), StoreFault> {
        Ok(())
    }
}
