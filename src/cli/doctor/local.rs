//! What can be checked from here, without a daemon: by the configuration file, and with whatever privilege there is.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use super::Ran;
use crate::cli::failure::Failure;
use crate::config::Config;
use crate::diagnose::checks::scope::Scope;
use crate::diagnose::checks::{self, Learned, NtpMemory, dhcp};
use crate::diagnose::dhcp_probe::{ProbeError, Way};
use crate::diagnose::facts::Fact;
use crate::diagnose::{Code, Finding, Subject, TimeByDhcp};
use crate::host::clock::Clock;
use crate::host::interfaces::{Interface, interfaces};
use crate::inventory::mac::MacAddr;
use crate::makers;

/// What is checked here.
#[derive(Clone, Debug)]
pub struct Local {
    config: Config,
    scope: Scope,
    clock: Clock,
}

/// What DHCP told: of use to the checks after it.
#[derive(Debug, Default)]
pub struct Told {
    learned: Vec<Learned>,
    time: TimeByDhcp,
    address: Option<IpAddr>,
}

impl Local {
    /// As the configuration file says.
    pub fn read(path: Option<&Path>) -> Result<Local, Failure> {
        let (mut config, path) = crate::daemon::read_config(path)?;
        // Whoever asks for every check without a file wants this one too.
        config.diagnose.makers_reachability |= path.is_none();
        Ok(Local { scope: Scope::of_config(&config), config, clock: Clock::start() })
    }

    /// The same with an inventory.
    pub fn knowing(&self, phones: BTreeMap<String, usize>) -> Local {
        Local { scope: Scope { phones, ..self.scope.clone() }, ..self.clone() }
    }

    /// The same for one phone: by its address, of its maker.
    pub fn of(&self, mac: MacAddr) -> Local {
        match makers::by_oui(mac.oui()) {
            Some(maker) => self.knowing([(maker.id().to_owned(), 1)].into()),
            None => self.clone(),
        }
    }

    /// Asks DHCP servers on the interface of that name, else those of the settings, else the only one there is.
    pub async fn dhcp(&self, interface: Option<&str>) -> (Vec<Ran>, Vec<Finding>, Told) {
        let mut told = Told::default();
        let (mut ran, mut findings) = (Vec::new(), Vec::new());
        let chosen = match self.interfaces(interface) {
            Ok(chosen) => chosen,
            Err(fact) => {
                let found = self.findings(vec![*fact], &told);
                ran.push(Ran { check: "dhcp".to_owned(), place: String::new(), findings: found.len() });
                return (ran, found, told);
            }
        };
        for interface in chosen {
            let facts = match dhcp::check(&interface, Way::Own, &self.scope).await {
                Ok(outcome) => {
                    told.learned.extend(outcome.learned);
                    told.time = outcome.time;
                    told.address = interface.ipv4.first().copied().map(IpAddr::V4);
                    outcome.facts
                }
                Err(error) => vec![not_asked(&interface.name, &error)],
            };
            let found = self.findings(facts, &told);
            ran.push(Ran { check: "dhcp".to_owned(), place: interface.name, findings: found.len() });
            findings.extend(found);
        }
        (ran, findings, told)
    }

    /// Asks time servers and tries what phones must reach.
    pub async fn reach(&self, told: Told) -> (Vec<Ran>, Vec<Finding>) {
        let mut memory = NtpMemory::new();
        let now = self.clock.now();
        let times = checks::ntp(&self.scope, &told.learned, &mut memory, now, Duration::ZERO);
        let (mut times, mut reached) = tokio::join!(times, checks::reachability(&self.scope, &told.time, now));
        checks::fold(&self.scope, &mut times, &mut reached);
        let (mut ran, mut findings) = (Vec::new(), Vec::new());
        for (check, facts) in [("ntp", times), ("reachability", reached)] {
            let found = self.findings(facts, &told);
            ran.push(Ran { check: check.to_owned(), place: String::new(), findings: found.len() });
            findings.extend(found);
        }
        (ran, findings)
    }

    fn findings(&self, facts: Vec<Fact>, told: &Told) -> Vec<Finding> {
        let servers = told.learned.iter().map(|learned| learned.address.to_string()).collect();
        self.scope.advice(told.address, servers).findings(facts, self.clock.now())
    }

    fn interfaces(&self, wanted: Option<&str>) -> Result<Vec<Interface>, Box<Fact>> {
        let network = |name: &str| Subject::Network(name.to_owned());
        let all = interfaces().map_err(|error| {
            let summary = format!("the interfaces cannot be listed: {error}");
            Box::new(Fact::new(Code::DhcpProbeFailed, network("dhcp"), summary))
        })?;
        let usable: Vec<Interface> = all.into_iter().filter(|interface| interface.can_broadcast).collect();
        let names = usable.iter().map(|interface| interface.name.as_str()).collect::<Vec<_>>().join(", ");
        let named: Vec<&str> = match wanted {
            Some(name) => vec![name],
            None => self.config.diagnose.interfaces.iter().map(String::as_str).collect(),
        };
        let missing = named.iter().find(|name| !usable.iter().any(|interface| interface.name == **name));
        match (missing, named.is_empty(), usable.len()) {
            (Some(name), ..) => {
                let summary = format!("no interface {name} is up and can broadcast; there are: {names}");
                Err(Box::new(Fact::new(Code::DhcpProbeFailed, network(name), summary)))
            }
            (None, true, 1) => Ok(usable),
            (None, true, 0) => {
                let summary = "no interface is up and can broadcast: no DHCP server can be asked";
                Err(Box::new(Fact::new(Code::DhcpProbeUnavailable, network("dhcp"), summary)))
            }
            (None, true, _) => {
                let summary = format!("there are several interfaces ({names}): name one with --interface");
                Err(Box::new(Fact::new(Code::DhcpProbeUnavailable, network("dhcp"), summary)))
            }
            (None, false, _) => {
                Ok(usable.into_iter().filter(|interface| named.contains(&interface.name.as_str())).collect())
            }
        }
    }
}

/// What is not allowed here is good to know; what fails is a finding.
fn not_asked(interface: &str, error: &ProbeError) -> Fact {
    let code = match error {
        ProbeError::NotAllowed | ProbeError::PortTaken => Code::DhcpProbeUnavailable,
        _ => Code::DhcpProbeFailed,
    };
    let summary = format!("the DHCP servers of {interface} were not asked: {error}");
    Fact::new(code, Subject::Network(interface.to_owned()), summary)
}
