//! Arguments in, exit code out, nothing else.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio_util::sync::CancellationToken;
use ztpd::config::{Config, MasterKeyFault, Snapshot, master_key};
use ztpd::daemon::{Daemon, Sockets, read_config};
use ztpd::store;

/// Zero-touch provisioning for SIP desk phones.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the daemon.
    Serve {
        /// The configuration file; without one /etc/ztpd/ztpd.toml, else built-in settings.
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Shows the main job on this machine: phones of every maker boot against a daemon on loopback.
    Demo {
        /// End when every phone has booted.
        #[arg(long)]
        once: bool,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Looks after the configuration file.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Looks after the keys that secrets are sealed with.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Looks after the store; the daemon must be stopped.
    #[command(subcommand)]
    Store(StoreCommand),
}

#[derive(Subcommand)]
enum StoreCommand {
    /// Makes the store again from its snapshots and its journal; the damaged one is moved aside.
    Rebuild {
        /// The configuration file; without one /etc/ztpd/ztpd.toml, else built-in settings.
        #[arg(long)]
        config: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
enum KeysCommand {
    /// Makes a master key in a new file that only its owner may read.
    New {
        /// The file; nothing is ever overwritten.
        file: PathBuf,
    },
    /// Seals the store under another master key; the daemon must be stopped.
    Rotate {
        /// The file with the new master key.
        #[arg(long)]
        new_master_key_file: PathBuf,
        /// The configuration file; without one /etc/ztpd/ztpd.toml, else built-in settings.
        #[arg(long)]
        config: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Names every fault of the file and of the templates; starts nothing.
    Check {
        /// The configuration file; without one /etc/ztpd/ztpd.toml.
        #[arg(long)]
        config: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Serve { config } => serve(config),
        Command::Demo { once, json } => demo(once, json),
        Command::Config(ConfigCommand::Check { config }) => check(config),
        Command::Keys(KeysCommand::New { file }) => new_key(&file),
        Command::Keys(KeysCommand::Rotate { new_master_key_file, config }) => {
            change_master_key(config, &new_master_key_file)
        }
        Command::Store(StoreCommand::Rebuild { config }) => rebuild(config),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for line in format!("{error:#}").lines() {
                eprintln!("ztpd: {line}");
            }
            // 4: refused, since another process holds the store or the key is not its own; 1: failed.
            if is_refusal(&error) { ExitCode::from(4) } else { ExitCode::FAILURE }
        }
    }
}

fn is_refusal(error: &anyhow::Error) -> bool {
    use ztpd::store::StoreFault::{Held, KeysLost, WrongKey};
    error.is::<MasterKeyFault>() || matches!(error.downcast_ref(), Some(Held(_) | KeysLost(_) | WrongKey { .. }))
}

fn serve(path: Option<PathBuf>) -> anyhow::Result<()> {
    let (config, path) = read_config(path.as_deref())?;
    ztpd::daemon::start_log(&config);
    let sockets = Sockets::bind(&config)?;
    let daemon = Daemon::prepare(config, path, sockets)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(16).build()?;
    runtime.block_on(daemon.run(CancellationToken::new()))
}

fn demo(once: bool, json: bool) -> anyhow::Result<()> {
    let ok = ztpd::cli::demo::run(ztpd::cli::demo::Options { once, json })?;
    anyhow::ensure!(ok, "not every phone ended as expected");
    Ok(())
}

fn rebuild(path: Option<PathBuf>) -> anyhow::Result<()> {
    let (config, _) = read_config(path.as_deref())?;
    let master = config.master_key.find(false)?;
    let report = store::rebuild(&config.data_dir, &master)?;
    println!("the store is whole again, up to change {}", report.revision);
    match report.snapshot {
        Some(snapshot) => {
            println!("from the snapshot at change {snapshot} and {} changes of the journal", report.changes)
        }
        None => println!("from {} changes of the journal", report.changes),
    }
    for aside in report.aside.iter().chain(&report.journal_aside).chain(&report.passed_over) {
        println!("what was damaged or replaced is kept as {}", aside.display());
    }
    Ok(())
}

fn new_key(file: &Path) -> anyhow::Result<()> {
    let key = master_key::make(file)?;
    println!("{}: a new master key, fingerprint {}", file.display(), key.fingerprint());
    println!("keep a copy apart from the backups of the store: without it, no secret opens");
    Ok(())
}

fn change_master_key(path: Option<PathBuf>, new: &Path) -> anyhow::Result<()> {
    let (config, _) = read_config(path.as_deref())?;
    let key = master_key::checked(new)?;
    store::change_master_key(&config.data_dir, &config.master_key.find(false)?, &key)?;
    println!("the store is sealed under the master key in {}, fingerprint {}", new.display(), key.fingerprint());
    println!("put it in the place of the old one before you start ztpd again");
    Ok(())
}

fn check(path: Option<PathBuf>) -> anyhow::Result<()> {
    let (config, path): (Config, _) = read_config(path.as_deref())?;
    let faults = Snapshot::check_templates(&config);
    if !faults.is_empty() {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow::bail!("{}", lines.join("\n"));
    }
    println!("{}: no fault", path.map_or("built-in settings".to_owned(), |path| path.display().to_string()));
    Ok(())
}
