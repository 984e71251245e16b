//! Is that us? What this server is called and speaks, against where an option leads.

use std::net::IpAddr;

use serde::Serialize;

use super::dhcp_report::places;
use super::sightings::Sightings;
use super::target::Target;
use crate::config::{Snapshot, is_ours};
use crate::makers::dhcp::Scheme;

/// This server, as phones see it. Nothing known: nothing is judged.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Here {
    /// Its names: the host of `public_url` and what the operator adds.
    pub names: Vec<String>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// What it speaks and on which ports, if that is known; a protocol without a port is off.
    pub speaks: Option<Vec<(Scheme, u16)>>,
}

/// Whether a place is this server.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Another server.
    Elsewhere,
    /// This one.
    Here,
    /// A name that is not ours, and is not looked up: what a packet says is not acted on.
    OtherName,
    /// It is not known who we are.
    Unknown,
}

impl Here {
    /// This daemon: the public URL's name, and those of the addresses that were named to phones which are ours. Whether
    /// one is ours is tried without sending anything.
    pub fn of_daemon(snapshot: &Snapshot, listeners: &[(&'static str, String)], seen: &Sightings) -> Here {
        let mut here = Here::default();
        here.add(snapshot.public_url.host());
        let options = seen.answers().flat_map(|(_, answer)| answer.message.for_phones());
        let mut named: Vec<IpAddr> =
            options.flat_map(|option| places(&option.value)).filter_map(|place| place.host.parse().ok()).collect();
        named.sort();
        named.dedup();
        here.addresses
            .extend(named.into_iter().map(|address| address.to_canonical()).filter(|address| is_ours(*address)));
        let listening = listeners.iter().filter_map(|(plane, address)| {
            Some((Scheme::named(plane)?, address.parse::<std::net::SocketAddr>().ok()?.port()))
        });
        let public = std::iter::once((Scheme::Https, snapshot.public_url.port()));
        here.speaks = Some(listening.chain(public).collect());
        here
    }

    /// Adds a name or an address.
    pub fn add(&mut self, host: &str) {
        match host.parse::<IpAddr>() {
            Ok(address) => self.addresses.push(address.to_canonical()),
            Err(_) => self.names.push(host.trim_end_matches('.').to_owned()),
        }
    }

    /// Whether a place is on this server.
    pub fn judge(&self, target: &Target) -> Verdict {
        if self.names.is_empty() && self.addresses.is_empty() {
            return Verdict::Unknown;
        }
        match target.host.parse::<IpAddr>() {
            Ok(address) if self.addresses.contains(&address.to_canonical()) => Verdict::Here,
            Ok(_) => Verdict::Elsewhere,
            Err(_) if self.names.iter().any(|name| name.eq_ignore_ascii_case(&target.host)) => Verdict::Here,
            Err(_) => Verdict::OtherName,
        }
    }

    /// Whether this server answers that protocol on that port; `true` if it is not known what it speaks.
    pub fn speaks(&self, scheme: Scheme, port: u16) -> bool {
        self.speaks.as_ref().is_none_or(|spoken| spoken.contains(&(scheme, port)))
    }

    /// The ports it speaks that protocol on; `None` if that is not known.
    pub fn ports(&self, scheme: Scheme) -> Option<Vec<u16>> {
        let of = |spoken: &Vec<(Scheme, u16)>| {
            spoken.iter().filter(|(known, _)| *known == scheme).map(|(_, port)| *port).collect()
        };
        self.speaks.as_ref().map(of)
    }
}
