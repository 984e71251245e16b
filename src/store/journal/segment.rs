//! A file of changes in their order: a first line that says what it continues, then a line a change.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::line;
use crate::store::StoreFault;
use crate::store::backend::Change;
use crate::store::disk::{io_at, make_file, put_in_place};

/// What a segment's name ends with.
pub const SUFFIX: &str = "jsonl";

/// What a segment says of itself.
#[derive(Debug, Deserialize, Serialize)]
pub struct Header {
    /// The schema of its rows.
    pub schema: u32,
    /// The change before its first.
    pub after: u64,
}

/// How a segment ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// In a line that has its line feed and yet not its checksum, with nothing behind it.
    Bad,
    /// In the middle of a line: whoever wrote it did not live to acknowledge it.
    Torn,
    /// With a whole line.
    Whole,
}

/// What was found in a segment.
#[derive(Debug)]
pub struct Found {
    /// The last sound change.
    pub last: u64,
    /// How many octets are sound.
    pub length: u64,
    /// What follows them.
    pub end: End,
}

/// Makes the segment that continues after this change; its path, itself and its length.
pub fn create(folder: &Path, after: u64, schema: u32) -> Result<(PathBuf, File, u64), StoreFault> {
    let path = folder.join(format!("{:020}.{SUFFIX}", after.saturating_add(1)));
    let beside = path.with_extension("new");
    let mut header = Vec::new();
    line::seal(&mut header, &Header { schema, after })?;
    let mut file = make_file(&beside)?;
    file.write_all(&header).map_err(io_at(&beside))?;
    put_in_place(&file, &beside, &path)?;
    Ok((path, file, u64::try_from(header.len()).unwrap_or(u64::MAX)))
}

/// The first line of a segment.
pub fn header(path: &Path) -> Result<Header, StoreFault> {
    let mut first = Vec::new();
    let file = File::open(path).map_err(io_at(path))?;
    BufReader::new(file).read_until(b'\n', &mut first).map_err(io_at(path))?;
    line::unseal(first.trim_ascii_end()).ok_or_else(|| damaged(path, 1))
}

/// Reads a segment's changes, in their order and without a gap.
pub fn read(path: &Path, mut each: impl FnMut(Change) -> Result<(), StoreFault>) -> Result<Found, StoreFault> {
    let mut file = BufReader::new(File::open(path).map_err(io_at(path))?);
    let mut line = Vec::new();
    let mut found = Found { last: header(path)?.after, length: 0, end: End::Whole };
    for number in 1u64.. {
        line.clear();
        let read = file.read_until(b'\n', &mut line).map_err(io_at(path))?;
        if read == 0 {
            break;
        }
        let whole = line.last() == Some(&b'\n');
        if number > 1 {
            let expected = found.last.saturating_add(1);
            let change = if whole { line::read(line.trim_ascii_end()) } else { None };
            let Some(change) = change.filter(|change| change.sequence == expected) else {
                found.end = ending(&mut file, path, number, whole)?;
                return Ok(found);
            };
            found.last = expected;
            each(change)?;
        }
        found.length = found.length.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
    }
    Ok(found)
}

/// What it means that a line is not as it was written: at the very end something else than in the middle.
fn ending(rest: &mut BufReader<File>, path: &Path, number: u64, whole: bool) -> Result<End, StoreFault> {
    let nothing_behind = rest.fill_buf().map_err(io_at(path))?.is_empty();
    match (nothing_behind, whole) {
        (true, true) => Ok(End::Bad),
        (true, false) => Ok(End::Torn),
        (false, _) => Err(damaged(path, number)),
    }
}

/// The highest change a damaged segment still names.
pub fn highest(path: &Path) -> Result<u64, StoreFault> {
    let text = std::fs::read(path).map_err(io_at(path))?;
    let changes = text.split(|octet| *octet == b'\n').filter_map(line::read);
    Ok(changes.map(|change| change.sequence).max().unwrap_or(0))
}

/// A line of a segment is not as it was written.
pub fn damaged(path: &Path, number: u64) -> StoreFault {
    StoreFault::Corrupt(format!("{} line {number} is not as it was written", path.display()))
}
