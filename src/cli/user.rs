//! `ztpd user`: people with phones.

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

use super::client::Ask;
use super::failure::Failure;
use super::flags::{Belongings, Layer, Nothing, PlaceAndWords, SipIdentity, member};
use super::noun::{Noun, key};
use super::output::Column;
use super::record::{Record, Verb};
use super::session::Session;
use super::sip_password::SipPassword;

/// What can be done with users.
#[derive(Subcommand)]
pub enum UserVerb {
    #[command(flatten)]
    Record(Verb<User>),
    /// Gives a user another address; phones, lines, extension and password come along.
    Rename(Rename),
    SipPassword(SipPassword<User>),
}

/// The noun.
pub enum User {}

/// What can be written of a user.
#[derive(Args, Debug, Serialize)]
pub struct UserFields {
    /// Given name.
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<String>,
    /// Family name.
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<String>,
    /// Where the person works; without it, the main site.
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
    /// Whether the person may send and receive text messages.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "true|false")]
    #[serde(skip_serializing_if = "Option::is_none")]
    sms: Option<bool>,
    /// Language, such as de-DE, if it differs from the site's.
    #[arg(long, value_name = "TAG")]
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    /// IANA time zone, if it differs from the site's.
    #[arg(long, value_name = "ZONE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    timezone: Option<String>,
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

/// `ztpd user rename`.
#[derive(Args, Debug)]
pub struct Rename {
    /// Which user
    #[arg(value_name = "EMAIL", value_parser = User::id)]
    id: String,
    /// The new address
    #[arg(value_name = "NEW", value_parser = User::id)]
    new: String,
    /// Only if it still has this ETag (`show` prints it).
    #[arg(long, value_name = "ETAG")]
    if_match: Option<String>,
}

impl Rename {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let ask = Ask::post(format!("{}/rename", User::place(&self.id)), serde_json::json!({"id": self.new}));
        let renamed = session.send(ask.if_match(self.if_match.as_deref())).await?.json()?;
        session.done(&renamed, &format!("user {} is {} from now on", self.id, key::<User>(&renamed)))
    }
}

impl UserVerb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            UserVerb::Record(verb) => verb.run(session).await,
            UserVerb::Rename(rename) => rename.run(session).await,
            UserVerb::SipPassword(password) => password.run(session).await,
        }
    }
}

impl Noun for User {
    const KIND: &'static str = "user";
    const PATH: &'static str = "users";
    const KEY: &'static str = "id";
    const ID: &'static str = "EMAIL";
    const COLUMNS: &'static [Column] = &[
        Column::of("id", "/id"),
        Column::of("first_name", "/first_name"),
        Column::of("last_name", "/last_name"),
        Column::of("site", "/site"),
        Column::of("extension", "/extension"),
        Column::of("numbers", "/numbers"),
        Column::of("status", "/status"),
        Column::of("devices", "/devices"),
    ];
    type Filters = PlaceAndWords;
}

impl Record for User {
    const NEEDED: &'static [&'static str] = &["id"];
    const CLEARABLE: &'static [&'static str] = &[
        "first-name",
        "last-name",
        "extension",
        "numbers",
        "outbound-caller-id",
        "select-outbound-caller-id",
        "sms",
        "packages",
        "department",
        "cost-center",
        "locale",
        "timezone",
        "settings-template",
        "keys",
        "settings",
        "sip",
        "sip-user",
        "sip-auth-user",
    ];
    type Fields = UserFields;
    type New = Nothing;

    fn told(record: &Value) -> String {
        extension(record)
    }
}

/// The extension that was given out.
pub fn extension(record: &Value) -> String {
    record.get("extension").and_then(Value::as_str).map_or_else(String::new, |number| format!(", extension {number}"))
}
