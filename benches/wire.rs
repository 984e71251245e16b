//! What a building of phones costs on the wire: a whole daemon on loopback, asked over HTTPS with a new connection and a
//! full handshake each, beside a bare rustls server that does nothing else; over TFTP; and a thousand phones at once.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, missing_docs)]

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_util::sync::CancellationToken;
use ztpd::config::{Config, KeyPlace};
use ztpd::daemon::{Daemon, Sockets};
use ztpd::host::clock::Clock;
use ztpd::inventory::device::{Device, Owner};
use ztpd::inventory::period::Period;
use ztpd::inventory::secret::{Secret, TokenLength};
use ztpd::simulate::{Model, Network, Outcome, Phone};
use ztpd::store::{Actor, DeviceSecrets, EnrolRules, WindowPolicy};
use ztpd::tftp::packet::{Mode, Options, Packet, Request};

const MAC: &str = "805ec0112233";
const PUBLIC: &str = "y000000000108.cfg";
const AT_ONCE: u8 = 64;
const BUILDING: u16 = 1000;

/// A running daemon with one phone.
struct Stage {
    runtime: Runtime,
    https: SocketAddr,
    tftp: SocketAddr,
    client: TlsConnector,
    /// The path of the phone's own file, with its token.
    own: String,
    bare: SocketAddr,
    authority: Vec<u8>,
    _dir: tempfile::TempDir,
}

fn stage() -> Stage {
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "[https]\nlisten = [\"127.0.0.1:0\"]\n[tftp]\nlisten = [\"127.0.0.1:0\"]\n[sip]\nserver = \"pbx.example.com\"\n\
         [log]\nlevel = \"error\"\n[server]\ndata_dir = {:?}\n",
        dir.path().join("data")
    );
    let mut config = Config::parse(&text).unwrap();
    config.master_key = KeyPlace::Own(dir.path().join("master.key"));
    let sockets = Sockets::bind(&config).unwrap();
    let address = |plane| sockets.addresses().iter().find(|(of, _)| *of == plane).unwrap().1;
    let (https, tftp) = (address("https"), address("tftp"));
    let daemon = Daemon::prepare(config, None, sockets).unwrap();
    let own = enrol(&daemon);
    let runtime = Runtime::new().unwrap();
    runtime.spawn(daemon.run(CancellationToken::new()));
    let tls = dir.path().join("data/tls");
    let authority = CertificateDer::from_pem_file(tls.join("authority.crt")).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.clone()).unwrap();
    let mut client = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    client.resumption = Resumption::disabled();
    let chain: Vec<_> = CertificateDer::pem_file_iter(tls.join("leaf.crt")).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(tls.join("leaf.key")).unwrap();
    let bare = bare_server(&runtime, chain, key);
    let client = TlsConnector::from(Arc::new(client));
    Stage { runtime, https, tftp, client, own, bare, authority: authority.to_vec(), _dir: dir }
}

fn enrol(daemon: &Daemon) -> String {
    let (store, now) = (daemon.store(), Clock::start().now());
    let by = Actor { name: "bench".to_owned(), on_behalf_of: None, time: now, boot_ms: 0 };
    let site = r#"{"id": "hq", "name": "HQ", "networks": ["127.0.0.0/8"]}"#;
    store.create_site(serde_json::from_str(site).unwrap(), &by).unwrap();
    let user = r#"{"id": "alice@example.com", "first_name": "Alice", "site": "hq"}"#;
    store.create_user(serde_json::from_str(user).unwrap(), Secret::password().unwrap(), &by).unwrap();
    let device = format!(r#"{{"mac": "{MAC}", "maker": "yealink", "model": "T46U", "site": "hq"}}"#);
    let mut device: Device = serde_json::from_str(&device).unwrap();
    device.assignment = Some(Owner::User("alice@example.com".parse().unwrap()));
    let token = Secret::token(TokenLength::Full).unwrap();
    let own = format!("/t/{}/{MAC}.cfg", token.reveal());
    let secrets = DeviceSecrets { token, admin_password: Secret::admin_password().unwrap() };
    let windows = WindowPolicy { now, lasts: Period::hours(24) };
    store.enrol(device, secrets, &EnrolRules { devices_per_user: 9, windows }, &by).unwrap();
    own
}

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

/// One phone: connects from an address of its own, greets, asks, reads to the end.
async fn fetch(client: TlsConnector, server: SocketAddr, source: u8, path: String) -> usize {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new([127, 0, 9, source].into(), 0)).unwrap();
    let stream = socket.connect(server).await.unwrap();
    let name = ServerName::from(server.ip());
    let mut stream = client.connect(name, stream).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // The bare server may end without a TLS farewell.
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    answer.len()
}

fn https(criterion: &mut Criterion, stage: &Stage) {
    let mut group = criterion.benchmark_group("https, 64 phones at once, a full handshake each");
    group.throughput(Throughput::Elements(AT_ONCE.into()));
    let public = format!("/{PUBLIC}");
    for (name, server, path) in [
        ("bare rustls", stage.bare, "/"),
        ("ztpd, own file by token", stage.https, &stage.own),
        ("ztpd, public file", stage.https, &public),
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
