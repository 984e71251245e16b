//! Whom do phones see? Our certificate, brought by the operator or made here, and the authority behind it (Z13).

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize, date_time_ymd,
};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::public_url::Parked;

/// A certificate chain with its key.
#[derive(Debug)]
pub struct Certificate {
    /// Leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The leaf's key.
    pub key: PrivateKeyDer<'static>,
    /// The authority phones must be given, if it is not one they know.
    pub authority: Option<AuthorityFile>,
}

/// The authority's certificate as phones fetch it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuthorityFile {
    /// As PEM.
    pub pem: String,
    /// As DER.
    pub der: Vec<u8>,
}

/// Why a certificate cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CertificateError {
    /// The file has no certificate, or none that can be read.
    #[error("{0}: no certificate in PEM form: {1}")]
    NoCertificate(PathBuf, String),
    /// The file has no private key.
    #[error("{0}: no private key in PEM form: {1}")]
    NoKey(PathBuf, String),
    /// Key and certificate are not of one pair, or the key is of an unknown kind.
    #[error("{0}: the key does not belong to the certificate: {1}")]
    NoPair(PathBuf, String),
    /// The certificate could not be made or written.
    #[error("{0}: {1}")]
    NotMade(PathBuf, String),
}

/// When the certificate made here must be made again: a year before its end.
const RENEW_BEFORE: i64 = 365 * 86_400;

impl Certificate {
    /// The operator's chain and key.
    pub fn read(chain: &Path, key: &Path) -> Result<Certificate, CertificateError> {
        let no_certificate = |error: String| CertificateError::NoCertificate(chain.to_owned(), error);
        let certificates: Vec<_> = CertificateDer::pem_file_iter(chain)
            .map_err(|error| no_certificate(error.to_string()))?
            .collect::<Result<_, _>>()
            .map_err(|error| no_certificate(error.to_string()))?;
        if certificates.is_empty() {
            return Err(no_certificate("the file has none".to_owned()));
        }
        let secret = PrivateKeyDer::from_pem_file(key)
            .map_err(|error| CertificateError::NoKey(key.to_owned(), error.to_string()))?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        rustls::sign::CertifiedKey::from_der(certificates.clone(), secret.clone_key(), &provider)
            .and_then(|pair| pair.keys_match())
            .map_err(|error| CertificateError::NoPair(key.to_owned(), error.to_string()))?;
        // An authority of the operator's own, if the chain shows it: phones that can load one are given it.
        let authority = certificates.iter().find(|certificate| is_root(certificate)).map(AuthorityFile::of);
        Ok(Certificate { chain: certificates, key: secret, authority })
    }

