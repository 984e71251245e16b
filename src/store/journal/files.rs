//! Which files are in the journal's folder, and what can be made of them?

use std::path::{Path, PathBuf};

use super::segment::{self, End, Found};
use super::snapshot;
use crate::store::StoreFault;
use crate::store::backend::Change;
use crate::store::disk::io_at;
use crate::store::rows::SCHEMA;
use crate::store::txn::Row;

/// The files of a journal, oldest first.
#[derive(Debug, Default)]
pub struct Files {
    segments: Vec<Named>,
    snapshots: Vec<Named>,
}

/// A file and the number in its name: a segment's first change, a snapshot's last.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Named {
    number: u64,
    path: PathBuf,
}

/// What a whole store can be made of, every octet of it checked.
#[derive(Debug)]
pub struct Recovery {
    /// The snapshot to begin with, and the change it was taken at; without one, an empty store.
    pub snapshot: Option<(u64, PathBuf)>,
    /// Snapshots that are damaged and were passed over.
    pub passed_over: Vec<PathBuf>,
    /// The last change.
    pub last: u64,
    /// Where the journal ends.
    pub tip: Tip,
    segments: Files,
}

/// Where the journal ends.
#[derive(Debug)]
pub struct Tip {
    /// The newest segment.
    pub path: PathBuf,
    /// What was found in it.
    pub found: Found,
}

/// What a store is made of again.
#[derive(Debug)]
pub enum Piece {
    /// A change after the snapshot.
    Change(Change),
    /// A row of the snapshot.
    Row(Row),
}

