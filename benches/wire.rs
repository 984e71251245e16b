//! What a building of phones costs on the wire: a whole daemon on loopback, asked over HTTPS with a new connection and a
//! full handshake each, beside a bare rustls server that does nothing else; over TFTP; and a thousand phones at once.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, missing_docs)]

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use ztpd::host::clock::Clock;
use ztpd::simulate::{Model, Network, Outcome, Phone};
use ztpd::tftp::packet::{Mode, Options, Packet, Request};

use stage::{Stage, fetch, stage};

// Each of the programs that use it uses a part.
#[allow(dead_code)]
mod stage;

const PUBLIC: &str = "y000000000108.cfg";
const AT_ONCE: u8 = 64;
const BUILDING: u16 = 1000;

/// TLS as the daemon speaks it, and an answer of the same length to whatever is asked.
fn bare_server(runtime: &Runtime, chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> SocketAddr {
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await.unwrap();
                let mut request = [0; 2048];
                let _ = stream.read(&mut request).await.unwrap();
                let body = "x".repeat(4096);
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
            });
        }
    });
    address
}

fn https(criterion: &mut Criterion, stage: &Stage) {
    let mut group = criterion.benchmark_group("https, 64 phones at once, a full handshake each");
    group.throughput(Throughput::Elements(AT_ONCE.into()));
    let public = format!("/{PUBLIC}");
    let chain = CertificateDer::pem_file_iter(stage.tls.join("leaf.crt")).unwrap().map(Result::unwrap).collect();
    let bare = bare_server(&stage.runtime, chain, PrivateKeyDer::from_pem_file(stage.tls.join("leaf.key")).unwrap());
    for (name, server, path) in [
        ("bare rustls", bare, "/"),
        ("ztpd, own file by token", stage.https, stage.own.as_str()),
        ("ztpd, public file", stage.https, public.as_str()),
    ] {
        group.bench_function(name, |bencher| {
            bencher.to_async(&stage.runtime).iter(|| async {
                let mut phones = JoinSet::new();
                for source in 1..=AT_ONCE {
                    phones.spawn(fetch(stage.client.clone(), server, source, path.to_owned()));
                }
                phones.join_all().await
            });
        });
    }
    group.finish();
}

/// Asks and acknowledges until the file is whole.
fn download(server: SocketAddr) {
    let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
    phone.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let request = Request { file: PUBLIC.to_owned(), mode: Mode::Octet, options: Options::default() };
    phone.send_to(&Packet::Read(request).encode(), server).unwrap();
    let mut buffer = [0; 1024];
    loop {
        let (received, from) = phone.recv_from(&mut buffer).expect("an answer in time");
        let Ok(Packet::Data { block, bytes }) = Packet::parse(&buffer[..received]) else { panic!("no data") };
        phone.send_to(&Packet::Ack(block).encode(), from).unwrap();
        if bytes.len() < 512 {
            return;
        }
    }
}

fn tftp(criterion: &mut Criterion, stage: &Stage) {
    let mut group = criterion.benchmark_group("tftp");
    group.throughput(Throughput::Elements(1));
    group.bench_function("ztpd, public file, one phone after another", |bencher| bencher.iter(|| download(stage.tftp)));
    group.finish();
}

/// The first request of a thousand phones of all makers, over what their DHCP answer says.
async fn first_requests(url: String, authority: Vec<u8>) {
    let now = Clock::start().now();
    let mut phones = JoinSet::new();
    for number in 0..BUILDING {
        let [high, low] = number.to_be_bytes();
        // The SPA's TLS is too old to be answered; it is left out.
        let models: Vec<Model> = Model::ALL.into_iter().filter(|model| *model != Model::CISCO_SPA504G).collect();
        let model = models[usize::from(number) % models.len()];
        let mut network = Network::new(IpAddr::from([127, 40 + high, low, 1]), now);
        network.options.option_66 = Some(url.clone());
        let mut phone = Phone::new(model, format!("02aabbcc{number:04x}").parse().unwrap(), "SERIAL");
        phone.install_authority(&authority).unwrap();
        phones.spawn(async move { phone.boot_until(&network, 1).await });
    }
    for boot in phones.join_all().await {
        let outcome = &boot.requests[0].outcome;
        let answered = matches!(outcome, Outcome::Served { .. } | Outcome::TftpError(1) | Outcome::Status(404));
        assert!(answered, "{boot:#?}");
    }
}

fn building(criterion: &mut Criterion, stage: &Stage) {
    let mut group = criterion.benchmark_group("the power comes back, 1000 phones at once");
    group.sample_size(10).measurement_time(Duration::from_secs(20)).throughput(Throughput::Elements(BUILDING.into()));
    for (name, url) in [("tftp", format!("tftp://{}/", stage.tftp)), ("https", format!("https://{}/", stage.https))] {
        group.bench_function(name, |bencher| {
            bencher.to_async(&stage.runtime).iter(|| first_requests(url.clone(), stage.authority.clone()));
        });
    }
    group.finish();
}

fn wire(criterion: &mut Criterion) {
    let stage = stage();
    https(criterion, &stage);
    tftp(criterion, &stage);
    building(criterion, &stage);
}

criterion_group!(benches, wire);
criterion_main!(benches);
