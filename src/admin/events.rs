//! `events`: what phones did, newest first.

use axum::response::{IntoResponse as _, Response};

use super::answer::json;
use super::ask::{Ask, bad_query};
use super::auth::Reach;
use super::problem::Problem;
use super::resource::{Resource as _, found};
use super::route::{Gives, Route};
use crate::inventory::device::Device;
use crate::inventory::event::Event;
use crate::inventory::mac::MacAddr;
use crate::inventory::role::Permission;

/// How many events are looked at at a time where few of them may be wanted.
const CHUNK: usize = 500;

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/events", Permission::DevicesView, all)
            .about("what phones did, newest first")
            .asks(&["limit", "cursor", "mac"])
            .gives(200, Gives::Page("Event")),
        Route::get("/devices/{id}/events", Permission::DevicesView, of_device)
            .about("what this phone did, newest first")
            .asks(&["limit", "cursor"])
            .gives(200, Gives::Page("Event")),
    ]
}

fn all(ask: &Ask) -> Result<Response, Problem> {
    listed(ask, ask.asked_as("mac")?)
}

fn of_device(ask: &Ask) -> Result<Response, Problem> {
    listed(ask, Some(found::<Device>(ask)?.value.mac))
}

fn listed(ask: &Ask, mac: Option<MacAddr>) -> Result<Response, Problem> {
    // What a phone did just now is written within a second; who asks shall see it.
    ask.plane.store.flush()?;
    let asked = ask.page(|text| text.parse::<u64>().is_ok())?;
    let parsed = |text: &String| text.parse::<u64>().map_err(|_| bad_query("cursor", "is no number"));
    let mut before = asked.after.as_ref().map(parsed).transpose()?;
    let mut found = Vec::new();
    while found.len() < asked.limit {
        let chunk = ask.plane.store.events(mac, before, asked.limit.max(CHUNK))?;
        let Some(last) = chunk.last() else { break };
        before = Some(last.id);
        for event in &chunk {
            if found.len() < asked.limit && may_see(ask, event)? {
                found.push((event.id.to_string(), json(event)?));
            }
        }
    }
    Ok(super::answer::page(&asked, found).into_response())
}

/// What a phone did is seen by who may see the phone.
fn may_see(ask: &Ask, event: &Event) -> Result<bool, Problem> {
    if ask.reach() == Reach::Account {
        return Ok(true);
    }
    let Some(mac) = event.mac else { return Ok(false) };
    let Some(device) = ask.plane.store.device(mac)? else { return Ok(false) };
    Ok(ask.may(&device.value.places(&ask.plane)?))
}
