//! `ztpd token`: what programs show to use the API over the network.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::Ask;
use super::failure::Failure;
use super::flags::Nothing;
use super::noun::{Look, Noun, Rm};
use super::output::Column;
use super::session::Session;
use super::text::shown;

/// What can be done with tokens.
#[derive(Subcommand)]
pub enum TokenVerb {
    /// Makes a token and shows it this once.
    Add(Add),
    #[command(flatten)]
    Look(Look<Token>),
    Rm(Rm<Token>),
}

/// The noun.
pub enum Token {}

/// `ztpd token add`.
#[derive(Args)]
#[command(after_help = "The token is all that is written to standard output; grant it a role before it is of use \
                        (`ztpd grant add`).")]
pub struct Add {
    /// The new token
    #[arg(value_name = "ID", value_parser = Token::id)]
    id: String,
    /// Its name for people; without it, the id.
    #[arg(long)]
    name: Option<String>,
    /// How long it opens, such as 30d; without it, 90 days.
    #[arg(long, value_name = "PERIOD")]
    expires: Option<String>,
    /// Write the token into this new file, for its owner's eyes only, instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Noun for Token {
    const KIND: &'static str = "token";
    const PATH: &'static str = "tokens";
    const KEY: &'static str = "id";
    const ID: &'static str = "ID";
    const COLUMNS: &'static [Column] = &[
        Column::of("id", "/id"),
        Column::of("name", "/name"),
        Column::of("created", "/created"),
        Column::of("expires", "/expires"),
        Column::of("expired", "/expired"),
    ];
    type Filters = Nothing;
}

impl TokenVerb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            TokenVerb::Add(add) => add.run(session).await,
            TokenVerb::Look(look) => look.run(session).await,
            TokenVerb::Rm(rm) => rm.run(session).await,
        }
    }
}

impl Add {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        // The place for it comes first: a token that could not be kept would be lost.
        let file = self.out.as_deref().map(new_file).transpose()?;
        let mut body = json!({"id": self.id, "name": self.name.unwrap_or_else(|| self.id.clone())});
        if let (Some(expires), Some(body)) = (self.expires, body.as_object_mut()) {
            body.insert("expires".to_owned(), expires.into());
        }
        let answered = async { session.send(Ask::post("tokens", body)).await?.json() }.await;
        let mut added = match answered {
            Ok(added) => added,
            Err(failure) => {
                self.out.as_deref().map(std::fs::remove_file);
                return Err(failure);
            }
        };
        let ends = added.get("expires").map(shown).unwrap_or_default();
        match (file, self.out) {
            (Some(mut file), Some(path)) => {
                let token = added.as_object_mut().and_then(|fields| fields.remove("token")).unwrap_or_default();
                let written = writeln!(file, "{}", token.as_str().unwrap_or_default()).and_then(|()| file.sync_all());
                written.map_err(|error| cannot(&path, &error))?;
                session.done(&added, &format!("added token {}, written to {}; it ends {ends}", self.id, path.display()))
            }
            _ if session.output.json => session.output.value(&added),
            _ => {
                eprintln!("ztpd: added token {}, shown this once; it ends {ends}", self.id);
                session.output.line(added.get("token").and_then(Value::as_str).unwrap_or_default())
            }
        }
    }
}

fn new_file(path: &Path) -> Result<File, Failure> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    opened.map_err(|error| cannot(path, &error))
}

fn cannot(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Failed(format!("cannot write the token into {}: {error}", path.display()))
}
