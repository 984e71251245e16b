//! What time is it? The wall clock as it was when the daemon started, carried on by the machine's boot-time clock,
//! so that neither a clock step nor a suspended machine moves a deadline (policy D27).
//!
//! Deadlines outlive the daemon, and the wall clock may be set back while it is stopped. So both clocks are written
//! down together as an [`Anchor`], and a daemon that starts again never takes it to be earlier than they say: exactly
//! while the machine has not booted since, else at least as late as when they were last written.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A clock that only moves forward.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    wall_at_start: Timestamp,
    boot_at_start: Duration,
}

/// One moment by every clock there is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Anchor {
    /// Which boot of the machine it was.
    boot_id: String,
    /// Milliseconds since that boot.
    boot_ms: u64,
    /// The time.
    time: Timestamp,
}

/// What the machine says.
struct Machine {
    boot_id: String,
    since_boot: Duration,
    wall: Timestamp,
}

/// The file an anchor is kept in.
const FILE: &str = "clock.json";

impl Clock {
    /// Takes the wall clock's word once.
    pub fn start() -> Clock {
        Clock::of(&Machine::ask(), None)
    }

    /// The same, but never earlier than the anchor in this folder says, if there is one.
    pub fn resume(folder: &Path) -> Clock {
        let anchor = match std::fs::read(folder.join(FILE)) {
            Ok(octets) => serde_json::from_slice::<Anchor>(&octets)
                .inspect_err(|error| tracing::warn!(%error, "{FILE} cannot be read; the wall clock is believed"))
                .ok(),
            Err(_) => None,
        };
        let machine = Machine::ask();
        let clock = Clock::of(&machine, anchor.as_ref());
        let behind = clock.wall_at_start.duration_since(machine.wall);
        if behind > SignedDuration::from_secs(60) {
            tracing::warn!(
                seconds = behind.as_secs(),
                "the wall clock is behind the time the daemon last knew; deadlines go by the later one"
            );
        }
        clock
    }

    /// Writes both clocks down in this folder.
    pub fn keep(&self, folder: &Path) -> std::io::Result<()> {
        let anchor = Anchor { boot_id: boot_id(), boot_ms: self.boot_ms(), time: self.now() };
        let (path, new) = (folder.join(FILE), folder.join(format!("{FILE}.new")));
        let mut file = std::fs::File::create(&new)?;
        file.write_all(&serde_json::to_vec(&anchor)?)?;
        file.sync_all()?;
        std::fs::rename(new, path)
    }

    /// How long the machine has run, in milliseconds: the other clock of every record (policy L1).
    pub fn boot_ms(&self) -> u64 {
        u64::try_from(since_boot().as_millis()).unwrap_or(u64::MAX)
    }

    /// Now, to the microsecond.
    pub fn now(&self) -> Timestamp {
        self.at(since_boot())
    }

    fn at(&self, since_boot: Duration) -> Timestamp {
        let passed = signed(since_boot.saturating_sub(self.boot_at_start));
        let start = Timestamp::from_microsecond(self.wall_at_start.as_microsecond()).unwrap_or(self.wall_at_start);
        start.saturating_add(passed).unwrap_or(self.wall_at_start)
    }

    fn of(machine: &Machine, anchor: Option<&Anchor>) -> Clock {
        let least = anchor.map(|anchor| anchor.carried_on_to(machine));
        let wall_at_start = least.map_or(machine.wall, |least| least.max(machine.wall));
        Clock { wall_at_start, boot_at_start: machine.since_boot }
    }
}

impl Anchor {
    /// What time it is at least.
    fn carried_on_to(&self, machine: &Machine) -> Timestamp {
        if self.boot_id != machine.boot_id {
            return self.time;
        }
        let passed = machine.since_boot.saturating_sub(Duration::from_millis(self.boot_ms));
        self.time.saturating_add(signed(passed)).unwrap_or(self.time)
    }
}

impl Machine {
    #[allow(clippy::disallowed_methods)]
    fn ask() -> Machine {
        Machine { boot_id: boot_id(), since_boot: since_boot(), wall: Timestamp::now() }
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::from_micros(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
}

/// Time since the machine booted, suspension included (`CLOCK_BOOTTIME`).
fn since_boot() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The name of this boot of the machine; empty where the kernel does not say, and then it is no boot's.
fn boot_id() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    text.map(|text| text.trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
    }

    /// A machine that has run for some minutes and believes it to be some other.
    fn machine(boot_id: &str, since_boot: u64, wall: i64) -> Machine {
        Machine { boot_id: boot_id.to_owned(), since_boot: Duration::from_secs(since_boot * 60), wall: at(wall) }
    }

    fn anchor(clock: &Clock, machine: &Machine) -> Anchor {
        let since_boot = machine.since_boot;
        Anchor {
            boot_id: machine.boot_id.clone(),
            boot_ms: u64::try_from(since_boot.as_millis()).unwrap(),
            time: clock.at(since_boot),
        }
    }

    #[test]
    fn time_moves_forward_from_the_wall_clock() {
        let clock = Clock::start();
        let first = clock.now();
        assert!(first >= clock.wall_at_start - SignedDuration::from_micros(1));
        assert!(clock.now() >= first);
    }

    #[test]
    fn sec_d27_a_step_of_the_wall_clock_moves_nothing_while_the_daemon_runs() {
        let clock = Clock::of(&machine("a", 10, 0), None);
        // Whatever the wall clock says by now, five minutes have passed.
        assert_eq!(clock.at(Duration::from_secs(15 * 60)), at(5));
    }

    #[test]
    fn sec_d27_a_wall_clock_that_was_set_back_meanwhile_extends_no_deadline() {
        let first = machine("a", 10, 0);
        let kept = anchor(&Clock::of(&first, None), &first);
        // Seven minutes later, with the wall clock set back by a day.
        assert_eq!(Clock::of(&machine("a", 17, 7 - 1440), Some(&kept)).wall_at_start, at(7));
        // After a boot nobody knows how long it took; it is not earlier than before, at least.
        assert_eq!(Clock::of(&machine("b", 1, -1440), Some(&kept)).wall_at_start, at(0));
        // A wall clock that went on, or ahead, is believed.
        assert_eq!(Clock::of(&machine("a", 17, 8), Some(&kept)).wall_at_start, at(8));
        assert_eq!(Clock::of(&machine("b", 1, 9), Some(&kept)).wall_at_start, at(9));
    }

    #[test]
    fn what_was_kept_is_read_again_and_a_torn_file_stops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        Clock::start().keep(folder.path()).unwrap();
        let before = Clock::start().now();
        assert!(Clock::resume(folder.path()).now() >= before);
        std::fs::write(folder.path().join(FILE), "{").unwrap();
        assert!(Clock::resume(folder.path()).now() >= before);
    }
}
