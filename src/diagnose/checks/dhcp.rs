//! What does DHCP tell the phones of one network, and what is wrong with it? A probe as each of their makers' phones, and one
//! as nobody: what that is told, everybody is told.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::super::dhcp_choice::Choice;
use super::super::dhcp_options::{Message, MessageType};
use super::super::dhcp_probe::{Posing, ProbeError, Way, probe};
use super::super::dhcp_report::{Report, ServerRow, named_addresses, report};
use super::super::factory_clock::TimeByDhcp;
use super::super::facts::Fact;
use super::super::here::Verdict;
use super::super::sightings::{Answer, Phone, Sightings};
use super::super::{Code, Subject};
use super::Learned;
use super::scope::Scope;
use crate::config::is_ours;
use crate::host::interfaces::Interface;
use crate::makers::dhcp::{Family, NOBODY, Scheme};

/// How long answers are waited for: the first server is not always the only one.
pub const WINDOW: Duration = Duration::from_secs(6);

/// Options that several makers read, each in its own way.
const SHARED: [u8; 2] = [66, 161];

/// What a network tells.
#[derive(Debug)]
pub struct Outcome {
    /// All of it, by phone and by server.
    pub report: Report,
    /// What is wrong.
    pub facts: Vec<Fact>,
    /// The time servers that were named.
    pub learned: Vec<Learned>,
    /// Whether phones are told a time server.
    pub time: TimeByDhcp,
}

/// Asks and judges.
pub async fn check(interface: &Interface, way: Way<'_>, scope: &Scope) -> Result<Outcome, ProbeError> {
    let families = scope.families();
    let asked: Vec<&'static Family> = families.iter().copied().chain([&NOBODY]).collect();
    let mut seen = probe(interface, &asked, Posing::AsItself, WINDOW, way).await?;
    let nobody = take_nobody(&mut seen);
    let addresses: Vec<IpAddr> = interface.ipv4.iter().copied().map(IpAddr::V4).collect();
    let (report, facts) = judge(&seen, &nobody, &families, addresses, scope);
    let learned = seen.answers().flat_map(|(_, answer)| answer.message.addresses(42)).copied().collect::<BTreeSet<_>>();
    let learned =
        learned.into_iter().map(|address| Learned { address: address.into(), interface: interface.name.clone() });
    Ok(Outcome { time: time(&seen), learned: learned.collect(), report, facts })
}

/// What is wrong with what phones were told, by probe or by themselves. `nobody`: who is no phone, and was told as everybody
/// is; `addresses`: ours in that network, as far as they are known.
pub(super) fn judge(
    seen: &Sightings,
    nobody: &[Phone],
    families: &[&'static Family],
    mut addresses: Vec<IpAddr>,
    scope: &Scope,
) -> (Report, Vec<Fact>) {
    addresses.extend(named_addresses(seen).into_iter().filter(|address| others_reach(*address)));
    let report = report(seen, families, &scope.here(addresses));
    let mut facts = report.facts.clone();
    facts.extend(for_everybody(nobody, scope));
    facts.extend(strangers(&report.servers, scope));
    (report, facts)
}

/// Whether an address leads others to this machine.
fn others_reach(address: IpAddr) -> bool {
    !address.is_loopback() && !address.is_unspecified() && is_ours(address)
}

/// The one that asked as nobody is not judged as a phone.
fn take_nobody(seen: &mut Sightings) -> Vec<Phone> {
    let keys: Vec<_> = seen.phones.keys().filter(|(_, family)| *family == Some(NOBODY.name)).copied().collect();
    keys.iter().filter_map(|key| seen.phones.remove(key)).collect()
}

/// In a network of several makers: options that everybody is told.
fn for_everybody(nobody: &[Phone], scope: &Scope) -> Vec<Fact> {
    let makers: Vec<&str> =
        scope.phones.iter().filter(|(_, count)| **count > 0).map(|(maker, _)| maker.as_str()).collect();
    if makers.len() < 2 {
        return Vec::new();
    }
    let of_answer = |answer: &Answer| {
        let set = SHARED.iter().filter_map(|code| Some((code, answer.message.value(*code)?)));
        let facts = set.map(|(code, value)| {
            let summary = format!(
                "{} tells everybody option {code} ({value}), and there are phones of {}: set by vendor class, each would be \
                 told its own, and nothing else on the network would be told any",
                answer.server,
                makers.join(", ")
            );
            Fact::new(Code::OptionForAllMakers, Subject::Server(answer.server.to_string()), summary)
        });
        facts.collect::<Vec<_>>()
    };
    let mut told: Vec<&Answer> =
        nobody.iter().flat_map(|phone| &phone.answers).filter(|answer| counts(answer)).collect();
    told.dedup_by_key(|answer| answer.server);
    told.into_iter().flat_map(of_answer).collect()
}

/// Phones that are led here over HTTPS at once have had no chance to be given our authority, where it is our own.
fn strangers(servers: &[ServerRow], scope: &Scope) -> Vec<Fact> {
    if scope.authority.is_none() {
        return Vec::new();
    }
    let at_once = |choice: &&Choice| {
        let https = choice.url.as_ref().is_some_and(|url| url.scheme == Scheme::Https);
        https && choice.verdict == Verdict::Here
    };
    let of_server = |server: &ServerRow| {
        let led: Vec<&Choice> = server.choices.iter().filter(at_once).collect();
        let families = led.iter().map(|choice| choice.family).collect::<Vec<_>>().join(", ");
        let summary = format!(
            "{} leads {families} here by https:// at once: as they leave the factory they do not know the authority of our \
             certificate, and trust nothing here",
            server.server
        );
        let fact = Fact::new(Code::AuthorityUnknownToPhones, Subject::Server(server.server.to_string()), summary);
        (!led.is_empty()).then(|| fact.of_makers(led.iter().map(|choice| choice.maker)))
    };
    servers.iter().filter_map(of_server).collect()
}

fn counts(answer: &Answer) -> bool {
    answer.kind != Some(MessageType::Nak)
}

/// Whether each server names a time server, to whichever phone.
fn time(seen: &Sightings) -> TimeByDhcp {
    let tells = |message: &Message| !message.addresses(42).is_empty();
    let servers = seen.servers();
    let silent =
        |server: &&Ipv4Addr| !seen.answers().any(|(_, answer)| answer.server == **server && tells(&answer.message));
    let silent: Vec<String> = servers.iter().filter(silent).map(ToString::to_string).collect();
    match (servers.is_empty(), silent.is_empty()) {
        (true, _) => TimeByDhcp::Unknown,
        (false, true) => TimeByDhcp::Told,
        (false, false) => TimeByDhcp::Not(silent),
    }
}
