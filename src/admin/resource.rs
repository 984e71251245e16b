//! What a resource of the inventory is, and the five things that can be done with any: list, create, show, replace or
//! change, remove. Each resource says only what is its own; what is out of the caller's scope is left out or not there.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::AdminPlane;
use super::answer::{from_value, json, one, page};
use super::ask::Ask;
use super::auth::{Place, Reach};
use super::problem::Problem;
use super::route::{Gives, Route};
use super::settings;
use super::sites::asked_site;
use crate::change::merge;
use crate::inventory::role::Permission;
use crate::inventory::secret::Secret;
use crate::inventory::site::SiteId;
use crate::store::{AtSite, Expected, PageRequest, Versioned};

/// How many records are looked at at a time where few of them may be wanted.
const CHUNK: usize = 500;

/// Which permissions the five things need.
#[derive(Clone, Copy, Debug)]
pub struct Needs {
    /// To list and show.
    pub view: Permission,
    /// To create, replace and change.
    pub edit: Permission,
    /// To remove.
    pub delete: Permission,
}

/// What a list is asked for, as a test of one record.
#[allow(clippy::type_complexity)]
pub struct Filter<'a, R>(Box<dyn Fn(&R) -> Result<bool, Problem> + 'a>);

impl<'a, R> Filter<'a, R> {
    /// A filter that this test is.
    pub fn new(test: impl Fn(&R) -> Result<bool, Problem> + 'a) -> Filter<'a, R> {
        Filter(Box::new(test))
    }
}

/// Whether what belongs to no site is seen by all who may see its kind anywhere; it is changed by who may everywhere.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shared {
    /// It is the whole account's alone.
    No,
    /// It is, since people of every site refer to it.
    Yes,
}

/// One kind of record that administrators keep.
pub trait Resource: Serialize + DeserializeOwned + Send + Sized + 'static {
    /// Its name in the singular, for people.
    const KIND: &'static str;
    /// Its name in paths.
    const PATH: &'static str;
    /// The field that names it.
    const KEY: &'static str;
    /// Its schema in the API document.
    const SCHEMA: &'static str;
    /// Fields that are shown but not written.
    const READ_ONLY: &'static [&'static str];
    /// What a list may be asked with.
    const FILTERS: &'static [&'static str];
    /// Who may do what with it.
    const NEEDS: Needs;
    /// By which index those of one site are found, if by any.
    const INDEX: Option<AtSite> = None;
    /// Who sees what belongs to no site.
    const SHARED: Shared = Shared::No;

    /// Its name.
    fn key(&self) -> String;
    /// Whether a text can be a name of its kind.
    fn is_key(text: &str) -> bool;
    /// Where it is, and where whom it refers to is.
    fn places(&self, plane: &AdminPlane) -> Result<Vec<Place>, Problem>;
    /// What a list is asked for, as a test of one record.
    fn filter(ask: &Ask) -> Result<Filter<'_, Self>, Problem>;
    /// A part of the list.
    fn page(plane: &AdminPlane, page: &PageRequest) -> Result<Vec<Versioned<Self>>, Problem>;
    /// One by name.
    fn find(plane: &AdminPlane, id: &str) -> Result<Option<Versioned<Self>>, Problem>;
    /// Reads what may be written in more than one way.
    fn spell_out(_plane: &AdminPlane, _fields: &mut Map<String, Value>) -> Result<(), Problem> {
        Ok(())
    }
    /// Fills in what a new one may leave out.
    fn complete(ask: &Ask, fields: &mut Map<String, Value>) -> Result<(), Problem>;
    /// Adds it.
    fn create(self, ask: &Ask, password: Option<Secret>) -> Result<Versioned<Self>, Problem>;
    /// Replaces it.
    fn replace(self, ask: &Ask, expected: Expected, password: Option<Secret>) -> Result<Versioned<Self>, Problem>;
    /// Removes it.
    fn remove(&self, ask: &Ask, expected: Expected) -> Result<(), Problem>;
    /// Its read-only fields.
    fn observed(&self, plane: &AdminPlane) -> Result<Map<String, Value>, Problem>;
}

