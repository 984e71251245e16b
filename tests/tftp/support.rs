//! A server with a few files on its shelf, and a peer that speaks TFTP by hand.

use std::collections::HashMap;
use std::fs::File;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use ztpd::serve::tftp::{Ask, Content, Ended, Files, Outcome, Refused, Rules, TurnedAway, serve};
use ztpd::tftp::packet::{ErrorCode, Mode, Options, Packet, Request};

/// Far longer than anything here takes; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Asked(Ask),
    Finished(Ask, Outcome),
    TurnedAway(SocketAddr, TurnedAway),
}

/// What the server has to offer. A file called `slow` is opened once a permit is there.
pub struct Shelf {
    pub bytes: HashMap<String, Vec<u8>>,
    pub paths: HashMap<String, PathBuf>,
    pub permits: Semaphore,
    events: mpsc::Sender<Event>,
}

impl Files for Shelf {
    async fn open(&self, ask: Ask) -> Result<Content, Refused> {
        let _ = self.events.send(Event::Asked(ask.clone()));
        if ask.name == "slow" {
            self.permits.acquire().await.unwrap().forget();
        }
        if ask.name == "unavailable" {
            return Err(Refused::Unavailable);
        }
        if let Some(path) = self.paths.get(&ask.name) {
            let file = File::open(path).unwrap();
            let length = file.metadata().unwrap().len();
            return Ok(Content::File { file, length });
        }
        let bytes = self.bytes.get(&ask.name).ok_or(Refused::NotFound)?;
        Ok(Content::Bytes(bytes.clone().into()))
    }

    fn finished(&self, ask: &Ask, outcome: Outcome) {
        let _ = self.events.send(Event::Finished(ask.clone(), outcome));
    }

    fn turned_away(&self, peer: SocketAddr, why: TurnedAway) {
        let _ = self.events.send(Event::TurnedAway(peer, why));
    }
}

pub struct Server {
    pub address: SocketAddr,
    pub shelf: Arc<Shelf>,
    pub shutdown: CancellationToken,
    events: mpsc::Receiver<Event>,
    runtime: Option<tokio::runtime::Runtime>,
    served: Option<tokio::task::JoinHandle<std::io::Result<()>>>,
}

impl Server {
    /// A server on loopback with these files.
    pub fn with(files: &[(&str, &[u8])]) -> Server {
        Server::on("127.0.0.1:0", Rules::default(), files, &[]).unwrap()
    }

    pub fn on(
        address: &str,
        rules: Rules,
        files: &[(&str, &[u8])],
        paths: &[(&str, PathBuf)],
    ) -> std::io::Result<Server> {
        Server::at(UdpSocket::bind(address)?, rules, files, paths)
    }

    pub fn at(
        socket: UdpSocket,
        rules: Rules,
        files: &[(&str, &[u8])],
        paths: &[(&str, PathBuf)],
    ) -> std::io::Result<Server> {
        let address = socket.local_addr()?;
        let (sender, events) = mpsc::channel();
        let shelf = Arc::new(Shelf {
            bytes: files.iter().map(|(name, bytes)| (name.to_string(), bytes.to_vec())).collect(),
            paths: paths.iter().map(|(name, path)| (name.to_string(), path.clone())).collect(),
            permits: Semaphore::new(0),
            events: sender,
        });
        let shutdown = CancellationToken::new();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let rules = watch::channel(Arc::new(rules)).1;
        let served = runtime.spawn(serve(socket, rules, Arc::clone(&shelf), shutdown.clone()));
        Ok(Server { address, shelf, shutdown, events, runtime: Some(runtime), served: Some(served) })
    }

    /// A file name under `directory`, filled with bytes that repeat nowhere near a block.
    pub fn large_file(directory: &tempfile::TempDir, length: u32) -> PathBuf {
        let path = directory.path().join("large");
        let bytes: Vec<u8> = (0..length / 4).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub fn event(&self) -> Event {
        self.events.recv_timeout(PATIENCE).expect("an event")
    }

    /// What has happened until now and was not looked at.
    pub fn events_so_far(&self) -> Vec<Event> {
        self.events.try_iter().collect()
    }

    /// Waits for the end of a download and says how it ended.
    pub fn outcome(&self) -> Outcome {
        loop {
            if let Event::Finished(_, outcome) = self.event() {
                return outcome;
            }
        }
    }

    /// Waits for the next download to end well.
    pub fn completed(&self) {
        assert_eq!(self.outcome().ended, Ended::Completed);
    }

    /// Waits until the server has returned by itself.
    pub fn returned(&mut self) {
        let served = self.served.take().unwrap();
        let runtime = self.runtime.as_ref().unwrap();
        runtime.block_on(async { tokio::time::timeout(PATIENCE, served).await }).unwrap().unwrap().unwrap();
    }

    /// Drops the server in the middle of its work.
    pub fn dropped(&mut self) {
        self.served.take().unwrap().abort();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A peer with one source port.
pub struct Peer {
    pub socket: UdpSocket,
    server: SocketAddr,
}

/// What a peer received, and from where.
#[derive(Debug)]
pub struct Received {
    pub bytes: Vec<u8>,
    pub from: SocketAddr,
}

impl Peer {
    pub fn of(server: SocketAddr) -> Peer {
        Peer::from(if server.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" }, server)
    }

    pub fn from(address: &str, server: SocketAddr) -> Peer {
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Peer { socket, server }
    }

    pub fn sends(&self, datagram: &[u8]) {
        self.socket.send_to(datagram, self.server).unwrap();
    }

    pub fn asks_for(&self, file: &str) {
        self.asks_with(file, Options::default());
    }

    pub fn asks_with(&self, file: &str, options: Options) {
        self.sends(&Packet::Read(Request { file: file.to_owned(), mode: Mode::Octet, options }).encode());
    }

    pub fn answers(&self, to: SocketAddr, packet: Packet<'_>) {
        self.socket.send_to(&packet.encode(), to).unwrap();
    }

    pub fn hears(&self) -> Received {
        let mut buffer = [0; 65_536];
        let (length, from) = self.socket.recv_from(&mut buffer).expect("a datagram");
        Received { bytes: buffer[..length].to_vec(), from }
    }

    /// What is already there.
    pub fn heard_so_far(&self) -> Vec<Received> {
        self.socket.set_nonblocking(true).unwrap();
        let mut buffer = [0; 65_536];
        let mut all = Vec::new();
        while let Ok((length, from)) = self.socket.recv_from(&mut buffer) {
            all.push(Received { bytes: buffer[..length].to_vec(), from });
        }
        self.socket.set_nonblocking(false).unwrap();
        all
    }

    /// Receives what it asked for, without ever repeating itself.
    pub fn downloads(&self) -> Vec<u8> {
        let mut file = Vec::new();
        let mut expected = 1u16;
        loop {
            let received = self.hears();
            let Packet::Data { block, bytes } = received.packet() else { panic!("{received:?}") };
            assert_eq!(block, expected);
            expected = expected.wrapping_add(1);
            file.extend_from_slice(bytes);
            self.answers(received.from, Packet::Ack(block));
            if bytes.len() < 512 {
                return file;
            }
        }
    }
}

impl Received {
    pub fn packet(&self) -> Packet<'_> {
        Packet::parse(&self.bytes).unwrap()
    }

    pub fn error(&self) -> ErrorCode {
        match self.packet() {
            Packet::Error { code, .. } => code,
            other => panic!("no error but {other:?}"),
        }
    }
}
