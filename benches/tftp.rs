//! How many files a second does a TFTP server hand out over loopback? Ours and `async-tftp`, asked by the same client.
//!
//! Before the times it prints how many of 400 downloads from one source port each server answered at once.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, missing_docs)]

use std::cell::Cell;
use std::fs::File;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_tftp::server::TftpServerBuilder;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use ztpd::serve::tftp::{Ask, Content, Files, Outcome, Refused, Rules, serve};
use ztpd::tftp::packet::{Mode, Options, Packet, Request};

const FILE: &str = "phone.cfg";
const LENGTH: usize = 4096;
const PHONES: usize = 64;

/// A folder of files, opened anew for every download, as `async-tftp` does.
struct Folder(PathBuf);

impl Files for Folder {
    async fn open(&self, ask: Ask) -> Result<Content, Refused> {
        let file = File::open(self.0.join(&ask.name)).map_err(|_| Refused::NotFound)?;
        let length = file.metadata().map_err(|_| Refused::Unavailable)?.len();
        Ok(Content::File { file, length })
    }

    fn finished(&self, _: &Ask, _: Outcome) {}
}

/// The same file in memory, as a rendered one is.
struct Memory(bytes::Bytes);

impl Files for Memory {
    async fn open(&self, _: Ask) -> Result<Content, Refused> {
        Ok(Content::Bytes(self.0.clone()))
    }

    fn finished(&self, _: &Ask, _: Outcome) {}
}

fn ours(runtime: &Runtime, files: impl Files) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let rules = Rules { transfers_per_address: 512, ..Rules::default() };
    let rules = watch::channel(Arc::new(rules)).1;
    runtime.spawn(serve(socket, rules, Arc::new(files), CancellationToken::new()));
    address
}

fn async_tftp(runtime: &Runtime, folder: &Path) -> SocketAddr {
    let builder = TftpServerBuilder::with_dir_ro(folder).unwrap().bind("127.0.0.1:0".parse().unwrap());
    let server = runtime.block_on(builder.build()).unwrap();
    let address = server.listen_addr().unwrap();
    runtime.spawn(async move { server.serve().await });
    address
}

fn phone(patience: Duration) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(patience)).unwrap();
    socket
}

fn ask(phone: &UdpSocket, server: SocketAddr) {
    let request = Request { file: FILE.to_owned(), mode: Mode::Octet, options: Options::default() };
    phone.send_to(&Packet::Read(request).encode(), server).unwrap();
}

/// Receives the file without ever repeating a packet: whether it came whole, or the server fell silent.
fn receive(phone: &UdpSocket) -> bool {
    let mut buffer = [0; 1024];
    let mut server = None;
    let mut blocks = 0;
    let mut length = 0;
    while let Ok((received, from)) = phone.recv_from(&mut buffer) {
        match Packet::parse(&buffer[..received]) {
            // A packet for the phone that had this port before is passed over.
            Ok(Packet::Data { block, bytes }) if block == blocks + 1 && *server.get_or_insert(from) == from => {
                blocks = block;
                length += bytes.len();
                phone.send_to(&Packet::Ack(block).encode(), from).unwrap();
                if bytes.len() < 512 {
                    return length == LENGTH;
                }
            }
            _ => {}
        }
    }
    false
}

/// Receives what was asked for, and asks again after a second as a phone does; counts how often.
fn receive_at_last(phone: &UdpSocket, server: SocketAddr, repeated: &Cell<usize>) {
    while !receive(phone) {
        repeated.set(repeated.get() + 1);
        ask(phone, server);
    }
}

fn answered_of_400(server: SocketAddr) -> usize {
    let phone = phone(Duration::from_millis(300));
    let answered = |_: &usize| {
        ask(&phone, server);
        receive(&phone)
    };
    (0..400).filter(answered).count()
}

fn downloads(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(FILE), vec![b'x'; LENGTH]).unwrap();
    let runtime = Runtime::new().unwrap();
    let servers = [
        ("ztpd, from memory", ours(&runtime, Memory(vec![b'x'; LENGTH].into()))),
        ("ztpd, from disk", ours(&runtime, Folder(folder.path().to_owned()))),
        ("async-tftp, from disk", async_tftp(&runtime, folder.path())),
    ];
    for (name, server) in servers {
        println!("one source port, {name}: {} of 400", answered_of_400(server));
    }

    for (phones, title) in [(1, "4 KiB, one phone after another"), (PHONES, "4 KiB, 64 phones at once")] {
        let mut group = criterion.benchmark_group(title);
        group.throughput(Throughput::Elements(phones as u64));
        for (name, server) in servers {
            let repeated = Cell::new(0);
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    let phones: Vec<UdpSocket> = (0..phones).map(|_| phone(Duration::from_secs(1))).collect();
                    phones.iter().for_each(|phone| ask(phone, server));
                    phones.iter().for_each(|phone| receive_at_last(phone, server, &repeated));
                });
            });
            println!("{title}, {name}: {} requests had to be repeated", repeated.get());
        }
        group.finish();
    }
}

criterion_group!(benches, downloads);
criterion_main!(benches);
