//! Everything that is checked: what DHCP tells phones ([`dhcp`]) and was seen to tell them ([`observed`]), whether their time servers are right ([`ntp`]), whether
//! what they need can be reached ([`reachability`]), within the [`scope`] of settings and inventory. [`rounds`] has the
//! daemon do it again and again.

pub mod dhcp;
pub mod observed;
pub mod rounds;
pub mod scope;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

use self::scope::{Scope, Told};
use super::factory_clock::{self, TimeByDhcp};
use super::facts::Fact;
use super::ntp::{self, Reading, TimeServer};
use super::reach::{own, services, sip};
use super::{Code, Subject};
use crate::config::AuthorityFile;

/// The most time servers that are asked (policy D26).
const MOST_SERVERS: usize = 8;

/// A time server that DHCP told, and the interface it was told on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Learned {
    /// Where it is.
    pub address: IpAddr,
    /// The interface.
    pub interface: String,
}

/// What servers that DHCP named answered, and when they were asked: none is asked twice within an interval (policy D26).
pub type NtpMemory = BTreeMap<String, (Timestamp, Vec<Reading>)>;

/// Asks every time server that phones are told, by settings or by DHCP.
pub async fn ntp(
    scope: &Scope,
    learned: &[Learned],
    memory: &mut NtpMemory,
    now: Timestamp,
    interval: Duration,
) -> Vec<Fact> {
    let (servers, mut facts) = time_servers(scope, learned);
    memory.retain(|_, (asked, _)| now.duration_since(*asked).unsigned_abs() < interval);
    let remembered = |server: &TimeServer| server.is_learned() && memory.contains_key(&server.to_string());
    let (known, asked): (Vec<TimeServer>, Vec<TimeServer>) = servers.into_iter().partition(remembered);
    let mut readings = ntp::ask(&asked).await;
    for server in asked.iter().filter(|server| server.is_learned()) {
        let name = server.to_string();
        let own = readings.iter().filter(|reading| reading.server == name).cloned().collect();
        memory.insert(name, (now, own));
    }
    readings.extend(known.iter().filter_map(|server| memory.get(&server.to_string())).flat_map(|(_, own)| own.clone()));
    for fact in ntp::facts(&readings) {
        let told = scope.ntp.iter().find(|told| matches!(&fact.subject, Subject::Server(id) if *id == told.what));
        facts.push(match told {
            Some(told) => fact.hitting(told.phones),
            None => fact,
        });
    }
    facts
}

/// The servers to ask, and what is wrong before any is asked.
fn time_servers(scope: &Scope, learned: &[Learned]) -> (Vec<TimeServer>, Vec<Fact>) {
    let mut servers: Vec<TimeServer> = scope.ntp.iter().filter_map(|told| told.what.parse().ok()).collect();
    for Learned { address, interface } in learned {
        let server = TimeServer::learned(*address, interface);
        if !servers.iter().any(|known| known.to_string() == server.to_string()) {
            servers.push(server);
        }
    }
    servers.truncate(MOST_SERVERS);
    let untold = |told: &&Told<String>| told.phones > 0 && learned.is_empty();
    let facts = scope.without_time.iter().filter(untold).map(|told| {
        let summary = "no time server is set for the phones of this site, and DHCP was not heard to name one";
        let subject =
            told.sites.first().map_or_else(|| Subject::Network("ntp".to_owned()), |id| Subject::Site(id.clone()));
        Fact::new(Code::NoTimeServer, subject, summary).hitting(told.phones)
    });
    let facts = facts.collect();
    (servers, facts)
}

/// Tries the makers' services, the public URL and the SIP servers. `time`: what is known of DHCP.
pub async fn reachability(scope: &Scope, time: &TimeByDhcp, now: Timestamp) -> Vec<Fact> {
    let sip = async {
        let mut facts = Vec::new();
        for told in &scope.registrars {
            facts.extend(sip::check(&told.what, told.phones, scope.authority.as_ref(), now).await);
        }
        facts
    };
    let (makers, own, sip) = tokio::join!(makers_services(scope), public_url(scope, time, now), sip);
    makers.into_iter().chain(own).chain(sip).collect()
}

async fn makers_services(scope: &Scope) -> Vec<Fact> {
    match &scope.services {
        None => Vec::new(),
        Some(Ok(services)) => services::check(&scope.concerned(services), &scope.phones).await,
        Some(Err(fault)) => {
            let subject = Subject::Server(scope.public_url.as_ref().map(ToString::to_string).unwrap_or_default());
            vec![Fact::new(Code::ServicesFileUnreadable, subject, fault.as_str())]
        }
    }
}

async fn public_url(scope: &Scope, time: &TimeByDhcp, now: Timestamp) -> Vec<Fact> {
    let Some(url) = &scope.public_url else { return Vec::new() };
    let (mut facts, shown) = own::check(url, scope.chain.as_deref()).await;
    let chain = scope.chain.as_deref().unwrap_or(&shown);
    facts.extend(own::key_type(chain, url));
    facts.extend(factory_clock::fact(chain, &scope.makers(), time, &url.to_string()));
    if scope.chain.is_none() && !shown.is_empty() {
        let authority = scope.authority.clone().or_else(|| AuthorityFile::within(&shown));
        facts.extend(scope.as_phones_see(url, &shown, authority.as_ref(), now));
    }
    facts
}

