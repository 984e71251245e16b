//! `ztpd dhcp watch`: what passes by while phones boot.

use clap::Args;
use serde_json::json;

use super::{View, runtime};
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::diagnose::dhcp_options::{Message, Op, shown};
use crate::diagnose::dhcp_report::report;
use crate::diagnose::frame::{Datagram, Link, datagram};
use crate::diagnose::sightings::Sightings;
use crate::host::clock::Clock;
use crate::host::interfaces::interfaces;
use crate::host::packet_socket::PacketSocket;
use crate::inventory::period::Period;
use crate::makers::dhcp::recognise;

/// Where and how long to listen.
#[derive(Args, Debug)]
pub struct Watch {
    /// The interface to listen on; without it, all.
    #[arg(long, value_name = "IF")]
    interface: Option<String>,
    /// End after this time, such as 90s; without it, at Ctrl-C.
    #[arg(long = "for", value_name = "TIME")]
    length: Option<Period>,
    /// What is judged, and how it is shown. With --json: an object a message, then one with the report.
    #[command(flatten)]
    view: View,
}

impl Watch {
    /// Listens, then judges and shows.
    pub(super) fn run(self) -> Result<(), Failure> {
        let here = self.view.here()?;
        let index = self.index()?;
        let seen = runtime()?.block_on(self.listen(index))?;
        let output = Output::new(self.view.json);
        let report = report(&seen, &self.view.families(), &here);
        match self.view.json {
            true => output.write(&format!("{}\n", json!({ "report": report })))?,
            false => output.line("")?,
        }
        if self.view.json {
            return if report.has_findings() { Err(Failure::Findings) } else { Ok(()) };
        }
        self.view.show(&report, &here)
    }

    fn index(&self) -> Result<Option<u32>, Failure> {
        let Some(name) = &self.interface else { return Ok(None) };
        let all = interfaces().map_err(|error| Failure::Failed(format!("cannot list the interfaces: {error}")))?;
        match all.iter().find(|interface| interface.name == *name) {
            Some(interface) => Ok(Some(interface.index)),
            None => {
                let names = all.iter().map(|interface| interface.name.as_str()).collect::<Vec<_>>().join(", ");
                Err(Failure::Failed(format!("no interface {name}; there are: {names}")))
            }
        }
    }

    async fn listen(&self, index: Option<u32>) -> Result<Sightings, Failure> {
        let socket = PacketSocket::open(index).map_err(|error| match error.kind() {
            std::io::ErrorKind::PermissionDenied => Failure::Failed(
                "not allowed: CAP_NET_RAW is missing. Run it as root, or once: setcap cap_net_raw+ep PROGRAM"
                    .to_owned(),
            ),
            _ => Failure::Failed(format!("cannot listen: {error}")),
        })?;
        // On standard error, so that a reader of the output sees messages alone.
        eprintln!("ztpd: listening on {}", self.interface.as_deref().unwrap_or("all interfaces"));
        let clock = Clock::start();
        let mut seen = Sightings { interface: self.interface.clone(), ..Sightings::default() };
        let mut ends = std::pin::pin!(self.ends());
        loop {
            let frame = tokio::select! {
                frame = socket.receive() => frame.map_err(|error| Failure::Failed(format!("cannot listen: {error}")))?,
                () = &mut ends => return Ok(seen),
            };
            let Some(found) = datagram(Link::Ethernet, &frame) else { continue };
            let now = clock.now();
            if let Ok(datagram) = &found {
                self.tell(now, datagram)?;
            }
            seen.take(Some(now), found);
        }
    }

    /// Ends at Ctrl-C, or when the time is over.
    async fn ends(&self) {
        let asked = async {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        match self.length {
            None => asked.await,
            Some(length) => {
                let _ = tokio::time::timeout(length.duration(), asked).await;
            }
        }
    }

    /// A line a message.
    fn tell(&self, now: jiff::Timestamp, datagram: &Datagram) -> Result<(), Failure> {
        let output = Output::new(self.view.json);
        let Ok(message) = Message::read(datagram.payload) else { return Ok(()) };
        let family = recognise(message.class(), message.mac).map(|family| family.name);
        let mac = message.mac.map(|mac| mac.to_string());
        if self.view.json {
            let options: Vec<_> = message.for_phones().collect();
            let line = json!({ "message": {
                "time": now, "mac": mac, "family": family, "type": message.message_type(), "source": datagram.source,
                "vlans": datagram.vlans, "options": options,
            }});
            return output.write(&format!("{line}\n"));
        }
        let kind = message.message_type().map(|kind| json!(kind).as_str().unwrap_or_default().to_owned());
        let mut line = format!("{} {}", now.strftime("%H:%M:%S"), mac.unwrap_or_else(|| "-".to_owned()));
        for vlan in &datagram.vlans {
            line.push_str(&format!(" vlan {vlan}"));
        }
        line.push_str(&format!(" {}", kind.unwrap_or_else(|| "BOOTP".to_owned())));
        match message.op {
            Op::Reply => {
                line.push_str(&format!(" from {}", message.server_identifier().unwrap_or(datagram.source)));
                for option in message.for_phones() {
                    line.push_str(&format!(" {}={}", option.code, option.value));
                }
            }
            _ => {
                line.push_str(&format!(" {}", family.unwrap_or("no phone that is known")));
                line.extend(message.text(60).map(|class| format!(" ({})", shown(class))));
            }
        }
        output.line(&line)
    }
}
