//! Which of the time servers can phones rely on, and is it they or this machine that is wrong? Pure.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::{PORT, Reading, TimeServer};
use crate::diagnose::facts::Fact;
use crate::diagnose::{Code, Severity, Subject};

/// Clocks this close agree.
const CLOSE: f64 = 0.5;
/// Beyond this a certificate may look expired, or not valid yet.
const FAR: f64 = 60.0;
/// So many must agree before a wrong one can be told from the right ones.
const ENOUGH: usize = 3;

/// A server's word on the time, and how uncertain it is: by half the round trip, if all of that was on one way.
#[derive(Clone, Copy)]
struct Word<'a> {
    reading: &'a Reading,
    offset: f64,
    doubt: f64,
}

/// What is to be said of the readings, the worst first.
pub fn facts(readings: &[Reading]) -> Vec<Fact> {
    let mut facts = Vec::new();
    for reading in readings {
        for fault in &reading.faults {
            let summary = format!("{} {fault}", at(reading));
            facts.push(Fact::new(fault.code(), subject(reading), summary));
        }
    }
    let good: Vec<Word> = readings.iter().filter_map(Word::of).collect();
    let agreed = agreement(&good);
    let friends = good.iter().filter(|word| agreed.is_some_and(|agreed| word.is_close_to(agreed)));
    let servers = distinct(friends.map(|word| word.reading));
    disagreements(&good, agreed.filter(|_| servers >= 2), &mut facts);
    if !good.is_empty() && servers < ENOUGH {
        let summary = format!(
            "{} of {ENOUGH} time servers that agree: with fewer, nobody can tell which one is wrong when they differ",
            servers
        );
        let subject = Subject::Network("ntp".to_owned());
        facts.push(Fact::new(Code::NtpTooFew, subject, summary));
    }
    facts.sort_by_key(|fact| std::cmp::Reverse(fact.severity));
    facts
}

/// How many servers these are: the addresses of one name are one, and so are two names of one address.
fn distinct<'a>(readings: impl Iterator<Item = &'a Reading>) -> usize {
    let mut seen: Vec<(BTreeSet<&str>, BTreeSet<SocketAddr>)> = Vec::new();
    for reading in readings {
        let (mut names, mut addresses) = (BTreeSet::from([reading.server.as_str()]), BTreeSet::new());
        let port = reading.server.parse::<TimeServer>().map_or(PORT, |server| server.port);
        addresses.extend(reading.address.map(|address| SocketAddr::new(address, port)));
        // It may be what joins two that seemed to be different ones.
        let touches = |(known, at): &mut (BTreeSet<&str>, BTreeSet<SocketAddr>)| {
            !known.is_disjoint(&names) || !at.is_disjoint(&addresses)
        };
        let joined: Vec<_> = seen.extract_if(.., touches).collect();
        for (known, at) in joined {
            names.extend(known);
            addresses.extend(at);
        }
        seen.push((names, addresses));
    }
    seen.len()
}

impl<'a> Word<'a> {
    fn of(reading: &'a Reading) -> Option<Word<'a>> {
        let doubt = reading.round_trip_seconds.unwrap_or_default() / 2.0;
        Some(Word { reading, offset: reading.offset_seconds?, doubt })
    }

    fn is_close_to(&self, other: Word) -> bool {
        (self.offset - other.offset).abs() <= CLOSE + self.doubt + other.doubt
    }

    /// Whether it says the time this machine has.
    fn is_ours(&self) -> bool {
        self.offset.abs() <= CLOSE + self.doubt
    }
}

/// The one that most agree with.
fn agreement<'a>(good: &[Word<'a>]) -> Option<Word<'a>> {
    let friends = |word: &&Word| good.iter().filter(|other| word.is_close_to(**other)).count();
    // The first of the best: `max_by_key` would take the last.
    good.iter().rev().max_by_key(friends).copied()
}

/// Who is off: a server against the others, or this machine against all, or one of two that nobody can tell apart.
fn disagreements(good: &[Word], agreed: Option<Word>, facts: &mut Vec<Fact>) {
    let severity = |by: f64| if by.abs() > FAR { Severity::Error } else { Severity::Warning };
    for word in good {
        let (code, by, than) = match agreed {
            Some(agreed) if !word.is_close_to(agreed) => {
                (Code::NtpDiffers, word.offset - agreed.offset, "the other time servers")
            }
            None if !word.is_ours() => {
                (Code::NtpOffset, word.offset, "this machine's clock; ask a third to see which one is wrong")
            }
            _ => continue,
        };
        let summary = format!("{} is {} {than}", at(word.reading), apart(by));
        facts.push(Fact::new(code, subject(word.reading), summary).rated(severity(by)));
    }
    if let Some(agreed) = agreed.filter(|agreed| !agreed.is_ours()) {
        let summary = format!(
            "the time servers agree that this machine's clock is {} theirs: certificates made here may not be valid for \
             phones yet, or no longer; set it right with chrony or systemd-timesyncd",
            apart(-agreed.offset)
        );
        let subject = Subject::Server("this machine".to_owned());
        facts.push(Fact::new(Code::ClockOff, subject, summary).rated(severity(agreed.offset)));
    }
}

