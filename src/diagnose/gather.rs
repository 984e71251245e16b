//! From where do findings take their facts? From the store's devices and recent events and from the settings in force;
//! nothing is kept for them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::findings::{Parked, PhoneFacts, Situation};
use crate::config::{self, Snapshot};
use crate::inventory::access::AccessState;
use crate::inventory::event::{Event, Outcome, Reason};
use crate::inventory::mac::MacAddr;
use crate::inventory::period::Period;
use crate::makers::{self, Stickiness};
use crate::store::{PageRequest, Store, Stored};

/// How far back events count.
const RECENT: Period = Period::hours(24);
/// How many events are looked at, and how many of them at once.
const MOST_EVENTS: usize = 20_000;
const PAGE: usize = 500;

/// The situation of this moment. Reads the disk.
pub fn gather(store: &dyn Store, snapshot: &Snapshot, now: Timestamp) -> Stored<Situation> {
    let mut events = recent_events(store, now)?;
    let mut phones = Vec::new();
    let mut waiting = 0;
    let mut page = PageRequest { after: None, limit: PAGE };
    loop {
        let devices = store.devices(&page)?;
        for device in &devices {
            let mac = device.value.mac;
            // Who removed it meanwhile wants no findings of it.
            let Some(phone) = store.phone(mac)? else { continue };
            let keeps_url = makers::by_id(phone.device.value.maker.as_str())
                .is_none_or(|maker| maker.sticky() == Stickiness::KeepsUrl);
            let unclaimed = matches!(phone.access.state(now), AccessState::Known | AccessState::ClaimOpen);
            waiting += usize::from(keeps_url && unclaimed);
            let site_has_networks = !phone.site.networks.is_empty();
            let events = events.remove(&mac).unwrap_or_default();
            phones.push(PhoneFacts { mac, access: phone.access, site_has_networks, events });
        }
        match devices.last() {
            Some(last) if devices.len() == PAGE => page.after = Some(last.value.mac.to_string()),
            _ => break,
        }
    }
    let parked = snapshot.handover().err().map(|parked| Parked {
        fix: fix_of(&parked, snapshot),
        cause: parked.to_string(),
        phones: waiting,
        since: snapshot.read_at,
    });
    let certificate_ends = snapshot.certificate.ends().and_then(|second| Timestamp::from_second(second).ok());
    let unrenewed = snapshot.unrenewed().map(|failed| (failed.cause.clone(), failed.since));
    Ok(Situation { now, public_url: snapshot.public_url.to_string(), parked, certificate_ends, unrenewed, phones })
}

/// What helps against a parked hand-over.
fn fix_of(parked: &config::Parked, snapshot: &Snapshot) -> String {
    match parked {
        config::Parked::Elsewhere { host, .. } | config::Parked::Unresolved { host, .. } => {
            format!(
                "let {host} lead to an address of this machine, or change server.public_url; it is tried again each minute"
            )
        }
        config::Parked::Dates(_) | config::Parked::IncompleteChain | config::Parked::Name(_) => {
            let host = snapshot.public_url.host();
            format!("give https.certificate a certificate for {host} with its whole chain, then: systemctl reload ztpd")
        }
    }
}

/// Of each phone what tells of its access, newest first.
fn recent_events(store: &dyn Store, now: Timestamp) -> Stored<BTreeMap<MacAddr, Vec<Event>>> {
    let since = now.saturating_sub(RECENT.signed()).unwrap_or(Timestamp::MIN);
    let mut of_phone: BTreeMap<MacAddr, Vec<Event>> = BTreeMap::new();
    let (mut before, mut read) = (None, 0);
    while read < MOST_EVENTS {
        let events = store.events(None, before, PAGE)?;
        let Some(last) = events.last() else { break };
        (before, read) = (Some(last.id), read + events.len());
        let is_old = last.time < since;
        for event in events.into_iter().filter(|event| event.time >= since && tells(event)) {
            if let Some(mac) = event.mac {
                of_phone.entry(mac).or_default().push(event);
            }
        }
        if is_old {
            break;
        }
    }
    Ok(of_phone)
}

fn tells(event: &Event) -> bool {
    let of_access = |reason| {
        matches!(reason, Reason::BoundWithoutProof | Reason::ClaimClosed | Reason::ClaimContested | Reason::ClaimTaken)
    };
    event.decision == Outcome::Served || event.certificate.is_some() || event.reason.is_some_and(of_access)
}
