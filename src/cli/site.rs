//! `ztpd site`: places with phones.

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Map, Value};

use super::client::Ask;
use super::device::Window;
use super::failure::Failure;
use super::flags::{LockingLayer, Nothing, Words, network};
use super::noun::Noun;
use super::output::Column;
use super::record::{Record, Verb};
use super::session::Session;

/// What can be done with sites.
#[derive(Subcommand)]
pub enum SiteVerb {
    #[command(flatten)]
    Record(Verb<Site>),
    /// Opens a claim window for every phone of the site that has not been given its settings yet.
    Claim(Claim),
}

/// The noun.
pub enum Site {}

/// What can be written of a site.
#[derive(Args, Debug, Serialize)]
pub struct SiteFields {
    /// Its name for people; a new site without one is called by its id.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// What is dialled before its extensions from other sites, 1 to 3 digits; counts once the account has --site-codes.
    #[arg(long, value_name = "DIGITS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// Its country, such as DE: how people there dial, and what calls for help.
    #[arg(long, value_name = "COUNTRY")]
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<String>,
    /// What names no site belongs here. Exactly one site is main, at first the first one.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "true|false")]
    #[serde(skip_serializing_if = "Option::is_none")]
    main: Option<bool>,
    /// A network its phones ask from, such as 10.20.0.0/16; listing it opens the claim windows of its phones; repeat
    /// for more.
    #[arg(long, value_name = "CIDR", value_parser = network)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    networks: Vec<String>,
    /// IANA time zone, such as Europe/Berlin; without it, the account's.
    #[arg(long, value_name = "ZONE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    timezone: Option<String>,
    /// A time server its phones are told; without one, the account's; repeat for more.
    #[arg(long, value_name = "HOST")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ntp: Vec<String>,
    #[command(flatten)]
    #[serde(skip_serializing_if = "Registrar::is_empty")]
    sip: Registrar,
    /// Where the next free extension is looked for, such as 1000-1999; repeat for more.
    #[arg(long, value_name = "FIRST-LAST")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    extension_ranges: Vec<String>,
    /// An extension that is never given out by itself, such as 112; repeat for more.
    #[arg(long, value_name = "EXTENSION")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reserved_extensions: Vec<String>,
    #[command(flatten)]
    #[serde(flatten)]
    layer: LockingLayer,
}

/// What differs from the account's registrar.
#[derive(Args, Debug, Serialize)]
struct Registrar {
    /// The registrar; without it, the account's.
    #[arg(long = "sip-server", value_name = "HOST")]
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<String>,
    /// Its port.
    #[arg(long = "sip-port", value_name = "PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    /// How to speak to it.
    #[arg(long = "sip-transport", value_parser = ["udp", "tcp", "tls"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<String>,
    /// How long a registration lasts, such as 1h.
    #[arg(long = "sip-expires", value_name = "PERIOD")]
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    /// Where to send requests instead, if it is behind a proxy.
    #[arg(long = "sip-outbound-proxy", value_name = "HOST")]
    #[serde(skip_serializing_if = "Option::is_none")]
    outbound_proxy: Option<String>,
}

impl Registrar {
    fn is_empty(&self) -> bool {
        let texts = [&self.server, &self.transport, &self.expires, &self.outbound_proxy];
        self.port.is_none() && texts.into_iter().all(Option::is_none)
    }
}

impl Noun for Site {
    const KIND: &'static str = "site";
    const PATH: &'static str = "sites";
    const KEY: &'static str = "id";
    const ID: &'static str = "ID";
    const COLUMNS: &'static [Column] = &[
        Column::of("id", "/id"),
        Column::of("name", "/name"),
        Column::of("main", "/main"),
        Column::of("networks", "/networks"),
        Column::of("timezone", "/timezone"),
        Column::of("sip_server", "/sip/server"),
    ];
    type Filters = Words;
}

impl Record for Site {
    const NEEDED: &'static [&'static str] = &[];
    const CLEARABLE: &'static [&'static str] = &[
        "code",
        "country",
        "networks",
        "timezone",
        "ntp",
        "sip",
        "sip-server",
        "sip-port",
        "sip-transport",
        "sip-expires",
        "sip-outbound-proxy",
        "extension-ranges",
        "reserved-extensions",
        "settings",
        "locks",
    ];
    type Fields = SiteFields;
    type New = Nothing;

    fn names_itself(fields: &Map<String, Value>) -> bool {
        fields.contains_key("name")
    }

    fn complete(fields: &mut Map<String, Value>) {
        name_from_id(fields);
    }
}

/// `ztpd site claim`.
#[derive(Args)]
pub struct Claim {
    /// Which site
    #[arg(value_name = "ID", value_parser = Site::id)]
    id: String,
    #[command(flatten)]
    window: Window,
}

impl SiteVerb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            SiteVerb::Record(verb) => verb.run(session).await,
            SiteVerb::Claim(Claim { id, window }) => {
                let ask = Ask::post(format!("{}/claims", Site::place(&id)), window.body());
                let opened = session.send(ask).await?.json()?;
                let count = opened.get("opened").and_then(Value::as_array).map_or(0, Vec::len);
                session.done(&opened, &format!("claim windows opened at site {id}: {count}"))
            }
        }
    }
}

/// Without a name, the id is the name.
pub fn name_from_id(fields: &mut Map<String, Value>) {
    if let Some(id) = fields.get("id").cloned() {
        fields.entry("name").or_insert(id);
    }
}
