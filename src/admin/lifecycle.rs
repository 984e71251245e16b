//! The life of a device after it was registered (policy D24): `quarantine`, `release`, `rebind`, `retire`. Each holds
//! from the next request on, also on connections that are open: every request is decided anew from the store. A file
//! whose sending has begun is not called back; that is why retiring reminds of the SIP password.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

use super::AdminPlane;
use super::answer::{json, one};
use super::ask::Ask;
use super::claims::nothing_said;
use super::devices::no_randomness;
use super::problem::Problem;
use super::resource::{found, shown, view};
use super::route::{Gives, Route};
use crate::inventory::access::{Bar, ClaimWindow, OpenedBy};
use crate::inventory::device::{Device, Owner};
use crate::inventory::role::Permission;
use crate::inventory::secret::{Secret, TokenLength};
use crate::makers::{self, Maker};

/// The routes of this file, below `/api/v1`.
pub fn routes() -> Vec<Route> {
    let route = |name: &str, serve| Route::post(&format!("/devices/{{id}}/{name}"), Permission::DevicesRun, serve);
    let (device, next) = (Gives::One("Device"), Gives::One("DeviceAndNext"));
    vec![
        route("quarantine", quarantine).about("let nothing open for the device").takes("Empty").gives(200, device),
        route("release", release).about("serve a quarantined device as before").takes("Empty").gives(200, device),
        route("rebind", rebind).about("forget what the device is known by").takes("Empty").gives(200, next),
        route("retire", retire).about("take the device out of service for good").takes("Empty").gives(200, next),
    ]
}

fn quarantine(ask: &Ask) -> Result<Response, Problem> {
    let device = wish(ask)?;
    ask.plane.store.quarantine(device.mac, Bar::Operator, &ask.actor())?;
    shown(ask, StatusCode::OK, &found::<Device>(ask)?)
}

fn release(ask: &Ask) -> Result<Response, Problem> {
    let device = wish(ask)?;
    ask.plane.store.release(device.mac, &ask.actor())?;
    shown(ask, StatusCode::OK, &found::<Device>(ask)?)
}

/// Who comes next is the phone: what it was known by is forgotten, and a claim window opens for its site's networks,
/// as long as an operator's windows usually are. Without networks there is none: a certificate needs no window, and
/// for a claim the operator must say from where.
fn rebind(ask: &Ask) -> Result<Response, Problem> {
    let device = wish(ask)?;
    let site = ask.plane.store.site(&device.site)?.ok_or_else(|| Problem::not_found("site", device.site.as_str()))?;
    let maker = makers::by_id(device.maker.as_str());
    let window = maker.filter(|_| !site.value.networks.is_empty()).map(|maker| window(maker, &ask.plane));
    let access = ask.plane.store.rebind(device.mac, window, fresh(maker)?, &ask.actor())?;
    let next = match &access.window {
        Some(window) => format!("let the phone boot before {}: it may fetch its settings until then", window.closes),
        None => format!("unless the phone shows a certificate, run `ztpd device claim {} --from CIDR`", device.mac),
    };
    told(ask, &[next])
}

fn retire(ask: &Ask) -> Result<Response, Problem> {
    let device = wish(ask)?;
    ask.plane.store.retire(device.mac, fresh(makers::by_id(device.maker.as_str()))?, &ask.actor())?;
    told(ask, &reminders(&device))
}

/// The device that the path names; nothing can be said of it but the wish itself.
fn wish(ask: &Ask) -> Result<Device, Problem> {
    let device = found::<Device>(ask)?.value;
    nothing_said(ask)?;
    Ok(device)
}

fn window(maker: &'static dyn Maker, plane: &AdminPlane) -> ClaimWindow {
    let opened = plane.clock.now();
    let closes = opened.saturating_add(maker.usual_window().signed()).unwrap_or(opened);
    ClaimWindow { from: Vec::new(), opened, closes, opened_by: OpenedBy::Operator }
}

fn fresh(maker: Option<&'static dyn Maker>) -> Result<Secret, Problem> {
    Secret::token(maker.map_or(TokenLength::Full, |maker| maker.token_length())).map_err(no_randomness)
}

/// Whose SIP passwords the retired phone still has in its memory.
fn reminders(device: &Device) -> Vec<String> {
    let mut owners: Vec<&Owner> = device.assignment.iter().chain(device.lines.iter().map(|line| &line.owner)).collect();
    owners.sort();
    owners.dedup();
    let reminder = |owner: &Owner| {
        let path = match owner {
            Owner::CommonArea(id) => format!("common-areas/{id}"),
            Owner::User(id) => format!("users/{id}"),
        };
        format!("change the SIP password of {owner}, which the phone still knows: POST /api/v1/{path}/sip-password")
    };
    owners.into_iter().map(reminder).collect()
}

/// The device as it is now, with `next`: what is left to do.
fn told(ask: &Ask, next: &[String]) -> Result<Response, Problem> {
    let device = found::<Device>(ask)?;
    let mut value = view(&ask.plane, &device)?;
    if let Value::Object(fields) = &mut value {
        fields.insert("next".to_owned(), json(&next)?);
    }
    Ok(one(StatusCode::OK, device.revision, &value, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::mac::MacAddr;

    #[test]
    fn every_account_the_phone_knows_is_named_once() {
        let device = serde_json::json!({"mac": MacAddr::new([0, 0x15, 0x65, 0, 0, 1]).unwrap(), "maker": "yealink",
            "model": "T46U", "site": "hq", "assignment": {"user": "alice@example.com"},
            "lines": [{"index": 2, "common_area": "lobby"}, {"index": 3, "user": "alice@example.com"}]});
        let reminders = reminders(&serde_json::from_value(device).unwrap());
        assert_eq!(reminders.len(), 2, "{reminders:?}");
        assert!(reminders[0].contains("/common-areas/lobby/sip-password"), "{reminders:?}");
        assert!(reminders[1].contains("user alice@example.com"), "{reminders:?}");
    }
}
