//! `ztpd dhcp probe`: what would DHCP tell phones here?

use clap::Args;

use super::{View, runtime};
use crate::cli::failure::Failure;
use crate::diagnose::dhcp_probe::{Posing, Way, probe};
use crate::diagnose::dhcp_report::report;
use crate::diagnose::dhcp6;
use crate::host::interfaces::{Interface, interfaces};
use crate::inventory::period::Period;

/// How to ask.
#[derive(Args, Debug)]
pub struct Probe {
    /// The interface to ask on; needed where there are several.
    #[arg(long, value_name = "IF")]
    interface: Option<String>,
    /// Ask with a hardware address of the maker's range, for servers that choose by it. A switch that compares it with the
    /// sender's may drop that.
    #[arg(long)]
    maker_mac: bool,
    /// How long to wait for answers, at most five minutes; all of it is waited, since the first server is not always the only one.
    #[arg(long, value_name = "TIME", default_value = "6s", value_parser = window)]
    wait: Period,
    /// What is judged, and how it is shown.
    #[command(flatten)]
    view: View,
}

fn window(text: &str) -> Result<Period, String> {
    let period: Period = text.parse().map_err(|error| format!("{text:?} {error}"))?;
    match period.as_seconds() {
        1..=300 => Ok(period),
        _ => Err("wait from 1s to 5m".to_owned()),
    }
}

impl Probe {
    /// Asks, judges, shows.
    pub(super) fn run(self) -> Result<(), Failure> {
        let here = self.view.here()?;
        let interface = interface(self.interface.as_deref())?;
        let families = self.view.families();
        let posing = if self.maker_mac { Posing::AsMaker } else { Posing::AsItself };
        let wait = self.wait.duration();
        let asked = async {
            tokio::join!(probe(&interface, &families, posing, wait, Way::Own), dhcp6::probe::probe(&interface, wait))
        };
        let (asked, over_ipv6) = runtime()?.block_on(asked);
        let mut seen = asked.map_err(|error| Failure::Failed(error.to_string()))?;
        let not_asked = over_ipv6.map(|found| seen.ipv6 = found).err();
        let mut report = report(&seen, &families, &here);
        report.ipv6_not_asked = not_asked.map(|why| why.to_string());
        self.view.show(&report, &here)
    }
}

/// The interface of that name, or the only one there is.
pub(in crate::cli) fn interface(name: Option<&str>) -> Result<Interface, Failure> {
    let all = interfaces().map_err(|error| Failure::Failed(format!("cannot list the interfaces: {error}")))?;
    let usable: Vec<&Interface> = all.iter().filter(|interface| interface.can_broadcast).collect();
    let names = || usable.iter().map(|interface| interface.name.as_str()).collect::<Vec<_>>().join(", ");
    match (name, usable.as_slice()) {
        (Some(name), usable) => match usable.iter().find(|interface| interface.name == name) {
            Some(interface) => Ok((*interface).clone()),
            None => {
                Err(Failure::Failed(format!("no interface {name} is up and can broadcast; there are: {}", names())))
            }
        },
        (None, [only]) => Ok((*only).clone()),
        (None, []) => Err(Failure::Failed("no interface is up and can broadcast".to_owned())),
        (None, _) => Err(Failure::Usage(format!("name one with --interface: {}", names()))),
    }
}
