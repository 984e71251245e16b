//! From a cell to a field: kept, cleared or set, and set only to what the field can be.

use std::fmt::Display;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::Mode;
use super::columns::{Column, FileKind};
use super::fault::CsvFault;
use super::sheet::{Cell, Row, Sheet};

/// One row on its way into a wish.
pub struct RowReader<'a> {
    /// The file.
    pub sheet: &'a Sheet,
    /// The row.
    pub row: &'a Row,
    /// What an absent column means.
    pub mode: Mode,
    /// What was understood so far.
    pub fields: Map<String, Value>,
    /// What was not.
    pub faults: &'a mut Vec<CsvFault>,
}

impl<'a> RowReader<'a> {
    /// A cell.
    pub fn cell(&self, column: Column) -> Cell<'a> {
        self.sheet.cell(self.row, column)
    }

    /// Whether the field is to stay as it is.
    pub fn keeps(&self, cell: Cell<'_>) -> bool {
        cell == Cell::Absent && self.mode == Mode::Merge
    }

    /// Says what is wrong with a cell.
    pub fn fault(&mut self, column: Column, code: &'static str, message: impl Into<String>) {
        self.faults.push(self.sheet.fault(self.row, column, code, message));
    }

    /// A cell that must be there and be one of these.
    pub fn required<T: FromStr>(&mut self, column: Column) -> Option<T>
    where
        T::Err: Display,
    {
        let Some(text) = self.cell(column).text() else {
            let name = self.sheet.kind.name_of(column);
            self.fault(column, "required", format!("{name} is missing: it says which one the row is about"));
            return None;
        };
        self.parsed(column, text)
    }

    /// The text of a cell as what it must be.
    pub fn parsed<T: FromStr>(&mut self, column: Column, text: &str) -> Option<T>
    where
        T::Err: Display,
    {
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                let error: T::Err = error;
                self.fault(column, "invalid", format!("{text:?} {error}"));
                None
            }
        }
    }

    /// A field that its cell sets, clears or keeps.
    pub fn field<T: FromStr>(&mut self, column: Column)
    where
        T::Err: Display,
    {
        let cell = self.cell(column);
        if self.keeps(cell) {
            return;
        }
        let value = match cell.text() {
            None => Value::Null,
            Some(text) => match self.parsed::<T>(column, text) {
                Some(_) => Value::from(text),
                None => return,
            },
        };
        self.set(field_of(self.sheet.kind, column), value);
    }

    /// Sets a field.
    pub fn set(&mut self, field: &str, value: impl Into<Value>) {
        self.fields.insert(field.to_owned(), value.into());
    }
}

/// The field of a record that a column is.
pub fn field_of(kind: FileKind, column: Column) -> &'static str {
    kind.columns().iter().find(|plain| plain.column == column).map_or("", |plain| plain.field)
}
