//! What a resource of the inventory is, and the five things that can be done with any: list, create, show, replace or
//! change, remove. Each resource says only what is its own.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::answer::{ListQuery, body, expected, from_value, json, merge, one, waiting};
use super::problem::Problem;
use super::{AdminPlane, Caller};
use crate::inventory::secret::Secret;
use crate::store::{Expected, PageRequest, Versioned};

/// One kind of record that administrators keep.
pub trait Resource: Serialize + DeserializeOwned + Send + Sized + 'static {
    /// Its name in the singular, for people.
    const KIND: &'static str;
    /// Its name in paths.
    const PATH: &'static str;
    /// The field that names it.
    const KEY: &'static str;
    /// Fields that are shown but not written.
    const READ_ONLY: &'static [&'static str];

    /// Its name.
    fn key(&self) -> String;
    /// A part of the list.
    fn page(plane: &AdminPlane, page: &PageRequest) -> Result<Vec<Versioned<Self>>, Problem>;
    /// One by name.
    fn find(plane: &AdminPlane, id: &str) -> Result<Option<Versioned<Self>>, Problem>;
    /// Fills in what a new one may leave out.
    fn complete(plane: &AdminPlane, fields: &mut Map<String, Value>) -> Result<(), Problem>;
    /// Adds it.
    fn create(self, plane: &AdminPlane, password: Option<Secret>, caller: Caller) -> Result<Versioned<Self>, Problem>;
    /// Replaces it.
    fn replace(
        self,
        plane: &AdminPlane,
        expected: Expected,
        password: Option<Secret>,
        caller: Caller,
    ) -> Result<Versioned<Self>, Problem>;
    /// Removes it.
    fn remove(&self, plane: &AdminPlane, expected: Expected, caller: Caller) -> Result<(), Problem>;
    /// Its read-only fields.
    fn observed(&self, plane: &AdminPlane) -> Result<Map<String, Value>, Problem>;
}

type Plane = State<Arc<AdminPlane>>;

/// The routes every resource has.
pub fn routes<R: Resource>() -> Router<Arc<AdminPlane>> {
    let path = format!("/{}", R::PATH);
    let single = get(show::<R>).put(replace::<R>).patch(change::<R>).delete(remove::<R>);
    Router::new().route(&path, get(list::<R>).post(create::<R>)).route(&format!("{path}/{{id}}"), single)
}

async fn list<R: Resource>(State(plane): Plane, Query(query): Query<ListQuery>) -> Response {
    waiting(move || {
        let records = R::page(&plane, &query.page())?;
        let items = records.iter().map(|record| Ok((record.value.key(), view(&plane, record)?)));
        Ok(axum::Json(query.list(items.collect::<Result<_, Problem>>()?)).into_response())
    })
    .await
}

async fn create<R: Resource>(
    State(plane): Plane,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    waiting(move || {
        let mut fields: Map<String, Value> = body(&headers, &bytes)?;
        let password = take_password(&mut fields)?;
        R::complete(&plane, &mut fields)?;
        let record = from_value::<R>(Value::Object(fields))?.create(&plane, password, caller)?;
        shown(&plane, StatusCode::CREATED, &record)
    })
    .await
}

async fn show<R: Resource>(State(plane): Plane, Path(id): Path<String>) -> Response {
    waiting(move || shown(&plane, StatusCode::OK, &found::<R>(&plane, &id)?)).await
}

async fn replace<R: Resource>(
    State(plane): Plane,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    waiting(move || {
        let present = found::<R>(&plane, &id)?;
        let fields: Map<String, Value> = body(&headers, &bytes)?;
        keep(&plane, &present, fields, expected(&headers)?, caller)
    })
    .await
}

async fn change<R: Resource>(
    State(plane): Plane,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    waiting(move || {
        let present = found::<R>(&plane, &id)?;
        let patch: Map<String, Value> = body(&headers, &bytes)?;
        let mut wished = json(&present.value)?;
        merge(&mut wished, Value::Object(patch));
        // What was read and merged must still be what is replaced.
        let expected = match expected(&headers)? {
            Expected::Any => Expected::Revision(present.revision),
            given => given,
        };
        let Value::Object(fields) = wished else { return Err(Problem::field("", "invalid", "expected an object")) };
        keep(&plane, &present, fields, expected, caller)
    })
    .await
}

async fn remove<R: Resource>(
    State(plane): Plane,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    waiting(move || {
        found::<R>(&plane, &id)?.value.remove(&plane, expected(&headers)?, caller)?;
        Ok(StatusCode::NO_CONTENT.into_response())
    })
    .await
}

fn keep<R: Resource>(
    plane: &AdminPlane,
    present: &Versioned<R>,
    mut fields: Map<String, Value>,
    expected: Expected,
    caller: Caller,
) -> Result<Response, Problem> {
    // What was shown may be sent back.
    for field in R::READ_ONLY {
        fields.remove(*field);
    }
    let password = take_password(&mut fields)?;
    fields.entry(R::KEY).or_insert_with(|| present.value.key().into());
    let wished: R = from_value(Value::Object(fields))?;
    if wished.key() != present.value.key() {
        let message = format!("a {}'s {} cannot be changed: remove it and add another", R::KIND, R::KEY);
        return Err(Problem::field(&format!("/{}", R::KEY), "unchangeable", message));
    }
    shown(plane, StatusCode::OK, &wished.replace(plane, expected, password, caller)?)
}

/// The resource of that name, or 404.
pub fn found<R: Resource>(plane: &AdminPlane, id: &str) -> Result<Versioned<R>, Problem> {
    R::find(plane, id)?.ok_or_else(|| Problem::not_found(R::KIND, id))
}

/// The answer that shows one resource.
pub fn shown<R: Resource>(plane: &AdminPlane, status: StatusCode, record: &Versioned<R>) -> Result<Response, Problem> {
    let location = (status == StatusCode::CREATED).then(|| format!("/api/v1/{}/{}", R::PATH, record.value.key()));
    Ok(one(status, record.revision, &view(plane, record)?, location))
}

/// A resource as it is shown, read-only fields included.
pub fn view<R: Resource>(plane: &AdminPlane, record: &Versioned<R>) -> Result<Value, Problem> {
    let mut value = json(&record.value)?;
    if let Value::Object(fields) = &mut value {
        fields.extend(record.value.observed(plane)?);
    }
    Ok(value)
}

/// `sip.password` is written, never read.
fn take_password(fields: &mut Map<String, Value>) -> Result<Option<Secret>, Problem> {
    let sip = fields.get_mut("sip").and_then(Value::as_object_mut);
    let Some(password) = sip.and_then(|sip| sip.remove("password")) else { return Ok(None) };
    let text = password.as_str().unwrap_or_default();
    let fits = (8..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !fits {
        let message = "takes 8 to 64 visible ASCII characters; leave it out and one is made";
        return Err(Problem::field("/sip/password", "invalid", message));
    }
    Ok(Some(Secret::new(text.to_owned())))
}
