//! When do the clocks change? The rules of an IANA zone in the form phones take: "the last Sunday of March, 2 o'clock".

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan};
use serde::Serialize;

/// The offset of a zone and when it changes.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Daylight {
    /// Minutes east of UTC in standard time.
    pub utc_offset_minutes: i32,
    /// Daylight saving time; `None` where the zone has none, or none that follows a yearly rule.
    pub dst: Option<Dst>,
}

/// Daylight saving time of a zone.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Dst {
    /// When it begins, in standard local time.
    pub start: Change,
    /// When it ends, in daylight saving local time.
    pub end: Change,
    /// Minutes the clock moves.
    pub shift: i32,
}

/// A moment of every year: the `week`th `weekday` of `month`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Change {
    /// 1 January to 12 December.
    pub month: i8,
    /// 1 to 4, or 5 for the last.
    pub week: i8,
    /// 1 Monday to 7 Sunday.
    pub weekday: i8,
    /// Hour on the clock before the change.
    pub hour: i8,
    /// Minute on the clock before the change.
    pub minute: i8,
}

/// How many years a rule must have held to count as one.
const YEARS: i16 = 8;

/// The rules of a zone, as they are from the year of `now` on.
pub fn of(zone: &TimeZone, now: Timestamp) -> Daylight {
    let year = now.to_zoned_datetime(TimeZone::UTC).year();
    let changes = changes(zone, year);
    let offsets = |at: Timestamp| zone.to_offset(at).seconds() / 60;
    // Standard time is the smaller offset; the database calls Irish winter time "daylight saving", phones do not.
    let standard = changes.iter().map(|(_, before, after)| minutes(*before).min(minutes(*after))).min();
    let Some(standard) = standard else {
        return Daylight { utc_offset_minutes: offsets(now), dst: None };
    };
    let forward: Vec<_> = changes.iter().filter(|(_, before, after)| before < after).collect();
    let back: Vec<_> = changes.iter().filter(|(_, before, after)| before > after).collect();
    let local = |(at, before, _): &&(Timestamp, Offset, Offset)| before.to_datetime(*at);
    let start = rule(&forward.iter().map(local).collect::<Vec<_>>());
    let end = rule(&back.iter().map(local).collect::<Vec<_>>());
    let shift = forward.first().map(|(_, before, after)| minutes(*after) - minutes(*before));
    match (start, end, shift) {
        (Some(start), Some(end), Some(shift)) => {
            Daylight { utc_offset_minutes: standard, dst: Some(Dst { start, end, shift }) }
        }
        _ => Daylight { utc_offset_minutes: offsets(now), dst: None },
    }
}

impl Daylight {
    /// The zone as a POSIX `TZ` string with made-up names, such as `STD-1DST,M3.5.0/2,M10.5.0/3`.
    pub fn posix(&self) -> String {
        let Some(dst) = &self.dst else { return format!("STD{}", posix_offset(self.utc_offset_minutes)) };
        format!(
            "STD{}DST{},{},{}",
            posix_offset(self.utc_offset_minutes),
            posix_offset(self.utc_offset_minutes + dst.shift),
            dst.start.posix(),
            dst.end.posix()
        )
    }
}

impl Change {
    /// `Mmonth.week.weekday/hour[:minute]`, Sunday being 0 (POSIX.1 §8.3).
    fn posix(&self) -> String {
        let minute = if self.minute == 0 { String::new() } else { format!(":{:02}", self.minute) };
        format!("M{}.{}.{}/{}{minute}", self.month, self.week, self.weekday % 7, self.hour)
    }
}

/// POSIX counts west of Greenwich as positive.
fn posix_offset(minutes: i32) -> String {
    let sign = if minutes > 0 { "-" } else { "" };
    let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
    let rest = if rest == 0 { String::new() } else { format!(":{rest:02}") };
    format!("{sign}{hours}{rest}")
}

fn minutes(offset: Offset) -> i32 {
    offset.seconds() / 60
}

/// The changes of offset in the years from `year` on: when, from what, to what.
fn changes(zone: &TimeZone, year: i16) -> Vec<(Timestamp, Offset, Offset)> {
    let Ok(begin) = jiff::civil::date(year, 1, 1).to_zoned_datetime(TimeZone::UTC) else { return Vec::new() };
    let Ok(end) = begin.checked_add(i64::from(YEARS).years()) else { return Vec::new() };
    let mut before = zone.to_offset(begin.timestamp());
    let mut found = Vec::new();
    for transition in zone.following(begin.timestamp()).take_while(|next| next.timestamp() < end.timestamp()) {
        let after = transition.offset();
        if after != before {
            found.push((transition.timestamp(), before, after));
        }
        before = after;
    }
    found
}

/// The rule that all these local times follow, if there is one for every year.
fn rule(times: &[DateTime]) -> Option<Change> {
    let first = times.first()?;
    if times.len() != usize::try_from(YEARS).ok()? {
        return None;
    }
    let alike = |time: &DateTime| {
        (time.month(), time.weekday(), time.hour(), time.minute())
            == (first.month(), first.weekday(), first.hour(), first.minute())
    };
    if !times.iter().all(alike) {
        return None;
    }
    let nth = |time: &DateTime| (time.day() - 1) / 7 + 1;
    let week = if times.iter().all(|time| time.day() + 7 > time.date().days_in_month()) {
        5
    } else if times.iter().all(|time| nth(time) == nth(first)) {
        nth(first)
    } else {
        return None;
    };
    Some(Change {
        month: first.month(),
        week,
        weekday: first.weekday().to_monday_one_offset(),
        hour: first.hour(),
        minute: first.minute(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> Daylight {
        of(&TimeZone::get(name).unwrap(), "2026-11-23T00:00:00Z".parse().unwrap())
    }

    #[test]
    fn rules_are_those_people_know() {
        for (name, posix) in [
            ("Europe/Berlin", "STD-1DST-2,M3.5.0/2,M10.5.0/3"),
            ("America/New_York", "STD5DST4,M3.2.0/2,M11.1.0/2"),
            ("Europe/Dublin", "STD0DST-1,M3.5.0/1,M10.5.0/2"),
            ("Australia/Sydney", "STD-10DST-11,M10.1.0/2,M4.1.0/3"),
            ("Australia/Lord_Howe", "STD-10:30DST-11,M10.1.0/2,M4.1.0/2"),
            ("Asia/Kolkata", "STD-5:30"),
            ("America/Phoenix", "STD7"),
            ("UTC", "STD0"),
        ] {
            assert_eq!(zone(name).posix(), posix, "{name}");
        }
    }

    #[test]
    fn a_zone_without_a_yearly_rule_has_none() {
        // Morocco suspends its time for Ramadan, which no rule of a phone can say.
        assert_eq!(zone("Africa/Casablanca").dst, None);
    }
}
