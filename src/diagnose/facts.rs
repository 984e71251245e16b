//! What did a check find? One fact each: of a known kind, how bad it is here, and whom it concerns.

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
}

impl Fact {
    /// A fact as bad as its kind usually is.
    pub fn new(code: Code, subject: Subject, summary: impl Into<String>) -> Fact {
        Fact { code, severity: code.severity(), subject, summary: summary.into() }
    }

    /// The same, as bad as that.
    pub fn rated(self, severity: Severity) -> Fact {
        Fact { severity, ..self }
    }

    /// Whether a check that found it has failed.
    pub fn is_finding(&self) -> bool {
        self.severity > Severity::Info
    }
}
