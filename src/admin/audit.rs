//! `audit`: what administrators did, and whether it is still as it was written.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde::Deserialize;

use super::AdminPlane;
use super::answer::{json, waiting};
use super::problem::Problem;
use crate::store::AuditQuery;

type Plane = State<Arc<AdminPlane>>;

/// The most acts one answer has.
const MOST: usize = 500;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Filter {
    cursor: Option<String>,
    limit: Option<usize>,
    actor: Option<String>,
    action: Option<String>,
    kind: Option<String>,
    id: Option<String>,
}

/// The routes of this file, below `/api/v1`.
pub fn routes() -> Router<Arc<AdminPlane>> {
    Router::new().route("/audit", get(list)).route("/audit/verification", get(verify))
}

async fn list(State(plane): Plane, Query(filter): Query<Filter>) -> Response {
    waiting(move || {
        let wrong = || Problem::new(StatusCode::BAD_REQUEST, "malformed", "cursor takes the next_cursor of a list");
        let before = filter.cursor.map(|cursor| cursor.parse().map_err(|_| wrong())).transpose()?;
        let limit = filter.limit.unwrap_or(50).clamp(1, MOST);
        let Filter { actor, action, kind, id, .. } = filter;
        let items = plane.store.audit(&AuditQuery { before, limit, actor, action, kind, id })?;
        let next = items.last().map(|entry| entry.record.id).filter(|id| items.len() == limit && *id > 1);
        let next = next.map(|id| id.to_string());
        Ok(axum::Json(serde_json::json!({"items": json(&items)?, "next_cursor": next})).into_response())
    })
    .await
}

async fn verify(State(plane): Plane) -> Response {
    waiting(move || {
        let found = plane.store.verify_audit()?;
        let mut answer = json(&found)?;
        if let Some(fields) = answer.as_object_mut() {
            fields.insert("ok".to_owned(), found.is_whole().into());
        }
        Ok(axum::Json(answer).into_response())
    })
    .await
}
