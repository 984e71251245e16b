//! `claims` and `token-rotations`: what lets a device have its secrets.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use ipnet::IpNet;
use serde::Deserialize;

use super::answer::shown_value;
use super::ask::Ask;
use super::devices::{maker_of, no_randomness};
use super::problem::Problem;
use super::resource::{found, shown};
use super::route::{Gives, Route};
use crate::inventory::access::{ClaimWindow, OpenedBy};
use crate::inventory::device::Device;
use crate::inventory::period::Period;
use crate::inventory::role::Permission;
use crate::inventory::secret::Secret;
use crate::inventory::site::Site;

/// What a claim may say.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClaimBody {
    /// From where the phone will ask; none: from its site's networks.
    pub from: Vec<IpNet>,
    /// How long the window stays open.
    #[serde(rename = "for")]
    pub lasts: Option<Period>,
}

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    vec![
        Route::post("/devices/{id}/claims", Permission::DevicesRun, open)
            .about("let the phone have its secrets without other proof, for a time and from some networks")
            .takes("ClaimRequest")
            .gives(201, Gives::One("Claim")),
        Route::delete("/devices/{id}/claims", Permission::DevicesRun, close).about("shut the claim window"),
        Route::post("/devices/{id}/token-rotations", Permission::CredentialsEdit, rotate)
            .about("give the device a new token; the old one opens until the new one is used, at most a day")
            .takes("Empty")
            .gives(200, Gives::One("Device")),
    ]
}

fn open(ask: &Ask) -> Result<Response, Problem> {
    let device = found::<Device>(ask)?.value;
    let wish: ClaimBody = ask.body()?;
    let maker = maker_of(&device)?;
    let site = ask.plane.store.site(&device.site)?.ok_or_else(|| Problem::not_found("site", device.site.as_str()))?;
    let window = window(ask, &wish, &device)?;
    if wish.from.is_empty() && site.value.networks.is_empty() {
        return Err(no_networks(&site.value));
    }
    let fresh = Secret::token(maker.token_length()).map_err(no_randomness)?;
    let access = ask.plane.store.open_window(device.mac, window, fresh, &ask.actor())?;
    let answer = serde_json::json!({"window": access.window, "phone_expected_within": maker.unclaimed_poll()});
    Ok(shown_value(StatusCode::CREATED, &answer, None))
}

/// The window that a wish opens for a phone.
pub fn window(ask: &Ask, wish: &ClaimBody, device: &Device) -> Result<ClaimWindow, Problem> {
    let lasts = wish.lasts.unwrap_or(maker_of(device)?.usual_window());
    if !(Period::seconds(1)..=Period::days(30)).contains(&lasts) {
        return Err(Problem::field("/for", "invalid", "a claim window lasts from 1s to 30d"));
    }
    let now = ask.plane.clock.now();
    let closes = now.saturating_add(lasts.signed()).unwrap_or(now);
    Ok(ClaimWindow { from: wish.from.clone(), opened: now, closes, opened_by: OpenedBy::Operator })
}

/// Nobody could claim: neither the wish nor the site says from where.
pub fn no_networks(site: &Site) -> Problem {
    let message = format!("site {} lists no networks: say from where the phone will ask", site.id);
    Problem::field("/from", "no_networks", message)
}

fn close(ask: &Ask) -> Result<Response, Problem> {
    ask.plane.store.close_window(found::<Device>(ask)?.value.mac, &ask.actor())?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn rotate(ask: &Ask) -> Result<Response, Problem> {
    let device = found::<Device>(ask)?.value;
    nothing_said(ask)?;
    let fresh = Secret::token(maker_of(&device)?.token_length()).map_err(no_randomness)?;
    ask.plane.store.rotate_token(device.mac, fresh, &ask.actor())?;
    shown(ask, StatusCode::OK, &found::<Device>(ask)?)
}

/// A body that says nothing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

/// Reads a body that says nothing: `{}`, or none at all.
pub fn nothing_said(ask: &Ask) -> Result<(), Problem> {
    if ask.bytes.is_empty() { Ok(()) } else { ask.body().map(|Empty {}| ()) }
}
