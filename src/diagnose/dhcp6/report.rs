//! What is DHCPv6 telling phones here, and what is wrong with that? From sightings to rows and facts; pure.
//!
//! Which of it a maker's phones follow is told by few manuals: Cisco's MPP phones and Panasonic's read option 17, in forms of
//! their own. So what options name is shown and judged, and no choice is claimed for a maker.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use serde::Serialize;

use super::sightings::{Answer, Asker, Sightings};
use super::{Dhcp6Option, Kind, Message, Oddity, Relay, Value};
use crate::diagnose::Code;
use crate::diagnose::facts::Fact;
use crate::diagnose::finding::Subject;
use crate::diagnose::here::{Here, Verdict};
use crate::diagnose::target::Target;
use crate::inventory::mac::MacAddr;
use crate::makers::dhcp::Scheme;

/// Makers whose manuals say that their phones read an option of DHCPv6.
const READERS: &[(u16, &[&str])] = &[(17, &["Cisco MPP", "Panasonic"])];

/// Everything that is to be said of IPv6.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Messages read.
    pub messages: usize,
    /// Who asked, and what each was told.
    pub phones: Vec<PhoneRow>,
    /// Servers, and what they tell.
    pub servers: Vec<ServerRow>,
}

/// One that asked.
#[derive(Debug, Serialize)]
pub struct PhoneRow {
    /// Whether it was we.
    pub probe: bool,
    /// Its hardware address.
    pub mac: Option<MacAddr>,
    /// Its DUID.
    pub duid: Option<String>,
    /// Whose phone it seems to be.
    pub family: Option<&'static str>,
    /// VLAN tags of its frames.
    pub vlans: Vec<u16>,
    /// What it sent.
    pub sent: Vec<Kind>,
    /// What each server told it.
    pub told: Vec<Told>,
}

/// What one server told one of them.
#[derive(Debug, Serialize)]
pub struct Told {
    /// The server's DUID, or its address.
    pub server: String,
    /// What kind of answer.
    pub kind: Kind,
    /// The addresses it was given.
    pub addresses: Vec<Ipv6Addr>,
    /// The relays between.
    pub relays: Vec<Relay>,
}

/// A server.
#[derive(Debug, Serialize)]
pub struct ServerRow {
    /// Its DUID, or its address.
    pub server: String,
    /// The address it answers from.
    pub source: Ipv6Addr,
    /// The options of its last answer that matter to phones.
    pub options: Vec<Dhcp6Option>,
    /// The places these name.
    pub places: Vec<Place>,
}

/// A place that an option names.
#[derive(Debug, Serialize)]
pub struct Place {
    /// The option.
    pub option: u16,
    /// Where it leads.
    pub url: Target,
    /// Whether that is this server.
    pub verdict: Verdict,
    /// The makers known to read it.
    pub read_by: &'static [&'static str],
}

/// Makes the report, and what is wrong.
pub fn report(seen: &Sightings, here: &Here) -> (Report, Vec<Fact>) {
    let phones = seen.askers.values().map(phone_row).collect();
    let servers = servers(seen, here);
    let facts = facts(seen, &servers);
    (Report { messages: seen.messages, phones, servers }, facts)
}

fn phone_row(asker: &Asker) -> PhoneRow {
    let told = |answer: &Answer| Told {
        server: answer.server.clone(),
        kind: answer.message.kind,
        addresses: answer.message.addresses(),
        relays: answer.message.relays.clone(),
    };
    PhoneRow {
        probe: asker.probe,
        mac: asker.mac,
        duid: asker.duid.clone(),
        family: asker.family().map(|family| family.name),
        vlans: asker.vlans.clone(),
        sent: asker.sent.clone(),
        told: asker.answers.iter().map(told).collect(),
    }
}

fn servers(seen: &Sightings, here: &Here) -> Vec<ServerRow> {
    let names: BTreeSet<&str> = seen.answers().map(|(_, answer)| answer.server.as_str()).collect();
    let last = names.into_iter().filter_map(|name| seen.answers().filter(|(_, answer)| answer.server == name).last());
    last.map(|(_, answer)| ServerRow {
        server: answer.server.clone(),
        source: answer.source,
        options: answer.message.for_phones().cloned().collect(),
        places: places(&answer.message, here),
    })
    .collect()
}

/// The places that a message's options name: a boot file's URL, and whatever has a scheme among the vendor options.
fn places(message: &Message, here: &Here) -> Vec<Place> {
    let named = message.options.iter().flat_map(|option| {
        let texts = match (&option.value, option.code) {
            (Value::Text(text), 59) => vec![text.clone()],
            (Value::Vendor(vendor), 17) => vendor.texts().into_iter().filter(|text| text.contains("://")).collect(),
            _ => Vec::new(),
        };
        texts.into_iter().filter_map(|text| Some((option.code, Target::read(&text, Scheme::Tftp).ok()?)))
    });
    let place = |(option, url): (u16, Target)| Place {
        option,
        verdict: here.judge(&url),
        url,
        read_by: READERS.iter().find(|(code, _)| *code == option).map_or(&[], |(_, makers)| makers),
    };
    named.map(place).collect()
}

