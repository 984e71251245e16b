//! `keys`: the data keys that secrets are sealed with, and a new one for all of them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

use super::answer::{json, waiting};
use super::{AdminPlane, Caller};

type Plane = State<Arc<AdminPlane>>;

/// The routes of this file, below `/api/v1`.
pub fn routes() -> Router<Arc<AdminPlane>> {
    Router::new().route("/keys", get(list)).route("/keys/rotations", post(rotate))
}

async fn list(State(plane): Plane) -> Response {
    waiting(move || {
        let keys = plane.store.keys();
        let newest = keys.last().copied();
        let items: Vec<_> =
            keys.iter().map(|key| serde_json::json!({"id": key, "seals": Some(*key) == newest})).collect();
        let rotating = keys.len() > 1;
        Ok(axum::Json(serde_json::json!({"items": items, "rotating": rotating, "next_cursor": null})).into_response())
    })
    .await
}

async fn rotate(State(plane): Plane, Extension(caller): Extension<Caller>) -> Response {
    waiting(move || {
        let done = plane.store.rotate_keys(&plane.actor(caller))?;
        Ok((StatusCode::CREATED, axum::Json(json(&done)?)).into_response())
    })
    .await
}
