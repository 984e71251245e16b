//! Phones in the inventory: where they are, whose they are, and who had them before.

use std::collections::BTreeSet;

use super::{Name, access, people, sites};
use crate::inventory::access::Access;
use crate::inventory::device::{AssignmentChange, Device, Owner};
use crate::inventory::mac::MacAddr;
use crate::store::rows::{Table, decode, owner_key};
use crate::store::secrets::{self, Field};
use crate::store::txn::{Rows, Span, Txn, read, record};
use crate::store::{
    Actor, Conflict, DeviceSecrets, EnrolRules, Expected, PageRequest, Phone, StoreFault, Stored, Versioned,
};

/// How many further lines a phone may have beside its owner's.
const FURTHER_LINES: usize = 9;

pub fn phone(rows: &dyn Rows, mac: MacAddr) -> Stored<Option<Phone>> {
    let Some(device) = record::<Device>(rows, &Table::Device.of(mac))? else { return Ok(None) };
    Ok(Some(Phone {
        access: read(rows, &Table::Access.of(mac))?.unwrap_or_default(),
        token: secrets::require(rows, &secrets::of_phone(mac, Field::Token))?,
        previous_token: secrets::read(rows, &secrets::of_phone(mac, Field::PreviousToken))?,
        admin_password: secrets::require(rows, &secrets::of_phone(mac, Field::AdminPassword))?,
        site: sites::require(rows, &device.value.site)?,
        device,
    }))
}

/// A page of devices: keys have the plain form of a MAC; people continue after any.
pub fn plain(page: &PageRequest) -> PageRequest {
    let plain = |after: &String| after.parse().map_or_else(|_| after.clone(), MacAddr::plain);
    PageRequest { after: page.after.as_ref().map(plain), limit: page.limit }
}

pub fn devices_of(rows: &dyn Rows, owner: &Owner) -> Result<Vec<MacAddr>, StoreFault> {
    sites::phones_below(rows, &owned(owner))
}

pub fn appearances_of(rows: &dyn Rows, owner: &Owner) -> Result<Vec<MacAddr>, StoreFault> {
    sites::phones_below(rows, &format!("{}/", Table::Line.key(&owner_key(owner))))
}

pub fn assignments(rows: &dyn Rows, mac: MacAddr) -> Result<Vec<AssignmentChange>, StoreFault> {
    let rows = rows.scan(Span::all(&Table::History.below(&mac.plain())))?;
    rows.iter().map(|row| decode(&row.key, &row.value)).collect()
}

pub fn enrol(
    txn: &mut Txn<'_>,
    device: Device,
    given: &DeviceSecrets,
    rules: &EnrolRules,
    by: &Actor,
) -> Stored<Versioned<Device>> {
    let mac = device.mac;
    if let Some(there) = record::<Device>(txn, &Table::Device.of(mac))? {
        return Err(Conflict::MacTaken { mac, site: there.value.site, owner: there.value.assignment }.into());
    }
    let site = sites::require(txn, &device.site)?;
    check_lines(txn, &device)?;
    if device.assignment.is_some() {
        hand_over(txn, mac, device.assignment.as_ref(), rules.devices_per_user, by)?;
    }
    secrets::put(txn, &secrets::of_phone(mac, Field::AdminPassword), &given.admin_password)?;
    access::set_tokens(txn, mac, &given.token, None)?;
    txn.put(&Table::Access.of(mac), &Access::default())?;
    if !site.networks.is_empty() {
        access::open_by_site(txn, mac, &rules.windows)?;
    }
    txn.forget(mac);
    txn.count(|counts| counts.devices += 1)?;
    keep(txn, None, device)
}

pub fn replace(
    txn: &mut Txn<'_>,
    device: Device,
    expected: Expected,
    rules: &EnrolRules,
    by: &Actor,
) -> Stored<Versioned<Device>> {
    let before = require(txn, device.mac, expected)?;
    replace_after(txn, &before, device, rules, by)
}

/// Replaces a phone that was `before` when the change began, whatever it let go of since.
pub fn replace_after(
    txn: &mut Txn<'_>,
    before: &Device,
    device: Device,
    rules: &EnrolRules,
    by: &Actor,
) -> Stored<Versioned<Device>> {
    let now = require(txn, device.mac, Expected::Any)?;
    let site = sites::require(txn, &device.site)?;
    check_lines(txn, &device)?;
    if before.assignment != device.assignment {
        hand_over(txn, device.mac, device.assignment.as_ref(), rules.devices_per_user, by)?;
    }
    if before.site != device.site && !site.networks.is_empty() {
        access::open_by_site(txn, device.mac, &rules.windows)?;
    }
    keep(txn, Some(&now), device)
}

/// A phone that belongs to nobody and has no further lines until it is replaced within the same change.
pub fn let_go(txn: &mut Txn<'_>, before: &Device) -> Stored<()> {
    let free = Device { assignment: None, lines: Vec::new(), ..before.clone() };
    keep(txn, Some(before), free)?;
    Ok(())
}

