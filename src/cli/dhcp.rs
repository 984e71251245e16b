//! `ztpd dhcp`: what does DHCP tell phones, and what does each maker make of it? Works without a daemon.
//!
//! Exit codes: 0 nothing wrong, 1 findings or failed, 2 wrong usage. Of the server's own places only names and addresses are
//! compared: what a packet says is neither fetched nor looked up (policy D26).

mod decode;
pub(super) mod probe;
mod reporter;
mod table;
mod watch;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::failure::Failure;
use super::output::Output;
use crate::diagnose::checks::scope::spoken;
use crate::diagnose::dhcp_report::Report;
use crate::diagnose::here::Here;
use crate::makers::MAKERS;
use crate::makers::dhcp::{FAMILIES, Family, of_maker};

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum DhcpVerb {
    /// Reads a capture (pcap or pcapng): the phones in it, what they were told, and what they do with it.
    Decode {
        /// The capture file.
        file: PathBuf,
        /// What is judged, and how it is shown.
        #[command(flatten)]
        view: View,
    },
    /// Asks as phones of each maker ask (DISCOVER and INFORM; no lease is taken), and shows every server that answers.
    Probe(probe::Probe),
    /// Listens while phones boot: who they are, what they ask, what they are told. Needs CAP_NET_RAW.
    Watch(watch::Watch),
}

/// What is judged, and how it is shown.
#[derive(Args, Debug)]
pub struct View {
    /// Whose phones to judge; repeat it for several. Without it: the makers that are served here.
    #[arg(long = "maker", value_name = "NAME", value_parser = maker)]
    makers: Vec<String>,
    /// A name or address of the provisioning server phones should be led to; repeat it for several. Without it: what the
    /// configuration file says.
    #[arg(long = "server", value_name = "HOST")]
    servers: Vec<String>,
    /// The configuration file; without one /etc/ztpd/ztpd.toml if it is there.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// A maker whose phones' habits are known.
fn maker(text: &str) -> Result<String, String> {
    let name = text.to_ascii_lowercase();
    if of_maker(&name).next().is_some() {
        return Ok(name);
    }
    let mut known: Vec<&str> = FAMILIES.iter().map(|family| family.maker).collect();
    known.dedup();
    known.sort_unstable();
    Err(format!("no maker of that name; known are {}", known.join(", ")))
}

impl DhcpVerb {
    /// Does it.
    pub fn run(self) -> Result<(), Failure> {
        match self {
            DhcpVerb::Decode { file, view } => decode::run(&file, &view),
            DhcpVerb::Probe(probe) => probe.run(),
            DhcpVerb::Watch(watch) => watch.run(),
        }
    }
}

impl View {
    /// The families to judge.
    fn families(&self) -> Vec<&'static Family> {
        let served = |family: &&Family| MAKERS.iter().any(|maker| maker.id() == family.maker);
        let named = |family: &&Family| self.makers.iter().any(|maker| maker == family.maker);
        FAMILIES.iter().filter(|family| if self.makers.is_empty() { served(family) } else { named(family) }).collect()
    }

    /// The server phones should be led to.
    fn here(&self) -> Result<Here, Failure> {
        let mut here = Here::default();
        if !self.servers.is_empty() {
            for server in &self.servers {
                here.add(server);
            }
            return Ok(here);
        }
        let (config, path) = crate::daemon::read_config(self.config.as_deref())?;
        if path.is_none() {
            return Ok(here);
        }
        here.addresses = crate::host::interfaces::addresses()
            .map_err(|error| Failure::Failed(format!("cannot list this machine's addresses: {error}")))?;
        if let Some(url) = &config.public_url {
            here.add(url.host());
        }
        here.speaks = Some(spoken(&config, config.public_url.as_ref()));
        Ok(here)
    }

    /// Shows a report.
    fn show(&self, report: &Report, here: &Here) -> Result<(), Failure> {
        let output = Output::new(self.json);
        match self.json {
            true => output.value(&serde_json::json!(report))?,
            false => output.write(&table::text(&output, report, *here == Here::default()))?,
        }
        if report.has_findings() { Err(Failure::Findings) } else { Ok(()) }
    }
}

/// One thread, and a runtime for its sockets and timers.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::Failed(error.to_string()))
}
