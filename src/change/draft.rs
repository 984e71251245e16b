//! What would come of a wish? Every fault of it, or every change it makes. Nothing is decided here that the store does
//! not decide when it writes: the wish is completed, tried, and compared with what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use super::models::catalogued;
use super::phones::{Holder, Holding, settle};
use super::wish::{Fault, Wanted, Wish};
use super::{apply, merge};
use crate::inventory::common_area::CommonAreaId;
use crate::inventory::device::{Appearance, Device, Owner};
use crate::inventory::mac::MacAddr;
use crate::inventory::number::PhoneNumber;
use crate::inventory::plan::{Entry, FieldEdit, RecordChange, RecordDeed, RecordKind};
use crate::inventory::site::SiteId;
use crate::inventory::user::UserId;
use crate::store::{Actor, Conflict, Deed, EnrolRules, Expected, NewSecrets, Refusal, Step, Store, StoreError};
use crate::templates::Templates;

/// What a wish is held against.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// Everything that is kept.
    pub store: &'a dyn Store,
    /// The templates there are.
    pub templates: &'a Templates,
    /// What holds when phones are registered or moved.
    pub rules: EnrolRules,
    /// Whether who wishes may change records of this kind at this site; of what may not be changed, nothing is told.
    pub may: &'a dyn Fn(RecordKind, &SiteId) -> bool,
    /// Why who wishes may not make this of that, if so: what people are given is not everybody's to give.
    pub forbids: &'a dyn Fn(Option<&Entry>, &Entry) -> Option<String>,
    /// Who wishes.
    pub by: &'a Actor,
}

/// What a wish would change.
pub struct Draft {
    /// The revision of the inventory it holds for.
    pub revision: u64,
    /// The changes, in the order of the wish.
    pub changes: Vec<RecordChange>,
    /// Where each change comes from.
    pub origins: Vec<usize>,
    /// The sites of everything that changes.
    pub sites: BTreeSet<SiteId>,
    /// Everything that is kept as it would be afterwards.
    pub after: Box<dyn Store>,
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft").field("revision", &self.revision).field("changes", &self.changes).finish()
    }
}

/// One record on its way from a wish to a change.
#[derive(Clone)]
struct Case {
    origin: usize,
    kind: RecordKind,
    id: String,
    before: Option<Entry>,
    /// What it says now, and what it shall say.
    from: Value,
    to: Value,
}

/// What would come of a wish, or all its faults.
pub fn draft(ground: &Ground<'_>, wish: Wish) -> Result<Result<Draft, Vec<Fault>>, StoreError> {
    match drafted(ground, wish)? {
        Ok(draft) => Ok(Ok(draft)),
        Err(faults) => Ok(Err(faults.into_iter().map(|fault| veiled(ground, fault)).collect::<Result<_, _>>()?)),
    }
}

fn drafted(ground: &Ground<'_>, wish: Wish) -> Result<Result<Draft, Vec<Fault>>, StoreError> {
    let revision = ground.store.inventory_revision()?;
    let mut faults = Vec::new();
    let (mut cases, holders) = cases(ground, wish, &mut faults)?;
    let settled = settle(&holders, &present_phones(ground, &holders)?, &mut faults);
    hand_out(ground, settled, &mut cases)?;
    let entries: Vec<Option<Entry>> = cases.iter().map(|case| entry(ground, case, &mut faults)).collect();
    if !faults.is_empty() {
        return Ok(Err(faults));
    }
    for (case, entry) in cases.iter().zip(&entries) {
        if let Some(entry) = entry {
            within_scope(ground, case, entry, &mut faults)?;
        }
    }
    let mut changed: Vec<(Case, Entry)> =
        cases.into_iter().zip(entries).filter_map(|(case, entry)| Some((case, entry?))).collect();
    changed.retain(|(case, entry)| case.before.as_ref() != Some(entry));
    let steps = changed.iter().map(|(case, entry)| step(case, entry)).collect();
    let rehearsal = ground.store.rehearse(&apply::change_set(steps, ground.rules), ground.by)?;
    match rehearsal.outcome {
        Ok(made) if faults.is_empty() => {
            // Seen from before the first look: whatever changed since makes the plan stale at once.
            Ok(Ok(compared(revision, changed, made.entries, rehearsal.after)))
        }
        Ok(_) => Ok(Err(faults)),
        Err(refused) => {
            faults.extend(refusals(&changed, refused));
            Ok(Err(faults))
        }
    }
}

