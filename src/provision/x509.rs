//! What does an X.509 certificate say, and did that key sign this? Reading is x509-parser's, verifying aws-lc-rs';
//! what aws-lc-rs has no name for, since it is too weak for anything new (MD5, and 1024-bit RSA with SHA-384 or PSS),
//! is the `rsa` crate's. Whether any of it counts is decided elsewhere.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use aws_lc_rs::signature::{self as aws, UnparsedPublicKey, VerificationAlgorithm};
use jiff::Timestamp;
use md5::Md5;
use rsa::BoxedUint;
use sha2::{Sha256, Sha384, Sha512};
use x509_parser::oid_registry::asn1_rs::oid;
use x509_parser::oid_registry::{self as oids, Oid};
use x509_parser::prelude::{FromDer as _, ParsedExtension, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo, X509Version};

use crate::inventory::certificate::Weakness;

/// A hash function that something was signed over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hash {
    /// RFC 1321.
    Md5,
    /// FIPS 180-4.
    Sha1,
    /// FIPS 180-4.
    Sha256,
    /// FIPS 180-4.
    Sha384,
    /// FIPS 180-4.
    Sha512,
}

/// How something was signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signing {
    /// ECDSA, over whichever curve the key is of.
    Ecdsa(Hash),
    /// EdDSA over Curve25519.
    Ed25519,
    /// RSASSA-PKCS1-v1_5.
    Pkcs1(Hash),
    /// RSASSA-PSS, the salt as long as the hash.
    Pss(Hash),
}

/// The kinds of keys whose signatures can be verified.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyKind {
    /// Curve25519.
    Ed25519,
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
    /// RSA with a modulus of so many bits, 1024 to 8192.
    Rsa(u32),
}

/// A public key whose signatures can be verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Key {
    /// What it is.
    pub kind: KeyKind,
    octets: Vec<u8>,
}

/// The certificate, if the octets are one and nothing else.
pub fn read(der: &[u8]) -> Option<X509Certificate<'_>> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Some(certificate),
        _ => None,
    }
}

/// What is weak about a certificate, apart from its dates.
pub fn weaknesses(certificate: &X509Certificate<'_>) -> BTreeSet<Weakness> {
    let mut found = BTreeSet::new();
    match signing(&certificate.signature_algorithm) {
        Some(Signing::Pkcs1(Hash::Md5)) => found.insert(Weakness::Md5),
        Some(Signing::Pkcs1(Hash::Sha1) | Signing::Ecdsa(Hash::Sha1)) => found.insert(Weakness::Sha1),
        _ => false,
    };
    if certificate.version() == X509Version::V1 {
        found.insert(Weakness::V1);
    }
    if let Some(KeyKind::Rsa(..2048)) = Key::of(certificate.public_key()).map(|key| key.kind) {
        found.insert(Weakness::Rsa1024);
    }
    found
}

/// From when to when a certificate is valid.
pub fn validity(certificate: &X509Certificate<'_>) -> RangeInclusive<Timestamp> {
    let validity = certificate.validity();
    // A date beyond what can be told is as good as never.
    let at =
        |seconds| Timestamp::from_second(seconds).unwrap_or(if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX });
    at(validity.not_before.timestamp())..=at(validity.not_after.timestamp())
}

/// Whether a certificate may vouch for others (RFC 5280 §6.1.4 k, n): it is an authority's and may sign.
pub fn is_authority(certificate: &X509Certificate<'_>) -> bool {
    let may_sign = match certificate.key_usage() {
        Ok(None) => true,
        Ok(Some(usage)) => usage.value.key_cert_sign(),
        Err(_) => false,
    };
    may_sign && certificate.basic_constraints().is_ok_and(|found| found.is_some_and(|found| found.value.ca))
}

/// How many intermediate authorities may stand between this one and a phone.
pub fn path_length(certificate: &X509Certificate<'_>) -> Option<usize> {
    let constraints = certificate.basic_constraints().ok()??;
    constraints.value.path_len_constraint.and_then(|length| usize::try_from(length).ok())
}

/// Whether everything critical in it is understood here (RFC 5280 §4.2), and nothing stands twice.
pub fn is_understood(certificate: &X509Certificate<'_>) -> bool {
    let known = |extension: &ParsedExtension<'_>| {
        matches!(
            extension,
            ParsedExtension::AuthorityKeyIdentifier(_)
                | ParsedExtension::BasicConstraints(_)
                | ParsedExtension::CertificatePolicies(_)
                | ParsedExtension::ExtendedKeyUsage(_)
                | ParsedExtension::KeyUsage(_)
                | ParsedExtension::SubjectAlternativeName(_)
                | ParsedExtension::SubjectKeyIdentifier(_)
        )
    };
    let mut extensions = certificate.extensions().iter();
    certificate.extensions_map().is_ok()
        && extensions.all(|extension| !extension.critical || known(extension.parsed_extension()))
}

