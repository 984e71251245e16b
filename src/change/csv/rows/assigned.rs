//! Whom a phone belongs to, and whose lines it has beside: `alice@example.com, ext:1002`. The first is the owner; nothing
//! before the first comma is nobody. A place without an extension is `area:` and its id.

use serde_json::Value;

use super::super::super::draft::Ground;
use super::super::cells::RowReader;
use super::super::columns::Column;
use crate::inventory::common_area::CommonAreaId;
use crate::inventory::device::{Appearance, Owner};
use crate::inventory::extension::Extension;
use crate::inventory::mac::MacAddr;
use crate::inventory::site::SiteId;
use crate::inventory::user::UserId;
use crate::store::StoreError;

/// How many a phone may be assigned to.
const MOST: usize = 10;

/// Reads the column into the fields `assignment` and `lines`.
pub fn assigned(reader: &mut RowReader<'_>, mac: MacAddr, ground: &Ground<'_>) -> Result<(), StoreError> {
    let cell = reader.cell(Column::AssignedTo);
    if reader.keeps(cell) {
        return Ok(());
    }
    let names: Vec<&str> = cell.text().map(|text| text.split(',').map(str::trim).collect()).unwrap_or_default();
    if names.len() > MOST {
        let message = format!("a phone is assigned to {MOST} at most, not {}", names.len());
        reader.fault(Column::AssignedTo, "too_many_lines", message);
        return Ok(());
    }
    let device = ground.store.device(mac)?.map(|device| device.value);
    let said = reader.fields.get("site").and_then(Value::as_str).and_then(|site| site.parse().ok());
    let site: Option<SiteId> = said.or_else(|| device.as_ref().map(|device| device.site.clone()));
    let mut owners = Vec::new();
    for (place, name) in names.iter().enumerate() {
        match owner(name, site.as_ref(), ground)? {
            Ok(owner) if owners.contains(&Some(owner.clone())) => {
                reader.fault(Column::AssignedTo, "twice", format!("{name} is named twice"));
            }
            Ok(owner) => owners.push(Some(owner)),
            Err(_) if name.is_empty() && place == 0 => owners.push(None),
            Err(message) => reader.fault(Column::AssignedTo, "unknown_reference", message),
        }
    }
    let mut owners = owners.into_iter();
    let first = owners.next().flatten();
    let before = device.map(|device| device.lines).unwrap_or_default();
    let lines = lines(before, owners.flatten().collect());
    let value = |owner: &Owner| match owner {
        Owner::CommonArea(id) => serde_json::json!({"common_area": id, "user": null}),
        Owner::User(id) => serde_json::json!({"user": id, "common_area": null}),
    };
    reader.set("assignment", first.as_ref().map_or(Value::Null, value));
    reader.set("lines", serde_json::json!(lines));
    Ok(())
}

/// The lines there were for those who still have one, and new ones for the others.
fn lines(before: Vec<Appearance>, owners: Vec<Owner>) -> Vec<Appearance> {
    let mut lines: Vec<Appearance> = before.into_iter().filter(|line| owners.contains(&line.owner)).collect();
    for owner in owners {
        if !lines.iter().any(|line| line.owner == owner) {
            let index = (2..=u8::MAX).find(|index| lines.iter().all(|line| line.index != *index)).unwrap_or(u8::MAX);
            lines.push(Appearance { index, owner, label: Default::default() });
        }
    }
    lines
}

/// The one a name means.
fn owner(name: &str, site: Option<&SiteId>, ground: &Ground<'_>) -> Result<Result<Owner, String>, StoreError> {
    let unknown =
        || Err(format!("there is no {name}; write an e-mail address, ext: and an extension, or area: and an id"));
    if let Some(extension) = name.strip_prefix("ext:") {
        let Ok(extension) = extension.trim().parse::<Extension>() else { return Ok(unknown()) };
        // What everybody dials, or what is dialled within the phone's own site.
        if let Some(owner) = ground.store.holder_of(&extension)? {
            return Ok(Ok(owner));
        }
        let long = site.map(|site| ground.store.long_extension(&extension, site));
        let owner = match long {
            Some(Ok(long)) => ground.store.holder_of(&long)?,
            _ => None,
        };
        return Ok(owner.map_or_else(unknown, Ok));
    }
    if let Some(id) = name.strip_prefix("area:") {
        let Ok(id) = id.trim().parse::<CommonAreaId>() else { return Ok(unknown()) };
        return Ok(ground
            .store
            .common_area(&id)?
            .map(|area| Owner::CommonArea(area.value.id))
            .map_or_else(unknown, Ok));
    }
    let Ok(id) = name.parse::<UserId>() else { return Ok(unknown()) };
    Ok(ground.store.user(&id)?.map(|user| Owner::User(user.value.id)).map_or_else(unknown, Ok))
}
