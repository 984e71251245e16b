//! Does the phone believe the server? TLS 1.2 with chain and name verified against what the phone trusts at that moment; and the
//! handshake of phones that stopped at TLS 1.0 (RFC 2246), which ends where a present-day server ends it.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::trust::Authority;

/// The certificate and key a maker built into a phone.
#[derive(Clone)]
pub struct FactoryCertificate {
    /// The leaf first, then its issuers, as DER.
    pub chain: Vec<Vec<u8>>,
    /// The private key as PKCS #8 DER.
    pub key: Vec<u8>,
}

/// Where the server's name must stand in its certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NameRule {
    /// In a subject alternative name, as RFC 9525 wants it.
    AlternativeName,
    /// In the common name as well.
    CommonNameToo,
}

/// What a phone brings to a handshake.
pub(super) struct Handshake<'a> {
    pub(super) host: &'a str,
    pub(super) authorities: &'a [&'a Authority],
    pub(super) certificate: Option<&'a FactoryCertificate>,
    pub(super) names: NameRule,
    pub(super) unix_time: i64,
}

impl Handshake<'_> {
    /// Shakes hands, or says why the phone would not.
    pub(super) async fn connect(&self, tcp: TcpStream) -> Result<TlsStream<TcpStream>, String> {
        let name = ServerName::try_from(self.host.to_owned()).map_err(|fault| fault.to_string())?;
        let config = self.config().map_err(|fault| fault.to_string())?;
        let stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(|fault| tls_text(&fault))?;
        if self.names == NameRule::CommonNameToo {
            let leaf = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
            require_common_name(leaf, self.host)?;
        }
        Ok(stream)
    }

    fn config(&self) -> Result<ClientConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let clock = Arc::new(PhoneClock(u64::try_from(self.unix_time).unwrap_or(0)));
        let builder = ClientConfig::builder_with_details(provider.clone(), clock)
            .with_protocol_versions(&[&rustls::version::TLS12])?;
        let mut roots = rustls::RootCertStore::empty();
        for authority in self.authorities.iter().filter(|authority| authority.is_valid_at(self.unix_time)) {
            roots.add(CertificateDer::from(authority.der().to_vec()))?;
        }
        let builder = if roots.is_empty() {
            builder.with_root_certificates(roots)
        } else {
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|fault| rustls::Error::General(fault.to_string()))?;
            builder.with_webpki_verifier(verifier)
        };
        let Some(own) = self.certificate else { return Ok(builder.with_no_client_auth()) };
        let chain = own.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
        let key = PrivateKeyDer::try_from(own.key.clone()).map_err(|fault| rustls::Error::General(fault.to_owned()))?;
        builder.with_client_auth_cert(chain, key)
    }
}

/// Cisco's provisioning guide: the common name must hold the server's full name, alone or followed by `/`.
fn require_common_name(leaf: Option<&CertificateDer<'_>>, host: &str) -> Result<(), String> {
    let leaf = leaf.ok_or("the server sent no certificate")?;
    let (_, certificate) = X509Certificate::from_der(leaf).map_err(|fault| fault.to_string())?;
    let name = certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok()).unwrap_or_default();
    let held = name.split('/').next().unwrap_or_default();
    if held.eq_ignore_ascii_case(host) {
        return Ok(());
    }
    Err(format!("the certificate's common name is {name:?}, not {host:?}"))
}

/// The words for a failed handshake; a TLS fault hides inside an I/O error.
pub(super) fn tls_text(fault: &std::io::Error) -> String {
    match fault.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(inner) => inner.to_string(),
        None => fault.to_string(),
    }
}

#[derive(Debug)]
struct PhoneClock(u64);

impl TimeProvider for PhoneClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(self.0)))
    }
}

/// What phones of the SPA generation offer, best first: DHE and RSA with AES-CBC-SHA, RC4, 3DES, DES, and export suites.
const LEGACY_SUITES: [u16; 11] =
    [0x0039, 0x0033, 0x0035, 0x002f, 0x0005, 0x0004, 0x0016, 0x000a, 0x0009, 0x0003, 0x0008];

