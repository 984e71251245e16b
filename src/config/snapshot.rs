//! Settings, templates, certificate and firmware index: read together, swapped together. A request keeps one snapshot
//! from its first octet to its last.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;

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
    pub templates: Templates,
    /// Whom phones see.
    pub certificate: Certificate,
    /// Whom administrators see over TCP, if it is somebody else.
    pub admin_certificate: Option<Certificate>,
    /// The public files.
    pub firmware: Firmware,
    /// Where phones are sent.
    pub public_url: PublicUrl,
    /// Whether phones may be sent there for good; else why not.
    handover: ArcSwap<Result<(), Parked>>,
    /// When it was read.
    pub read_at: Timestamp,
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
        let certificate = match &config.certificate {
            Some((chain, key)) => Certificate::read(chain, key),
            None => {
                let names = names(&config, &public_url);
                Certificate::own(&config.data_dir.join("tls"), public_url.host(), &names, now)
            }
        };
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
        let firmware = Firmware::index(&config.firmware_dir);
        Ok(Snapshot { config, templates, certificate, admin_certificate, firmware, public_url, handover, read_at: now })
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
