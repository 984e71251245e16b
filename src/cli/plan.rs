//! `ztpd plan`: changes planned or made, and how one is put before a person: how much, what would be lost, what else to
//! know, and then every change.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::client::{Answer, Ask};
use super::confirm::{confirmed, is_person_there};
use super::failure::Failure;
use super::flags::Nothing;
use super::noun::{Noun, key};
use super::output::Column;
use super::pages::{Paging, pages};
use super::session::Session;
use super::text::{escaped, words};

/// How many losses and changes a terminal is shown of a plan that has just been made.
const GLANCE: usize = 25;

/// What can be done with plans.
#[derive(Subcommand)]
pub enum PlanVerb {
    /// Lists the plans that are kept, newest first.
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// Shows everything a plan would do, or did; what is lost first.
    Show {
        /// Which plan
        #[arg(value_name = "ID", value_parser = Plan::id)]
        id: String,
    },
    /// Carries a plan out, whole or not at all.
    Apply(Apply),
    /// Restores what was before a plan, unless something was changed since.
    Undo {
        /// Which plan
        #[arg(value_name = "ID", value_parser = Plan::id)]
        id: String,
    },
}

/// The noun.
pub enum Plan {}

/// `ztpd plan apply`.
#[derive(Args)]
pub struct Apply {
    /// Which plan
    #[arg(value_name = "ID", value_parser = Plan::id)]
    id: String,
    /// Let values be cleared without asking.
    #[arg(long)]
    confirm_clears: bool,
}

impl Noun for Plan {
    const KIND: &'static str = "plan";
    const PATH: &'static str = "plans";
    const KEY: &'static str = "id";
    const ID: &'static str = "ID";
    const COLUMNS: &'static [Column] = &[
        Column::of("id", "/id"),
        Column::of("state", "/state"),
        Column::of("made", "/made/time"),
        Column::of("by", "/made/by"),
        Column::of("source", "/source"),
        Column::of("counts", "/counts"),
    ];
    type Filters = Nothing;
}

/// How much of a plan is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Extent {
    /// What fits on a screen, if it goes to one.
    Glance,
    /// All of it.
    Whole,
}

impl PlanVerb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            PlanVerb::List { paging } => {
                let list = pages(session, Plan::PATH, "", &paging).await?;
                if session.output.json {
                    return session.list(Plan::COLUMNS, list);
                }
                let row = |plan: &Value| {
                    let counts = counted(plan).join(", ");
                    let cells = Plan::COLUMNS.iter().filter(|column| column.title() != "counts");
                    cells.map(|column| column.cell(plan)).chain([counts]).collect()
                };
                let titles: Vec<&str> = Plan::COLUMNS.iter().map(|column| column.title()).collect();
                session.output.rows(&titles, list.items.iter().map(row).collect())
            }
            PlanVerb::Show { id } => {
                let plan = session.send(Ask::get(Plan::place(&id))).await?.json()?;
                show(session, &plan, Extent::Whole)
            }
            PlanVerb::Apply(apply) => apply.run(session).await,
            PlanVerb::Undo { id } => {
                let ask = Ask::post(format!("{}/undo", Plan::place(&id)), serde_json::json!({})).patient();
                let undone = session.send(ask).await?.json()?;
                session.done(&undone, &format!("plan {id} is undone: everything is as it was before it"))
            }
        }
    }
}

impl Apply {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let mut confirmed = self.confirm_clears;
        if !confirmed && is_person_there() {
            let plan = session.send(Ask::get(Plan::place(&self.id))).await?.json()?;
            confirmed = may_clear(&plan)?;
        }
        let applied = session.send(apply(&self.id, confirmed)).await?.json()?;
        session.done(&applied, &carried_out(&self.id))
    }
}

/// The question that carries a plan out.
pub fn apply(id: &str, confirm_clears: bool) -> Ask {
    let body = serde_json::json!({"confirm_clears": confirm_clears});
    Ask::post(format!("{}/apply", Plan::place(id)), body).patient()
}

/// What is said once a plan was carried out.
pub fn carried_out(id: &str) -> String {
    format!("plan {id} is carried out; `ztpd plan undo {id}` takes it back")
}

