//! `plans`: many changes at once, looked at before they are made. A plan is made from a file of comma-separated values
//! or from a list of changes, says what it would do and what would be lost, is carried out whole or not at all, and can
//! be undone.
//!
//! Whoever may not see a record at one of a plan's sites does not see the plan; whoever may not change one of its
//! records does not carry it out.

use axum::http::{StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::answer::{json, page_of, shown_value};
use super::ask::{Ask, bad_query};
use super::auth::Reach;
use super::claims::nothing_said;
use super::gifts;
use super::problem::Problem;
use super::route::{Gives, Route};
use crate::change::csv::{self, FileKind, Mode};
use crate::change::{self, Draft, Ground, Wanted, Wish, apply, losses};
use crate::inventory::plan::{
    Action, Done, Entry, FileChange, Loss, Plan, PlanHead, PlanId, PlanState, RecordChange, RecordDeed, RecordKind,
    Warning,
};
use crate::inventory::role::Permission;
use crate::inventory::site::SiteId;
use crate::store::{ChangeSet, Conflict, StoreError};

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    let (view, run) = (Permission::ImportsView, Permission::ImportsRun);
    let summary = Gives::One("PlanSummary");
    vec![
        Route::get("/plans", view, list)
            .about("the plans that are kept, newest first, without their changes")
            .asks(&["limit", "cursor"])
            .gives(200, Gives::Page("PlanSummary")),
        Route::post("/plans", run, make)
            .about("what a file or a list of changes would do; nothing is changed")
            .asks(&["kind", "mode"])
            .takes_csv_or("PlanRequest")
            .gives(201, Gives::One("Plan")),
        Route::get("/plans/{id}", view, show)
            .about("everything a plan would do, or did, what is lost first")
            .gives(200, Gives::One("Plan")),
        Route::post("/plans/{id}/apply", run, carry_out)
            .about("carry a plan out, whole or not at all")
            .takes("PlanApply")
            .gives(200, summary),
        Route::post("/plans/{id}/undo", run, undo)
            .about("restore what was before a plan, unless something was changed since")
            .takes("Empty")
            .gives(200, summary),
    ]
}

/// What somebody may change, kind by kind.
pub struct Editing {
    areas: Reach,
    assignments: Reach,
    devices: Reach,
    numbers: Reach,
    users: Reach,
}

impl Editing {
    /// What the caller may change.
    pub fn of(ask: &Ask) -> Editing {
        let reach = |permission| ask.held.reach(permission);
        Editing {
            areas: reach(Permission::CommonAreasEdit),
            assignments: reach(Permission::DevicesAssign),
            devices: reach(Permission::DevicesEdit),
            numbers: reach(Permission::NumbersEdit),
            users: reach(Permission::UsersEdit),
        }
    }

    /// Whether records of a kind may be changed at a site. Plans give phones to people as well as they add them.
    pub fn has(&self, kind: RecordKind, site: &SiteId) -> bool {
        match kind {
            RecordKind::CommonArea => self.areas.has(site),
            RecordKind::Device => self.devices.has(site) && self.assignments.has(site),
            RecordKind::Number => self.numbers.has(site),
            RecordKind::User => self.users.has(site),
        }
    }

    /// Refuses who may change no record of that kind anywhere.
    fn require(&self, kind: FileKind) -> Result<(), Problem> {
        let (reach, permission) = match kind {
            FileKind::CommonAreas => (&self.areas, Permission::CommonAreasEdit),
            FileKind::Devices => (&self.devices, Permission::DevicesEdit),
            FileKind::Numbers => (&self.numbers, Permission::NumbersEdit),
            FileKind::Users => (&self.users, Permission::UsersEdit),
        };
        if reach.is_anywhere() {
            return Ok(());
        }
        let kind = kind.as_str();
        Err(Problem::forbidden(format!("a file of {kind} needs {permission}; who holds roles:assign can grant it")))
    }
}

/// A list of changes, in place of a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanRequest {
    changes: Vec<Change>,
}

