//! What happened to a phone: one record a request, with the reason when it got nothing.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::certificate::CertificateNote;
use super::device::MakerId;
use super::mac::MacAddr;

/// One thing that happened to a phone, or was asked in its name.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Event {
    /// Its place in the order of events; 0 until stored.
    pub id: u64,
    /// When, by the wall clock.
    pub time: Timestamp,
    /// When, in milliseconds since the machine booted.
    #[serde(default)]
    pub boot_ms: u64,
    /// Which phone, if the request named one.
    pub mac: Option<MacAddr>,
    /// Over what.
    pub plane: Plane,
    /// Which TLS a proxy spoke with the phone, if one did: it may be an old one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxied_tls: Option<String>,
    /// From where.
    pub address: Option<IpAddr>,
    /// Whose phone it seems to be.
    pub maker: Option<MakerId>,
    /// What the phone said of itself.
    pub user_agent: Option<String>,
    /// What it asked for, without tokens.
    pub file: Option<String>,
    /// What let it have the file.
    pub proof: Option<Proof>,
    /// What became of its certificate, if it showed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateNote>,
    /// Which rule let it have the file; `None`: see the reason.
    pub rule: Option<Rule>,
    /// What it got.
    pub decision: Outcome,
    /// Why it got nothing.
    pub reason: Option<Reason>,
    /// HTTP status, or its likeness over TFTP.
    pub status: u16,
    /// Octets of the answer's body.
    pub bytes: u64,
    /// SHA-256 of the answer's body, in hexadecimal.
    pub sha256: Option<String>,
    /// SHA-256 of the template it was made from, in hexadecimal.
    pub template_sha256: Option<String>,
    /// How long the answer took.
    pub duration_ms: u64,
}

/// Over what a request came.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Plane {
    /// An administrator's doing.
    Admin,
    /// A phone and a DHCP server, as they were overheard.
    Dhcp,
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
    /// TFTP.
    Tftp,
}

/// What let a phone have its secrets (policy D3).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// It showed its MAC and its token as user name and password.
    Basic,
    /// It showed the certificate it was made with.
    Certificate,
    /// It began or continued a claim.
    Claim,
    /// It showed its token.
    Token,
}

/// Which rule of the policy an answer follows from.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Our authority's certificate is for everybody.
    Authority,
    /// A phone's own file, for a proof.
    Device,
    /// Firmware is for everybody.
    Firmware,
    /// A phone's own list of files, for a proof.
    Gate,
    /// A file without secrets is for everybody.
    Public,
}

/// What a phone got.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A public file.
    Bootstrap,
    /// Nothing, because something of ours failed.
    Failed,
    /// Nothing.
    Refused,
    /// A file of its own.
    Served,
}

/// Why a phone got nothing. Told to the operator, never to the phone.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It has its secrets already and showed no proof: reset, or somebody else.
    BoundWithoutProof,
    /// Its certificate is another phone's.
    CertificateMacMismatch,
    /// No claim window is open.
    ClaimClosed,
    /// A window is open, but the request came from outside its networks.
    ClaimContested,
    /// Another address is claiming.
    ClaimTaken,
    /// Its certificate has another key than the one it is known by, and nothing says that it is the same phone.
    IdentityChanged,
    /// A device file was asked over a channel that carries no secret.
    InsecureChannel,
    /// The address began too many claims within the hour.
    Limited,
    /// It asks for files of another maker than the inventory's.
    MakerMismatch,
    /// No proof at all, and no window it could claim in.
    NoProof,
    /// No phone asks for such a file, or it is one we never have.
    NotAPhoneFile,
    /// A window is open, but not for the networks it asks from.
    OutsideNetworks,
    /// An operator, or a changed key, put it in quarantine.
    Quarantined,
    /// It is out of service.
    Retired,
    /// The store could not be read or written.
    StoreFault,
    /// The template failed.
    TemplateFault,
    /// Not in the inventory.
    UnknownDevice,
}

/// Where and when a phone was last seen, and what it last got.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct Sighting {
    /// The last request.
    pub last_seen: Option<LastSeen>,
    /// The firmware it last named.
    pub firmware: Option<String>,
    /// Whether it was given a public file by its own name or address.
    pub bootstrapped: bool,
    /// The last device file it was given whole: its hash.
    pub served_sha256: Option<String>,
    /// Name of that file.
    pub served_file: Option<String>,
    /// Whether its last request for its own file failed on our side.
    pub failed: bool,
}

/// A phone's last request.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct LastSeen {
    /// When.
    pub time: Timestamp,
    /// From where.
    pub address: Option<IpAddr>,
    /// Over what.
    pub plane: Plane,
    /// Which file.
    pub file: Option<String>,
    /// Why it got nothing, if so.
    pub reason: Option<Reason>,
}

impl Sighting {
    /// Takes an event of this phone into account.
    pub fn update(&mut self, event: &Event, firmware: Option<&str>) {
        self.last_seen = Some(LastSeen {
            time: event.time,
            address: event.address,
            plane: event.plane,
            file: event.file.clone(),
            reason: event.reason,
        });
        if let Some(firmware) = firmware {
            self.firmware = Some(firmware.to_owned());
        }
        match event.decision {
            Outcome::Bootstrap => self.bootstrapped = true,
            Outcome::Failed => self.failed = true,
            Outcome::Refused => {}
            Outcome::Served => {
                self.failed = false;
                self.served_sha256 = event.sha256.clone();
                self.served_file = event.file.clone();
            }
        }
    }
}
