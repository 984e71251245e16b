//! `account`: what holds for every phone.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value};

use super::answer::{from_value, json, one};
use super::ask::Ask;
use super::problem::Problem;
use super::route::{Gives, Route};
use super::settings::check_known;
use crate::change::merge;
use crate::inventory::account::Account;
use crate::inventory::role::Permission;
use crate::store::{Expected, Versioned};

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    let (view, edit) = (Permission::SettingsView, Permission::SettingsEdit);
    let route = |route: Route| route.gives(200, Gives::One("Account"));
    vec![
        route(Route::get("/account", view, show)).about("what holds for every phone"),
        route(Route::put("/account", edit, replace)).about("replace what holds for every phone").takes("Account"),
        route(Route::patch("/account", edit, change)).about("change what holds for every phone").takes("Account"),
    ]
}

fn show(ask: &Ask) -> Result<Response, Problem> {
    ask.require_account()?;
    shown(&ask.plane.store.account()?)
}

fn replace(ask: &Ask) -> Result<Response, Problem> {
    ask.require_account()?;
    let wished: Map<String, Value> = ask.body()?;
    check_known(&wished)?;
    shown(&ask.plane.store.set_account(from_value(Value::Object(wished))?, ask.expected()?, &ask.actor())?)
}

fn change(ask: &Ask) -> Result<Response, Problem> {
    ask.require_account()?;
    let present = ask.plane.store.account()?;
    let patch: Map<String, Value> = ask.patch()?;
    check_known(&patch)?;
    let mut wished = json(&present.value)?;
    merge(&mut wished, Value::Object(patch));
    let expected = match ask.expected()? {
        Expected::Any => Expected::Revision(present.revision),
        given => given,
    };
    shown(&ask.plane.store.set_account(from_value(wished)?, expected, &ask.actor())?)
}

fn shown(account: &Versioned<Account>) -> Result<Response, Problem> {
    Ok(one(StatusCode::OK, account.revision, &json(&account.value)?, None))
}