/// The records that are wished for, each beside what is there; and whose phones are spoken of.
fn cases(ground: &Ground<'_>, wish: Wish, faults: &mut Vec<Fault>) -> Result<(Vec<Case>, Vec<Holder>), StoreError> {
    let (mut cases, mut holders) = (Vec::new(), Vec::new());
    let mut main = None;
    let mut seen = BTreeSet::new();
    for wanted in wish.records {
        let (origin, phones) = (wanted.origin, wanted.phones.clone());
        if !seen.insert((wanted.kind, wanted.id.clone())) {
            let message = format!("{} {} is named twice", wanted.kind, wanted.id);
            faults.push(Fault::new(origin, "id", "twice", message));
            continue;
        }
        let Some(mut case) = case(ground, wanted, faults)? else { continue };
        if case.kind != RecordKind::Device && case.to.get("site").is_none() {
            if main.is_none() {
                main = ground.store.main_site()?.map(|site| site.value.id);
            }
            let site = main.as_ref().map(|site| Value::from(site.as_str()));
            merge(&mut case.to, serde_json::json!({"site": site}));
        }
        let site = case.to.get("site").and_then(Value::as_str).and_then(|site| site.parse().ok());
        if let (Some(phones), Some(owner), Some(site)) = (phones, owner(&case), site) {
            holders.push(Holder { origin, owner, site, phones });
        }
        cases.push(case);
    }
    Ok((cases, holders))
}

fn case(ground: &Ground<'_>, wanted: Wanted, faults: &mut Vec<Fault>) -> Result<Option<Case>, StoreError> {
    let Wanted { origin, kind, id, fields, .. } = wanted;
    let found = match named(ground.store, kind, &id)? {
        Ok(found) => found,
        Err(message) => {
            faults.push(Fault::new(origin, key(kind), "invalid", message));
            return Ok(None);
        }
    };
    if let Some(entry) = &found
        && !(ground.may)(kind, entry.site())
    {
        faults.push(Fault::new(origin, key(kind), "not_found", format!("there is no {kind} {id}")));
        return Ok(None);
    }
    let id = found.as_ref().map_or(id, Entry::id);
    let from = found.as_ref().and_then(|entry| entry.to_value().ok()).unwrap_or_default();
    let mut to = from.clone();
    merge(&mut to, Value::Object(fields));
    merge(&mut to, serde_json::json!({key(kind): id}));
    keep_extension(&from, &mut to);
    Ok(Some(Case { origin, kind, id, before: found, from, to }))
}

/// No extension wished for is the present one; unless there is to be none, which the present one does not gainsay.
fn keep_extension(from: &Value, to: &mut Value) {
    let present = from.get("extension").cloned().unwrap_or_default();
    let none = to.get("without_extension") == Some(&Value::Bool(true));
    match to.get("extension") {
        None if !none => merge(to, serde_json::json!({"extension": present})),
        Some(wished) if none && *wished == present => merge(to, serde_json::json!({"extension": null})),
        _ => {}
    }
}

/// The record of that name as it is, if it is there.
pub fn present(store: &dyn Store, kind: RecordKind, id: &str) -> Result<Option<Entry>, StoreError> {
    Ok(named(store, kind, id)?.ok().flatten())
}

/// The record of that name; or why no record can have it.
fn named(store: &dyn Store, kind: RecordKind, id: &str) -> Result<Result<Option<Entry>, String>, StoreError> {
    let said = |error: &dyn std::fmt::Display| Err(format!("{id:?} {error}"));
    Ok(match kind {
        RecordKind::CommonArea => match id.parse::<CommonAreaId>() {
            Ok(id) => Ok(store.common_area(&id)?.map(|area| Entry::CommonArea(area.value))),
            Err(error) => said(&error),
        },
        RecordKind::Device => match id.parse::<MacAddr>() {
            Ok(mac) => Ok(store.device(mac)?.map(|device| Entry::Device(device.value))),
            Err(error) => said(&error),
        },
        RecordKind::Number => match id.parse::<PhoneNumber>() {
            Ok(number) => Ok(store.number(&number)?.map(|number| Entry::Number(number.value))),
            Err(error) => said(&error),
        },
        RecordKind::User => match id.parse::<UserId>() {
            Ok(id) => Ok(store.user(&id)?.map(|user| Entry::User(user.value))),
            Err(error) => said(&error),
        },
    })
}