/// The routes every resource has.
pub fn routes<R: Resource>() -> Vec<Route> {
    let all = format!("/{}", R::PATH);
    let single = format!("{all}/{{id}}");
    let Needs { view, edit, delete } = R::NEEDS;
    vec![
        Route::get(&all, view, list::<R>)
            .about("a page of the list")
            .asks(R::FILTERS)
            .gives(200, Gives::Page(R::SCHEMA)),
        Route::post(&all, edit, create::<R>).about("add one").takes(R::SCHEMA).gives(201, Gives::One(R::SCHEMA)),
        Route::get(&single, view, show::<R>).about("one of them").gives(200, Gives::One(R::SCHEMA)),
        Route::put(&single, edit, replace::<R>).about("replace one").takes(R::SCHEMA).gives(200, Gives::One(R::SCHEMA)),
        Route::patch(&single, edit, change::<R>).about("change one").takes(R::SCHEMA).gives(200, Gives::One(R::SCHEMA)),
        Route::delete(&single, delete, remove::<R>).about("remove one"),
    ]
}

/// A page never comes out short while more records match: the list is read on until it is full, more at a time where few
/// of them are wanted.
fn list<R: Resource>(ask: &Ask) -> Result<Response, Problem> {
    let asked = ask.page(R::is_key)?;
    let wanted = R::filter(ask)?;
    let everywhere = ask.reach() == Reach::Account;
    let mut found = Vec::new();
    let mut next = asked.clone();
    while found.len() < asked.limit {
        let (chunk, last) = chunk::<R>(ask, &next)?;
        let Some(last) = last else { break };
        next = PageRequest { after: Some(last), limit: CHUNK };
        for record in &chunk {
            let seen = everywhere || sees(ask, R::SHARED, &record.value.places(&ask.plane)?);
            if seen && (wanted.0)(&record.value)? {
                found.push((record.value.key(), view(&ask.plane, record)?));
                if found.len() == asked.limit {
                    break;
                }
            }
        }
    }
    Ok(page(&asked, found))
}

/// The sites whose records alone make up the list, if it is narrowed down to some and an index finds those.
fn indexed<R: Resource>(ask: &Ask) -> Result<Option<(AtSite, BTreeSet<SiteId>)>, Problem> {
    let sites = match (asked_site(ask)?, ask.reach()) {
        (Some(site), _) => BTreeSet::from([site]),
        // A device is also seen by who sees its owner, wherever it stands.
        (None, Reach::Sites(sites)) if R::INDEX != Some(AtSite::Devices) => sites,
        (None, _) => return Ok(None),
    };
    Ok(R::INDEX.map(|kind| (kind, sites)))
}

/// The next records of a list, and where they end; of those of some sites, only these are read.
#[allow(clippy::type_complexity)]
fn chunk<R: Resource>(ask: &Ask, next: &PageRequest) -> Result<(Vec<Versioned<R>>, Option<String>), Problem> {
    let Some((kind, sites)) = indexed::<R>(ask)? else {
        let chunk = R::page(&ask.plane, next)?;
        let last = chunk.last().map(|record| record.value.key());
        return Ok((chunk, last));
    };
    let mut names = BTreeSet::new();
    for site in &sites {
        names.extend(ask.plane.store.names_at(site, kind, next)?);
    }
    let (mut chunk, mut last) = (Vec::new(), None);
    for name in names.into_iter().take(next.limit) {
        // What was removed meanwhile is not missing.
        chunk.extend(R::find(&ask.plane, &name)?);
        last = Some(name);
    }
    Ok((chunk, last))
}

fn create<R: Resource>(ask: &Ask) -> Result<Response, Problem> {
    let mut fields: Map<String, Value> = ask.body()?;
    let password = take_password(&mut fields)?;
    R::complete(ask, &mut fields)?;
    R::spell_out(&ask.plane, &mut fields)?;
    settings::check_known(&fields)?;
    let wished: R = from_value(Value::Object(fields))?;
    require_wished(ask, &wished)?;
    shown(ask, StatusCode::CREATED, &wished.create(ask, password)?)
}

fn show<R: Resource>(ask: &Ask) -> Result<Response, Problem> {
    shown(ask, StatusCode::OK, &found::<R>(ask)?)
}

fn replace<R: Resource>(ask: &Ask) -> Result<Response, Problem> {
    let present = found::<R>(ask)?;
    keep(ask, &present, ask.body()?, ask.expected()?)
}

