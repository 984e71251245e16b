//! List, show, rm: what can be done with every noun, also with those that nobody writes by hand.

use std::marker::PhantomData;

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

use super::client::Ask;
use super::confirm::confirmed;
use super::failure::Failure;
use super::output::Column;
use super::pages::{Paging, pages};
use super::path::{path, query};
use super::session::Session;

/// A noun of the API, as the command line has it.
pub trait Noun: Send + Sync + 'static {
    /// Its name in the singular.
    const KIND: &'static str;
    /// Its name in the API's paths.
    const PATH: &'static str;
    /// The API's field that names it.
    const KEY: &'static str;
    /// That field, in help.
    const ID: &'static str;
    /// What its list shows.
    const COLUMNS: &'static [Column];

    /// What its list can be narrowed down by; serialised as the API has it.
    type Filters: Args + Serialize + Send + Sync;

    /// Its name, as it was written on the command line.
    fn id(text: &str) -> Result<String, String> {
        if text.trim().is_empty() { Err("it is empty".to_owned()) } else { Ok(text.to_owned()) }
    }

    /// Where one is in the API.
    fn place(id: &str) -> String {
        path(&[Self::PATH, id])
    }

    /// `a site`, `an audit record`.
    fn one() -> String {
        let article = if Self::KIND.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
        format!("{article} {}", Self::KIND)
    }
}

/// Seeing what there is.
#[derive(Subcommand)]
pub enum Look<N: Noun> {
    #[command(about = format!("Lists every {}", N::KIND), visible_alias = "ls")]
    List {
        #[command(flatten)]
        filters: N::Filters,
        #[command(flatten)]
        paging: Paging,
    },
    #[command(about = format!("Shows {}", N::one()))]
    Show {
        #[arg(value_name = N::ID, value_parser = N::id, help = format!("Which {}", N::KIND))]
        id: String,
    },
}

/// Removing.
#[derive(Args)]
#[command(about = format!("Removes {}", N::one()), long_about = format!("Removes {}; on a terminal, asks first.", N::one()))]
pub struct Rm<N: Noun> {
    #[arg(value_name = N::ID, value_parser = N::id, required = true, help = format!("Which {}; one or more", N::KIND))]
    ids: Vec<String>,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    /// Only if it still has this ETag (`show` prints it).
    #[arg(long, value_name = "ETAG")]
    if_match: Option<String>,
    #[arg(skip)]
    noun: PhantomData<fn() -> N>,
}

impl<N: Noun> Look<N> {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Look::List { filters, paging } => {
                let list = pages(session, N::PATH, &query(&filters)?, &paging).await?;
                session.list(N::COLUMNS, list)
            }
            Look::Show { id } => session.record(&session.send(Ask::get(N::place(&id))).await?),
        }
    }
}

impl<N: Noun> Rm<N> {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        if !self.yes {
            confirmed(&format!("Remove {} {}?", N::KIND, self.ids.join(", ")))?;
        }
        for id in &self.ids {
            session.send(Ask::delete(N::place(id)).if_match(self.if_match.as_deref())).await?;
            session.told(&format!("removed {} {id}", N::KIND))?;
        }
        Ok(())
    }
}

/// The name of a record.
pub fn key<N: Noun>(record: &Value) -> String {
    record.get(N::KEY).and_then(Value::as_str).unwrap_or_default().to_owned()
}
