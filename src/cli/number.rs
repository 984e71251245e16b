//! `ztpd number`: the telephone numbers the company has.

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

use super::failure::Failure;
use super::flags::{Nothing, PlaceAndWords};
use super::noun::Noun;
use super::output::Column;
use super::record::{Record, Verb};
use super::session::Session;

/// What can be done with numbers.
#[derive(Subcommand)]
pub enum NumberVerb {
    #[command(flatten)]
    Record(Verb<Number>),
}

/// The noun.
pub enum Number {}

/// What can be written of a number.
#[derive(Args, Debug, Serialize)]
pub struct NumberFields {
    /// Where it belongs; without it, the main site.
    #[arg(long, value_name = "ID")]
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<String>,
    /// Who pays for calls to it: the caller, or the called.
    #[arg(long, value_parser = ["toll", "tollfree"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// Where it comes from: a carrier, a trunk.
    #[arg(long, value_name = "TEXT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// Whether it can be given to somebody; pending: not yet.
    #[arg(long, value_parser = ["active", "pending"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
}

/// What a list of numbers can be narrowed down by.
#[derive(Args, Debug, Serialize)]
pub struct Filters {
    #[command(flatten)]
    #[serde(flatten)]
    place: PlaceAndWords,
    /// Those of this kind.
    #[arg(long, value_parser = ["toll", "tollfree"])]
    #[serde(rename = "number_kind", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// Those that belong to nobody.
    #[arg(long, value_parser = ["none"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    assignment: Option<String>,
}

impl NumberVerb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            NumberVerb::Record(verb) => verb.run(session).await,
        }
    }
}

impl Noun for Number {
    const KIND: &'static str = "number";
    const PATH: &'static str = "numbers";
    const KEY: &'static str = "number";
    const ID: &'static str = "NUMBER";
    const COLUMNS: &'static [Column] = &[
        Column::of("number", "/number"),
        Column::of("site", "/site"),
        Column::of("kind", "/kind"),
        Column::of("status", "/status"),
        Column::of("source", "/source"),
        Column::of("assignment", "/assignment"),
    ];
    type Filters = Filters;
}

impl Record for Number {
    const NEEDED: &'static [&'static str] = &[];
    const CLEARABLE: &'static [&'static str] = &["kind", "source", "status"];
    type Fields = NumberFields;
    type New = Nothing;

    fn told(record: &Value) -> String {
        record.get("site").and_then(Value::as_str).map_or_else(String::new, |site| format!(" at site {site}"))
    }
}
