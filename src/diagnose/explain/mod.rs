//! What happened to this phone, what is the first broken link, and what to do about it? Pure: everything that is known of
//! a phone goes in, one cause comes out, with what was seen in order.

mod cause;
mod dhcp;
mod gather;
mod judge;
mod refused;
mod steps;
mod tls;

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde::Serialize;

pub use cause::Cause;
pub use gather::{Sources, Strangers, gather};
pub use steps::{Detail, Step, StepKind};

use super::dhcp_report::PhoneRow;
use super::finding::Finding;
use super::near_miss::Slip;
use crate::inventory::access::{Access, AccessState};
use crate::inventory::device::{Device, MakerId, Owner};
use crate::inventory::event::{Event, Sighting};
use crate::inventory::handshake::Handshake;
use crate::inventory::mac::MacAddr;
use crate::inventory::period::Period;
use crate::inventory::site::SiteId;
use crate::provision::{PendingPhone, Provisioning};

/// Everything that is known of a phone.
#[derive(Debug)]
pub struct Facts {
    /// Now.
    pub now: Timestamp,
    /// Which phone.
    pub mac: MacAddr,
    /// Where phones are sent.
    pub public_url: String,
    /// Why new phones are not sent there, if so.
    pub parked: Option<String>,
    /// What the inventory says of it.
    pub registered: Option<Registered>,
    /// Who looks like it, on the other side: in the inventory if it is not, else among those that ask.
    pub near: Vec<Near>,
    /// What DHCP told it.
    pub dhcp: Option<PhoneRow>,
    /// How connections of its addresses began, where these are its own.
    pub handshakes: Vec<Handshake>,
    /// What it asked, or was asked in its name, newest first; what its addresses fetched in no name included.
    pub events: Vec<Event>,
    /// What it asked while it was in no inventory.
    pub pending: Option<PendingPhone>,
    /// What wants attention about it.
    pub findings: Vec<Finding>,
}

/// What the inventory says of a phone.
#[derive(Debug)]
pub struct Registered {
    /// The record.
    pub device: Device,
    /// What it has been given and may still take.
    pub access: Access,
    /// How far it is.
    pub provisioning: Provisioning,
    /// Where it was last seen.
    pub sighting: Sighting,
    /// Whether its site says where phones are.
    pub site_has_networks: bool,
    /// How often an unclaimed phone of its maker asks.
    pub poll: Period,
    /// Whether a parked bootstrap keeps phones of its maker.
    pub keeps_url: bool,
}

/// A phone whose address differs by a slip.
#[derive(Clone, Debug, Serialize)]
pub struct Near {
    /// Which.
    pub mac: MacAddr,
    /// How it differs.
    pub slip: Slip,
    /// Whether it was ever seen.
    pub seen: bool,
}

/// What happened to a phone, why, and what to do next.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// Which phone.
    pub mac: MacAddr,
    /// The first broken link.
    pub cause: Cause,
    /// The same in a sentence.
    pub summary: String,
    /// What to do.
    pub fix: String,
    /// Who it is.
    pub phone: Who,
    /// What was seen, in order.
    pub steps: Vec<Step>,
    /// What wants attention about it.
    pub findings: Vec<Finding>,
}

/// Who a phone is, by the inventory's word and by its own.
#[derive(Debug, Serialize)]
pub struct Who {
    /// Whether it is in the inventory.
    pub registered: bool,
    /// Its maker: by the inventory, else as it was seen.
    pub maker: Option<MakerId>,
    /// Its model: by the inventory, else by its own word.
    pub model: Option<String>,
    /// Where it is.
    pub site: Option<SiteId>,
    /// Whom it belongs to.
    pub assignment: Option<Owner>,
    /// Where it stands.
    pub access: Option<AccessState>,
    /// How far it is.
    pub provisioning: Option<Provisioning>,
    /// Its firmware, as it last said.
    pub firmware: Option<String>,
    /// What it seems to be by what it tells DHCP servers.
    pub family: Option<&'static str>,
}

/// Explains.
pub fn explain(facts: Facts) -> Explanation {
    let verdict = judge::verdict(&facts);
    let mut steps = steps::steps(&facts);
    if let Some((kind, time)) = verdict.broken
        && let Some(step) = steps.iter_mut().rev().find(|step| step.kind == kind && step.time == time)
    {
        step.broken = true;
    }
    Explanation {
        mac: facts.mac,
        cause: verdict.cause,
        summary: verdict.summary,
        fix: verdict.fix,
        phone: who(&facts),
        steps,
        findings: facts.findings,
    }
}

fn who(facts: &Facts) -> Who {
    let device = facts.registered.as_ref().map(|registered| &registered.device);
    let seen = facts.pending.as_ref();
    let by_dhcp = || facts.dhcp.as_ref().and_then(|dhcp| dhcp.maker?.parse().ok());
    Who {
        registered: device.is_some(),
        maker: device.map(|device| device.maker.clone()).or_else(|| seen?.maker.clone()).or_else(by_dhcp),
        model: device.map(|device| device.model.to_string()).or_else(|| seen?.model.clone()),
        site: device.map(|device| device.site.clone()),
        assignment: device.and_then(|device| device.assignment.clone()),
        access: facts.registered.as_ref().map(|registered| registered.access.state(facts.now)),
        provisioning: facts.registered.as_ref().map(|registered| registered.provisioning),
        firmware: facts.registered.as_ref().and_then(|registered| registered.sighting.firmware.clone()),
        family: facts.dhcp.as_ref().and_then(|dhcp| dhcp.family),
    }
}
