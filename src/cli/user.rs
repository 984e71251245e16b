//! `ztpd user`: people with phones.

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::flags::{Layer, Nothing, SipIdentity, member};
use super::noun::Noun;
use super::output::Column;
use super::record::{Record, Verb};

/// What can be done with users.
pub type UserVerb = Verb<User>;

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
    /// Language, such as de-DE, if it differs from the site's.
    #[arg(long, value_name = "TAG")]
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    /// IANA time zone, if it differs from the site's.
    #[arg(long, value_name = "ZONE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    timezone: Option<String>,
    /// A key of the phones, such as position=1,kind=blf,value=1002,label=Bob, or a JSON object; repeat for more.
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
        Column::of("devices", "/devices"),
    ];
    type Filters = Nothing;
}

impl Record for User {
    const NEEDED: &'static [&'static str] = &["id"];
    const CLEARABLE: &'static [&'static str] = &[
        "first-name",
        "last-name",
        "extension",
        "locale",
        "timezone",
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
