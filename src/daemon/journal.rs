//! How does a line of the log reach systemd's journal? Over its own protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL), so that
//! what people look for is a field: `journalctl -u ztpd MAC=80:5e:c0:11:22:33`, `REASON=bound_without_proof`.
//!
//! The libraries for this leave the fields out of the message; people who read the journal want them there too. One line
//! is one record, whatever a phone says (policy L3).

use std::fmt::{Debug, Write as _};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::inventory::text::is_forbidden;

/// Where the journal listens.
const SOCKET: &str = "/run/systemd/journal/socket";
/// What is a field of its own; everything else is told in the message alone.
const FIELDS: &[(&str, &str)] =
    &[("address", "ADDRESS"), ("mac", "MAC"), ("plane", "PLANE"), ("reason", "REASON"), ("vendor", "VENDOR")];

/// Writes events to the journal.
#[derive(Debug)]
pub struct Journal {
    socket: UnixDatagram,
    at: PathBuf,
}

/// One event, taken apart.
#[derive(Debug, Default)]
struct Line {
    message: String,
    told: String,
    fields: Vec<(&'static str, String)>,
}

impl Journal {
    /// The journal of this machine, if there is one.
    pub fn of_this_machine() -> Option<Journal> {
        Journal::at(SOCKET.into())
    }

    fn at(path: PathBuf) -> Option<Journal> {
        let socket = UnixDatagram::unbound().ok().filter(|_| path.exists())?;
        Some(Journal { socket, at: path })
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        let record = line.record(*event.metadata().level());
        if self.socket.send_to(&record, &self.at).is_err() {
            // What standard error says reaches the journal too, without fields.
            eprintln!("{}{}", line.message, line.told);
        }
    }
}

impl Line {
    fn take(&mut self, field: &Field, value: &str, quoted: bool) {
        let clean: String = value.chars().flat_map(plain).collect();
        if field.name() == "message" {
            self.message = clean;
            return;
        }
        let _ = match quoted {
            true => write!(self.told, " {}={clean:?}", field.name()),
            false => write!(self.told, " {}={clean}", field.name()),
        };
        if let Some((_, name)) = FIELDS.iter().find(|(known, _)| *known == field.name())
            && !clean.is_empty()
        {
            self.fields.push((name, clean));
        }
    }

    /// The record; no value has a line break, so that each field is one line.
    fn record(&self, level: Level) -> Vec<u8> {
        let priority = match level {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            _ => 7,
        };
        let mut record =
            format!("PRIORITY={priority}\nSYSLOG_IDENTIFIER=ztpd\nMESSAGE={}{}\n", self.message, self.told);
        for (name, value) in &self.fields {
            let _ = writeln!(record, "{name}={value}");
        }
        record.into_bytes()
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value, true);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.take(field, &format!("{value:?}"), false);
    }
}

/// A character as it may stand in a line.
fn plain(character: char) -> impl Iterator<Item = char> {
    let escaped = is_forbidden(character).then(|| character.escape_default());
    let itself = escaped.is_none().then_some(character);
    escaped.into_iter().flatten().chain(itself)
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    fn said(say: impl FnOnce()) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let ours = UnixDatagram::bind(&path).unwrap();
        let journal = Journal::at(path).unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(journal), say);
        let mut octets = [0; 4096];
        let length = ours.recv(&mut octets).unwrap();
        std::str::from_utf8(&octets[..length]).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn what_people_look_for_is_a_field_and_stands_in_the_message_too() {
        let lines = said(|| {
            let mac = "80:5e:c0:11:22:33";
            tracing::warn!(%mac, vendor = %"", reason = %"no_proof", file = "a b.cfg", bytes = 3, "refused");
        });
        assert_eq!(
            lines,
            [
                "PRIORITY=4",
                "SYSLOG_IDENTIFIER=ztpd",
                "MESSAGE=refused mac=80:5e:c0:11:22:33 vendor= reason=no_proof file=\"a b.cfg\" bytes=3",
                "MAC=80:5e:c0:11:22:33",
                "REASON=no_proof",
            ]
        );
    }

    #[test]
    fn sec_l03_nothing_a_phone_says_begins_a_field_or_a_line() {
        let lines = said(|| tracing::info!(reason = "x\nPRIORITY=0\nMAC=forged\u{1b}[2J\u{202e}", "served"));
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert_eq!(lines[3], "REASON=x\\nPRIORITY=0\\nMAC=forged\\u{1b}[2J\\u{202e}");
    }

    #[test]
    fn without_a_journal_there_is_none() {
        assert!(Journal::at("/nowhere/socket".into()).is_none());
    }
}
