//! The words of the certificates that makers build into their phones: who is trusted for whose, what is weak about
//! them, and what became of one that was shown (policy D4–D7, A9).

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};

use super::device::MakerId;

/// SHA-256 of a certificate or of a public key (its `SubjectPublicKeyInfo`).
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Fingerprint([u8; 32]);

/// A text is no fingerprint.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("is not a SHA-256 fingerprint: write 64 hexadecimal digits, with or without colons")]
pub struct FingerprintError;

/// A fault that an operator may tolerate, for the certificates below one authority.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weakness {
    /// Past its end.
    Expired,
    /// Signed over an MD5 hash, which others can be made to share.
    Md5,
    /// An RSA key of 1024 to 2047 bits.
    Rsa1024,
    /// Signed over a SHA-1 hash.
    Sha1,
    /// X.509 version 1: it cannot say whether it is an authority.
    V1,
}

/// A maker's authority, as an operator has brought it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Authority {
    /// Fingerprint of its certificate; its name.
    pub sha256: Fingerprint,
    /// Whose phones it vouches for.
    pub maker: MakerId,
    /// What is tolerated in certificates below it, and in itself.
    pub tolerate: BTreeSet<Weakness>,
    /// When it was brought.
    pub added: Timestamp,
    /// The certificate.
    pub certificate: Der,
}

/// A certificate in DER; written as base64.
#[derive(Clone, Eq, PartialEq)]
pub struct Der(pub Vec<u8>);

/// The key a phone has proven to hold: from then on only this one counts (policy D7).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Pin {
    /// Its fingerprint.
    pub key: Fingerprint,
    /// The authority that vouched for it.
    pub authority: Fingerprint,
    /// Since when.
    pub since: Timestamp,
}

/// What became of a client certificate that came with a request.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateNote {
    /// It counted.
    Good,
    /// Only its dates were wrong, or its issuers'.
    OutOfDate,
    /// It counted, and its key is the phone's from now on.
    Pinned,
    /// It counted for nothing.
    Rejected(CertificateFault),
    /// It counted beside the phone's token, and its key has replaced the one before.
    Renewed,
}

/// Why a client certificate counts for nothing.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum CertificateFault {
    /// It is an authority's own.
    #[error("it is an authority's certificate, not a phone's")]
    CaLeaf,
    /// The MAC it names is from no range of its maker.
    #[error("the MAC it names is from no range of the maker whose authority signed it")]
    ForeignMac,
    /// Many phones share it.
    #[error("it is a certificate that many phones share")]
    Generic,
    /// Its maker's certificates say nothing of the MAC.
    #[error("certificates of this maker do not say which phone they belong to")]
    GenuineOnly,
    /// MD5 in its chain.
    #[error("its chain is signed with MD5, which is not tolerated for its authority")]
    Md5,
    /// No MAC where its maker writes it.
    #[error("it names no MAC where its maker writes it")]
    NoMac,
    /// RSA below 2048 bits in its chain.
    #[error("its chain has an RSA key below 2048 bits, which is not tolerated for its authority")]
    Rsa1024,
    /// More than one MAC.
    #[error("it names more than one MAC")]
    SeveralMacs,
    /// SHA-1 in its chain.
    #[error("its chain is signed with SHA-1, which is not tolerated for its authority")]
    Sha1,
    /// No chain to a configured authority.
    #[error("it leads to no configured authority")]
    UnknownIssuer,
    /// Its key is of a kind whose possession cannot be verified.
    #[error("its key is of a kind that cannot be verified")]
    UnknownKey,
    /// It is no X.509 certificate, or has something critical that nobody here understands.
    #[error("it cannot be read")]
    Unreadable,
    /// X.509 version 1 in its chain.
    #[error("its chain has an X.509 version 1 certificate, which is not tolerated for its authority")]
    V1,
}

impl Fingerprint {
    /// The fingerprint of these octets.
    pub fn of(octets: &[u8]) -> Fingerprint {
        Fingerprint(Sha256::digest(octets).into())
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Fingerprint, FingerprintError> {
        let digits: String = text.trim().chars().filter(|c| *c != ':').collect();
        if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(FingerprintError);
        }
        let mut octets = [0; 32];
        for (octet, pair) in octets.iter_mut().zip(digits.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| FingerprintError)?;
            *octet = u8::from_str_radix(pair, 16).map_err(|_| FingerprintError)?;
        }
        Ok(Fingerprint(octets))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Fingerprint, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| de::Error::custom(format!("{text:?} {error}")))
    }
}

impl Serialize for Der {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Der {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Der, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(&text).map(Der).map_err(de::Error::custom)
    }
}

impl fmt::Debug for Der {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "certificate {}", Fingerprint::of(&self.0))
    }
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Weakness::Expired => "expired",
            Weakness::Md5 => "md5",
            Weakness::Rsa1024 => "rsa1024",
            Weakness::Sha1 => "sha1",
            Weakness::V1 => "v1",
        })
    }
}

impl From<Weakness> for CertificateNote {
    fn from(weakness: Weakness) -> CertificateNote {
        match weakness {
            Weakness::Expired => CertificateNote::OutOfDate,
            Weakness::Md5 => CertificateNote::Rejected(CertificateFault::Md5),
            Weakness::Rsa1024 => CertificateNote::Rejected(CertificateFault::Rsa1024),
            Weakness::Sha1 => CertificateNote::Rejected(CertificateFault::Sha1),
            Weakness::V1 => CertificateNote::Rejected(CertificateFault::V1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_in_the_spellings_of_openssl_and_of_browsers() {
        let plain = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Fingerprint::of(b"").to_string(), plain);
        let pairs: Vec<&str> = plain.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap()).collect();
        assert_eq!(pairs.join(":").to_uppercase().parse(), Ok(Fingerprint::of(b"")));
        assert_eq!("e3b0".parse::<Fingerprint>(), Err(FingerprintError));
        assert_eq!(plain.replace('e', "g").parse::<Fingerprint>(), Err(FingerprintError));
    }

    #[test]
    fn weaknesses_are_written_as_operators_name_them() {
        for weakness in [Weakness::Expired, Weakness::Md5, Weakness::Rsa1024, Weakness::Sha1, Weakness::V1] {
            assert_eq!(serde_json::to_value(weakness).unwrap(), weakness.to_string());
        }
    }
}
