//! `ztpd package`: what is bought for people and places.

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Map, Value};

use super::failure::Failure;
use super::flags::{Nothing, Words};
use super::noun::Noun;
use super::output::Column;
use super::record::{Record, Verb};
use super::session::Session;
use super::site::name_from_id;

/// What can be done with packages.
#[derive(Subcommand)]
pub enum PackageVerb {
    #[command(flatten)]
    Record(Verb<Package>),
}

/// The noun.
pub enum Package {}

/// What can be written of a package.
#[derive(Args, Debug, Serialize)]
pub struct PackageFields {
    /// Its name for people; a new one without is called by its id.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// What it is: a plan makes an extension a licensed one; a bundle is several packages as one.
    #[arg(long, value_parser = ["plan", "addon", "bundle"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// How many may have it; without it, any number.
    #[arg(long, value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    seats: Option<u32>,
    /// Something it allows, by a name of your own, such as international-calls; repeat for more.
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    grants: Vec<String>,
    /// How many telephone numbers it allows.
    #[arg(long, value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    did_limit: Option<u16>,
    /// Of a bundle: a package it consists of; repeat for more.
    #[arg(long, value_name = "ID")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    includes: Vec<String>,
    /// Whether who is added with it can telephone at once; false: pending until you set their status to active.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "true|false")]
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_provision: Option<bool>,
    /// A country whose sites it is for, such as DE; without one, all; repeat for more.
    #[arg(long, value_name = "COUNTRY")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    regions: Vec<String>,
}

impl PackageVerb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            PackageVerb::Record(verb) => verb.run(session).await,
        }
    }
}

impl Noun for Package {
    const KIND: &'static str = "package";
    const PATH: &'static str = "packages";
    const KEY: &'static str = "id";
    const ID: &'static str = "ID";
    const COLUMNS: &'static [Column] = &[
        Column::of("id", "/id"),
        Column::of("name", "/name"),
        Column::of("kind", "/kind"),
        Column::of("seats", "/seats"),
        Column::of("seats_taken", "/seats_taken"),
        Column::of("did_limit", "/did_limit"),
        Column::of("includes", "/includes"),
    ];
    type Filters = Words;
}

impl Record for Package {
    const NEEDED: &'static [&'static str] = &[];
    const CLEARABLE: &'static [&'static str] =
        &["seats", "grants", "did-limit", "includes", "auto-provision", "regions"];
    type Fields = PackageFields;
    type New = Nothing;

    fn names_itself(fields: &Map<String, Value>) -> bool {
        fields.contains_key("name")
    }

    fn complete(fields: &mut Map<String, Value>) {
        name_from_id(fields);
    }
}
