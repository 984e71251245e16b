//! Every acknowledged change as a line on the disk, and now and then all rows as a snapshot: what the store is made of
//! again when its tables are damaged or lost.
//!
//! A folder of segments, each named after its first change, and snapshots, each named after the last change in it. The
//! last two snapshots are kept, with the segments after the older one.

mod files;
pub mod line;
mod segment;
mod snapshot;

pub use files::{Files, Piece, Recovery, Tip};
pub use segment::End;

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::StoreFault;
use super::backend::Change;
use super::disk::{io_at, sync_folder, unwritable};
use super::txn::Row;

/// How long a segment becomes before a snapshot is due.
pub const SEGMENT_LIMIT: u64 = 64 * 1024 * 1024;

/// How a journal is written.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// How long a segment becomes before a snapshot is due.
    pub limit: u64,
    /// The schema of the rows.
    pub schema: u32,
}

/// The end of the journal, where changes are appended.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    path: PathBuf,
    file: File,
    size: u64,
    /// The size at which a snapshot is due.
    due: u64,
    /// Whether there may be something behind `size` that was never acknowledged.
    torn: bool,
    manner: Manner,
}

impl Journal {
    /// Begins a segment after this change; the folder is there.
    pub fn begin(folder: &Path, sequence: u64, manner: Manner) -> Result<Journal, StoreFault> {
        let (path, file, size) = segment::create(folder, sequence, manner.schema)?;
        Ok(Journal { folder: folder.to_owned(), path, file, size, due: manner.limit, torn: false, manner })
    }

    /// Begins a segment after a snapshot of all rows, which `page` reads after a key.
    pub fn anew(
        folder: &Path,
        sequence: u64,
        manner: Manner,
        page: impl FnMut(Option<&str>) -> Result<Vec<Row>, StoreFault>,
    ) -> Result<Journal, StoreFault> {
        snapshot::write(folder, sequence, manner.schema, page)?;
        Journal::begin(folder, sequence, manner)
    }

    /// Goes on with a segment of which only `length` octets count: what follows was never acknowledged.
    pub fn resume(folder: &Path, path: &Path, length: u64, manner: Manner) -> Result<Journal, StoreFault> {
        let file = File::options().append(true).open(path).map_err(io_at(path))?;
        if file.metadata().map_err(io_at(path))?.len() != length {
            file.set_len(length).map_err(io_at(path))?;
            file.sync_all().map_err(io_at(path))?;
        }
        // What the last process wrote may be in the page cache alone.
        file.sync_data().map_err(io_at(path))?;
        sync_folder(folder)?;
        let due = manner.limit.max(Files::list(folder)?.newest_snapshot_size());
        Ok(Journal { folder: folder.to_owned(), path: path.to_owned(), file, size: length, due, torn: false, manner })
    }

    /// Appends changes and waits for the disk. After a fault nothing of them is there, at the latest when the next
    /// changes are appended: a disk that takes nothing may not give anything back either.
    pub fn append(&mut self, changes: &[Change]) -> Result<(), StoreFault> {
        if self.torn {
            self.take_back()?;
        }
        let mut lines = Vec::new();
        for change in changes {
            line::write(&mut lines, change)?;
        }
        if let Err(error) = self.file.write_all(&lines).and_then(|()| self.file.sync_data()) {
            self.torn = true;
            if let Err(fault) = self.take_back() {
                tracing::error!(%fault, "what could not be written to the journal whole is still there in part");
            }
            return Err(unwritable(&self.path, &error));
        }
        self.size = self.size.saturating_add(u64::try_from(lines.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    fn take_back(&mut self) -> Result<(), StoreFault> {
        self.file.set_len(self.size).and_then(|()| self.file.sync_data()).map_err(io_at(&self.path))?;
        self.torn = false;
        Ok(())
    }

    /// The folder its files are in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether the segment is so long that a snapshot is due.
    pub fn is_due(&self) -> bool {
        self.size >= self.due
    }

    /// Begins a new segment, writes a snapshot of all rows, which `page` reads after a key, and drops old files.
    pub fn rotate(
        &mut self,
        sequence: u64,
        page: impl FnMut(Option<&str>) -> Result<Vec<Row>, StoreFault>,
    ) -> Result<(), StoreFault> {
        // The segment comes first: beside every snapshot there is the segment that continues it, so that a missing
        // one is noticed. Should the snapshot fail, the changes go on from segment to segment.
        (self.path, self.file, self.size) = segment::create(&self.folder, sequence, self.manner.schema)?;
        self.due = self.manner.limit.max(snapshot::write(&self.folder, sequence, self.manner.schema, page)?);
        Files::list(&self.folder)?.prune()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::rows::SCHEMA;
    use crate::store::txn::Changes;

    fn change(sequence: u64) -> Change {
        Change { sequence, rows: Changes([("a/1".to_owned(), Some(format!("1{sequence}")))].into()) }
    }

    fn changes(folder: &Path) -> Vec<u64> {
        let mut found = Vec::new();
        let each = |change: Change| {
            found.push(change.sequence);
            Ok(())
        };
        Files::list(folder).unwrap().replay(0, each).unwrap();
        found
    }

    #[test]
    fn what_could_not_be_appended_whole_is_taken_back_before_anything_is_appended_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::begin(folder.path(), 0, Manner { limit: 9_999, schema: SCHEMA }).unwrap();
        journal.append(&[change(1)]).unwrap();
        // A disk that takes nothing, nor gives anything back.
        let sound = std::mem::replace(&mut journal.file, File::open(&journal.path).unwrap());
        assert!(journal.append(&[change(2)]).is_err());
        assert!(journal.append(&[change(2)]).is_err());
        // What a disk that filled up may have taken of it.
        File::options().append(true).open(&journal.path).unwrap().write_all(b"{\"seq\":2,\"rows\":[[").unwrap();
        journal.file = sound;
        journal.append(&[change(2), change(3)]).unwrap();
        assert_eq!(changes(folder.path()), [1, 2, 3]);
    }
}
