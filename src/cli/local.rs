//! What needs no running daemon: `serve`, which is one, `config check`, and `store rebuild`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::failure::Failure;
use super::output::Output;
use crate::config::Snapshot;
use crate::daemon::{self, become_owner_of_store, read_config};
use crate::host::clock::Clock;

/// Which configuration file.
#[derive(Args, Debug)]
pub struct ConfigFile {
    /// The configuration file; without one /etc/ztpd/ztpd.toml, else built-in settings.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What can be done with the configuration file.
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Names every fault of the file and of the templates; starts nothing.
    Check(ConfigFile),
}

/// What can be done with the store while the daemon is stopped.
#[derive(Debug, Subcommand)]
pub enum StoreVerb {
    /// Makes the store again from its snapshots and its journal; the damaged one is moved aside.
    Rebuild(ConfigFile),
}

impl ConfigFile {
    /// Its path, if one was given.
    pub fn path(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// `ztpd serve`.
    pub fn serve(self) -> Result<(), Failure> {
        Ok(daemon::serve(self.config.as_deref())?)
    }
}

impl ConfigVerb {
    /// Does it.
    pub fn run(self) -> Result<(), Failure> {
        let ConfigVerb::Check(file) = self;
        let (config, path) = read_config(file.config.as_deref())?;
        let mut faults = Snapshot::check_templates(&config);
        faults.extend(Snapshot::check_lab(&config, Clock::start().now()));
        if !faults.is_empty() {
            return Err(Failure::Failed(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")));
        }
        let name = path.map_or("built-in settings".to_owned(), |path| path.display().to_string());
        Output::new(false).line(&format!("{name}: no fault"))
    }
}

impl StoreVerb {
    /// Does it.
    pub fn run(self) -> Result<(), Failure> {
        let StoreVerb::Rebuild(file) = self;
        let (config, _) = read_config(file.config.as_deref())?;
        let early = config.master_key.find_as_root(false).map_err(anyhow::Error::from)?;
        become_owner_of_store(&config).map_err(anyhow::Error::from)?;
        let master = early.map_or_else(|| config.master_key.find(false), Ok).map_err(anyhow::Error::from)?;
        let report = crate::store::rebuild(&config.data_dir, &master).map_err(anyhow::Error::from)?;
        let output = Output::new(false);
        output.line(&format!("the store is whole again, up to change {}", report.revision))?;
        output.line(&match report.snapshot {
            Some(snapshot) => {
                format!("from the snapshot at change {snapshot} and {} changes of the journal", report.changes)
            }
            None => format!("from {} changes of the journal", report.changes),
        })?;
        for aside in report.aside.iter().chain(&report.journal_aside).chain(&report.passed_over) {
            output.line(&format!("what was damaged or replaced is kept as {}", aside.display()))?;
        }
        Ok(())
    }
}
