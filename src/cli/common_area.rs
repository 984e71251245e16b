//! `ztpd common-area`: places with a phone of their own.

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Map, Value};

use super::failure::Failure;
use super::flags::{Belongings, Layer, Nothing, PlaceAndWords, SipIdentity, member};
use super::noun::Noun;
use super::output::Column;
use super::record::{Record, Verb};
use super::session::Session;
use super::sip_password::SipPassword;
use super::site::name_from_id;
use super::user::extension;

/// What can be done with common areas.
#[derive(Subcommand)]
pub enum CommonAreaVerb {
    #[command(flatten)]
    Record(Verb<CommonArea>),
    SipPassword(SipPassword<CommonArea>),
}

/// The noun.
pub enum CommonArea {}

/// What can be written of a common area.
#[derive(Args, Debug, Serialize)]
pub struct CommonAreaFields {
    /// Its name for people and on the phone; a new one without is called by its id.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Where it is; without it, the main site.
    #[arg(long, value_name = "ID")]
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<String>,
    /// The extension; 0 or none: the next free one of the site.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    extension: Option<String>,
    #[command(flatten)]
    #[serde(flatten)]
    belongings: Belongings,
    /// Language, such as de-DE, if it differs from the site's.
    #[arg(long, value_name = "TAG")]
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    /// A key of the phones, such as position=1,kind=blf,user=bob@example.com or position=2,kind=speed_dial,value=1002,
    /// or a JSON object; repeat for more.
    #[arg(long, value_name = "KEY", value_parser = member)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keys: Vec<Value>,
    #[command(flatten)]
    #[serde(flatten)]
    layer: Layer,
    #[command(flatten)]
    #[serde(skip_serializing_if = "SipIdentity::is_empty")]
    sip: SipIdentity,
}

impl CommonAreaVerb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            CommonAreaVerb::Record(verb) => verb.run(session).await,
            CommonAreaVerb::SipPassword(password) => password.run(session).await,
        }
    }
}

impl Noun for CommonArea {
    const KIND: &'static str = "common area";
    const PATH: &'static str = "common-areas";
    const KEY: &'static str = "id";
    const ID: &'static str = "ID";
    const COLUMNS: &'static [Column] = &[
        Column::of("id", "/id"),
        Column::of("name", "/name"),
        Column::of("site", "/site"),
        Column::of("extension", "/extension"),
        Column::of("numbers", "/numbers"),
        Column::of("status", "/status"),
        Column::of("devices", "/devices"),
    ];
    type Filters = PlaceAndWords;
}

impl Record for CommonArea {
    const NEEDED: &'static [&'static str] = &[];
    const CLEARABLE: &'static [&'static str] = &[
        "extension",
        "numbers",
        "outbound-caller-id",
        "select-outbound-caller-id",
        "packages",
        "department",
        "cost-center",
        "locale",
        "settings-template",
        "keys",
        "settings",
        "sip",
        "sip-user",
        "sip-auth-user",
    ];
    type Fields = CommonAreaFields;
    type New = Nothing;

    fn names_itself(fields: &Map<String, Value>) -> bool {
        fields.contains_key("name")
    }

    fn complete(fields: &mut Map<String, Value>) {
        name_from_id(fields);
    }

    fn told(record: &Value) -> String {
        extension(record)
    }
}
