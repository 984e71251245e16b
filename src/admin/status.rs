//! `status`, `/healthz` and `/readyz`: does it live, and does it do what it should?

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::AdminPlane;
use super::ask::Ask;
use super::auth::{Caller, Reach};
use super::problem::Problem;
use super::resource::Resource;
use super::route::{Gives, Route};
use crate::inventory::common_area::CommonArea;
use crate::inventory::device::Device;
use crate::inventory::role::Permission;
use crate::inventory::site::Site;
use crate::inventory::user::User;
use crate::store::{Counts, PageRequest};

/// The routes of this file, below `/api/v1`.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/status", Permission::SitesView, status)
            .about("listeners, readiness, the store and how much there is in the caller's scope")
            .gives(200, Gives::One("Status")),
    ]
}

/// Whether phones are served as they should be; why not is told to those we know.
pub async fn readyz(State(plane): State<Arc<AdminPlane>>, caller: Option<Extension<Caller>>) -> Response {
    let mut text = match (plane.not_ready(), &caller) {
        (None, _) => "ready\n".to_owned(),
        (Some(_), None) => "degraded\n".to_owned(),
        (Some(reason), Some(_)) => format!("degraded: {reason}\n"),
    };
    if caller.is_some() {
        for word in worth_knowing(&plane) {
            text += &format!("{word}\n");
        }
    }
    (StatusCode::OK, text).into_response()
}

/// What was chosen to be weaker than it could be (policy G2).
fn worth_knowing(plane: &AdminPlane) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(path) = plane.snapshot.load().config.master_key.own() {
        words.push(format!("the master key is {}, made by ztpd itself: keep a copy elsewhere", path.display()));
    }
    if plane.listeners.iter().any(|(plane, _)| *plane == "proxy") {
        words.push("phones may be served over TLS older than 1.2, by a proxy in front (https.proxy)".to_owned());
    }
    words
}

fn status(ask: &Ask) -> Result<Response, Problem> {
    let plane = &ask.plane;
    let snapshot = plane.snapshot.load();
    let reasons: Vec<String> = plane.not_ready().into_iter().collect();
    let listener = |(plane, at): &(&str, String)| serde_json::json!({"plane": plane, "address": at});
    let listeners: Vec<_> = plane.listeners.iter().map(listener).collect();
    let everywhere = ask.reach() == Reach::Account;
    let pending = everywhere.then(|| plane.pending.list(plane.clock.now()).len());
    let status = serde_json::json!({
        "build": {"version": env!("CARGO_PKG_VERSION")},
        "listeners": listeners,
        "ready": reasons.is_empty(),
        "reasons": reasons,
        "public_url": snapshot.public_url.to_string(),
        "settings_read": snapshot.read_at,
        "bootstrap_parked": snapshot.handover().err().map(|parked| parked.to_string()),
        "firmware_files": snapshot.firmware.len(),
        "pending": pending,
        "store": {"revision": plane.store.revision()?, "counts": counts(ask)?},
    });
    Ok(axum::Json(status).into_response())
}

/// How many of each kind the caller can see.
fn counts(ask: &Ask) -> Result<Counts, Problem> {
    if ask.reach() == Reach::Account {
        return Ok(ask.plane.store.counts()?);
    }
    Ok(Counts {
        sites: count::<Site>(ask)?,
        users: count::<User>(ask)?,
        common_areas: count::<CommonArea>(ask)?,
        devices: count::<Device>(ask)?,
    })
}

fn count<R: Resource>(ask: &Ask) -> Result<u64, Problem> {
    let reach = ask.held.reach(R::NEEDS.view);
    let (mut number, mut after) = (0u64, None);
    loop {
        let records = R::page(&ask.plane, &PageRequest { after, limit: 500 })?;
        let Some(last) = records.last() else { return Ok(number) };
        after = Some(last.value.key());
        for record in &records {
            if reach.touches(&record.value.places(&ask.plane)?) {
                number = number.saturating_add(1);
            }
        }
    }
}
