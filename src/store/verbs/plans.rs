//! Plans that are kept: what they would do, whether they still can, and that carrying one out is the same change as
//! what it carries out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Name, together};
use crate::inventory::plan::{Applied, Done, FileChange, Plan, PlanHead, PlanId, PlanState, RecordChange, Warning};
use crate::store::change_set::ChangeSet;
use crate::store::rows::{INVENTORY, Table, decode};
use crate::store::txn::{Rows, Span, Txn, read};
use crate::store::{Actor, Conflict, StoreFault, Stored};

/// How many plans are kept, and how many of their parts.
const MOST: usize = 50;
const MOST_PARTS: usize = 1_000;

/// How many records' changes lie in one row.
const PART: usize = 500;

/// A plan's own row.
#[derive(Deserialize, Serialize)]
struct Kept {
    /// How many rows its changes take.
    parts: usize,
    #[serde(flatten)]
    head: PlanHead,
}

/// What a plan says besides its changes.
#[derive(Default, Deserialize, Serialize)]
struct Rest {
    warnings: Vec<Warning>,
    files: Vec<FileChange>,
}

/// Keeps a plan under the number of this change.
pub fn keep(txn: &mut Txn<'_>, plan: Plan) -> Result<PlanHead, StoreFault> {
    let head = PlanHead { id: PlanId(txn.revision()), ..plan.head };
    let parts_wanted = plan.changes.len().div_ceil(PART);
    make_room(txn, parts_wanted)?;
    txn.put(&key(head.id), &Kept { parts: parts_wanted, head: head.clone() })?;
    for (number, part) in plan.changes.chunks(PART).enumerate() {
        txn.put(&format!("{}{number:06}", parts(head.id)), &part)?;
    }
    txn.put(&rest(head.id), &Rest { warnings: plan.warnings, files: plan.files })?;
    Ok(head)
}

/// The plans, newest first.
pub fn plans(rows: &dyn Rows) -> Result<Vec<PlanHead>, StoreFault> {
    let found = rows.scan(Span::all(Table::Plan.prefix()))?;
    let decoded = found.iter().rev().map(|row| as_it_stands(rows, decode::<Kept>(&row.key, &row.value)?.head));
    decoded.collect()
}

/// A plan.
pub fn plan(rows: &dyn Rows, id: PlanId) -> Result<Option<Plan>, StoreFault> {
    let Some(Kept { head, .. }) = kept(rows, id)? else { return Ok(None) };
    let mut changes = Vec::new();
    let rest_key = rest(id);
    for row in rows.scan(Span::all(&parts(id)))?.iter().filter(|row| row.key != rest_key) {
        changes.extend(decode::<Vec<RecordChange>>(&row.key, &row.value)?);
    }
    let Rest { warnings, files } = read(rows, &rest_key)?.unwrap_or_default();
    Ok(Some(Plan { head, changes, warnings, files }))
}

/// Carries a plan out.
pub fn apply(txn: &mut Txn<'_>, id: PlanId, set: &ChangeSet, by: &Actor) -> Stored<PlanHead> {
    let Kept { parts, head } = require(txn, id)?;
    match head.state {
        PlanState::Open => {}
        PlanState::Stale => return Err(Conflict::PlanStale(id).into()),
        state => return Err(Conflict::PlanState { id, state }.into()),
    }
    let made = together::make(txn, set, by)?;
    let applied = Applied { done: done(by), revision: txn.revision(), access: made.access };
    let head = PlanHead { state: PlanState::Applied, applied: Some(applied), ..head };
    txn.put(&key(id), &Kept { parts, head: head.clone() })?;
    Ok(head)
}

/// Takes a plan back.
pub fn undo(txn: &mut Txn<'_>, id: PlanId, set: &ChangeSet, by: &Actor) -> Stored<PlanHead> {
    let Kept { parts, head } = require(txn, id)?;
    if head.state != PlanState::Applied {
        return Err(Conflict::PlanState { id, state: head.state }.into());
    }
    together::make(txn, set, by)?;
    let head = PlanHead { state: PlanState::Undone, undone: Some(done(by)), ..head };
    txn.put(&key(id), &Kept { parts, head: head.clone() })?;
    Ok(head)
}

fn require(rows: &dyn Rows, id: PlanId) -> Stored<Kept> {
    let name = id.to_string();
    Ok(kept(rows, id)?.ok_or_else(|| Name { kind: "plan", id: &name }.unknown())?)
}

fn kept(rows: &dyn Rows, id: PlanId) -> Result<Option<Kept>, StoreFault> {
    let Some(Kept { parts, head }) = read(rows, &key(id))? else { return Ok(None) };
    Ok(Some(Kept { parts, head: as_it_stands(rows, head)? }))
}

/// An open plan is stale once the inventory is another one than it was made for.
fn as_it_stands(rows: &dyn Rows, head: PlanHead) -> Result<PlanHead, StoreFault> {
    let revision: u64 = read(rows, INVENTORY)?.unwrap_or_default();
    let stale = head.state == PlanState::Open && head.revision != revision;
    Ok(if stale { PlanHead { state: PlanState::Stale, ..head } } else { head })
}

/// Drops the oldest plans until another one has room.
fn make_room(txn: &mut Txn<'_>, wanted: usize) -> Result<(), StoreFault> {
    let mut sizes: BTreeMap<String, usize> = BTreeMap::new();
    for row in txn.scan(Span::all(Table::Plan.prefix()))? {
        let name = row.key.strip_prefix(Table::Plan.prefix()).unwrap_or_default();
        sizes.insert(name.to_owned(), decode::<Kept>(&row.key, &row.value)?.parts);
    }
    let mut parts: usize = sizes.values().sum();
    while sizes.len() >= MOST || parts.saturating_add(wanted) > MOST_PARTS {
        let Some((oldest, size)) = sizes.pop_first() else { return Ok(()) };
        parts = parts.saturating_sub(size);
        txn.delete(&Table::Plan.key(&oldest))?;
        txn.delete_all(&Table::PlanPart.below(&oldest))?;
    }
    Ok(())
}

fn done(by: &Actor) -> Done {
    Done { time: by.time, by: by.name.clone() }
}

fn name(id: PlanId) -> String {
    format!("{:020}", id.0)
}

fn key(id: PlanId) -> String {
    Table::Plan.key(&name(id))
}

fn parts(id: PlanId) -> String {
    Table::PlanPart.below(&name(id))
}

fn rest(id: PlanId) -> String {
    format!("{}rest", parts(id))
}
