//! `devices`: the phones, whom they belong to, and what lets them have their secrets.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{post, put};
use ipnet::IpNet;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::answer::{body, expected, json, waiting};
use super::problem::Problem;
use super::resource::{Resource, found, shown};
use super::sites::main_site;
use super::{AdminPlane, Caller};
use crate::inventory::access::{ClaimWindow, OpenedBy};
use crate::inventory::device::{Device, Owner};
use crate::inventory::mac::MacAddr;
use crate::inventory::period::Period;
use crate::inventory::secret::{NoRandomness, Secret};
use crate::makers::{self, Maker};
use crate::store::{DeviceSecrets, Expected, PageRequest, Versioned};

type Plane = State<Arc<AdminPlane>>;

/// What a claim may say.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ClaimBody {
    from: Vec<IpNet>,
    #[serde(rename = "for")]
    lasts: Option<Period>,
}

/// The routes that only devices have.
pub fn routes() -> Router<Arc<AdminPlane>> {
    Router::new()
        .route("/devices/{id}/assignment", put(assign).delete(unassign))
        .route("/devices/{id}/claims", post(claim).delete(close_claim))
        .route("/devices/{id}/token-rotations", post(rotate))
}

impl Resource for Device {
    const KIND: &'static str = "device";
    const PATH: &'static str = "devices";
    const KEY: &'static str = "mac";
    const READ_ONLY: &'static [&'static str] = &["access", "barred", "firmware", "last_seen"];

    fn key(&self) -> String {
        self.mac.to_string()
    }

    fn page(plane: &AdminPlane, page: &PageRequest) -> Result<Vec<Versioned<Device>>, Problem> {
        Ok(plane.store.devices(page)?)
    }

    fn find(plane: &AdminPlane, id: &str) -> Result<Option<Versioned<Device>>, Problem> {
        let mac: MacAddr = id
            .parse()
            .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "malformed", format!("{id:?} {error}")))?;
        Ok(plane.store.device(mac)?)
    }

    fn complete(plane: &AdminPlane, fields: &mut Map<String, Value>) -> Result<(), Problem> {
        main_site(plane, fields)
    }

    fn create(self, plane: &AdminPlane, _: Option<Secret>, caller: Caller) -> Result<Versioned<Device>, Problem> {
        let (device, maker) = checked(self, plane)?;
        let token = Secret::token(maker.token_length()).map_err(no_randomness)?;
        let admin_password = Secret::admin_password().map_err(no_randomness)?;
        let mac = device.mac;
        let secrets = DeviceSecrets { token, admin_password };
        let enrolled = plane.store.enrol(device, secrets, &plane.rules_for(maker), &plane.actor(caller))?;
        plane.pending.forget(mac);
        Ok(enrolled)
    }

    fn replace(
        self,
        plane: &AdminPlane,
        expected: Expected,
        _: Option<Secret>,
        caller: Caller,
    ) -> Result<Versioned<Device>, Problem> {
        let (device, maker) = checked(self, plane)?;
        Ok(plane.store.replace_device(device, expected, &plane.rules_for(maker), &plane.actor(caller))?)
    }

    fn remove(&self, plane: &AdminPlane, expected: Expected, caller: Caller) -> Result<(), Problem> {
        Ok(plane.store.remove_device(self.mac, expected, &plane.actor(caller))?)
    }

    fn observed(&self, plane: &AdminPlane) -> Result<Map<String, Value>, Problem> {
        let mut fields = Map::new();
        if let Some(access) = plane.store.access(self.mac)? {
            fields.insert("access".to_owned(), json(&access.state(plane.clock.now()))?);
            fields.insert("barred".to_owned(), json(&access.barred)?);
        }
        let sighting = plane.store.sighting(self.mac)?;
        fields.insert("firmware".to_owned(), json(&sighting.firmware)?);
        fields.insert("last_seen".to_owned(), json(&sighting.last_seen)?);
        Ok(fields)
    }
}

