//! Can this certificate vouch for phones, and what is weak about it? What an operator brings is read, measured and
//! recognised before anything is trusted (policy A9).

use std::collections::BTreeSet;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Serialize;
use x509_parser::prelude::X509Certificate;
use x509_parser::x509::{X509Name, X509Version};

use super::x509::{self, Hash, Key, KeyKind, Signing};
use crate::inventory::certificate::{Der, Fingerprint, Weakness};
use crate::inventory::text::is_forbidden;
use crate::makers::{KnownAuthority, known_authority};

/// An authority's certificate, as it describes itself.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Brought {
    /// Its fingerprint.
    pub sha256: Fingerprint,
    /// Its common name, or all its names.
    pub name: String,
    /// All its names.
    pub subject: String,
    /// The names of who signed it.
    pub issuer: String,
    /// Kind and size of its key: `RSA 4096`, `EC 384`.
    pub key: String,
    /// The hash it is signed over: `SHA256`.
    pub signature: &'static str,
    /// Version of X.509.
    pub version: u32,
    /// Since when it is valid.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
    /// What is weak about it.
    pub weaknesses: BTreeSet<Weakness>,
    /// The certificate.
    #[serde(skip)]
    pub certificate: Der,
}

/// Why a certificate cannot vouch for phones.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoAuthority {
    /// It is not meant to sign others.
    #[error(
        "{0} is no authority's certificate (it lacks CA:TRUE, or may not sign certificates): bring the one that \
             signed the phones' certificates"
    )]
    NotAnAuthority(String),
    /// Its dates lie ahead.
    #[error("{0} is valid from {1} only: see whether this machine's clock is right")]
    NotYetValid(String, Timestamp),
    /// It is no certificate.
    #[error("there is no certificate in it; bring one in PEM form, which begins with -----BEGIN CERTIFICATE-----")]
    NoCertificate,
    /// It cannot be verified with.
    #[error(
        "the key of {0} is of no kind that can be verified with: RSA of 1024 to 8192 bits, P-256, P-384, P-521 and \
             Ed25519 can"
    )]
    UnknownKey(String),
    /// It is no X.509 certificate.
    #[error("certificate {0} of the file cannot be read as X.509")]
    Unreadable(usize),
}

/// Every certificate in a PEM text.
pub fn certificates(pem: &str) -> Result<Vec<Der>, NoAuthority> {
    let read = CertificateDer::pem_slice_iter(pem.as_bytes()).map(|der| der.map(|der| Der(der.to_vec())));
    match read.collect::<Result<Vec<_>, _>>() {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(NoAuthority::NoCertificate),
    }
}

impl Brought {
    /// Reads the certificate that is number `place` of a file. Also says why it cannot vouch for phones, if so.
    pub fn read(
        certificate: &Der,
        place: usize,
        now: Timestamp,
    ) -> Result<(Brought, Option<NoAuthority>), NoAuthority> {
        let read = x509::read(&certificate.0).ok_or(NoAuthority::Unreadable(place))?;
        let valid = x509::validity(&read);
        let mut weaknesses = x509::weaknesses(&read);
        if *valid.end() < now {
            weaknesses.insert(Weakness::Expired);
        }
        let brought = Brought {
            sha256: Fingerprint::of(&certificate.0),
            name: name(read.subject()),
            subject: printable(&read.subject().to_string()),
            issuer: printable(&read.issuer().to_string()),
            key: Key::of(read.public_key()).map_or("unknown".to_owned(), |key| label(key.kind)),
            signature: x509::signing(&read.signature_algorithm).map_or("unknown", hash),
            version: read.version().0.saturating_add(1),
            not_before: *valid.start(),
            not_after: *valid.end(),
            weaknesses,
            certificate: certificate.clone(),
        };
        let fault = brought.fault(&read, now);
        Ok((brought, fault))
    }

    /// Which of the makers' own it is.
    pub fn known(&self) -> Option<&'static KnownAuthority> {
        known_authority(&self.sha256)
    }

    /// What is weak about it and would matter for every phone below it, unless tolerated. Over which hash it is signed
    /// itself does not: nobody verifies the signature of what is trusted by its fingerprint.
    pub fn must_be_tolerated(&self) -> impl Iterator<Item = Weakness> {
        let matters = |weakness: &Weakness| !matches!(weakness, Weakness::Md5 | Weakness::Sha1);
        self.weaknesses.iter().copied().filter(matters)
    }

    fn fault(&self, read: &X509Certificate<'_>, now: Timestamp) -> Option<NoAuthority> {
        let name = || self.name.clone();
        // Version 1 cannot say what it is for; that is a weakness to be tolerated.
        if read.version() != X509Version::V1 && !x509::is_authority(read) {
            return Some(NoAuthority::NotAnAuthority(name()));
        }
        if Key::of(read.public_key()).is_none() {
            return Some(NoAuthority::UnknownKey(name()));
        }
        (self.not_before > now).then(|| NoAuthority::NotYetValid(name(), self.not_before))
    }
}

fn name(subject: &X509Name<'_>) -> String {
    let common = subject.iter_common_name().find_map(|name| name.as_str().ok().map(printable));
    common.unwrap_or_else(|| printable(&subject.to_string()))
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if is_forbidden(c) { '\u{fffd}' } else { c }).take(512).collect()
}

fn label(kind: KeyKind) -> String {
    match kind {
        KeyKind::Ed25519 => "Ed25519".to_owned(),
        KeyKind::P256 => "EC 256".to_owned(),
        KeyKind::P384 => "EC 384".to_owned(),
        KeyKind::P521 => "EC 521".to_owned(),
        KeyKind::Rsa(bits) => format!("RSA {bits}"),
    }
}

fn hash(signing: Signing) -> &'static str {
    match signing {
        Signing::Ed25519 => "Ed25519",
        Signing::Ecdsa(hash) | Signing::Pkcs1(hash) | Signing::Pss(hash) => match hash {
            Hash::Md5 => "MD5",
            Hash::Sha1 => "SHA1",
            Hash::Sha256 => "SHA256",
            Hash::Sha384 => "SHA384",
            Hash::Sha512 => "SHA512",
        },
    }
}
