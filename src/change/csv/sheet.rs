//! From the octets of a file to its rows and named columns, or to everything that is wrong with its form (RFC 4180).

use std::collections::BTreeMap;

use csv::{ReaderBuilder, StringRecord, Trim};

use super::columns::{Column, FileKind};
use super::fault::{CsvFault, CsvFaults};
use super::guard::unguarded;
use super::text::{Sureness, decode};

/// The longest file, in octets.
pub const LONGEST_FILE: usize = 10 * 1024 * 1024;
/// The most rows below the header.
pub const MOST_ROWS: usize = 10_000;
/// The longest cell, in octets.
const LONGEST_CELL: usize = 64 * 1024;

/// A file that has the form of one.
#[derive(Debug)]
pub struct Sheet {
    /// What it is of.
    pub kind: FileKind,
    /// How sure we are of its characters.
    pub sureness: Sureness,
    /// Where each column stands.
    places: BTreeMap<Column, usize>,
    /// Its rows below the header.
    pub rows: Vec<Row>,
}

/// One row.
#[derive(Debug)]
pub struct Row {
    /// Its number as a spreadsheet counts: the header is 1.
    pub number: u64,
    cells: StringRecord,
}

/// One cell.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cell<'a> {
    /// The file has no such column.
    Absent,
    /// It says nothing.
    Blank,
    /// It says this.
    Text(&'a str),
}

impl<'a> Cell<'a> {
    /// What it says, if anything.
    pub fn text(self) -> Option<&'a str> {
        match self {
            Cell::Absent | Cell::Blank => None,
            Cell::Text(text) => Some(text),
        }
    }
}

impl Sheet {
    /// Reads a file.
    pub fn read(kind: FileKind, octets: &[u8]) -> Result<Sheet, CsvFaults> {
        if octets.len() > LONGEST_FILE {
            let message = format!("the file has more than {} MiB; split it", LONGEST_FILE / 1024 / 1024);
            return Err(CsvFault::of_file("file_too_large", message).into());
        }
        let (text, sureness) = decode(octets).map_err(|fault| CsvFault::of_file("encoding", fault.to_string()))?;
        // One form of line, so that lines can be counted.
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let mut reader = ReaderBuilder::new();
        let reader = reader.has_headers(false).flexible(true).trim(Trim::All).delimiter(delimiter(&text));
        let mut records = reader.from_reader(text.as_bytes()).into_records();
        let header = match records.next() {
            Some(Ok(header)) => header,
            Some(Err(error)) => return Err(CsvFault::of_file("malformed", error.to_string()).into()),
            None => return Err(CsvFault::of_file("empty", "the file is empty; its first row names the columns").into()),
        };
        let places = places(kind, &header)?;
        let rows = rows(kind, header.len(), &header, records)?;
        Ok(Sheet { kind, sureness, places, rows })
    }

    /// Whether the file has a column.
    pub fn has(&self, column: Column) -> bool {
        self.places.contains_key(&column)
    }

    /// The phones its header has room for.
    pub fn slots(&self) -> Vec<u8> {
        let mut slots: Vec<u8> = self
            .places
            .keys()
            .filter_map(|column| match column {
                Column::Phone(slot, _) => Some(*slot),
                _ => None,
            })
            .collect();
        slots.dedup();
        slots
    }

    /// A cell of a row.
    pub fn cell<'a>(&self, row: &'a Row, column: Column) -> Cell<'a> {
        let Some(place) = self.places.get(&column) else { return Cell::Absent };
        match row.cells.get(*place).map(unguarded) {
            None | Some("") => Cell::Blank,
            Some(text) => Cell::Text(text),
        }
    }

    /// A fault of a cell.
    pub fn fault(&self, row: &Row, column: Column, code: &'static str, message: impl Into<String>) -> CsvFault {
        let value = self.cell(row, column).text().unwrap_or_default();
        CsvFault::new(row.number, self.kind.name_of(column), code, value, message)
    }
}

/// What a file is of, by its columns.
pub fn kind_of(octets: &[u8]) -> Option<FileKind> {
    let (text, _) = decode(octets.get(..LONGEST_FILE).unwrap_or(octets)).ok()?;
    let mut reader = ReaderBuilder::new();
    let reader = reader.has_headers(false).flexible(true).trim(Trim::All).delimiter(delimiter(&text));
    let header = reader.from_reader(text.as_bytes()).into_records().next()?.ok()?;
    let has = |kind: FileKind, column| header.iter().any(|name| kind.column(unguarded(name)) == Some(column));
    let known = |kind: &FileKind| header.iter().filter(|name| kind.column(unguarded(name)).is_some()).count();
    FileKind::ALL.iter().copied().filter(|kind| has(*kind, kind.key())).max_by_key(known)
}

/// What stands between cells: what the first line has most of, since spreadsheets use `;` where `,` is decimal.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let count = |delimiter: u8| first.bytes().filter(|byte| *byte == delimiter).count();
    [b',', b';', b'\t'].into_iter().rev().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',')
}

