//! `findings`: what wants attention now, the worst first, each with what to do.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde::Deserialize;

use super::AdminPlane;
use super::answer::{json, waiting};
use super::problem::Problem;
use crate::diagnose::{Code, Finding, Severity, findings, gather};
use crate::inventory::mac::MacAddr;

type Plane = State<Arc<AdminPlane>>;

/// How many findings a list has that names no limit, and at most.
const USUAL: usize = 50;
const MOST: usize = 500;

/// What a list is asked with.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct FindingQuery {
    limit: Option<usize>,
    cursor: Option<String>,
    code: Option<Code>,
    mac: Option<MacAddr>,
    severity: Option<Severity>,
}

/// The routes of this file, below `/api/v1`.
pub fn routes() -> Router<Arc<AdminPlane>> {
    Router::new().route("/findings", get(list)).route("/findings/{id}", get(show))
}

async fn list(State(plane): Plane, Query(query): Query<FindingQuery>) -> Response {
    waiting(move || {
        let found = found(&plane)?.into_iter().filter(|finding| query.wants(finding));
        let mut items: Vec<Finding> = match &query.cursor {
            None => found.collect(),
            Some(cursor) => found.skip_while(|finding| finding.id != *cursor).skip(1).collect(),
        };
        let limit = query.limit.unwrap_or(USUAL).clamp(1, MOST);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().map(|finding| finding.id.clone()).filter(|_| more);
        Ok(axum::Json(serde_json::json!({"items": json(&items)?, "next_cursor": next})).into_response())
    })
    .await
}

async fn show(State(plane): Plane, Path(id): Path<String>) -> Response {
    waiting(move || {
        let finding = found(&plane)?.into_iter().find(|finding| finding.id == id);
        let finding = finding.ok_or_else(|| Problem::not_found("finding", &id))?;
        Ok(axum::Json(json(&finding)?).into_response())
    })
    .await
}

fn found(plane: &AdminPlane) -> Result<Vec<Finding>, Problem> {
    // What a phone did just now is written within a second; who asks shall see it.
    plane.store.flush()?;
    Ok(findings(&gather(&*plane.store, &plane.snapshot.load(), plane.clock.now())?))
}

impl FindingQuery {
    fn wants(&self, finding: &Finding) -> bool {
        let of_phone = |mac: MacAddr| finding.subject.id == mac.to_string();
        self.code.is_none_or(|code| finding.code == code)
            && self.severity.is_none_or(|severity| finding.severity == severity)
            && self.mac.is_none_or(of_phone)
    }
}
