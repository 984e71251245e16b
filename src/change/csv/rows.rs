//! What does each row wish? Each kind of file in its turn, with every fault of every cell.

use std::collections::BTreeMap;

use serde_json::Map;

use super::super::draft::Ground;
use super::super::wish::{Phones, Wanted, Wish};
use super::Mode;
use super::cells::RowReader;
use super::columns::{Column, FileKind};
use super::fault::CsvFault;
use super::known::Known;
use super::sheet::{Cell, Sheet};
use crate::inventory::common_area::CommonAreaId;
use crate::inventory::mac::MacAddr;
use crate::inventory::plan::{RecordKind, Warning};
use crate::inventory::sip::Label;
use crate::inventory::site::SiteId;
use crate::inventory::text::Text;
use crate::inventory::user::{Locale, UserId};
use crate::store::StoreError;

mod assigned;
mod gifts;
mod phones;

/// The fewest characters a place's name has.
const SHORTEST_NAME: usize = 3;

/// What all rows wish, as far as they are understood.
#[derive(Debug, Default)]
pub struct Reading {
    /// The wish; its origins are the places of the rows.
    pub wish: Wish,
    /// What to know before.
    pub warnings: Vec<Warning>,
    faults: Vec<CsvFault>,
    /// Where each phone was named first.
    phones: BTreeMap<MacAddr, usize>,
}

impl Reading {
    /// Reads all rows; any fault makes nothing of all.
    pub fn of(
        sheet: &Sheet,
        mode: Mode,
        mut known: Known,
        ground: &Ground<'_>,
    ) -> Result<Result<Reading, Vec<CsvFault>>, StoreError> {
        let mut reading = Reading::default();
        let mut first: BTreeMap<String, u64> = BTreeMap::new();
        for (origin, row) in sheet.rows.iter().enumerate() {
            let mut faults = std::mem::take(&mut reading.faults);
            let mut reader = RowReader { sheet, row, mode, fields: Map::new(), faults: &mut faults };
            let id = match sheet.kind {
                FileKind::CommonAreas => area(&mut reader, &mut known, ground)?,
                FileKind::Devices => device(&mut reader, &known, ground, &mut reading.warnings)?,
                FileKind::Numbers => number(&mut reader, &known),
                FileKind::Users => user(&mut reader, &known, ground)?,
            };
            let phones = match sheet.kind {
                FileKind::Devices | FileKind::Numbers => None,
                FileKind::CommonAreas | FileKind::Users => reading.phones(&mut reader, origin, ground),
            };
            if let Some(id) = id {
                if let Some(before) = first.get(&id) {
                    reader.fault(
                        sheet.kind.key(),
                        "twice",
                        format!("row {before} is about {id} as well; keep one of them"),
                    );
                }
                first.entry(id.clone()).or_insert(row.number);
                let fields = std::mem::take(&mut reader.fields);
                reading.wish.records.push(Wanted { origin, kind: sheet.kind.record(), id, fields, phones });
            }
            reading.faults = faults;
        }
        if reading.faults.is_empty() { Ok(Ok(reading)) } else { Ok(Err(reading.faults)) }
    }

    /// The phones of a row, each also a wish of its own.
    fn phones(&mut self, reader: &mut RowReader<'_>, origin: usize, ground: &Ground<'_>) -> Option<Phones> {
        let mut macs = Vec::new();
        for named in phones::named(reader, ground, &mut self.warnings) {
            if macs.contains(&named.mac) {
                let column = Column::Phone(named.slot, super::columns::Part::Mac);
                reader.fault(column, "twice", format!("{} is named twice in this row", named.mac));
                continue;
            }
            macs.push(named.mac);
            let wanted = Wanted {
                origin,
                kind: RecordKind::Device,
                id: named.mac.to_string(),
                fields: named.fields,
                phones: None,
            };
            match self.phones.get(&named.mac).and_then(|place| self.wish.records.get(*place)) {
                None => {
                    self.phones.insert(named.mac, self.wish.records.len());
                    self.wish.records.push(wanted);
                }
                Some(before) if before.fields == wanted.fields => {}
                Some(before) => {
                    let row = reader.sheet.rows.get(before.origin).map_or(0, |row| row.number);
                    let message = format!("row {row} says something else of {}: brand, model or template", named.mac);
                    reader.fault(Column::Phone(named.slot, super::columns::Part::Model), "phone_differs", message);
                }
            }
        }
        match reader.mode {
            Mode::Exact => Some(Phones::Exactly(macs)),
            Mode::Merge => (!macs.is_empty()).then_some(Phones::AtLeast(macs)),
        }
    }
}

fn user(reader: &mut RowReader<'_>, known: &Known, ground: &Ground<'_>) -> Result<Option<String>, StoreError> {
    let id = reader.required::<UserId>(Column::Email);
    reader.field::<Text<64>>(Column::FirstName);
    reader.field::<Text<64>>(Column::LastName);
    let mut site = site(reader, known);
    if let (None, Some(id)) = (&site, &id) {
        site = ground.store.user(id)?.map(|user| user.value.site);
    }
    gifts::read(reader, known, site.as_ref());
    gifts::switch(reader, Column::Sms);
    Ok(id.map(|id| id.to_string()))
}

