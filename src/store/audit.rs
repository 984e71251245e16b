//! What did an administrator's change do? Found out from the rows themselves, so that no verb can forget to say it, and
//! written in the same transaction (policy L2). Secrets show as changed, never as what they are.

use serde_json::{Map, Value};

use super::backend::{Backend, Heap};
use super::chain::{self, Ends};
use super::rows::{ACCOUNT, AUDIT_ENDS, LAB, Table, decode};
use super::txn::{Row, Rows, Span, Txn, read};
use super::{Actor, AuditEntry, AuditQuery, StoreFault};
use crate::inventory::audit::{Act, AuditObject, AuditRecord, ChainState, FieldChange};
use crate::inventory::mac::MacAddr;

/// How many acts are kept, and how many are dropped at once when there are more.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// The most that are kept.
    pub most: u64,
    /// How many go at once.
    pub batch: u64,
}

impl Keep {
    /// So many; the oldest go a thousand at a time.
    pub fn most(most: u64) -> Keep {
        Keep { most, batch: 1_000 }
    }
}

/// How many differences one record of the trail has at most: what changes more is told in parts.
const AT_ONCE: usize = 1_000;

/// How many rows are read at once where many are.
const PAGE: usize = 500;

/// Appends what the change did so far as an act of this administrator; a change that changed nothing leaves no record.
pub fn append_changes(txn: &mut Txn<'_>, by: &Actor, act: Act, keep: Keep) -> Result<(), StoreFault> {
    if txn.is_untouched() {
        return Ok(());
    }
    let mut rest = differences(txn, &act.object)?;
    let parts = rest.len().div_ceil(AT_ONCE).max(1);
    for part in 1..=parts {
        let later = rest.split_off(rest.len().min(AT_ONCE));
        let detail = (parts > 1).then(|| format!("part {part} of {parts}"));
        let changes = std::mem::replace(&mut rest, later);
        append(txn, by, Act { changes, detail: act.detail.clone().or(detail), ..act.clone() }, keep)?;
    }
    Ok(())
}

/// Appends an act.
pub fn append(txn: &mut Txn<'_>, by: &Actor, act: Act, keep: Keep) -> Result<(), StoreFault> {
    let mut ends: Ends = read(txn, AUDIT_ENDS)?.unwrap_or_default();
    prune(txn, by, &mut ends, keep)?;
    chain(txn, by, &mut ends, act)?;
    txn.put(AUDIT_ENDS, &ends)
}

fn chain(txn: &mut Txn<'_>, by: &Actor, ends: &mut Ends, act: Act) -> Result<(), StoreFault> {
    let key = key(ends.last.next_id());
    let record = AuditRecord {
        id: ends.last.next_id(),
        time: by.time,
        boot_ms: by.boot_ms,
        actor: by.name.clone(),
        on_behalf_of: by.on_behalf_of.clone(),
        act,
    };
    let (text, link) = ends.last.chain(&key, &record)?;
    txn.put_text(&key, text);
    ends.last = link;
    Ok(())
}

/// Drops the oldest acts when there are too many. That they went, and where the chain now begins, is itself an act.
fn prune(txn: &mut Txn<'_>, by: &Actor, ends: &mut Ends, keep: Keep) -> Result<(), StoreFault> {
    if ends.last.id.saturating_sub(ends.base.id) < keep.most.saturating_add(keep.batch) {
        return Ok(());
    }
    let dropped = ends.base.id.saturating_add(keep.batch);
    let text =
        txn.get(&key(dropped))?.ok_or_else(|| StoreFault::Corrupt(format!("row {} is missing", key(dropped))))?;
    let (_, hash) = chain::read::<AuditRecord>(&Row { key: key(dropped), value: text })?;
    for id in ends.base.next_id()..=dropped {
        txn.delete(&key(id))?;
    }
    ends.base = chain::Link { id: dropped, hash: hash.clone() };
    let mut act = Act::new("prune", AuditObject::new("audit", dropped));
    act.detail = Some(format!("records up to {dropped}, whose hash is {hash}, were dropped for age"));
    let ztpd = Actor { name: "ztpd".to_owned(), on_behalf_of: None, ..by.clone() };
    chain(txn, &ztpd, ends, act)
}

/// Acts, newest first.
pub fn list(rows: &dyn Backend, query: &AuditQuery) -> Result<Vec<AuditEntry>, StoreFault> {
    let mut found = Vec::new();
    let mut before = query.before.map_or_else(|| format!("{}:", Table::Audit.prefix()), key);
    while found.len() < query.limit {
        let page = rows.scan_back(Heap::Durable, Table::Audit.prefix(), &before, PAGE)?;
        let Some(last) = page.last() else { break };
        before = last.key.clone();
        for row in page {
            let (record, hash) = chain::read::<AuditRecord>(&row)?;
            if query.wants(&record) && found.len() < query.limit {
                found.push(AuditEntry { record, hash });
            }
        }
    }
    Ok(found)
}

