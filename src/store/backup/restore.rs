//! How does a backup become a store again? All of it is written beside the place it goes to, under the master key of this
//! machine, and put there once it is whole; what was there before is kept aside. Cut short anywhere, either nothing
//! happened or the next start finishes it.

use std::collections::BTreeMap;
use std::io::{BufRead, Write as _};
use std::path::{Component, Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::Zeroizing;

use super::BackupFault;
use super::envelope::{self, Opener};
use super::form::{Begin, Line, LineReader, Octets};
use super::taking::TLS;
use crate::inventory::audit::{Act, AuditObject, Verification};
use crate::inventory::master_key::MasterKey;
use crate::store::backend::{Change, Heap};
use crate::store::chain::Ends;
use crate::store::disk::{Lock, io_at, make_file, make_folder, put_in_place, sync_folder};
use crate::store::journal::{Journal, Manner, Piece, SEGMENT_LIMIT};
use crate::store::keyfile::KeyFile;
use crate::store::observed::{self, ENDS, EVENTS};
use crate::store::opening::{Batches, State, is_empty};
use crate::store::rows::encode;
use crate::store::seal::KeyId;
use crate::store::sled::{SledStore, Tables};
use crate::store::txn::{Changes, Row, Span};
use crate::store::{Actor, Counts, Store as _, StoreFault};

/// Where the store is written before it is put into its place.
const WORK: &str = "restore";

/// Says that it is whole, and where what it replaces is kept.
const WHOLE: &str = "whole";

/// What is put into its place: first the keys, without which nothing else opens.
const PARTS: [&str; 6] = ["keys.json", "keys", "sled", "journal", "store.state", TLS];

/// How many observed rows are written at once.
const BATCH: usize = 1_000;

/// What a backup may be restored onto.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Onto {
    /// Whatever is there; it is kept aside.
    Anything,
    /// Only a folder without a store.
    Nothing,
}

/// What was restored.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What the backup says of itself.
    pub backup: Begin,
    /// The last change in it.
    pub revision: u64,
    /// How many of each kind there are.
    pub counts: Counts,
    /// Whether what was recorded, of administrators and of phones, is as it was written.
    pub audit: Verification,
    /// Where what was there before is kept.
    pub replaced: Option<PathBuf>,
}

/// Reads a backup to its end and writes nothing: what it is, and its last change.
pub fn check(opener: &Opener, backup: impl BufRead) -> Result<(Begin, u64), BackupFault> {
    let (mut lines, begin) = LineReader::new(envelope::open(opener, backup)?)?;
    let mut last = 0;
    while let Some(line) = lines.next()? {
        if let Line::End(sequence) = line {
            last = sequence;
        }
    }
    Ok((begin, last))
}

/// Makes the store of a data folder from a backup. Needs the folder for itself.
pub fn restore(
    data_dir: &Path,
    master: &MasterKey,
    opener: &Opener,
    backup: impl BufRead,
    onto: Onto,
    by: &Actor,
) -> Result<Restored, BackupFault> {
    let (lines, begin) = LineReader::new(envelope::open(opener, backup)?)?;
    let lock = Lock::take(data_dir)?;
    finish(data_dir)?;
    let empty = is_empty(data_dir)?;
    if !empty && onto == Onto::Nothing {
        return Err(BackupFault::NotEmpty(data_dir.display().to_string()));
    }
    let work = data_dir.join(WORK);
    let revision = match write(&work, master, &begin, lines) {
        Ok(revision) => revision,
        Err(fault) => {
            remove(&work)?;
            return Err(fault);
        }
    };
    let replaced = PARTS.iter().any(|part| data_dir.join(part).exists());
    let aside = free_name(data_dir);
    let beside = work.join("whole.new");
    let mut file = make_file(&beside)?;
    file.write_all(aside.as_bytes()).map_err(io_at(&beside))?;
    put_in_place(&file, &beside, &work.join(WHOLE))?;
    finish(data_dir)?;
    drop(lock);
    let (store, _) = SledStore::open(data_dir, master)?;
    let mut act = Act::new("restore", AuditObject::new("backup", begin.time));
    act.detail = Some(format!("made by ztpd {}, up to revision {revision}", begin.version));
    store.note(act, by)?;
    let (counts, audit) = (store.counts()?, store.verify_audit()?);
    store.flush()?;
    store.close();
    Ok(Restored { backup: begin, revision, counts, audit, replaced: replaced.then(|| data_dir.join(aside)) })
}

/// Finishes what was cut short once the restored store was whole, or throws away what was not.
pub fn finish(data_dir: &Path) -> Result<(), StoreFault> {
    let work = data_dir.join(WORK);
    if let Ok(aside) = std::fs::read_to_string(work.join(WHOLE)) {
        for part in PARTS {
            let (from, to) = (work.join(part), data_dir.join(part));
            if !from.exists() {
                continue;
            }
            if to.exists() {
                let kept = data_dir.join(&aside);
                make_folder(&kept)?;
                std::fs::rename(&to, kept.join(part)).map_err(io_at(&to))?;
                sync_folder(&kept)?;
            }
            std::fs::rename(&from, &to).map_err(io_at(&to))?;
            sync_folder(data_dir)?;
        }
    }
    remove(&work)
}