fn facts(seen: &Sightings, servers: &[ServerRow]) -> Vec<Fact> {
    let mut facts = Vec::new();
    for (source, why) in &seen.unreadable {
        facts.push(Fact::new(Code::UnreadableMessage, Subject::Server(source.to_string()), why.clone()));
    }
    for server in servers {
        let subject = || Subject::Server(server.source.to_string());
        for place in server.places.iter().filter(|place| place.verdict == Verdict::Elsewhere) {
            let readers = match place.read_by {
                [] => String::new(),
                makers => format!("; {} read it", makers.join(" and ")),
            };
            let (option, host) = (place.option, &place.url.host);
            let summary = format!("DHCPv6 option {option} leads to {host}, which is not this server{readers}");
            facts.push(Fact::new(Code::OptionLeadsElsewhere, subject(), summary));
        }
        let unread =
            server.options.iter().filter(|option| option.code == 59 && !server.places.iter().any(|p| p.option == 59));
        for option in unread {
            let summary = format!("DHCPv6 option 59 is {}, which is no URL", option.value);
            facts.push(Fact::new(Code::OptionUnreadable, subject(), summary));
        }
    }
    differing(servers, &mut facts);
    for (asker, answer) in seen.answers() {
        for oddity in &answer.message.oddities {
            let subject = Subject::Server(answer.source.to_string());
            facts.push(Fact::new(oddity.code(), subject, format!("DHCPv6 to {}: {oddity}", named(asker))));
        }
    }
    facts.sort_by_key(|fact| std::cmp::Reverse(fact.severity));
    facts.dedup();
    facts
}

fn named(asker: &Asker) -> String {
    asker.mac.map(|mac| mac.to_string()).or_else(|| asker.duid.clone()).unwrap_or_else(|| "somebody".to_owned())
}

/// Two servers that tell phones different things.
fn differing(servers: &[ServerRow], facts: &mut Vec<Fact>) {
    let [first, rest @ ..] = servers else { return };
    if rest.is_empty() {
        return;
    }
    let essence = |row: &ServerRow| -> Vec<(u16, Vec<u8>)> {
        let mut options: Vec<_> = row.options.iter().map(|option| (option.code, option.octets.clone())).collect();
        options.sort();
        options
    };
    let names = servers.iter().map(|row| row.source.to_string()).collect::<Vec<_>>().join(", ");
    let subject = Subject::Network("dhcpv6".to_owned());
    facts.push(if rest.iter().all(|row| essence(row) == essence(first)) {
        let summary = format!("{names} answer over DHCPv6, and tell phones the same");
        Fact::new(Code::SeveralDhcpServers, subject, summary)
    } else {
        let summary = format!("{names} answer over DHCPv6, and tell phones different things");
        Fact::new(Code::DhcpServersDiffer, subject, summary)
    });
}

impl Report {
    /// Whether anything was seen at all.
    pub fn is_empty(&self) -> bool {
        self.messages == 0 && self.servers.is_empty()
    }
}

impl Oddity {
    /// The kind of finding it is.
    fn code(&self) -> Code {
        match self {
            Oddity::BadLength { .. } | Oddity::Overrun { .. } => Code::BadLength,
            Oddity::NotText(_) => Code::NotText,
            Oddity::Password(_) => Code::Password,
            Oddity::UnknownKind(_) => Code::UnreadableMessage,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::frame::Datagram6;

    fn option(code: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len()).unwrap();
        [&code.to_be_bytes()[..], &length.to_be_bytes(), value].concat()
    }

    /// An answer of a server to one phone, with one option more.
    fn answer(server: u8, more: &[u8]) -> Vec<u8> {
        let duid = [0, 3, 0, 1, 0, 0x15, 0x65, 0, 0, 1];
        [vec![7, 0, 0, 1], option(1, &duid), option(2, &[0, 3, server]), more.to_vec()].concat()
    }

    fn reported(answers: &[(u8, Vec<u8>)]) -> (Report, Vec<Code>) {
        let mut seen = Sightings::default();
        for (server, payload) in answers {
            let source = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, u16::from(*server));
            seen.take(None, &Datagram6 { source, hardware: None, vlans: Vec::new(), payload });
        }
        let mut here = Here::default();
        here.add("2001:db8::1");
        let (report, facts) = report(&seen, &here);
        (report, facts.iter().map(|fact| fact.code).collect())
    }

    #[test]
    fn what_leads_here_is_fine_and_what_leads_elsewhere_is_found() {
        let (report, codes) = reported(&[(3, answer(3, &option(59, b"https://[2001:db8::1]/x/")))]);
        assert_eq!((codes, report.servers[0].places[0].verdict), (vec![], Verdict::Here));
        let vendor = [&9u32.to_be_bytes()[..], &option(1, b"tftp://[2001:db8::2]/")].concat();
        let (report, codes) = reported(&[(3, answer(3, &option(17, &vendor)))]);
        assert_eq!(codes, [Code::OptionLeadsElsewhere]);
        assert_eq!(report.servers[0].places[0].read_by, ["Cisco MPP", "Panasonic"]);
    }

    #[test]
    fn servers_that_differ_and_what_cannot_be_read_are_found() {
        let (one, other) = (option(59, b"https://[2001:db8::1]/"), option(59, b"https://[2001:db8::1]/y/"));
        assert_eq!(reported(&[(3, answer(3, &one)), (4, answer(4, &one))]).1, [Code::SeveralDhcpServers]);
        assert_eq!(reported(&[(3, answer(3, &one)), (4, answer(4, &other))]).1, [Code::DhcpServersDiffer]);
        assert_eq!(reported(&[(3, vec![7])]).1, [Code::UnreadableMessage]);
        assert_eq!(reported(&[(3, answer(3, &option(59, b"https://")))]).1, [Code::OptionUnreadable]);
        assert_eq!(reported(&[(3, answer(3, &option(31, b"x")))]).1, [Code::BadLength]);
    }
}