/// Offers a TLS 1.0 handshake and tells what the server made of it. It never succeeds here: a server that would go on is reported
/// too, since everything behind it is broken cryptography.
pub(super) async fn legacy_handshake(tcp: &mut TcpStream) -> String {
    if let Err(fault) = tcp.write_all(&legacy_hello()).await {
        return fault.to_string();
    }
    let mut header = [0u8; 5];
    if tcp.read_exact(&mut header).await.is_err() {
        return "the server closed the connection on a TLS 1.0 offer".to_owned();
    }
    let [kind, _, _, high, low] = header;
    let mut body = vec![0u8; usize::from(u16::from_be_bytes([high, low])).min(4096)];
    if tcp.read_exact(&mut body).await.is_err() {
        return "the server broke off in the middle of its answer to a TLS 1.0 offer".to_owned();
    }
    read_legacy_answer(kind, &body)
}

fn read_legacy_answer(kind: u8, body: &[u8]) -> String {
    match (kind, body) {
        (21, [_, 40, ..]) => "alert handshake_failure (40): the server has no cipher suite of the phone's".to_owned(),
        (21, [_, 70, ..]) => "alert protocol_version (70): the server refuses TLS 1.0".to_owned(),
        (21, [_, 71, ..]) => "alert insufficient_security (71): the server refuses the phone's ciphers".to_owned(),
        (21, [_, description, ..]) => format!("alert {description} on a TLS 1.0 offer"),
        (22, [2, ..]) => "the server accepts TLS 1.0, which is not acted out further".to_owned(),
        _ => format!("a record of type {kind} in answer to a TLS 1.0 offer"),
    }
}

/// A `ClientHello` without extensions, as TLS 1.0 was before RFC 3546.
fn legacy_hello() -> Vec<u8> {
    let mut hello = vec![0x03, 0x01];
    hello.extend_from_slice(&[0x5a; 32]);
    hello.push(0);
    hello.extend_from_slice(&(LEGACY_SUITES.len() as u16 * 2).to_be_bytes());
    for suite in LEGACY_SUITES {
        hello.extend_from_slice(&suite.to_be_bytes());
    }
    hello.extend_from_slice(&[1, 0]);
    let length = hello.len() as u16;
    let mut record = vec![22, 0x03, 0x01];
    record.extend_from_slice(&(length + 4).to_be_bytes());
    record.extend_from_slice(&[1, 0]);
    record.extend_from_slice(&length.to_be_bytes());
    record.extend_from_slice(&hello);
    record
}

#[cfg(test)]
mod tests {
    use super::super::fake_server::TestAuthority;
    use super::*;

    #[test]
    fn the_old_offer_is_a_well_formed_record() {
        let hello = legacy_hello();
        let record = usize::from(u16::from_be_bytes([hello[3], hello[4]]));
        let handshake = usize::from(u16::from_be_bytes([hello[7], hello[8]]));
        assert_eq!((record, handshake), (hello.len() - 5, hello.len() - 9));
        assert_eq!(&hello[9..11], &[3, 1]);
    }

    #[test]
    fn what_the_server_says_to_an_old_phone_is_told() {
        assert!(read_legacy_answer(21, &[2, 70]).contains("protocol_version"));
        assert!(read_legacy_answer(21, &[2, 40]).contains("handshake_failure"));
        assert!(read_legacy_answer(22, &[2, 0, 0, 1]).contains("accepts TLS 1.0"));
    }

    #[test]
    fn the_common_name_must_be_the_host_where_the_maker_says_so() {
        let ca = TestAuthority::new();
        let (leaf, _) = ca.leaf("prov.example.com");
        let leaf = CertificateDer::from(leaf);
        assert_eq!(require_common_name(Some(&leaf), "PROV.example.com"), Ok(()));
        assert!(require_common_name(Some(&leaf), "other.example.com").is_err());
        assert!(require_common_name(None, "prov.example.com").is_err());
    }
}
