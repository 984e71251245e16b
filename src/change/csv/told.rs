//! How is it told? Faults of a wish by the row and column they came from, and what to know before a plan is carried out.

use std::collections::BTreeSet;

use super::super::draft::Draft;
use super::super::wish::Fault;
use super::Mode;
use super::columns::{Column, FileKind, Part};
use super::fault::{CsvFault, CsvFaults};
use super::sheet::{Row, Sheet};
use super::text::Sureness;
use crate::inventory::mac::MacAddr;
use crate::inventory::plan::{Action, RecordChange, RecordDeed, RecordKind, Warning};

/// Faults of a wish as faults of the file.
pub fn faults(sheet: &Sheet, faults: Vec<Fault>) -> CsvFaults {
    let told = |fault: Fault| match sheet.rows.get(fault.origin) {
        Some(row) => match column(sheet, row, &fault) {
            Some(column) => sheet.fault(row, column, fault.code, fault.message),
            None => CsvFault::new(row.number, "", fault.code, "", fault.message),
        },
        None => CsvFault::of_file(fault.code, fault.message),
    };
    faults.into_iter().map(told).collect::<Vec<_>>().into()
}

/// The column a fault is about.
fn column(sheet: &Sheet, row: &Row, fault: &Fault) -> Option<Column> {
    let slot = fault.phone.and_then(|mac| slot_of(sheet, row, mac));
    if let Some(slot) = slot.filter(|_| sheet.kind != FileKind::Devices) {
        let part = match fault.field.as_str() {
            "maker" => Part::Brand,
            "model" => Part::Model,
            "template" => Part::Template,
            _ => Part::Mac,
        };
        return Some(Column::Phone(slot, part));
    }
    let field = if fault.field == "lines" { "assignment" } else { fault.field.as_str() };
    let field = field.split(['.', '[']).next().unwrap_or_default();
    let mut of_field = sheet.kind.columns().iter().filter(|plain| plain.field == field).map(|plain| plain.column);
    let first = of_field.clone().next();
    of_field.find(|column| sheet.cell(row, *column).text().is_some()).or(first)
}

/// Which of a row's phones that is.
fn slot_of(sheet: &Sheet, row: &Row, mac: MacAddr) -> Option<u8> {
    let is = |slot: &u8| {
        sheet.cell(row, Column::Phone(*slot, Part::Mac)).text().and_then(|text| text.parse().ok()) == Some(mac)
    };
    sheet.slots().into_iter().find(is)
}

/// What to know before, the general first.
pub fn warnings(sheet: &Sheet, mode: Mode, draft: &Draft, of_rows: Vec<Warning>) -> Vec<Warning> {
    let general = |code: &str, message: String| Warning { code: code.to_owned(), message, id: None, row: None };
    let mut warnings = Vec::new();
    if sheet.sureness == Sureness::Guessed {
        let message = "the file is no UTF-8 and was read as Windows-1252; look at letters such as ä and é";
        warnings.push(general("encoding_guessed", message.to_owned()));
    }
    if mode == Mode::Exact {
        warnings.extend(absent(sheet, draft).into_iter().map(|message| general("column_absent", message)));
    }
    warnings.extend(moved(sheet, draft).map(|message| general("main_site", message)));
    warnings.extend(of_rows);
    warnings
}

/// What the columns that are not there clear.
fn absent(sheet: &Sheet, draft: &Draft) -> Vec<String> {
    let record = sheet.kind.record();
    let cleared = |field: &str| {
        let clears = |change: &&RecordChange| change.kind == record && clears(change, field);
        draft.changes.iter().filter(clears).count()
    };
    let told = |what: &str, count: usize, loses: &str| {
        format!("the file has no column {what}, and so {count} of its rows lose {loses}; mode merge keeps it")
    };
    let mut fields = BTreeSet::new();
    let mut messages = Vec::new();
    for plain in sheet.kind.columns().iter().filter(|plain| plain.column != sheet.kind.key()) {
        let there = sheet.kind.columns().iter().any(|other| other.field == plain.field && sheet.has(other.column));
        let count = if there || !fields.insert(plain.field) { 0 } else { cleared(plain.field) };
        if count > 0 {
            messages.push(told(plain.name, count, &format!("their {}", plain.field.replace('_', " "))));
        }
    }
    if sheet.kind.phones() > 0 && sheet.slots().is_empty() {
        let gone = |change: &RecordChange| change.kind == RecordKind::Device && clears(change, "assignment");
        let phones = draft.changes.iter().zip(&draft.origins).filter(|(change, _)| gone(change));
        let rows: BTreeSet<usize> = phones.map(|(_, origin)| *origin).collect();
        if !rows.is_empty() {
            messages.push(told("Desk Phone 1's MAC Address", rows.len(), "their phones"));
        }
    }
    messages
}

fn clears(change: &RecordChange, field: &str) -> bool {
    let RecordDeed::Change(edits) = &change.deed else { return false };
    let gone = |action| matches!(action, Action::Clear | Action::Unassign);
    edits.iter().any(|edit| edit.field == field && gone(edit.action(change.kind)))
}

/// Who comes to the main site because a row names none.
fn moved(sheet: &Sheet, draft: &Draft) -> Option<String> {
    let unnamed =
        |origin: &usize| sheet.rows.get(*origin).is_some_and(|row| sheet.cell(row, Column::SiteName).text().is_none());
    let moves = |change: &RecordChange| {
        change.kind == sheet.kind.record()
            && matches!(&change.deed, RecordDeed::Change(edits) if edits.iter().any(|edit| edit.field == "site"))
    };
    let count =
        draft.changes.iter().zip(&draft.origins).filter(|(change, origin)| moves(change) && unnamed(origin)).count();
    (count > 0).then(|| format!("{count} come to the main site, since their rows name no site"))
}
