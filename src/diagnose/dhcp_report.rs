//! What is DHCP telling phones here, and what is wrong with that? From sightings to rows and facts; pure.

mod facts;

pub(super) use facts::places;

use std::net::Ipv4Addr;

use serde::Serialize;

use super::dhcp_choice::{Choice, choose};
use super::dhcp_options::{DhcpOption, Message, MessageType, Value};
use super::facts::Fact;
use super::here::{Here, Verdict};
use super::sightings::{Answer, Asker, Phone, Sightings};
use super::target::Target;
use crate::inventory::mac::MacAddr;
use crate::makers::dhcp::Family;

/// Everything that is to be said.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Messages read.
    pub messages: usize,
    /// Phones, and what each was told.
    pub phones: Vec<PhoneRow>,
    /// Servers, and what each maker's phones do with their answer.
    pub servers: Vec<ServerRow>,
    /// What was found, the worst first.
    pub facts: Vec<Fact>,
}

/// A phone.
#[derive(Clone, Debug, Serialize)]
pub struct PhoneRow {
    /// Whether we asked as such a phone, rather than a phone itself.
    pub probe: bool,
    /// Its address.
    pub mac: MacAddr,
    /// Its maker's folder name, if it is known.
    pub maker: Option<&'static str>,
    /// The family of its phones.
    pub family: Option<&'static str>,
    /// The vendor class it sent.
    pub class: Option<String>,
    /// VLAN tags of its frames.
    pub vlans: Vec<u16>,
    /// What it sent.
    pub sent: Vec<MessageType>,
    /// The server whose offer it took.
    pub took: Option<Ipv4Addr>,
    /// What each server told it; without a known family no choice.
    pub told: Vec<Told>,
    /// When it was first and last seen.
    pub first_seen: Option<String>,
    /// The same.
    pub last_seen: Option<String>,
}

/// What one server told one phone.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    /// The server.
    pub server: Ipv4Addr,
    /// Offer or acknowledgement.
    pub kind: Option<MessageType>,
    /// The address it was offered.
    pub address: Ipv4Addr,
    /// The relay it went through, and what that says of the port the phone is on (option 82).
    pub relay: Option<Relay>,
    /// What it makes of it.
    pub choice: Option<Choice>,
    /// Every place that an option names, whether its maker's phones read it or not.
    pub named: Vec<Named>,
}

/// A place that an option names.
#[derive(Clone, Debug, Serialize)]
pub struct Named {
    /// The option.
    pub option: u8,
    /// Host or address.
    pub host: String,
    /// Whether it is this server.
    pub verdict: Verdict,
}

/// A relay between phone and server.
#[derive(Clone, Debug, Serialize)]
pub struct Relay {
    /// Its address in the phone's network.
    pub address: Ipv4Addr,
    /// The circuit: a port of the switch.
    pub circuit: Option<String>,
    /// The remote end, as the relay names it.
    pub remote: Option<String>,
}

/// A server.
#[derive(Debug, Serialize)]
pub struct ServerRow {
    /// As it names itself.
    pub server: Ipv4Addr,
    /// Where its datagrams came from.
    pub source: Ipv4Addr,
    /// Its last answer's options that matter to phones.
    pub options: Vec<DhcpOption>,
    /// The BOOTP fields, which some phones read.
    pub siaddr: Ipv4Addr,
    /// The server's name in the BOOTP field.
    pub sname: String,
    /// The boot file in the BOOTP field.
    pub file: String,
    /// What phones of each maker do with its answer.
    pub choices: Vec<Choice>,
}

/// Makes the report. `families`: whose phones the servers' answers are judged for.
pub fn report(seen: &Sightings, families: &[&'static Family], here: &Here) -> Report {
    let phones = seen.phones.values().filter(|phone| !phone.sent.is_empty() || !phone.answers.is_empty());
    let phones: Vec<PhoneRow> = phones.map(|phone| phone_row(phone, here)).collect();
    let servers: Vec<ServerRow> =
        seen.servers().into_iter().filter_map(|server| server_row(seen, server, families, here)).collect();
    let facts = facts::facts(seen, &phones, &servers, here);
    Report { messages: seen.messages, phones, servers, facts }
}

impl Report {
    /// Whether anything is wrong.
    pub fn has_findings(&self) -> bool {
        self.facts.iter().any(Fact::is_finding)
    }
}

fn phone_row(phone: &Phone, here: &Here) -> PhoneRow {
    let told = |answer: &Answer| Told {
        server: answer.server,
        kind: answer.kind,
        address: answer.message.yiaddr,
        relay: relay(&answer.message),
        choice: phone
            .family
            .filter(|_| answer.kind != Some(MessageType::Nak))
            .map(|family| choose(family, &answer.message, Some(phone.mac), here)),
        named: named(&answer.message, here),
    };
    PhoneRow {
        probe: phone.asker == Asker::Probe,
        mac: phone.mac,
        maker: phone.family.map(|family| family.maker),
        family: phone.family.map(|family| family.name),
        class: phone.class.clone(),
        vlans: phone.vlans.clone(),
        sent: phone.sent.clone(),
        took: phone.took,
        told: phone.answers.iter().map(told).collect(),
        first_seen: phone.first_seen.map(|time| time.to_string()),
        last_seen: phone.last_seen.map(|time| time.to_string()),
    }
}

/// The places that options of provisioning name.
fn named(message: &Message, here: &Here) -> Vec<Named> {
    let options = message.for_phones().filter(|option| matches!(option.code, 43 | 66 | 150 | 159 | 160 | 161));
    let named = options.flat_map(|option| {
        let named = |place: Target| Named { option: option.code, verdict: here.judge(&place), host: place.host };
        places(&option.value).into_iter().map(named)
    });
    named.collect()
}

fn relay(message: &Message) -> Option<Relay> {
    let said = |code: u8| match message.value(82)? {
        Value::SubOptions(subs) => subs.iter().find(|sub| sub.code == code).map(ToString::to_string),
        _ => None,
    };
    let relayed = !message.giaddr.is_unspecified() || message.value(82).is_some();
    relayed.then(|| Relay { address: message.giaddr, circuit: said(1), remote: said(2) })
}

/// The answer that counts for a family: one given to a phone of it, else the last one.
fn answer_for<'a>(seen: &'a Sightings, server: Ipv4Addr, family: &Family) -> Option<&'a Answer> {
    let of_server = || {
        let named = move |(_, answer): &(&Phone, &Answer)| answer.server == server;
        seen.answers().filter(named).filter(|(_, answer)| answer.kind != Some(MessageType::Nak))
    };
    let own = of_server().filter(|(phone, _)| phone.family.is_some_and(|known| known.name == family.name)).last();
    own.or_else(|| of_server().last()).map(|(_, answer)| answer)
}

fn server_row(seen: &Sightings, server: Ipv4Addr, families: &[&'static Family], here: &Here) -> Option<ServerRow> {
    let (_, last) = seen.answers().filter(|(_, answer)| answer.server == server).last()?;
    let choice =
        |family: &&'static Family| Some(choose(family, &answer_for(seen, server, family)?.message, None, here));
    Some(ServerRow {
        server,
        source: last.source,
        options: last.message.for_phones().cloned().collect(),
        siaddr: last.message.siaddr,
        sname: super::dhcp_options::shown(&last.message.sname),
        file: super::dhcp_options::shown(&last.message.file),
        choices: families.iter().filter_map(choice).collect(),
    })
}
