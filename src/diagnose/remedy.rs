//! What helps? From facts to findings: each with its fix in plain words, the lines to paste into a DHCP server's settings,
//! and how many phones it hits. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Code;
use super::facts::Fact;
use super::finding::{Finding, Seen, Subject};
use super::paste;
use crate::makers::MAKERS;

/// What remedies are made of.
#[derive(Clone, Debug, Default)]
pub struct Advice {
    /// Where DHCP should lead phones.
    pub url: Option<String>,
    /// Addresses of time servers that DHCP may name (option 42).
    pub time_servers: Vec<String>,
    /// How many phones of each maker there are.
    pub phones: BTreeMap<String, usize>,
}

impl Advice {
    /// The findings that these facts are: one per kind and subject, the worst first.
    pub fn findings(&self, facts: Vec<Fact>, now: Timestamp) -> Vec<Finding> {
        let mut merged: BTreeMap<(Code, Subject), Fact> = BTreeMap::new();
        for fact in facts {
            match merged.get_mut(&(fact.code, fact.subject.clone())) {
                Some(known) => known.absorb(fact),
                None => drop(merged.insert((fact.code, fact.subject.clone()), fact)),
            }
        }
        let mut found: Vec<Finding> = merged.values().map(|fact| self.finding(fact, now)).collect();
        found.sort_by(|one, other| other.severity.cmp(&one.severity).then_with(|| one.id.cmp(&other.id)));
        found
    }

    fn finding(&self, fact: &Fact, now: Timestamp) -> Finding {
        Finding {
            severity: fact.severity,
            summary: fact.summary.clone(),
            evidence: fact.shown(),
            fix: fact.code.fix().to_owned(),
            paste: self.paste(fact),
            phones: self.hit(fact),
            ..Finding::of_subject(fact.code, fact.subject.clone(), Seen { first: now, last: now })
        }
    }

    /// How many phones of the inventory it hits.
    fn hit(&self, fact: &Fact) -> usize {
        match (&fact.subject, fact.phones) {
            (_, Some(phones)) => phones,
            (Subject::Device(_), None) => 1,
            _ if fact.makers.is_empty() => self.phones.values().sum(),
            _ => fact.makers.iter().filter_map(|maker| self.phones.get(maker)).sum(),
        }
    }

    /// The makers whose phones there are; of none is known, all that are served. Whoever has no phone of a maker need
    /// not lead it anywhere.
    fn makers(&self) -> Vec<&str> {
        let mine: Vec<&str> =
            self.phones.iter().filter(|(_, count)| **count > 0).map(|(maker, _)| maker.as_str()).collect();
        if mine.is_empty() { MAKERS.iter().map(|maker| maker.id()).collect() } else { mine }
    }

    fn paste(&self, fact: &Fact) -> BTreeMap<String, String> {
        let lines = match fact.code {
            Code::BareAddressMeansFtp
            | Code::FileNotServed
            | Code::HttpOptionButOff
            | Code::LedElsewhere
            | Code::NoProvisioningOption
            | Code::OptionForAllMakers
            | Code::OptionLeadsElsewhere
            | Code::OptionUnreadable
            | Code::ProtocolNotSpoken => {
                let of_all = fact.code == Code::OptionForAllMakers || fact.makers.is_empty();
                let hit = || fact.makers.iter().map(String::as_str).collect();
                let makers: Vec<&str> = if of_all { self.makers() } else { hit() };
                self.url.as_deref().map(|url| paste::provisioning(url, &makers))
            }
            Code::CertificateNeedsClock | Code::NoTimeServer if !self.time_servers.is_empty() => {
                Some(paste::time_servers(&self.time_servers))
            }
            _ => None,
        };
        lines.unwrap_or_default().into_iter().map(|(server, text)| (server.to_owned(), text)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::Severity;

    fn advice() -> Advice {
        let phones = [("yealink".to_owned(), 3), ("snom".to_owned(), 2), ("poly".to_owned(), 0)].into();
        Advice { url: Some("tftp://10.0.0.2/".to_owned()), time_servers: Vec::new(), phones }
    }

    fn server() -> Subject {
        Subject::Server("10.0.0.3".to_owned())
    }

    #[test]
    fn facts_of_one_kind_and_subject_are_one_finding_as_bad_as_the_worst() {
        let facts = vec![
            Fact::new(Code::LedElsewhere, server(), "one").rated(Severity::Warning).of_makers(["snom"]),
            Fact::new(Code::LedElsewhere, server(), "two").of_makers(["yealink"]),
            Fact::new(Code::NtpTooFew, Subject::Network("ntp".to_owned()), "three"),
        ];
        let found = advice().findings(facts, Timestamp::UNIX_EPOCH);
        let shown: Vec<_> =
            found.iter().map(|finding| (finding.id.as_str(), finding.severity, finding.phones)).collect();
        assert_eq!(shown, [("led-elsewhere-10.0.0.3", Severity::Error, 5), ("ntp-too-few-ntp", Severity::Info, 5)]);
        assert_eq!(found[0].evidence, ["two", "one"]);
        assert_eq!(found[0].summary, "two");
    }

    #[test]
    fn the_lines_to_paste_lead_the_phones_that_are_hit() {
        let fact = Fact::new(Code::NoProvisioningOption, server(), "none").of_makers(["yealink"]);
        let found = advice().findings(vec![fact], Timestamp::UNIX_EPOCH).remove(0);
        assert_eq!(found.paste.keys().collect::<Vec<_>>(), ["dnsmasq", "isc-dhcpd", "kea"]);
        assert!(found.paste.values().all(|text| text.contains("yealink") && text.contains("tftp://10.0.0.2/")));
        assert!(found.paste.values().all(|text| !text.contains("snom")));
        let fact = Fact::new(Code::OptionForAllMakers, server(), "all");
        let found = advice().findings(vec![fact], Timestamp::UNIX_EPOCH).remove(0);
        assert!(found.paste.values().all(|text| text.contains("snom") && !text.contains("Polycom")), "{found:?}");
    }
}
