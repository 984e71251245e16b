//! Who answers, and with which certificates? A handshake that believes nobody: what is shown is judged by who asked.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{AlertDescription, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Fault;

/// How long a handshake may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the other side showed.
#[derive(Debug)]
pub struct Shown {
    /// Its certificates as it sent them, leaf first; none where it ended the handshake before it showed one.
    pub chain: Vec<CertificateDer<'static>>,
    /// The connection, where it came about.
    pub stream: Option<TlsStream<TcpStream>>,
}

/// Shakes hands with whoever is there. Whoever answers in TLS counts, even if only to say that it wants a phone's
/// certificate or an older version: makers' services do.
pub async fn handshake(stream: TcpStream, host: &str) -> Result<Shown, Fault> {
    let failed = |why: &dyn std::fmt::Display| Fault::Tls(why.to_string());
    let witness = Arc::new(Witness { provider: aws_lc_rs::default_provider(), seen: Mutex::default() });
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&witness) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|error| failed(&error))?;
    let shaken = timeout(PATIENCE, TlsConnector::from(Arc::new(config)).connect(name, stream)).await;
    let chain = std::mem::take(&mut *witness.seen.lock().unwrap_or_else(PoisonError::into_inner));
    match shaken {
        Ok(Ok(stream)) => Ok(Shown { chain, stream: Some(stream) }),
        Ok(Err(error)) if !chain.is_empty() || is_alert(&error) => Ok(Shown { chain, stream: None }),
        Ok(Err(error)) => Err(failed(&error)),
        Err(_) => Err(failed(&format_args!("no answer within {} s", PATIENCE.as_secs()))),
    }
}

/// Whether the other side spoke TLS to turn us away.
fn is_alert(error: &std::io::Error) -> bool {
    let inner = error.get_ref().and_then(|error| error.downcast_ref::<Error>());
    matches!(
        inner,
        Some(
            Error::PeerIncompatible(_)
                | Error::AlertReceived(
                    AlertDescription::HandshakeFailure
                        | AlertDescription::ProtocolVersion
                        | AlertDescription::InsufficientSecurity
                        | AlertDescription::CertificateRequired
                        | AlertDescription::BadCertificate
                )
        )
    )
}

/// Believes everybody and remembers what they showed. That the other side has the key is still checked.
#[derive(Debug)]
struct Witness {
    provider: CryptoProvider,
    seen: Mutex<Vec<CertificateDer<'static>>>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let all = std::iter::once(leaf).chain(others).map(|certificate| certificate.clone().into_owned());
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = all.collect();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, leaf, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, leaf, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
