//! What is a finding? Something that keeps a phone from its settings, or soon will, with what shows it and what to do.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::code::Code;
use crate::inventory::mac::MacAddr;
use crate::inventory::site::SiteId;

/// One thing that wants somebody's attention.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// Its name, the same as long as it lasts.
    pub id: String,
    /// What kind it is.
    pub code: Code,
    /// How bad.
    pub severity: Severity,
    /// What it is about.
    pub subject: Subject,
    /// What is the matter, in a sentence.
    pub summary: String,
    /// What shows it.
    pub evidence: Vec<String>,
    /// What to do: a command, or a change and where to make it.
    pub fix: String,
    /// Lines to be pasted into other systems' settings, by system.
    pub paste: BTreeMap<String, String>,
    /// How many phones are concerned.
    pub phones: usize,
    /// Since when.
    pub first_seen: Timestamp,
    /// When it was last true.
    pub last_seen: Timestamp,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// It may keep phones from coming up, or soon will.
    Warning,
    /// A phone lacks something now, or will be led astray.
    Error,
    /// Somebody may have got what is not theirs.
    Critical,
}

/// What a finding or a fact is about.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum Subject {
    /// A phone.
    Device(MacAddr),
    /// A network that was looked at.
    Network(String),
    /// A server, by its address or name; this one by its public URL.
    Server(String),
    /// A site.
    Site(SiteId),
}

/// Since when and until when something was seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Seen {
    /// The first time.
    pub first: Timestamp,
    /// The last time.
    pub last: Timestamp,
}

impl Subject {
    /// Its part of a finding's name: letters, digits, dots and dashes.
    fn slug(&self) -> String {
        let text = match self {
            Subject::Device(mac) => return mac.plain(),
            Subject::Network(id) | Subject::Server(id) => id,
            Subject::Site(id) => id.as_str(),
        };
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c.to_ascii_lowercase() } else { '-' };
        text.chars().map(plain).collect()
    }
}

impl Finding {
    /// A finding of a check; its text is added by who makes it.
    pub fn of_subject(code: Code, subject: Subject, seen: Seen) -> Finding {
        let name = subject.slug();
        Finding::new(code, &name, subject, 0, seen)
    }

    /// Takes in another sighting of the same: as bad as the worse of both, from the first time to the last.
    pub fn absorb(&mut self, other: &Finding) {
        if other.severity > self.severity {
            (self.severity, self.summary) = (other.severity, other.summary.clone());
        }
        for line in &other.evidence {
            if !self.evidence.contains(line) {
                self.evidence.push(line.clone());
            }
        }
        self.phones = self.phones.max(other.phones);
        self.first_seen = self.first_seen.min(other.first_seen);
        self.last_seen = self.last_seen.max(other.last_seen);
    }

    /// A finding about one phone; its text is added by who finds it.
    pub fn of_phone(code: Code, mac: MacAddr, seen: Seen) -> Finding {
        Finding::new(code, &mac.plain(), Subject::Device(mac), 1, seen)
    }

    /// A finding about the daemon itself.
    pub fn of_server(code: Code, public_url: String, phones: usize, seen: Seen) -> Finding {
        Finding::new(code, "server", Subject::Server(public_url), phones, seen)
    }

    fn new(code: Code, name: &str, subject: Subject, phones: usize, seen: Seen) -> Finding {
        Finding {
            id: format!("{}-{name}", code.as_str().replace('_', "-")),
            code,
            severity: code.severity(),
            subject,
            summary: String::new(),
            evidence: Vec::new(),
            fix: String::new(),
            paste: BTreeMap::new(),
            phones,
            first_seen: seen.first,
            last_seen: seen.last,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
            Severity::Critical => "critical",
        })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Device(mac) => mac.fmt(f),
            Subject::Network(id) | Subject::Server(id) => f.write_str(id),
            Subject::Site(id) => f.write_str(id.as_str()),
        }
    }
}
