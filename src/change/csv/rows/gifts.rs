//! What people and places are given alike: an extension, numbers, packages, a settings template, and where they stand.

use serde_json::Value;

use super::super::cells::{RowReader, field_of};
use super::super::columns::Column;
use super::super::known::Known;
use crate::inventory::country::Country;
use crate::inventory::extension::Extension;
use crate::inventory::number::PhoneNumber;
use crate::inventory::site::SiteId;
use crate::inventory::text::Text;

/// How many numbers somebody may have.
const MOST_NUMBERS: usize = 10;

/// What `User Status` may say, and what it means.
const STATUS: &[(&str, &[&str])] = &[
    ("active", &["activate", "active", "activated"]),
    ("inactive", &["deactivate", "inactive", "deactivated"]),
    ("pending", &["pending"]),
];

/// Reads the columns that users and common areas share.
pub fn read(reader: &mut RowReader<'_>, known: &Known, site: Option<&SiteId>) {
    extension(reader);
    numbers(reader, known.country(site));
    caller_id(reader, known.country(site));
    switch(reader, Column::SelectCallerId);
    packages(reader, known);
    settings_template(reader, known);
    // What it was, or what the packages of a new one say: nobody is activated by saying nothing.
    if reader.cell(Column::Status).text().is_some() {
        word(reader, Column::Status, STATUS);
    }
    reader.field::<Text<64>>(Column::Department);
    reader.field::<Text<64>>(Column::CostCenter);
}

/// `0` asks for an extension where there is none. A blank cell keeps what there is; somebody new gets one.
fn extension(reader: &mut RowReader<'_>) {
    let Some(text) = reader.cell(Column::Extension).text() else { return };
    if text != "0" {
        let Some(extension) = reader.parsed::<Extension>(Column::Extension, text) else { return };
        reader.set("extension", extension.as_str());
    }
    reader.set("without_extension", false);
}

fn numbers(reader: &mut RowReader<'_>, country: Option<Country>) {
    let cell = reader.cell(Column::Numbers);
    if reader.keeps(cell) {
        return;
    }
    let texts = members(cell.text());
    if texts.len() > MOST_NUMBERS {
        let message = format!("{} numbers are too many; at most {MOST_NUMBERS}", texts.len());
        return reader.fault(Column::Numbers, "too_many_numbers", message);
    }
    let read: Vec<Option<PhoneNumber>> =
        texts.into_iter().map(|text| one_number(reader, Column::Numbers, text, country)).collect();
    let read: Option<Vec<PhoneNumber>> = read.into_iter().collect();
    if let Some(read) = read {
        let texts: Vec<&str> = read.iter().map(PhoneNumber::as_str).collect();
        reader.set("numbers", texts);
    }
}

fn caller_id(reader: &mut RowReader<'_>, country: Option<Country>) {
    let cell = reader.cell(Column::CallerId);
    if reader.keeps(cell) {
        return;
    }
    match cell.text() {
        None => reader.set("outbound_caller_id", Value::Null),
        Some(text) => {
            if let Some(number) = one_number(reader, Column::CallerId, text, country) {
                reader.set("outbound_caller_id", number.as_str());
            }
        }
    }
}

/// A telephone number, as people of that country may write it.
pub fn one_number(
    reader: &mut RowReader<'_>,
    column: Column,
    text: &str,
    country: Option<Country>,
) -> Option<PhoneNumber> {
    match PhoneNumber::read(text, country) {
        Ok(dialled) if dialled.extension.is_none() => Some(dialled.number),
        Ok(_) => {
            reader.fault(column, "invalid", format!("{text:?} has an extension behind it; write the number alone"));
            None
        }
        Err(error) => {
            reader.fault(column, "invalid", format!("{text:?} {error}"));
            None
        }
    }
}

fn packages(reader: &mut RowReader<'_>, known: &Known) {
    let cell = reader.cell(Column::Packages);
    if reader.keeps(cell) {
        return;
    }
    let mut ids = Vec::new();
    for text in members(cell.text()) {
        match known.package(text) {
            Ok(id) => ids.push(id),
            Err(message) => return reader.fault(Column::Packages, "unknown_package", message),
        }
    }
    reader.set("packages", ids);
}

fn settings_template(reader: &mut RowReader<'_>, known: &Known) {
    let cell = reader.cell(Column::SettingsTemplate);
    if reader.keeps(cell) {
        return;
    }
    match cell.text().map(|text| known.template(text)) {
        None => reader.set("settings_template", Value::Null),
        Some(Ok(id)) => reader.set("settings_template", id),
        Some(Err(message)) => reader.fault(Column::SettingsTemplate, "unknown_template", message),
    }
}

/// Yes or no, in any of the usual words.
pub fn switch(reader: &mut RowReader<'_>, column: Column) {
    let cell = reader.cell(column);
    if reader.keeps(cell) {
        return;
    }
    let value = match cell.text().map(str::to_lowercase).as_deref() {
        None => Value::Null,
        Some("on" | "yes" | "true" | "1") => true.into(),
        Some("off" | "no" | "false" | "0") => false.into(),
        Some(other) => return reader.fault(column, "invalid", format!("{other:?} is neither on nor off")),
    };
    reader.set(field_of(reader.sheet.kind, column), value);
}

/// One of some words, in any of their spellings.
pub fn word(reader: &mut RowReader<'_>, column: Column, words: &[(&str, &[&str])]) {
    let cell = reader.cell(column);
    if reader.keeps(cell) {
        return;
    }
    let field = field_of(reader.sheet.kind, column);
    let Some(text) = cell.text() else { return reader.set(field, Value::Null) };
    let lower = text.to_lowercase();
    match words.iter().find(|(_, spellings)| spellings.contains(&lower.as_str())) {
        Some((word, _)) => reader.set(field, *word),
        None => {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            reader.fault(column, "invalid", format!("{text:?} is none of {}", known.join(", ")));
        }
    }
}

/// The members of a list with commas between them.
fn members(text: Option<&str>) -> Vec<&str> {
    text.into_iter().flat_map(|text| text.split(',')).map(str::trim).filter(|member| !member.is_empty()).collect()
}