/// What shall be of one record.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    kind: RecordKind,
    id: String,
    fields: Map<String, Value>,
}

/// What a plan is carried out with.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanApply {
    #[serde(default)]
    confirm_clears: bool,
}

fn make(ask: &Ask) -> Result<Response, Problem> {
    let kind = ask.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_csv = kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/csv");
    let (draft, warnings, source) = if is_csv { from_file(ask)? } else { from_changes(ask)? };
    let snapshot = ask.plane.snapshot.load();
    let (files, unmade) = change::files(&*ask.plane.store, &snapshot, &draft)?;
    let warnings = warnings.into_iter().chain(unmade).collect();
    let plan = change::plan(draft, warnings, files, source, change::basis(&snapshot), &ask.actor());
    let head = ask.plane.store.keep_plan(plan.clone())?;
    let location = format!("/api/v1/plans/{}", head.id);
    Ok(shown_value(StatusCode::CREATED, &shown(ask, &Plan { head, ..plan })?, Some(location)))
}

fn from_file(ask: &Ask) -> Result<(Draft, Vec<Warning>, String), Problem> {
    let words = "users, common-areas, devices, numbers";
    let guessed =
        || csv::kind_of(&ask.bytes).ok_or_else(|| bad_query("kind", &format!("say what the file is of: {words}")));
    let kind = ask.asked_word::<FileKind>("kind", words)?.map_or_else(guessed, Ok)?;
    let mode = ask.asked_word::<Mode>("mode", "exact, merge")?.unwrap_or(Mode::Exact);
    let editing = Editing::of(ask);
    editing.require(kind)?;
    let outcome = on_ground(ask, &editing, |ground| csv::import(ground, kind, mode, &ask.bytes))??;
    let mode = if mode == Mode::Exact { "exact" } else { "merge" };
    let source = format!("file of {}, {mode}", kind.as_str());
    Ok((outcome.draft, outcome.warnings, source))
}

fn from_changes(ask: &Ask) -> Result<(Draft, Vec<Warning>, String), Problem> {
    if let Some(odd) = ["kind", "mode"].into_iter().find(|name| ask.asked(name).is_some()) {
        return Err(bad_query(odd, "is for files (Content-Type: text/csv); a change names its own kind"));
    }
    let request: PlanRequest = ask.body()?;
    let source = format!("{} changes", request.changes.len());
    let wanted = |(origin, change): (usize, Change)| Wanted {
        origin,
        kind: change.kind,
        id: change.id,
        fields: change.fields,
        phones: None,
    };
    let wish = Wish { records: request.changes.into_iter().enumerate().map(wanted).collect() };
    let drafted = on_ground(ask, &Editing::of(ask), |ground| change::draft(ground, wish))?;
    let draft = drafted.map_err(|faults| Problem::of_changes(&faults))?;
    Ok((draft, Vec::new(), source))
}

