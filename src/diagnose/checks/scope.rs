//! What is to be checked, and how many phones does it concern? From the settings alone, or with the inventory.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;

use super::super::facts::Fact;
use super::super::here::Here;
use super::super::reach::services::{self, Service};
use super::super::remedy::Advice;
use super::super::{Code, Subject};
use crate::config::{AuthorityFile, Config, Presented, PublicUrl, Snapshot};
use crate::inventory::sip::{Registrar, SipOverride};
use crate::inventory::site::{Site, SiteId};
use crate::makers::MAKERS;
use crate::makers::dhcp::{FAMILIES, Family, Scheme};
use crate::store::{PageRequest, Store, Stored};

const PAGE: usize = 500;

/// Something that phones are told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Told<T> {
    /// What.
    pub what: T,
    /// How many of them.
    pub phones: usize,
    /// At which sites.
    pub sites: Vec<SiteId>,
}

/// What is to be checked.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Where phones are sent; not known where no file says it and no daemon runs.
    pub public_url: Option<PublicUrl>,
    /// The certificates that should be shown there, if they are known.
    pub chain: Option<Vec<CertificateDer<'static>>>,
    /// The authority phones are given.
    pub authority: Option<AuthorityFile>,
    /// What is listened on.
    pub speaks: Vec<(Scheme, u16)>,
    /// How many phones of each maker there are; of an inventory that is not known, none.
    pub phones: BTreeMap<String, usize>,
    /// Time servers.
    pub ntp: Vec<Told<String>>,
    /// Sites whose phones are told none.
    pub without_time: Vec<Told<String>>,
    /// SIP servers.
    pub registrars: Vec<Told<Registrar>>,
    /// The makers' services, or what is wrong with their list; `None`: they are not asked.
    pub services: Option<Result<Vec<Service>, String>>,
}

impl Scope {
    /// Of a configuration file, without an inventory.
    pub fn of_config(config: &Config) -> Scope {
        let mut scope = Scope {
            public_url: config.public_url.clone(),
            // What is only for this machine is not what phones are answered on: then the sockets are passed.
            speaks: match config.https.iter().all(|address| address.ip().is_loopback()) {
                true => Vec::new(),
                false => spoken(config, config.public_url.as_ref()),
            },
            services: config.diagnose.makers_reachability.then(|| services::list(config.diagnose.services.as_deref())),
            ..Scope::default()
        };
        for host in &config.ntp {
            tell(&mut scope.ntp, host.to_string(), 0, None);
        }
        if let Some(registrar) = Registrar::in_force(&config.sip, &SipOverride::default()) {
            tell(&mut scope.registrars, registrar, 0, None);
        }
        scope
    }

    /// Of a running daemon: settings, certificate and inventory. Reads the disk.
    pub fn gather(store: &dyn Store, snapshot: &Snapshot, listeners: &[(&str, u16)]) -> Stored<Scope> {
        let config = &snapshot.config;
        let mut scope = Scope {
            public_url: Some(snapshot.public_url.clone()),
            chain: Some(snapshot.certificate.chain.clone()),
            authority: snapshot.certificate.authority.clone(),
            speaks: bound(listeners, &snapshot.public_url),
            ..Scope::of_config(config)
        };
        (scope.ntp, scope.registrars) = (Vec::new(), Vec::new());
        let mut at_site: BTreeMap<SiteId, usize> = BTreeMap::new();
        each(
            |page| store.devices(page),
            |device| {
                let (maker, site) = (device.maker.as_str().to_owned(), device.site.clone());
                add(scope.phones.entry(maker).or_default());
                add(at_site.entry(site).or_default());
                device.mac.to_string()
            },
        )?;
        each(
            |page| store.sites(page),
            |site| {
                scope.site(config, site, at_site.get(&site.id).copied().unwrap_or_default());
                site.id.as_str().to_owned()
            },
        )?;
        Ok(scope)
    }

    fn site(&mut self, config: &Config, site: &Site, phones: usize) {
        let hosts = if site.ntp.is_empty() { &config.ntp } else { &site.ntp };
        if hosts.is_empty() {
            tell(&mut self.without_time, site.id.to_string(), phones, Some(&site.id));
        }
        for host in hosts {
            tell(&mut self.ntp, host.to_string(), phones, Some(&site.id));
        }
        if let Some(registrar) = Registrar::in_force(&config.sip, &site.sip) {
            tell(&mut self.registrars, registrar, phones, Some(&site.id));
        }
    }

