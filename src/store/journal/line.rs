//! How is a line of the journal spelt, and is it as it was written? JSON whose last member is a checksum of all before.

use std::io::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::store::StoreFault;
use crate::store::backend::Change;
use crate::store::txn::Changes;

/// `,"sum":"` + 32 digits + `"}`.
const TAIL: usize = 8 + 32 + 2;

#[derive(Deserialize, Serialize)]
struct Form {
    seq: u64,
    rows: Vec<(String, Option<String>)>,
}

/// Appends a change as a line.
pub fn write(lines: &mut Vec<u8>, change: &Change) -> Result<(), StoreFault> {
    let rows = change.rows.0.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    seal(lines, &Form { seq: change.sequence, rows })
}

/// The change in a line without its line feed; `None` if it is not as it was written.
pub fn read(line: &[u8]) -> Option<Change> {
    let form: Form = unseal(line)?;
    Some(Change { sequence: form.seq, rows: Changes(form.rows.into_iter().collect()) })
}

/// Appends a JSON object as a line with its checksum.
pub fn seal<T: Serialize>(lines: &mut Vec<u8>, object: &T) -> Result<(), StoreFault> {
    let unwritable = |error: String| StoreFault::Corrupt(format!("a journal line cannot be written: {error}"));
    let mut json = serde_json::to_vec(object).map_err(|error| unwritable(error.to_string()))?;
    let sum = sum(&json);
    json.pop();
    lines.append(&mut json);
    writeln!(lines, ",\"sum\":\"{sum}\"}}").map_err(|error| unwritable(error.to_string()))
}

/// The object in a line without its line feed; `None` if it is not as it was written.
pub fn unseal<T: for<'de> Deserialize<'de>>(line: &[u8]) -> Option<T> {
    let (body, tail) = line.split_at_checked(line.len().checked_sub(TAIL)?)?;
    let mut json = body.to_vec();
    json.push(b'}');
    let expected = format!(",\"sum\":\"{}\"}}", sum(&json));
    if tail != expected.as_bytes() {
        return None;
    }
    serde_json::from_slice(&json).ok()
}

/// The first sixteen octets of SHA-256, in hexadecimal.
fn sum(json: &[u8]) -> String {
    Sha256::digest(json).iter().take(16).map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change() -> Change {
        let rows = [("a/1".to_owned(), Some("1\"x\"\n".to_owned())), ("a/2".to_owned(), None)];
        Change { sequence: 7, rows: Changes(rows.into()) }
    }

    #[test]
    fn a_line_is_one_line_and_reads_as_it_was_written() {
        let mut line = Vec::new();
        write(&mut line, &change()).unwrap();
        assert_eq!(line.iter().filter(|octet| **octet == b'\n').count(), 1);
        assert_eq!(read(line.trim_ascii_end()), Some(change()));
    }

    #[test]
    fn any_flipped_bit_is_noticed() {
        let mut line = Vec::new();
        write(&mut line, &change()).unwrap();
        let line = line.trim_ascii_end().to_vec();
        for position in 0..line.len() {
            for bit in 0..8 {
                let mut bad = line.clone();
                bad[position] ^= 1 << bit;
                assert_eq!(read(&bad), None, "octet {position}, bit {bit}");
            }
            assert_eq!(read(&line[..position]), None, "cut at {position}");
        }
    }
}
