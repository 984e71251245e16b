//! From a template and facts to the octets a phone gets, all or nothing.

use sha2::{Digest as _, Sha256};

use super::facts::{FactsError, authority, device_facts};
use super::request::Request;
use crate::config::Snapshot;
use crate::inventory::event::Plane;
use crate::makers;
use crate::store::{Phone, Store};
use crate::templates::facts::{DeviceFacts, Poll, PublicFacts, PublicFile, PublicTime, Server};
use crate::templates::{Facts, RenderError};

/// A file as a phone gets it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rendered {
    /// Its octets.
    pub text: String,
    /// What HTTP calls it.
    pub content_type: &'static str,
    /// SHA-256 of the octets, in hexadecimal.
    pub sha256: String,
    /// SHA-256 of the template, in hexadecimal.
    pub template_sha256: Option<String>,
}

/// Why there is no file.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RenderFault {
    /// The facts are incomplete.
    #[error(transparent)]
    Facts(#[from] FactsError),
    /// The template failed.
    #[error(transparent)]
    Template(#[from] RenderError),
}

/// What stands in place of a secret where a person looks at a file.
const MASK: &str = "********";

/// A phone's own file: its device file, or the gate with that template.
pub fn device_file(
    store: &dyn Store,
    snapshot: &Snapshot,
    phone: &Phone,
    gate: Option<&'static str>,
    file: &str,
) -> Result<Rendered, RenderFault> {
    of_device(snapshot, phone, gate, file, &device_facts(store, snapshot, phone)?)
}

/// The same file for a person's eyes: every secret is masked before it is rendered.
pub fn masked_file(
    store: &dyn Store,
    snapshot: &Snapshot,
    phone: &Phone,
    gate: Option<&'static str>,
    file: &str,
) -> Result<Rendered, RenderFault> {
    let mut facts = device_facts(store, snapshot, phone)?;
    for line in &mut facts.lines {
        line.password = MASK.to_owned();
    }
    facts.admin.password = MASK.to_owned();
    facts.server.token = MASK.to_owned();
    facts.server.device_url = snapshot.public_url.of_device(MASK);
    of_device(snapshot, phone, gate, file, &facts)
}

fn of_device(
    snapshot: &Snapshot,
    phone: &Phone,
    gate: Option<&'static str>,
    file: &str,
    facts: &DeviceFacts,
) -> Result<Rendered, RenderFault> {
    let device = &phone.device.value;
    let unknown = || FactsError::NoModel { maker: device.maker.to_string(), model: device.model.to_string() };
    let maker = makers::by_id(device.maker.as_str()).ok_or_else(unknown)?;
    let model = makers::model(device.maker.as_str(), &device.model).ok_or_else(unknown)?;
    let own = device.template.as_ref().map(|template| template.as_str());
    let template = gate.or(own).unwrap_or_else(|| maker.device_template(model));
    rendered(snapshot, template, facts, maker.content_type(file))
}

fn rendered<F: Facts>(
    snapshot: &Snapshot,
    template: &str,
    facts: &F,
    content_type: &'static str,
) -> Result<Rendered, RenderFault> {
    let text = snapshot.templates.render(template, facts)?;
    let template_sha256 = snapshot.templates.sha256(template).map(str::to_owned);
    Ok(Rendered { sha256: sha256(text.as_bytes()), text, content_type, template_sha256 })
}

/// A public file: what it says depends on the name, the protocol and the address asked, never on the inventory.
pub(super) fn public_file(
    snapshot: &Snapshot,
    maker: &str,
    template: &str,
    file: &str,
    request: &Request,
) -> Result<Rendered, RenderFault> {
    let maker = makers::by_id(maker).ok_or_else(|| RenderError::NoTemplate(template.to_owned()))?;
    let authority = authority(snapshot);
    let base_url = snapshot.public_url.base();
    let poll = maker.unclaimed_poll();
    let facts = PublicFacts {
        file: PublicFile { name: file.to_owned(), mac: None },
        server: Server {
            authority_url: authority.as_ref().map(|_| authority_url(request)).unwrap_or_default(),
            authority,
            device_url: String::new(),
            token: String::new(),
            firmware_url: base_url.clone(),
            base_url,
        },
        time: PublicTime { ntp: snapshot.config.ntp.iter().map(ToString::to_string).collect() },
        poll: Poll { seconds: poll.as_seconds(), minutes: poll.as_minutes() },
    };
    rendered(snapshot, template, &facts, maker.content_type(file))
}

/// Where our authority lies, over the protocol and at the address the phone has just reached (Z13).
fn authority_url(request: &Request) -> String {
    let (scheme, usual) = match request.plane {
        Plane::Http => ("http", 80),
        Plane::Admin | Plane::Dhcp | Plane::Https => ("https", 443),
        Plane::Tftp => ("tftp", 69),
    };
    let host = match request.local.ip() {
        std::net::IpAddr::V4(address) => address.to_string(),
        std::net::IpAddr::V6(address) => format!("[{address}]"),
    };
    let port = request.local.port();
    let port = if port == usual { String::new() } else { format!(":{port}") };
    format!("{scheme}://{host}{port}/ztpd-ca.pem")
}

/// SHA-256 in hexadecimal.
pub(super) fn sha256(octets: &[u8]) -> String {
    Sha256::digest(octets).iter().map(|octet| format!("{octet:02x}")).collect()
}