/// Whether that key signed this certificate.
pub fn is_signed_by(certificate: &X509Certificate<'_>, key: &Key) -> bool {
    // Both places name the algorithm; one that differs was put there by somebody else (RFC 5280 §4.1.1.2).
    if certificate.signature_algorithm != certificate.tbs_certificate.signature {
        return false;
    }
    let Some(signing) = signing(&certificate.signature_algorithm) else { return false };
    key.verifies(signing, certificate.tbs_certificate.as_ref(), &certificate.signature_value.data)
}

impl Key {
    /// The key, if it is of a kind whose signatures can be verified.
    pub fn of(info: &SubjectPublicKeyInfo<'_>) -> Option<Key> {
        let octets = info.subject_public_key.data.to_vec();
        let curve = || info.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
        let kind = match &info.algorithm.algorithm {
            oid if *oid == oids::OID_PKCS1_RSAENCRYPTION => {
                let PublicKey::RSA(key) = info.parsed().ok()? else { return None };
                KeyKind::Rsa(bits(key.modulus).filter(|bits| (1024..=8192).contains(bits))?)
            }
            oid if *oid == oids::OID_KEY_TYPE_EC_PUBLIC_KEY => match curve()? {
                curve if curve == oids::OID_EC_P256 => KeyKind::P256,
                curve if curve == oids::OID_NIST_EC_P384 => KeyKind::P384,
                curve if curve == oids::OID_NIST_EC_P521 => KeyKind::P521,
                _ => return None,
            },
            oid if *oid == oids::OID_SIG_ED25519 => KeyKind::Ed25519,
            _ => return None,
        };
        Some(Key { kind, octets })
    }

    /// Whether it made this signature of this message.
    pub fn verifies(&self, signing: Signing, message: &[u8], signature: &[u8]) -> bool {
        if let Some(algorithm) = algorithm(self.kind, signing) {
            return UnparsedPublicKey::new(algorithm, &self.octets).verify(message, signature).is_ok();
        }
        matches!(self.kind, KeyKind::Rsa(_)) && self.verifies_weak(signing, message, signature).unwrap_or(false)
    }

    /// What aws-lc-rs has no name for.
    fn verifies_weak(&self, signing: Signing, message: &[u8], signature: &[u8]) -> Option<bool> {
        let (_, parts) = x509_parser::public_key::RSAPublicKey::from_der(&self.octets).ok()?;
        let number = |octets: &[u8]| BoxedUint::from_be_slice_vartime(octets.get(leading_zeros(octets)..)?).into();
        let (modulus, exponent): (Option<BoxedUint>, Option<BoxedUint>) =
            (number(parts.modulus), number(parts.exponent));
        let key = rsa::PublicKey::new_with_size_limits(modulus?, exponent?, 1024..=8192).ok()?;
        let verified = match signing {
            Signing::Pkcs1(Hash::Md5) => key.pkcs1v15_verify::<Md5>(message, signature),
            Signing::Pkcs1(Hash::Sha384) => key.pkcs1v15_verify::<Sha384>(message, signature),
            Signing::Pss(Hash::Sha256) => key.pss_verify::<Sha256>(message, signature),
            Signing::Pss(Hash::Sha384) => key.pss_verify::<Sha384>(message, signature),
            Signing::Pss(Hash::Sha512) => key.pss_verify::<Sha512>(message, signature),
            _ => return None,
        };
        Some(verified.is_ok())
    }
}

fn leading_zeros(octets: &[u8]) -> usize {
    octets.iter().take_while(|octet| **octet == 0).count()
}

/// How many bits a number has.
fn bits(octets: &[u8]) -> Option<u32> {
    let octets = octets.get(leading_zeros(octets)..)?;
    let first = octets.first()?;
    u32::try_from(octets.len()).ok()?.checked_mul(8)?.checked_sub(first.leading_zeros())
}

