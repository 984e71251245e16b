//! `ztpd account`: what holds for every phone.

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

use super::client::Ask;
use super::failure::Failure;
use super::flags::LockingLayer;
use super::record::{object, patch};
use super::session::Session;

/// What can be done with the account.
#[derive(Subcommand)]
pub enum AccountVerb {
    /// Shows what holds for every phone.
    Show,
    /// Changes what holds for every phone.
    Set(Set),
}

/// `ztpd account set`.
#[derive(Args)]
pub struct Set {
    #[command(flatten)]
    fields: Fields,
    /// Takes a field back; repeat for more.
    #[arg(long, value_name = "FIELD", value_parser = ["settings", "locks"])]
    clear: Vec<String>,
    /// Takes one setting back; repeat for more.
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
    /// Only if it still has this ETag (`show` prints it).
    #[arg(long, value_name = "ETAG")]
    if_match: Option<String>,
}

/// What can be written of the account.
#[derive(Args, Serialize)]
struct Fields {
    /// Whether the sites' codes stand before their extensions, which are then unique within each site alone.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "true|false")]
    #[serde(skip_serializing_if = "Option::is_none")]
    site_codes: Option<bool>,
    #[command(flatten)]
    #[serde(flatten)]
    layer: LockingLayer,
}

impl AccountVerb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            AccountVerb::Show => session.record(&session.send(Ask::get("account")).await?),
            AccountVerb::Set(set) => {
                let patch = patch(object(&set.fields)?, &set.clear, &set.unset);
                if patch.is_empty() {
                    return Err(Failure::Usage("nothing to change: name a field (`ztpd account set --help`)".into()));
                }
                let ask = Ask::patch("account", Value::Object(patch)).if_match(set.if_match.as_deref());
                session.done(&session.send(ask).await?.json()?, "changed the account")
            }
        }
    }
}
