//! `keys`: the data keys that secrets are sealed with, and a new one for all of them.

use axum::http::StatusCode;
use axum::response::Response;

use super::answer::{json, shown_value};
use super::ask::Ask;
use super::claims::nothing_said;
use super::problem::Problem;
use super::route::{Gives, Route};
use crate::inventory::role::Permission;

/// The routes of this file. Keys are the whole account's.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/keys", Permission::SettingsView, list)
            .about("the data keys that secrets are sealed with; never the keys themselves")
            .gives(200, Gives::One("Keys")),
        Route::post("/keys/rotations", Permission::SettingsEdit, rotate)
            .about("seal every secret with a new data key and forget the one before")
            .takes("Empty")
            .gives(201, Gives::One("KeyRotation")),
    ]
}

fn list(ask: &Ask) -> Result<Response, Problem> {
    ask.require_account()?;
    let keys = ask.plane.store.keys();
    let newest = keys.last().copied();
    let item = |key| serde_json::json!({"id": key, "seals": Some(key) == newest});
    let items: Vec<_> = keys.iter().copied().map(item).collect();
    let answer = serde_json::json!({"items": items, "rotating": keys.len() > 1});
    Ok(shown_value(StatusCode::OK, &answer, None))
}

fn rotate(ask: &Ask) -> Result<Response, Problem> {
    ask.require_account()?;
    nothing_said(ask)?;
    let done = ask.plane.store.rotate_keys(&ask.actor())?;
    Ok(shown_value(StatusCode::CREATED, &json(&done)?, None))
}
