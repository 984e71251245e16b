//! How often may one source fail before it is not looked at any more (policy D13, Z9)?
//!
//! Only failures count, and nothing here keeps a proven phone or an open window from being served: a limit decides
//! what is remembered of a refusal, and how many phones a stranger may ask after. A source is an IPv4 address or an
//! IPv6 /64. The table has a fixed size, in sets of a few places each: however many sources there are, a new one takes
//! the place of the one in its set that was quiet the longest. (Rate limiters by key, such as `governor`, keep one
//! entry for every source ever seen, and do not count distinct addresses; so this table is our own.)

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::config::FailureLimits;
use crate::inventory::access::CLAIMS_AN_HOUR;
use crate::inventory::mac::MacAddr;

/// Sets of places, and places in each: 4,096 sources.
const SETS: usize = 512;
const WAYS: usize = 8;
/// How many failures are remembered to be counted once a minute.
const RECENT: usize = 4096;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
/// How many failures may come at once.
const BURST: u32 = 10;
/// In which time distinct unknown phones are counted together.
const UNKNOWN_WITHIN: i64 = 10 * MINUTE;
/// How long the first block of a source lasts; each further one twice as long.
const FIRST_BLOCK: i64 = 15 * MINUTE;
/// No block is longer; a source that was good for so long begins anew.
const LONGEST_BLOCK: i64 = 24 * HOUR;
/// How many unproven requests of one source are kept as events in a minute.
const NOTES_A_MINUTE: u32 = 60;

/// Whether the phone a source failed for is in the inventory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Known {
    /// It is not.
    No,
    /// It is.
    Yes,
}

/// How a failure is taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// The source, or all together, failed too often.
    Limited,
    /// A failure as any.
    Within,
}

/// How much is remembered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Figures {
    /// Sources.
    pub sources: usize,
    /// Sources that are shut out now.
    pub blocked: usize,
}

/// What is remembered of sources that failed.
#[derive(Debug)]
pub struct Limits {
    hasher: RandomState,
    table: Mutex<Table>,
}

#[derive(Debug)]
struct Table {
    sources: Vec<Option<Source>>,
    /// Failures of the last minute by hash, each in the one place its hash has.
    recent: Vec<(u64, i64)>,
    all: Bucket,
}

/// What one source did.
#[derive(Debug)]
struct Source {
    key: u128,
    last: i64,
    failures: Bucket,
    notes: Bucket,
    unknown: Vec<(MacAddr, i64)>,
    asked_after: Vec<(MacAddr, i64)>,
    blocked_until: i64,
    blocks: u32,
}

/// A rate with a burst, as one point in time (the generic cell rate algorithm).
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    full_at: i64,
}

impl Default for Limits {
    fn default() -> Limits {
        let sources = std::iter::repeat_with(|| None).take(SETS * WAYS).collect();
        let table = Table { sources, recent: vec![(0, i64::MIN); RECENT], all: Bucket::default() };
        Limits { hasher: RandomState::new(), table: Mutex::new(table) }
    }
}

impl Limits {
    /// A source failed to get a file of this phone.
    pub fn failed(
        &self,
        address: IpAddr,
        mac: MacAddr,
        known: Known,
        allowed: FailureLimits,
        now: Timestamp,
    ) -> Verdict {
        let now = now.as_millisecond();
        let key = source_of(address);
        let tag = self.hasher.hash_one((key, mac));
        self.with(key, now, |table, place| {
            let again = table.is_again(tag, now);
            let Some(source) = table.source(place) else { return Verdict::Limited };
            if now < source.blocked_until {
                return Verdict::Limited;
            }
            if again {
                return Verdict::Within;
            }
            if known == Known::No && source.is_sweep(mac, allowed.unknown_macs, now) {
                source.block(now);
                return Verdict::Limited;
            }
            let own = source.failures.take(allowed.per_minute, BURST, now);
            let all = table.all.take(allowed.global_per_minute, allowed.global_per_minute, now);
            if own && all { Verdict::Within } else { Verdict::Limited }
        })
    }

    /// Whether a source may learn that this phone's window is open without claiming (HEAD, gate files): of as many
    /// phones an hour as it may claim (Z8), so that nobody finds out by asking which phones are new.
    pub fn may_ask_after(&self, address: IpAddr, mac: MacAddr, now: Timestamp) -> bool {
        let now = now.as_millisecond();
        self.with(source_of(address), now, |table, place| {
            let Some(source) = table.source(place) else { return false };
            remember(&mut source.asked_after, mac, now, HOUR, CLAIMS_AN_HOUR)
        })
    }

    /// Whether one more event of a source without proof is worth keeping: nobody shall fill the store.
    pub fn may_note(&self, address: IpAddr, now: Timestamp) -> bool {
        let now = now.as_millisecond();
        self.with(source_of(address), now, |table, place| {
            table.source(place).is_some_and(|source| source.notes.take(NOTES_A_MINUTE, NOTES_A_MINUTE, now))
        })
    }

