//! `lab`: what is weaker here, until when, and who has confirmed it (policy X1, X2).
//!
//! The settings say what may be weaker; only a confirmation makes it so, and only of these very settings. While it is
//! on, every answer of the API carries the header `Ztpd-Lab`, which the command line shows as a banner.

use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde::Deserialize;

use super::AdminPlane;
use super::answer::shown_value;
use super::ask::Ask;
use super::claims::nothing_said;
use super::problem::Problem;
use super::route::{Gives, Route};
use crate::inventory::lab::{Confirmed, Lab, in_force};
use crate::inventory::role::Permission;
use crate::store::StoreError;

/// The header that says that lab mode is on.
const HEADER: &str = "ztpd-lab";

/// What makes a lab.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Wish {
    confirm: bool,
}

/// The routes of this file. A lab is a matter of the whole account.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/lab", Permission::SettingsView, show)
            .about("whether lab mode is on, what is weaker in it and until when")
            .gives(200, Gives::One("Lab")),
        Route::post("/lab/enable", Permission::SettingsEdit, enable)
            .about("confirm what [lab] of the settings makes weaker, until its end")
            .takes("LabConfirmation")
            .gives(200, Gives::One("Lab")),
        Route::post("/lab/disable", Permission::SettingsEdit, disable)
            .about("end lab mode")
            .takes("Empty")
            .gives(200, Gives::One("Lab")),
    ]
}

fn show(ask: &Ask) -> Result<Response, Problem> {
    ask.require_account()?;
    let plane = &ask.plane;
    let (snapshot, confirmed) = (plane.snapshot.load(), plane.store.lab()?);
    let wished = snapshot.config.lab.as_ref();
    let state = in_force(wished, confirmed.as_ref(), plane.clock.now());
    let answer = serde_json::json!({
        "on": state.is_ok(),
        "why_off": state.err().map(|off| off.to_string()),
        "settings": wished,
        "confirmed": confirmed.map(|confirmed| serde_json::json!({"by": confirmed.by, "since": confirmed.since})),
    });
    Ok(shown_value(StatusCode::OK, &answer, None))
}

fn enable(ask: &Ask) -> Result<Response, Problem> {
    ask.require_account()?;
    let wish: Wish = if ask.bytes.is_empty() { Wish::default() } else { ask.body()? };
    let plane = &ask.plane;
    let lab = plane.snapshot.load().config.lab.clone().ok_or_else(|| {
        let detail = "the settings name no lab: set [server] mode = \"lab\" with [lab] networks, until and the switches, \
                      and reload";
        Problem::new(StatusCode::CONFLICT, "no_lab", detail)
    })?;
    let now = plane.clock.now();
    lab.check_until(now).map_err(|error| Problem::new(StatusCode::CONFLICT, "lab_until", error.to_string()))?;
    if !wish.confirm {
        let message = format!("this would make secrets easy to read and to get: {lab}; if you are sure, confirm");
        return Err(Problem::field("/confirm", "not_confirmed", message));
    }
    let by = ask.actor();
    tracing::warn!("lab mode is on, confirmed by {}: {lab}", by.name);
    plane.store.set_lab(Some(Confirmed { lab, by: by.name.clone(), since: now }), &by)?;
    show(ask)
}

fn disable(ask: &Ask) -> Result<Response, Problem> {
    ask.require_account()?;
    nothing_said(ask)?;
    let by = ask.actor();
    ask.plane.store.set_lab(None, &by)?;
    tracing::warn!("lab mode is off, ended by {}", by.name);
    show(ask)
}

impl AdminPlane {
    /// The lab in force, if there is one: what readiness, banners and counters go by.
    pub fn lab(&self) -> Result<Option<Lab>, StoreError> {
        let snapshot = self.snapshot.load();
        let Some(wished) = &snapshot.config.lab else { return Ok(None) };
        let confirmed = self.store.lab()?;
        Ok(in_force(Some(wished), confirmed.as_ref(), self.clock.now()).ok().cloned())
    }
}

/// Puts the banner on an answer while lab mode is on.
pub fn mark(plane: &AdminPlane, mut response: Response) -> Response {
    if let Ok(Some(lab)) = plane.lab()
        && let Ok(value) = HeaderValue::from_str(&lab.to_string())
    {
        response.headers_mut().insert(HEADER, value);
    }
    response
}