    /// The makers whose phones there are; of none is known, all that are served.
    pub fn makers(&self) -> Vec<&str> {
        let mine: Vec<&str> = self.phones.keys().map(String::as_str).collect();
        if mine.is_empty() { MAKERS.iter().map(|maker| maker.id()).collect() } else { mine }
    }

    /// The families whose phones there may be.
    pub fn families(&self) -> Vec<&'static Family> {
        let makers = self.makers();
        FAMILIES.iter().filter(|family| makers.contains(&family.maker)).collect()
    }

    /// The services of those makers.
    pub fn concerned(&self, services: &[Service]) -> Vec<Service> {
        let makers = self.makers();
        services.iter().filter(|service| makers.contains(&service.maker.as_str())).cloned().collect()
    }

    /// This server; `addresses`: those of its addresses that matter.
    pub fn here(&self, addresses: Vec<IpAddr>) -> Here {
        let mut here = Here { addresses, ..Here::default() };
        if let Some(url) = &self.public_url {
            here.add(url.host());
        }
        here.speaks = (!self.speaks.is_empty()).then(|| self.speaks.clone());
        here
    }

    /// What remedies are made of; `address`: ours, as phones of the network in question reach it.
    pub fn advice(&self, address: Option<IpAddr>, time_servers: Vec<String>) -> Advice {
        let tftp = self.speaks.iter().any(|(scheme, port)| (*scheme, *port) == (Scheme::Tftp, Scheme::Tftp.port()));
        let by_tftp = address.filter(|address| tftp && address.is_ipv4()).map(|address| format!("tftp://{address}/"));
        let url = by_tftp.or_else(|| self.public_url.as_ref().map(PublicUrl::base));
        Advice { url, time_servers, phones: self.phones.clone() }
    }

    /// What phones make of certificates that are shown at the public URL, where no daemon says which are meant.
    pub fn as_phones_see(
        &self,
        url: &PublicUrl,
        shown: &[CertificateDer<'static>],
        authority: Option<&AuthorityFile>,
        now: Timestamp,
    ) -> Option<Fact> {
        let parked = Presented { chain: shown, authority }.suits(url.host(), now).err()?;
        let summary = format!("new phones are not sent to {url} for good: {parked}");
        Some(Fact::new(Code::BootstrapParked, Subject::Server(url.to_string()), summary))
    }
}

fn tell<T: PartialEq>(list: &mut Vec<Told<T>>, what: T, phones: usize, site: Option<&SiteId>) {
    let sites = site.cloned().into_iter();
    match list.iter_mut().find(|told| told.what == what) {
        Some(told) => {
            told.phones = told.phones.saturating_add(phones);
            told.sites.extend(sites);
        }
        None => list.push(Told { what, phones, sites: sites.collect() }),
    }
}

fn add(count: &mut usize) {
    *count = count.saturating_add(1);
}

/// Every record of a list; `take` gives back its key.
fn each<T>(
    list: impl Fn(&PageRequest) -> Stored<Vec<crate::store::Versioned<T>>>,
    mut take: impl FnMut(&T) -> String,
) -> Stored<()> {
    let mut page = PageRequest { after: None, limit: PAGE };
    loop {
        let records = list(&page)?;
        let last = records.iter().map(|record| take(&record.value)).last();
        match last {
            Some(key) if records.len() == PAGE => page.after = Some(key),
            _ => return Ok(()),
        }
    }
}

/// What the daemon of this configuration listens on.
pub fn spoken(config: &Config, public_url: Option<&PublicUrl>) -> Vec<(Scheme, u16)> {
    let of = |scheme, addresses: &[std::net::SocketAddr]| {
        addresses.iter().map(|address| (scheme, address.port())).collect::<Vec<_>>()
    };
    let mut spoken = of(Scheme::Https, &config.https);
    spoken.extend(public_url.map(|url| (Scheme::Https, url.port())));
    spoken.extend(of(Scheme::Http, &config.http));
    spoken.extend(of(Scheme::Tftp, &config.tftp));
    spoken
}

/// What a daemon really listens on, by plane.
fn bound(listeners: &[(&str, u16)], public_url: &PublicUrl) -> Vec<(Scheme, u16)> {
    let known = listeners.iter().filter_map(|(plane, port)| Some((Scheme::named(plane)?, *port)));
    known.chain([(Scheme::Https, public_url.port())]).collect()
}
