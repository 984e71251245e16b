//! What is a finding? Something that keeps a phone from its settings, or soon will, with what shows it and what to do.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::inventory::mac::MacAddr;

/// One thing that wants somebody's attention.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
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

/// The kinds of findings.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// New phones are not sent to the public URL.
    BootstrapParked,
    /// A phone that has its secrets asks without proof.
    BoundWithoutProof,
    /// The certificate phones see is over, or soon will be.
    CertificateDate,
    /// A phone with an open window is asked for from elsewhere.
    ClaimContested,
    /// A window closed before its phone came.
    ClaimExpired,
    /// Somebody claimed a phone, and another address asks for it.
    ClaimTaken,
    /// A window closes soon and its phone has not come.
    ClaimWindowEnding,
    /// A phone showed another key than the one it is known by.
    IdentityChanged,
    /// A phone's token was sent where others could read it.
    TokenExposed,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Soon a phone will lack something.
    Warning,
    /// A phone lacks something now.
    Error,
    /// Somebody may have got what is not theirs.
    Critical,
}

/// What a finding is about.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Subject {
    /// `device` or `server`.
    pub kind: &'static str,
    /// Its MAC, or the public URL.
    pub id: String,
}

/// Since when and until when something was seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Seen {
    /// The first time.
    pub first: Timestamp,
    /// The last time.
    pub last: Timestamp,
}

impl Code {
    /// The word it is written with.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::BootstrapParked => "bootstrap_parked",
            Code::BoundWithoutProof => "bound_without_proof",
            Code::CertificateDate => "certificate_date",
            Code::ClaimContested => "claim_contested",
            Code::ClaimExpired => "claim_expired",
            Code::ClaimTaken => "claim_taken",
            Code::ClaimWindowEnding => "claim_window_ending",
            Code::IdentityChanged => "identity_changed",
            Code::TokenExposed => "token_exposed",
        }
    }

    /// How bad it is.
    pub fn severity(self) -> Severity {
        match self {
            Code::ClaimContested => Severity::Info,
            Code::ClaimWindowEnding => Severity::Warning,
            Code::BootstrapParked | Code::BoundWithoutProof | Code::CertificateDate | Code::ClaimExpired => {
                Severity::Error
            }
            Code::ClaimTaken | Code::IdentityChanged | Code::TokenExposed => Severity::Critical,
        }
    }
}

impl Finding {
    /// A finding about one phone; its text is added by who finds it.
    pub fn of_phone(code: Code, mac: MacAddr, seen: Seen) -> Finding {
        let subject = Subject { kind: "device", id: mac.to_string() };
        Finding::new(code, &mac.plain(), subject, 1, seen)
    }

    /// A finding about the daemon itself.
    pub fn of_server(code: Code, public_url: String, phones: usize, seen: Seen) -> Finding {
        Finding::new(code, "server", Subject { kind: "server", id: public_url }, phones, seen)
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
