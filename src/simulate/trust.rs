//! Whom does the phone believe? Authorities as provisioning files carry them: DER, PEM, or base64 with its line ends lost in an
//! XML attribute. Phones refuse a certificate that is no authority (RFC 5280, section 4.2.1.9).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The certificate of an authority, checked to be one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Authority {
    der: Vec<u8>,
}

/// Why something is no authority.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum AuthorityFault {
    #[error("holds no certificate")]
    NoCertificate,
    #[error("is not the certificate of an authority (no CA:TRUE)")]
    NotAnAuthority,
    #[error("is not an X.509 certificate")]
    NotX509,
}

impl Authority {
    /// Reads DER.
    pub(super) fn from_der(der: &[u8]) -> Result<Authority, AuthorityFault> {
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| AuthorityFault::NotX509)?;
        if !rest.is_empty() {
            return Err(AuthorityFault::NotX509);
        }
        if !certificate.is_ca() {
            return Err(AuthorityFault::NotAnAuthority);
        }
        Ok(Authority { der: der.to_vec() })
    }

    /// Reads a downloaded file: DER, or PEM with one or more certificates.
    pub(super) fn from_file(bytes: &[u8]) -> Result<Vec<Authority>, AuthorityFault> {
        if bytes.first() == Some(&0x30) {
            return Ok(vec![Authority::from_der(bytes)?]);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| AuthorityFault::NoCertificate)?;
        Authority::from_pem(text)
    }

    /// Reads PEM. White space may be of any kind: an XML parser turns the line ends of an attribute into blanks.
    pub(super) fn from_pem(text: &str) -> Result<Vec<Authority>, AuthorityFault> {
        let mut found = Vec::new();
        for block in text.split("-----BEGIN CERTIFICATE-----").skip(1) {
            let (body, _) = block.split_once("-----END CERTIFICATE-----").ok_or(AuthorityFault::NoCertificate)?;
            found.push(Authority::from_base64(body)?);
        }
        if found.is_empty() { Err(AuthorityFault::NoCertificate) } else { Ok(found) }
    }

    /// Reads bare base64, as Snom's settings carry it; PEM armour is accepted too.
    pub(super) fn from_base64(text: &str) -> Result<Authority, AuthorityFault> {
        if text.contains("-----BEGIN") {
            return Authority::from_pem(text)?.pop().ok_or(AuthorityFault::NoCertificate);
        }
        let digits: String = text.chars().filter(|character| !character.is_whitespace()).collect();
        let der = STANDARD.decode(digits).map_err(|_| AuthorityFault::NoCertificate)?;
        Authority::from_der(&der)
    }

    /// Whether its dates cover this moment. Phones judge a root by its dates; the verifier behind `tls.rs` does not.
    pub(super) fn is_valid_at(&self, unix_time: i64) -> bool {
        let Ok((_, certificate)) = X509Certificate::from_der(&self.der) else { return false };
        let validity = certificate.validity();
        (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&unix_time)
    }

    /// The certificate as DER.
    pub(super) fn der(&self) -> &[u8] {
        &self.der
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake_server::{TestAuthority, leaf_only};
    use super::*;

    #[test]
    fn an_authority_is_read_in_every_form_it_travels_in() {
        let ca = TestAuthority::new();
        let expected = Authority { der: ca.der() };
        assert_eq!(Authority::from_file(&ca.der()), Ok(vec![expected.clone()]));
        assert_eq!(Authority::from_file(ca.pem().as_bytes()), Ok(vec![expected.clone()]));
        assert_eq!(Authority::from_pem(&ca.pem().replace('\n', " ")), Ok(vec![expected.clone()]));
        assert_eq!(Authority::from_base64(&STANDARD.encode(ca.der())), Ok(expected));
    }

    #[test]
    fn a_bare_leaf_is_no_authority() {
        assert_eq!(Authority::from_der(&leaf_only()), Err(AuthorityFault::NotAnAuthority));
    }

    #[test]
    fn an_authority_has_its_time() {
        let authority = Authority::from_der(&TestAuthority::new().der()).unwrap();
        assert!(authority.is_valid_at(super::super::fake_server::NOW));
        assert!(!authority.is_valid_at(0));
        assert!(!authority.is_valid_at(i64::MAX));
    }

    #[test]
    fn rubbish_is_no_authority() {
        assert_eq!(Authority::from_file(b"<html>"), Err(AuthorityFault::NoCertificate));
        assert_eq!(Authority::from_file(b"\x30\x01"), Err(AuthorityFault::NotX509));
        assert_eq!(Authority::from_pem("-----BEGIN CERTIFICATE-----AAAA"), Err(AuthorityFault::NoCertificate));
    }
}
