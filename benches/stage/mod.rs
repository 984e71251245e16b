//! A running daemon with one phone, and the phone's request with a full handshake.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;
use ztpd::config::{Config, KeyPlace};
use ztpd::daemon::{Daemon, Sockets};
use ztpd::host::clock::Clock;
use ztpd::inventory::device::{Device, Owner};
use ztpd::inventory::period::Period;
use ztpd::inventory::secret::{Secret, TokenLength};
use ztpd::provision::Pipeline;
use ztpd::store::{Actor, DeviceSecrets, EnrolRules, WindowPolicy};

pub const MAC: &str = "805ec0112233";

/// A running daemon with one phone.
pub struct Stage {
    pub runtime: Runtime,
    pub https: SocketAddr,
    pub tftp: SocketAddr,
    pub client: TlsConnector,
    pub pipeline: Arc<Pipeline>,
    /// The path of the phone's own file, with its token.
    pub own: String,
    /// The folder with the certificates the daemon made.
    pub tls: PathBuf,
    pub authority: Vec<u8>,
    _dir: tempfile::TempDir,
}

pub fn stage() -> Stage {
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
    let (own, pipeline) = (enrol(&daemon), daemon.pipeline());
    let runtime = Runtime::new().unwrap();
    runtime.spawn(daemon.run(CancellationToken::new()));
    let tls = dir.path().join("data/tls");
    let authority = CertificateDer::from_pem_file(tls.join("authority.crt")).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.clone()).unwrap();
    let mut client = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    client.resumption = Resumption::disabled();
    let client = TlsConnector::from(Arc::new(client));
    Stage { runtime, https, tftp, client, pipeline, own, tls, authority: authority.to_vec(), _dir: dir }
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

/// One phone: connects from an address of its own, greets, asks, reads to the end.
pub async fn fetch(client: TlsConnector, server: SocketAddr, source: u8, path: String) -> usize {
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