    /// How many sources are remembered, and how many of them are shut out.
    pub fn figures(&self, now: Timestamp) -> Figures {
        let now = now.as_millisecond();
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let sources = table.sources.iter().flatten();
        let blocked = sources.clone().filter(|source| now < source.blocked_until).count();
        Figures { sources: sources.count(), blocked }
    }

    /// The table, and the place that is the source's from now on.
    fn with<T>(&self, key: u128, now: i64, work: impl FnOnce(&mut Table, usize) -> T) -> T {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let set = usize::try_from(self.hasher.hash_one(key) % SETS as u64).unwrap_or_default() * WAYS;
        let place = table.place(set, key, now);
        work(&mut table, place)
    }

    #[cfg(test)]
    fn sources(&self) -> usize {
        self.table.lock().unwrap().sources.iter().flatten().count()
    }
}

impl Table {
    /// Where the source is in its set: where it was, else where nobody is, else in the place of the one that matters
    /// least: not blocked if possible, and quiet the longest.
    fn place(&mut self, set: usize, key: u128, now: i64) -> usize {
        let places = || set..set + WAYS;
        let is = |place: &usize| matches!(self.sources.get(*place), Some(Some(source)) if source.key == key);
        let weight = |place: &usize| match self.sources.get(*place) {
            Some(Some(source)) => (now < source.blocked_until, source.blocked_until.max(source.last)),
            _ => (false, i64::MIN),
        };
        let place = places().find(is).or_else(|| places().min_by_key(weight)).unwrap_or(set);
        if let Some(there) = self.sources.get_mut(place) {
            match there {
                Some(source) if source.key == key => source.last = now,
                _ => *there = Some(Source::new(key, now)),
            }
        }
        place
    }

    fn source(&mut self, place: usize) -> Option<&mut Source> {
        self.sources.get_mut(place)?.as_mut()
    }

    /// Whether the same failure was counted within the minute; if not, it is from now.
    fn is_again(&mut self, tag: u64, now: i64) -> bool {
        let index = usize::try_from(tag % RECENT as u64).unwrap_or_default();
        let Some(slot) = self.recent.get_mut(index) else { return false };
        if slot.0 == tag && now.saturating_sub(slot.1) < MINUTE {
            return true;
        }
        *slot = (tag, now);
        false
    }
}

impl Source {
    fn new(key: u128, now: i64) -> Source {
        Source {
            key,
            last: now,
            failures: Bucket::default(),
            notes: Bucket::default(),
            unknown: Vec::new(),
            asked_after: Vec::new(),
            blocked_until: i64::MIN,
            blocks: 0,
        }
    }

    /// Whether this unknown phone is one too many.
    fn is_sweep(&mut self, mac: MacAddr, most: usize, now: i64) -> bool {
        !remember(&mut self.unknown, mac, now, UNKNOWN_WITHIN, most.saturating_sub(1))
    }

    fn block(&mut self, now: i64) {
        if now.saturating_sub(self.blocked_until) > LONGEST_BLOCK {
            self.blocks = 0;
        }
        let lasts = FIRST_BLOCK.saturating_mul(1 << self.blocks.min(16)).min(LONGEST_BLOCK);
        self.blocked_until = now.saturating_add(lasts);
        self.blocks = self.blocks.saturating_add(1);
        self.unknown.clear();
    }
}

impl Bucket {
    /// Whether one more fits: `burst` at once, and then `per_minute`.
    fn take(&mut self, per_minute: u32, burst: u32, now: i64) -> bool {
        let each = MINUTE / i64::from(per_minute.max(1));
        let most = each.saturating_mul(i64::from(burst));
        // What lies further ahead than this can fill it was left by a time that is over: by other settings.
        let from = if self.full_at.saturating_sub(now) > most { now } else { self.full_at.max(now) };
        let next = from.saturating_add(each);
        if next.saturating_sub(now) > most {
            return false;
        }
        self.full_at = next;
        true
    }
}

/// Remembers a phone among at most `most` within a time; false if there is no room. One that is there has its place.
fn remember(list: &mut Vec<(MacAddr, i64)>, mac: MacAddr, now: i64, within: i64, most: usize) -> bool {
    list.retain(|(_, since)| now.saturating_sub(*since) < within);
    if list.iter().any(|(known, _)| *known == mac) {
        return true;
    }
    if list.len() >= most {
        return false;
    }
    list.push((mac, now));
    true
}

