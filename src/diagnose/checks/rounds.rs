//! The daemon's own checks: every round, and whenever somebody asks for one. One at a time, beside the service and out of its
//! way: what they find goes on the board, where it stays until a later round does not find it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::scope::Scope;
use super::{Learned, NtpMemory, dhcp, fold, ntp, observed, reachability};
use crate::config::Snapshot;
use crate::diagnose::board::{Board, Check};
use crate::diagnose::dhcp_probe::Way;
use crate::diagnose::factory_clock::TimeByDhcp;
use crate::diagnose::facts::Fact;
use crate::diagnose::ntp::TimeServer;
use crate::diagnose::observations::Observations;
use crate::diagnose::{Code, Finding, Subject};
use crate::host::clock::Clock;
use crate::host::dhcp_socket::DhcpSocket;
use crate::host::interfaces::{self, Interface};
use crate::inventory::mac::MacAddr;
use crate::inventory::period::Period;
use crate::store::{Store, Stored};

/// When the first round is: the network comes up with the machine, and needs a moment.
const FIRST: Duration = Duration::from_secs(120);
/// How often it is looked at whether a reload changed the interval, and whether a watcher saw something.
const LOOK: Duration = Duration::from_secs(30);

/// What is to be checked.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Everything.
    All,
    /// What DHCP tells phones.
    Dhcp,
    /// Time servers.
    Ntp,
    /// Makers' services, the public URL, SIP servers.
    Reachability,
}

/// A wish for a check.
#[derive(Clone, Debug)]
pub struct Wish {
    /// What.
    pub kind: Kind,
    /// On which interface DHCP servers are asked; `None`: on those of the settings.
    pub interface: Option<String>,
    /// Which time servers to ask instead of those that phones are told.
    pub servers: Vec<TimeServer>,
}

/// A check that ran.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ran {
    /// Which.
    pub check: Check,
    /// Where: an interface, for DHCP.
    pub place: String,
    /// What it found.
    pub findings: Vec<Finding>,
}

/// Runs checks for a daemon.
pub struct Checks {
    store: Arc<dyn Store>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    clock: Clock,
    /// What they find.
    pub board: Arc<Board>,
    /// What the DHCP watcher saw of late.
    pub observations: Arc<Observations>,
    listeners: Vec<(&'static str, u16)>,
    dhcp: Option<DhcpSocket>,
    memory: Mutex<Memory>,
    /// Who asks for a check waits for it; a second one need not.
    turn: Semaphore,
}

/// What one check learns for another.
#[derive(Debug, Default)]
struct Memory {
    learned: Vec<Learned>,
    time: TimeByDhcp,
    ntp: NtpMemory,
}

impl Checks {
    /// Checks over these; `listeners`: what is listened on, by plane; `dhcp`: the socket that was passed, if one was.
    pub fn new(
        store: Arc<dyn Store>,
        snapshot: Arc<ArcSwap<Snapshot>>,
        clock: Clock,
        listeners: Vec<(&'static str, u16)>,
        dhcp: Option<DhcpSocket>,
    ) -> Checks {
        let board = Arc::new(Board::open(&snapshot.load().config.data_dir));
        let (memory, turn, observations) = (Mutex::default(), Semaphore::new(1), Arc::default());
        Checks { store, snapshot, clock, board, observations, listeners, dhcp, memory, turn }
    }

    /// A round every interval, until `stop`.
    pub async fn watch(self: Arc<Checks>, stop: CancellationToken) -> std::io::Result<()> {
        let everything = Wish { kind: Kind::All, interface: None, servers: Vec::new() };
        let (mut last, mut is_first) = (Instant::now(), true);
        loop {
            let interval = self.snapshot.load().config.diagnose.interval.map(Period::duration);
            let round = async {
                match next(interval, is_first, last.elapsed()) {
                    Next::Run => {
                        if let Err(error) = self.run(&everything).await {
                            tracing::warn!(%error, "the round of checks broke off");
                        }
                        true
                    }
                    Next::Wait(rest) => {
                        tokio::time::sleep(rest).await;
                        self.look().await;
                        false
                    }
                }
            };
            let ran = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                ran = round => ran,
            };
            if ran {
                (last, is_first) = (Instant::now(), false);
            }
        }
    }

    /// Judges what a watcher saw, if that may have changed: it came of late, or grows old.
    async fn look(&self) {
        if !self.observations.has_news(self.clock.now()) && !self.board.is_watched() {
            return;
        }
        match self.scope().await {
            Ok(scope) => self.observed(&scope).await,
            Err(error) => tracing::warn!(%error, "what was seen of DHCP cannot be judged"),
        }
    }

    /// Puts what a watcher saw on the board.
    async fn observed(&self, scope: &Scope) {
        let (now, scope) = (self.clock.now(), scope.clone());
        let (board, observations) = (Arc::clone(&self.board), Arc::clone(&self.observations));
        let judge = move || {
            let names = interfaces::names().unwrap_or_default();
            let own = names.iter().filter_map(|name| MacAddr::new(interfaces::named(name).ok()?.hardware?).ok());
            let own: Vec<MacAddr> = own.collect();
            board.observe(observed::check(observations.last_boots(now), &scope, &own, now), now);
        };
        drop(tokio::task::spawn_blocking(judge).await);
    }

