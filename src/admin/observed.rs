//! What has been seen and what would be given: `status`, `events`, `pending`, and a device's files and settings.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde::Deserialize;

use super::AdminPlane;
use super::answer::{json, waiting};
use super::problem::Problem;
use super::resource::found;
use crate::inventory::device::Device;
use crate::inventory::mac::MacAddr;
use crate::makers;
use crate::provision::{effective_settings, masked_file};
use crate::store::Phone;

type Plane = State<Arc<AdminPlane>>;

/// The most events one answer has.
const MOST: usize = 500;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct EventQuery {
    before: Option<u64>,
    limit: Option<usize>,
    mac: Option<MacAddr>,
}

/// The routes of this file, below `/api/v1`.
pub fn routes() -> Router<Arc<AdminPlane>> {
    Router::new()
        .route("/status", get(status))
        .route("/events", get(events))
        .route("/pending", get(pending))
        .route("/devices/{id}/events", get(events_of))
        .route("/devices/{id}/files", get(files))
        .route("/devices/{id}/files/{file}", get(file))
        .route("/devices/{id}/settings", get(settings))
}

/// Whether phones are served as they should be; else why not.
pub async fn readyz(State(plane): Plane) -> Response {
    let snapshot = plane.snapshot.load();
    let mut text = match snapshot.handover() {
        Ok(()) => "ready\n".to_owned(),
        Err(parked) => format!("degraded: new phones are not sent to the public URL for good: {parked}\n"),
    };
    if let Some(path) = snapshot.config.master_key.own() {
        text += &format!("the master key is {}, made by ztpd itself: keep a copy elsewhere\n", path.display());
    }
    (StatusCode::OK, text).into_response()
}

async fn status(State(plane): Plane) -> Response {
    waiting(move || {
        let snapshot = plane.snapshot.load();
        let parked = snapshot.handover().err().map(|parked| parked.to_string());
        let status = serde_json::json!({
            "build": {"version": env!("CARGO_PKG_VERSION")},
            "public_url": snapshot.public_url.to_string(),
            "settings_read": snapshot.read_at,
            "bootstrap_parked": parked,
            "firmware_files": snapshot.firmware.len(),
            "pending": plane.pending.list(plane.clock.now()).len(),
            "store": {"revision": plane.store.revision()?, "counts": plane.store.counts()?},
        });
        Ok(axum::Json(status).into_response())
    })
    .await
}

async fn events(State(plane): Plane, Query(query): Query<EventQuery>) -> Response {
    waiting(move || listed(&plane, query.mac, &query)).await
}

async fn events_of(State(plane): Plane, Path(id): Path<String>, Query(query): Query<EventQuery>) -> Response {
    waiting(move || listed(&plane, Some(found::<Device>(&plane, &id)?.value.mac), &query)).await
}

fn listed(plane: &AdminPlane, mac: Option<MacAddr>, query: &EventQuery) -> Result<Response, Problem> {
    // What a phone did just now is written within a second; who asks shall see it.
    plane.store.flush()?;
    let limit = query.limit.unwrap_or(50).clamp(1, MOST);
    let items = plane.store.events(mac, query.before, limit)?;
    let next = items.last().map(|event| event.id).filter(|_| items.len() == limit);
    Ok(axum::Json(serde_json::json!({"items": json(&items)?, "next_before": next})).into_response())
}

async fn pending(State(plane): Plane) -> Response {
    let items = plane.pending.list(plane.clock.now());
    axum::Json(serde_json::json!({"items": items, "next_cursor": null})).into_response()
}

async fn settings(State(plane): Plane, Path(id): Path<String>) -> Response {
    waiting(move || {
        let settings = effective_settings(&*plane.store, &phone(&plane, &id)?).map_err(|error| fault(&error))?;
        Ok(axum::Json(json(&settings)?).into_response())
    })
    .await
}

async fn files(State(plane): Plane, Path(id): Path<String>) -> Response {
    waiting(move || {
        let files = names(&phone(&plane, &id)?);
        Ok(axum::Json(serde_json::json!({"items": files})).into_response())
    })
    .await
}

/// A file as the phone would get it now, for a person's eyes.
async fn file(State(plane): Plane, Path((id, file)): Path<(String, String)>) -> Response {
    waiting(move || {
        let phone = phone(&plane, &id)?;
        let unknown = || Problem::not_found("file", &format!("{file} of {id}; it has {}", names(&phone).join(", ")));
        let name = names(&phone).into_iter().find(|name| name.eq_ignore_ascii_case(&file)).ok_or_else(unknown)?;
        let gate =
            makers::by_id(phone.device.value.maker.as_str()).and_then(|maker| match maker.reading(&name)?.meaning {
                makers::Meaning::Gate { template } => Some(template),
                _ => None,
            });
        let snapshot = plane.snapshot.load();
        let rendered = masked_file(&*plane.store, &snapshot, &phone, gate, &name).map_err(|error| fault(&error))?;
        Ok(([("content-type", "text/plain; charset=utf-8")], rendered.text).into_response())
    })
    .await
}

fn phone(plane: &AdminPlane, id: &str) -> Result<Phone, Problem> {
    let mac = found::<Device>(plane, id)?.value.mac;
    plane.store.phone(mac)?.ok_or_else(|| Problem::not_found("device", id))
}

fn names(phone: &Phone) -> Vec<String> {
    let device = &phone.device.value;
    let maker = makers::by_id(device.maker.as_str());
    let model = makers::model(device.maker.as_str(), &device.model);
    maker.zip(model).map(|(maker, model)| maker.files(device.mac, model)).unwrap_or_default()
}

/// The phone would get nothing, and this is why.
fn fault(error: &dyn std::error::Error) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "not_rendered", error.to_string())
}
