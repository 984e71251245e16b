//! What waits for the writer? Changes whose callers wait for the answer, and observations nobody waits for.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::txn::{Outcome, Rows};
use super::{Backlog, StoreFault};
use crate::inventory::event::Event;

/// How many changes share one trip to the disk at most.
const GROUP: usize = 256;

/// How many observations may wait; beyond, new ones are lost and counted. By then no secret leaves any more
/// ([`Backlog::check`]), so that what is lost are refusals.
const OBSERVATIONS: usize = 16_384;

/// How long observations wait for company.
const PATIENCE: Duration = Duration::from_millis(500);

/// A change somebody waits for.
pub trait Job: Send {
    /// Decides on the rows as they are; what is refused or changes nothing leaves an empty outcome.
    fn decide(&mut self, rows: &dyn Rows, revision: u64) -> Outcome;
    /// Tells who waits; with a fault, nothing of the group happened.
    fn answer(self: Box<Self>, fault: Option<&StoreFault>);
}

/// An event, and the firmware the phone named.
pub struct Observation {
    /// What happened.
    pub event: Event,
    /// The firmware as the phone named it.
    pub firmware: Option<String>,
}

/// What the writer does in one go.
pub struct Round {
    /// Changes, in the order they came.
    pub jobs: Vec<Box<dyn Job>>,
    /// Observations, in the order they came.
    pub observations: Vec<Observation>,
}

/// What waits for the writer.
#[derive(Default)]
pub struct Queue {
    waiting: Mutex<Waiting>,
    bell: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Box<dyn Job>>,
    observations: VecDeque<Observation>,
    since: Option<Instant>,
    /// Since when the oldest of those has waited that the writer is writing now.
    writing: Option<Instant>,
    lost: u64,
    /// Why nothing is taken just now, and when it is tried again.
    paused: Option<(StoreFault, Instant)>,
    closed: Option<String>,
}

impl Queue {
    /// Hands a change over.
    pub fn push(&self, job: Box<dyn Job>) -> Result<(), StoreFault> {
        let mut waiting = self.open()?;
        waiting.jobs.push_back(job);
        self.bell.notify_one();
        Ok(())
    }

    /// Hands an observation over.
    pub fn observe(&self, observation: Observation) -> Result<(), StoreFault> {
        let mut waiting = self.open()?;
        if waiting.observations.len() >= OBSERVATIONS {
            waiting.lost = waiting.lost.saturating_add(1);
            return Ok(());
        }
        if waiting.since.is_none() {
            waiting.since = Some(Instant::now());
            self.bell.notify_one();
        }
        waiting.observations.push_back(observation);
        Ok(())
    }

