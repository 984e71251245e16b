//! What is wrong with what phones were seen to be told? The exchanges that passed a watcher, judged as a probe's answers are;
//! what is true of many phones is one finding about the server that told them, or about the network. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::super::facts::Fact;
use super::super::sightings::{Phone, Sightings};
use super::super::{Code, Finding, Subject};
use super::dhcp::judge;
use super::scope::Scope;
use crate::inventory::mac::MacAddr;
use crate::makers::dhcp::Family;

/// How many phones are named as evidence.
const MOST_NAMED: usize = 16;

/// What everybody is told is no matter of those who boot from the network: they are told a server of their own.
const BOOTS: [&str; 2] = ["PXEClient", "HTTPClient"];

/// The findings. `own`: addresses of this machine, which asks as phones do when it probes.
pub fn check(mut seen: Sightings, scope: &Scope, own: &[MacAddr], now: Timestamp) -> Vec<Finding> {
    let families = scope.families();
    let served = |phone: &Phone| phone.family.is_some_and(|family| families.iter().any(|one| one.name == family.name));
    seen.phones.retain(|(mac, _), _| !own.contains(mac));
    let phones = std::mem::take(&mut seen.phones);
    let (phones, others): (BTreeMap<_, _>, BTreeMap<_, _>) = phones.into_iter().partition(|(_, phone)| served(phone));
    seen.phones = phones;
    let nobody: Vec<Phone> = others.into_values().filter(is_nobody).collect();
    let met = |family: &&'static Family| seen.phones.values().any(|phone| is_of(phone, family));
    let met: Vec<&'static Family> = families.iter().copied().filter(met).collect();
    let (_, facts) = judge(&seen, &nobody, &met, Vec::new(), scope);
    let mut found = scope.advice(None, Vec::new()).findings(by_server(facts, &seen), now);
    for finding in &mut found {
        let told = |phone: &&Phone| match &finding.subject {
            Subject::Server(id) => phone.answers.iter().any(|answer| answer.server.to_string() == *id),
            _ => true,
        };
        let times = seen.phones.values().chain(&nobody).filter(told).filter_map(|phone| phone.last_seen);
        finding.last_seen = times.clone().max().unwrap_or(now);
        finding.first_seen = times.min().unwrap_or(now);
    }
    found
}

fn is_of(phone: &Phone, family: &Family) -> bool {
    phone.family.is_some_and(|known| known.name == family.name)
}

/// Whether it asked as something that is no phone.
fn is_nobody(phone: &Phone) -> bool {
    let boots = |class: &String| BOOTS.iter().any(|known| class.starts_with(known));
    phone.family.is_none() && !phone.sent.is_empty() && !phone.class.as_ref().is_some_and(boots)
}

/// What was found of single phones, by who told them; what is wrong with their own messages is for their maker to mend.
fn by_server(facts: Vec<Fact>, seen: &Sightings) -> Vec<Fact> {
    let torn = seen.phones.values().filter(|phone| phone.answers.len() > 1).count();
    let mut wide = Vec::new();
    let mut alike: BTreeMap<(Code, Subject), Vec<(MacAddr, Fact)>> = BTreeMap::new();
    for fact in facts {
        let subject = match (&fact.subject, fact.told_by, fact.code) {
            (Subject::Device(_), Some(server), _) => Subject::Server(server.to_string()),
            (Subject::Device(_), None, Code::NoDhcpAnswer) => seen.network(),
            (Subject::Device(_), ..) => continue,
            (_, _, Code::SeveralDhcpServers | Code::DhcpServersDiffer) => {
                // Servers of different networks answer phones of different networks.
                if torn > 0 {
                    wide.push(fact.hitting(torn));
                }
                continue;
            }
            _ => {
                wide.push(fact);
                continue;
            }
        };
        if let Subject::Device(mac) = fact.subject {
            alike.entry((fact.code, subject)).or_default().push((mac, fact));
        }
    }
    wide.extend(alike.into_iter().filter_map(|((code, subject), of_phones)| of_many(code, subject, &of_phones, seen)));
    wide
}