    /// The certificate made here for these names, `host` first; made anew when it is not there, for other names, or
    /// near its end. The authority stays.
    pub fn own(dir: &Path, host: &str, names: &[String], now: Timestamp) -> Result<Certificate, CertificateError> {
        let chain = dir.join("leaf.crt");
        let key = dir.join("leaf.key");
        let authority = dir.join("authority.crt");
        let authority_key = dir.join("authority.key");
        let failed = |error: String| CertificateError::NotMade(dir.to_owned(), error);
        if !authority.exists() || !authority_key.exists() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| failed(error.to_string()))?;
            let (certificate, secret) = make_authority(now).map_err(|error| failed(error.to_string()))?;
            write(&authority_key, &secret).map_err(|error| failed(error.to_string()))?;
            write(&authority, &certificate).map_err(|error| failed(error.to_string()))?;
        }
        if let Ok(present) = Certificate::read(&chain, &key) {
            let soon = now.saturating_add(jiff::SignedDuration::from_secs(RENEW_BEFORE)).unwrap_or(now);
            let fits = names.iter().all(|name| present.names(name)) && present.common_name_is(host);
            if fits && present.valid_at(now).is_ok() && present.valid_at(soon).is_ok() {
                return Ok(present);
            }
        }
        let issuer = fs::read_to_string(&authority).and_then(|pem| Ok((pem, fs::read_to_string(&authority_key)?)));
        let (issuer, issuer_key) = issuer.map_err(|error| failed(error.to_string()))?;
        let (pem, secret) =
            make_leaf(host, names, &issuer, &issuer_key, now).map_err(|error| failed(error.to_string()))?;
        write(&key, &secret).map_err(|error| failed(error.to_string()))?;
        write(&chain, &format!("{pem}{issuer}")).map_err(|error| failed(error.to_string()))?;
        Certificate::read(&chain, &key)
    }

    /// Whether phones sent to `host` would trust this certificate, once they have been given our authority if there
    /// is one: the name as subject CN and as subjectAltName, the dates, the chain.
    pub fn suits(&self, host: &str, now: Timestamp) -> Result<(), Parked> {
        if !self.names(host) || !self.common_name_is(host) {
            return Err(Parked::Name(host.to_owned()));
        }
        self.valid_at(now).map_err(Parked::Dates)?;
        let Some((leaf, intermediates)) = self.chain.split_first() else { return Err(Parked::IncompleteChain) };
        let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(authority) = &self.authority {
            roots.add(CertificateDer::from(authority.der.clone())).map_err(|_| Parked::IncompleteChain)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|_| Parked::IncompleteChain)?;
        let name = ServerName::try_from(host.to_owned()).map_err(|_| Parked::Name(host.to_owned()))?;
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        verifier
            .verify_server_cert(leaf, intermediates, &name, &[], time)
            .map(drop)
            .map_err(|_| Parked::IncompleteChain)
    }

    /// When the leaf ends, in seconds since 1970.
    pub fn ends(&self) -> Option<i64> {
        Some(self.leaf()?.validity().not_after.timestamp())
    }

    fn leaf(&self) -> Option<X509Certificate<'_>> {
        X509Certificate::from_der(self.chain.first()?).ok().map(|(_, leaf)| leaf)
    }

    fn valid_at(&self, at: Timestamp) -> Result<(), String> {
        let leaf = self.leaf().ok_or_else(|| "unreadable".to_owned())?;
        let validity = leaf.validity();
        let inside = (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&at.as_second());
        if inside { Ok(()) } else { Err(format!("{} to {}", validity.not_before, validity.not_after)) }
    }

    /// Whether a subjectAltName is `host`, a name or an address.
    pub fn names(&self, host: &str) -> bool {
        let Some(leaf) = self.leaf() else { return false };
        let Ok(Some(names)) = leaf.subject_alternative_name() else { return false };
        let address: Option<std::net::IpAddr> = host.parse().ok();
        names.value.general_names.iter().any(|name| match (name, address) {
            (GeneralName::DNSName(name), None) => matches_name(name, host),
            (GeneralName::IPAddress(octets), Some(std::net::IpAddr::V4(address))) => *octets == address.octets(),
            (GeneralName::IPAddress(octets), Some(std::net::IpAddr::V6(address))) => *octets == address.octets(),
            _ => false,
        })
    }

    fn common_name_is(&self, host: &str) -> bool {
        let Some(leaf) = self.leaf() else { return false };
        leaf.subject().iter_common_name().any(|name| name.as_str().is_ok_and(|name| matches_name(name, host)))
    }
}

/// Whether a certificate's name, perhaps with a wildcard as its first label, covers a host (RFC 6125 §6.4.3).
fn matches_name(name: &str, host: &str) -> bool {
    if let Some(rest) = name.strip_prefix("*.") {
        return host.split_once('.').is_some_and(|(_, domain)| domain.eq_ignore_ascii_case(rest));
    }
    name.eq_ignore_ascii_case(host)
}

impl AuthorityFile {
    fn of(certificate: &CertificateDer<'_>) -> AuthorityFile {
        let text = STANDARD.encode(certificate);
        let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"));
        AuthorityFile { pem, der: certificate.to_vec() }
    }

