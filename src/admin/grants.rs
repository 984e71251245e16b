//! `grants`: who holds which role where. Nobody grants what they do not hold, and an account keeps a super admin.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::answer::{json, one, page_of};
use super::ask::Ask;
use super::auth::{Founder, Place, Unix, Who};
use super::problem::Problem;
use super::roles::role;
use super::route::{Gives, Route};
use crate::inventory::role::{Grant, GrantId, Permission, RoleId, SUPER_ADMIN, Scope, Subject};
use crate::store::{Conflict, StoreError, Versioned};

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    let (view, assign) = (Permission::RolesView, Permission::RolesAssign);
    vec![
        Route::get("/grants", view, list)
            .about("who holds which role where")
            .asks(&["limit", "cursor"])
            .gives(200, Gives::Page("Grant")),
        Route::post("/grants", assign, create)
            .about("give a role to a token or to a user of this machine, for the account or for some sites")
            .takes("NewGrant")
            .gives(201, Gives::One("Grant")),
        Route::get("/grants/{id}", view, show).about("one of them").gives(200, Gives::One("Grant")),
        Route::delete("/grants/{id}", assign, remove).about("take it back"),
    ]
}

/// A grant that is wished for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewGrant {
    subject: Subject,
    role: RoleId,
    scope: Scope,
}

/// A grant is where it holds; one for the account belongs to no site.
fn places(grant: &Grant) -> Vec<Place> {
    match &grant.scope {
        Scope::Account => Vec::new(),
        Scope::Sites(sites) => sites.iter().map(Place::at).collect(),
    }
}

fn list(ask: &Ask) -> Result<Response, Problem> {
    let mut items = Vec::new();
    for grant in ask.plane.store.grants()? {
        if ask.may(&places(&grant.value)) {
            items.push((grant.value.id.to_string(), json(&grant.value)?));
        }
    }
    page_of(ask, items)
}

fn found(ask: &Ask) -> Result<Versioned<Grant>, Problem> {
    let grants = ask.plane.store.grants()?;
    let found = grants.into_iter().find(|grant| grant.value.id.as_str() == ask.id());
    let found = found.ok_or_else(|| Problem::not_found("grant", ask.id()))?;
    ask.require(&places(&found.value), "grant", ask.id())?;
    Ok(found)
}

fn show(ask: &Ask) -> Result<Response, Problem> {
    let found = found(ask)?;
    Ok(one(StatusCode::OK, found.revision, &json(&found.value)?, None))
}

fn create(ask: &Ask) -> Result<Response, Problem> {
    let NewGrant { subject, role: wished, scope } = ask.body()?;
    if scope == Scope::Sites([].into()) {
        return Err(Problem::field("/scope/sites", "invalid", "name at least one site, or say \"account\""));
    }
    let unknown = || StoreError::Conflict(Conflict::Unknown { kind: "role", id: wished.to_string() });
    let permissions = role(ask, wished.as_str())?.ok_or_else(unknown)?.permissions;
    let id = id_of(&subject, &wished, &scope)?;
    let grant = Grant { id, subject, role: wished, scope };
    ask.require_wished(&places(&grant))?;
    if grant.scope == Scope::Account {
        ask.require_account()?;
    }
    let lacking = ask.held.lacking(&permissions, &grant.scope);
    if !lacking.is_empty() {
        let lacking: Vec<&str> = lacking.into_iter().map(Permission::as_str).collect();
        let detail = format!("nobody grants what they do not hold there; you lack {}", lacking.join(", "));
        return Err(Problem::forbidden(detail));
    }
    keep_a_way_back(ask, &grant)?;
    let made = ask.plane.store.create_grant(grant, &ask.actor())?;
    let location = format!("/api/v1/grants/{}", made.value.id);
    Ok(one(StatusCode::CREATED, made.revision, &json(&made.value)?, Some(location)))
}

/// The first grant ends the founders' rights. One of them must not lock itself and its like out with it.
fn keep_a_way_back(ask: &Ask, grant: &Grant) -> Result<(), Problem> {
    let founder = matches!(&ask.caller.who, Who::Unix(Unix { uid: 1.., founder: Founder::Yes, .. }));
    let of_all = grant.role.as_str() == SUPER_ADMIN && grant.scope == Scope::Account;
    if founder && !of_all && ask.plane.store.grants()?.is_empty() {
        let detail = "the first grant ends what the group of administrators holds without one, and root alone could \
                      grant anything after this one; grant super_admin for the account first";
        return Err(Problem::new(StatusCode::CONFLICT, "would_lock_out", detail));
    }
    Ok(())
}

/// The same grant has the same id, so that it cannot be made twice.
fn id_of(subject: &Subject, role: &RoleId, scope: &Scope) -> Result<GrantId, Problem> {
    let what: Value = serde_json::json!([subject, role, scope]);
    let hash = Sha256::digest(what.to_string().as_bytes());
    let digits: String = hash.iter().take(6).map(|octet| format!("{octet:02x}")).collect();
    let failed = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "no id could be made");
    digits.parse().map_err(failed)
}

fn remove(ask: &Ask) -> Result<Response, Problem> {
    let found = found(ask)?.value;
    ask.plane.store.remove_grant(&found.id, ask.expected()?, &ask.actor())?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
