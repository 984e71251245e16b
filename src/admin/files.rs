//! What a phone would be given now: its files, and its settings with where each comes from.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

use super::answer::json;
use super::ask::{Ask, bad_query};
use super::problem::Problem;
use super::resource::{Resource as _, found};
use super::route::{Gives, Route};
use crate::inventory::audit::{Act, AuditObject};
use crate::inventory::device::{Device, Owner};
use crate::inventory::role::Permission;
use crate::inventory::settings::{Effective, SettingKey};
use crate::makers;
use crate::provision::{device_file, effective_settings, explained_file, masked_file};
use crate::store::Phone;
use crate::templates::LineOrigin;

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    let view = Permission::DevicesView;
    vec![
        Route::get("/devices/{id}/files", view, files)
            .about("the names of the phone's own files")
            .gives(200, Gives::One("FileNames")),
        Route::get("/devices/{id}/files/{file}", view, file)
            .about("a file as the phone would get it now, secrets masked; with reveal=true as it is")
            .asks(&["reveal"])
            .gives(200, Gives::Text),
        Route::get("/devices/{id}/files/{file}/provenance", view, provenance)
            .about("the same file line by line, secrets masked: which line of which template wrote it, from which settings")
            .gives(200, Gives::One("Provenance")),
        Route::get("/devices/{id}/settings", view, settings)
            .about("every setting in force for the phone, and the layer it comes from")
            .gives(200, Gives::One("EffectiveSettings")),
    ]
}

fn settings(ask: &Ask) -> Result<Response, Problem> {
    let settings = effective_settings(&*ask.plane.store, &phone(ask)?).map_err(|error| fault(&error))?;
    Ok(axum::Json(json(&settings)?).into_response())
}

fn files(ask: &Ask) -> Result<Response, Problem> {
    let items = names(&phone(ask)?);
    Ok(axum::Json(serde_json::json!({"items": items, "next_cursor": null})).into_response())
}

/// The file that is asked for, and the template of the gate if it is one.
fn asked_file(ask: &Ask, phone: &Phone) -> Result<(String, Option<&'static str>), Problem> {
    let (id, file) = (ask.id(), ask.param(1));
    let known = names(phone);
    let found = known.iter().find(|name| name.eq_ignore_ascii_case(file));
    let name =
        found.ok_or_else(|| Problem::not_found("file", &format!("{file} of {id}; it has {}", known.join(", "))))?;
    let gate = makers::by_id(phone.device.value.maker.as_str()).and_then(|maker| match maker.reading(name)?.meaning {
        makers::Meaning::Gate { template } => Some(template),
        _ => None,
    });
    Ok((name.clone(), gate))
}

fn provenance(ask: &Ask) -> Result<Response, Problem> {
    let phone = phone(ask)?;
    let (name, gate) = asked_file(ask, &phone)?;
    let store = &*ask.plane.store;
    let lines = explained_file(store, &ask.plane.snapshot.load(), &phone, gate).map_err(|error| fault(&error))?;
    let lines = lines.ok_or_else(|| {
        let detail = format!("{name} is given, but not explained: its template looks at its own output");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "not_explained", detail)
    })?;
    let settings = effective_settings(store, &phone).map_err(|error| fault(&error))?;
    let maker = phone.device.value.maker.as_str();
    let of_line = |line: &LineOrigin| -> Result<Value, Problem> {
        let of_setting = |(key, setting): (&SettingKey, &Effective)| serde_json::json!({"key": key, "value": setting.value, "layer": setting.layer, "locked_by": setting.locked_by});
        let mut shown = json(line)?;
        let named: Vec<Value> =
            settings.iter().filter(|(key, _)| hangs_on(line, maker, key.as_str())).map(of_setting).collect();
        if let Some(fields) = shown.as_object_mut() {
            fields.insert("settings".to_owned(), named.into());
        }
        Ok(shown)
    };
    let items: Vec<Value> = lines.iter().map(of_line).collect::<Result<_, _>>()?;
    Ok(axum::Json(serde_json::json!({"file": name, "items": items})).into_response())
}

/// Whether a line hangs on a setting: it names it, or passes the maker's own key of that name through.
fn hangs_on(line: &LineOrigin, maker: &str, key: &str) -> bool {
    match key.strip_prefix(maker).and_then(|rest| rest.strip_prefix(':')) {
        Some(native) => {
            let passes = line.within.iter().any(|around| around.starts_with("for ") && around.ends_with(" in native"));
            passes && line.values.iter().any(|value| value.expression.ends_with(".key") && value.value == native)
        }
        None => line.settings().contains(key),
    }
}

fn file(ask: &Ask) -> Result<Response, Problem> {
    let phone = phone(ask)?;
    let (name, gate) = asked_file(ask, &phone)?;
    let snapshot = ask.plane.snapshot.load();
    let store = &*ask.plane.store;
    let rendered = match ask.asked("reveal") {
        None | Some("false") => masked_file(store, &snapshot, &phone, gate, &name),
        Some("true") => {
            may_reveal(ask, &phone)?;
            device_file(store, &snapshot, &phone, gate, &name)
        }
        Some(other) => return Err(bad_query("reveal", &format!("{other:?} is neither true nor false"))),
    };
    let rendered = rendered.map_err(|error| fault(&error))?;
    let mut response = ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], rendered.text).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Secrets are shown to who holds `credentials:reveal` at every site the phone has to do with (policy A5).
fn may_reveal(ask: &Ask, phone: &Phone) -> Result<(), Problem> {
    let reveal = Permission::CredentialsReveal;
    if !ask.held.reach(reveal).covers(&phone.device.value.places(&ask.plane)?) {
        return Err(Problem::forbidden(format!("to see secrets needs {reveal}; without ?reveal=true they are masked")));
    }
    // What cannot be written down is not shown.
    let mut act = Act::new("reveal", AuditObject::new("device", phone.device.value.mac));
    act.shown = shown(&phone.device.value);
    Ok(ask.plane.store.note(act, &ask.actor())?)
}

/// The secret fields that a device's own files may have.
fn shown(device: &Device) -> Vec<String> {
    let mut owners: Vec<&Owner> = device.assignment.iter().chain(device.lines.iter().map(|line| &line.owner)).collect();
    owners.sort();
    owners.dedup();
    let passwords = owners.into_iter().map(|owner| format!("sip_password of {owner}"));
    ["admin_password".to_owned(), "token".to_owned()].into_iter().chain(passwords).collect()
}

fn phone(ask: &Ask) -> Result<Phone, Problem> {
    let mac = found::<Device>(ask)?.value.mac;
    ask.plane.store.phone(mac)?.ok_or_else(|| Problem::not_found("device", ask.id()))
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
