//! From where does an explanation take its facts? From the store, and from what is remembered of late: who asked, how
//! connections began, what the DHCP watcher saw.

use std::net::IpAddr;

use jiff::Timestamp;

use super::{Facts, Near, Registered};
use crate::config::Snapshot;
use crate::diagnose::dhcp_options::MessageType;
use crate::diagnose::dhcp_report::{PhoneRow, report};
use crate::diagnose::finding::{Finding, Subject};
use crate::diagnose::here::Here;
use crate::diagnose::near_miss::slip;
use crate::diagnose::observations::Observations;
use crate::diagnose::sightings::Sightings;
use crate::inventory::device::Device;
use crate::inventory::event::{Event, Sighting};
use crate::inventory::handshake::Handshake;
use crate::inventory::mac::MacAddr;
use crate::makers::{self, Stickiness};
use crate::provision::{NatExits, Pending, Recent, how_far};
use crate::store::{PageRequest, Store, Stored};

/// How many events of the phone are looked at, how many of all phones, and how many records at once.
const EVENTS: usize = 100;
const EVENTS_OF_ALL: usize = 500;
const PAGE: usize = 500;
/// How long an address stays a phone's, in seconds.
const LASTS: i64 = 86_400;

/// Where facts come from.
pub struct Sources<'a> {
    /// Everything that is kept.
    pub store: &'a dyn Store,
    /// The settings in force.
    pub snapshot: &'a Snapshot,
    /// What is listened on.
    pub listeners: &'a [(&'static str, String)],
    /// Phones nobody knows.
    pub pending: &'a Pending,
    /// How connections began.
    pub handshakes: &'a Recent<Handshake>,
    /// What was fetched in no phone's name.
    pub nameless: &'a Recent<Event>,
    /// What the DHCP watcher saw.
    pub observations: &'a Observations,
    /// Everything that wants attention.
    pub findings: Vec<Finding>,
    /// Which phones of the inventory may be spoken of.
    pub may_see: &'a dyn Fn(&Device) -> bool,
    /// Whether phones of no inventory may be spoken of.
    pub strangers: Strangers,
    /// Now.
    pub now: Timestamp,
}

/// Whether phones of no inventory may be spoken of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Strangers {
    /// They may not: they belong to no site.
    Hidden,
    /// They may.
    Seen,
}

/// Everything that is known of a phone. One of the inventory that may not be spoken of is one that nobody ever saw.
pub fn gather(mac: MacAddr, sources: Sources<'_>) -> Stored<Facts> {
    let Sources { store, snapshot, now, .. } = sources;
    let mut facts = Facts {
        now,
        mac,
        public_url: snapshot.public_url.to_string(),
        parked: snapshot.handover().err().map(|parked| parked.to_string()),
        registered: None,
        near: Vec::new(),
        dhcp: None,
        handshakes: Vec::new(),
        events: Vec::new(),
        pending: None,
        findings: Vec::new(),
    };
    let device = store.device(mac)?.map(|device| device.value);
    let hidden = match &device {
        Some(device) => !(sources.may_see)(device),
        None => sources.strangers == Strangers::Hidden,
    };
    if !hidden {
        let seen = sources.observations.sightings(None, now);
        let here = Here::of_daemon(snapshot, sources.listeners, &seen);
        let rows = report(&seen, &[], &here).phones;
        facts.events = store.events(Some(mac), None, EVENTS)?;
        facts.pending = sources.pending.phone(mac, now);
        facts.dhcp = rows.iter().find(|row| row.mac == mac).cloned();
        for address in own_addresses(&facts, &rows, &sources)? {
            facts.handshakes.extend(sources.handshakes.of(address, now));
            facts.events.extend(sources.nameless.of(address, now));
        }
        facts.events.sort_by_key(|event| std::cmp::Reverse(event.time));
        facts.near = match device {
            Some(_) => near_strangers(mac, &seen, &sources)?,
            None => near_devices(mac, &seen, &sources)?,
        };
        facts.registered = device.map(|device| registered(device, &sources)).transpose()?.flatten();
        facts.findings =
            sources.findings.into_iter().filter(|finding| finding.subject == Subject::Device(mac)).collect();
    } else if device.is_none() {
        facts.near = near_devices(mac, &Sightings::default(), &sources)?;
    }
    Ok(facts)
}