    /// Waits for something to do; `None` once the queue is closed and empty.
    pub fn next(&self) -> Option<Round> {
        let mut waiting = self.lock();
        loop {
            let waited = waiting.since.map(|since| since.elapsed());
            let rest = match &waiting.paused {
                // Whoever waits for an answer gets it at once; to write on is tried now and then.
                Some((_, again)) => Some(again.saturating_duration_since(Instant::now())),
                None => waited.map(|waited| PATIENCE.saturating_sub(waited)),
            };
            let due = !waiting.jobs.is_empty() || rest.is_some_and(|rest| rest.is_zero());
            if due || (waiting.closed.is_some() && waited.is_some()) {
                return Some(waiting.round());
            }
            if waiting.closed.is_some() {
                return None;
            }
            waiting = match rest {
                None => self.bell.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                Some(rest) => self.bell.wait_timeout(waiting, rest).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    /// What the writer had is on the disk; whether nothing was taken before that.
    pub fn written(&self) -> bool {
        let mut waiting = self.lock();
        waiting.writing = None;
        waiting.paused.take().is_some()
    }

    /// Nothing can be written just now: observations wait on. Whether that is news.
    pub fn pause(&self, fault: &StoreFault, mut observations: Vec<Observation>) -> bool {
        let mut waiting = self.lock();
        let since = waiting.writing.take();
        waiting.since = since.or(waiting.since);
        let room = OBSERVATIONS.saturating_sub(observations.len());
        while waiting.observations.len() > room {
            waiting.observations.pop_back();
            waiting.lost = waiting.lost.saturating_add(1);
        }
        observations.extend(waiting.observations.drain(..));
        waiting.observations = observations.into();
        let before = waiting.paused.replace((fault.clone(), Instant::now() + PATIENCE));
        before.is_none_or(|(before, _)| std::mem::discriminant(&before) != std::mem::discriminant(fault))
    }

    /// Whether nothing new is taken any more.
    pub fn is_closed(&self) -> bool {
        self.lock().closed.is_some()
    }

    /// Takes nothing more; what waits is still done.
    pub fn close(&self, why: &str) {
        self.lock().closed.get_or_insert_with(|| why.to_owned());
        self.bell.notify_all();
    }

    /// Takes nothing more and drops what waits: the writer cannot go on.
    pub fn abandon(&self, why: &str) {
        let mut waiting = self.lock();
        waiting.closed.get_or_insert_with(|| why.to_owned());
        let lost = u64::try_from(waiting.observations.len()).unwrap_or(u64::MAX);
        waiting.lost = waiting.lost.saturating_add(lost);
        waiting.observations.clear();
        waiting.since = None;
        let jobs = std::mem::take(&mut waiting.jobs);
        let fault = waiting.fault();
        drop(waiting);
        for job in jobs {
            job.answer(fault.as_ref());
        }
        self.bell.notify_all();
    }

    /// How the writing of observations goes.
    pub fn backlog(&self) -> Backlog {
        let waiting = self.lock();
        Backlog {
            waiting: waiting.observations.len(),
            oldest: waiting.writing.or(waiting.since).map(|since| since.elapsed()).unwrap_or_default(),
            lost: waiting.lost,
            fault: waiting.closed.clone().or_else(|| Some(waiting.paused.as_ref()?.0.to_string())),
        }
    }

    fn open(&self) -> Result<MutexGuard<'_, Waiting>, StoreFault> {
        let waiting = self.lock();
        match waiting.fault() {
            Some(fault) => Err(fault),
            None => Ok(waiting),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn round(&mut self) -> Round {
        let group = self.jobs.len().min(GROUP);
        self.writing = self.since.take();
        Round { jobs: self.jobs.drain(..group).collect(), observations: self.observations.drain(..).collect() }
    }

    fn fault(&self) -> Option<StoreFault> {
        self.closed.clone().map(StoreFault::Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::observed::tests::event;

    #[test]
    fn when_too_much_is_observed_the_loss_is_counted() {
        let queue = Queue::default();
        for number in 0..OBSERVATIONS + 3 {
            let event = event(None, u16::try_from(number % 1_000).unwrap());
            queue.observe(Observation { event, firmware: None }).unwrap();
        }
        let backlog = queue.backlog();
        assert_eq!((backlog.waiting, backlog.lost), (OBSERVATIONS, 3));
        queue.close("done");
        let round = queue.next().unwrap();
        assert_eq!(round.observations.first().map(|first| first.event.status), Some(0), "what came first is kept");
        assert!(queue.next().is_none());
    }

    #[test]
    fn what_is_being_written_has_not_ceased_to_wait() {
        let queue = Queue::default();
        queue.observe(Observation { event: event(None, 200), firmware: None }).unwrap();
        let before = queue.backlog().oldest;
        queue.close("done");
        assert_eq!(queue.next().unwrap().observations.len(), 1);
        assert!(queue.backlog().oldest > before, "the writer has it, the disk does not");
        queue.written();
        assert_eq!(queue.backlog().oldest, Duration::ZERO);
    }

    #[test]
    fn what_is_observed_while_nothing_can_be_written_waits_in_its_order_and_no_more_than_there_is_room_for() {
        let queue = Queue::default();
        let observe = |status| queue.observe(Observation { event: event(None, status), firmware: None }).unwrap();
        let full = StoreFault::ReadOnly("/data".into());
        observe(1);
        let round = queue.next().unwrap();
        observe(2);
        assert!(queue.pause(&full, round.observations), "that is news");
        assert!(queue.backlog().check().is_err());
        let round = queue.next().unwrap();
        let statuses: Vec<u16> = round.observations.iter().map(|seen| seen.event.status).collect();
        assert_eq!(statuses, [1, 2]);
        assert!(!queue.pause(&full, round.observations), "that is none");
        for _ in 0..OBSERVATIONS {
            observe(3);
        }
        let round = queue.next().unwrap();
        observe(4);
        queue.pause(&full, round.observations);
        assert_eq!((queue.backlog().waiting, queue.backlog().lost), (OBSERVATIONS, 3), "the newest are lost");
        assert!(queue.next().is_some() && queue.written(), "it is tried again");
        assert_eq!(queue.backlog().check(), Ok(()));
    }

    #[test]
    fn a_closed_queue_says_why() {
        let queue = Queue::default();
        queue.close("the disk is gone");
        queue.close("shut down");
        let late = queue.observe(Observation { event: event(None, 200), firmware: None });
        assert_eq!(late, Err(StoreFault::Closed("the disk is gone".into())));
    }
}