fn change<R: Resource>(ask: &Ask) -> Result<Response, Problem> {
    let present = found::<R>(ask)?;
    let patch: Map<String, Value> = ask.patch()?;
    let mut wished = json(&present.value)?;
    merge(&mut wished, Value::Object(patch));
    // What was read and merged must still be what is replaced.
    let expected = match ask.expected()? {
        Expected::Any => Expected::Revision(present.revision),
        given => given,
    };
    let Value::Object(fields) = wished else { return Err(Problem::field("", "invalid", "expected an object")) };
    keep(ask, &present, fields, expected)
}

fn remove<R: Resource>(ask: &Ask) -> Result<Response, Problem> {
    found::<R>(ask)?.value.remove(ask, ask.expected()?)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn keep<R: Resource>(
    ask: &Ask,
    present: &Versioned<R>,
    mut fields: Map<String, Value>,
    expected: Expected,
) -> Result<Response, Problem> {
    // Who works from an old state is told so before anything else; the store looks again when it writes.
    if expected != Expected::Any && expected != Expected::Revision(present.revision) {
        return Err(Problem::stale());
    }
    // What was shown may be sent back.
    for field in R::READ_ONLY {
        fields.remove(*field);
    }
    let password = take_password(&mut fields)?;
    fields.entry(R::KEY).or_insert_with(|| present.value.key().into());
    R::spell_out(&ask.plane, &mut fields)?;
    settings::check_known(&fields)?;
    let wished: R = from_value(Value::Object(fields))?;
    if wished.key() != present.value.key() {
        let message = format!("a {}'s {} cannot be changed: remove it and add another", R::KIND, R::KEY);
        return Err(Problem::field(&format!("/{}", R::KEY), "unchangeable", message));
    }
    require_wished(ask, &wished)?;
    shown(ask, StatusCode::OK, &wished.replace(ask, expected, password)?)
}

/// The resource that the path names, if the caller may do with it what the route does; else 404.
pub fn found<R: Resource>(ask: &Ask) -> Result<Versioned<R>, Problem> {
    let id = ask.id();
    let found = R::find(&ask.plane, id)?.ok_or_else(|| Problem::not_found(R::KIND, id))?;
    let places = found.value.places(&ask.plane)?;
    if !sees(ask, R::SHARED, &places) {
        match R::SHARED {
            Shared::Yes if places.is_empty() => ask.require_account()?,
            _ => ask.require(&places, R::KIND, id)?,
        }
    }
    Ok(found)
}

/// Whether a thing at these places is within the route's permission, shared things included.
fn sees(ask: &Ask, shared: Shared, places: &[Place]) -> bool {
    let only_seen = ask.permission.is_some_and(|permission| permission.action() == "view");
    shared == Shared::Yes && places.is_empty() && only_seen || ask.may(places)
}

/// Lets pass a wish that is within the route's permission: what belongs to no site needs it everywhere.
fn require_wished<R: Resource>(ask: &Ask, wished: &R) -> Result<(), Problem> {
    let places = wished.places(&ask.plane)?;
    if places.is_empty() { ask.require_account() } else { ask.require_wished(&places) }
}

/// The answer that shows one resource.
pub fn shown<R: Resource>(ask: &Ask, status: StatusCode, record: &Versioned<R>) -> Result<Response, Problem> {
    let location = (status == StatusCode::CREATED).then(|| format!("/api/v1/{}/{}", R::PATH, record.value.key()));
    Ok(one(status, record.revision, &view(&ask.plane, record)?, location))
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
pub fn take_password(fields: &mut Map<String, Value>) -> Result<Option<Secret>, Problem> {
    let sip = fields.get_mut("sip").and_then(Value::as_object_mut);
    let Some(password) = sip.and_then(|sip| sip.remove("password")) else { return Ok(None) };
    checked_password(&password, "/sip/password").map(Some)
}

/// A SIP password that every format and every phone takes.
pub fn checked_password(password: &Value, pointer: &str) -> Result<Secret, Problem> {
    let text = password.as_str().unwrap_or_default();
    let fits = (8..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !fits {
        let message = "takes 8 to 64 visible ASCII characters; leave it out and one is made";
        return Err(Problem::field(pointer, "invalid", message));
    }
    Ok(Secret::new(text.to_owned()))
}
