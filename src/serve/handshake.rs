//! How does a TLS connection begin? The handshake within its time, and what is remembered of it: version and cipher, or
//! why it failed, in the words that help an operator rather than those of the library.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::{AlertDescription, Error, PeerIncompatible, ProtocolVersion, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::http::HANDSHAKE;
use crate::inventory::handshake::{Handshake, HandshakeFailure};
use crate::inventory::text::is_forbidden;
use crate::provision::Pipeline;

/// Who connects, and to which of our addresses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub peer: IpAddr,
    pub local: IpAddr,
}

/// A handshake, remembered however it ends; `None`: there is no connection. Besides, what is remembered if nothing is
/// asked over it.
pub(super) async fn handshake<S>(
    stream: S,
    config: Arc<ServerConfig>,
    pipeline: &Pipeline,
    ends: Ends,
) -> Option<(TlsStream<S>, Handshake)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // What the phone said before it failed.
    let mut hello = None;
    let shaken = timeout(HANDSHAKE, async {
        let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
        let name = start.client_hello().server_name().map(str::to_owned);
        hello = Some(name);
        start.into_stream(config).await
    });
    let result = shaken.await;
    let came = hello.is_some();
    let mut seen = seen(hello.flatten(), pipeline, ends);
    match result {
        Ok(Ok(stream)) => {
            let (_, connection) = stream.get_ref();
            seen.version = connection.protocol_version().and_then(version);
            seen.cipher = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
            pipeline.handshakes.saw(seen.clone());
            seen.failure = Some(HandshakeFailure::NothingAsked);
            return Some((stream, seen));
        }
        // Nothing was said: a look whether somebody listens.
        Ok(Err(error)) if !came && is_gone(&error) => return None,
        Ok(Err(error)) => {
            tracing::info!(address = %ends.peer, %error, "TLS handshake failed");
            seen.failure = Some(failure(&error));
            seen.detail = Some(printable(&error.to_string()));
        }
        Err(_) => {
            tracing::debug!(address = %ends.peer, "TLS handshake took too long");
            seen.failure = Some(HandshakeFailure::TimedOut);
        }
    }
    pipeline.handshakes.saw(seen);
    None
}

fn seen(server_name: Option<String>, pipeline: &Pipeline, ends: Ends) -> Handshake {
    let now: Timestamp = pipeline.clock.now();
    let certificate = &pipeline.snapshot.load().certificate;
    let certificate_fits = match &server_name {
        Some(name) => certificate.names(name),
        None => certificate.names(&ends.local.to_string()),
    };
    Handshake {
        first_seen: now,
        last_seen: now,
        count: 1,
        address: ends.peer,
        server_name,
        certificate_fits,
        version: None,
        cipher: None,
        failure: None,
        detail: None,
    }
}

/// At most 256 characters, none that a terminal or a log would obey.
fn printable(text: &str) -> String {
    text.chars().map(|c| if is_forbidden(c) { '\u{fffd}' } else { c }).take(256).collect()
}

fn version(version: ProtocolVersion) -> Option<&'static str> {
    match version {
        ProtocolVersion::TLSv1_2 => Some("TLS 1.2"),
        ProtocolVersion::TLSv1_3 => Some("TLS 1.3"),
        _ => None,
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted
    )
}

fn failure(error: &io::Error) -> HandshakeFailure {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(error) => named(error),
        None if is_gone(error) || error.kind() == io::ErrorKind::BrokenPipe => HandshakeFailure::HungUp,
        None => HandshakeFailure::Other,
    }
}

fn named(error: &Error) -> HandshakeFailure {
    match error {
        Error::AlertReceived(AlertDescription::UnknownCA) => HandshakeFailure::UnknownAuthority,
        Error::AlertReceived(AlertDescription::CertificateExpired) => HandshakeFailure::CertificateExpired,
        Error::AlertReceived(
            AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRevoked
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::AccessDenied,
        ) => HandshakeFailure::CertificateRefused,
        Error::AlertReceived(AlertDescription::ProtocolVersion) => HandshakeFailure::OldVersion,
        Error::AlertReceived(AlertDescription::CloseNotify | AlertDescription::UserCanceled) => {
            HandshakeFailure::HungUp
        }
        Error::AlertReceived(_) => HandshakeFailure::Alert,
        Error::PeerIncompatible(
            PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            // Whoever speaks 1.2 says what it can verify (RFC 5246 section 7.4.1.4.1).
            | PeerIncompatible::SignatureAlgorithmsExtensionRequired
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => HandshakeFailure::OldVersion,
        Error::PeerIncompatible(_) => HandshakeFailure::NoCommonCipher,
        Error::InvalidMessage(_) => HandshakeFailure::NotTls,
        _ => HandshakeFailure::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_named_by_what_the_phone_lacks() {
        for (error, failure) in [
            (Error::AlertReceived(AlertDescription::UnknownCA), HandshakeFailure::UnknownAuthority),
            (Error::AlertReceived(AlertDescription::CertificateExpired), HandshakeFailure::CertificateExpired),
            (Error::AlertReceived(AlertDescription::BadCertificate), HandshakeFailure::CertificateRefused),
            (Error::AlertReceived(AlertDescription::HandshakeFailure), HandshakeFailure::Alert),
            (Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered), HandshakeFailure::OldVersion),
            (
                Error::PeerIncompatible(PeerIncompatible::SignatureAlgorithmsExtensionRequired),
                HandshakeFailure::OldVersion,
            ),
            (Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon), HandshakeFailure::NoCommonCipher),
            (Error::PeerIncompatible(PeerIncompatible::NoKxGroupsInCommon), HandshakeFailure::NoCommonCipher),
            (Error::General("x".to_owned()), HandshakeFailure::Other),
        ] {
            let wrapped = io::Error::new(io::ErrorKind::InvalidData, error);
            assert_eq!(super::failure(&wrapped), failure, "{wrapped}");
        }
        assert_eq!(super::failure(&io::ErrorKind::UnexpectedEof.into()), HandshakeFailure::HungUp);
    }
}
