//! What is wrong with a file: row, column, code, value and what helps; never more of them than anybody reads.

use serde::Serialize;

/// How many faults are told at most.
pub const MOST_FAULTS: usize = 1_000;

/// How much of a value is told.
const LONGEST_VALUE: usize = 120;

/// One fault of a file.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct CsvFault {
    /// The row as a spreadsheet counts them: 1 is the header; 0: the file as a whole.
    pub row: u64,
    /// The column's name; empty: the row as a whole.
    pub column: String,
    /// What kind of fault, for programs.
    pub code: &'static str,
    /// What the cell says.
    pub value: String,
    /// What is wrong, and what helps.
    pub message: String,
}

/// Everything that is wrong with a file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CsvFaults {
    /// The first of them, by row.
    pub shown: Vec<CsvFault>,
    /// How many there are.
    pub count: usize,
}

impl CsvFault {
    /// A fault of a cell.
    pub fn new(
        row: u64,
        column: impl Into<String>,
        code: &'static str,
        value: &str,
        message: impl Into<String>,
    ) -> Self {
        let value = value.chars().take(LONGEST_VALUE).collect();
        CsvFault { row, column: column.into(), code, value, message: message.into() }
    }

    /// A fault of the file as a whole.
    pub fn of_file(code: &'static str, message: impl Into<String>) -> CsvFault {
        CsvFault::new(0, "", code, "", message)
    }
}

impl From<Vec<CsvFault>> for CsvFaults {
    fn from(mut all: Vec<CsvFault>) -> CsvFaults {
        all.sort_by_key(|fault| fault.row);
        let count = all.len();
        all.truncate(MOST_FAULTS);
        CsvFaults { shown: all, count }
    }
}

impl From<CsvFault> for CsvFaults {
    fn from(fault: CsvFault) -> CsvFaults {
        CsvFaults::from(vec![fault])
    }
}
