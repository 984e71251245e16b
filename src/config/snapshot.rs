//! Settings, templates, certificate and firmware index: read together, swapped together. A request keeps one snapshot
//! from its first octet to its last.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;

use super::acme::Acme;
use super::certificate::{Certificate, CertificateError};
use super::firmware::Firmware;
use super::public_url::{Parked, PublicUrl};
use super::settings::Config;
use crate::inventory::lab::UntilError;
use crate::templates::{RenderError, TemplateFault, Templates, lint};

/// Everything that a reload replaces.
pub struct Snapshot {
    /// The settings.
    pub config: Config,
    /// The templates, compiled.
    pub templates: Arc<Templates>,
    /// Whom phones see.
    pub certificate: Certificate,
    /// Whom administrators see over TCP, if it is somebody else.
    pub admin_certificate: Option<Certificate>,
    /// The public files.
    pub firmware: Arc<Firmware>,
    /// Where phones are sent.
    pub public_url: PublicUrl,
    /// Whether phones may be sent there for good; else why not.
    handover: ArcSwap<Result<(), Parked>>,
    /// Why the certificate is not renewed, if so.
    unrenewed: ArcSwapOption<Unrenewed>,
    /// When it was read.
    pub read_at: Timestamp,
}

/// A renewal of the certificate that failed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unrenewed {
    /// Why, the last time.
    pub cause: String,
    /// When it failed first.
    pub since: Timestamp,
}

/// Why a snapshot could not be built. The one before stays.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SnapshotError {
    /// The certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A lab without an end in sight.
    #[error(transparent)]
    Lab(#[from] UntilError),
    /// A template that does not compile.
    #[error("template {0}")]
    Template(#[from] TemplateFault),
    /// A template that would fail for a phone.
    #[error("template {0}")]
    Unusable(#[from] RenderError),
}

impl Snapshot {
    /// Builds everything that the settings name; `bound` is the first HTTPS address really bound. May block on the
    /// disk and on the resolver. Every fault there is, or the snapshot.
    pub fn build(config: Config, bound: SocketAddr, now: Timestamp) -> Result<Snapshot, Vec<SnapshotError>> {
        let mut faults: Vec<SnapshotError> = Vec::new();
        faults.extend(Snapshot::check_lab(&config, now));
        let templates = load_templates(&config, &mut faults);
        let public_url =
            config.public_url.clone().unwrap_or_else(|| PublicUrl::of(&bound.ip().to_string(), bound.port()));
        let certificate = certificate(&config, &public_url, now);
        let certificate = certificate.map_err(|fault| faults.push(fault.into()));
        let read = |(chain, key): &(PathBuf, PathBuf)| Certificate::read(chain, key);
        let admin_certificate = config.admin_certificate.as_ref().map(read).transpose();
        let admin_certificate = admin_certificate.map_err(|fault| faults.push(fault.into()));
        let (Some(templates), Ok(certificate), Ok(admin_certificate)) = (templates, certificate, admin_certificate)
        else {
            return Err(faults);
        };
        if !faults.is_empty() {
            return Err(faults);
        }
        let handover = ArcSwap::from_pointee(public_url.check(&certificate, now));
        let (templates, firmware) = (Arc::new(templates), Arc::new(Firmware::index(&config.firmware_dir)));
        let unrenewed = ArcSwapOption::empty();
        Ok(Snapshot {
            config,
            templates,
            certificate,
            admin_certificate,
            firmware,
            public_url,
            handover,
            unrenewed,
            read_at: now,
        })
    }

    /// The same with the certificate there is now; nothing else is read. May block on the disk and on the resolver.
    pub fn with_new_certificate(&self, now: Timestamp) -> Result<Snapshot, SnapshotError> {
        let (config, public_url) = (self.config.clone(), self.public_url.clone());
        let certificate = certificate(&config, &public_url, now)?;
        let read = |(chain, key): &(PathBuf, PathBuf)| Certificate::read(chain, key);
        let admin_certificate = config.admin_certificate.as_ref().map(read).transpose()?;
        let handover = ArcSwap::from_pointee(public_url.check(&certificate, now));
        Ok(Snapshot {
            config,
            templates: Arc::clone(&self.templates),
            certificate,
            admin_certificate,
            firmware: Arc::clone(&self.firmware),
            public_url,
            handover,
            unrenewed: ArcSwapOption::empty(),
            read_at: self.read_at,
        })
    }

    /// Why the certificate is not renewed, if so.
    pub fn unrenewed(&self) -> Option<Arc<Unrenewed>> {
        self.unrenewed.load_full()
    }

    /// Keeps why it is not renewed, and since when.
    pub fn set_unrenewed(&self, cause: &str, now: Timestamp) {
        let since = self.unrenewed().map_or(now, |before| before.since);
        self.unrenewed.store(Some(Arc::new(Unrenewed { cause: cause.to_owned(), since })));
    }

    /// Whether phones may be sent to the public URL for good; else why not.
    pub fn handover(&self) -> Result<(), Parked> {
        (**self.handover.load()).clone()
    }

    /// Every fault of the templates the settings name.
    pub fn check_templates(config: &Config) -> Vec<SnapshotError> {
        let mut faults = Vec::new();
        load_templates(config, &mut faults);
        faults
    }

    /// What is wrong with the lab the settings name. That its end has come is no fault: the daemon goes on without it.
    pub fn check_lab(config: &Config, now: Timestamp) -> Option<SnapshotError> {
        match config.lab.as_ref()?.check_until(now) {
            Err(fault @ UntilError::TooLate(_)) => Some(fault.into()),
            Err(UntilError::Over(_)) | Ok(()) => None,
        }
    }

    /// Keeps a new answer to that; returns the one before.
    pub fn set_handover(&self, found: Result<(), Parked>) -> Result<(), Parked> {
        (*self.handover.swap(Arc::new(found))).clone()
    }

    /// A snapshot behind a shared pointer, as listeners hold it.
    pub fn shared(self) -> Arc<Snapshot> {
        Arc::new(self)
    }
}

/// Whom phones see: what the operator has brought; else what an ACME server has issued; until it has, or without one, what
/// is made here.
fn certificate(config: &Config, public_url: &PublicUrl, now: Timestamp) -> Result<Certificate, CertificateError> {
    if let Some((chain, key)) = &config.certificate {
        return Certificate::read(chain, key);
    }
    let of = |acme: &Acme| Certificate::issued(&config.acme_folder(), &acme.directory.to_string(), &acme.names);
    match config.acme.as_ref().and_then(of) {
        Some(issued) => Ok(issued),
        None => {
            let names = names(config, public_url);
            Certificate::own(&config.data_dir.join("tls"), public_url.host(), &names, now)
        }
    }
}

/// Compiles the templates and tries them on sample phones.
fn load_templates(config: &Config, faults: &mut Vec<SnapshotError>) -> Option<Templates> {
    match Templates::load(config.templates_dir.as_deref()) {
        Ok(templates) => {
            faults.extend(lint(&templates).into_iter().map(SnapshotError::from));
            Some(templates)
        }
        Err(found) => {
            faults.extend(found.into_iter().map(SnapshotError::from));
            None
        }
    }
}

/// The names a certificate made here is for: the public one, and every address that is listened on by name.
fn names(config: &Config, public_url: &PublicUrl) -> Vec<String> {
    let mut names = vec![public_url.host().to_owned()];
    let addresses = config.https.iter().map(SocketAddr::ip).filter(|address| !address.is_unspecified());
    for name in addresses.map(|address| address.to_string()).chain(["localhost".to_owned()]) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
