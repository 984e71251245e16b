//! One command's talk with the daemon: what is asked, and how the answer is shown.

use std::cell::Cell;
use std::fs::File;
use std::io::Write as _;

use serde_json::Value;

use super::client::{Answer, Ask, Client};
use super::failure::Failure;
use super::output::{Column, Output};
use super::pages::List;
use super::reach::Reach;
use super::text::escaped;

/// A daemon to ask, and a reader to answer to.
#[derive(Debug)]
pub struct Session {
    client: Client,
    /// Whether it was said that lab mode is on.
    warned: Cell<bool>,
    /// Where answers go.
    pub output: Output,
}

impl Session {
    /// With the daemon meant by the flags.
    pub fn open(reach: &Reach) -> Result<Session, Failure> {
        Ok(Session {
            client: Client::new(reach.endpoint()?),
            warned: Cell::new(false),
            output: Output::new(reach.json),
        })
    }

    /// Asks; machines get the body of a refusal too.
    pub async fn send(&self, ask: Ask) -> Result<Answer, Failure> {
        match self.client.send(ask).await {
            Ok(answer) => {
                self.warn(&answer);
                Ok(answer)
            }
            Err(failure) => self.refused(failure),
        }
    }

    /// Asks; a refusal is not told yet: something may be done about it.
    pub async fn try_send(&self, ask: Ask) -> Result<Answer, Failure> {
        self.client.send(ask).await.inspect(|answer| self.warn(answer))
    }

    /// Tells machines the body of a refusal, and gives it on.
    pub fn refused<T>(&self, failure: Failure) -> Result<T, Failure> {
        if self.output.json
            && let Failure::Refused(refusal) = &failure
            && let Some(body) = &refusal.body
        {
            self.output.value(body)?;
        }
        Err(failure)
    }

    /// Asks and writes what comes into a file.
    pub async fn fetch(&self, ask: Ask, into: &mut File) -> Result<(), Failure> {
        self.warn(&self.client.fetch(ask, into).await?);
        Ok(())
    }

    /// Says once that lab mode is on.
    fn warn(&self, answer: &Answer) {
        if let Some(lab) = &answer.lab
            && !self.warned.replace(true)
        {
            // Whoever has closed the screen does not want to know.
            let _ = writeln!(std::io::stderr(), "*** LAB MODE: {} ***", escaped(lab));
        }
    }

    /// Shows a list.
    pub fn list(&self, columns: &[Column], list: List) -> Result<(), Failure> {
        if self.output.json {
            return self.output.value(&serde_json::json!({"items": list.items, "next_cursor": list.next}));
        }
        self.output.table(columns, &list.items)
    }

    /// Shows one record.
    pub fn record(&self, answer: &Answer) -> Result<(), Failure> {
        let record = answer.json()?;
        if self.output.json { self.output.value(&record) } else { self.output.record(&record, answer.etag.as_deref()) }
    }

    /// Says what was done; machines get what the API answered.
    pub fn done(&self, answer: &Value, sentence: &str) -> Result<(), Failure> {
        if self.output.json { self.output.value(answer) } else { self.output.line(sentence) }
    }

    /// Says what was done where the API answers nothing.
    pub fn told(&self, sentence: &str) -> Result<(), Failure> {
        if self.output.json { Ok(()) } else { self.output.line(sentence) }
    }
}