pub fn assign(
    txn: &mut Txn<'_>,
    mac: MacAddr,
    owner: Option<Owner>,
    expected: Expected,
    limit: usize,
    by: &Actor,
) -> Stored<Versioned<Device>> {
    let before = require(txn, mac, expected)?;
    if before.assignment != owner {
        hand_over(txn, mac, owner.as_ref(), limit, by)?;
    }
    keep(txn, Some(&before), Device { assignment: owner, ..before.clone() })
}

/// A phone whose owner, or the owner of one of whose lines, has another name now.
pub fn rename_owner(txn: &mut Txn<'_>, mac: MacAddr, from: &Owner, to: &Owner, by: &Actor) -> Stored<()> {
    let before = require(txn, mac, Expected::Any)?;
    let mut device = before.clone();
    if device.assignment.as_ref() == Some(from) {
        device.assignment = Some(to.clone());
        remember(txn, mac, Some(to), by)?;
    }
    for line in device.lines.iter_mut().filter(|line| line.owner == *from) {
        line.owner = to.clone();
    }
    keep(txn, Some(&before), device)?;
    Ok(())
}

pub fn remove(txn: &mut Txn<'_>, mac: MacAddr, expected: Expected) -> Stored<()> {
    let before = require(txn, mac, expected)?;
    for key in indexes(&before) {
        txn.delete(&key)?;
    }
    access::drop_tokens(txn, mac)?;
    txn.delete(&secrets::of_phone(mac, Field::AdminPassword))?;
    txn.delete(&Table::Access.of(mac))?;
    txn.delete_all(&Table::History.below(&mac.plain()))?;
    txn.forget(mac);
    txn.count(|counts| counts.devices = counts.devices.saturating_sub(1))?;
    Ok(txn.delete(&Table::Device.of(mac))?)
}

/// What the index keys of an owner's phones begin with.
pub fn owned(owner: &Owner) -> String {
    format!("{}/", Table::Owned.key(&owner_key(owner)))
}

/// Refuses a phone that is not there.
pub fn unknown(mac: MacAddr) -> Conflict {
    Name { kind: "device", id: &mac.to_string() }.unknown()
}

/// The phone, at the expected revision.
pub fn require(rows: &dyn Rows, mac: MacAddr, expected: Expected) -> Stored<Device> {
    let name = mac.to_string();
    let found = Name { kind: "device", id: &name }.require::<Device>(rows, &Table::Device.of(mac), expected)?;
    Ok(found.value)
}

fn check_lines(rows: &dyn Rows, device: &Device) -> Stored<()> {
    let (mac, count) = (device.mac, device.lines.len());
    if count > FURTHER_LINES {
        return Err(Conflict::TooManyLines { mac, count, most: FURTHER_LINES }.into());
    }
    let mut indexes = BTreeSet::new();
    for line in &device.lines {
        if !indexes.insert(line.index) {
            return Err(Conflict::LineTwice { mac, index: line.index }.into());
        }
        people::require(rows, &line.owner)?;
    }
    Ok(())
}

/// A phone comes to somebody or nobody: refused if that one has enough, else remembered.
fn hand_over(txn: &mut Txn<'_>, mac: MacAddr, to: Option<&Owner>, limit: usize, by: &Actor) -> Stored<()> {
    if let Some(owner) = to {
        people::require(txn, owner)?;
        let person = matches!(owner, Owner::User(_));
        if person && people::phones(txn, owner, limit)? >= limit {
            return Err(Conflict::DeviceLimit { owner: owner.clone(), limit }.into());
        }
    }
    remember(txn, mac, to, by)
}

/// Writes down whose phone it is from now on.
fn remember(txn: &mut Txn<'_>, mac: MacAddr, to: Option<&Owner>, by: &Actor) -> Stored<()> {
    let key = format!("{}{:020}", Table::History.below(&mac.plain()), txn.revision());
    let change = AssignmentChange { time: by.time, assignment: to.cloned(), by: by.name.clone() };
    Ok(txn.put(&key, &change)?)
}

/// Writes a phone, and the indexes that differ from before.
fn keep(txn: &mut Txn<'_>, before: Option<&Device>, device: Device) -> Stored<Versioned<Device>> {
    let old = before.map(indexes).unwrap_or_default();
    let new = indexes(&device);
    for key in old.difference(&new) {
        txn.delete(key)?;
    }
    for key in new.difference(&old) {
        txn.put(key, &())?;
    }
    Ok(txn.put_record(&Table::Device.of(device.mac), device)?)
}

/// The keys of a phone's index rows.
fn indexes(device: &Device) -> BTreeSet<String> {
    let mac = device.mac.plain();
    let mut keys = BTreeSet::from([sites::use_by_phone(&device.site, device.mac)]);
    keys.extend(device.assignment.as_ref().map(|owner| format!("{}{mac}", owned(owner))));
    keys.extend(device.lines.iter().map(|line| format!("{}/{mac}", Table::Line.key(&owner_key(&line.owner)))));
    keys
}
