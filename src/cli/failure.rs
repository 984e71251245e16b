//! What went wrong, in sentences, and with which exit code the program ends: 1 failed or findings, 2 wrong usage, 3 the daemon is
//! not reachable, 4 it refused.

use std::fmt;
use std::process::ExitCode;

use serde::Deserialize;
use serde_json::Value;

use super::text::escaped;
use crate::config::MasterKeyFault;
use crate::store::StoreFault::{Held, KeysLost, WrongKey};

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// It was tried and did not work.
    Failed(String),
    /// A check found something, and has said so.
    Findings,
    /// Whoever reads our output has gone: nobody is left to tell.
    OutputClosed,
    /// The daemon refused, and said why.
    Refused(Refusal),
    /// The daemon could not be asked.
    Unreachable(String),
    /// The command makes no sense as it was written.
    Usage(String),
}

/// A refusal of the admin API: RFC 9457 `application/problem+json`.
#[derive(Debug)]
pub struct Refusal {
    /// What it says, a sentence an entry.
    pub sentences: Vec<String>,
    /// The body as it came, for machines.
    pub body: Option<Value>,
    /// Whether something of the daemon's failed, rather than the wish.
    pub fault: Fault,
}

/// Whose fault a refusal is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// The daemon's: it could not do what it should.
    Daemon,
    /// The wish's: it cannot be done, or not by this caller.
    Wish,
}

#[derive(Deserialize)]
struct Problem {
    detail: Option<String>,
    #[serde(default)]
    errors: Vec<FieldError>,
}

#[derive(Deserialize)]
struct FieldError {
    #[serde(default)]
    pointer: String,
    message: String,
    row: Option<u64>,
    #[serde(default)]
    column: String,
}

impl Failure {
    /// How the process ends.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Failure::OutputClosed => ExitCode::SUCCESS,
            Failure::Failed(_) | Failure::Findings => ExitCode::from(1),
            Failure::Usage(_) => ExitCode::from(2),
            Failure::Unreachable(_) => ExitCode::from(3),
            Failure::Refused(refusal) if refusal.fault == Fault::Daemon => ExitCode::from(1),
            Failure::Refused(_) => ExitCode::from(4),
        }
    }

    /// A refusal that no daemon spoke: a file's permission, a store that is held.
    pub fn refused(sentence: String) -> Failure {
        Failure::Refused(Refusal { sentences: vec![sentence], body: None, fault: Fault::Wish })
    }

    /// Tells it on standard error, a line a sentence, nothing in it that moves the cursor.
    pub fn tell(&self) {
        for line in self.to_string().lines() {
            eprintln!("ztpd: {}", escaped(line));
        }
    }
}

impl Refusal {
    /// What programs call it.
    pub fn code(&self) -> Option<&str> {
        self.body.as_ref()?.get("code")?.as_str()
    }

    /// Reads the body of a refusal; whatever it is, the reader gets a sentence.
    pub fn read(status: u16, body: &[u8]) -> Refusal {
        let fault = if status >= 500 { Fault::Daemon } else { Fault::Wish };
        let body: Option<Value> = serde_json::from_slice(body).ok();
        let problem = body.clone().and_then(|body| serde_json::from_value::<Problem>(body).ok());
        let sentences = problem.map(|problem| problem.sentences()).filter(|sentences| !sentences.is_empty());
        let sentences = sentences.unwrap_or_else(|| {
            vec![format!("it answered with HTTP status {status} and no reason: is it the admin API of ztpd?")]
        });
        Refusal { sentences, body, fault }
    }
}

impl Problem {
    /// The detail, and each field's fault unless the detail says just that.
    fn sentences(self) -> Vec<String> {
        let fields: Vec<String> = self.errors.iter().map(FieldError::sentence).collect();
        let repeats = |detail: &String| {
            let said = |error: &FieldError| {
                *detail == error.message || *detail == format!("{}: {}", error.pointer, error.message)
            };
            self.errors.iter().any(said)
        };
        self.detail.filter(|detail| !repeats(detail)).into_iter().chain(fields).collect()
    }
}

impl FieldError {
    fn sentence(&self) -> String {
        if let Some(row) = self.row {
            return match (row, self.column.as_str()) {
                (0, _) => self.message.clone(),
                (_, "") => format!("row {row}: {}", self.message),
                (_, column) => format!("row {row}, {column}: {}", self.message),
            };
        }
        let field = self.pointer.trim_start_matches('/').replace('/', ".");
        if field.is_empty() { self.message.clone() } else { format!("{field}: {}", self.message) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Failed(text) | Failure::Unreachable(text) | Failure::Usage(text) => f.write_str(text),
            Failure::Findings => f.write_str("the check found something"),
            Failure::OutputClosed => f.write_str("nobody reads the output any more"),
            Failure::Refused(refusal) => f.write_str(&refusal.sentences.join("\n")),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        // The store is another process's, or opens with another key: nothing was tried.
        let store = matches!(error.downcast_ref(), Some(Held(_) | KeysLost(_) | WrongKey { .. }));
        let text = format!("{error:#}");
        if store || error.is::<MasterKeyFault>() { Failure::refused(text) } else { Failure::Failed(text) }
    }
}

impl From<std::io::Error> for Failure {
    /// Of writing what was asked for.
    fn from(error: std::io::Error) -> Failure {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Failure::OutputClosed,
            _ => Failure::Failed(format!("cannot write the output: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences(body: &str) -> Vec<String> {
        Refusal::read(422, body.as_bytes()).sentences
    }

    #[test]
    fn a_refusal_is_read_as_sentences_without_saying_anything_twice() {
        assert_eq!(
            sentences(
                r#"{"detail": "/model: no such", "errors": [{"pointer": "/model", "code": "x", "message": "no such"}]}"#
            ),
            ["model: no such"]
        );
        assert_eq!(
            sentences(
                r#"{"detail": "two faults", "errors": [{"pointer": "/sip/port", "message": "a"}, {"message": "b"}]}"#
            ),
            ["two faults", "sip.port: a", "b"]
        );
        assert_eq!(sentences(r#"{"detail": "taken"}"#), ["taken"]);
    }

    #[test]
    fn an_answer_that_is_no_problem_still_makes_a_sentence() {
        for body in ["", "<html>", "[]", "{}", "\u{1b}[2J"] {
            assert!(sentences(body)[0].contains("422"), "{body:?}");
        }
    }

    #[test]
    fn a_fault_of_the_daemon_is_no_refusal() {
        assert_eq!(Refusal::read(503, b"{}").fault, Fault::Daemon);
        assert_eq!(Refusal::read(409, b"{}").fault, Fault::Wish);
    }
}