/// What aws-lc-rs calls it.
fn algorithm(kind: KeyKind, signing: Signing) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match (kind, signing) {
        (KeyKind::Ed25519, Signing::Ed25519) => &aws::ED25519,
        (KeyKind::P256, Signing::Ecdsa(Hash::Sha1)) => &aws::ECDSA_P256_SHA1_ASN1,
        (KeyKind::P256, Signing::Ecdsa(Hash::Sha256)) => &aws::ECDSA_P256_SHA256_ASN1,
        (KeyKind::P256, Signing::Ecdsa(Hash::Sha384)) => &aws::ECDSA_P256_SHA384_ASN1,
        (KeyKind::P256, Signing::Ecdsa(Hash::Sha512)) => &aws::ECDSA_P256_SHA512_ASN1,
        (KeyKind::P384, Signing::Ecdsa(Hash::Sha256)) => &aws::ECDSA_P384_SHA256_ASN1,
        (KeyKind::P384, Signing::Ecdsa(Hash::Sha384)) => &aws::ECDSA_P384_SHA384_ASN1,
        (KeyKind::P384, Signing::Ecdsa(Hash::Sha512)) => &aws::ECDSA_P384_SHA512_ASN1,
        (KeyKind::P521, Signing::Ecdsa(Hash::Sha1)) => &aws::ECDSA_P521_SHA1_ASN1,
        (KeyKind::P521, Signing::Ecdsa(Hash::Sha256)) => &aws::ECDSA_P521_SHA256_ASN1,
        (KeyKind::P521, Signing::Ecdsa(Hash::Sha384)) => &aws::ECDSA_P521_SHA384_ASN1,
        (KeyKind::P521, Signing::Ecdsa(Hash::Sha512)) => &aws::ECDSA_P521_SHA512_ASN1,
        (KeyKind::Rsa(_), Signing::Pkcs1(Hash::Sha1)) => &aws::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        (KeyKind::Rsa(_), Signing::Pkcs1(Hash::Sha256)) => &aws::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        (KeyKind::Rsa(2048..), Signing::Pkcs1(Hash::Sha384)) => &aws::RSA_PKCS1_2048_8192_SHA384,
        (KeyKind::Rsa(_), Signing::Pkcs1(Hash::Sha512)) => &aws::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        (KeyKind::Rsa(2048..), Signing::Pss(Hash::Sha256)) => &aws::RSA_PSS_2048_8192_SHA256,
        (KeyKind::Rsa(2048..), Signing::Pss(Hash::Sha384)) => &aws::RSA_PSS_2048_8192_SHA384,
        (KeyKind::Rsa(2048..), Signing::Pss(Hash::Sha512)) => &aws::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

/// How a certificate says it was signed (RFC 3279, 4055, 5758, 8410).
pub fn signing(algorithm: &AlgorithmIdentifier<'_>) -> Option<Signing> {
    let oid = &algorithm.algorithm;
    if *oid == oids::OID_PKCS1_RSASSAPSS {
        return pss(algorithm);
    }
    SIGNINGS.iter().find(|(known, _)| known == oid).map(|(_, signing)| *signing)
}

/// Only with a salt as long as the hash, which everybody uses.
fn pss(algorithm: &AlgorithmIdentifier<'_>) -> Option<Signing> {
    let parameters = RsaSsaPssParams::try_from(algorithm.parameters.as_ref()?).ok()?;
    let hashes = [
        (oids::OID_NIST_HASH_SHA256, Hash::Sha256, 32),
        (oids::OID_NIST_HASH_SHA384, Hash::Sha384, 48),
        (oids::OID_NIST_HASH_SHA512, Hash::Sha512, 64),
    ];
    let (_, hash, length) = hashes.into_iter().find(|(oid, ..)| oid == parameters.hash_algorithm_oid())?;
    (parameters.salt_length() == length).then_some(Signing::Pss(hash))
}

const SIGNINGS: &[(Oid<'static>, Signing)] = &[
    (oids::OID_PKCS1_MD5WITHRSAENC, Signing::Pkcs1(Hash::Md5)),
    (oids::OID_PKCS1_SHA1WITHRSA, Signing::Pkcs1(Hash::Sha1)),
    (oids::OID_PKCS1_SHA256WITHRSA, Signing::Pkcs1(Hash::Sha256)),
    (oids::OID_PKCS1_SHA384WITHRSA, Signing::Pkcs1(Hash::Sha384)),
    (oids::OID_PKCS1_SHA512WITHRSA, Signing::Pkcs1(Hash::Sha512)),
    (oid!(1.2.840.10045.4.1), Signing::Ecdsa(Hash::Sha1)),
    (oids::OID_SIG_ECDSA_WITH_SHA256, Signing::Ecdsa(Hash::Sha256)),
    (oids::OID_SIG_ECDSA_WITH_SHA384, Signing::Ecdsa(Hash::Sha384)),
    (oids::OID_SIG_ECDSA_WITH_SHA512, Signing::Ecdsa(Hash::Sha512)),
    (oids::OID_SIG_ED25519, Signing::Ed25519),
];
