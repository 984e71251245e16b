//! A server for the tests beside this code: hand-written files over TFTP, HTTP and HTTPS on free ports of 127.0.0.1, and an
//! authority of its own. It knows nothing of phones.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio_rustls::TlsAcceptor;

use super::network::Network;
use super::report::{Boot, Outcome, Plane};

/// A moment inside the validity of every test certificate.
pub(super) const NOW: i64 = 1_800_000_000;

/// An authority that signs for the fake server.
pub(super) struct TestAuthority {
    issuer: Issuer<'static, KeyPair>,
    der: Vec<u8>,
}

impl TestAuthority {
    pub(super) fn new() -> TestAuthority {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "A test authority");
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        TestAuthority { issuer: Issuer::new(params, key), der }
    }

    pub(super) fn der(&self) -> Vec<u8> {
        self.der.clone()
    }

    pub(super) fn pem(&self) -> String {
        use base64::Engine;
        let digits = base64::engine::general_purpose::STANDARD.encode(&self.der);
        let lines: Vec<&str> = digits.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    }

    /// A leaf for this host and its key, both DER.
    pub(super) fn leaf(&self, host: &str) -> (Vec<u8>, Vec<u8>) {
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, host);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().der().to_vec(), key.serialize_der())
    }
}

/// A self-signed certificate that is no authority.
pub(super) fn leaf_only() -> Vec<u8> {
    rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap().cert.der().to_vec()
}

/// The files, by protocol and exact name.
#[derive(Clone, Default)]
struct Files(Arc<Mutex<BTreeMap<Name, Vec<u8>>>>);

/// What a file is found by.
#[derive(Eq, Ord, PartialEq, PartialOrd)]
struct Name(Service, String);

/// The protocols there are files for.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
enum Service {
    Http,
    Https,
    Tftp,
}

/// The server.
pub(super) struct FakeServer {
    pub(super) authority: TestAuthority,
    files: Files,
    pub(super) http: u16,
    pub(super) https: u16,
    pub(super) tftp: u16,
}

impl FakeServer {
    pub(super) async fn start() -> FakeServer {
        let authority = TestAuthority::new();
        let (leaf, key) = authority.leaf("localhost");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(leaf)], PrivateKeyDer::try_from(key).unwrap())
            .unwrap();
        let files = Files::default();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tls = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (http, https) = (tcp.local_addr().unwrap().port(), tls.local_addr().unwrap().port());
        let tftp = udp.local_addr().unwrap().port();
        tokio::spawn(serve_http(tcp, files.clone()));
        tokio::spawn(serve_https(tls, TlsAcceptor::from(Arc::new(config)), files.clone()));
        tokio::spawn(serve_tftp(udp, files.clone()));
        FakeServer { authority, files, http, https, tftp }
    }

    /// Puts a file there; over TFTP the name counts with or without its slash.
    pub(super) fn put(&self, plane: Plane, name: &str, body: impl Into<Vec<u8>>) {
        self.files.0.lock().unwrap().insert(Name(service(plane), name.to_owned()), body.into());
    }

    pub(super) fn remove(&self, plane: Plane, name: &str) {
        self.files.0.lock().unwrap().remove(&Name(service(plane), name.to_owned()));
    }

    /// `localhost:PORT`
    pub(super) fn https_host(&self) -> String {
        format!("localhost:{}", self.https)
    }

    /// A network whose option 66 is the TFTP server.
    pub(super) fn network(&self) -> Network {
        let mut network = Network::new("127.0.0.1".parse().unwrap(), jiff::Timestamp::from_second(NOW).unwrap());
        network.options.option_66 = Some(format!("tftp://127.0.0.1:{}/", self.tftp));
        network
    }
}

/// What a phone asked for, one word a request: protocol, path and the first word of the outcome.
pub(super) fn asked(boot: &Boot) -> Vec<String> {
    let short = |outcome: &Outcome| match outcome {
        Outcome::Served { .. } | Outcome::Accepted => "ok".to_owned(),
        Outcome::Status(status) => status.to_string(),
        Outcome::TftpError(code) => format!("error{code}"),
        Outcome::TlsFailed(_) => "tls".to_owned(),
        Outcome::Unusable(_) => "unusable".to_owned(),
        Outcome::Unreachable(_) => "unreachable".to_owned(),
    };
    boot.requests
        .iter()
        .map(|seen| {
            let path = seen.url.splitn(4, '/').nth(3).unwrap_or_default();
            format!("{} /{path} {}", seen.plane, short(&seen.outcome))
        })
        .collect()
}

fn service(plane: Plane) -> Service {
    match plane {
        Plane::Http => Service::Http,
        Plane::Https => Service::Https,
        Plane::Tftp => Service::Tftp,
        Plane::Ftp => panic!("no FTP here"),
    }
}

fn find(files: &Files, plane: Service, name: &str) -> Option<Vec<u8>> {
    files.0.lock().unwrap().get(&Name(plane, name.to_owned())).cloned()
}

async fn serve_http(listener: TcpListener, files: Files) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let files = files.clone();
        tokio::spawn(async move { answer(&mut stream, Service::Http, &files).await });
    }
}

async fn serve_https(listener: TcpListener, acceptor: TlsAcceptor, files: Files) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, files) = (acceptor.clone(), files.clone());
        tokio::spawn(async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                answer(&mut stream, Service::Https, &files).await;
            }
        });
    }
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, plane: Service, files: &Files) {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut words = head.split_ascii_whitespace();
    let (verb, path) = (words.next().unwrap(), words.next().unwrap());
    let found = find(files, plane, path);
    let (status, body) = match (verb, found) {
        ("GET", Some(body)) => ("200 OK", body),
        ("GET", None) => ("404 Not Found", b"no\n".to_vec()),
        _ => ("405 Method Not Allowed", Vec::new()),
    };
    let mut answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend(body);
    let _ = stream.write_all(&answer).await;
    let _ = stream.shutdown().await;
}

async fn serve_tftp(socket: UdpSocket, files: Files) {
    let mut buffer = [0u8; 2048];
    while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
        let packet = buffer[..length].to_vec();
        tokio::spawn(transfer(packet, peer, files.clone()));
    }
}

async fn transfer(packet: Vec<u8>, peer: SocketAddr, files: Files) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(peer).await.unwrap();
    let words: Vec<String> = String::from_utf8_lossy(&packet[2..]).split('\0').map(str::to_owned).collect();
    if packet[1] != 1 {
        let _ = socket.send(b"\0\x05\0\x02no writing\0").await;
        return;
    }
    let Some(body) = find(&files, Service::Tftp, &words[0]) else {
        let _ = socket.send(b"\0\x05\0\x01no such file\0").await;
        return;
    };
    let mut size = 512;
    let mut buffer = [0u8; 64];
    if words.get(2).map(String::as_str) == Some("blksize") {
        size = words[3].parse().unwrap();
        let options = format!("\0\x06blksize\0{size}\0tsize\0{}\0", body.len());
        socket.send(options.as_bytes()).await.unwrap();
        socket.recv(&mut buffer).await.unwrap();
    }
    for number in 0..=body.len() / size {
        let block = &body[number * size..body.len().min((number + 1) * size)];
        let mut data = vec![0, 3, 0, number as u8 + 1];
        data.extend_from_slice(block);
        socket.send(&data).await.unwrap();
        if socket.recv(&mut buffer).await.is_err() {
            return;
        }
    }
}
