//! What is DHCP telling phones here, and what is wrong with that? From sightings to rows and facts; pure.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde::Serialize;

use super::dhcp_choice::{Choice, ChoiceFault, choose};
use super::dhcp_options::{DhcpOption, Message, MessageType};
use super::facts::{Fact, Severity, Subject};
use super::frame::FrameFault;
use super::here::Here;
use super::sightings::{Answer, Phone, Sightings};
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
#[derive(Debug, Serialize)]
pub struct PhoneRow {
    /// Its address.
    pub mac: String,
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
#[derive(Debug, Serialize)]
pub struct Told {
    /// The server.
    pub server: Ipv4Addr,
    /// Offer or acknowledgement.
    pub kind: Option<MessageType>,
    /// The address it was offered.
    pub address: Ipv4Addr,
    /// What it makes of it.
    pub choice: Option<Choice>,
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
    let mut facts = Vec::new();
    dropped(seen, &mut facts);
    unanswered(seen, &mut facts);
    several_servers(seen, &mut facts);
    choices(&phones, &servers, &mut facts);
    oddities(seen, &mut facts);
    facts.sort_by_key(|fact| std::cmp::Reverse(fact.severity));
    facts.dedup();
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
        choice: phone
            .family
            .filter(|_| answer.kind != Some(MessageType::Nak))
            .map(|family| choose(family, &answer.message, Some(phone.mac), here)),
    };
    PhoneRow {
        mac: phone.mac.to_string(),
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

fn fact(code: &'static str, severity: Severity, subject: Subject, summary: String) -> Fact {
    Fact { code, severity, subject, summary }
}

fn dropped(seen: &Sightings, facts: &mut Vec<Fact>) {
    for (fault, count) in &seen.dropped {
        let code = match fault {
            FrameFault::Checksum => "wrong_checksum",
            FrameFault::Fragment => "fragment",
            FrameFault::Short { .. } => "short_datagram",
        };
        let subject = Subject::Network("dhcp".to_owned());
        facts.push(fact(code, Severity::Warning, subject, format!("{count} datagrams of DHCP: {fault}")));
    }
    for unreadable in &seen.unreadable {
        let subject = Subject::Server(unreadable.source.to_string());
        facts.push(fact("unreadable_message", Severity::Warning, subject, unreadable.why.clone()));
    }
}

fn unanswered(seen: &Sightings, facts: &mut Vec<Fact>) {
    for phone in seen.phones.values().filter(|phone| phone.is_unanswered()) {
        let times = phone.sent.len();
        let summary = format!(
            "it asked {times} times and no DHCP server answered: is there one in this network, or a relay to it, and are \
             addresses left?"
        );
        facts.push(fact("no_dhcp_answer", Severity::Error, Subject::Device(phone.mac.to_string()), summary));
    }
    for (phone, answer) in seen.answers().filter(|(_, answer)| answer.kind == Some(MessageType::Nak)) {
        let why = answer.message.value(56).map(|text| format!(": {text}")).unwrap_or_default();
        let summary = format!("{} refused it an address{why}", answer.server);
        facts.push(fact("dhcp_refused", Severity::Warning, Subject::Device(phone.mac.to_string()), summary));
    }
}

/// What an answer tells phones, for comparison.
fn essence(message: &Message) -> Vec<(u8, &[u8])> {
    let mut options: Vec<(u8, &[u8])> =
        message.for_phones().map(|option| (option.code, option.octets.as_slice())).collect();
    options.sort();
    options
}

/// Two servers that tell one phone different things: which one it believes is chance.
fn several_servers(seen: &Sightings, facts: &mut Vec<Fact>) {
    let servers = seen.servers();
    if servers.len() < 2 {
        return;
    }
    let mut differing: BTreeSet<(Ipv4Addr, Ipv4Addr, u8)> = BTreeSet::new();
    for phone in seen.phones.values() {
        let told: Vec<&Answer> = phone.answers.iter().filter(|answer| answer.kind != Some(MessageType::Nak)).collect();
        for (index, one) in told.iter().enumerate() {
            for other in told.iter().skip(index.saturating_add(1)) {
                let (a, b) = (essence(&one.message), essence(&other.message));
                let odd = a.iter().filter(|option| !b.contains(option));
                let odd = odd.chain(b.iter().filter(|option| !a.contains(option)));
                differing
                    .extend(odd.map(|(code, _)| (one.server.min(other.server), one.server.max(other.server), *code)));
            }
        }
    }
    let subject = Subject::Network("dhcp".to_owned());
    let names = servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if differing.is_empty() {
        let summary = format!("{names} answer, and tell phones the same");
        return facts.push(fact("several_dhcp_servers", Severity::Info, subject, summary));
    }
    let mut codes: Vec<u8> = differing.iter().map(|(_, _, code)| *code).collect();
    codes.sort_unstable();
    codes.dedup();
    let codes = codes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let summary = format!(
        "{names} answer, and differ in option {codes}: which one a phone believes is chance; switch the wrong one off, or \
         let the switches pass DHCP answers from the right one alone"
    );
    facts.push(fact("dhcp_servers_differ", Severity::Error, subject, summary));
}

/// What keeps the phones that were seen from coming up, and what would keep each maker's.
fn choices(phones: &[PhoneRow], servers: &[ServerRow], facts: &mut Vec<Fact>) {
    for phone in phones {
        for told in &phone.told {
            let Some(choice) = &told.choice else { continue };
            let subject = || Subject::Device(phone.mac.clone());
            if choice.option.is_none() {
                let server = told.server;
                let summary =
                    format!("{server} names no server to it as {}: {}", choice.family, choice.notes.join("; "));
                facts.push(fact("no_provisioning_option", Severity::Warning, subject(), summary));
            }
            for fault in &choice.faults {
                let summary = format!("as {}, told by {}: {fault}", choice.family, told.server);
                facts.push(fact(fault.code(), Severity::Error, subject(), summary));
            }
        }
    }
    // Makers of whom no phone was seen: what would happen, and an error only when they would be led astray.
    let seen = |server: Ipv4Addr, family: &str| {
        let told = |phone: &&PhoneRow| phone.told.iter().any(|told| told.server == server);
        phones.iter().filter(told).any(|phone| phone.family == Some(family))
    };
    for server in servers {
        let mut alike: Vec<(&ChoiceFault, Vec<&str>)> = Vec::new();
        for choice in server.choices.iter().filter(|choice| !seen(server.server, choice.family)) {
            for fault in &choice.faults {
                match alike.iter_mut().find(|(known, _)| *known == fault) {
                    Some((_, families)) => families.push(choice.family),
                    None => alike.push((fault, vec![choice.family])),
                }
            }
        }
        for (fault, families) in alike {
            let severity = match fault {
                ChoiceFault::LedElsewhere { .. } => Severity::Warning,
                _ => Severity::Info,
            };
            let subject = Subject::Server(server.server.to_string());
            facts.push(fact(fault.code(), severity, subject, format!("{}: {fault}", families.join(", "))));
        }
    }
}

fn oddities(seen: &Sightings, facts: &mut Vec<Fact>) {
    let severity = |harmless| if harmless { Severity::Info } else { Severity::Warning };
    for phone in seen.phones.values() {
        for oddity in &phone.oddities {
            let subject = Subject::Device(phone.mac.to_string());
            facts.push(fact(oddity.code(), severity(oddity.is_harmless()), subject, oddity.to_string()));
        }
        for answer in &phone.answers {
            for oddity in &answer.message.oddities {
                let subject = Subject::Server(answer.server.to_string());
                facts.push(fact(oddity.code(), severity(oddity.is_harmless()), subject, oddity.to_string()));
            }
        }
    }
}
