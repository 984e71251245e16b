//! The phones a row names: brand, model and MAC address, all or none, in the spellings of the trade.

use serde_json::{Map, Value};

use super::super::super::draft::Ground;
use super::super::super::models::ModelFault;
use super::super::super::near::hint;
use super::super::cells::RowReader;
use super::super::columns::{Column, Part};
use super::super::sheet::Cell;
use crate::inventory::device::TemplateName;
use crate::inventory::mac::MacAddr;
use crate::inventory::plan::Warning;
use crate::makers::{self, Maker, Model};

/// A phone that a row names.
#[derive(Debug)]
pub struct Named {
    /// Which of the row's phones.
    pub slot: u8,
    /// Which phone.
    pub mac: MacAddr,
    /// What is said of it.
    pub fields: Map<String, Value>,
}

/// The phones that are named and understood; whatever is not is a fault.
pub fn named(reader: &mut RowReader<'_>, ground: &Ground<'_>, warnings: &mut Vec<Warning>) -> Vec<Named> {
    let slots = reader.sheet.slots();
    slots.into_iter().filter_map(|slot| one(reader, slot, ground, warnings)).collect()
}

fn one(reader: &mut RowReader<'_>, slot: u8, ground: &Ground<'_>, warnings: &mut Vec<Warning>) -> Option<Named> {
    let column = |part| Column::Phone(slot, part);
    let said = |reader: &RowReader<'_>, part| reader.cell(column(part)).text().is_some();
    let parts = [Part::Brand, Part::Model, Part::Mac];
    let given = parts.iter().filter(|part| said(reader, **part)).count();
    if given == 0 && !said(reader, Part::Template) {
        return None;
    }
    if given < parts.len() {
        for part in parts.into_iter().filter(|part| !said(reader, *part)).collect::<Vec<_>>() {
            let message = format!("desk phone {slot} needs brand, model and MAC address, all three or none");
            reader.fault(column(part), "incomplete_phone", message);
        }
        return None;
    }
    let maker = brand(reader, column(Part::Brand));
    let model = model(reader, column(Part::Model), maker);
    let mac = reader.required::<MacAddr>(column(Part::Mac));
    let template = template(reader, column(Part::Template), maker, ground, warnings);
    let (maker, model, mac) = (maker?, model?, mac?);
    let mut fields = Map::new();
    fields.insert("maker".to_owned(), maker.id().into());
    fields.insert("model".to_owned(), model.model.as_str().into());
    if let Some(template) = template {
        fields.insert("template".to_owned(), template);
    }
    Some(Named { slot, mac, fields })
}

/// The maker a cell means.
pub fn brand(reader: &mut RowReader<'_>, column: Column) -> Option<&'static dyn Maker> {
    let text = reader.cell(column).text()?;
    let found = makers::by_brand(text);
    if found.is_none() {
        let names: Vec<&str> = makers::MAKERS.iter().map(|maker| maker.name()).collect();
        let hint = hint(text, names.iter().copied());
        reader.fault(column, "unknown_maker", format!("there is no maker {text}{hint}; known: {}", names.join(", ")));
    }
    found
}

/// The model a cell means.
pub fn model(reader: &mut RowReader<'_>, column: Column, maker: Option<&'static dyn Maker>) -> Option<&'static Model> {
    let (text, maker) = (reader.cell(column).text()?, maker?);
    let found = makers::by_full_name(maker, text);
    if found.is_none() {
        reader.fault(column, "unknown_model", ModelFault::model(maker, text).to_string());
    }
    found
}

/// The template a cell means, `null` for none; `None`: as it is, or not understood. One that the phone cannot use is
/// passed over with a warning.
pub fn template(
    reader: &mut RowReader<'_>,
    column: Column,
    maker: Option<&'static dyn Maker>,
    ground: &Ground<'_>,
    warnings: &mut Vec<Warning>,
) -> Option<Value> {
    let cell = reader.cell(column);
    if reader.keeps(cell) {
        return None;
    }
    let (Cell::Text(text), Some(maker)) = (cell, maker) else { return Some(Value::Null) };
    let full = if text.contains('/') { text.to_owned() } else { format!("{}/{text}", maker.id()) };
    let name = reader.parsed::<TemplateName>(column, &full)?;
    if !ground.templates.contains(&name) {
        let message = format!("there is no template {name}; `ztpd template list` shows them all");
        reader.fault(column, "unknown_template", message);
        return None;
    }
    if name.maker() != maker.id() {
        let message = format!("template {name} is passed over: a phone of {} cannot use it", maker.name());
        let row = Some(reader.row.number);
        warnings.push(Warning { code: "template_not_for_model".to_owned(), message, id: None, row });
        return Some(Value::Null);
    }
    Some(name.as_str().into())
}
