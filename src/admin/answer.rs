//! What answers have alike: JSON, revisions as `ETag`, pages; and merge patches, and waiting for the store.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::ask::Ask;
use super::problem::Problem;
use crate::store::PageRequest;

/// Reads a JSON value as a type, naming the field that is wrong.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let pointer = match error.path().to_string().as_str() {
            "." => String::new(),
            path => format!("/{}", path.replace(['.', '['], "/").replace(']', "")),
        };
        Problem::field(&pointer, "invalid", error.inner().to_string())
    })
}

/// One resource, with its revision as `ETag`.
pub fn one(status: StatusCode, revision: u64, value: &Value, location: Option<String>) -> Response {
    tagged(status, &format!("\"{revision}\""), value, location)
}

/// One resource that has no revision of its own: its `ETag` is made from what it says.
pub fn shown_value(status: StatusCode, value: &Value, location: Option<String>) -> Response {
    tagged(status, &tag(value), value, location)
}

/// The `ETag` of what has no revision.
pub fn tag(value: &Value) -> String {
    let hash = Sha256::digest(value.to_string().as_bytes());
    let digits: String = hash.iter().take(8).map(|octet| format!("{octet:02x}")).collect();
    format!("\"{digits}\"")
}

fn tagged(status: StatusCode, tag: &str, value: &Value, location: Option<String>) -> Response {
    let mut response = (status, axum::Json(value)).into_response();
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
    if let Some(location) = location.and_then(|location| HeaderValue::from_str(&location).ok()) {
        headers.insert(header::LOCATION, location);
    }
    response
}

/// A page of a list: `items` has one more than is shown if there is more. The key continues the list.
pub fn page(asked: &PageRequest, mut items: Vec<(String, Value)>) -> Response {
    let shown = asked.limit.saturating_sub(1);
    let more = items.len() > shown;
    items.truncate(shown);
    let next_cursor = items.last().map(|(key, _)| key.clone()).filter(|_| more);
    let items: Vec<Value> = items.into_iter().map(|(_, value)| value).collect();
    axum::Json(serde_json::json!({"items": items, "next_cursor": next_cursor})).into_response()
}

/// A page of a short list that is at hand as a whole, in the order of its keys.
pub fn page_of(ask: &Ask, all: Vec<(String, Value)>) -> Result<Response, Problem> {
    let asked = ask.page(|_| true)?;
    let after = asked.after.clone().unwrap_or_default();
    let rest = all.into_iter().filter(|(key, _)| after.is_empty() || *key > after);
    Ok(page(&asked, rest.take(asked.limit).collect()))
}

/// Whether a text has the words that `?q=` asks for, letter case aside.
pub fn has_words(ask: &Ask, texts: &[&str]) -> bool {
    let Some(wanted) = ask.asked("q") else { return true };
    let wanted = wanted.to_lowercase();
    texts.iter().any(|text| text.to_lowercase().contains(&wanted))
}

/// Runs what may wait for the disk where a thread may wait.
pub async fn waiting<F>(work: F) -> Response
where
    F: FnOnce() -> Result<Response, Problem> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(response)) => response,
        Ok(Err(problem)) => problem.into_response(),
        Err(_) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "the daemon is stopping").into_response(),
    }
}

/// A value as JSON.
pub fn json<T: Serialize>(value: &T) -> Result<Value, Problem> {
    serde_json::to_value(value)
        .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string()))
}