/// `None`: it was removed meanwhile.
fn registered(device: Device, sources: &Sources<'_>) -> Stored<Option<Registered>> {
    let Sources { store, snapshot, .. } = sources;
    let Some(access) = store.access(device.mac)? else { return Ok(None) };
    let sighting = store.sighting(device.mac)?;
    let provisioning = how_far(*store, snapshot, device.mac, &sighting)?;
    let site = store.site(&device.site)?;
    let maker = makers::by_id(device.maker.as_str());
    Ok(Some(Registered {
        access,
        provisioning,
        sighting,
        site_has_networks: site.is_some_and(|site| !site.value.networks.is_empty()),
        poll: maker.map(|maker| maker.unclaimed_poll()).unwrap_or_default(),
        keeps_url: maker.is_none_or(|maker| maker.sticky() == Stickiness::KeepsUrl),
        device,
    }))
}

/// The addresses the phone has had of late that no other phone has had: what they did, it did.
fn own_addresses(facts: &Facts, rows: &[PhoneRow], sources: &Sources<'_>) -> Stored<Vec<IpAddr>> {
    let recent = |event: &&Event| sources.now.as_second().saturating_sub(event.time.as_second()) < LASTS;
    let mut addresses: Vec<IpAddr> = facts.dhcp.iter().flat_map(leases).collect();
    addresses.extend(facts.events.iter().filter(recent).filter_map(|event| event.address));
    addresses.extend(facts.pending.as_ref().and_then(|pending| pending.address));
    addresses.sort();
    addresses.dedup();
    let own = facts.mac;
    let events = sources.store.events(None, None, EVENTS_OF_ALL)?;
    let asked = events.iter().filter(recent).filter(|event| event.mac != Some(own)).filter_map(|event| event.address);
    let pending = sources.pending.list(sources.now).into_iter().filter(|phone| phone.mac != own);
    let leased = rows.iter().filter(|row| row.mac != own).flat_map(leases);
    let others: Vec<IpAddr> = asked.chain(pending.filter_map(|phone| phone.address)).chain(leased).collect();
    let nat_exits = NatExits::default();
    addresses.retain(|address| !others.contains(address) && !nat_exits.contains(sources.store, *address));
    Ok(addresses)
}

/// The addresses DHCP gave it.
fn leases(row: &PhoneRow) -> impl Iterator<Item = IpAddr> {
    let given = row.told.iter().filter(|told| told.kind == Some(MessageType::Ack) && !told.address.is_unspecified());
    given.map(|told| IpAddr::V4(told.address))
}

/// Phones of the inventory that look like this one.
fn near_devices(mac: MacAddr, seen: &Sightings, sources: &Sources<'_>) -> Stored<Vec<Near>> {
    let mut near = Vec::new();
    let mut page = PageRequest { after: None, limit: PAGE };
    loop {
        let devices = sources.store.devices(&page)?;
        for device in devices.iter().filter(|device| (sources.may_see)(&device.value)) {
            let other = device.value.mac;
            let Some(slip) = slip(mac, other) else { continue };
            let by_dhcp = seen.phones.contains_key(&(other, None));
            let asked = sources.store.sighting(other)? != Sighting::default();
            near.push(Near { mac: other, slip, seen: by_dhcp || asked });
        }
        match devices.last() {
            Some(last) if devices.len() == PAGE => page.after = Some(last.value.mac.to_string()),
            _ => break,
        }
    }
    near.sort_by_key(|near| (near.slip, near.mac));
    Ok(near)
}

/// Phones of no inventory that look like this one.
fn near_strangers(mac: MacAddr, seen: &Sightings, sources: &Sources<'_>) -> Stored<Vec<Near>> {
    if sources.strangers == Strangers::Hidden {
        return Ok(Vec::new());
    }
    let asked = sources.pending.list(sources.now).into_iter().map(|phone| phone.mac);
    let by_dhcp = seen.phones.values().filter(|phone| phone.family.is_some()).map(|phone| phone.mac);
    let mut others: Vec<MacAddr> = asked.chain(by_dhcp).collect();
    others.sort();
    others.dedup();
    let mut near = Vec::new();
    for other in others {
        let Some(slip) = slip(mac, other) else { continue };
        if sources.store.device(other)?.is_none() {
            near.push(Near { mac: other, slip, seen: true });
        }
    }
    near.sort_by_key(|near| (near.slip, near.mac));
    Ok(near)
}
