//! One download from request to end: opens the file, then carries packets between a socket and the state machine.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::serve::tftp::content::Source;
use crate::serve::tftp::{Ask, Content, Ended, Files, Outcome, Refused, TurnedAway, datagram};
use crate::tftp::packet::{ErrorCode, Options, Packet};
use crate::tftp::transfer::{Budget, FIRST_ACK_WITHIN, Limits, Step, Transfer};

/// A repeated request this soon after the first acknowledgement was sent before it, and arrives late.
const CROSSING: Duration = Duration::from_millis(250);
/// Enough for the acknowledgements of a window; more is left to the usual way.
const QUEUED_AT_MOST: usize = 32;
const LONGEST_ANSWER: usize = 1024;

/// Everything one download needs.
pub(super) struct Download<F> {
    pub(super) ask: Ask,
    pub(super) options: Options,
    pub(super) limits: Limits,
    pub(super) allowance: Allowance,
    pub(super) files: Arc<F>,
    pub(super) knocks: watch::Receiver<Knocks>,
}

/// The requests a peer sent while its download was running.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Knocks {
    pub(super) count: u64,
    /// One of them differed from the request that is being served.
    pub(super) other: bool,
}

/// What is left for a peer that has acknowledged nothing, and since when it has been given something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    budget: Budget,
    since: Instant,
}

/// What the server must know at the end.
#[derive(Debug)]
pub(super) struct Over {
    pub(super) peer: SocketAddr,
    /// How many of the peer's knocks were mere repetitions.
    pub(super) repetitions: u64,
    pub(super) allowance: Allowance,
}

impl<F: Files> Download<F> {
    pub(super) async fn run(mut self) -> Over {
        let opened = tokio::select! {
            biased;
            () = replaced(&mut self.knocks) => return self.over(0),
            opened = self.files.open(self.ask.clone()) => opened,
        };
        let knocks = *self.knocks.borrow_and_update();
        if knocks.other {
            return self.over(0);
        }
        let Ok(socket) = datagram::towards(self.ask.peer, self.ask.local) else {
            self.files.turned_away(self.ask.peer, TurnedAway::NoSocket);
            return self.over(knocks.count);
        };
        let content = match opened {
            Ok(content) => content,
            Err(refused) => {
                let _ = socket.send(&answer_to(refused));
                return self.over(knocks.count);
            }
        };
        let Ok(socket) = UdpSocket::from_std(socket) else {
            self.files.turned_away(self.ask.peer, TurnedAway::NoSocket);
            return self.over(knocks.count);
        };
        self.carry(socket, content, knocks.count).await
    }

    async fn carry(self, socket: UdpSocket, content: Content, repetitions: u64) -> Over {
        let source = Source::from(content);
        let (transfer, step) = Transfer::begin(source.length(), &self.options, &self.limits, self.allowance.budget);
        let Allowance { since, .. } = self.allowance;
        let mut running = Running {
            socket,
            source,
            transfer,
            began: Instant::now(),
            knocks: self.knocks,
            repetitions,
            report: Report { files: self.files, ask: self.ask, ended: Ended::Cancelled, acknowledged: 0, sent: 0 },
        };
        let ended = running.run(step).await;
        running.report.ended = ended;
        let allowance = match running.transfer.first_acknowledged_at() {
            Some(_) => Allowance::fresh(),
            None => Allowance { budget: running.transfer.budget(), since },
        };
        Over { peer: running.report.ask.peer, repetitions: running.repetitions, allowance }
    }

    fn over(&self, repetitions: u64) -> Over {
        Over { peer: self.ask.peer, repetitions, allowance: self.allowance }
    }
}

/// A download that has begun.
struct Running<F: Files> {
    socket: UdpSocket,
    source: Source,
    transfer: Transfer,
    began: Instant,
    knocks: watch::Receiver<Knocks>,
    repetitions: u64,
    report: Report<F>,
}

impl<F: Files> Running<F> {
    async fn run(&mut self, mut step: Step) -> Ended {
        let mut buffer = [0; LONGEST_ANSWER];
        loop {
            if let Some(ended) = self.take(step).await {
                return ended;
            }
            let wake_at = self.began + self.transfer.wake_at();
            step = tokio::select! {
                biased;
                received = self.socket.recv(&mut buffer) => match received {
                    Ok(length) => self.heard(buffer.get(..length)),
                    Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => return Ended::PeerGone,
                    // A network that cannot be reached at the moment: the packet is lost, the deadlines stand.
                    Err(_) => self.transfer.waited(self.began.elapsed()),
                },
                () = changed(&mut self.knocks) => match self.knocked().await {
                    Some(ended) => return ended,
                    None => Step::Wait,
                },
                () = sleep_until(wake_at) => self.transfer.waited(self.began.elapsed()),
            };
        }
    }

