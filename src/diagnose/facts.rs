//! What did a check find? One fact each: of a known kind, how bad it is here, whom it concerns, and what shows it.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::code::Code;
use super::finding::{Severity, Subject};

/// Something a check found.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Fact {
    /// What kind it is.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// Whom it concerns.
    pub subject: Subject,
    /// What is so, and what to do about it.
    pub summary: String,
    /// What shows it, line by line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// The makers whose phones it hits; none: whoever meets the subject.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub makers: Vec<String>,
    /// How many phones it hits, where the check itself knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phones: Option<usize>,
    /// The server that told a phone so, where the subject is that phone.
    #[serde(skip)]
    pub told_by: Option<Ipv4Addr>,
}

impl Fact {
    /// A fact as bad as its kind usually is.
    pub fn new(code: Code, subject: Subject, summary: impl Into<String>) -> Fact {
        Fact {
            code,
            severity: code.severity(),
            subject,
            summary: summary.into(),
            evidence: Vec::new(),
            makers: Vec::new(),
            phones: None,
            told_by: None,
        }
    }

    /// The same, as bad as that.
    pub fn rated(self, severity: Severity) -> Fact {
        Fact { severity, ..self }
    }

    /// The same, shown by these.
    pub fn shown_by(self, evidence: Vec<String>) -> Fact {
        Fact { evidence, ..self }
    }

    /// The same, hitting phones of these makers.
    pub fn of_makers<'a>(self, makers: impl IntoIterator<Item = &'a str>) -> Fact {
        let mut makers: Vec<String> = makers.into_iter().map(str::to_owned).collect();
        makers.sort_unstable();
        makers.dedup();
        Fact { makers, ..self }
    }

    /// The same, hitting so many phones.
    pub fn hitting(self, phones: usize) -> Fact {
        Fact { phones: Some(phones), ..self }
    }

    /// The same of a phone, by what that server told it.
    pub fn told_by(self, server: Ipv4Addr) -> Fact {
        Fact { told_by: Some(server), ..self }
    }

    /// Takes in another of the same kind and subject: as bad as the worse of both, and shown by both.
    pub fn absorb(&mut self, mut other: Fact) {
        if other.severity > self.severity {
            std::mem::swap(self, &mut other);
        }
        for line in other.shown() {
            if self.evidence.is_empty() {
                self.evidence = self.shown();
            }
            if !self.evidence.contains(&line) {
                self.evidence.push(line);
            }
        }
        match (self.makers.is_empty(), other.makers.is_empty()) {
            (false, false) => {
                self.makers.append(&mut other.makers);
                self.makers.sort_unstable();
                self.makers.dedup();
            }
            _ => self.makers.clear(),
        }
        self.phones = self.phones.max(other.phones);
    }

    /// What shows it: its evidence, else what it says.
    pub fn shown(&self) -> Vec<String> {
        if self.evidence.is_empty() { vec![self.summary.clone()] } else { self.evidence.clone() }
    }

    /// Whether a check that found it has failed.
    pub fn is_finding(&self) -> bool {
        self.severity > Severity::Info
    }
}