/// Asks the person at the terminal whether a plan's losses are meant. True: they are, or there are none.
pub fn may_clear(plan: &Value) -> Result<bool, Failure> {
    let losses = members(plan, "losses");
    if losses.is_empty() {
        return Ok(true);
    }
    let grave = losses.iter().filter(|loss| loss["grave"] == true).count();
    let what = match grave {
        0 => format!("{} values are cleared", losses.len()),
        _ => format!("{} values are cleared, {grave} of them numbers, packages or phones", losses.len()),
    };
    confirmed(&format!("{what}. Go on?"))?;
    Ok(true)
}

/// Shows a plan, to people or to machines.
pub fn show(session: &Session, plan: &Value, extent: Extent) -> Result<(), Failure> {
    let output = &session.output;
    if output.json {
        return output.value(plan);
    }
    let id = words(&plan["id"]);
    let state = match plan["state"].as_str() {
        Some("open") => "nothing is changed yet".to_owned(),
        Some("stale") => "the inventory has changed since; make it anew".to_owned(),
        _ => format!("{} {}", words(&plan["state"]), done(plan)),
    };
    output.line(&format!("plan {id}, {}: {state}", words(&plan["source"])))?;
    let most = if extent == Extent::Glance && output.terminal.is_some() { GLANCE } else { usize::MAX };
    let counts = counted(plan);
    if counts.is_empty() {
        return output.line("It changes nothing: the inventory says all of this already.");
    }
    counts.iter().try_for_each(|sentence| output.line(&format!("  {sentence}")))?;
    losses(session, plan, most)?;
    warnings(session, plan, most)?;
    changes(session, plan, most)?;
    files(session, plan)?;
    next(session, plan, &id)
}

fn losses(session: &Session, plan: &Value, most: usize) -> Result<(), Failure> {
    let all = members(plan, "losses");
    let (grave, light): (Vec<&Value>, Vec<&Value>) = all.iter().partition(|loss| loss["grave"] == true);
    for (title, losses) in [("THIS IS LOST:", grave), ("These values are cleared:", light)] {
        if losses.is_empty() {
            continue;
        }
        session.output.line("")?;
        session.output.line(title)?;
        let row = |loss: &&Value| vec![whose(loss), lost(loss)];
        session.output.rows(&["whose", "what"], losses.iter().take(most).map(row).collect())?;
        more(session, losses.len(), most)?;
    }
    Ok(())
}

fn warnings(session: &Session, plan: &Value, most: usize) -> Result<(), Failure> {
    let warnings = members(plan, "warnings");
    if warnings.is_empty() {
        return Ok(());
    }
    session.output.line("")?;
    session.output.line("Mind:")?;
    for warning in warnings.iter().take(most) {
        let row = warning["row"].as_u64().map(|row| format!("row {row}: ")).unwrap_or_default();
        session.output.line(&format!("  {row}{}", words(&warning["message"])))?;
    }
    more(session, warnings.len(), most)
}

fn changes(session: &Session, plan: &Value, most: usize) -> Result<(), Failure> {
    let changes = members(plan, "changes");
    session.output.line("")?;
    session.output.line("Changes:")?;
    let row = |change: &Value| {
        let to = match change["action"].as_str() {
            Some("create") => created(&change["to"]),
            _ => words(&change["to"]),
        };
        vec![whose(change), words(&change["action"]), words(&change["field"]), words(&change["from"]), to]
    };
    let titles = ["whose", "action", "field", "from", "to"];
    session.output.rows(&titles, changes.iter().take(most).map(row).collect())?;
    more(session, changes.len(), most)
}

fn files(session: &Session, plan: &Value) -> Result<(), Failure> {
    for file in members(plan, "files") {
        let (maker, model) = (words(&file["maker"]), words(&file["model"]));
        let restart = match file["restarts"].as_bool() {
            Some(true) => "; they restart",
            Some(false) => "; they do not restart",
            None => "",
        };
        session.output.line("")?;
        let phones = counted_as(file["phones"].as_u64().unwrap_or_default(), "phone gets", "phones get");
        let example = words(&file["example"]);
        session.output.line(&format!(
            "{phones} another {} ({maker} {model}, such as {example}{restart}):",
            words(&file["file"])
        ))?;
        session.output.file(file["diff"].as_str().unwrap_or_default())?;
    }
    Ok(())
}

fn next(session: &Session, plan: &Value, id: &str) -> Result<(), Failure> {
    let confirm = if members(plan, "losses").is_empty() { "" } else { " --confirm-clears" };
    let sentence = match plan["state"].as_str() {
        Some("open") => {
            format!("`ztpd plan apply {id}{confirm}` carries it out, `ztpd plan show {id}` shows all of it.")
        }
        Some("applied") => format!("`ztpd plan undo {id}` takes it back."),
        _ => return Ok(()),
    };
    session.output.line("")?;
    session.output.line(&sentence)
}

