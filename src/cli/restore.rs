//! `ztpd restore`: the store made from a backup, under the master key of this machine.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use super::flags::secret;
use super::local::ConfigFile;
use super::output::Output;
use super::reach::secret_from;
use crate::daemon::{become_keeper_of_store, read_config};
use crate::host::clock::Clock;
use crate::inventory::secret::Secret;
use crate::store::backup::{BackupFault, Onto, Opener, PrivateKey, restore};
use crate::store::{Actor, is_empty};

/// `ztpd restore`.
#[derive(Args)]
#[command(after_help = "The configuration file, templates and firmware are not in a backup: put them in place first.")]
pub struct Restore {
    /// The backup.
    file: PathBuf,
    /// File with the passphrase it is sealed to, `-` for standard input.
    #[arg(long, value_name = "FILE", value_parser = secret, required_unless_present = "key_file")]
    passphrase_file: Option<Secret>,
    /// PEM file with the X25519 private key it is sealed to, `-` for standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_file")]
    key_file: Option<PathBuf>,
    /// Read it to its end and say what it is; change nothing.
    #[arg(long)]
    check: bool,
    /// Put it in the place of the store there is, which is kept beside it.
    #[arg(long, conflicts_with = "check")]
    replace: bool,
    #[command(flatten)]
    config: ConfigFile,
}

impl Restore {
    /// Does it.
    pub fn run(self) -> Result<(), Failure> {
        let opener = self.opener()?;
        let cannot = |error| Failure::Failed(format!("{}: {error}", self.file.display()));
        let backup = BufReader::new(File::open(&self.file).map_err(cannot)?);
        let output = Output::new(false);
        if self.check {
            let (begin, revision) = restore::check(&opener, backup).map_err(failure)?;
            let made = format!("made by ztpd {} on {}, up to revision {revision}", begin.version, begin.time);
            return output.line(&format!("{}: whole; {made}", self.file.display()));
        }
        let (config, _) = read_config(self.config.path())?;
        let empty = is_empty(&config.data_dir).map_err(anyhow::Error::from)?;
        let early = config.master_key.find_as_root(empty).map_err(anyhow::Error::from)?;
        let by = by();
        become_keeper_of_store(&config).map_err(anyhow::Error::from)?;
        let master = early.map_or_else(|| config.master_key.find(empty), Ok).map_err(anyhow::Error::from)?;
        let onto = if self.replace { Onto::Anything } else { Onto::Nothing };
        let restored = restore::restore(&config.data_dir, &master, &opener, backup, onto, &by).map_err(failure)?;
        let (begin, counts) = (&restored.backup, restored.counts);
        output.line(&format!(
            "restored what ztpd {} had on {}, up to revision {}: {} sites, {} users, {} common areas, {} devices",
            begin.version,
            begin.time,
            restored.revision,
            counts.sites,
            counts.users,
            counts.common_areas,
            counts.devices
        ))?;
        if let Some(path) = &restored.replaced {
            output.line(&format!("what was there before is kept as {}", path.display()))?;
        }
        if restored.audit.administration.fault.is_some() || restored.audit.devices.fault.is_some() {
            output.line("the audit trail was broken before the backup was made: `ztpd audit verify` says where")?;
        }
        output.line("it is sealed under this machine's master key; start ztpd")
    }

    fn opener(&self) -> Result<Opener, Failure> {
        match (&self.key_file, &self.passphrase_file) {
            (Some(path), _) => {
                let text = secret_from(path).map_err(Failure::Usage)?;
                PrivateKey::from_pem(text.reveal()).map(Opener::Key).map_err(|fault| Failure::Usage(fault.to_string()))
            }
            (None, Some(passphrase)) => Ok(Opener::Passphrase(passphrase.clone())),
            (None, None) => Err(Failure::Usage(BackupFault::Recipientless.to_string())),
        }
    }
}

/// Who restores, for the audit trail.
fn by() -> Actor {
    let (clock, uid) = (Clock::start(), nix::unistd::getuid());
    let name = nix::unistd::User::from_uid(uid).ok().flatten();
    let name = name.map_or_else(|| format!("uid {uid}"), |user| format!("{} (uid {uid})", user.name));
    Actor { name, on_behalf_of: None, time: clock.now(), boot_ms: clock.boot_ms() }
}

/// What was not even begun is refused; what broke off has failed.
fn failure(fault: BackupFault) -> Failure {
    match fault {
        BackupFault::Store(fault) => anyhow::Error::from(fault).into(),
        BackupFault::NotEmpty(_) | BackupFault::WrongKey(_) | BackupFault::TooNew { .. } => {
            Failure::refused(fault.to_string())
        }
        fault => Failure::Failed(fault.to_string()),
    }
}
