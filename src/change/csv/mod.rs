//! Files of comma-separated values: from rows to a wish, with every fault by its row and column; and from the inventory
//! to rows that say the same.
//!
//! In mode `exact` a listed record becomes what its row says: a blank cell clears, and an absent column is a blank cell.
//! In mode `merge` an absent column changes nothing. Records that are not listed stay as they are either way.

mod cells;
mod columns;
mod export;
mod fault;
mod guard;
mod known;
mod rows;
mod sheet;
mod text;
mod told;

pub use columns::FileKind;
pub use export::export;
pub use fault::{CsvFault, CsvFaults, MOST_FAULTS};
pub use sheet::{LONGEST_FILE, kind_of};

use serde::{Deserialize, Serialize};

use self::known::Known;
use self::rows::Reading;
use self::sheet::Sheet;
use super::draft::{Draft, Ground, draft};
use crate::inventory::plan::Warning;
use crate::store::StoreError;

/// What an absent column means.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A blank cell: the record becomes what its row says.
    Exact,
    /// Nothing: the field stays as it is.
    Merge,
}

/// What a file would change.
#[derive(Debug)]
pub struct Outcome {
    /// The changes.
    pub draft: Draft,
    /// What to know before.
    pub warnings: Vec<Warning>,
}

/// What a file would change, or everything that is wrong with it; a file with any fault changes nothing.
pub fn import(
    ground: &Ground<'_>,
    kind: FileKind,
    mode: Mode,
    octets: &[u8],
) -> Result<Result<Outcome, CsvFaults>, StoreError> {
    let sheet = match Sheet::read(kind, octets) {
        Ok(sheet) => sheet,
        Err(faults) => return Ok(Err(faults)),
    };
    let known = Known::of(ground, &sheet)?;
    let reading = match Reading::of(&sheet, mode, known, ground)? {
        Ok(reading) => reading,
        Err(faults) => return Ok(Err(faults.into())),
    };
    let warnings = reading.warnings;
    match draft(ground, reading.wish)? {
        Ok(draft) => {
            let warnings = told::warnings(&sheet, mode, &draft, warnings);
            Ok(Ok(Outcome { draft, warnings }))
        }
        Err(faults) => Ok(Err(told::faults(&sheet, faults))),
    }
}
