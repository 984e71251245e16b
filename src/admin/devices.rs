//! `devices`: the phones, and whom they belong to.

use std::net::IpAddr;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value};

use super::AdminPlane;
use super::answer::{has_words, json};
use super::ask::{Ask, bad_query, site_of};
use super::auth::Place;
use super::people::is_at;
use super::problem::Problem;
use super::resource::{Filter, Needs, Resource, found, shown};
use super::route::{Gives, Route};
use super::sites::{asked_site, main_site};
use crate::inventory::access::AccessState;
use crate::inventory::device::{Device, MakerId, Owner};
use crate::inventory::mac::MacAddr;
use crate::inventory::role::Permission;
use crate::inventory::secret::{NoRandomness, Secret};
use crate::inventory::site::SiteId;
use crate::makers::{self, Maker};
use crate::provision::{Provisioning, how_far};
use crate::store::{AtSite, DeviceSecrets, Expected, PageRequest, Versioned};

/// The routes that only devices have.
pub fn routes() -> Vec<Route> {
    vec![
        Route::put("/devices/{id}/assignment", Permission::DevicesAssign, assign)
            .about("give the device to somebody")
            .takes("Owner")
            .gives(200, Gives::One("Device")),
        Route::delete("/devices/{id}/assignment", Permission::DevicesAssign, unassign)
            .about("give the device to nobody")
            .gives(200, Gives::One("Device")),
    ]
}

impl Resource for Device {
    const KIND: &'static str = "device";
    const PATH: &'static str = "devices";
    const KEY: &'static str = "mac";
    const SCHEMA: &'static str = "Device";
    const READ_ONLY: &'static [&'static str] = &["access", "barred", "firmware", "last_seen", "provisioning"];
    const FILTERS: &'static [&'static str] =
        &["limit", "cursor", "site", "maker", "access", "provisioning", "assignment", "q"];
    const INDEX: Option<AtSite> = Some(AtSite::Devices);
    const NEEDS: Needs =
        Needs { view: Permission::DevicesView, edit: Permission::DevicesEdit, delete: Permission::DevicesDelete };

    fn key(&self) -> String {
        self.mac.to_string()
    }

    fn is_key(text: &str) -> bool {
        text.parse::<MacAddr>().is_ok()
    }

    /// A phone is where it stands, and where those are whose lines it has.
    fn places(&self, plane: &AdminPlane) -> Result<Vec<Place>, Problem> {
        let mut places = vec![Place::at(&self.site)];
        for owner in self.assignment.iter().chain(self.lines.iter().map(|line| &line.owner)) {
            let Some(site) = site_of(plane, owner)? else { continue };
            let (kind, id) = match owner {
                Owner::CommonArea(id) => ("common area", id.to_string()),
                Owner::User(id) => ("user", id.to_string()),
            };
            places.push(Place { site, kind, id });
        }
        Ok(places)
    }

    fn filter(ask: &Ask) -> Result<Filter<'_, Device>, Problem> {
        let site = asked_site(ask)?;
        let maker: Option<MakerId> = ask.asked_as("maker")?;
        let access: Option<AccessState> = ask.asked_word("access", "known, claim_open, bound, quarantined, retired")?;
        let state: Option<Provisioning> =
            ask.asked_word("provisioning", "never, bootstrap, current, outdated, failed")?;
        let unassigned = match ask.asked("assignment") {
            None => false,
            Some("none") => true,
            Some(other) => return Err(bad_query("assignment", &format!("{other:?}: only none can be asked for"))),
        };
        Ok(Filter::new(move |device: &Device| {
            let plain = is_at(site.as_ref(), &device.site)
                && maker.as_ref().is_none_or(|maker| *maker == device.maker)
                && !(unassigned && device.assignment.is_some())
                && has_device_words(ask, device);
            // What costs reads comes last.
            Ok(plain && has_access(ask, device, access)? && has_provisioning(ask, device, state)?)
        }))
    }

    fn page(plane: &AdminPlane, page: &PageRequest) -> Result<Vec<Versioned<Device>>, Problem> {
        Ok(plane.store.devices(page)?)
    }

    fn find(plane: &AdminPlane, id: &str) -> Result<Option<Versioned<Device>>, Problem> {
        Ok(plane.store.device(mac(id)?)?)
    }

    fn complete(ask: &Ask, fields: &mut Map<String, Value>) -> Result<(), Problem> {
        main_site(ask, fields)
    }

    fn create(self, ask: &Ask, _: Option<Secret>) -> Result<Versioned<Device>, Problem> {
        enrol(self, ask)
    }

    fn replace(self, ask: &Ask, expected: Expected, _: Option<Secret>) -> Result<Versioned<Device>, Problem> {
        let (device, maker) = checked(self, &ask.plane)?;
        Ok(ask.plane.store.replace_device(device, expected, &ask.plane.rules_for(maker), &ask.actor())?)
    }

    fn remove(&self, ask: &Ask, expected: Expected) -> Result<(), Problem> {
        Ok(ask.plane.store.remove_device(self.mac, expected, &ask.actor())?)
    }

    fn observed(&self, plane: &AdminPlane) -> Result<Map<String, Value>, Problem> {
        let mut fields = Map::new();
        let sighting = plane.store.sighting(self.mac)?;
        if let Some(access) = plane.store.access(self.mac)? {
            fields.insert("access".to_owned(), json(&access.state(plane.clock.now()))?);
            fields.insert("barred".to_owned(), json(&access.barred)?);
            fields.insert(
                "provisioning".to_owned(),
                json(&how_far(&*plane.store, &plane.snapshot.load(), self.mac, &sighting)?)?,
            );
        }
        fields.insert("firmware".to_owned(), json(&sighting.firmware)?);
        fields.insert("last_seen".to_owned(), json(&sighting.last_seen)?);
        Ok(fields)
    }
}

