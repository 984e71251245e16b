//! `devices/{mac}/explain`: what happened to this phone, why, and what to do. For any MAC; a phone out of the caller's
//! scope is one that nobody ever saw.

use axum::response::{IntoResponse as _, Response};

use super::answer::json;
use super::ask::Ask;
use super::auth::Reach;
use super::devices::mac;
use super::pending::places;
use super::problem::Problem;
use super::resource::Resource as _;
use super::route::{Gives, Route};
use crate::diagnose::explain::{Sources, Strangers, explain, gather};
use crate::diagnose::{findings, gather as gather_situation};
use crate::inventory::device::Device;
use crate::inventory::mac::MacAddr;
use crate::inventory::role::Permission;

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/devices/{id}/explain", Permission::DevicesView, show)
            .about("what happened to this phone, the first broken link and the fix; for any MAC, known or not")
            .gives(200, Gives::One("Explanation")),
    ]
}

fn show(ask: &Ask) -> Result<Response, Problem> {
    let mac = mac(ask.id())?;
    let plane = &ask.plane;
    // What a phone did just now is written within a second; who asks shall see it.
    plane.store.flush()?;
    let now = plane.clock.now();
    let snapshot = plane.snapshot.load_full();
    let mut found = findings(&gather_situation(&*plane.store, &snapshot, now)?);
    found.extend(plane.board.findings());
    let may_see = |device: &Device| device.places(plane).is_ok_and(|places| ask.may(&places));
    let sources = Sources {
        store: &*plane.store,
        snapshot: &snapshot,
        listeners: &plane.listeners,
        pending: &plane.pending,
        handshakes: &plane.handshakes,
        nameless: &plane.nameless,
        observations: &plane.observations,
        findings: found,
        may_see: &may_see,
        strangers: strangers(ask, mac)?,
        now,
    };
    Ok(axum::Json(json(&explain(gather(mac, sources)?))?).into_response())
}

/// A phone of no inventory is seen by who may see where it asked from.
fn strangers(ask: &Ask, mac: MacAddr) -> Result<Strangers, Problem> {
    let asked = ask.plane.pending.phone(mac, ask.plane.clock.now());
    let seen = match asked {
        _ if ask.reach() == Reach::Account => true,
        Some(phone) => ask.may(&places(&ask.plane, &phone)?),
        None => false,
    };
    Ok(if seen { Strangers::Seen } else { Strangers::Hidden })
}

#[cfg(test)]
mod tests {
    use crate::diagnose::explain::Cause;

    #[test]
    fn the_document_lists_every_cause() {
        let schemas: serde_json::Value = serde_json::from_str(include_str!("schemas.json")).unwrap();
        let told = schemas["Explanation"]["properties"]["cause"]["enum"].as_array().unwrap();
        let causes: Vec<&str> = Cause::ALL.iter().map(|cause| cause.as_str()).collect();
        assert_eq!(told.iter().map(|word| word.as_str().unwrap()).collect::<Vec<_>>(), causes);
    }
}