    /// The turn of whoever asks for a check; nobody's while another one's is running, so that those who wait never take
    /// all the threads that serve phones.
    pub fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turn.try_acquire().ok()
    }

    /// Runs what is wished for, after what is running already.
    pub async fn run(&self, wish: &Wish) -> Stored<Vec<Ran>> {
        let mut memory = self.memory.lock().await;
        let scope = self.scope().await?;
        let wants = |kind| wish.kind == Kind::All || wish.kind == kind;
        let mut ran = Vec::new();
        if wants(Kind::Dhcp) {
            ran.extend(self.dhcp(wish, &scope, &mut memory).await);
            self.observed(&scope).await;
        }
        if wish.kind == Kind::Ntp && !wish.servers.is_empty() {
            // Servers that phones are not told: what is found is for who asked, and stays on no board.
            let readings = crate::diagnose::ntp::ask(&wish.servers).await;
            let findings =
                scope.advice(None, Vec::new()).findings(crate::diagnose::ntp::facts(&readings), self.clock.now());
            return Ok(vec![Ran { check: Check::Ntp, place: String::new(), findings }]);
        }
        let now = self.clock.now();
        let interval = self.snapshot.load().config.diagnose.interval.map_or(FIRST, |interval| interval.duration());
        let Memory { learned, time, ntp: known } = &mut *memory;
        let times =
            async { if wants(Kind::Ntp) { Some(ntp(&scope, learned, known, now, interval).await) } else { None } };
        let reached =
            async { if wants(Kind::Reachability) { Some(reachability(&scope, time, now).await) } else { None } };
        let (mut times, mut reached) = tokio::join!(times, reached);
        if let (Some(times), Some(reached)) = (&mut times, &mut reached) {
            fold(&scope, times, reached);
        }
        for (check, facts) in [(Check::Ntp, times), (Check::Reachability, reached)] {
            if let Some(facts) = facts {
                ran.push(self.settled(check, "", facts, &scope, &memory, None).await);
            }
        }
        Ok(ran)
    }

    async fn scope(&self) -> Stored<Scope> {
        let (store, snapshot) = (Arc::clone(&self.store), self.snapshot.load_full());
        let listeners = self.listeners.clone();
        let gathered = tokio::task::spawn_blocking(move || Scope::gather(&*store, &snapshot, &listeners));
        gathered.await.unwrap_or_else(|_| Ok(Scope::default()))
    }

    async fn dhcp(&self, wish: &Wish, scope: &Scope, memory: &mut Memory) -> Vec<Ran> {
        let named = match &wish.interface {
            Some(interface) => vec![interface.clone()],
            None => self.snapshot.load().config.diagnose.interfaces.clone(),
        };
        let unavailable = |why: &str| {
            let summary = format!("what DHCP tells phones is not checked by the daemon: {why}");
            vec![Fact::new(Code::DhcpProbeUnavailable, Subject::Network("dhcp".to_owned()), summary)]
        };
        let (socket, interfaces) = match (&self.dhcp, self.interfaces(named)) {
            (None, _) => {
                let facts =
                    unavailable("no socket was passed to it as \"dhcp\", and it holds no privilege to open one");
                return vec![self.only(facts, scope, memory).await];
            }
            (Some(_), Err(why)) => return vec![self.only(unavailable(&why), scope, memory).await],
            (Some(socket), Ok(interfaces)) => (socket, interfaces),
        };
        let (mut ran, mut learned, mut time) = (Vec::new(), Vec::new(), None);
        for (name, found) in interfaces {
            let address = found.as_ref().ok().and_then(|found| found.ipv4.first().copied()).map(IpAddr::V4);
            let outcome = match found {
                Ok(interface) => {
                    dhcp::check(&interface, Way::Passed(socket), scope).await.map_err(|error| error.to_string())
                }
                Err(error) => Err(error),
            };
            let facts = match outcome {
                Ok(outcome) => {
                    learned.extend(outcome.learned);
                    time = Some(worse(time.take(), outcome.time));
                    outcome.facts
                }
                Err(error) => {
                    let summary = format!("the DHCP servers of {name} could not be asked: {error}");
                    vec![Fact::new(Code::DhcpProbeFailed, Subject::Network(name.clone()), summary)]
                }
            };
            ran.push(self.settled(Check::Dhcp, &name, facts, scope, memory, address).await);
        }
        if wish.interface.is_none() {
            memory.learned = learned;
            memory.time = time.unwrap_or_default();
            let places: Vec<&str> = ran.iter().map(|ran| ran.place.as_str()).collect();
            self.board.leave_only(Check::Dhcp, &places);
        }
        ran
    }

    /// What is said of no network in particular: then nothing is known of any.
    async fn only(&self, facts: Vec<Fact>, scope: &Scope, memory: &mut Memory) -> Ran {
        (memory.learned, memory.time) = (Vec::new(), TimeByDhcp::Unknown);
        self.board.leave_only(Check::Dhcp, &[""]);
        self.settled(Check::Dhcp, "", facts, scope, memory, None).await
    }