impl Files {
    /// The files there are; none if there is no folder.
    pub fn list(folder: &Path) -> Result<Files, StoreFault> {
        let mut files = Files::default();
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(files),
            Err(error) => return Err(io_at(folder)(error)),
        };
        for entry in entries {
            let path = entry.map_err(io_at(folder))?.path();
            let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            let Some(number) = number else { continue };
            match path.extension().and_then(|suffix| suffix.to_str()) {
                Some(segment::SUFFIX) => files.segments.push(Named { number, path }),
                Some(snapshot::SUFFIX) => files.snapshots.push(Named { number, path }),
                _ => {}
            }
        }
        files.segments.sort();
        files.snapshots.sort();
        Ok(files)
    }

    /// Whether there is nothing a store could be made of.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.snapshots.is_empty()
    }

    /// The schema of the rows in them; `None` if there is nothing that says.
    pub fn schema(&self) -> Option<u32> {
        // A damaged first line is told of by whoever needs the file.
        let segments = self.segments.iter().filter_map(|file| segment::header(&file.path).ok());
        let snapshots = self.snapshots.iter().filter_map(|file| snapshot::header(&file.path).ok());
        segments.map(|header| header.schema).chain(snapshots.map(|header| header.schema)).max()
    }

    /// Refuses files of a newer program.
    pub fn check_schema(&self) -> Result<(), StoreFault> {
        match self.schema() {
            Some(found) if found > SCHEMA => Err(StoreFault::Schema { found, known: SCHEMA }),
            _ => Ok(()),
        }
    }

    /// Reads the changes after `sequence`; where the journal ends, or `None` if it has a gap before them.
    pub fn replay(
        &self,
        sequence: u64,
        mut each: impl FnMut(Change) -> Result<(), StoreFault>,
    ) -> Result<Option<Tip>, StoreFault> {
        let next = sequence.saturating_add(1);
        let first = self.segments.partition_point(|segment| segment.number <= next);
        let Some(first) = first.checked_sub(1) else { return Ok(None) };
        let segments = self.segments.get(first..).unwrap_or_default();
        let mut tip: Option<Tip> = None;
        for segment in segments {
            if let Some(before) = &tip {
                check_seam(before, segment)?;
            }
            let found =
                segment::read(&segment.path, |change| if change.sequence > sequence { each(change) } else { Ok(()) })?;
            tip = Some(Tip { path: segment.path.clone(), found });
        }
        Ok(tip)
    }

    /// What a whole store can be made of: the newest sound snapshot, or the one before, or none, and the segments
    /// after it. Reads and checks everything it names, writes nothing.
    pub fn recovery(&self) -> Result<Recovery, StoreFault> {
        let mut passed_over = Vec::new();
        for file in self.snapshots.iter().rev() {
            match snapshot::read(&file.path, |_| Ok(())) {
                Ok(header) => return self.recovery_from(Some((header.sequence, file.path.clone())), passed_over),
                Err(StoreFault::Corrupt(_)) => passed_over.push(file.path.clone()),
                Err(fault) => return Err(fault),
            }
        }
        self.recovery_from(None, passed_over)
    }

    fn recovery_from(
        &self,
        snapshot: Option<(u64, PathBuf)>,
        passed_over: Vec<PathBuf>,
    ) -> Result<Recovery, StoreFault> {
        let base = snapshot.as_ref().map_or(0, |(sequence, _)| *sequence);
        let tip = self.replay(base, |_| Ok(()))?;
        let Some(tip) = tip.filter(|_| snapshot.is_none() || self.continues(base)) else {
            return Err(StoreFault::Corrupt(format!("the journal lacks the changes after {base}")));
        };
        if tip.found.end == End::Bad {
            let path = tip.path.display();
            return Err(StoreFault::Corrupt(format!("the last line of {path} is not as it was written")));
        }
        let last = tip.found.last;
        let segments = Files { segments: self.segments.clone(), snapshots: Vec::new() };
        Ok(Recovery { snapshot, passed_over, last, tip, segments })
    }

    /// Whether there is the segment that begins right after this change.
    fn continues(&self, sequence: u64) -> bool {
        self.segments.iter().any(|segment| segment.number == sequence.saturating_add(1))
    }

    /// Whether a file's name tells of changes after this one.
    pub fn goes_beyond(&self, sequence: u64) -> bool {
        let segments = self.segments.iter().map(|segment| segment.number.saturating_sub(1));
        let snapshots = self.snapshots.iter().map(|snapshot| snapshot.number);
        segments.chain(snapshots).any(|number| number > sequence)
    }

    /// The highest change any file names, however damaged.
    pub fn highest(&self) -> Result<u64, StoreFault> {
        let mut highest = self.snapshots.iter().map(|file| file.number).max().unwrap_or(0);
        for segment in &self.segments {
            highest = highest.max(segment::highest(&segment.path)?).max(segment.number.saturating_sub(1));
        }
        Ok(highest)
    }

    /// How long the newest snapshot is.
    pub fn newest_snapshot_size(&self) -> u64 {
        let size = |file: &Named| std::fs::metadata(&file.path).map(|data| data.len()).ok();
        self.snapshots.last().and_then(size).unwrap_or(0)
    }

    /// Drops all but the last two snapshots and the segments after the older of them.
    pub fn prune(&self) -> Result<(), StoreFault> {
        let Some(keep) = self.snapshots.len().checked_sub(2) else { return Ok(()) };
        let Some(oldest) = self.snapshots.get(keep) else { return Ok(()) };
        let next = oldest.number.saturating_add(1);
        let needed = self.segments.partition_point(|segment| segment.number <= next).saturating_sub(1);
        let old = self.snapshots.iter().take(keep).chain(self.segments.iter().take(needed));
        for file in old {
            std::fs::remove_file(&file.path).map_err(io_at(&file.path))?;
        }
        Ok(())
    }
}

impl Recovery {
    /// How many changes come after the snapshot.
    pub fn changes(&self) -> u64 {
        self.last.saturating_sub(self.base())
    }

    /// Reads the rows of the snapshot, then the changes after it.
    pub fn read(&self, mut each: impl FnMut(Piece) -> Result<(), StoreFault>) -> Result<(), StoreFault> {
        if let Some((_, path)) = &self.snapshot {
            snapshot::read(path, |row| each(Piece::Row(row)))?;
        }
        self.segments.replay(self.base(), |change| each(Piece::Change(change)))?;
        Ok(())
    }

    fn base(&self) -> u64 {
        self.snapshot.as_ref().map_or(0, |(sequence, _)| *sequence)
    }
}

/// A segment that another one follows is whole and ends right before it.
fn check_seam(before: &Tip, next: &Named) -> Result<(), StoreFault> {
    let path = before.path.display();
    if before.found.end != End::Whole {
        return Err(StoreFault::Corrupt(format!("the last line of {path} is not as it was written")));
    }
    let last = before.found.last;
    if last.saturating_add(1) != next.number {
        return Err(StoreFault::Corrupt(format!(
            "{path} ends with change {last}, but the next file begins with {}",
            next.number
        )));
    }
    Ok(())
}