fn number(reader: &mut RowReader<'_>, known: &Known) -> Option<String> {
    let site = site(reader, known);
    gifts::word(
        reader,
        Column::NumberType,
        &[("toll", &["toll"]), ("tollfree", &["tollfree", "toll-free", "toll free"])],
    );
    reader.field::<Text<64>>(Column::Source);
    gifts::word(reader, Column::Status, &[("active", &["active", "activate"]), ("pending", &["pending"])]);
    let Some(text) = reader.cell(Column::Numbers).text() else {
        reader.fault(Column::Numbers, "required", "Phone Number is missing: it says which one the row is about");
        return None;
    };
    gifts::one_number(reader, Column::Numbers, text, known.country(site.as_ref())).map(|number| number.to_string())
}

fn area(reader: &mut RowReader<'_>, known: &mut Known, ground: &Ground<'_>) -> Result<Option<String>, StoreError> {
    let Some(name) = reader.required::<Label>(Column::DisplayName) else { return Ok(None) };
    if name.as_str().chars().count() < SHORTEST_NAME {
        let message = format!("{name:?} is too short; use at least {SHORTEST_NAME} characters");
        reader.fault(Column::DisplayName, "invalid", message);
    }
    reader.set("name", name.as_str());
    reader.field::<Locale>(Column::Language);
    let mut site = site(reader, known);
    let id = area_id(reader, known, name.as_str(), site.as_ref());
    if let (None, Some(id)) = (&site, &id) {
        site = ground.store.common_area(id)?.map(|area| area.value.site);
    }
    gifts::read(reader, known, site.as_ref());
    Ok(id.map(|id| id.to_string()))
}

/// Which place a row is about: the one of that id, or of that name at its site; else a new one.
fn area_id(reader: &mut RowReader<'_>, known: &mut Known, name: &str, site: Option<&SiteId>) -> Option<CommonAreaId> {
    if let Some(id) = reader.cell(Column::Id).text() {
        return reader.parsed::<CommonAreaId>(Column::Id, id);
    }
    let mut there = known.areas(name, site);
    match there.len() {
        0 => {
            let site = site.cloned().or_else(|| known.main().ok())?;
            let new = known.new_area(name, &site);
            if new.is_none() {
                let message = format!("no ID can be made of {name:?}; add a column ID and give it one there");
                reader.fault(Column::DisplayName, "invalid", message);
            }
            new
        }
        1 => there.pop(),
        _ => {
            let ids: Vec<&str> = there.iter().map(|id| id.as_str()).collect();
            let message = format!("several are called {name}; say which in a column ID: {}", ids.join(" or "));
            reader.fault(Column::DisplayName, "ambiguous", message);
            None
        }
    }
}

fn device(
    reader: &mut RowReader<'_>,
    known: &Known,
    ground: &Ground<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<Option<String>, StoreError> {
    let mac = reader.required::<MacAddr>(Column::Mac);
    reader.field::<Text<255>>(Column::DisplayName);
    let brand = phones::brand(reader, Column::Brand);
    let model = phones::model(reader, Column::Model, brand);
    for (field, value, column) in [
        ("maker", brand.map(|maker| maker.id()), Column::Brand),
        ("model", model.map(|model| model.model.as_str()), Column::Model),
    ] {
        match (value, reader.cell(column)) {
            (Some(value), _) => reader.set(field, value),
            (None, cell @ (Cell::Absent | Cell::Blank)) if !reader.keeps(cell) => {
                let name = reader.sheet.kind.name_of(column);
                reader.fault(column, "required", format!("{name} is missing: no phone is without"));
            }
            _ => {}
        }
    }
    site(reader, known);
    if let Some(template) = phones::template(reader, Column::Template, brand, ground, warnings) {
        reader.set("template", template);
    }
    if let Some(mac) = mac {
        assigned::assigned(reader, mac, ground)?;
    }
    Ok(mac.map(|mac| mac.to_string()))
}

/// The site a row names, by code or name; a row that names none means the main site. `None`: as it is, or not understood.
fn site(reader: &mut RowReader<'_>, known: &Known) -> Option<SiteId> {
    let (code, name) = (reader.cell(Column::SiteCode), reader.cell(Column::SiteName));
    if reader.keeps(code) && reader.keeps(name) {
        return None;
    }
    let by_code = code.text().map(|text| known.site_of_code(text));
    let by_name = name.text().map(|text| known.site(text));
    let (column, found) = match (by_code, by_name) {
        (Some(Ok(by_code)), Some(Ok(by_name))) if by_code != by_name => {
            let message = format!("the code is that of site {by_code}, the name that of site {by_name}");
            (Column::SiteName, Err(message))
        }
        (Some(Err(message)), _) => (Column::SiteCode, Err(message)),
        (_, Some(found)) => (Column::SiteName, found),
        (Some(found), None) => (Column::SiteCode, found),
        (None, None) => (Column::SiteName, known.main()),
    };
    match found {
        Ok(site) => {
            reader.set("site", site.as_str());
            Some(site)
        }
        Err(message) => {
            reader.fault(column, "unknown_site", message);
            None
        }
    }
}
