//! How many files are rendered at once? As many as there are processors (policy D21): more would only take memory, and
//! a thousand phones after a power cut are served one after the other as fast.

use std::num::NonZero;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How long a request may wait for its turn; far more than all phones of a building need.
const PATIENCE: Duration = Duration::from_secs(10);

/// The places there are.
#[derive(Debug)]
pub(super) struct Turns {
    free: Mutex<usize>,
    left: Condvar,
}

/// A place, free again when dropped.
pub(super) struct Turn<'a>(&'a Turns);

impl Turns {
    /// One for each processor.
    pub fn new() -> Turns {
        Turns::of(std::thread::available_parallelism().map_or(2, NonZero::get))
    }

    fn of(places: usize) -> Turns {
        Turns { free: Mutex::new(places), left: Condvar::new() }
    }

    /// Waits for a place; `None` if there is none for too long.
    pub fn take(&self) -> Option<Turn<'_>> {
        self.take_within(PATIENCE)
    }

    fn take_within(&self, patience: Duration) -> Option<Turn<'_>> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.left.wait_timeout_while(free, patience, |free| *free == 0);
        let (mut free, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *free = free.checked_sub(1)?;
        Some(Turn(self))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut free = self.0.free.lock().unwrap_or_else(PoisonError::into_inner);
        *free = free.saturating_add(1);
        drop(free);
        self.0.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_take_a_turn_than_there_are_and_the_next_comes_when_one_ends() {
        let turns = Turns::of(2);
        let first = turns.take().unwrap();
        let _second = turns.take().unwrap();
        assert!(turns.take_within(Duration::ZERO).is_none());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| turns.take().is_some());
            drop(first);
            assert!(waiting.join().unwrap());
        });
    }
}