/// One fact of many phones.
fn of_many(code: Code, subject: Subject, of_phones: &[(MacAddr, Fact)], seen: &Sightings) -> Option<Fact> {
    let (_, worst) = of_phones.iter().max_by_key(|(_, fact)| fact.severity)?;
    let phones: BTreeSet<MacAddr> = of_phones.iter().map(|(mac, _)| *mac).collect();
    let summary = match code {
        Code::NoDhcpAnswer => format!(
            "no DHCP server was heard to answer phones that asked for an address ({}): is there one in their network, or a \
             relay to it, and are addresses left?",
            phones.len()
        ),
        _ => worst.summary.clone(),
    };
    let mut shown: Vec<String> =
        of_phones.iter().take(MOST_NAMED).map(|(mac, fact)| format!("{mac}: {}", fact.summary)).collect();
    if let Some(more) = of_phones.len().checked_sub(MOST_NAMED).filter(|more| *more > 0) {
        shown.push(format!("and {more} more"));
    }
    let families = phones.iter().filter_map(|mac| seen.phones.get(&(*mac, None))?.family);
    let fact = Fact::new(code, subject, summary).rated(worst.severity).shown_by(shown);
    Some(fact.of_makers(families.map(|family| family.maker)).hitting(phones.len()))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::diagnose::dhcp_options::{Question, QuestionKind};
    use crate::diagnose::frame::Datagram;

    fn mac(last: u8) -> MacAddr {
        MacAddr::new([0x80, 0x5e, 0xc0, 0, 0, last]).unwrap()
    }

    fn laptop() -> MacAddr {
        "02:00:00:00:00:01".parse().unwrap()
    }

    fn scope() -> Scope {
        let phones = [("yealink".to_owned(), 5), ("snom".to_owned(), 5)].into();
        Scope { public_url: Some("https://ztp.example.com/".parse().unwrap()), phones, ..Scope::default() }
    }

    /// It asks, and the server 10.0.0.4 says that, if anything.
    fn boots(seen: &mut Sightings, mac: MacAddr, class: &'static [u8], told: Option<&str>) {
        let question = Question { kind: QuestionKind::Discover, xid: 1, mac, class, wanted: &[66] }.octets();
        let mut answer = question[..240].to_vec();
        answer[0] = 2;
        answer.extend([53, 1, 2, 54, 4, 10, 0, 0, 4]);
        if let Some(text) = told {
            answer.extend([66, u8::try_from(text.len()).unwrap()]);
            answer.extend(text.as_bytes());
        }
        answer.push(255);
        for payload in [Some(&question), told.map(|_| &answer)].into_iter().flatten() {
            let datagram = Datagram {
                source: Ipv4Addr::new(10, 0, 0, 4),
                destination: Ipv4Addr::BROADCAST,
                source_port: 67,
                destination_port: 68,
                hardware: None,
                vlans: Vec::new(),
                payload,
            };
            seen.take(Some(Timestamp::UNIX_EPOCH), Ok(datagram));
        }
    }

    fn found(seen: Sightings, own: &[MacAddr]) -> Vec<(String, usize)> {
        let found = check(seen, &scope(), own, Timestamp::MAX);
        assert!(found.iter().all(|finding| finding.last_seen == Timestamp::UNIX_EPOCH), "{found:?}");
        found.into_iter().map(|finding| (finding.id, finding.phones)).collect()
    }

    #[test]
    fn many_phones_that_one_server_leads_astray_are_one_finding_about_it() {
        let mut seen = Sightings::default();
        for last in 0..40 {
            boots(&mut seen, mac(last), b"yealink", Some("https://10.0.0.66/"));
        }
        let evidence = check(seen, &scope(), &[], Timestamp::MAX).remove(0).evidence;
        assert_eq!((evidence.len(), evidence.last().unwrap().as_str()), (MOST_NAMED + 1, "and 24 more"));
        let mut seen = Sightings::default();
        boots(&mut seen, mac(1), b"yealink", Some("https://10.0.0.66/"));
        boots(&mut seen, mac(2), b"yealink", Some("https://10.0.0.66/"));
        // This machine asks as a phone when it probes.
        boots(&mut seen, mac(3), b"yealink", Some("https://10.0.0.66/"));
        assert_eq!(found(seen, &[mac(3)]), [("led-elsewhere-10.0.0.4".to_owned(), 2)]);
    }

    #[test]
    fn phones_that_nobody_answers_are_one_finding_and_whoever_is_no_phone_is_none() {
        let mut seen = Sightings::default();
        boots(&mut seen, mac(1), b"yealink", None);
        boots(&mut seen, mac(2), b"yealink", None);
        boots(&mut seen, laptop(), b"MSFT 5.0", None);
        assert_eq!(found(seen, &[]), [("no-dhcp-answer-dhcp".to_owned(), 2)]);
    }

    #[test]
    fn what_a_laptop_is_told_everybody_is_told_and_what_boots_from_the_network_is_told_its_own() {
        for (class, expected) in [
            (b"MSFT 5.0".as_slice(), vec![("option-for-all-makers-10.0.0.4".to_owned(), 10)]),
            (b"PXEClient:Arch:00000".as_slice(), vec![]),
        ] {
            let mut seen = Sightings::default();
            boots(&mut seen, laptop(), class, Some("https://ztp.example.com/"));
            assert_eq!(found(seen, &[]), expected);
        }
    }
}
