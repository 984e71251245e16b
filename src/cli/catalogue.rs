//! `ztpd maker`, `ztpd model`: the phones the program knows by itself.

use clap::Args;
use serde::Serialize;

use super::noun::{Look, Noun};
use super::output::Column;
use super::path::path;

/// What can be done with makers.
pub type MakerVerb = Look<Maker>;
/// What can be done with models.
pub type ModelVerb = Look<Model>;

/// The noun.
pub enum Maker {}
/// The noun.
pub enum Model {}

/// Which makers.
#[derive(Args, Debug, Serialize)]
pub struct MakerFilters {
    /// Those that have these words in them.
    #[arg(long, value_name = "WORDS")]
    q: Option<String>,
}

/// Which models.
#[derive(Args, Debug, Serialize)]
pub struct ModelFilters {
    /// Those of this maker.
    #[arg(long)]
    maker: Option<String>,
    /// Those that have these words in them, in any usual spelling.
    #[arg(long, value_name = "WORDS")]
    q: Option<String>,
}

impl Noun for Maker {
    const KIND: &'static str = "maker";
    const PATH: &'static str = "makers";
    const KEY: &'static str = "id";
    const ID: &'static str = "ID";
    const COLUMNS: &'static [Column] = &[
        Column::of("id", "/id"),
        Column::of("name", "/name"),
        Column::of("models", "/models"),
        Column::of("unclaimed_poll", "/unclaimed_poll"),
    ];
    type Filters = MakerFilters;
}

impl Noun for Model {
    const KIND: &'static str = "model";
    const PATH: &'static str = "models";
    const KEY: &'static str = "model";
    const ID: &'static str = "MAKER/MODEL";
    const COLUMNS: &'static [Column] = &[
        Column::of("maker", "/maker"),
        Column::of("model", "/model"),
        Column::of("family", "/family"),
        Column::of("accounts", "/accounts"),
        Column::of("keys", "/keys"),
    ];
    type Filters = ModelFilters;

    fn id(text: &str) -> Result<String, String> {
        in_two(text).map(|_| text.to_owned()).ok_or_else(|| "write MAKER/MODEL, such as yealink/T46U".to_owned())
    }

    fn place(id: &str) -> String {
        in_two(id).map_or_else(|| path(&[Model::PATH, id]), |(maker, model)| path(&[Model::PATH, maker, model]))
    }
}

/// Both parts of a name under its maker's.
pub fn in_two(text: &str) -> Option<(&str, &str)> {
    text.split_once('/').filter(|(maker, name)| !maker.is_empty() && !name.is_empty())
}