/// Where there is no way out, time servers outside that cannot be reached are part of that, not findings of their own. A
/// single service of a maker may be down for itself; where no time server outside is reached either, it is the way out.
pub fn fold(scope: &Scope, ntp: &mut Vec<Fact>, reachability: &mut Vec<Fact>) {
    let lost = |fact: &Fact| match (&fact.subject, fact.code) {
        (Subject::Server(id), Code::NtpNameUnknown | Code::NtpSilent | Code::NtpNotAsked | Code::NtpUnreachable) => {
            is_outside(id)
        }
        _ => false,
    };
    let asked =
        scope.services.as_ref().and_then(|list| list.as_ref().ok()).map_or(0, |list| scope.concerned(list).len());
    let down = reachability.iter().filter(|fact| fact.code == Code::MakerServiceUnreachable).count();
    let servers = scope.ntp.iter().filter(|told| is_outside(&told.what)).count();
    if asked > 0 && down == asked && servers > 0 && ntp.iter().filter(|fact| lost(fact)).count() >= servers {
        let single = reachability.extract_if(.., |fact| fact.code == Code::MakerServiceUnreachable);
        let evidence = single.flat_map(|fact| fact.shown()).collect();
        reachability.push(services::no_way_out(evidence));
    }
    let Some(no_way) = reachability.iter_mut().find(|fact| fact.code == Code::NoWayOut) else { return };
    for fact in ntp.extract_if(.., |fact| lost(fact)) {
        no_way.evidence.push(fact.summary);
    }
}

/// Whether a server is not of a private network.
fn is_outside(host: &str) -> bool {
    let Ok(address) = host.parse::<IpAddr>() else { return true };
    match address.to_canonical() {
        IpAddr::V4(v4) => !v4.is_private() && !v4.is_link_local() && !v4.is_loopback(),
        IpAddr::V6(v6) => !v6.is_unique_local() && !v6.is_unicast_link_local() && !v6.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silent(server: &str) -> Fact {
        Fact::new(Code::NtpSilent, Subject::Server(server.to_owned()), format!("{server} is silent"))
    }

    #[test]
    fn without_a_way_out_servers_outside_are_no_findings_of_their_own_and_those_inside_are() {
        let mut ntp = vec![silent("ntp.example.com"), silent("192.0.2.1"), silent("10.0.0.5"), silent("fd00::5")];
        let scope = Scope::default();
        fold(&scope, &mut ntp, &mut Vec::new());
        assert_eq!(ntp.len(), 4);
        let mut reach = vec![services::no_way_out(Vec::new())];
        fold(&scope, &mut ntp, &mut reach);
        let left: Vec<String> = ntp.iter().map(|fact| fact.subject.to_string()).collect();
        assert_eq!(left, ["10.0.0.5", "fd00::5"]);
        assert_eq!(reach[0].evidence.len(), 2);
    }

    #[test]
    fn one_service_that_is_down_is_no_way_out_only_if_no_time_server_outside_is_reached_either() {
        let yealink = services::list(None).unwrap().into_iter().filter(|service| service.maker == "yealink").collect();
        let told = Told { what: "ntp.example.com".to_owned(), phones: 1, sites: Vec::new() };
        let phones = [("yealink".to_owned(), 1)].into();
        let scope = Scope { services: Some(Ok(yealink)), ntp: vec![told], phones, ..Scope::default() };
        let down = || vec![Fact::new(Code::MakerServiceUnreachable, Subject::Server("rps".to_owned()), "down")];
        let codes = |ntp: &mut Vec<Fact>| {
            let mut reach = down();
            fold(&scope, ntp, &mut reach);
            reach.iter().chain(ntp.iter()).map(|fact| fact.code).collect::<Vec<_>>()
        };
        assert_eq!(codes(&mut Vec::new()), [Code::MakerServiceUnreachable]);
        assert_eq!(codes(&mut vec![silent("ntp.example.com")]), [Code::NoWayOut]);
        assert_eq!(codes(&mut vec![silent("10.0.0.5")]), [Code::MakerServiceUnreachable, Code::NtpSilent]);
    }

    #[test]
    fn eight_servers_are_asked_and_those_of_the_settings_first() {
        let learned = |last: u8| Learned { address: [10, 0, 0, last].into(), interface: "eth0".to_owned() };
        let told = |what: &str| Told { what: what.to_owned(), phones: 1, sites: Vec::new() };
        let scope = Scope { ntp: vec![told("ntp.example.com"), told("10.0.0.1")], ..Scope::default() };
        let (servers, facts) = time_servers(&scope, &(1..=9).map(learned).collect::<Vec<_>>());
        let shown: Vec<String> = servers.iter().map(ToString::to_string).collect();
        assert_eq!((shown.len(), facts.len()), (8, 0));
        assert_eq!(shown[..3], ["ntp.example.com", "10.0.0.1", "10.0.0.2"]);
    }

    #[test]
    fn a_site_whose_phones_are_told_no_time_server_is_named() {
        let site = Told { what: String::new(), phones: 4, sites: vec!["hq".parse().unwrap()] };
        let scope = Scope { without_time: vec![site], ..Scope::default() };
        let (_, facts) = time_servers(&scope, &[]);
        assert_eq!((facts[0].code, facts[0].phones), (Code::NoTimeServer, Some(4)));
        let heard = Learned { address: [10, 0, 0, 5].into(), interface: "eth0".to_owned() };
        assert_eq!(time_servers(&scope, &[heard]).1, []);
    }
}