/// Where each column stands. An unknown one is a fault: taken for absent, it would clear what it should set.
fn places(kind: FileKind, header: &StringRecord) -> Result<BTreeMap<Column, usize>, CsvFaults> {
    let (mut places, mut faults) = (BTreeMap::new(), Vec::new());
    for (place, name) in header.iter().enumerate() {
        let Some(column) = kind.column(unguarded(name)) else {
            // A comma too many at the end of every line is a habit of some programs.
            if name.is_empty() {
                continue;
            }
            let hint = kind.nearest(name).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            let message = format!("there is no column {name:?} in a file of {}{hint}", kind.as_str());
            faults.push(CsvFault::new(1, name, "unknown_column", name, message));
            continue;
        };
        if places.insert(column, place).is_some() {
            let message = format!("the column {} is there twice; keep one of them", kind.name_of(column));
            faults.push(CsvFault::new(1, kind.name_of(column), "duplicate_column", name, message));
        }
    }
    let key = kind.key();
    if !places.contains_key(&key) && faults.is_empty() {
        let name = kind.name_of(key);
        let message = format!("a file of {} needs the column {name}: it says which one a row is about", kind.as_str());
        faults.push(CsvFault::new(1, name, "missing_column", "", message));
    }
    if faults.is_empty() { Ok(places) } else { Err(faults.into()) }
}

fn rows(
    kind: FileKind,
    width: usize,
    header: &StringRecord,
    records: impl Iterator<Item = csv::Result<StringRecord>>,
) -> Result<Vec<Row>, CsvFaults> {
    let (mut rows, mut faults) = (Vec::new(), Vec::new());
    // Lines that lie within a cell are no rows.
    let mut inside = breaks(header);
    for record in records {
        let cells = match record {
            Ok(cells) => cells,
            Err(error) => return Err(CsvFault::of_file("malformed", error.to_string()).into()),
        };
        let line = cells.position().map_or(0, csv::Position::line);
        let number = line.saturating_sub(inside);
        inside = inside.saturating_add(breaks(&cells));
        if cells.iter().all(str::is_empty) {
            continue;
        }
        if rows.len() >= MOST_ROWS {
            let message = format!("the file has more than {MOST_ROWS} rows; split it");
            return Err(CsvFault::new(number, "", "too_many_rows", "", message).into());
        }
        if cells.len() != width {
            let message =
                format!("the row has {} cells and the header {width}; is a comma or a quote missing?", cells.len());
            faults.push(CsvFault::new(number, "", "ragged_row", cells.get(0).unwrap_or_default(), message));
        }
        if let Some(place) = cells.iter().position(|cell| cell.len() > LONGEST_CELL) {
            let column = header.get(place).and_then(|name| kind.column(name)).map(|column| kind.name_of(column));
            let message = format!("the cell has more than {} KiB; is a quote missing?", LONGEST_CELL / 1024);
            faults.push(CsvFault::new(number, column.unwrap_or_default(), "cell_too_long", "", message));
        }
        rows.push(Row { number, cells });
    }
    if faults.is_empty() { Ok(rows) } else { Err(faults.into()) }
}

/// How many lines a record has beside its first.
fn breaks(record: &StringRecord) -> u64 {
    let in_cells = record.iter().map(|cell| cell.matches('\n').count()).sum::<usize>();
    u64::try_from(in_cells).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(text: &str) -> Sheet {
        Sheet::read(FileKind::Users, text.as_bytes()).unwrap()
    }

    fn faults(text: &str) -> Vec<(u64, &'static str)> {
        let faults = Sheet::read(FileKind::Users, text.as_bytes()).unwrap_err();
        faults.shown.iter().map(|fault| (fault.row, fault.code)).collect()
    }

    #[test]
    fn rows_are_counted_as_a_spreadsheet_counts_them() {
        let read = sheet("Email,Last Name\r\na@b,\"x\r\ny\"\r\n\r\n,\r\nc@d,z\r\n");
        let rows: Vec<u64> = read.rows.iter().map(|row| row.number).collect();
        assert_eq!(rows, [2, 5]);
        assert_eq!(read.cell(&read.rows[0], Column::LastName), Cell::Text("x\ny"));
        assert_eq!(read.cell(&read.rows[0], Column::FirstName), Cell::Absent);
    }

    #[test]
    fn semicolons_and_tabs_separate_cells_as_well() {
        for text in ["Email;Last Name\na@b;c,d\n", "Email\tLast Name\na@b\tc,d\n", "Email,Last Name\na@b,\"c,d\"\n"] {
            let read = sheet(text);
            assert_eq!(read.cell(&read.rows[0], Column::LastName), Cell::Text("c,d"), "{text:?}");
        }
    }

    #[test]
    fn a_header_with_a_fault_is_refused() {
        assert_eq!(faults("Email,Lst Name\n"), [(1, "unknown_column")]);
        assert_eq!(faults("Email,e-mail\n"), [(1, "duplicate_column")]);
        assert_eq!(faults("Last Name\nx\n"), [(1, "missing_column")]);
        assert_eq!(faults(""), [(0, "empty")]);
        let refused = Sheet::read(FileKind::Users, b"Email,Lst Name\n").unwrap_err();
        assert!(refused.shown[0].message.ends_with("did you mean Last Name?"), "{refused:?}");
    }

    #[test]
    fn a_row_that_does_not_fit_its_header_is_refused() {
        assert_eq!(faults("Email,Last Name\na@b\nc@d,e,f\n"), [(2, "ragged_row"), (3, "ragged_row")]);
        let long = format!("Email,Last Name\na@b,{}\n", "x".repeat(LONGEST_CELL + 1));
        assert_eq!(faults(&long), [(2, "cell_too_long")]);
        let many = format!("Email\n{}", "a@b\n".repeat(MOST_ROWS + 1));
        assert_eq!(faults(&many), [(10_002, "too_many_rows")]);
    }
}