/// `2 users are new, 3 change in 5 fields, …`, a sentence a kind.
fn counted(plan: &Value) -> Vec<String> {
    let Some(counts) = plan["counts"].as_object() else { return Vec::new() };
    let sentence = |(kind, counts): (&String, &Value)| {
        let of = |name: &str| counts[name].as_u64().unwrap_or_default();
        let names = match kind.as_str() {
            "common_area" => ("common area", "common areas"),
            "device" => ("device", "devices"),
            "number" => ("number", "numbers"),
            _ => ("user", "users"),
        };
        let changed = of("records").saturating_sub(of("create"));
        let parts = [
            (of("create"), format!("{} new", of("create"))),
            (changed, format!("{changed} changed")),
            (of("clear"), counted_as(of("clear"), "value cleared", "values cleared")),
            (of("unassign"), format!("{} belonging to nobody afterwards", of("unassign"))),
        ];
        let parts: Vec<String> = parts.into_iter().filter(|(count, _)| *count > 0).map(|(_, part)| part).collect();
        format!("{}: {}", counted_as(of("records"), names.0, names.1), parts.join(", "))
    };
    counts.iter().map(sentence).collect()
}

fn counted_as(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// `user alice@example.com`.
fn whose(of: &Value) -> String {
    format!("{} {}", words(&of["kind"]).replace('_', " "), words(&of["id"]))
}

/// `number +4930123`, `last name Doe`.
fn lost(loss: &Value) -> String {
    let value = words(&loss["value"]);
    match loss["field"].as_str().unwrap_or_default() {
        "assignment" => format!("belongs to {value}, and to nobody afterwards"),
        "lines" => format!("the line of {value}"),
        "numbers" => format!("number {value}"),
        "packages" => format!("package {value}"),
        field => format!("{} {value}", escaped(field).replace('_', " ")),
    }
}

/// A new record without what stands there anyhow.
fn created(record: &Value) -> String {
    let Some(fields) = record.as_object() else { return words(record) };
    let told = fields.iter().filter(|(name, value)| !matches!(name.as_str(), "id" | "mac") && !empty(value));
    told.map(|(name, value)| format!("{} {}", escaped(name), words(value))).collect::<Vec<_>>().join(", ")
}

fn empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn done(plan: &Value) -> String {
    let of = if plan["state"] == "undone" { &plan["undone"] } else { &plan["applied"] };
    format!("by {} at {}", words(&of["by"]), super::text::shown(&of["time"]))
}

fn more(session: &Session, all: usize, most: usize) -> Result<(), Failure> {
    match all.saturating_sub(most) {
        0 => Ok(()),
        more => session.output.line(&format!("… and {more} more")),
    }
}

fn members<'a>(plan: &'a Value, name: &str) -> &'a [Value] {
    plan[name].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A plan out of an answer.
pub fn read(answer: &Answer) -> Result<(String, Value), Failure> {
    let plan = answer.json()?;
    Ok((key::<Plan>(&plan), plan))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn how_much_changes_is_said_in_a_sentence_a_kind() {
        let plan = json!({"counts": {
            "device": {"records": 2, "create": 1, "change": 0, "clear": 0, "unassign": 1},
            "user": {"records": 1, "create": 0, "change": 1, "clear": 2, "unassign": 0},
        }});
        assert_eq!(
            counted(&plan),
            ["2 devices: 1 new, 1 changed, 1 belonging to nobody afterwards", "1 user: 1 changed, 2 values cleared"]
        );
    }

    #[test]
    fn a_loss_is_named_as_people_name_it() {
        let loss = |field: &str, value| lost(&json!({"field": field, "value": value}));
        assert_eq!(loss("numbers", json!("+4930123")), "number +4930123");
        assert_eq!(loss("assignment", json!({"user": "a@b"})), "belongs to user a@b, and to nobody afterwards");
        assert_eq!(loss("last_name", json!("Doe\u{1b}")), "last name Doe\\u{1b}");
    }

    #[test]
    fn a_new_record_is_told_without_what_it_does_not_say() {
        let record = json!({"id": "a@b", "first_name": "Ann", "keys": [], "extension": "1001", "sip": {}});
        assert_eq!(created(&record), "extension 1001, first_name Ann");
    }
}