/// Whether a store is being restored in this folder, so far that it will be.
pub fn is_under_way(data_dir: &Path) -> bool {
    data_dir.join(WORK).join(WHOLE).exists()
}

/// Writes the whole store into a folder; its last change.
fn write<R: BufRead>(
    work: &Path,
    master: &MasterKey,
    begin: &Begin,
    mut lines: LineReader<R>,
) -> Result<u64, BackupFault> {
    remove(work)?;
    make_folder(&work.join("journal"))?;
    let tables = Tables::make(&work.join("sled"), begin.schema)?;
    let mut store = Writing { tables: &tables, batches: Batches::new(&tables), observed: Vec::new(), last: begin.base };
    while let Some(line) = lines.next()? {
        match line {
            Line::Keys(keys) => drop(KeyFile::with(work, master, decoded(keys)?)?),
            Line::File { path, octets } => put_file(work, &path, &octets)?,
            line => store.put(line)?,
        }
    }
    let last = store.finish()?;
    if !KeyFile::exists(work) {
        return Err(BackupFault::Damaged);
    }
    tables.set_head(last)?;
    let manner = Manner { limit: SEGMENT_LIMIT, schema: begin.schema };
    drop(Journal::anew(&work.join("journal"), last, manner, |after| tables.page(after))?);
    drop(tables);
    Tables::wait_until_closed(&work.join("sled"))?;
    State::beside(work).closed();
    Ok(last)
}

/// The rows of a backup on their way into the tables.
struct Writing<'a> {
    tables: &'a Tables,
    batches: Batches<'a>,
    observed: Vec<Row>,
    last: u64,
}

impl Writing<'_> {
    fn put(&mut self, line: Line) -> Result<(), BackupFault> {
        match line {
            Line::Row(key, value) => self.batches.add(Piece::Row(Row { key, value }))?,
            Line::Change(sequence, _) if sequence != self.last.saturating_add(1) => return Err(BackupFault::Damaged),
            Line::Change(sequence, rows) => {
                self.last = sequence;
                self.batches.add(Piece::Change(Change { sequence, rows: Changes(rows.into_iter().collect()) }))?;
            }
            Line::Observed(key, value) => self.observe(Row { key, value })?,
            Line::Events(ends) => self.keep_events(&ends)?,
            Line::End(sequence) if sequence != self.last => return Err(BackupFault::Damaged),
            Line::Begin(_) | Line::End(_) | Line::File { .. } | Line::Keys(_) => {}
        }
        Ok(())
    }

    fn observe(&mut self, row: Row) -> Result<(), StoreFault> {
        self.observed.push(row);
        if self.observed.len() < BATCH { Ok(()) } else { self.load_observed() }
    }

    fn load_observed(&mut self) -> Result<(), StoreFault> {
        self.tables.load_into(Heap::Observed, std::mem::take(&mut self.observed))
    }

    /// Notes which events there are, and drops those that were too old when the backup was done.
    fn keep_events(&mut self, ends: &Ends) -> Result<(), StoreFault> {
        self.observe(Row { key: ENDS.to_owned(), value: encode(ENDS, ends)? })?;
        self.load_observed()?;
        loop {
            let rows = self.tables.read(Heap::Observed, Span { prefix: EVENTS, after: None, limit: BATCH })?;
            let mut old = Changes::default();
            for row in rows {
                if observed::number(&row.key)? <= ends.base.id {
                    old.0.insert(row.key, None);
                }
            }
            if old.0.is_empty() {
                return Ok(());
            }
            self.tables.observe(&old)?;
        }
    }

    fn finish(mut self) -> Result<u64, StoreFault> {
        self.load_observed()?;
        self.batches.write()?;
        Ok(self.last)
    }
}

fn decoded(keys: BTreeMap<KeyId, Octets>) -> Result<BTreeMap<KeyId, Zeroizing<[u8; 32]>>, BackupFault> {
    let key = |Octets(text): &Octets| {
        let octets = Zeroizing::new(STANDARD_NO_PAD.decode(text).ok()?);
        <[u8; 32]>::try_from(octets.as_slice()).ok().map(Zeroizing::new)
    };
    keys.iter().map(|(id, text)| Ok((*id, key(text).ok_or(BackupFault::Damaged)?))).collect()
}

/// Writes a file below `tls`, and nowhere else.
fn put_file(work: &Path, path: &str, Octets(text): &Octets) -> Result<(), BackupFault> {
    let path = Path::new(path);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    if !plain || !path.starts_with(TLS) || path == Path::new(TLS) {
        return Err(BackupFault::Damaged);
    }
    let content = Zeroizing::new(STANDARD_NO_PAD.decode(text).map_err(|_| BackupFault::Damaged)?);
    let place = work.join(path);
    if let Some(folder) = place.parent() {
        make_folder(folder)?;
    }
    let mut file = make_file(&place)?;
    file.write_all(&content).and_then(|()| file.sync_all()).map_err(io_at(&place))?;
    Ok(())
}

/// A name under which nothing is kept yet.
fn free_name(data_dir: &Path) -> String {
    let mut count = 1u32;
    loop {
        let name = format!("replaced-{count}");
        if !data_dir.join(&name).exists() {
            return name;
        }
        count = count.saturating_add(1);
    }
}

fn remove(folder: &Path) -> Result<(), StoreFault> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io_at(folder)(error)),
        _ => Ok(()),
    }
}
