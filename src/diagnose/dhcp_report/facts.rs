//! What is wrong with what DHCP tells phones here? From rows and sightings to facts; pure.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use super::{PhoneRow, ServerRow};
use crate::diagnose::dhcp_choice::{Choice, ChoiceFault};
use crate::diagnose::dhcp_options::{Message, MessageType, Value};
use crate::diagnose::facts::Fact;
use crate::diagnose::frame::FrameFault;
use crate::diagnose::here::{Here, Verdict};
use crate::diagnose::sightings::{Answer, Asker, Phone, Sightings};
use crate::diagnose::target::Target;
use crate::diagnose::{Code, Severity, Subject};
use crate::makers::dhcp::{FAMILIES, Scheme};

/// Everything that is to be said, the worst first.
pub(super) fn facts(seen: &Sightings, phones: &[PhoneRow], servers: &[ServerRow], here: &Here) -> Vec<Fact> {
    let mut facts = Vec::new();
    dropped(seen, &mut facts);
    unanswered(seen, &mut facts);
    several_servers(seen, &mut facts);
    choices(phones, servers, &mut facts);
    servers.iter().for_each(|server| unexpected(server, here, &mut facts));
    oddities(seen, &mut facts);
    facts.sort_by_key(|fact| std::cmp::Reverse(fact.severity));
    facts.dedup();
    facts
}

fn dropped(seen: &Sightings, facts: &mut Vec<Fact>) {
    for (fault, count) in &seen.dropped {
        let code = match fault {
            FrameFault::Checksum => Code::WrongChecksum,
            FrameFault::Fragment => Code::Fragment,
            FrameFault::Short { .. } => Code::ShortDatagram,
        };
        let subject = seen.network();
        facts.push(Fact::new(code, subject, format!("{count} datagrams of DHCP: {fault}")));
    }
    for unreadable in &seen.unreadable {
        let subject = Subject::Server(unreadable.source.to_string());
        facts.push(Fact::new(Code::UnreadableMessage, subject, unreadable.why.clone()));
    }
}

