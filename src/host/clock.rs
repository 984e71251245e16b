//! What time is it? The wall clock as it was when the daemon started, carried on by the machine's boot-time clock,
//! so that neither a clock step nor a suspended machine moves a deadline (policy D27).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// A clock that only moves forward.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    wall_at_start: Timestamp,
    boot_at_start: Duration,
}

impl Clock {
    /// Takes the wall clock's word once.
    #[allow(clippy::disallowed_methods)]
    pub fn start() -> Clock {
        Clock { wall_at_start: Timestamp::now(), boot_at_start: since_boot() }
    }

    /// How long the machine has run, in milliseconds: the other clock of every record (policy L1).
    pub fn boot_ms(&self) -> u64 {
        u64::try_from(since_boot().as_millis()).unwrap_or(u64::MAX)
    }

    /// Now, to the microsecond.
    pub fn now(&self) -> Timestamp {
        let passed = since_boot().saturating_sub(self.boot_at_start);
        let passed = SignedDuration::from_micros(i64::try_from(passed.as_micros()).unwrap_or(i64::MAX));
        let start = Timestamp::from_microsecond(self.wall_at_start.as_microsecond()).unwrap_or(self.wall_at_start);
        start.saturating_add(passed).unwrap_or(self.wall_at_start)
    }
}

/// Time since the machine booted, suspension included (`CLOCK_BOOTTIME`).
fn since_boot() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_moves_forward_from_the_wall_clock() {
        let clock = Clock::start();
        let first = clock.now();
        assert!(first >= clock.wall_at_start - SignedDuration::from_micros(1));
        assert!(clock.now() >= first);
    }
}
