//! What did a check find? One fact each, with a stable code, how bad it is and whom it concerns.

use std::fmt;

use serde::Serialize;

/// Something a check found.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Fact {
    /// A stable word for it.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Whom it concerns.
    pub subject: Subject,
    /// What is so, and what to do about it.
    pub summary: String,
}

/// How bad a fact is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// It may keep phones from coming up.
    Warning,
    /// It keeps phones from coming up, or leads them astray.
    Error,
}

/// Whom a fact concerns.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum Subject {
    /// A phone, by its MAC.
    Device(String),
    /// The network that was looked at.
    Network(String),
    /// A server, by its address or name.
    Server(String),
}

impl Fact {
    /// Whether a check that found it has failed.
    pub fn is_finding(&self) -> bool {
        self.severity > Severity::Info
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Device(id) | Subject::Network(id) | Subject::Server(id) => f.write_str(id),
        }
    }
}
