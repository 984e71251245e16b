//! `ztpd account`: what holds for every phone.

use clap::{Args, Subcommand};
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
    layer: LockingLayer,
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

impl AccountVerb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            AccountVerb::Show => session.record(&session.send(Ask::get("account")).await?),
            AccountVerb::Set(set) => {
                let patch = patch(object(&set.layer)?, &set.clear, &set.unset);
                if patch.is_empty() {
                    return Err(Failure::Usage("nothing to change: name a field (`ztpd account set --help`)".into()));
                }
                let ask = Ask::patch("account", Value::Object(patch)).if_match(set.if_match.as_deref());
                session.done(&session.send(ask).await?.json()?, "changed the account")
            }
        }
    }
}
