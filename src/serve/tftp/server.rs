//! The UDP loop: who asks for what, and which download does it belong to?
//!
//! A phone may keep its source port for all its files and ask for the next one before we have read its last
//! acknowledgement. So a request from a peer whose download is running goes to that download as a knock, which first
//! reads what the peer sent before. Once it is over, the request is served, unless it was a mere repetition.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::serve::tftp::datagram::{self, Datagram, Door};
use crate::serve::tftp::download::{Allowance, Download, Knocks, Over, error};
use crate::serve::tftp::{Ask, Files, Rules, TurnedAway};
use crate::tftp::packet::{ErrorCode, Mode, Packet, Request};

/// Serves read requests until `shutdown`, then lets running downloads finish. Drop it to end these too.
///
/// The rules may change while it runs; running downloads keep what they have negotiated.
pub async fn serve<F: Files>(
    socket: std::net::UdpSocket,
    rules: watch::Receiver<Arc<Rules>>,
    files: Arc<F>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let mut door = Door::new(socket)?;
    let mut server = Server { rules, files, peers: HashMap::new(), tasks: JoinSet::new() };
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(over) = server.tasks.join_next() => server.over(over),
            datagram = door.receive() => server.received(datagram),
        }
    }
    drop(door);
    while server.tasks.join_next().await.is_some() {}
    Ok(())
}

struct Server<F> {
    rules: watch::Receiver<Arc<Rules>>,
    files: Arc<F>,
    /// Who is being served; one download each.
    peers: HashMap<SocketAddr, Peer>,
    tasks: JoinSet<Over>,
}

struct Peer {
    served: Wish,
    /// The peer's latest request, for when the download is over.
    next: Option<Wish>,
    knocks: watch::Sender<Knocks>,
    task: Id,
}

/// What a peer wants, and which of our addresses it asked.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Wish {
    request: Request,
    local: SocketAddr,
}

impl<F: Files> Server<F> {
    fn received(&mut self, datagram: Datagram) {
        let Datagram { bytes, peer, local } = datagram;
        let admitted = self.rules.borrow().admit(peer.ip());
        if !admitted || peer.port() == 0 {
            return self.files.turned_away(peer, TurnedAway::OutsideNetworks);
        }
        let (why, answer) = match Packet::parse(&bytes) {
            Ok(Packet::Read(request)) if request.mode == Mode::Octet => {
                return self.wanted(peer, Wish { request, local });
            }
            Ok(Packet::Read(_)) => (TurnedAway::NotOctet, error(ErrorCode::NOT_DEFINED, "Octet mode only")),
            Ok(Packet::Write(_)) => (TurnedAway::WriteRequest, error(ErrorCode::ACCESS_VIOLATION, "Read only")),
            Err(fault) if fault.in_request() => {
                (TurnedAway::Malformed, error(ErrorCode::ILLEGAL_OPERATION, "Malformed request"))
            }
            Ok(_) | Err(_) => return self.files.turned_away(peer, TurnedAway::Stray),
        };
        self.files.turned_away(peer, why);
        if let Ok(socket) = datagram::towards(peer, local) {
            let _ = socket.send(&answer);
        }
    }

    fn wanted(&mut self, from: SocketAddr, wish: Wish) {
        if let Some(peer) = self.peers.get_mut(&from) {
            let other = peer.served != wish;
            peer.next = Some(wish);
            return peer.knocks.send_modify(|knocks| {
                knocks.count = knocks.count.saturating_add(1);
                knocks.other |= other;
            });
        }
        match self.room_for(from.ip()) {
            Ok(()) => self.begin(from, wish, Allowance::fresh()),
            Err(why) => self.files.turned_away(from, why),
        }
    }

    fn room_for(&self, address: IpAddr) -> Result<(), TurnedAway> {
        let rules = self.rules.borrow();
        if self.peers.len() >= rules.transfers {
            return Err(TurnedAway::Busy);
        }
        let theirs = self.peers.keys().filter(|peer| peer.ip() == address).count();
        if theirs >= rules.transfers_per_address { Err(TurnedAway::AddressBusy) } else { Ok(()) }
    }

    fn begin(&mut self, from: SocketAddr, wish: Wish, allowance: Allowance) {
        let (knocks, receiver) = watch::channel(Knocks::default());
        let download = Download {
            ask: Ask { name: wish.request.file.clone(), peer: from, local: wish.local },
            options: wish.request.options,
            limits: self.rules.borrow().limits,
            allowance,
            files: Arc::clone(&self.files),
            knocks: receiver,
        };
        let task = self.tasks.spawn(download.run()).id();
        self.peers.insert(from, Peer { served: wish, next: None, knocks, task });
    }

    fn over(&mut self, over: Result<Over, JoinError>) {
        let over = match over {
            Ok(over) => over,
            Err(fault) => return self.peers.retain(|_, peer| peer.task != fault.id()),
        };
        let Some(peer) = self.peers.remove(&over.peer) else { return };
        let knocks = peer.knocks.borrow().count;
        if knocks > over.repetitions
            && let Some(wish) = peer.next
        {
            self.begin(over.peer, wish, over.allowance.now());
        }
    }
}
