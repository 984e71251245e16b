//! From a plan to what is written, and back again: the records it changes, as they shall be or as they were.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::draft::{entry_of, present};
use super::merge;
use crate::inventory::device::MakerId;
use crate::inventory::period::Period;
use crate::inventory::plan::{Entry, Plan, RecordChange, RecordDeed};
use crate::inventory::secret::{NoRandomness, Secret, TokenLength};
use crate::makers::{self, MAKERS};
use crate::store::{
    ChangeSet, Deed, DeviceSecrets, EnrolRules, Expected, NewSecrets, Step, Store, StoreError, StoreFault,
};

/// Everything a plan writes, with secrets for what is new.
pub fn forwards(store: &dyn Store, plan: &Plan, rules: EnrolRules) -> Result<ChangeSet, StoreError> {
    let steps: Result<Vec<Step>, StoreError> = plan.changes.iter().map(|change| forward(store, change)).collect();
    Ok(change_set(steps?, rules))
}

/// Everything that takes a plan back that was carried out: refused by the store where something was changed since.
pub fn backwards(store: &dyn Store, plan: &Plan, rules: EnrolRules) -> Result<ChangeSet, StoreError> {
    let Some(applied) = &plan.head.applied else { return Ok(change_set(Vec::new(), rules)) };
    let expected = Expected::Revision(applied.revision);
    let steps: Result<Vec<Step>, StoreError> =
        plan.changes.iter().map(|change| backward(store, change, expected)).collect();
    Ok(ChangeSet { windows_back: applied.access.clone(), ..change_set(steps?, rules) })
}

/// Steps with the rules that hold for them.
pub(super) fn change_set(steps: Vec<Step>, rules: EnrolRules) -> ChangeSet {
    let window = |maker: &&'static dyn makers::Maker| Some((maker.maker_id()?, maker.least_window()));
    let windows: BTreeMap<MakerId, Period> = MAKERS.iter().filter_map(window).collect();
    ChangeSet { steps, rules, windows, windows_back: Vec::new() }
}

fn forward(store: &dyn Store, change: &RecordChange) -> Result<Step, StoreError> {
    match &change.deed {
        RecordDeed::Create(value) => {
            let entry = read(change, value.clone())?;
            let secrets = secrets(&entry).map_err(|_| StoreFault::NoRandomness)?;
            Ok(Step { entry, deed: Deed::Add(secrets) })
        }
        RecordDeed::Change(edits) => {
            let to = edits.iter().map(|edit| (edit.field.clone(), edit.to.clone()));
            Ok(Step { entry: edited(store, change, to)?, deed: Deed::Replace(Expected::Any) })
        }
    }
}

fn backward(store: &dyn Store, change: &RecordChange, expected: Expected) -> Result<Step, StoreError> {
    match &change.deed {
        RecordDeed::Create(value) => Ok(Step { entry: read(change, value.clone())?, deed: Deed::TakeBack(expected) }),
        RecordDeed::Change(edits) => {
            let from = edits.iter().map(|edit| (edit.field.clone(), edit.from.clone()));
            Ok(Step { entry: edited(store, change, from)?, deed: Deed::Replace(expected) })
        }
    }
}

/// The record that is there with other values in some fields; one that is gone, as far as it is known.
fn edited(
    store: &dyn Store,
    change: &RecordChange,
    values: impl Iterator<Item = (String, Value)>,
) -> Result<Entry, StoreError> {
    let Some(entry) = present(store, change.kind, &change.id)? else {
        let kind = change.kind.as_str();
        return Err(crate::store::Conflict::Unknown { kind, id: change.id.clone() }.into());
    };
    let mut value = entry.to_value().map_err(|error| StoreFault::Corrupt(error.to_string()))?;
    // Field by field, each as a whole: what a plan says of a field is all of it.
    let fields: Map<String, Value> = values.collect();
    let cleared = fields.keys().map(|name| (name.clone(), Value::Null)).collect();
    merge(&mut value, Value::Object(cleared));
    merge(&mut value, Value::Object(fields));
    read(change, value)
}

fn read(change: &RecordChange, value: Value) -> Result<Entry, StoreError> {
    entry_of(change.kind, value).map_err(|(field, message)| {
        let what = format!("a plan cannot be read: {} {} {field}: {message}", change.kind, change.id);
        StoreFault::Corrupt(what).into()
    })
}

/// Secrets of a new record's own.
fn secrets(entry: &Entry) -> Result<NewSecrets, NoRandomness> {
    let device = match entry {
        Entry::CommonArea(_) | Entry::User(_) => return Ok(NewSecrets::Owner(Secret::password()?)),
        Entry::Device(device) => device,
        Entry::Number(_) => return Ok(NewSecrets::None),
    };
    let length = makers::by_id(device.maker.as_str()).map_or(TokenLength::Full, |maker| maker.token_length());
    let (token, admin_password) = (Secret::token(length)?, Secret::admin_password()?);
    Ok(NewSecrets::Device(DeviceSecrets { token, admin_password }))
}