/// Holds a wish against the inventory as it is now.
fn on_ground<T, E>(ask: &Ask, editing: &Editing, what: impl FnOnce(&Ground<'_>) -> Result<T, E>) -> Result<T, Problem>
where
    Problem: From<E>,
{
    let (plane, by) = (&ask.plane, ask.actor());
    let snapshot = plane.snapshot.load();
    let may = |kind, site: &SiteId| editing.has(kind, site);
    let forbids = |before: Option<&Entry>, after: &Entry| {
        forbidden(ask, before, after).err().map(|problem| problem.detail().to_owned())
    };
    let (store, templates) = (&*plane.store, &snapshot.templates);
    let ground = Ground { store, templates, rules: plane.rules(), may: &may, forbids: &forbids, by: &by };
    Ok(what(&ground)?)
}

fn list(ask: &Ask) -> Result<Response, Problem> {
    let mut rows = Vec::new();
    for head in ask.plane.store.plans()?.into_iter().filter(|head| sees(ask, head)) {
        // The newest has the smallest key.
        rows.push((format!("{:020}", u64::MAX.saturating_sub(head.id.0)), summary(ask, &head)?));
    }
    page_of(ask, rows)
}

fn show(ask: &Ask) -> Result<Response, Problem> {
    Ok(shown_value(StatusCode::OK, &shown(ask, &found(ask)?)?, None))
}

fn carry_out(ask: &Ask) -> Result<Response, Problem> {
    let plan = found(ask)?;
    let wish: PlanApply = ask.body()?;
    if plan.head.state == PlanState::Open && state(ask, &plan.head) == PlanState::Stale {
        return Err(StoreError::Conflict(Conflict::PlanStale(plan.head.id)).into());
    }
    let lost = losses(&plan.changes);
    if !lost.is_empty() && !wish.confirm_clears && plan.head.state == PlanState::Open {
        let grave = lost.iter().filter(|loss| loss.grave).count();
        let detail = format!(
            "plan {} clears {} values, {grave} of them numbers, packages or phones; look at its losses, and confirm \
             them (`--confirm-clears`, or `confirm_clears` in the request)",
            plan.head.id,
            lost.len()
        );
        return Err(Problem::new(StatusCode::CONFLICT, "clears_unconfirmed", detail));
    }
    let set = apply::forwards(&*ask.plane.store, &plan, ask.plane.rules())?;
    within_scope(ask, &plan, &set)?;
    let head = ask.plane.store.apply_plan(plan.head.id, set, &ask.actor())?;
    for change in plan.changes.iter().filter(|change| change.kind == RecordKind::Device) {
        if let (RecordDeed::Create(_), Ok(mac)) = (&change.deed, change.id.parse()) {
            ask.plane.pending.forget(mac);
        }
    }
    Ok(shown_value(StatusCode::OK, &summary(ask, &head)?, None))
}

fn undo(ask: &Ask) -> Result<Response, Problem> {
    let plan = found(ask)?;
    nothing_said(ask)?;
    if plan.head.applied.is_none() || plan.head.state != PlanState::Applied {
        let (id, state) = (plan.head.id, plan.head.state);
        return Err(StoreError::Conflict(Conflict::PlanState { id, state }).into());
    }
    let set = apply::backwards(&*ask.plane.store, &plan, ask.plane.rules())?;
    within_scope(ask, &plan, &set)?;
    let head = ask.plane.store.undo_plan(plan.head.id, set, &ask.actor())?;
    Ok(shown_value(StatusCode::OK, &summary(ask, &head)?, None))
}

/// The plan that the path names, if the caller may see all of it.
fn found(ask: &Ask) -> Result<Plan, Problem> {
    let missing = || Problem::not_found("plan", ask.id());
    let id: PlanId = ask.id().parse().map_err(|_| missing())?;
    ask.plane.store.plan(id)?.filter(|plan| sees(ask, &plan.head)).ok_or_else(missing)
}

/// Whether the caller may see all of a plan: what it changes, or that it changes nothing, is theirs.
fn sees(ask: &Ask, head: &PlanHead) -> bool {
    let reach = ask.reach();
    let own = head.by == ask.caller.who.to_string();
    reach == Reach::Account || (head.sites.iter().all(|site| reach.has(site)) && (own || !head.sites.is_empty()))
}

/// Refuses to change what the caller may not change by hand.
fn within_scope(ask: &Ask, plan: &Plan, set: &ChangeSet) -> Result<(), Problem> {
    let editing = Editing::of(ask);
    for (step, change) in set.steps.iter().zip(&plan.changes) {
        let mut sites = vec![step.entry.site().clone()];
        if let RecordDeed::Change(edits) = &change.deed {
            let moved = edits.iter().filter(|edit| edit.field == "site").flat_map(|edit| [&edit.from, &edit.to]);
            sites.extend(moved.filter_map(|site| site.as_str()?.parse().ok()));
        }
        if let Some(site) = sites.iter().find(|site| !editing.has(change.kind, site)) {
            let detail =
                format!("the plan changes {} {}, which you may not change at site {site}", change.kind, change.id);
            return Err(Problem::forbidden(detail));
        }
        let before = match &change.deed {
            RecordDeed::Create(_) => None,
            RecordDeed::Change(_) => change::present(&*ask.plane.store, change.kind, &change.id)?,
        };
        forbidden(ask, before.as_ref(), &step.entry)?;
    }
    Ok(())
}

/// Refuses to give what the caller may not give by hand.
fn forbidden(ask: &Ask, before: Option<&Entry>, after: &Entry) -> Result<(), Problem> {
    match (before, after) {
        (Some(Entry::User(before)), Entry::User(after)) => gifts::check(ask, Some(&before.into()), &after.into()),
        (None, Entry::User(after)) => gifts::check(ask, None, &after.into()),
        (Some(Entry::CommonArea(before)), Entry::CommonArea(after)) => {
            gifts::check(ask, Some(&before.into()), &after.into())
        }
        (None, Entry::CommonArea(after)) => gifts::check(ask, None, &after.into()),
        _ => Ok(()),
    }
}

/// Where a plan stands, with the settings and templates of now.
fn state(ask: &Ask, head: &PlanHead) -> PlanState {
    let basis = || change::basis(&ask.plane.snapshot.load());
    if head.state == PlanState::Open && head.basis != basis() { PlanState::Stale } else { head.state }
}

/// A plan without its changes, as it is shown.
#[derive(Serialize)]
struct Summary<'a> {
    id: PlanId,
    state: PlanState,
    revision: u64,
    source: &'a str,
    made: Done,
    #[serde(skip_serializing_if = "Option::is_none")]
    applied: Option<&'a Done>,
    #[serde(skip_serializing_if = "Option::is_none")]
    undone: Option<&'a Done>,
    counts: &'a std::collections::BTreeMap<RecordKind, crate::inventory::plan::KindCounts>,
    sites: &'a std::collections::BTreeSet<SiteId>,
}

/// A plan as it is shown.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    summary: Summary<'a>,
    losses: Vec<Loss>,
    warnings: &'a [Warning],
    changes: Vec<OneChange<'a>>,
    files: &'a [FileChange],
}