fn unanswered(seen: &Sightings, facts: &mut Vec<Fact>) {
    let probes: Vec<&Phone> = seen.phones.values().filter(|phone| phone.asker == Asker::Probe).collect();
    let silent: Vec<&str> =
        probes.iter().filter(|phone| phone.is_unanswered()).filter_map(|phone| Some(phone.family?.name)).collect();
    let network = || seen.network();
    if !silent.is_empty() && silent.len() == probes.len() {
        let summary =
            "no DHCP server answered: is there one in this network, or a relay to it, and are addresses left?";
        facts.push(Fact::new(Code::NoDhcpAnswer, network(), summary));
    } else if !silent.is_empty() {
        let summary = format!("no DHCP server answers as it would {}: does it choose by class?", silent.join(", "));
        facts.push(Fact::new(Code::NoDhcpAnswer, network(), summary).rated(Severity::Warning));
    }
    for phone in seen.phones.values().filter(|phone| phone.asker == Asker::Phone && phone.is_unanswered()) {
        let times = phone.sent.len();
        let summary = format!(
            "it asked {times} times and no DHCP server answered: is there one in this network, or a relay to it, and are \
             addresses left?"
        );
        facts.push(Fact::new(Code::NoDhcpAnswer, Subject::Device(phone.mac), summary));
    }
    for (phone, answer) in seen.answers().filter(|(_, answer)| answer.kind == Some(MessageType::Nak)) {
        let why = answer.message.value(56).map(|text| format!(": {text}")).unwrap_or_default();
        let summary = format!("{} refused it an address{why}", answer.server);
        facts.push(Fact::new(Code::DhcpRefused, Subject::Device(phone.mac), summary).told_by(answer.server));
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
    let subject = seen.network();
    let names = servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if differing.is_empty() {
        let summary = format!("{names} answer, and tell phones the same");
        return facts.push(Fact::new(Code::SeveralDhcpServers, subject, summary));
    }
    let mut codes: Vec<u8> = differing.iter().map(|(_, _, code)| *code).collect();
    codes.sort_unstable();
    codes.dedup();
    let codes = codes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let summary = format!(
        "{names} answer, and differ in option {codes}: which one a phone believes is chance; switch the wrong one off, or \
         let the switches pass DHCP answers from the right one alone"
    );
    facts.push(Fact::new(Code::DhcpServersDiffer, subject, summary));
}

/// What keeps the phones that were seen from coming up, and what would keep each maker's.
fn choices(phones: &[PhoneRow], servers: &[ServerRow], facts: &mut Vec<Fact>) {
    for phone in phones.iter().filter(|phone| !phone.probe) {
        for told in &phone.told {
            let Some(choice) = &told.choice else { continue };
            let subject = || Subject::Device(phone.mac);
            if choice.option.is_none() {
                let summary = no_option(&told.server, choice.family, choice);
                facts.push(Fact::new(Code::NoProvisioningOption, subject(), summary).told_by(told.server));
            }
            for fault in &choice.faults {
                let summary = format!("as {}, told by {}: {fault}", choice.family, told.server);
                facts.push(Fact::new(fault.code(), subject(), summary).told_by(told.server));
            }
        }
    }
    let probed = phones.iter().any(|phone| phone.probe);
    for server in servers {
        would_be(server, phones, probed, facts);
    }
}

fn no_option(server: &Ipv4Addr, families: &str, choice: &Choice) -> String {
    format!("{server} names no server to {families}: {}", choice.notes.join("; "))
}

/// What would happen to makers of whom no phone was seen. Who asked as they do wants to know it all; else it is a finding
/// only when they would be led astray.
fn would_be(server: &ServerRow, phones: &[PhoneRow], probed: bool, facts: &mut Vec<Fact>) {
    let seen = |family: &str| {
        let told = |phone: &&PhoneRow| !phone.probe && phone.told.iter().any(|told| told.server == server.server);
        phones.iter().filter(told).any(|phone| phone.family == Some(family))
    };
    let subject = || Subject::Server(server.server.to_string());
    let unseen = || server.choices.iter().filter(|choice| !seen(choice.family));
    let mut alike: Vec<(&ChoiceFault, Vec<&Choice>)> = Vec::new();
    for choice in unseen() {
        for fault in &choice.faults {
            match alike.iter_mut().find(|(known, _)| *known == fault) {
                Some((_, choices)) => choices.push(choice),
                None => alike.push((fault, vec![choice])),
            }
        }
    }
    for (fault, choices) in alike {
        let severity = match fault {
            _ if probed => Severity::Error,
            ChoiceFault::LedElsewhere { .. } => Severity::Warning,
            _ => Severity::Info,
        };
        let summary = format!("{}: {fault}", families(&choices));
        facts.push(hit(Fact::new(fault.code(), subject(), summary).rated(severity), &choices, server));
    }
    // A family without a class of its own is told what everybody is told: nothing, where all others are known by theirs.
    let without = unseen().filter(|choice| probed && choice.option.is_none() && has_class(choice.family));
    let without: Vec<&Choice> = without.collect();
    if let Some(first) = without.first() {
        let summary = no_option(&server.server, &families(&without), first);
        facts.push(hit(Fact::new(Code::NoProvisioningOption, subject(), summary), &without, server));
    }
}

fn families(choices: &[&Choice]) -> String {
    choices.iter().map(|choice| choice.family).collect::<Vec<_>>().join(", ")
}

fn has_class(family: &str) -> bool {
    FAMILIES.iter().any(|known| known.name == family && !known.class.is_empty())
}

/// Whose phones it hits, and what the server said.
fn hit(fact: Fact, choices: &[&Choice], server: &ServerRow) -> Fact {
    let said = server.options.iter().map(|option| match option.name() {
        Some(name) => format!("{} says option {} ({name}): {}", server.server, option.code, option.value),
        None => format!("{} says option {}: {}", server.server, option.code, option.value),
    });
    let shown = std::iter::once(fact.summary.clone()).chain(said).collect();
    fact.of_makers(choices.iter().map(|choice| choice.maker)).shown_by(shown)
}

/// Options of provisioning that lead elsewhere, though none of the makers looked at rests on them: others do.
fn unexpected(server: &ServerRow, here: &Here, facts: &mut Vec<Fact>) {
    for option in server.options.iter().filter(|option| matches!(option.code, 43 | 66 | 150 | 159 | 160 | 161)) {
        let elsewhere = |target: &Target| here.judge(target) == Verdict::Elsewhere;
        let strangers: Vec<String> =
            places(&option.value).iter().filter(|target| elsewhere(target)).map(|target| target.host.clone()).collect();
        let said = server.choices.iter().filter_map(|choice| choice.url.as_ref());
        let said: Vec<&str> = said.filter(|url| elsewhere(url)).map(|url| url.host.as_str()).collect();
        let unsaid: Vec<String> = strangers.into_iter().filter(|host| !said.contains(&host.as_str())).collect();
        if !unsaid.is_empty() {
            let summary = format!("option {} leads to {}, which is not this server", option.code, unsaid.join(", "));
            let subject = Subject::Server(server.server.to_string());
            facts.push(Fact::new(Code::OptionLeadsElsewhere, subject, summary));
        }
    }
}

/// Every place that a value names.
pub(in crate::diagnose) fn places(value: &Value) -> Vec<Target> {
    let read = |text: &str| Target::read(text, Scheme::Tftp).ok();
    match value {
        Value::Addresses(addresses) => {
            addresses.iter().map(|address| Target::address(IpAddr::V4(*address), Scheme::Tftp)).collect()
        }
        Value::Text(text) => read(text).into_iter().collect(),
        // A sub-option may be anything; what has a scheme is a place.
        Value::SubOptions(subs) => {
            let texts = subs.iter().filter_map(|sub| sub.text().filter(|text| text.contains("://")));
            texts.filter_map(|text| read(&text)).collect()
        }
        _ => Vec::new(),
    }
}

fn oddities(seen: &Sightings, facts: &mut Vec<Fact>) {
    for phone in seen.phones.values() {
        for oddity in &phone.oddities {
            let subject = Subject::Device(phone.mac);
            facts.push(Fact::new(oddity.code(), subject, oddity.to_string()));
        }
        for answer in &phone.answers {
            for oddity in &answer.message.oddities {
                let subject = Subject::Server(answer.server.to_string());
                facts.push(Fact::new(oddity.code(), subject, oddity.to_string()));
            }
        }
    }
}