fn apart(by: f64) -> String {
    format!("{:.1} s {}", by.abs(), if by > 0.0 { "ahead of" } else { "behind" })
}

fn subject(reading: &Reading) -> Subject {
    Subject::Server(reading.server.clone())
}

/// The server, with the address that was asked if its name does not say it.
fn at(reading: &Reading) -> String {
    match reading.address.map(|address| address.to_string()) {
        Some(address) if !reading.server.contains(&address) => format!("{} ({address})", reading.server),
        _ => reading.server.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::NtpFault;
    use super::*;

    fn reading(server: &str, offset: Option<f64>, faults: &[NtpFault]) -> Reading {
        Reading {
            server: server.to_owned(),
            address: None,
            header: None,
            offset_seconds: offset,
            round_trip_seconds: offset.map(|_| 0.01),
            faults: faults.to_vec(),
        }
    }

    fn codes(readings: &[Reading]) -> Vec<(String, &'static str)> {
        facts(readings).into_iter().map(|fact| (fact.subject.to_string(), fact.code.as_str())).collect()
    }

    fn said(list: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
        list.iter().map(|(subject, code)| ((*subject).to_owned(), *code)).collect()
    }

    #[test]
    fn three_that_agree_leave_nothing_to_say() {
        let readings = ["a", "b", "c"].map(|server| reading(server, Some(0.01), &[]));
        assert_eq!(codes(&readings), []);
    }

    #[test]
    fn the_one_that_differs_is_named() {
        let readings = [
            reading("a", Some(0.0), &[]),
            reading("b", Some(3600.0), &[]),
            reading("c", Some(0.1), &[]),
            reading("d", Some(-0.1), &[]),
        ];
        assert_eq!(codes(&readings), said(&[("b", "ntp_differs")]));
        assert_eq!(facts(&readings)[0].severity, Severity::Error);
    }

    #[test]
    fn when_all_agree_against_this_machine_it_is_the_one() {
        let readings = ["a", "b", "c"].map(|server| reading(server, Some(120.0), &[]));
        assert_eq!(codes(&readings), said(&[("this machine", "clock_off")]));
        assert!(facts(&readings)[0].summary.contains("120.0 s behind"));
    }

    #[test]
    fn of_two_that_differ_nobody_knows_which() {
        assert_eq!(codes(&[reading("a", Some(3600.0), &[])]), said(&[("a", "ntp_offset"), ("ntp", "ntp_too_few")]));
        let readings = [reading("a", Some(0.0), &[]), reading("b", Some(0.8), &[])];
        assert_eq!(codes(&readings), said(&[("b", "ntp_offset"), ("ntp", "ntp_too_few")]));
    }

    #[test]
    fn a_slow_answer_is_no_wrong_one() {
        let slow = Reading { round_trip_seconds: Some(3.0), ..reading("a", Some(1.4), &[]) };
        assert_eq!(codes(&[slow]), said(&[("ntp", "ntp_too_few")]));
    }

    #[test]
    fn addresses_of_one_server_are_not_several_servers() {
        let readings = ["a", "a", "a"].map(|server| reading(server, Some(0.0), &[]));
        assert_eq!(codes(&readings), said(&[("ntp", "ntp_too_few")]));
    }

    #[test]
    fn two_names_of_one_address_are_one_server() {
        let named =
            |server, last: u8| Reading { address: Some([10, 0, 0, last].into()), ..reading(server, Some(0.0), &[]) };
        assert_eq!(codes(&[named("a", 1), named("b", 2), named("10.0.0.1", 1)]), said(&[("ntp", "ntp_too_few")]));
        assert_eq!(codes(&[named("a", 1), named("b", 2), named("10.0.0.3", 3)]), []);
    }

    #[test]
    fn a_server_that_is_of_no_use_says_why() {
        let readings =
            [reading("a", None, &[NtpFault::Silent]), reading("b", None, &[NtpFault::Kiss("RATE".to_owned())])];
        assert_eq!(codes(&readings), said(&[("a", "ntp_silent"), ("b", "ntp_kiss")]));
    }
}
