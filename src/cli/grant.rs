//! `ztpd grant`: who holds which role where.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::Ask;
use super::failure::Failure;
use super::flags::Nothing;
use super::noun::{Look, Noun, Rm, key};
use super::output::Column;
use super::session::Session;

/// What can be done with grants.
#[derive(Subcommand)]
pub enum GrantVerb {
    /// Gives a role to a token or to a user of this machine.
    Add(Add),
    #[command(flatten)]
    Look(Look<Grant>),
    Rm(Rm<Grant>),
}

/// The noun.
pub enum Grant {}

/// `ztpd grant add`.
#[derive(Args)]
pub struct Add {
    #[command(flatten)]
    subject: Subject,
    /// Which role.
    #[arg(long, value_name = "ID")]
    role: String,
    #[command(flatten)]
    scope: Scope,
}

/// For whom.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Subject {
    /// For whoever shows this token.
    #[arg(long, value_name = "ID")]
    token: Option<String>,
    /// For this user of the machine that the daemon runs on.
    #[arg(long, value_name = "NAME")]
    unix_user: Option<String>,
}

/// Where.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Scope {
    /// Everywhere, and for what belongs to no site.
    #[arg(long, value_parser = ["account"])]
    scope: Option<String>,
    /// At this site only; repeat for more.
    #[arg(long, value_name = "ID")]
    sites: Vec<String>,
}

impl Noun for Grant {
    const KIND: &'static str = "grant";
    const PATH: &'static str = "grants";
    const KEY: &'static str = "id";
    const ID: &'static str = "ID";
    const COLUMNS: &'static [Column] = &[
        Column::of("id", "/id"),
        Column::of("subject", "/subject"),
        Column::of("role", "/role"),
        Column::of("scope", "/scope"),
    ];
    type Filters = Nothing;
}

impl GrantVerb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            GrantVerb::Add(add) => {
                let added = session.send(Ask::post("grants", add.body())).await?.json()?;
                session.done(&added, &format!("added grant {}", key::<Grant>(&added)))
            }
            GrantVerb::Look(look) => look.run(session).await,
            GrantVerb::Rm(rm) => rm.run(session).await,
        }
    }
}

impl Add {
    fn body(self) -> Value {
        let subject = match self.subject.token {
            Some(token) => json!({"token": token}),
            None => json!({"unix_user": self.subject.unix_user}),
        };
        let scope = if self.scope.sites.is_empty() { json!("account") } else { json!({"sites": self.scope.sites}) };
        json!({"subject": subject, "role": self.role, "scope": scope})
    }
}
