//! `observations`: what a watcher saw on the network. The unit `ztpd-dhcpwatch` hands in messages of DHCP as they passed;
//! they are kept in memory, for a day, and phones of no inventory appear among the pending ones.

use std::collections::BTreeSet;
use std::net::IpAddr;

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::ask::Ask;
use super::problem::Problem;
use super::route::{Gives, Route};
use crate::diagnose::dhcp_options::MessageType;
use crate::diagnose::observations::{Observation, Taken};
use crate::diagnose::sightings::Phone;
use crate::inventory::event::Plane;
use crate::inventory::mac::MacAddr;
use crate::inventory::role::Permission;
use crate::makers;
use crate::provision::PendingPhone;

/// The most that are handed in at once.
const MOST: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    messages: Vec<Observation>,
}

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    vec![
        Route::post("/observations", Permission::ObservationsEdit, take)
            .about("hand in messages of DHCP as they passed by, the oldest first")
            .takes("Observations")
            .gives(200, Gives::One("Observed")),
    ]
}

fn take(ask: &Ask) -> Result<Response, Problem> {
    ask.require_account()?;
    let report: Report = ask.body()?;
    if report.messages.len() > MOST {
        let message = format!("{} messages; hand in {MOST} at most", report.messages.len());
        return Err(Problem::field("/messages", "too_many", message));
    }
    let now = ask.plane.clock.now();
    let (mut kept, mut out_of_time, mut unreadable) = (0, 0, 0);
    let mut askers = BTreeSet::new();
    for observation in report.messages {
        match ask.plane.observations.take(observation, now) {
            Taken::Kept(mac) => {
                kept += 1;
                askers.insert(mac);
            }
            Taken::OutOfTime => out_of_time += 1,
            Taken::Unreadable => unreadable += 1,
        }
    }
    for mac in askers {
        show_stranger(ask, mac)?;
    }
    let answer = serde_json::json!({"kept": kept, "out_of_time": out_of_time, "unreadable": unreadable});
    Ok((StatusCode::OK, axum::Json(answer)).into_response())
}

/// A phone that nobody knows waits to be adopted; what is no phone, or is known, does not.
fn show_stranger(ask: &Ask, mac: MacAddr) -> Result<(), Problem> {
    let now = ask.plane.clock.now();
    let mut seen = ask.plane.observations.sightings(Some(mac), now);
    let Some(phone) = seen.phones.remove(&(mac, None)) else { return Ok(()) };
    let Some(family) = phone.family else { return Ok(()) };
    if ask.plane.store.device(mac)?.is_some() {
        return Ok(());
    }
    let model = phone.class.as_deref().and_then(|class| model(family.maker, class));
    ask.plane.pending.saw(PendingPhone {
        mac,
        maker: family.maker.parse().ok(),
        model,
        address: lease(&phone),
        plane: Plane::Dhcp,
        first_seen: phone.first_seen.unwrap_or(now),
        last_seen: phone.last_seen.unwrap_or(now),
        requests: 1,
    });
    Ok(())
}

/// The address it was given last.
fn lease(phone: &Phone) -> Option<IpAddr> {
    let given = phone.answers.iter().filter(|answer| answer.kind == Some(MessageType::Ack));
    let mut addresses = given.map(|answer| answer.message.yiaddr).filter(|address| !address.is_unspecified());
    addresses.next_back().map(IpAddr::V4)
}

/// The model that a vendor class names, if it names one.
fn model(maker: &str, class: &str) -> Option<String> {
    let words = class.split(|c: char| !c.is_ascii_alphanumeric());
    let mut known = words.filter(|word| !word.is_empty()).filter_map(|word| makers::by_spelling(maker, word));
    known.next().map(|model| model.model.to_string())
}
