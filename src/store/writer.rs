//! Who writes? One thread: it decides the changes that wait, one over the other, brings them to the disk together and
//! answers only then. When the disk is full or takes nothing, changes are refused and tried again with the next; when it
//! fails in the middle, nobody gets an answer that promises anything, and nothing more is taken.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Mutex, PoisonError, RwLock};

use super::backend::{Backend, Change, Heap};
use super::observed::Observed;
use super::queue::{Job, Observation, Queue, Round};
use super::seal::Keyring;
use super::txn::{Outcome, Overlay, Row, Rows, Span, Txn};
use super::{StoreError, StoreFault, Stored};
use crate::inventory::mac::MacAddr;

/// What the writer and those who ask share.
pub struct Shared<B> {
    /// The rows.
    pub backend: B,
    /// Held for writing while changes become visible, so that several rows can be read as of one moment.
    pub gate: RwLock<()>,
    /// What waits for the writer.
    pub queue: Queue,
    /// The last change that happened.
    pub head: AtomicU64,
    /// What the writer knows of the events.
    pub observed: Mutex<Observed>,
}

/// The rows as they are.
pub struct Committed<'a, B>(pub &'a B);

/// A change, and who waits for it.
pub struct Work<F, T> {
    decide: Option<F>,
    decided: Option<Stored<T>>,
    reply: SyncSender<Stored<T>>,
}

/// Why a round was not written.
enum Unwritten {
    /// The disk failed in the middle: what is there is known only after the next start.
    Over(StoreFault),
    /// Nothing of it was begun. What was observed waits on.
    Waits(StoreFault, Vec<Observation>),
}

/// Closes the queue when the writer ends, however it ends.
struct LastWord<'a>(&'a Queue);

impl<B: Backend> Rows for Committed<'_, B> {
    fn get(&self, key: &str) -> Result<Option<String>, StoreFault> {
        self.0.get(Heap::Durable, key)
    }

    fn scan(&self, span: Span<'_>) -> Result<Vec<Row>, StoreFault> {
        self.0.scan(Heap::Durable, span)
    }

    fn keys(&self) -> &Keyring {
        self.0.keys()
    }
}

impl<F, T> Work<F, T> {
    /// A change, and who waits for it.
    pub fn new(decide: F, reply: SyncSender<Stored<T>>) -> Work<F, T> {
        Work { decide: Some(decide), decided: None, reply }
    }
}

impl<F, T> Job for Work<F, T>
where
    F: FnOnce(&mut Txn<'_>) -> Stored<T> + Send,
    T: Send,
{
    fn decide(&mut self, rows: &dyn Rows, revision: u64) -> Outcome {
        let Some(decide) = self.decide.take() else { return Outcome::default() };
        let mut txn = Txn::new(rows, revision);
        let decided = decide(&mut txn);
        let outcome = if decided.is_ok() { txn.finish() } else { Outcome::default() };
        self.decided = Some(decided);
        outcome
    }

    fn answer(self: Box<Self>, fault: Option<&StoreFault>) {
        let answer = match fault {
            Some(fault) => Err(StoreError::Fault(fault.clone())),
            None => self.decided.unwrap_or_else(|| Err(StoreFault::Closed("never decided".to_owned()).into())),
        };
        // Who no longer waits needs no answer.
        let _ = self.reply.send(answer);
    }
}

impl Drop for LastWord<'_> {
    fn drop(&mut self) {
        self.0.abandon("the writer has ended");
    }
}

fn answer(jobs: Vec<Box<dyn Job>>, fault: Option<&StoreFault>) {
    for job in jobs {
        job.answer(fault);
    }
}

impl<B: Backend> Shared<B> {
    /// Works until the queue is closed and empty.
    pub fn run(&self) {
        let _last_word = LastWord(&self.queue);
        while let Some(Round { mut jobs, observations }) = self.queue.next() {
            match self.commit(&mut jobs, observations) {
                Ok(()) => {
                    if self.queue.written() {
                        tracing::info!("the store takes changes again");
                    }
                    answer(jobs, None);
                }
                Err(Unwritten::Waits(fault, observations)) => {
                    if self.queue.pause(&fault, observations) {
                        tracing::error!(%fault, "the store takes no changes for now");
                    }
                    answer(jobs, Some(&fault));
                    if self.queue.is_closed() {
                        return self.queue.abandon(&fault.to_string());
                    }
                    continue;
                }
                Err(Unwritten::Over(fault)) => {
                    tracing::error!(%fault, "the store takes no changes any more");
                    self.queue.close(&fault.to_string());
                    answer(jobs, Some(&StoreFault::Closed(fault.to_string())));
                    return self.queue.abandon(&fault.to_string());
                }
            }
            if let Err(fault) = self.backend.tidy() {
                tracing::error!(%fault, "no snapshot of the store could be written; its journal grows on");
            }
        }
    }

    fn commit(&self, jobs: &mut [Box<dyn Job>], observations: Vec<Observation>) -> Result<(), Unwritten> {
        if let Err(fault) = self.backend.takes_changes() {
            return Err(Unwritten::Waits(fault, observations));
        }
        let (changes, forgotten) = self.decide(jobs);
        if !changes.is_empty()
            && let Err(fault) = self.backend.persist(&changes)
        {
            return Err(Unwritten::Waits(fault, observations));
        }
        self.show(&changes, observations, &forgotten).map_err(Unwritten::Over)
    }

    /// Makes visible what is durable, and writes what was observed.
    fn show(
        &self,
        changes: &[Change],
        observations: Vec<Observation>,
        forgotten: &[MacAddr],
    ) -> Result<(), StoreFault> {
        if let Some(last) = changes.last() {
            let gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
            self.backend.apply(changes)?;
            self.head.store(last.sequence, Ordering::SeqCst);
            drop(gate);
        }
        if !observations.is_empty() || !forgotten.is_empty() {
            let mut observed = self.observed.lock().unwrap_or_else(PoisonError::into_inner);
            let rows = observed.fold(&self.backend, observations, forgotten)?;
            self.backend.observe(&rows)?;
        }
        self.backend.flush()
    }

    /// Decides each change over the ones before it. A change without rows is none.
    fn decide(&self, jobs: &mut [Box<dyn Job>]) -> (Vec<Change>, Vec<MacAddr>) {
        let committed = Committed(&self.backend);
        let mut group = Overlay::new(&committed);
        let mut sequence = self.head.load(Ordering::SeqCst);
        let mut changes = Vec::new();
        let mut forgotten = Vec::new();
        for job in jobs {
            let outcome = job.decide(&group, sequence.saturating_add(1));
            if outcome.changes.0.is_empty() {
                continue;
            }
            sequence = sequence.saturating_add(1);
            group.lay(&outcome.changes);
            forgotten.extend(outcome.forgotten);
            changes.push(Change { sequence, rows: outcome.changes });
        }
        (changes, forgotten)
    }
}
