//! `ztpd ntp`: are the time servers phones are told reachable and right? Works without a daemon, and never sets a clock.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::failure::Failure;
use super::output::Output;
use crate::diagnose::facts::Fact;
use crate::diagnose::ntp::{Reading, TimeServer, ask, facts};

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum NtpVerb {
    /// Asks each time server once: reachable, synchronised, how far off, and whether they agree.
    Check(Check),
}

/// Which servers.
#[derive(Args, Debug)]
pub struct Check {
    /// Time servers, HOST or HOST:PORT; without any: those of [time] ntp in the configuration file.
    #[arg(value_name = "SERVER", value_parser = server)]
    servers: Vec<TimeServer>,
    /// The configuration file; without one /etc/ztpd/ztpd.toml if it is there.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

fn server(text: &str) -> Result<TimeServer, String> {
    text.parse().map_err(|error| format!("{text:?} {error}"))
}

impl NtpVerb {
    /// Does it.
    pub fn run(self) -> Result<(), Failure> {
        let NtpVerb::Check(check) = self;
        check.run()
    }
}

impl Check {
    fn run(self) -> Result<(), Failure> {
        let servers = self.servers()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::Failed(error.to_string()))?;
        let readings = runtime.block_on(ask(&servers));
        let facts = facts(&readings);
        let output = Output::new(self.json);
        match self.json {
            true => output.value(&json!({ "servers": readings, "facts": facts }))?,
            false => show(&output, &readings, &facts)?,
        }
        if facts.iter().any(Fact::is_finding) { Err(Failure::Findings) } else { Ok(()) }
    }

    fn servers(&self) -> Result<Vec<TimeServer>, Failure> {
        if !self.servers.is_empty() {
            return Ok(self.servers.clone());
        }
        let (config, _) = crate::daemon::read_config(self.config.as_deref())?;
        let named = config.ntp.iter().map(|host| server(host.as_str()).map_err(Failure::Failed));
        let servers: Vec<TimeServer> = named.collect::<Result<_, _>>()?;
        if servers.is_empty() {
            let message = "name a time server, or set [time] ntp in the configuration file";
            return Err(Failure::Usage(message.to_owned()));
        }
        Ok(servers)
    }
}

fn show(output: &Output, readings: &[Reading], facts: &[Fact]) -> Result<(), Failure> {
    let titles = ["server", "address", "stratum", "leap", "reference", "offset", "round trip", "state"];
    let dash = || "-".to_owned();
    let row = |reading: &Reading| {
        let header = reading.header.as_ref();
        let state = reading.faults.first().map_or("synchronised", |fault| fault.code().as_str());
        vec![
            reading.server.clone(),
            reading.address.map_or_else(dash, |address| address.to_string()),
            header.map_or_else(dash, |header| header.stratum.to_string()),
            header.map_or_else(dash, |header| header.leap.to_string()),
            header.filter(|header| !header.reference.is_empty()).map_or_else(dash, |header| header.reference.clone()),
            reading.offset_seconds.map_or_else(dash, |offset| format!("{offset:+.3} s")),
            reading.round_trip_seconds.map_or_else(dash, |time| format!("{:.1} ms", time * 1000.0)),
            state.to_owned(),
        ]
    };
    output.rows(&titles, readings.iter().map(row).collect())?;
    for fact in facts {
        output.line(&format!("{} {}: {} ({})", fact.severity, fact.subject, fact.summary, fact.code))?;
    }
    Ok(())
}
