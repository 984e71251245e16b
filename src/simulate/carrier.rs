//! Over the wire: one question on a fresh socket of the phone's own address, by the protocol of its URL.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};

use super::http::{HttpAnswer, HttpFault, HttpRequest, HttpVersion, exchange};
use super::network::Network;
use super::report::{Outcome, Plane};
use super::startup::digest;
use super::tftp_client::{TftpFault, TftpManner};
use super::tls::{FactoryCertificate, Handshake, NameRule, legacy_handshake, tls_text};
use super::trust::Authority;
use super::url::{Credentials, Url};

/// Longer than any server for phones takes over a small file.
const DEADLINE: Duration = Duration::from_secs(20);

/// Whether a request may show the certificate the maker built in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ShowsCertificate {
    No,
    Yes,
}

/// The TLS a firmware speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum TlsStack {
    /// TLS 1.0 and nothing newer.
    Old,
    /// TLS 1.2.
    Present,
}

/// How a firmware asks, at this moment: its name for itself, its habits, and whom it trusts.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    pub(super) agent: String,
    pub(super) http: HttpVersion,
    pub(super) tftp: TftpManner,
    pub(super) tls: TlsStack,
    pub(super) names: NameRule,
    pub(super) certificate: ShowsCertificate,
    /// Authorities that provisioning put into the phone.
    pub(super) loaded: Vec<Authority>,
    /// User and password from the settings; those in a URL come first.
    pub(super) credentials: Option<Credentials>,
}

/// What is the same for every question of a start.
#[derive(Clone, Copy)]
pub(super) struct Carrier<'a> {
    pub(super) network: &'a Network,
    pub(super) certificate: Option<&'a FactoryCertificate>,
    /// Authorities the operator put into the phone by hand.
    pub(super) installed: &'a [Authority],
}

impl Carrier<'_> {
    /// Fetches, or sends up what there is to send.
    pub(super) async fn carry(&self, manner: &Manner, url: &Url, upload: Option<&[u8]>) -> (Outcome, Option<Vec<u8>>) {
        let Some(address) = self.network.resolve(&url.host) else {
            return (Outcome::Unreachable(format!("{} has no address", url.host)), None);
        };
        let server = SocketAddr::new(address, url.port());
        let carried = async {
            match url.plane {
                Plane::Ftp => (Outcome::Unreachable("FTP is not acted out".to_owned()), None),
                Plane::Tftp => self.over_tftp(manner, server, url, upload).await,
                Plane::Http | Plane::Https => self.over_http(manner, server, url, upload).await,
            }
        };
        match tokio::time::timeout(DEADLINE, carried).await {
            Ok(carried) => carried,
            Err(_) => (Outcome::Unreachable("no answer in time".to_owned()), None),
        }
    }

    async fn over_tftp(
        &self,
        manner: &Manner,
        server: SocketAddr,
        url: &Url,
        upload: Option<&[u8]>,
    ) -> (Outcome, Option<Vec<u8>>) {
        let source = self.network.source;
        let done = match upload {
            None => manner.tftp.read(source, server, &url.path).await.map(Some),
            Some(bytes) => manner.tftp.write(source, server, &url.path, bytes).await.map(|()| None),
        };
        match done {
            Ok(Some(file)) => served(file),
            Ok(None) => (Outcome::Accepted, None),
            Err(TftpFault::Error { code, .. }) => (Outcome::TftpError(code), None),
            Err(fault @ (TftpFault::Io(_) | TftpFault::Silence)) => (Outcome::Unreachable(fault.to_string()), None),
            Err(fault) => (Outcome::Unusable(fault.to_string()), None),
        }
    }

    async fn over_http(
        &self,
        manner: &Manner,
        server: SocketAddr,
        url: &Url,
        upload: Option<&[u8]>,
    ) -> (Outcome, Option<Vec<u8>>) {
        let host = url.authority();
        let mut request = HttpRequest {
            version: manner.http,
            path: &url.path,
            host: &host,
            agent: &manner.agent,
            credentials: None,
            upload,
        };
        let first = self.ask_http(manner, server, url, &request).await;
        request.credentials = url.credentials.as_ref().or(manner.credentials.as_ref());
        let challenged = matches!(&first, Ok(answer) if answer.status == 401 && is_basic(answer));
        let answer = if challenged && request.credentials.is_some() {
            self.ask_http(manner, server, url, &request).await
        } else {
            first
        };
        match answer {
            Ok(answer) if upload.is_some() && (200..300).contains(&answer.status) => (Outcome::Accepted, None),
            Ok(answer) if answer.status == 200 => served(answer.body),
            Ok(answer) => (Outcome::Status(answer.status), None),
            Err(outcome) => (outcome, None),
        }
    }

    async fn ask_http(
        &self,
        manner: &Manner,
        server: SocketAddr,
        url: &Url,
        request: &HttpRequest<'_>,
    ) -> Result<HttpAnswer, Outcome> {
        let connected = connect(self.network.source, server).await;
        let mut tcp = connected.map_err(|fault| Outcome::Unreachable(fault.to_string()))?;
        if url.plane == Plane::Http {
            return exchange(&mut tcp, request).await.map_err(unusable);
        }
        if manner.tls == TlsStack::Old {
            return Err(Outcome::TlsFailed(legacy_handshake(&mut tcp).await));
        }
        let authorities: Vec<&Authority> = manner.loaded.iter().chain(self.installed).collect();
        let handshake = Handshake {
            host: &url.host,
            authorities: &authorities,
            certificate: self.certificate.filter(|_| manner.certificate == ShowsCertificate::Yes),
            names: manner.names,
            unix_time: self.network.now.as_second(),
        };
        let mut tls = handshake.connect(tcp).await.map_err(Outcome::TlsFailed)?;
        exchange(&mut tls, request).await.map_err(unusable)
    }
}

async fn connect(source: IpAddr, server: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = if server.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.bind(SocketAddr::new(source, 0))?;
    socket.connect(server).await
}

fn served(file: Vec<u8>) -> (Outcome, Option<Vec<u8>>) {
    (Outcome::Served { bytes: file.len(), sha256: digest(&file) }, Some(file))
}

fn is_basic(answer: &HttpAnswer) -> bool {
    answer.challenge.as_deref().is_some_and(|challenge| challenge.to_ascii_lowercase().starts_with("basic"))
}

/// A server that speaks TLS 1.2 may refuse a phone's certificate only after the handshake.
fn unusable(fault: HttpFault) -> Outcome {
    match fault {
        HttpFault::Io(inner) if inner.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => {
            Outcome::TlsFailed(tls_text(&inner))
        }
        HttpFault::Io(inner) => Outcome::Unreachable(inner.to_string()),
        fault => Outcome::Unusable(fault.to_string()),
    }
}