    /// The interfaces to ask on: those that are named, else the only one there is.
    #[allow(clippy::type_complexity)]
    fn interfaces(&self, named: Vec<String>) -> Result<Vec<(String, Result<Interface, String>)>, String> {
        let found = |name: String| {
            let interface = interfaces::named(&name).map_err(|error| error.to_string());
            let usable = interface.and_then(|interface| match interface.can_broadcast {
                true => Ok(interface),
                false => Err("it is down, or cannot broadcast".to_owned()),
            });
            (name, usable)
        };
        if !named.is_empty() {
            return Ok(named.into_iter().map(found).collect());
        }
        let all = interfaces::names().map_err(|error| format!("the interfaces cannot be listed: {error}"))?;
        let usable = all.into_iter().map(found).filter(|(_, interface)| interface.is_ok());
        let usable: Vec<_> = usable.collect();
        match usable.len() {
            1 => Ok(usable),
            0 => Err("no interface is up and can broadcast".to_owned()),
            _ => {
                let names: Vec<&str> = usable.iter().map(|(name, _)| name.as_str()).collect();
                Err(format!(
                    "there are several interfaces ({}): name those with phones in [diagnose] interfaces",
                    names.join(", ")
                ))
            }
        }
    }

    /// Puts what was found on the board.
    async fn settled(
        &self,
        check: Check,
        place: &str,
        facts: Vec<Fact>,
        scope: &Scope,
        memory: &Memory,
        address: Option<IpAddr>,
    ) -> Ran {
        let now = self.clock.now();
        let times = memory.learned.iter().map(|learned| learned.address.to_string()).collect();
        let findings = scope.advice(address, times).findings(facts, now);
        let (board, place, found) = (Arc::clone(&self.board), place.to_owned(), findings.clone());
        let at = place.clone();
        // The board writes to the disk.
        drop(tokio::task::spawn_blocking(move || board.settle(check, &at, found, now)).await);
        Ran { check, place, findings }
    }
}

/// What the daemon does now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Next {
    Run,
    Wait(Duration),
}

/// Whether the next round is due, so long after the last one or the start; a reload may change the interval meanwhile.
fn next(interval: Option<Duration>, is_first: bool, elapsed: Duration) -> Next {
    let Some(interval) = interval else { return Next::Wait(LOOK) };
    let due = if is_first { FIRST.min(interval) } else { interval };
    match due.checked_sub(elapsed).filter(|rest| !rest.is_zero()) {
        Some(rest) => Next::Wait(rest.min(LOOK)),
        None => Next::Run,
    }
}

/// Of two networks: phones of one that are told no time are in the trap, whatever the other says.
fn worse(one: Option<TimeByDhcp>, other: TimeByDhcp) -> TimeByDhcp {
    match (one, other) {
        (Some(TimeByDhcp::Not(mut servers)), TimeByDhcp::Not(more)) => {
            servers.extend(more);
            TimeByDhcp::Not(servers)
        }
        (Some(not @ TimeByDhcp::Not(_)), _) | (_, not @ TimeByDhcp::Not(_)) => not,
        (Some(TimeByDhcp::Told) | None, TimeByDhcp::Told) => TimeByDhcp::Told,
        _ => TimeByDhcp::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_round_waits_for_the_network_and_the_others_for_their_interval() {
        let (minute, quarter) = (Duration::from_secs(60), Some(Duration::from_secs(900)));
        assert_eq!(next(quarter, true, Duration::ZERO), Next::Wait(LOOK));
        assert_eq!(next(quarter, true, FIRST), Next::Run);
        assert_eq!(next(Some(minute), true, minute), Next::Run);
        assert_eq!(next(quarter, false, minute), Next::Wait(LOOK));
        assert_eq!(next(quarter, false, Duration::from_secs(890)), Next::Wait(Duration::from_secs(10)));
        assert_eq!(next(quarter, false, Duration::from_secs(900)), Next::Run);
        // A shorter interval counts at once, and one that is off never runs and never spins.
        assert_eq!(next(Some(minute), false, Duration::from_secs(100)), Next::Run);
        assert_eq!(next(None, false, Duration::from_secs(100_000)), Next::Wait(LOOK));
    }

    #[test]
    fn a_network_without_time_is_not_made_up_for_by_another_one() {
        let not = |server: &str| TimeByDhcp::Not(vec![server.to_owned()]);
        assert_eq!(worse(Some(TimeByDhcp::Told), not("a")), not("a"));
        assert_eq!(worse(Some(not("a")), TimeByDhcp::Told), not("a"));
        assert_eq!(worse(Some(not("a")), not("b")), TimeByDhcp::Not(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(worse(None, TimeByDhcp::Told), TimeByDhcp::Told);
        assert_eq!(worse(Some(TimeByDhcp::Told), TimeByDhcp::Unknown), TimeByDhcp::Unknown);
    }
}