/// Whether the acts are as they were written.
pub fn verify(rows: &dyn Backend) -> Result<ChainState, StoreFault> {
    loop {
        let before = ends(rows)?;
        let page = |after: &str| {
            rows.scan(Heap::Durable, Span { prefix: Table::Audit.prefix(), after: Some(after), limit: PAGE })
        };
        let state = chain::verify(&before, key, page)?;
        // What was dropped for age meanwhile is not missing.
        if state.fault.is_none() || ends(rows)?.base == before.base {
            return Ok(state);
        }
    }
}

fn ends(rows: &dyn Backend) -> Result<Ends, StoreFault> {
    let text = rows.get(Heap::Durable, AUDIT_ENDS)?;
    Ok(text.map(|text| decode(AUDIT_ENDS, &text)).transpose()?.unwrap_or_default())
}

fn key(id: u64) -> String {
    Table::Audit.key(&format!("{id:020}"))
}

impl AuditQuery {
    fn wants(&self, record: &AuditRecord) -> bool {
        let is = |wish: &Option<String>, found: &str| wish.as_ref().is_none_or(|wish| wish == found);
        let act = &record.act;
        is(&self.actor, &record.actor)
            && is(&self.action, &act.action)
            && is(&self.kind, &act.object.kind)
            && is(&self.id, &act.object.id)
    }
}

/// How the rows of a table are told of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Told {
    /// Not at all: they follow from others.
    Not,
    /// Field by field, below this name of the thing they belong to.
    Fields(&'static str),
    /// As a field of its thing that changed.
    Secret,
}

/// What differs between the rows as they were and as the change leaves them, for people.
fn differences(txn: &Txn<'_>, object: &AuditObject) -> Result<Vec<FieldChange>, StoreFault> {
    let mut changes = Vec::new();
    for (key, after) in txn.changed() {
        let Some((whose, told)) = subject(key) else { continue };
        let own = whose == *object;
        let mut put = |field: String, from: Value, to: Value| {
            let object = (!own).then(|| whose.clone());
            changes.push(FieldChange { object, field, from, to });
        };
        match told {
            Told::Not => {}
            Told::Secret => put(key.rsplit('/').next().unwrap_or_default().to_owned(), Value::Null, "changed".into()),
            Told::Fields(below) => {
                let before = txn.before(key)?.map(|text| shown(key, &text)).transpose()?.unwrap_or_default();
                let after = after.map(|text| shown(key, text)).transpose()?.unwrap_or_default();
                compare(below, &before, &after, &mut put);
            }
        }
    }
    Ok(changes)
}

/// What a row is about, and how it is told of.
fn subject(key: &str) -> Option<(AuditObject, Told)> {
    if key == ACCOUNT {
        return Some((AuditObject::new("account", ""), Told::Fields("")));
    }
    if key == LAB {
        return Some((AuditObject::new("lab", ""), Told::Fields("")));
    }
    let (table, name) = Table::of_key(key)?;
    let told = table.told();
    if told == Told::Not {
        return None;
    }
    // A secret's row is named after the row of the thing it belongs to, and its field.
    let (table, name) = match told {
        Told::Secret => Table::of_key(name.rsplit_once('/')?.0)?,
        _ => (table, name),
    };
    let id = MacAddr::from_plain(name).map_or_else(|_| name.to_owned(), |mac| mac.to_string());
    Some((AuditObject::new(table.kind(), id), told))
}

/// A record's fields, without its revision.
fn shown(key: &str, text: &str) -> Result<Map<String, Value>, StoreFault> {
    let mut fields: Map<String, Value> = decode(key, text)?;
    match fields.remove("value") {
        Some(Value::Object(value)) if fields.contains_key("revision") => Ok(value),
        Some(value) => {
            fields.insert("value".to_owned(), value);
            Ok(fields)
        }
        None => Ok(fields),
    }
}

fn compare(
    below: &str,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    put: &mut impl FnMut(String, Value, Value),
) {
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let path = if below.is_empty() { name.clone() } else { format!("{below}.{name}") };
        let value = |fields: &Map<String, Value>| fields.get(name).cloned().unwrap_or_default();
        let empty = Map::new();
        match (value(before), value(after)) {
            (from, to) if from == to => {}
            // What a token is compared by is nobody's business either.
            _ if name == "hash" => put(path, Value::Null, "changed".into()),
            (Value::Object(from), Value::Object(to)) => compare(&path, &from, &to, put),
            (Value::Null, Value::Object(to)) => compare(&path, &empty, &to, put),
            (Value::Object(from), Value::Null) => compare(&path, &from, &empty, put),
            (from, to) => put(path, from, to),
        }
    }
}
