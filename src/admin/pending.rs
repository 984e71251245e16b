//! `pending`: phones that asked and are in no inventory, and how one gets into it.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value};

use super::AdminPlane;
use super::answer::{from_value, json, page};
use super::ask::Ask;
use super::auth::Place;
use super::devices::{enrol, mac, site_at, unknown_model};
use super::problem::Problem;
use super::resource::{Resource as _, shown};
use super::route::{Gives, Route};
use super::sites::main_site;
use crate::inventory::device::Device;
use crate::inventory::mac::MacAddr;
use crate::inventory::role::Permission;
use crate::inventory::site::SiteId;
use crate::makers;
use crate::provision::PendingPhone;

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/pending", Permission::DevicesView, list)
            .about("phones that asked and are in no inventory")
            .asks(&["limit", "cursor"])
            .gives(200, Gives::Page("PendingPhone")),
        Route::post("/pending/{mac}/adopt", Permission::DevicesEdit, adopt)
            .about("register a phone that asked; maker, model and site as it was seen, unless the body says otherwise")
            .takes("Adoption")
            .gives(201, Gives::One("Device")),
    ]
}

fn list(ask: &Ask) -> Result<Response, Problem> {
    let asked = ask.page(|text| text.parse::<MacAddr>().is_ok())?;
    let after = asked.after.as_ref().and_then(|after| after.parse::<MacAddr>().ok());
    let mut items = Vec::new();
    for phone in ask.plane.pending.list(ask.plane.clock.now()) {
        if after.is_none_or(|after| phone.mac > after) && ask.may(&places(&ask.plane, &phone)?) {
            items.push((phone.mac.to_string(), json(&phone)?));
        }
    }
    Ok(page(&asked, items))
}

fn seen_at(plane: &AdminPlane, phone: &PendingPhone) -> Result<Option<SiteId>, Problem> {
    phone.address.map_or(Ok(None), |address| site_at(plane, address))
}

/// An unknown phone is at the site whose networks it asked from.
pub fn places(plane: &AdminPlane, phone: &PendingPhone) -> Result<Vec<Place>, Problem> {
    Ok(seen_at(plane, phone)?.iter().map(Place::at).collect())
}

fn adopt(ask: &Ask) -> Result<Response, Problem> {
    let mac = mac(ask.id())?;
    let missing = || Problem::not_found("pending phone", &mac.to_string());
    let phone = ask.plane.pending.phone(mac, ask.plane.clock.now()).ok_or_else(missing)?;
    let seen_at = seen_at(&ask.plane, &phone)?;
    ask.require(&places(&ask.plane, &phone)?, "pending phone", ask.id())?;
    let mut fields: Map<String, Value> = ask.body()?;
    fields.entry("mac").or_insert_with(|| mac.to_string().into());
    if let Some(maker) = &phone.maker {
        fields.entry("maker").or_insert_with(|| maker.as_str().into());
    }
    if !fields.contains_key("maker") {
        return Err(Problem::field("/maker", "required", "the phone did not say who made it: name the maker"));
    }
    if !fields.contains_key("model") {
        fields.insert("model".to_owned(), model(&phone, &fields)?);
    }
    if let Some(site) = seen_at {
        fields.entry("site").or_insert_with(|| site.as_str().into());
    }
    main_site(ask, &mut fields)?;
    let device: Device = from_value(Value::Object(fields))?;
    if device.mac != mac {
        return Err(Problem::field("/mac", "unchangeable", format!("the phone that is adopted is {mac}")));
    }
    ask.require_wished(&device.places(&ask.plane)?)?;
    shown(ask, StatusCode::CREATED, &enrol(device, ask)?)
}

/// The model the phone named, if its maker has one of that name.
fn model(phone: &PendingPhone, fields: &Map<String, Value>) -> Result<Value, Problem> {
    let maker = fields.get("maker").and_then(Value::as_str).and_then(makers::by_id);
    let Some(maker) = maker else {
        return Err(Problem::field("/maker", "unknown_maker", "there is no such maker; see /api/v1/makers"));
    };
    match &phone.model {
        None => Err(Problem::field("/model", "required", "the phone did not say its model: name it")),
        Some(said) => match makers::by_spelling(maker.id(), said) {
            Some(model) => Ok(model.model.as_str().into()),
            None => Err(unknown_model(maker, said)),
        },
    }
}
