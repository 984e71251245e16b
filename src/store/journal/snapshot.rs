//! All durable rows as of one change, in one file: a first line, a line a row, and a last line with a digest of all
//! before it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::line;
use crate::store::StoreFault;
use crate::store::disk::{io_at, make_file, put_in_place};
use crate::store::rows::HEAD;
use crate::store::txn::Row;

/// What a snapshot's name ends with.
pub const SUFFIX: &str = "snapshot";

/// What a snapshot says of itself.
#[derive(Debug, Deserialize, Serialize)]
pub struct Header {
    /// The schema of its rows.
    pub schema: u32,
    /// The last change that is in it.
    pub sequence: u64,
}

#[derive(Deserialize, Serialize)]
struct Trailer {
    rows: u64,
    digest: String,
}

/// Writes a snapshot of the rows that `page` reads after a key; its length. One that cannot be finished leaves nothing.
pub fn write(
    folder: &Path,
    sequence: u64,
    schema: u32,
    page: impl FnMut(Option<&str>) -> Result<Vec<Row>, StoreFault>,
) -> Result<u64, StoreFault> {
    let path = folder.join(format!("{sequence:020}.{SUFFIX}"));
    let beside = path.with_extension("new");
    let written = write_beside(&beside, &path, sequence, schema, page);
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written
}

fn write_beside(
    beside: &Path,
    path: &Path,
    sequence: u64,
    schema: u32,
    mut page: impl FnMut(Option<&str>) -> Result<Vec<Row>, StoreFault>,
) -> Result<u64, StoreFault> {
    let mut file = BufWriter::new(make_file(beside)?);
    let mut digest = Sha256::new();
    let mut written = 0u64;
    let mut rows = 0u64;
    let mut put = |lines: &[u8]| {
        written = written.saturating_add(u64::try_from(lines.len()).unwrap_or(u64::MAX));
        digest.update(lines);
        file.write_all(lines).map_err(io_at(beside))
    };
    let mut lines = Vec::new();
    line::seal(&mut lines, &Header { schema, sequence })?;
    put(&lines)?;
    let mut after: Option<String> = None;
    loop {
        let read = page(after.as_deref())?;
        let Some(last) = read.last() else { break };
        after = Some(last.key.clone());
        lines.clear();
        for row in read.iter().filter(|row| row.key != HEAD) {
            rows = rows.saturating_add(1);
            append_row(&mut lines, row)?;
        }
        put(&lines)?;
    }
    lines.clear();
    line::seal(&mut lines, &Trailer { rows, digest: hex(digest.finalize().as_slice()) })?;
    file.write_all(&lines).map_err(io_at(beside))?;
    let file = file.into_inner().map_err(|error| io_at(beside)(error.into_error()))?;
    put_in_place(&file, beside, path)?;
    Ok(written)
}

/// The first line of a snapshot.
pub fn header(path: &Path) -> Result<Header, StoreFault> {
    let mut first = Vec::new();
    let file = File::open(path).map_err(io_at(path))?;
    BufReader::new(file).read_until(b'\n', &mut first).map_err(io_at(path))?;
    line::unseal(first.trim_ascii_end()).ok_or_else(|| damaged(path))
}

/// Reads a snapshot's rows. They are to be trusted only once it returns without a fault: only then is all of it read
/// and found as it was written.
pub fn read(path: &Path, mut each: impl FnMut(Row) -> Result<(), StoreFault>) -> Result<Header, StoreFault> {
    let header = header(path)?;
    let mut file = BufReader::new(File::open(path).map_err(io_at(path))?);
    let mut digest = Sha256::new();
    let mut line = Vec::new();
    file.read_until(b'\n', &mut line).map_err(io_at(path))?;
    digest.update(&line);
    let mut rows = 0u64;
    loop {
        line.clear();
        file.read_until(b'\n', &mut line).map_err(io_at(path))?;
        if line.first() != Some(&b'[') {
            break;
        }
        digest.update(&line);
        rows = rows.saturating_add(1);
        let (key, value) = serde_json::from_slice(&line).map_err(|_| damaged(path))?;
        each(Row { key, value })?;
    }
    let trailer: Trailer = line::unseal(line.trim_ascii_end()).ok_or_else(|| damaged(path))?;
    let sound = trailer.rows == rows && trailer.digest == hex(digest.finalize().as_slice());
    sound.then_some(header).ok_or_else(|| damaged(path))
}

fn append_row(lines: &mut Vec<u8>, row: &Row) -> Result<(), StoreFault> {
    let unwritable = |error| StoreFault::Corrupt(format!("row {} cannot be written: {error}", row.key));
    serde_json::to_writer(&mut *lines, &(&row.key, &row.value)).map_err(unwritable)?;
    lines.push(b'\n');
    Ok(())
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn damaged(path: &Path) -> StoreFault {
    StoreFault::Corrupt(format!("{} is not as it was written", path.display()))
}
