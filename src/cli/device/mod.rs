//! `ztpd device`: the phones, whom they belong to, and what lets them have their secrets.

mod access;
mod adopt;
mod assignment;
mod explain;
mod files;
mod lifecycle;
mod seen;

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

use lifecycle::Step;

pub use access::Window;

use super::failure::Failure;
use super::flags::{LockingLayer, Nothing, PlaceAndWords, member};
use super::noun::Noun;
use super::output::Column;
use super::record::{Record, Verb};
use super::session::Session;
use crate::inventory::mac::MacAddr;

/// What can be done with devices.
#[derive(Subcommand)]
pub enum DeviceVerb {
    #[command(flatten)]
    Record(Verb<Device>),
    /// Gives a phone to a user or a common area.
    Assign(assignment::Assign),
    /// Takes a phone from whom it belongs to; it keeps its place in the inventory.
    Unassign(assignment::Unassign),
    /// Shows what a phone would be given now, its secrets masked.
    Render(files::Render),
    /// Shows every setting in force for a phone, and the layer it comes from.
    Settings(files::Settings),
    /// Lets a phone fetch its secrets without other proof, for a while and from certain networks.
    Claim(access::Claim),
    /// Makes a new token; the old one opens until the new one is used, at most a day.
    RotateToken(access::RotateToken),
    /// Gives a phone nothing until it is released.
    Quarantine(Which),
    /// Takes a phone out of quarantine.
    Release(Which),
    /// Forgets what a phone was known by: who comes next is the phone.
    Rebind(Which),
    /// Ends a phone's access for good; its record stays.
    Retire(Which),
    /// Shows what a phone asked and what it got, newest first.
    Events(seen::Events),
    /// Explains what happened to a phone, known or not: the first broken link, and what to do.
    Explain(Which),
    /// Lists the phones that asked and are not in the inventory.
    Pending(seen::Pending),
    /// Takes a phone that asked into the inventory.
    Adopt(adopt::Adopt),
}

/// The noun.
pub enum Device {}

/// A phone, by its hardware address.
#[derive(Args, Clone, Copy, Debug)]
pub struct Which {
    /// Which phone, in any usual spelling: 80:5e:c0:11:22:33, 805EC0112233, 805e.c011.2233
    #[arg(value_name = "MAC", value_parser = mac)]
    pub mac: MacAddr,
}

/// What can be written of a device.
#[derive(Args, Debug, Serialize)]
pub struct DeviceFields {
    /// Who made it.
    #[arg(long, value_parser = makers())]
    #[serde(skip_serializing_if = "Option::is_none")]
    maker: Option<String>,
    /// What it is, such as T46U, in any usual spelling.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// Where it is; without it, the main site.
    #[arg(long, value_name = "ID")]
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<String>,
    #[command(flatten)]
    #[serde(skip_serializing_if = "assignment::Owner::is_none")]
    assignment: assignment::Owner,
    /// Its name for people.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The maker's serial number.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    /// A template to use instead of the maker's, such as yealink/lobby.cfg.
    #[arg(long, value_name = "MAKER/FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<String>,
    /// Somebody else's line on it, such as index=2,user=bob@example.com,label=Bob, or a JSON object; repeat for more.
    #[arg(long, value_name = "LINE", value_parser = member)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lines: Vec<Value>,
    #[command(flatten)]
    #[serde(flatten)]
    layer: LockingLayer,
}

/// Which devices.
#[derive(Args, Debug, Serialize)]
pub struct DeviceFilters {
    #[command(flatten)]
    #[serde(flatten)]
    place: PlaceAndWords,
    /// Those of this maker.
    #[arg(long, value_parser = makers())]
    #[serde(skip_serializing_if = "Option::is_none")]
    maker: Option<String>,
    /// Those that stand here.
    #[arg(long, value_parser = ["known", "claim_open", "bound", "quarantined", "retired"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<String>,
    /// Those that have what they should, or how far they got.
    #[arg(long, value_parser = ["never", "bootstrap", "current", "outdated", "failed"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    provisioning: Option<String>,
    /// Those that belong to nobody.
    #[arg(long, value_parser = ["none"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    assignment: Option<String>,
}

impl Noun for Device {
    const KIND: &'static str = "device";
    const PATH: &'static str = "devices";
    const KEY: &'static str = "mac";
    const ID: &'static str = "MAC";
    const COLUMNS: &'static [Column] = &[
        Column::of("mac", "/mac"),
        Column::of("maker", "/maker"),
        Column::of("model", "/model"),
        Column::of("site", "/site"),
        Column::of("name", "/name"),
        Column::of("assignment", "/assignment"),
        Column::of("access", "/access"),
        Column::of("provisioning", "/provisioning"),
        Column::of("last_seen", "/last_seen/time"),
    ];
    type Filters = DeviceFilters;

    fn id(text: &str) -> Result<String, String> {
        mac(text).map(|mac| mac.to_string())
    }
}

impl Record for Device {
    const NEEDED: &'static [&'static str] = &["id", "maker", "model"];
    const CLEARABLE: &'static [&'static str] =
        &["assignment", "name", "serial", "template", "lines", "settings", "locks"];
    type Fields = DeviceFields;
    type New = Nothing;

    fn told(record: &Value) -> String {
        match record.get("access").and_then(Value::as_str) {
            Some("claim_open") => ": it may fetch its settings from the networks of its site".to_owned(),
            _ => ": `ztpd device claim` lets it fetch its settings".to_owned(),
        }
    }
}

impl DeviceVerb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            DeviceVerb::Record(verb) => verb.run(session).await,
            DeviceVerb::Assign(verb) => verb.run(session).await,
            DeviceVerb::Unassign(verb) => verb.run(session).await,
            DeviceVerb::Render(verb) => verb.run(session).await,
            DeviceVerb::Settings(verb) => verb.run(session).await,
            DeviceVerb::Claim(verb) => verb.run(session).await,
            DeviceVerb::RotateToken(verb) => verb.run(session).await,
            DeviceVerb::Quarantine(which) => Step::Quarantine.run(which, session).await,
            DeviceVerb::Release(which) => Step::Release.run(which, session).await,
            DeviceVerb::Rebind(which) => Step::Rebind.run(which, session).await,
            DeviceVerb::Retire(which) => Step::Retire.run(which, session).await,
            DeviceVerb::Events(verb) => verb.run(session).await,
            DeviceVerb::Explain(which) => explain::run(which, session).await,
            DeviceVerb::Pending(verb) => verb.run(session).await,
            DeviceVerb::Adopt(verb) => verb.run(session).await,
        }
    }
}

fn mac(text: &str) -> Result<MacAddr, String> {
    text.parse().map_err(|error| format!("it {error}"))
}

/// The makers there are, so that help and completion know them.
fn makers() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(crate::makers::MAKERS.iter().map(|maker| maker.id()))
}
