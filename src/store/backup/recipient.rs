//! Whose key is a backup sealed to? X25519 keys in the forms every tool writes: PEM of RFC 8410.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::BackupFault;

/// What precedes the 32 octets of a public key: SEQUENCE, AlgorithmIdentifier 1.3.101.110, BIT STRING.
const PUBLIC: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00];

/// What precedes the 32 octets of a private key: SEQUENCE, version 0, AlgorithmIdentifier, OCTET STRING twice.
const PRIVATE: &[u8] =
    &[0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20];

/// A public key that backups are sealed to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PublicKey(pub [u8; 32]);

/// The private key that opens them.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct PrivateKey(pub [u8; 32]);

impl PublicKey {
    /// The key in a PEM file: `BEGIN PUBLIC KEY`.
    pub fn from_pem(text: &str) -> Result<PublicKey, BackupFault> {
        let no_key = BackupFault::NoKey("a recipient is an X25519 public key in PEM form");
        let Ok(found) = SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes()) else { return Err(no_key) };
        found.strip_prefix(PUBLIC).and_then(|octets| octets.try_into().ok()).map(PublicKey).ok_or(no_key)
    }
}

impl PrivateKey {
    /// The key in a PEM file: `BEGIN PRIVATE KEY`.
    pub fn from_pem(text: &str) -> Result<PrivateKey, BackupFault> {
        let no_key = BackupFault::NoKey("a backup is opened by an X25519 private key in PEM form");
        let Ok(found) = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()) else { return Err(no_key) };
        let octets = found.secret_pkcs8_der().strip_prefix(PRIVATE).and_then(|octets| octets.try_into().ok());
        octets.map(PrivateKey).ok_or(no_key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8410 has no example of X25519; these are of `openssl genpkey -algorithm X25519`.
    const SECRET: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIHcHbQpzGKV9PBbBclGyZkXfTC+H68CZKrF3+6UduSwq\n-----END PRIVATE KEY-----\n";
    const KNOWN: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEAhSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n-----END PUBLIC KEY-----\n";

    #[test]
    fn keys_are_read_from_the_forms_that_openssl_writes() {
        assert_eq!(PublicKey::from_pem(KNOWN).unwrap().0[..2], [0x85, 0x20]);
        assert_eq!(PrivateKey::from_pem(SECRET).unwrap().0[..2], [0x77, 0x07]);
    }

    #[test]
    fn another_kind_of_key_or_none_is_refused_with_the_command_that_makes_one() {
        let ed25519 = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
        for text in [ed25519, SECRET, "", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"] {
            let said = PublicKey::from_pem(text).unwrap_err().to_string();
            assert!(said.contains("openssl genpkey"), "{said}");
        }
        assert!(PrivateKey::from_pem(KNOWN).is_err());
    }
}
