//! How long? Lengths of time as people write them: `90s`, `15m`, `24h`, `30d`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text::parsed;

/// A length of time in whole seconds.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Period(u64);

/// Why a text is no length of time.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("is no length of time; write a number and a unit, such as 90s, 15m, 24h or 30d")]
pub struct PeriodError;

impl Period {
    /// This many seconds.
    pub const fn seconds(seconds: u64) -> Period {
        Period(seconds)
    }

    /// This many minutes.
    pub const fn minutes(minutes: u64) -> Period {
        Period(minutes.saturating_mul(60))
    }

    /// This many hours.
    pub const fn hours(hours: u64) -> Period {
        Period(hours.saturating_mul(3_600))
    }

    /// This many days.
    pub const fn days(days: u64) -> Period {
        Period(days.saturating_mul(86_400))
    }

    /// Whole seconds.
    pub const fn as_seconds(self) -> u64 {
        self.0
    }

    /// Whole minutes, rounded up, since phones that count minutes take no fractions.
    pub const fn as_minutes(self) -> u64 {
        self.0.div_ceil(60)
    }

    /// The same length for sums of time stamps.
    pub fn signed(self) -> jiff::SignedDuration {
        jiff::SignedDuration::from_secs(i64::try_from(self.0).unwrap_or(i64::MAX))
    }

    /// The same length for timers.
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0)
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Period, PeriodError> {
        let text = text.trim();
        let unit = text.chars().last().ok_or(PeriodError)?;
        let seconds: u64 = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return Err(PeriodError),
        };
        let digits = text.strip_suffix(unit).ok_or(PeriodError)?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(PeriodError);
        }
        let number: u64 = digits.parse().map_err(|_| PeriodError)?;
        let seconds = number.checked_mul(seconds).ok_or(PeriodError)?;
        // A hundred years: what is longer is a slip of the keyboard, and sums of times must not overflow.
        if seconds > 36_525 * 86_400 {
            return Err(PeriodError);
        }
        Ok(Period(seconds))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, seconds) in [('d', 86_400), ('h', 3_600), ('m', 60)] {
            if self.0 > 0 && self.0.is_multiple_of(seconds) {
                return write!(f, "{}{unit}", self.0 / seconds);
            }
        }
        write!(f, "{}s", self.0)
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Period, D::Error> {
        parsed(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_and_written_alike() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("24h", 86_400), ("30d", 2_592_000), ("0s", 0)] {
            assert_eq!(text.parse::<Period>().unwrap().as_seconds(), seconds, "{text}");
        }
        assert_eq!(Period::hours(24).to_string(), "1d");
        assert_eq!(Period::seconds(90).to_string(), "90s");
    }

    #[test]
    fn a_bare_number_or_an_endless_time_is_refused() {
        for text in ["", "15", "m", "-1m", "1.5h", "1w", "99999999999999999999s", "900000d", "1ä"] {
            assert_eq!(text.parse::<Period>(), Err(PeriodError), "{text}");
        }
    }
}