/// The device as the catalogue spells it: any usual spelling of a model is taken.
fn checked(mut device: Device, plane: &AdminPlane) -> Result<(Device, &'static dyn Maker), Problem> {
    let Some(maker) = makers::by_id(device.maker.as_str()) else {
        let known: Vec<&str> = makers::MAKERS.iter().map(|maker| maker.id()).collect();
        let message = format!("there is no maker {}; known: {}", device.maker, known.join(", "));
        return Err(Problem::field("/maker", "unknown_maker", message));
    };
    let Some(model) = makers::by_spelling(maker.id(), device.model.as_str()) else {
        let known: Vec<&str> = makers::models()
            .iter()
            .filter(|model| model.maker == maker.id())
            .map(|model| model.model.as_str())
            .collect();
        let message = format!("{} has no model {}; known: {}", maker.name(), device.model, known.join(", "));
        return Err(Problem::field("/model", "unknown_model", message));
    };
    device.model = model.model.clone();
    if let Some(template) = &device.template
        && (template.maker() != maker.id() || !plane.snapshot.load().templates.contains(template))
    {
        let message = format!("{} has no template {template}", maker.name());
        return Err(Problem::field("/template", "unknown_template", message));
    }
    Ok((device, maker))
}

pub fn no_randomness(error: NoRandomness) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no_randomness", error.to_string())
}

async fn assign(
    State(plane): Plane,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    waiting(move || {
        let device = found::<Device>(&plane, &id)?;
        let owner: Owner = body(&headers, &bytes)?;
        give(&plane, &device, Some(owner), expected(&headers)?, caller)
    })
    .await
}

async fn unassign(
    State(plane): Plane,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    waiting(move || {
        let device = found::<Device>(&plane, &id)?;
        give(&plane, &device, None, expected(&headers)?, caller)
    })
    .await
}

fn give(
    plane: &AdminPlane,
    device: &Versioned<Device>,
    owner: Option<Owner>,
    expected: Expected,
    caller: Caller,
) -> Result<Response, Problem> {
    let limit = plane.rules().devices_per_user;
    let given = plane.store.assign(device.value.mac, owner, expected, limit, &plane.actor(caller))?;
    shown(plane, StatusCode::OK, &given)
}

async fn claim(
    State(plane): Plane,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    waiting(move || {
        let device = found::<Device>(&plane, &id)?.value;
        let wish: ClaimBody = body(&headers, &bytes)?;
        let maker = makers::by_id(device.maker.as_str()).ok_or_else(|| Problem::not_found("maker", "of the device"))?;
        let lasts = wish.lasts.unwrap_or(maker.usual_window());
        if !(Period::seconds(1)..=Period::days(30)).contains(&lasts) {
            return Err(Problem::field("/for", "invalid", "a claim window lasts from 1s to 30d"));
        }
        let site = plane.store.site(&device.site)?.ok_or_else(|| Problem::not_found("site", device.site.as_str()))?;
        if wish.from.is_empty() && site.value.networks.is_empty() {
            let message = format!("site {} lists no networks: say from where the phone will ask", device.site);
            return Err(Problem::field("/from", "no_networks", message));
        }
        let now = plane.clock.now();
        let closes = now.saturating_add(lasts.signed()).unwrap_or(now);
        let window = ClaimWindow { from: wish.from, opened: now, closes, opened_by: OpenedBy::Operator };
        let fresh = Secret::token(maker.token_length()).map_err(no_randomness)?;
        let access = plane.store.open_window(device.mac, window, fresh, &plane.actor(caller))?;
        let expected_within = maker.unclaimed_poll();
        let answer = serde_json::json!({"window": access.window, "phone_expected_within": expected_within});
        Ok((StatusCode::CREATED, axum::Json(answer)).into_response())
    })
    .await
}

async fn close_claim(State(plane): Plane, Extension(caller): Extension<Caller>, Path(id): Path<String>) -> Response {
    waiting(move || {
        plane.store.close_window(found::<Device>(&plane, &id)?.value.mac, &plane.actor(caller))?;
        Ok(StatusCode::NO_CONTENT.into_response())
    })
    .await
}

async fn rotate(State(plane): Plane, Extension(caller): Extension<Caller>, Path(id): Path<String>) -> Response {
    waiting(move || {
        let device = found::<Device>(&plane, &id)?.value;
        let length = makers::by_id(device.maker.as_str()).map(|maker| maker.token_length());
        let fresh = Secret::token(length.unwrap_or(crate::inventory::secret::TokenLength::Full));
        plane.store.rotate_token(device.mac, fresh.map_err(no_randomness)?, &plane.actor(caller))?;
        shown(&plane, StatusCode::OK, &found::<Device>(&plane, &id)?)
    })
    .await
}
