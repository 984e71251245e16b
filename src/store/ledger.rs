//! The store itself, over any backend. Reading verbs look at the rows of one moment; writing verbs wait for the writer's
//! word.

mod catalogues;
mod verbs;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError};
use std::thread::JoinHandle;

use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

use super::audit;
use super::backend::Backend;
use super::observed::Observed;
use super::queue::Queue;
use super::rows::INVENTORY;
use super::txn::{Changes, Rows, Txn, read};
use super::writer::{Committed, Shared, Work};
use super::{Actor, StoreError, StoreFault, Stored};
use crate::inventory::audit::{Act, Retention};

/// How often something is tried while others write, before they have to wait for it.
const REHEARSALS: usize = 3;

/// A store over a backend, with its one writer.
pub struct Ledger<B: Backend> {
    shared: Arc<Shared<B>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// How many acts of administrators are kept.
    acts: AtomicU64,
    rotating: Mutex<()>,
}

impl<B: Backend> Ledger<B> {
    /// A store over what the backend holds.
    pub fn over(backend: B) -> Result<Ledger<B>, StoreFault> {
        let head = backend.sequence()?;
        let observed = Observed::of(&backend)?;
        let ledger = Ledger::begin(backend, head, observed);
        match ledger.finish_rotation() {
            Ok(_) => Ok(ledger),
            Err(StoreError::Fault(fault)) => Err(fault),
            Err(StoreError::Conflict(conflict)) => Err(StoreFault::Corrupt(conflict.to_string())),
        }
    }

    /// A store over a backend that holds nothing.
    pub fn over_empty(backend: B) -> Ledger<B> {
        Ledger::begin(backend, 0, Observed::default())
    }

    /// A store over a backend that is only read.
    pub(super) fn reading(backend: B, head: u64) -> Ledger<B> {
        let shared = Arc::new(Shared {
            backend,
            gate: RwLock::new(()),
            queue: Queue::default(),
            head: AtomicU64::new(head),
            observed: Mutex::new(Observed::default()),
            commit_times: commit_times(),
        });
        shared.queue.close("it is only read");
        let acts = AtomicU64::new(Retention::default().acts);
        Ledger { shared, writer: Mutex::new(None), acts, rotating: Mutex::new(()) }
    }

    /// What it stands on.
    pub fn backend(&self) -> &B {
        &self.shared.backend
    }

    /// Does what waits, then takes nothing more. Dropping the store does the same.
    pub fn close(&self) {
        self.shared.queue.close("it was shut down");
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if writer.is_some_and(|writer| writer.join().is_err()) {
            tracing::error!("the store's writer ended with a panic");
        }
    }

    fn begin(backend: B, head: u64, observed: Observed) -> Ledger<B> {
        let shared = Arc::new(Shared {
            backend,
            gate: RwLock::new(()),
            queue: Queue::default(),
            head: AtomicU64::new(head),
            observed: Mutex::new(observed),
            commit_times: commit_times(),
        });
        let writer = Arc::clone(&shared);
        let writer = std::thread::spawn(move || writer.run());
        let acts = AtomicU64::new(Retention::default().acts);
        Ledger { shared, writer: Mutex::new(Some(writer)), acts, rotating: Mutex::new(()) }
    }

    /// Keeps so much of what happened from now on.
    pub fn retain(&self, retention: Retention) {
        self.acts.store(retention.acts, Ordering::Relaxed);
        self.shared.observed.lock().unwrap_or_else(PoisonError::into_inner).keep(retention.events);
    }

    fn kept_acts(&self) -> audit::Keep {
        audit::Keep::most(self.acts.load(Ordering::Relaxed))
    }

    /// Held while data keys are rotated: one rotation at a time.
    pub(super) fn rotating(&self) -> MutexGuard<'_, ()> {
        self.rotating.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, unless somebody has it.
    pub(super) fn try_rotating(&self) -> Option<MutexGuard<'_, ()>> {
        match self.rotating.try_lock() {
            Ok(alone) => Some(alone),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Appends an act to the audit trail.
    pub(super) fn append(&self, act: Act, by: &Actor) -> Stored<()> {
        let by = by.clone();
        let keep = self.kept_acts();
        self.change(move |txn| Ok(audit::append(txn, &by, act, keep)?))
    }

    /// Looks at the rows of one moment.
    fn look<T>(&self, look: impl FnOnce(&dyn Rows) -> Stored<T>) -> Stored<T> {
        let _gate = self.shared.gate.read().unwrap_or_else(PoisonError::into_inner);
        look(&Committed(&self.shared.backend))
    }

    /// Tries a change on the rows as they are and leaves nothing behind; with the revision of the inventory, and the rows
    /// it would change.
    /// Who writes meanwhile does not wait for it: it is tried again if the inventory changed under it.
    fn rehearse_on<T>(&self, attempt: impl Fn(&mut Txn<'_>) -> Result<T, StoreFault>) -> Stored<(u64, T, Changes)> {
        let revision = || self.look(|rows| Ok(read::<u64>(rows, INVENTORY)?.unwrap_or_default()));
        let committed = Committed(&self.shared.backend);
        let mut before = revision()?;
        for _ in 0..REHEARSALS {
            let mut txn = Txn::new(&committed, before.saturating_add(1));
            let tried = attempt(&mut txn)?;
            let after = revision()?;
            if after == before {
                return Ok((before, tried, txn.finish().changes));
            }
            before = after;
        }
        self.look(|rows| {
            let before = read::<u64>(rows, INVENTORY)?.unwrap_or_default();
            let mut txn = Txn::new(rows, before.saturating_add(1));
            let tried = attempt(&mut txn)?;
            Ok((before, tried, txn.finish().changes))
        })
    }

    /// Has the writer make an administrator's change with its audit record, and waits for it.
    fn administer<T, F>(&self, by: &Actor, act: Act, decide: F) -> Stored<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Txn<'_>, &Actor) -> Stored<T> + Send + 'static,
    {
        let (by, keep) = (by.clone(), self.kept_acts());
        self.change(move |txn| {
            let done = decide(txn, &by)?;
            audit::append_changes(txn, &by, act, keep)?;
            Ok(done)
        })
    }

    /// Has the writer make a change, and waits for it.
    pub(super) fn change<T, F>(&self, decide: F) -> Stored<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Txn<'_>) -> Stored<T> + Send + 'static,
    {
        let (reply, answer) = sync_channel(1);
        let decide = move |txn: &mut Txn<'_>| {
            let done = decide(txn)?;
            txn.note_inventory()?;
            Ok(done)
        };
        self.shared.queue.push(Box::new(Work::new(decide, reply)))?;
        answer.recv().unwrap_or_else(|_| Err(StoreFault::Closed("the writer has ended".to_owned()).into()))
    }
}

/// From half a millisecond to four seconds.
fn commit_times() -> Histogram {
    Histogram::new(exponential_buckets(0.000_5, 2.0, 14))
}

impl<B: Backend> Drop for Ledger<B> {
    fn drop(&mut self) {
        self.close();
    }
}
