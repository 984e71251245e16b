//! `ztpd keys`: a new master key, another master key for a stopped store, new data keys for a running one.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::Value;

use super::client::Ask;
use super::failure::Failure;
use super::local::ConfigFile;
use super::output::Output;
use super::session::Session;
use super::text::words;
use crate::config::master_key;
use crate::daemon::{become_owner_of_store, read_config};
use crate::store;

/// What can be done with the keys that secrets are sealed with.
#[derive(Subcommand)]
pub enum KeysVerb {
    /// Makes a master key in a new file that only its owner may read; asks no daemon.
    New {
        /// The file; nothing is ever overwritten.
        file: PathBuf,
    },
    /// Lists the data keys in use.
    #[command(visible_alias = "ls")]
    List,
    /// Seals every secret with a new data key; or, while the daemon is stopped, the store under another master key.
    Rotate {
        /// The file with the new master key; the daemon must be stopped.
        #[arg(long, value_name = "FILE")]
        new_master_key_file: Option<PathBuf>,
        #[command(flatten)]
        config: ConfigFile,
    },
}

impl KeysVerb {
    /// Whether a running daemon is asked.
    pub fn asks(&self) -> bool {
        matches!(self, KeysVerb::List | KeysVerb::Rotate { new_master_key_file: None, .. })
    }

    /// Does what a running daemon is asked.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            KeysVerb::Rotate { .. } => {
                let done = session.send(Ask::post("keys/rotations", serde_json::json!({}))).await?.json()?;
                let of = |field: &str| done.get(field).map(words).unwrap_or_default();
                let sentence =
                    format!("every secret is sealed with data key {}; forgotten: {}", of("key"), of("forgotten"));
                session.done(&done, &sentence)
            }
            KeysVerb::New { .. } | KeysVerb::List => {
                let keys = session.send(Ask::get("keys")).await?.json()?;
                if session.output.json {
                    return session.output.value(&keys);
                }
                let items = keys.get("items").and_then(Value::as_array).into_iter().flatten();
                let seals = |key: &Value| key.get("seals") == Some(&Value::Bool(true));
                let row = |key: &Value| {
                    let use_of = if seals(key) { "seals and opens" } else { "opens; a rotation is under way" };
                    vec![key.get("id").map(words).unwrap_or_default(), use_of.to_owned()]
                };
                session.output.rows(&["data key", "use"], items.map(row).collect())
            }
        }
    }

    /// Does what is done without a daemon.
    pub fn run_locally(self) -> Result<(), Failure> {
        match self {
            KeysVerb::Rotate { new_master_key_file: Some(new), config } => change_master_key(&config, &new),
            KeysVerb::New { file } => new_key(&file),
            KeysVerb::List | KeysVerb::Rotate { .. } => Ok(()),
        }
    }
}

fn new_key(file: &Path) -> Result<(), Failure> {
    let key = master_key::make(file).map_err(anyhow::Error::from)?;
    let output = Output::new(false);
    output.line(&format!("{}: a new master key, fingerprint {}", file.display(), key.fingerprint()))?;
    output.line("keep a copy apart from the backups of the store: without it, no secret opens")
}

fn change_master_key(config: &ConfigFile, new: &Path) -> Result<(), Failure> {
    let (config, _) = read_config(config.path())?;
    let key = master_key::checked(new).map_err(anyhow::Error::from)?;
    let early = config.master_key.find_as_root(false).map_err(anyhow::Error::from)?;
    become_owner_of_store(&config).map_err(anyhow::Error::from)?;
    let old = early.map_or_else(|| config.master_key.find(false), Ok).map_err(anyhow::Error::from)?;
    store::change_master_key(&config.data_dir, &old, &key).map_err(anyhow::Error::from)?;
    let output = Output::new(false);
    let fingerprint = key.fingerprint();
    output
        .line(&format!("the store is sealed under the master key in {}, fingerprint {fingerprint}", new.display()))?;
    output.line("put it in the place of the old one before you start ztpd again")
}