    fn heard(&mut self, datagram: Option<&[u8]>) -> Step {
        let now = self.began.elapsed();
        let step = match datagram.map(Packet::parse) {
            Some(Ok(packet)) => self.transfer.heard(&packet, now),
            _ => self.transfer.waited(now),
        };
        self.report.acknowledged = self.transfer.acknowledged_bytes();
        step
    }

    /// The peer sent another request. What it sent before that is in our queue: often the last acknowledgement.
    async fn knocked(&mut self) -> Option<Ended> {
        let knocks = *self.knocks.borrow_and_update();
        let mut buffer = [0; LONGEST_ANSWER];
        for _ in 0..QUEUED_AT_MOST {
            let Some(length) = datagram::queued(&self.socket, &mut buffer) else { break };
            match self.heard(buffer.get(..length)) {
                Step::End(ending) => return Some(ending.into()),
                _ if knocks.other => {}
                step => {
                    if let Some(ended) = self.take(step).await {
                        return Some(ended);
                    }
                }
            }
        }
        let now = self.began.elapsed();
        let under_way = self.transfer.first_acknowledged_at().is_some_and(|at| now.saturating_sub(at) > CROSSING);
        if knocks.other || under_way {
            return Some(Ended::Replaced);
        }
        self.repetitions = knocks.count;
        None
    }

    /// Does what the state machine wants.
    async fn take(&mut self, step: Step) -> Option<Ended> {
        match step {
            Step::End(ending) => Some(ending.into()),
            Step::SendBlocks(blocks) => {
                for block in blocks {
                    let Ok(bytes) = self.source.block(block).await else {
                        self.send(&error(ErrorCode::NOT_DEFINED, "Cannot read the file")).await;
                        return Some(Ended::Unreadable);
                    };
                    self.report.sent = self.report.sent.saturating_add(u64::try_from(bytes.len()).unwrap_or(0));
                    let datagram = Packet::Data { block: block.number, bytes }.encode();
                    if let Some(ended) = self.send(&datagram).await {
                        return Some(ended);
                    }
                }
                None
            }
            Step::SendOptions(options) => self.send(&Packet::OptionAck(options).encode()).await,
            Step::Wait => None,
        }
    }

    /// Sends one datagram. Most faults are as good as a lost packet, and mended like one.
    async fn send(&self, datagram: &[u8]) -> Option<Ended> {
        let sent = self.socket.send(datagram).await;
        sent.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused).then_some(Ended::PeerGone)
    }
}

/// Says how a download ended when it is dropped, so that it is said also if the task is.
struct Report<F: Files> {
    files: Arc<F>,
    ask: Ask,
    ended: Ended,
    acknowledged: u64,
    sent: u64,
}

impl<F: Files> Drop for Report<F> {
    fn drop(&mut self) {
        let outcome = Outcome { ended: self.ended, acknowledged: self.acknowledged, sent: self.sent };
        self.files.finished(&self.ask, outcome);
    }
}

impl Allowance {
    /// All of it.
    pub(super) fn fresh() -> Allowance {
        Allowance { budget: Budget::default(), since: Instant::now() }
    }

    /// What is left now: all of it again once the peer would have been given up.
    pub(super) fn now(self) -> Allowance {
        if self.since.elapsed() < FIRST_ACK_WITHIN { self } else { Allowance::fresh() }
    }
}

/// An ERROR packet.
pub(super) fn error(code: ErrorCode, message: &str) -> Vec<u8> {
    Packet::Error { code, message: message.to_owned() }.encode()
}

fn answer_to(refused: Refused) -> Vec<u8> {
    match refused {
        Refused::NotFound => error(ErrorCode::FILE_NOT_FOUND, "File not found"),
        Refused::Unavailable => error(ErrorCode::NOT_DEFINED, "Try again later"),
    }
}

/// Waits for any knock.
async fn changed(knocks: &mut watch::Receiver<Knocks>) {
    if knocks.changed().await.is_err() {
        std::future::pending().await
    }
}

/// Waits for a knock with another request.
async fn replaced(knocks: &mut watch::Receiver<Knocks>) {
    if knocks.wait_for(|knocks| knocks.other).await.is_err() {
        std::future::pending().await
    }
}