fn has_device_words(ask: &Ask, device: &Device) -> bool {
    let owner = device.assignment.as_ref().map(ToString::to_string).unwrap_or_default();
    let (colons, plain, dashes) = (device.mac.to_string(), device.mac.plain(), device.mac.joined("-"));
    let words = [&colons, &plain, &dashes, device.name.as_str(), device.serial.as_str(), device.model.as_str(), &owner];
    has_words(ask, &words)
}

fn has_access(ask: &Ask, device: &Device, wanted: Option<AccessState>) -> Result<bool, Problem> {
    let Some(wanted) = wanted else { return Ok(true) };
    let access = ask.plane.store.access(device.mac)?;
    Ok(access.is_some_and(|access| access.state(ask.plane.clock.now()) == wanted))
}

fn has_provisioning(ask: &Ask, device: &Device, wanted: Option<Provisioning>) -> Result<bool, Problem> {
    let Some(wanted) = wanted else { return Ok(true) };
    let sighting = ask.plane.store.sighting(device.mac)?;
    let plane = &ask.plane;
    Ok(how_far(&*plane.store, &plane.snapshot.load(), device.mac, &sighting)? == wanted)
}

/// The MAC that a path names; malformed, it is no phone that could be missing.
pub fn mac(id: &str) -> Result<MacAddr, Problem> {
    id.parse().map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "malformed", format!("{id:?} {error}")))
}

/// Registers a device with secrets of its own.
pub fn enrol(device: Device, ask: &Ask) -> Result<Versioned<Device>, Problem> {
    let plane = &ask.plane;
    let (device, maker) = checked(device, plane)?;
    let token = Secret::token(maker.token_length()).map_err(no_randomness)?;
    let admin_password = Secret::admin_password().map_err(no_randomness)?;
    let mac = device.mac;
    let secrets = DeviceSecrets { token, admin_password };
    let enrolled = ask.veiled(plane.store.enrol(device, secrets, &plane.rules_for(maker), &ask.actor()))?;
    plane.pending.forget(mac);
    Ok(enrolled)
}

/// The device as the catalogue spells it: any usual spelling of a model is taken.
fn checked(mut device: Device, plane: &AdminPlane) -> Result<(Device, &'static dyn Maker), Problem> {
    let Some(maker) = makers::by_id(device.maker.as_str()) else {
        let known: Vec<&str> = makers::MAKERS.iter().map(|maker| maker.id()).collect();
        let message = format!("there is no maker {}; known: {}", device.maker, known.join(", "));
        return Err(Problem::field("/maker", "unknown_maker", message));
    };
    let Some(model) = makers::by_spelling(maker.id(), device.model.as_str()) else {
        return Err(unknown_model(maker, device.model.as_str()));
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

/// The refusal of a model that the catalogue does not have.
pub fn unknown_model(maker: &dyn Maker, model: &str) -> Problem {
    let of_maker = makers::models().iter().filter(|known| known.maker == maker.id());
    let known: Vec<&str> = of_maker.map(|known| known.model.as_str()).collect();
    let message = format!("{} has no model {model:?}; known: {}", maker.name(), known.join(", "));
    Problem::field("/model", "unknown_model", message)
}

/// The maker of a registered device.
pub fn maker_of(device: &Device) -> Result<&'static dyn Maker, Problem> {
    makers::by_id(device.maker.as_str()).ok_or_else(|| {
        let detail = format!("device {} is of maker {}, whom this version does not know", device.mac, device.maker);
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "unknown_maker", detail)
    })
}

/// The machine has no randomness to give.
pub fn no_randomness(error: NoRandomness) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no_randomness", error.to_string())
}

/// The site whose networks an address is from, the narrowest first.
pub fn site_at(plane: &AdminPlane, address: IpAddr) -> Result<Option<SiteId>, Problem> {
    let mut best = None;
    let mut after = None;
    loop {
        let sites = plane.store.sites(&PageRequest { after, limit: 500 })?;
        let Some(last) = sites.last() else { break };
        after = Some(last.value.id.to_string());
        for site in &sites {
            let matching = site.value.networks.iter().filter(|network| network.contains(&address));
            let Some(length) = matching.map(ipnet::IpNet::prefix_len).max() else { continue };
            if best.as_ref().is_none_or(|(longest, _)| length > *longest) {
                best = Some((length, site.value.id.clone()));
            }
        }
    }
    Ok(best.map(|(_, site)| site))
}

fn assign(ask: &Ask) -> Result<Response, Problem> {
    let device = found::<Device>(ask)?;
    let owner: Owner = ask.body()?;
    give(ask, &device, Some(owner))
}

fn unassign(ask: &Ask) -> Result<Response, Problem> {
    give(ask, &found::<Device>(ask)?, None)
}

fn give(ask: &Ask, device: &Versioned<Device>, owner: Option<Owner>) -> Result<Response, Problem> {
    let wished = Device { assignment: owner.clone(), ..device.value.clone() };
    ask.require_wished(&wished.places(&ask.plane)?)?;
    let limit = ask.plane.rules().devices_per_user;
    let given = ask.plane.store.assign(device.value.mac, owner, ask.expected()?, limit, &ask.actor())?;
    shown(ask, StatusCode::OK, &given)
}