/// The field that names a record.
pub(super) fn key(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::CommonArea | RecordKind::User => "id",
        RecordKind::Device => "mac",
        RecordKind::Number => "number",
    }
}

fn owner(case: &Case) -> Option<Owner> {
    match case.kind {
        RecordKind::CommonArea => case.id.parse().ok().map(Owner::CommonArea),
        RecordKind::Device | RecordKind::Number => None,
        RecordKind::User => case.id.parse().ok().map(Owner::User),
    }
}

/// Every phone that is named or that one of the holders has, as it is.
fn present_phones(ground: &Ground<'_>, holders: &[Holder]) -> Result<BTreeMap<MacAddr, Device>, StoreError> {
    let mut macs: BTreeSet<MacAddr> = BTreeSet::new();
    for holder in holders {
        macs.extend(holder.phones.named());
        macs.extend(ground.store.devices_of(&holder.owner)?);
        macs.extend(ground.store.appearances_of(&holder.owner)?);
    }
    let mut present = BTreeMap::new();
    for mac in macs {
        if let Some(device) = ground.store.device(mac)? {
            present.insert(mac, device.value);
        }
    }
    Ok(present)
}

/// Writes into the phones whose they will be; phones nobody wished for by themselves join the cases.
fn hand_out(ground: &Ground<'_>, settled: BTreeMap<MacAddr, Holding>, cases: &mut Vec<Case>) -> Result<(), StoreError> {
    let devices = cases.iter().enumerate().filter(|(_, case)| case.kind == RecordKind::Device);
    let places: BTreeMap<String, usize> = devices.map(|(place, case)| (case.id.clone(), place)).collect();
    for (mac, holding) in settled {
        let patch = holding_patch(&holding);
        match places.get(&mac.to_string()).and_then(|place| cases.get_mut(*place)) {
            Some(case) => {
                if let (None, None, Some(site)) = (&case.before, case.to.get("site"), &holding.site) {
                    merge(&mut case.to, serde_json::json!({"site": site}));
                }
                merge(&mut case.to, patch);
            }
            None => {
                let Some(device) = ground.store.device(mac)? else { continue };
                let entry = Entry::Device(device.value);
                let from = entry.to_value().unwrap_or_default();
                let mut to = from.clone();
                merge(&mut to, patch);
                let id = mac.to_string();
                cases.push(Case {
                    origin: holding.origin,
                    kind: RecordKind::Device,
                    id,
                    before: Some(entry),
                    from,
                    to,
                });
            }
        }
    }
    let main = ground.store.main_site()?.map(|site| site.value.id);
    for case in cases.iter_mut().filter(|case| case.to.get("site").is_none()) {
        merge(&mut case.to, serde_json::json!({"site": main}));
    }
    Ok(())
}

fn holding_patch(holding: &Holding) -> Value {
    let mut patch = serde_json::json!({"lines": holding.lines});
    // The owner is replaced as a whole, not merged with the one before.
    let owner = holding.owner.as_ref().and_then(|owner| serde_json::to_value(owner).ok()).unwrap_or_default();
    let mut fields = serde_json::json!({"user": null, "common_area": null});
    merge_over(&mut fields, owner);
    if let Value::Object(patch) = &mut patch {
        let assignment = if holding.owner.is_some() { fields } else { Value::Null };
        patch.insert("assignment".to_owned(), assignment);
    }
    patch
}

/// Puts the fields of one object over those of another, `null` included.
fn merge_over(under: &mut Value, over: Value) {
    if let (Value::Object(under), Value::Object(over)) = (under, over) {
        under.extend(over);
    }
}

