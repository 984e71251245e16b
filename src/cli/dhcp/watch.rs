//! `ztpd dhcp watch`: what passes by while phones boot.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::reporter::Reporter;
use super::{View, runtime};
use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::reach::Reach;
use crate::diagnose::dhcp_options::{Message, Op, shown};
use crate::diagnose::dhcp_report::report;
use crate::diagnose::dhcp6;
use crate::diagnose::frame::{Datagram, Datagram6, Link, datagram, datagram6};
use crate::diagnose::sightings::Sightings;
use crate::host::clock::Clock;
use crate::host::interfaces::interfaces;
use crate::host::packet_socket::PacketSocket;
use crate::host::systemd;
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
    /// Hand what is heard in to the daemon, which keeps it and explains phones by it, instead of judging and showing it.
    #[arg(long, conflicts_with_all = ["makers", "servers", "config", "json"])]
    report: bool,
    /// The daemon's Unix socket; else $ZTPD_SOCKET, /run/ztpd/admin.sock, or that of an unprivileged `ztpd serve`.
    #[arg(long, value_name = "PATH", requires = "report", conflicts_with = "url")]
    socket: Option<PathBuf>,
    /// The daemon's address, https://HOST[:PORT]; else $ZTPD_URL. $ZTPD_TOKEN_FILE names the file with the token.
    #[arg(long, value_name = "URL", requires = "report")]
    url: Option<String>,
    /// A PEM file with the authorities to trust instead of the public ones; else $ZTPD_CACERT.
    #[arg(long, value_name = "FILE", requires = "report")]
    cacert: Option<PathBuf>,
    /// What is judged, and how it is shown. With --json: an object a message, then one with the report.
    #[command(flatten)]
    view: View,
}

impl Watch {
    /// Listens, then judges and shows.
    pub(super) fn run(self) -> Result<(), Failure> {
        let index = self.index()?;
        if self.report {
            return runtime()?.block_on(self.hand_in(index));
        }
        let here = self.view.here()?;
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

    /// Only a name that is not there needs the list of those that are: it takes a kind of socket that the watcher's unit
    /// may not open.
    fn index(&self) -> Result<Option<u32>, Failure> {
        let Some(name) = &self.interface else { return Ok(None) };
        if let Ok(index) = nix::net::if_::if_nametoindex(name.as_str()) {
            return Ok(Some(index));
        }
        let all = interfaces().map_err(|error| Failure::Failed(format!("cannot list the interfaces: {error}")))?;
        let names = all.iter().map(|interface| interface.name.as_str()).collect::<Vec<_>>().join(", ");
        Err(Failure::Failed(format!("no interface {name}; there are: {names}")))
    }

    fn open(&self, index: Option<u32>) -> Result<PacketSocket, Failure> {
        let socket = PacketSocket::open(index).map_err(|error| match error.kind() {
            std::io::ErrorKind::PermissionDenied => Failure::Failed(
                "not allowed: CAP_NET_RAW is missing. Run it as root, or once: setcap cap_net_raw+ep PROGRAM"
                    .to_owned(),
            ),
            _ => Failure::Failed(format!("cannot listen: {error}")),
        })?;
        // On standard error, so that a reader of the output sees messages alone.
        eprintln!("ztpd: listening on {}", self.interface.as_deref().unwrap_or("all interfaces"));
        Ok(socket)
    }

    /// Listens and hands in what it hears, until it is told to end.
    async fn hand_in(&self, index: Option<u32>) -> Result<(), Failure> {
        let reach = Reach::at(self.socket.clone(), self.url.clone(), self.cacert.clone());
        let mut reporter = Reporter::new(Client::new(reach.endpoint()?));
        let socket = self.open(index)?;
        systemd::tell_ready("listening to DHCP");
        let clock = Clock::start();
        let mut ends = std::pin::pin!(self.ends());
        loop {
            tokio::select! {
                frame = socket.receive() => {
                    let frame = frame.map_err(|error| Failure::Failed(format!("cannot listen: {error}")))?;
                    if let Some(Ok(datagram)) = datagram(Link::Ethernet, &frame) {
                        reporter.heard(&datagram, clock.now());
                    }
                }
                _ = reporter.is_due() => reporter.hand_in().await?,
                () = &mut ends => break,
            }
        }
        systemd::tell_stopping("handing in the last messages");
        reporter.end().await
    }

    async fn listen(&self, index: Option<u32>) -> Result<Sightings, Failure> {
        let socket = self.open(index)?;
        let clock = Clock::start();
        let mut seen = Sightings { interface: self.interface.clone(), ..Sightings::default() };
        let mut ends = std::pin::pin!(self.ends());
        loop {
            let frame = tokio::select! {
                frame = socket.receive() => frame.map_err(|error| Failure::Failed(format!("cannot listen: {error}")))?,
                () = &mut ends => return Ok(seen),
            };
            let now = clock.now();
            let Some(found) = datagram(Link::Ethernet, &frame) else {
                if let Some(Ok(datagram)) = datagram6(Link::Ethernet, &frame) {
                    self.tell6(now, &datagram)?;
                }
                seen.frame(Some(now), Link::Ethernet, &frame);
                continue;
            };
            if let Ok(datagram) = &found {
                self.tell(now, datagram)?;
            }
            seen.take(Some(now), found);
        }
    }

    /// Ends at Ctrl-C, when the service manager says so, or when the time is over.
    async fn ends(&self) {
        let asked = async {
            let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
            tokio::select! {
                interrupted = tokio::signal::ctrl_c() => if interrupted.is_err() { std::future::pending::<()>().await },
                _ = terminate.recv() => {}
            }
        };
        match self.length {
            None => asked.await,
            Some(length) => {
                let _ = tokio::time::timeout(length.duration(), asked).await;
            }
        }
    }

    /// A line a message of IPv6.
    fn tell6(&self, now: jiff::Timestamp, datagram: &Datagram6) -> Result<(), Failure> {
        let output = Output::new(self.view.json);
        let Ok(message) = dhcp6::Message::read(datagram.payload) else { return Ok(()) };
        let mac = message.mac().map(|mac| mac.to_string());
        let options: Vec<_> = message.for_phones().collect();
        if self.view.json {
            let line = json!({ "message": {
                "time": now, "mac": mac, "type": message.kind, "source": datagram.source, "vlans": datagram.vlans,
                "options": options,
            }});
            return output.write(&format!("{line}\n"));
        }
        let kind = json!(message.kind).as_str().unwrap_or_default().to_owned();
        let mut line =
            format!("{} {} {kind} from {}", now.strftime("%H:%M:%S"), mac.as_deref().unwrap_or("-"), datagram.source);
        for option in options {
            line.push_str(&format!(" {}={}", option.code, option.value));
        }
        output.line(&line)
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
