//! `ztpd settings-template`: settings that many people and places share.

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Map, Value};

use super::failure::Failure;
use super::flags::{LockingLayer, Nothing, PlaceAndWords};
use super::noun::Noun;
use super::output::Column;
use super::record::{Record, Verb};
use super::session::Session;
use super::site::name_from_id;

/// What can be done with settings templates.
#[derive(Subcommand)]
pub enum SettingsTemplateVerb {
    #[command(flatten)]
    Record(Verb<SettingsTemplate>),
}

/// The noun.
pub enum SettingsTemplate {}

/// What can be written of a settings template.
#[derive(Args, Debug, Serialize)]
pub struct SettingsTemplateFields {
    /// Its name for people; a new one without is called by its id.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The site whose people and places may name it; without it, those of all sites.
    #[arg(long, value_name = "ID")]
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<String>,
    #[command(flatten)]
    #[serde(flatten)]
    layer: LockingLayer,
}

impl SettingsTemplateVerb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            SettingsTemplateVerb::Record(verb) => verb.run(session).await,
        }
    }
}

impl Noun for SettingsTemplate {
    const KIND: &'static str = "settings template";
    const PATH: &'static str = "settings-templates";
    const KEY: &'static str = "id";
    const ID: &'static str = "ID";
    const COLUMNS: &'static [Column] = &[
        Column::of("id", "/id"),
        Column::of("name", "/name"),
        Column::of("site", "/site"),
        Column::of("settings", "/settings"),
        Column::of("locks", "/locks"),
    ];
    type Filters = PlaceAndWords;
}

impl Record for SettingsTemplate {
    const NEEDED: &'static [&'static str] = &[];
    const CLEARABLE: &'static [&'static str] = &["site", "settings", "locks"];
    type Fields = SettingsTemplateFields;
    type New = Nothing;

    fn names_itself(fields: &Map<String, Value>) -> bool {
        fields.contains_key("name")
    }

    fn complete(fields: &mut Map<String, Value>) {
        name_from_id(fields);
    }
}
