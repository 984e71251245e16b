//! When is it time for a new certificate? Pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The part of its life that a certificate is left when it is renewed: two fifths, so that a server that is away for long
/// is still heard before a third is left.
const LEFT: (i32, i32) = (2, 5);

/// After the first failure, and at most. Servers count failures by the hour.
const SHORTEST: Duration = Duration::from_secs(5 * 60);
const LONGEST: Duration = Duration::from_secs(6 * 3600);

/// When a certificate of this life is to be renewed.
pub fn due(begins: Timestamp, ends: Timestamp) -> Timestamp {
    let life = ends.duration_since(begins).max(SignedDuration::ZERO);
    let (part, of) = LEFT;
    ends.saturating_sub(life.checked_div(of).unwrap_or_default().saturating_mul(part)).unwrap_or(begins)
}

/// How long to leave a server alone after so many failures in a row.
pub fn pause(failures: u32) -> Duration {
    SHORTEST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hours * 3600).unwrap()
    }

    #[test]
    fn a_certificate_is_renewed_before_a_third_of_its_life_is_left() {
        for days in [1, 6, 45, 90, 398] {
            let ends = at(24 * days);
            let left = ends.duration_since(due(at(0), ends)).as_secs_f64() / (86_400.0 * days as f64);
            assert!(left > 1.0 / 3.0 && left < 0.5, "{days}: {left}");
        }
        assert_eq!(due(at(1), at(0)), at(0), "whatever a certificate says");
    }

    #[test]
    fn a_server_that_fails_is_left_alone_longer_and_longer() {
        let pauses: Vec<u64> = (1..=9).map(|failures| pause(failures).as_secs() / 60).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 360, 360]);
        assert_eq!(pause(u32::MAX), LONGEST);
    }
}
