//! Which of the time servers can phones rely on, and is it they or this machine that is wrong? Pure.

use std::collections::BTreeSet;

use super::Reading;
use crate::diagnose::facts::{Fact, Severity, Subject};

/// Clocks this close agree.
const CLOSE: f64 = 0.5;
/// Beyond this a certificate may look expired, or not valid yet.
const FAR: f64 = 60.0;
/// So many must agree before a wrong one can be told from the right ones.
const ENOUGH: usize = 3;

/// What is to be said of the readings, the worst first.
pub fn facts(readings: &[Reading]) -> Vec<Fact> {
    let mut facts = Vec::new();
    for reading in readings {
        for fault in &reading.faults {
            let summary = format!("{} {fault}", at(reading));
            facts.push(Fact { code: fault.code(), severity: Severity::Error, subject: subject(reading), summary });
        }
    }
    let good: Vec<(&Reading, f64)> =
        readings.iter().filter_map(|reading| Some((reading, reading.offset_seconds?))).collect();
    let agreed = agreement(&good);
    let servers: BTreeSet<&str> = good
        .iter()
        .filter(|(_, offset)| agreed.is_some_and(|agreed| close(*offset, agreed)))
        .map(|(reading, _)| reading.server.as_str())
        .collect();
    disagreements(&good, agreed.filter(|_| servers.len() >= 2), &mut facts);
    if !good.is_empty() && servers.len() < ENOUGH {
        let summary = format!(
            "{} of {ENOUGH} time servers that agree: with fewer, nobody can tell which one is wrong when they differ",
            servers.len()
        );
        let subject = Subject::Network("ntp".to_owned());
        facts.push(Fact { code: "ntp_too_few", severity: Severity::Info, subject, summary });
    }
    facts.sort_by_key(|fact| std::cmp::Reverse(fact.severity));
    facts
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= CLOSE
}

/// The offset that most servers agree on.
fn agreement(good: &[(&Reading, f64)]) -> Option<f64> {
    let friends = |(_, offset): &&(&Reading, f64)| good.iter().filter(|(_, other)| close(*offset, *other)).count();
    // The first of the best: `max_by_key` would take the last.
    good.iter().rev().max_by_key(friends).map(|(_, offset)| *offset)
}

/// Who is off: a server against the others, or this machine against all, or one of two that nobody can tell apart.
fn disagreements(good: &[(&Reading, f64)], agreed: Option<f64>, facts: &mut Vec<Fact>) {
    let severity = |by: f64| if by.abs() > FAR { Severity::Error } else { Severity::Warning };
    for (reading, offset) in good {
        match agreed {
            Some(agreed) if !close(*offset, agreed) => {
                let by = offset - agreed;
                let summary = format!("{} is {} the other time servers", at(reading), apart(by));
                facts.push(Fact { code: "ntp_differs", severity: severity(by), subject: subject(reading), summary });
            }
            None if offset.abs() > CLOSE => {
                let summary = format!(
                    "{} is {} this machine's clock; ask a third to see which one is wrong",
                    at(reading),
                    apart(*offset)
                );
                facts.push(Fact {
                    code: "ntp_offset",
                    severity: severity(*offset),
                    subject: subject(reading),
                    summary,
                });
            }
            _ => {}
        }
    }
    if let Some(agreed) = agreed.filter(|agreed| agreed.abs() > CLOSE) {
        let summary = format!(
            "the time servers agree that this machine's clock is {} theirs: certificates made here may not be valid for \
             phones yet, or no longer; set it right with chrony or systemd-timesyncd",
            apart(-agreed)
        );
        let subject = Subject::Server("this machine".to_owned());
        facts.push(Fact { code: "clock_off", severity: severity(agreed), subject, summary });
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
        facts(readings).into_iter().map(|fact| (fact.subject.to_string(), fact.code)).collect()
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
    fn addresses_of_one_server_are_not_several_servers() {
        let readings = ["a", "a", "a"].map(|server| reading(server, Some(0.0), &[]));
        assert_eq!(codes(&readings), said(&[("ntp", "ntp_too_few")]));
    }

    #[test]
    fn a_server_that_is_of_no_use_says_why() {
        let readings =
            [reading("a", None, &[NtpFault::Silent]), reading("b", None, &[NtpFault::Kiss("RATE".to_owned())])];
        assert_eq!(codes(&readings), said(&[("a", "ntp_silent"), ("b", "ntp_kiss")]));
    }
}
