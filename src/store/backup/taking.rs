//! How is a store backed up while it is in use? From its journal: the newest snapshot and all changes after it, which are
//! the store as of one moment without anybody having to wait. Only the clearing away of old files waits meanwhile, and
//! the rotation of keys.

use std::io::Write;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use jiff::Timestamp;

use super::BackupFault;
use super::envelope::{self, Recipient};
use super::form::{Begin, Line, LineWriter, Octets};
use crate::store::backend::{Backend as _, Heap};
use crate::store::chain::Ends;
use crate::store::disk::io_at;
use crate::store::journal::Piece;
use crate::store::observed::{self, EVENTS};
use crate::store::sled::{OnDisk, SledStore};
use crate::store::txn::Span;
use crate::store::{Store as _, StoreFault};

/// The folder of `data_dir` with the authority and certificate that phones trust.
pub const TLS: &str = "tls";

/// The longest file in it that is taken along.
const LONGEST_FILE: u64 = 1024 * 1024;

/// How many rows are read at once where all are read.
const PAGE: usize = 1_000;

/// What was backed up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Taken {
    /// The last change in it.
    pub revision: u64,
}

/// A store that can be backed up.
pub trait BackUp: Send + Sync {
    /// Writes a backup sealed to these; calls `begun` once everything was looked through and nothing but the writing
    /// can fail any more.
    fn back_up(
        &self,
        recipients: &[Recipient],
        time: Timestamp,
        begun: &mut dyn FnMut(),
        out: &mut dyn Write,
    ) -> Result<Taken, BackupFault>;
}

impl BackUp for SledStore {
    fn back_up(
        &self,
        recipients: &[Recipient],
        time: Timestamp,
        begun: &mut dyn FnMut(),
        out: &mut dyn Write,
    ) -> Result<Taken, BackupFault> {
        // No data key comes or goes meanwhile, and no file of the journal.
        let _alone = self.try_rotating().ok_or(BackupFault::Busy)?;
        let store = self.backend();
        let _still = store.keep_files();
        // What the last half second brought is told as well, if it can be.
        let _ = self.flush();
        let recovery = store.journal_files()?.recovery()?;
        let keys = store.data_keys()?;
        let mut lines = LineWriter::new(envelope::seal(recipients, out)?);
        begun();
        let base = recovery.snapshot.as_ref().map_or(0, |(sequence, _)| *sequence);
        lines.put(&Line::Begin(Begin::now(base, time)))?;
        lines.put(&Line::Keys(keys.into_iter().map(|(id, key)| (id, octets(&*key))).collect()))?;
        put_files(&mut lines, store.data_dir(), TLS)?;
        let mut last = base;
        recovery.read(|piece| {
            let line = match piece {
                Piece::Row(row) => Line::Row(row.key, row.value),
                Piece::Change(change) => {
                    last = change.sequence;
                    Line::Change(change.sequence, change.rows.0.into_iter().collect())
                }
            };
            lines.put(&line).map_err(|fault| StoreFault::Io { path: "the backup".to_owned(), error: fault.to_string() })
        })?;
        put_observed(&mut lines, store)?;
        lines.put(&Line::End(last))?;
        lines.finish()?;
        Ok(Taken { revision: last })
    }
}

/// Events, then which of them count, then what refers to them: those that were dropped for age meanwhile do not.
fn put_observed<W: Write>(lines: &mut LineWriter<W>, store: &OnDisk) -> Result<(), BackupFault> {
    let before = observed::ends(store)?;
    put_rows(lines, store, EVENTS, |key| Ok(observed::number(key)? <= before.last.id))?;
    let after = observed::ends(store)?;
    let last = if after.base.id > before.last.id { after.base.clone() } else { before.last };
    let ends = Ends { base: after.base, last };
    let counts = |key: &str| -> Result<bool, StoreFault> {
        let number = observed::number(key)?;
        Ok(number > ends.base.id && number <= ends.last.id)
    };
    lines.put(&Line::Events(ends.clone()))?;
    put_rows(lines, store, observed::PHONES, counts)?;
    put_rows(lines, store, observed::SIGHTINGS, |_| Ok(true))
}

fn put_rows<W: Write>(
    lines: &mut LineWriter<W>,
    store: &OnDisk,
    prefix: &str,
    counts: impl Fn(&str) -> Result<bool, StoreFault>,
) -> Result<(), BackupFault> {
    let mut after: Option<String> = None;
    loop {
        let rows = store.scan(Heap::Observed, Span { prefix, after: after.as_deref(), limit: PAGE })?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = Some(last.key.clone());
        for row in rows {
            if counts(&row.key)? {
                lines.put(&Line::Observed(row.key, row.value))?;
            }
        }
    }
}

/// The files below a folder of `data_dir`.
fn put_files<W: Write>(lines: &mut LineWriter<W>, data_dir: &Path, folder: &str) -> Result<(), BackupFault> {
    let at = data_dir.join(folder);
    let entries = match std::fs::read_dir(&at) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(io_at(&at))?,
    };
    let mut names: Vec<String> = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(io_at(&at))?.file_name().into_string());
    }
    names.sort();
    for name in names {
        let (path, here) = (format!("{folder}/{name}"), at.join(&name));
        let found = std::fs::symlink_metadata(&here).map_err(io_at(&here))?;
        if found.is_dir() {
            put_files(lines, data_dir, &path)?;
        } else if found.is_file() && found.len() <= LONGEST_FILE {
            let content = zeroize::Zeroizing::new(std::fs::read(&here).map_err(io_at(&here))?);
            lines.put(&Line::File { path, octets: octets(&content) })?;
        }
    }
    Ok(())
}

fn octets(octets: &[u8]) -> Octets {
    Octets(STANDARD_NO_PAD.encode(octets))
}
