//! Arguments in, exit code out, nothing else.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio_util::sync::CancellationToken;
use ztpd::config::{Config, Snapshot};
use ztpd::daemon::{Daemon, Sockets, read_config};

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
    /// What DHCP tells phones, and what each maker's phones make of it; needs no daemon.
    #[command(subcommand)]
    Dhcp(ztpd::cli::dhcp::Command),
    /// Looks after the configuration file.
    #[command(subcommand)]
    Config(ConfigCommand),
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
        Command::Dhcp(command) => return ztpd::cli::dhcp::run(command),
        Command::Config(ConfigCommand::Check { config }) => check(config),
        Command::Store(StoreCommand::Rebuild { config }) => rebuild(config),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for line in format!("{error:#}").lines() {
                eprintln!("ztpd: {line}");
            }
            // 4: refused, since another process holds the store; 1: failed.
            let held = matches!(error.downcast_ref(), Some(ztpd::store::StoreFault::Held(_)));
            if held { ExitCode::from(4) } else { ExitCode::FAILURE }
        }
    }
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
    let report = ztpd::store::rebuild(&config.data_dir)?;
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
