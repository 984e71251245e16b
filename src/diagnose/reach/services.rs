//! Where do phones go without being told? The makers' redirection and provisioning services: `services.toml`, or the
//! operator's list of the same form.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::{Fault, Place, handshake};
use crate::diagnose::facts::Fact;
use crate::diagnose::{Code, Severity, Subject};

/// So many that cannot be reached, and none that can: nobody outside can be.
const ENOUGH: usize = 3;

/// A service of a maker.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The maker's folder name.
    pub maker: String,
    /// What it is called.
    pub name: String,
    /// Where it is.
    pub host: String,
    /// Its port.
    #[serde(default = "https")]
    pub port: u16,
    /// Whether it speaks TLS.
    #[serde(default = "yes")]
    pub tls: bool,
    /// Who says so.
    pub source: String,
    /// Whether the maker confirms it.
    #[serde(default = "yes")]
    pub certain: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    service: Vec<Service>,
}

fn https() -> u16 {
    443
}

fn yes() -> bool {
    true
}

/// The services of the operator's file, else those that are built in.
pub fn list(file: Option<&Path>) -> Result<Vec<Service>, String> {
    let Some(path) = file else { return Ok(read(include_str!("../services.toml")).unwrap_or_default()) };
    let unreadable = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(&error))?;
    read(&text).map_err(|error| unreadable(&error))
}

fn read(text: &str) -> Result<Vec<Service>, String> {
    let services = toml::from_str::<List>(text).map_err(|error| error.to_string())?.service;
    let wrong =
        services.iter().find(|service| !crate::inventory::settings::is_host(&service.host) || service.port == 0);
    match wrong {
        Some(service) => Err(format!("{}:{} is no host and port", service.host, service.port)),
        None => Ok(services),
    }
}

/// Tries each service, two at a time; `phones`: how many there are of each maker. Where nothing can be reached at all it
/// is said once.
pub async fn check(services: &[Service], phones: &BTreeMap<String, usize>) -> Vec<Fact> {
    let mut faults: Vec<(&Service, Fault)> = Vec::new();
    let mut reached = 0usize;
    for pair in services.chunks(2) {
        // Whoever is offline need not be asked about every maker, each with all its patience.
        if reached == 0 && faults.len() >= ENOUGH {
            break;
        }
        let tried = match pair {
            [one, other] => {
                let (first, second) = tokio::join!(reach(one), reach(other));
                vec![(one, first), (other, second)]
            }
            pair => {
                let mut tried = Vec::new();
                for one in pair {
                    tried.push((one, reach(one).await));
                }
                tried
            }
        };
        for (service, result) in tried {
            match result {
                Ok(()) => reached = reached.saturating_add(1),
                Err(fault) => faults.push((service, fault)),
            }
        }
    }
    let lines = || faults.iter().map(|(service, fault)| line(service, fault)).collect::<Vec<_>>();
    if reached == 0 && faults.len() >= ENOUGH.min(services.len()) && faults.len() > 1 {
        return vec![no_way_out(lines())];
    }
    faults.iter().map(|(service, fault)| of_service(service, fault, phones)).collect()
}

/// Said once, whatever cannot be reached.
pub fn no_way_out(evidence: Vec<String>) -> Fact {
    let summary = "this host has no way out: none of the makers' services can be reached from here";
    Fact::new(Code::NoWayOut, Subject::Network("outside".to_owned()), summary).shown_by(evidence)
}

fn of_service(service: &Service, fault: &Fault, phones: &BTreeMap<String, usize>) -> Fact {
    let subject = Subject::Server(Place { host: service.host.clone(), port: service.port }.to_string());
    let has_phones = phones.get(&service.maker).is_some_and(|count| *count > 0);
    let severity = if has_phones && service.certain { Severity::Warning } else { Severity::Info };
    let fact = Fact::new(Code::MakerServiceUnreachable, subject, line(service, fault)).rated(severity);
    fact.of_makers([service.maker.as_str()])
}

fn line(service: &Service, fault: &Fault) -> String {
    format!("the {} of {} at {}:{}: {fault}", service.name, service.maker, service.host, service.port)
}

async fn reach(service: &Service) -> Result<(), Fault> {
    let place = Place { host: service.host.clone(), port: service.port };
    let stream = place.connect().await?;
    if service.tls { handshake(stream, &place.host).await.map(drop) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_list_is_well_formed_and_each_entry_has_its_source() {
        let services = read(include_str!("../services.toml")).unwrap();
        assert!(services.len() > 8);
        assert!(services.iter().all(|service| service.source.len() > 8));
        for maker in ["cisco", "gigaset", "grandstream", "poly", "snom", "yealink"] {
            assert!(services.iter().any(|service| service.maker == maker), "{maker}");
        }
    }

    #[test]
    fn a_list_with_a_fault_is_refused_with_its_place() {
        assert!(read("[[service]]\nmaker = \"a\"\n").unwrap_err().contains("line 1"));
        let text = "[[service]]\nmaker = \"a\"\nname = \"b\"\nhost = \"a b\"\nsource = \"c\"\n";
        assert!(read(text).unwrap_err().contains("a b:443"));
        assert_eq!(read("").unwrap(), []);
        assert!(list(Some(Path::new("/no/such/file"))).unwrap_err().contains("/no/such/file"));
    }

    fn at(port: u16, maker: &str) -> Service {
        let (name, source) = ("service".to_owned(), "test".to_owned());
        Service { maker: maker.to_owned(), name, host: "127.0.0.1".to_owned(), port, tls: false, source, certain: true }
    }

    #[tokio::test]
    async fn one_that_is_down_is_named_and_where_all_are_it_is_said_once() {
        let open = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = {
            let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            socket.local_addr().unwrap().port()
        };
        let phones = [("yealink".to_owned(), 2)].into();
        let up = at(open.local_addr().unwrap().port(), "snom");
        let found = check(&[up.clone(), at(closed, "yealink")], &phones).await;
        assert_eq!(
            (found.len(), found[0].code, found[0].severity),
            (1, Code::MakerServiceUnreachable, Severity::Warning)
        );
        assert!(found[0].summary.contains("yealink") && found[0].summary.contains("nothing listens"), "{found:?}");
        assert_eq!(check(&[up], &phones).await, []);
        let all: Vec<Service> = (0..12).map(|_| at(closed, "yealink")).collect();
        let found = check(&all, &phones).await;
        assert_eq!((found.len(), found[0].code), (1, Code::NoWayOut));
        assert!(found[0].evidence.len() <= 4, "{found:?}");
    }
}