/// The record a case comes to, spelt as the catalogues have it.
fn entry(ground: &Ground<'_>, case: &Case, faults: &mut Vec<Fault>) -> Option<Entry> {
    let entry = match entry_of(case.kind, case.to.clone()) {
        Ok(entry) => entry,
        Err((field, message)) => {
            faults.push(Fault::new(case.origin, &field, "invalid", message));
            return None;
        }
    };
    let Entry::Device(device) = entry else { return Some(entry) };
    if case.before.as_ref() == Some(&Entry::Device(device.clone())) {
        return Some(Entry::Device(device));
    }
    match catalogued(device, ground.templates) {
        Ok((device, _)) => Some(Entry::Device(device)),
        Err(fault) => {
            let told = Fault::new(case.origin, fault.field(), fault.code(), fault.to_string());
            faults.push(Fault { phone: case.id.parse().ok(), ..told });
            None
        }
    }
}

/// A record of that kind from what it says; else the field that is wrong, and why.
pub(super) fn entry_of(kind: RecordKind, value: Value) -> Result<Entry, (String, String)> {
    let fault = |error: serde_path_to_error::Error<serde_json::Error>| {
        let path = error.path().to_string();
        let missing = error.inner().to_string();
        let named = missing.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
        let field = named.map_or(if path == "." { String::new() } else { path }, str::to_owned);
        (field, missing)
    };
    match kind {
        RecordKind::CommonArea => serde_path_to_error::deserialize(value).map(Entry::CommonArea).map_err(fault),
        RecordKind::Device => serde_path_to_error::deserialize(value).map(Entry::Device).map_err(fault),
        RecordKind::Number => serde_path_to_error::deserialize(value).map(Entry::Number).map_err(fault),
        RecordKind::User => serde_path_to_error::deserialize(value).map(Entry::User).map_err(fault),
    }
}

/// Refuses what would put a record where who wishes may not.
fn within_scope(ground: &Ground<'_>, case: &Case, entry: &Entry, faults: &mut Vec<Fault>) -> Result<(), StoreError> {
    if case.before.as_ref() == Some(entry) {
        return Ok(());
    }
    if !(ground.may)(case.kind, entry.site()) {
        let message = format!("there is no site {}", entry.site());
        faults.push(Fault::new(case.origin, "site", "unknown_reference", message));
    }
    if let Some(message) = (ground.forbids)(case.before.as_ref(), entry) {
        faults.push(Fault::new(case.origin, "", "forbidden", message));
    }
    let Entry::Device(device) = entry else { return Ok(()) };
    let before = match &case.before {
        Some(Entry::Device(before)) => Some(before),
        _ => None,
    };
    let owners = |device: &Device| -> Vec<Owner> {
        device.assignment.iter().chain(device.lines.iter().map(|line: &Appearance| &line.owner)).cloned().collect()
    };
    for owner in before.into_iter().chain([device]).flat_map(owners).collect::<BTreeSet<_>>() {
        let site = match &owner {
            Owner::CommonArea(id) => ground.store.common_area(id)?.map(|area| area.value.site),
            Owner::User(id) => ground.store.user(id)?.map(|user| user.value.site),
        };
        if site.is_some_and(|site| !(ground.may)(RecordKind::Device, &site)) {
            let message = format!("there is no {owner}, or it is out of your scope");
            faults.push(Fault::new(case.origin, "assignment", "unknown_reference", message));
        }
    }
    Ok(())
}

fn step(case: &Case, entry: &Entry) -> Step {
    let deed = match &case.before {
        Some(_) => Deed::Replace(Expected::Any),
        None => Deed::Add(NewSecrets::rehearsed(entry)),
    };
    Step { entry: entry.clone(), deed }
}

