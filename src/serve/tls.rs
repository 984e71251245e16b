//! How do phones speak TLS with us? TLS 1.2 and 1.3 with AEAD suites; HTTP/1.1 and 1.0, never HTTP/2. Every phone is
//! asked for the certificate it was made with, and none is turned away for what it shows: the handshake verifies that
//! the key is there, [`super::client_certificate`] judges the rest (policy D4).

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved, ServerConfig, SignatureScheme,
};

use super::client_certificate::Authorities;
use crate::config::{Certificate, Snapshot};
use crate::provision::x509::{self, Hash, Key, KeyKind, Signing};
use crate::store::{Store, StoreError};

/// The TLS settings of a listener that asks nobody for a certificate, such as that of the admin plane.
pub fn server_config(certificate: &Certificate) -> Result<Arc<ServerConfig>, Error> {
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificate.chain.clone(), certificate.key.clone_key())?;
    Ok(over_http1(config))
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn over_http1(mut config: ServerConfig) -> Arc<ServerConfig> {
    config.alpn_protocols = vec![b"http/1.1".to_vec(), b"http/1.0".to_vec()];
    Arc::new(config)
}

/// What HTTPS connections are made with, swapped as one.
pub struct Tls {
    /// What handshakes need.
    pub config: Arc<ServerConfig>,
    /// Who vouches for phones.
    pub authorities: Arc<Authorities>,
}

impl Tls {
    /// With this certificate, asking for those that these authorities signed. Sessions of before cannot be resumed: a
    /// phone that was not asked for its own certificate then shall be asked now.
    pub fn new(certificate: &Certificate, authorities: Authorities) -> Result<Tls, Error> {
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(Arc::new(Possession { subjects: authorities.subjects() }))
            .with_single_cert(certificate.chain.clone(), certificate.key.clone_key())?;
        Ok(Tls { config: over_http1(config), authorities: Arc::new(authorities) })
    }
}

/// The TLS settings in force, made anew when the certificate or the authorities change.
pub struct TlsInForce {
    current: ArcSwap<Tls>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    store: Arc<dyn Store>,
    renewing: Mutex<()>,
}

/// Why there are no TLS settings.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Certificate and key do not go together, or are of a kind that TLS does not take.
    #[error("the certificate cannot be used: {0}")]
    Certificate(#[from] Error),
    /// The authorities could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TlsInForce {
    /// With the snapshot's certificate and the store's authorities.
    pub fn new(snapshot: Arc<ArcSwap<Snapshot>>, store: Arc<dyn Store>) -> Result<TlsInForce, TlsError> {
        let current = ArcSwap::from_pointee(TlsInForce::made(&snapshot.load(), &*store)?);
        Ok(TlsInForce { current, snapshot, store, renewing: Mutex::new(()) })
    }

    /// What connections are made with that come in now.
    pub fn load(&self) -> Arc<Tls> {
        self.current.load_full()
    }

    /// What would be in force with another snapshot.
    pub fn made(snapshot: &Snapshot, store: &dyn Store) -> Result<Tls, TlsError> {
        Ok(Tls::new(&snapshot.certificate, Authorities::new(store.authorities()?))?)
    }

    /// Takes the certificate and the authorities as they are now.
    pub fn renew(&self) -> Result<(), TlsError> {
        // Of two at once the later one must not be undone by the earlier.
        let _one_at_a_time = self.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        self.current.store(Arc::new(TlsInForce::made(&self.snapshot.load(), &*self.store)?));
        Ok(())
    }
}

/// Verifies that whoever shows a certificate has its key, and nothing else about it.
#[derive(Debug)]
struct Possession {
    subjects: Vec<DistinguishedName>,
}

/// What a client may sign with, the best first. SHA-1 and PKCS #1 are for phones with TLS 1.2: in 1.3 they say which
/// certificates may be shown, not how the handshake is signed (RFC 8446 §4.2.3).
const SCHEMES: &[(SignatureScheme, Signing)] = &[
    (SignatureScheme::ECDSA_NISTP256_SHA256, Signing::Ecdsa(Hash::Sha256)),
    (SignatureScheme::ECDSA_NISTP384_SHA384, Signing::Ecdsa(Hash::Sha384)),
    (SignatureScheme::ECDSA_NISTP521_SHA512, Signing::Ecdsa(Hash::Sha512)),
    (SignatureScheme::ED25519, Signing::Ed25519),
    (SignatureScheme::RSA_PSS_SHA256, Signing::Pss(Hash::Sha256)),
    (SignatureScheme::RSA_PSS_SHA384, Signing::Pss(Hash::Sha384)),
    (SignatureScheme::RSA_PSS_SHA512, Signing::Pss(Hash::Sha512)),
    (SignatureScheme::RSA_PKCS1_SHA256, Signing::Pkcs1(Hash::Sha256)),
    (SignatureScheme::RSA_PKCS1_SHA384, Signing::Pkcs1(Hash::Sha384)),
    (SignatureScheme::RSA_PKCS1_SHA512, Signing::Pkcs1(Hash::Sha512)),
    (SignatureScheme::ECDSA_SHA1_Legacy, Signing::Ecdsa(Hash::Sha1)),
    (SignatureScheme::RSA_PKCS1_SHA1, Signing::Pkcs1(Hash::Sha1)),
];

impl ClientCertVerifier for Possession {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.subjects
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let Some(key) = key(cert) else { return Ok(nothing_to_verify()) };
        verify(&key, message, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let Some(key) = key(cert) else { return Ok(nothing_to_verify()) };
        // From 1.3 on a scheme names its curve (RFC 8446 §4.2.3).
        let curve = match dss.scheme {
            SignatureScheme::ECDSA_NISTP256_SHA256 => Some(KeyKind::P256),
            SignatureScheme::ECDSA_NISTP384_SHA384 => Some(KeyKind::P384),
            SignatureScheme::ECDSA_NISTP521_SHA512 => Some(KeyKind::P521),
            SignatureScheme::RSA_PKCS1_SHA1
            | SignatureScheme::RSA_PKCS1_SHA256
            | SignatureScheme::RSA_PKCS1_SHA384
            | SignatureScheme::RSA_PKCS1_SHA512
            | SignatureScheme::ECDSA_SHA1_Legacy => return Err(unoffered()),
            _ => None,
        };
        if curve.is_some_and(|curve| curve != key.kind) {
            return Err(unoffered());
        }
        verify(&key, message, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        SCHEMES.iter().map(|(scheme, _)| *scheme).collect()
    }
}

fn key(certificate: &CertificateDer<'_>) -> Option<Key> {
    Key::of(x509::read(certificate)?.public_key())
}

/// A certificate that cannot be read, or whose key is of a kind nobody here can verify, counts for nothing whoever
/// shows it: [`Authorities::judge`] says so by the same two functions. Its phone is served like one without.
fn nothing_to_verify() -> HandshakeSignatureValid {
    HandshakeSignatureValid::assertion()
}

fn verify(key: &Key, message: &[u8], dss: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, Error> {
    let Some((_, signing)) = SCHEMES.iter().find(|(scheme, _)| *scheme == dss.scheme) else { return Err(unoffered()) };
    if key.verifies(*signing, message, dss.signature()) {
        Ok(HandshakeSignatureValid::assertion())
    } else {
        Err(Error::InvalidCertificate(CertificateError::BadSignature))
    }
}

fn unoffered() -> Error {
    Error::PeerMisbehaved(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)
}