    /// The DER certificate in base64, on one line.
    pub fn base64(&self) -> String {
        STANDARD.encode(&self.der)
    }
}

/// Whether a certificate is an authority that signed itself.
fn is_root(certificate: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(certificate)
        .is_ok_and(|(_, certificate)| certificate.is_ca() && certificate.subject() == certificate.issuer())
}

/// RSA 2048, since old phones take nothing else; valid since 2010, since phones start with their factory's date.
fn rsa_key() -> Result<KeyPair, rcgen::Error> {
    KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)
}

fn make_authority(now: Timestamp) -> Result<(String, String), rcgen::Error> {
    let key = rsa_key()?;
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = named("ztpd authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(2010, 1, 1);
    params.not_after = in_years(now, 20);
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}

fn make_leaf(
    host: &str,
    names: &[String],
    issuer: &str,
    issuer_key: &str,
    now: Timestamp,
) -> Result<(String, String), rcgen::Error> {
    let key = rsa_key()?;
    let mut params = CertificateParams::new(names.to_vec())?;
    params.distinguished_name = named(host);
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = date_time_ymd(2010, 1, 1);
    params.not_after = in_years(now, 10);
    let issuer = Issuer::from_ca_cert_pem(issuer, KeyPair::from_pem(issuer_key)?)?;
    Ok((params.signed_by(&key, &issuer)?.pem(), key.serialize_pem()))
}

fn named(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject
}

fn in_years(now: Timestamp, years: i32) -> time::OffsetDateTime {
    let year = i32::from(now.to_zoned_datetime(jiff::tz::TimeZone::UTC).year());
    date_time_ymd(year.saturating_add(years), 1, 1)
}

/// Writes a file only its owner can read, whole or not at all.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-23T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn the_certificate_made_here_suits_a_phone_with_its_factory_clock() {
        let dir = tempfile::tempdir().unwrap();
        let names = vec!["prov.example.com".to_owned(), "127.0.0.1".to_owned()];
        let first = Certificate::own(dir.path(), "prov.example.com", &names, now()).unwrap();
        assert_eq!(first.suits("prov.example.com", now()), Ok(()));
        assert_eq!(first.suits("prov.example.com", "2012-01-01T00:00:00Z".parse().unwrap()), Ok(()));
        assert_eq!(first.suits("other.example.com", now()), Err(Parked::Name("other.example.com".into())));
        assert!(matches!(
            first.suits("prov.example.com", "2005-01-01T00:00:00Z".parse().unwrap()),
            Err(Parked::Dates(_))
        ));
        let second = Certificate::own(dir.path(), "prov.example.com", &names, now()).unwrap();
        assert_eq!(first.chain, second.chain);
        let other = Certificate::own(dir.path(), "new.example.com", &["new.example.com".to_owned()], now()).unwrap();
        assert_ne!(first.chain.first(), other.chain.first());
        assert_eq!(first.authority, other.authority);
    }

    #[test]
    fn a_leaf_whose_authority_nobody_knows_is_incomplete() {
        let dir = tempfile::tempdir().unwrap();
        let mut certificate = Certificate::own(dir.path(), "a.example", &["a.example".to_owned()], now()).unwrap();
        certificate.chain.truncate(1);
        certificate.authority = None;
        assert_eq!(certificate.suits("a.example", now()), Err(Parked::IncompleteChain));
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let one = tempfile::tempdir().unwrap();
        let two = tempfile::tempdir().unwrap();
        for dir in [&one, &two] {
            Certificate::own(dir.path(), "a.example", &["a.example".to_owned()], now()).unwrap();
        }
        let mixed = Certificate::read(&one.path().join("leaf.crt"), &two.path().join("leaf.key"));
        assert!(matches!(mixed, Err(CertificateError::NoPair(..))), "{mixed:?}");
        let none = Certificate::read(&one.path().join("leaf.key"), &one.path().join("leaf.key"));
        assert!(matches!(none, Err(CertificateError::NoCertificate(..))), "{none:?}");
    }
}