/// What counts as one source: an IPv4 address, or the /64 that one IPv6 subscriber has.
fn source_of(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => u128::from(address.to_ipv6_mapped()),
        IpAddr::V6(address) => u128::from(address) >> 64 << 64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: FailureLimits = FailureLimits { per_minute: 10, unknown_macs: 8, global_per_minute: 100 };

    fn mac(number: u32) -> MacAddr {
        let [_, a, b, c] = number.to_be_bytes();
        MacAddr::new([0, 0x15, 0x65, a, b, c]).unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn address(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    fn is_limited(limits: &Limits, source: IpAddr, number: u32, known: Known, seconds: i64) -> bool {
        limits.failed(source, mac(number), known, ALLOWED, at(seconds)) == Verdict::Limited
    }

    #[test]
    fn sec_d13_the_eighth_unknown_phone_within_ten_minutes_blocks_its_source() {
        let limits = Limits::default();
        let sweep = |number, seconds| is_limited(&limits, address(1), number, Known::No, seconds);
        let shut_out = (0..4_096u32).position(|number| sweep(number, i64::from(number) / 100));
        assert_eq!(shut_out, Some(7));
        assert!(sweep(0, 900 - 1) && is_limited(&limits, address(1), 9_999, Known::Yes, 900 - 1));
        assert!(!sweep(0, 901), "a quarter of an hour later it is free");
        assert!(!is_limited(&limits, address(2), 1, Known::No, 1), "another source is not concerned");
    }

    #[test]
    fn sec_d13_each_further_block_is_twice_as_long_up_to_a_day() {
        let limits = Limits::default();
        let (mut now, mut number) = (0, 0);
        let mut lasted = Vec::new();
        for _ in 0..9 {
            while !is_limited(&limits, address(1), number, Known::No, now) {
                number += 1;
            }
            let began = now;
            while is_limited(&limits, address(1), 0, Known::Yes, now) {
                now += 60;
            }
            lasted.push((now - began) / 60);
            number += 1;
        }
        assert_eq!(lasted, [15, 30, 60, 120, 240, 480, 960, 1440, 1440]);
    }

    #[test]
    fn sec_d13_unknown_phones_that_come_slowly_are_no_sweep() {
        let limits = Limits::default();
        assert!((0..200).all(|number| !is_limited(&limits, address(1), number, Known::No, i64::from(number) * 90)));
    }

    #[test]
    fn sec_d13_ten_failures_at_once_and_ten_a_minute() {
        let limits = Limits::default();
        let fails = |number, seconds| is_limited(&limits, address(1), number, Known::Yes, seconds);
        assert_eq!((0..30).position(|number| fails(number, 0)), Some(10));
        assert!(!fails(100, 6) && fails(101, 6), "one each six seconds");
        let minute = (200..300).filter(|number| !fails(*number, 6 + (i64::from(*number) - 200) * 6 / 10)).count();
        assert_eq!(minute, 9);
    }

    #[test]
    fn sec_d13_the_same_phone_counts_once_a_minute() {
        let limits = Limits::default();
        assert!((0..59).all(|second| !is_limited(&limits, address(1), 1, Known::Yes, second)));
        // Nothing but the first was counted: nine more fit.
        assert_eq!((2..30).position(|number| is_limited(&limits, address(1), number, Known::Yes, 1)), Some(9));
    }

    #[test]
    fn sec_d13_all_sources_together_have_a_limit_too() {
        let limits = Limits::default();
        let limited = (0..=255u8).filter(|last| is_limited(&limits, address(*last), 1, Known::Yes, 0)).count();
        assert_eq!(limited, 156);
    }

    #[test]
    fn sec_d13_a_source_is_an_address_or_a_64() {
        let limits = Limits::default();
        let v6 = |subnet: u16, host| IpAddr::from([0x2001, 0xdb8, 0, subnet, 0, 0, 0, host]);
        for number in 0..20u16 {
            is_limited(&limits, v6(1, number), number.into(), Known::No, 0);
        }
        assert!(is_limited(&limits, v6(1, 999), 999, Known::Yes, 1));
        assert!(!is_limited(&limits, v6(2, 1), 999, Known::Yes, 1));
        for number in 0..20u8 {
            is_limited(&limits, address(7), number.into(), Known::No, 2);
        }
        let mapped = IpAddr::from(std::net::Ipv4Addr::new(10, 0, 0, 7).to_ipv6_mapped());
        assert!(is_limited(&limits, mapped, 999, Known::Yes, 3));
    }

    #[test]
    fn sec_d13_a_hundred_thousand_sources_take_no_more_room_and_free_no_blocked_one() {
        let limits = Limits::default();
        for number in 0..20 {
            is_limited(&limits, address(1), number, Known::No, 0);
        }
        for number in 0..100_000u32 {
            let [_, a, b, c] = number.to_be_bytes();
            limits.failed([11, a, b, c].into(), mac(number), Known::No, ALLOWED, at(1));
        }
        assert_eq!(limits.sources(), SETS * WAYS);
        assert_eq!(limits.table.lock().unwrap().recent.len(), RECENT);
        assert!(is_limited(&limits, address(1), 999, Known::Yes, 2));
    }

    #[test]
    fn a_stranger_learns_of_as_many_open_windows_as_it_may_claim() {
        let limits = Limits::default();
        let may = |number, seconds| limits.may_ask_after(address(1), mac(number), at(seconds));
        assert!(may(1, 0) && may(2, 1) && may(3, 2) && may(1, 3));
        assert!(!may(4, 4) && may(2, 4));
        assert!(may(4, 3_600) && !may(5, 3_600));
    }

    #[test]
    fn one_source_fills_no_more_than_its_share_of_the_events() {
        let limits = Limits::default();
        assert_eq!((0..1_000).filter(|_| limits.may_note(address(1), at(0))).count(), 60);
        assert!(limits.may_note(address(2), at(0)));
    }
}