/// What stands in the way, without what only follows from it.
fn refusals(changed: &[(Case, Entry)], refused: Vec<Refusal>) -> Vec<Fault> {
    let gone: BTreeSet<String> = refused.iter().map(|refusal| refusal.id.clone()).collect();
    let fault = |refusal: Refusal| {
        let follows =
            matches!(&*refusal.why, Conflict::Unknown { kind: "user" | "common area", id } if gone.contains(id));
        let (case, _) = changed.get(refusal.step).filter(|_| !follows)?;
        let why = &refusal.why;
        let fault = Fault::new(case.origin, field_of(why), why.code(), why.to_string());
        let fault = Fault { owner: why.tells_of().cloned(), ..fault };
        Some(Fault { phone: case.id.parse().ok().filter(|_| case.kind == RecordKind::Device), ..fault })
    };
    refused.into_iter().filter_map(fault).collect()
}

/// The field a conflict is about.
fn field_of(conflict: &Conflict) -> &'static str {
    match conflict {
        Conflict::CallerIdTaken { .. } => "outbound_caller_id",
        Conflict::DeviceLimit { .. } => "assignment",
        Conflict::Exists { .. } => "id",
        Conflict::ExtensionTaken { .. } | Conflict::ExtensionTooLong { .. } | Conflict::RangeExhausted(_) => {
            "extension"
        }
        Conflict::MacTaken { .. } => "mac",
        Conflict::NoSeat { .. } | Conflict::PackageElsewhere { .. } => "packages",
        Conflict::NoSiteCode(_) => "site",
        Conflict::NumberLimit { .. }
        | Conflict::NumberNeedsPlan { .. }
        | Conflict::NumberNotListed(_)
        | Conflict::NumberPending(_)
        | Conflict::NumberTaken { .. }
        | Conflict::NumberTwice(_) => "numbers",
        Conflict::TemplateElsewhere { .. } => "settings_template",
        Conflict::TooManyLines { .. } => "lines",
        Conflict::Unknown { kind: "package", .. } => "packages",
        Conflict::Unknown { kind: "settings template", .. } => "settings_template",
        Conflict::Unknown { kind: "site", .. } => "site",
        Conflict::Unknown { .. } => "assignment",
        _ => "",
    }
}

/// Leaves out of a fault what is out of the scope of who wishes.
fn veiled(ground: &Ground<'_>, fault: Fault) -> Result<Fault, StoreError> {
    let Some(owner) = &fault.owner else { return Ok(fault) };
    let (kind, site) = match owner {
        Owner::CommonArea(id) => (RecordKind::CommonArea, ground.store.common_area(id)?.map(|area| area.value.site)),
        Owner::User(id) => (RecordKind::User, ground.store.user(id)?.map(|user| user.value.site)),
    };
    if site.is_none_or(|site| (ground.may)(kind, &site)) {
        return Ok(fault);
    }
    let what = fault.phone.map(|mac| format!("{mac} ")).unwrap_or_default();
    Ok(Fault { message: format!("{what}is taken or used by something that is out of your scope"), ..fault })
}

fn compared(revision: u64, changed: Vec<(Case, Entry)>, made: Vec<Option<Entry>>, after: Box<dyn Store>) -> Draft {
    let mut draft = Draft { revision, changes: Vec::new(), origins: Vec::new(), sites: BTreeSet::new(), after };
    for ((case, _), entry) in changed.into_iter().zip(made) {
        let Some(entry) = entry else { continue };
        let to = entry.to_value().unwrap_or_default();
        let deed =
            if case.before.is_some() { RecordDeed::Change(edits(&case.from, &to)) } else { RecordDeed::Create(to) };
        if matches!(&deed, RecordDeed::Change(edits) if edits.is_empty()) {
            continue;
        }
        draft.sites.extend(case.before.iter().map(|before| before.site().clone()));
        draft.sites.insert(entry.site().clone());
        draft.changes.push(RecordChange { kind: case.kind, id: case.id, deed });
        draft.origins.push(case.origin);
    }
    draft
}

/// The fields that differ.
fn edits(from: &Value, to: &Value) -> Vec<FieldEdit> {
    let names = |value: &Value| value.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default();
    let all: BTreeSet<String> = [names(from), names(to)].into_iter().flat_map(|names: Vec<String>| names).collect();
    let of = |value: &Value, name: &str| value.get(name).cloned().unwrap_or_default();
    let edit = |field: String| FieldEdit { from: of(from, &field), to: of(to, &field), field };
    all.into_iter().map(edit).filter(|edit| edit.from != edit.to).collect()
}