/// One field, or one new record, as it is shown.
#[derive(Serialize)]
struct OneChange<'a> {
    kind: RecordKind,
    id: &'a str,
    field: Option<&'a str>,
    action: Action,
    from: &'a Value,
    to: &'a Value,
}

fn summarised<'a>(ask: &Ask, head: &'a PlanHead) -> Summary<'a> {
    Summary {
        id: head.id,
        state: state(ask, head),
        revision: head.revision,
        source: &head.source,
        made: Done { time: head.made, by: head.by.clone() },
        applied: head.applied.as_ref().map(|applied| &applied.done),
        undone: head.undone.as_ref(),
        counts: &head.counts,
        sites: &head.sites,
    }
}

fn summary(ask: &Ask, head: &PlanHead) -> Result<Value, Problem> {
    json(&summarised(ask, head))
}

fn shown(ask: &Ask, plan: &Plan) -> Result<Value, Problem> {
    json(&Shown {
        summary: summarised(ask, &plan.head),
        losses: losses(&plan.changes),
        warnings: &plan.warnings,
        changes: plan.changes.iter().flat_map(one_by_one).collect(),
        files: &plan.files,
    })
}

fn one_by_one(change: &RecordChange) -> Vec<OneChange<'_>> {
    let (kind, id) = (change.kind, change.id.as_str());
    match &change.deed {
        RecordDeed::Create(to) => {
            vec![OneChange { kind, id, field: None, action: Action::Create, from: &Value::Null, to }]
        }
        RecordDeed::Change(edits) => edits
            .iter()
            .map(|edit| OneChange {
                kind,
                id,
                field: Some(&edit.field),
                action: edit.action(kind),
                from: &edit.from,
                to: &edit.to,
            })
            .collect(),
    }
}
