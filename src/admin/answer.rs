//! What every resource does alike: reading bodies, revisions, merge patches, pages, and waiting for the store.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::problem::Problem;
use crate::store::{Expected, PageRequest};

/// How many entries a list has that names no limit, and at most.
const USUAL: usize = 50;
const MOST: usize = 500;

/// What a list is asked with.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    limit: Option<usize>,
    cursor: Option<String>,
}

/// A page of a list.
#[derive(Debug, Serialize)]
pub struct List {
    items: Vec<Value>,
    next_cursor: Option<String>,
}

/// Reads a JSON body, naming the field that is wrong.
pub fn body<T: DeserializeOwned>(headers: &HeaderMap, body: &Bytes) -> Result<T, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !matches!(kind, "application/json" | "application/merge-patch+json") {
        let detail = "send JSON, with the header Content-Type: application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", detail));
    }
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "malformed", format!("the body is no JSON: {error}")))?;
    from_value(value)
}

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

/// RFC 7396.
pub fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(target) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(&key);
        } else {
            merge(target.entry(key).or_insert(Value::Null), value);
        }
    }
}

/// The revision that `If-Match` expects.
pub fn expected(headers: &HeaderMap) -> Result<Expected, Problem> {
    let Some(given) = headers.get(header::IF_MATCH) else { return Ok(Expected::Any) };
    let text = given.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(Expected::Any);
    }
    let revision = text.trim_matches('"').parse().map_err(|_| {
        let detail = "If-Match takes the ETag of the resource, such as \"17\"";
        Problem::new(StatusCode::BAD_REQUEST, "malformed", detail)
    })?;
    Ok(Expected::Revision(revision))
}

/// One resource, with its revision as `ETag`.
pub fn one(status: StatusCode, revision: u64, value: &Value, location: Option<String>) -> Response {
    let mut response = (status, axum::Json(value)).into_response();
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{revision}\"")) {
        headers.insert(header::ETAG, tag);
    }
    if let Some(location) = location.and_then(|location| HeaderValue::from_str(&location).ok()) {
        headers.insert(header::LOCATION, location);
    }
    response
}

impl ListQuery {
    /// What the store is asked: one more than shown, to know whether there is more.
    pub fn page(&self) -> PageRequest {
        PageRequest { after: self.cursor.clone(), limit: self.shown().saturating_add(1) }
    }

    fn shown(&self) -> usize {
        self.limit.unwrap_or(USUAL).clamp(1, MOST)
    }

    /// The page of what the store answered; `key` is what the list is ordered by.
    pub fn list(&self, mut items: Vec<(String, Value)>) -> List {
        let more = items.len() > self.shown();
        items.truncate(self.shown());
        let next_cursor = items.last().map(|(key, _)| key.clone()).filter(|_| more);
        List { items: items.into_iter().map(|(_, value)| value).collect(), next_cursor }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_patch_is_that_of_its_rfc() {
        for (target, patch, merged) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{}"#, r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            let mut value: Value = serde_json::from_str(target).unwrap();
            merge(&mut value, serde_json::from_str(patch).unwrap());
            assert_eq!(value, serde_json::from_str::<Value>(merged).unwrap(), "{target} {patch}");
        }
    }
}
