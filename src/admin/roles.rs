//! `roles`: sets of permissions. The shipped ones are read-only: whoever wants another one makes a copy and changes it.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value};

use super::answer::{from_value, json, one, page_of, shown_value};
use super::ask::Ask;
use super::problem::Problem;
use super::route::{Gives, Route};
use crate::change::merge;
use crate::inventory::role::{Permission, Role, RoleId, Scope};
use crate::store::{Expected, Versioned};

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    let (view, edit) = (Permission::RolesView, Permission::RolesEdit);
    let role = Gives::One("Role");
    vec![
        Route::get("/roles", view, list)
            .about("the shipped roles and your own")
            .asks(&["limit", "cursor"])
            .gives(200, Gives::Page("Role")),
        Route::post("/roles", edit, create)
            .about("add a role, with `copy_of` as a copy of another one")
            .takes("NewRole")
            .gives(201, role),
        Route::get("/roles/{id}", view, show).about("one of them").gives(200, role),
        Route::put("/roles/{id}", edit, replace).about("replace a role of your own").takes("Role").gives(200, role),
        Route::patch("/roles/{id}", edit, change).about("change a role of your own").takes("Role").gives(200, role),
        Route::delete("/roles/{id}", edit, remove).about("remove a role that nobody holds"),
    ]
}

/// A role, and its revision if it is not a shipped one.
struct Found {
    role: Role,
    revision: Option<u64>,
}

fn all(ask: &Ask) -> Result<Vec<Found>, Problem> {
    let shipped = Role::shipped().into_iter().map(|role| Found { role, revision: None });
    let own = ask.plane.store.roles()?.into_iter();
    let mut all: Vec<Found> =
        shipped.chain(own.map(|role| Found { revision: Some(role.revision), role: role.value })).collect();
    all.sort_by(|one, other| one.role.id.cmp(&other.role.id));
    Ok(all)
}

/// A role by its id, if there is one.
pub fn role(ask: &Ask, id: &str) -> Result<Option<Role>, Problem> {
    Ok(all(ask)?.into_iter().map(|found| found.role).find(|role| role.id.as_str() == id))
}

fn list(ask: &Ask) -> Result<Response, Problem> {
    let items = all(ask)?.into_iter().map(|found| Ok((found.role.id.to_string(), view(&found.role)?)));
    page_of(ask, items.collect::<Result<_, Problem>>()?)
}

fn found(ask: &Ask) -> Result<Found, Problem> {
    let found = all(ask)?.into_iter().find(|found| found.role.id.as_str() == ask.id());
    found.ok_or_else(|| Problem::not_found("role", ask.id()))
}

fn show(ask: &Ask) -> Result<Response, Problem> {
    let found = found(ask)?;
    let value = view(&found.role)?;
    Ok(match found.revision {
        Some(revision) => one(StatusCode::OK, revision, &value, None),
        None => shown_value(StatusCode::OK, &value, None),
    })
}

fn create(ask: &Ask) -> Result<Response, Problem> {
    ask.require_account()?;
    let mut fields: Map<String, Value> = ask.body()?;
    if let Some(copied) = fields.remove("copy_of") {
        let id = copied.as_str().unwrap_or_default();
        let unknown = || Problem::field("/copy_of", "unknown_reference", format!("there is no role {copied}"));
        let copied = role(ask, id)?.ok_or_else(unknown)?;
        fields.entry("permissions").or_insert(json(&copied.permissions)?);
    }
    if !fields.contains_key("id") {
        let made = RoleId::from_name(fields.get("name").and_then(Value::as_str).unwrap_or_default());
        let none = || Problem::field("/id", "invalid", "give an id, or a name with letters or digits to make one from");
        fields.insert("id".to_owned(), made.ok_or_else(none)?.as_str().into());
    }
    let wished: Role = from_value(Value::Object(fields))?;
    may_give(ask, &wished.permissions)?;
    answer(StatusCode::CREATED, &ask.plane.store.create_role(wished, &ask.actor())?)
}

fn replace(ask: &Ask) -> Result<Response, Problem> {
    let (present, _) = own(ask)?;
    keep(ask, &present, ask.body()?, ask.expected()?)
}

fn change(ask: &Ask) -> Result<Response, Problem> {
    let (present, revision) = own(ask)?;
    let patch: Map<String, Value> = ask.patch()?;
    let mut wished = json(&present)?;
    merge(&mut wished, Value::Object(patch));
    let expected = match ask.expected()? {
        Expected::Any => Expected::Revision(revision),
        given => given,
    };
    let Value::Object(fields) = wished else { return Err(Problem::field("", "invalid", "expected an object")) };
    keep(ask, &present, fields, expected)
}

fn keep(ask: &Ask, present: &Role, mut fields: Map<String, Value>, expected: Expected) -> Result<Response, Problem> {
    fields.remove("shipped");
    fields.entry("id").or_insert_with(|| present.id.as_str().into());
    let wished: Role = from_value(Value::Object(fields))?;
    if wished.id != present.id {
        let message = "a role's id cannot be changed: remove it and add another";
        return Err(Problem::field("/id", "unchangeable", message));
    }
    // Who has the role gets what is added to it.
    may_give(ask, &wished.permissions)?;
    answer(StatusCode::OK, &ask.plane.store.replace_role(wished, expected, &ask.actor())?)
}

fn remove(ask: &Ask) -> Result<Response, Problem> {
    let (present, _) = own(ask)?;
    ask.plane.store.remove_role(&present.id, ask.expected()?, &ask.actor())?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The role that the path names, if it is one to be changed.
fn own(ask: &Ask) -> Result<(Role, u64), Problem> {
    ask.require_account()?;
    let Found { role, revision } = found(ask)?;
    let Some(revision) = revision else {
        let detail = format!("role {} comes with the program and cannot be changed: POST /roles with copy_of", role.id);
        return Err(Problem::new(StatusCode::CONFLICT, "shipped_role", detail));
    };
    Ok((role, revision))
}

/// Nobody gives what they do not hold.
fn may_give(ask: &Ask, permissions: &BTreeSet<Permission>) -> Result<(), Problem> {
    let lacking = ask.held.lacking(permissions, &Scope::Account);
    if lacking.is_empty() {
        return Ok(());
    }
    let lacking: Vec<&str> = lacking.into_iter().map(Permission::as_str).collect();
    Err(Problem::forbidden(format!("nobody gives what they do not hold; you lack {}", lacking.join(", "))))
}

fn answer(status: StatusCode, role: &Versioned<Role>) -> Result<Response, Problem> {
    let location = (status == StatusCode::CREATED).then(|| format!("/api/v1/roles/{}", role.value.id));
    Ok(one(status, role.revision, &view(&role.value)?, location))
}

fn view(role: &Role) -> Result<Value, Problem> {
    let mut value = json(role)?;
    if let Value::Object(fields) = &mut value {
        fields.insert("shipped".to_owned(), role.id.is_shipped().into());
    }
    Ok(value)
}
