//! To whom is a backup sealed? Its key is random, used once, and wrapped for each recipient: under a passphrase made
//! slow by Argon2id (RFC 9106), or to a public key (HPKE, RFC 9180). The wrapped keys are the file's header, and the
//! header is bound to all that follows.

use std::io::{BufRead, Read as _, Write};

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_CHACHA20_POLY1305 as HPKE;
use rustls::crypto::hpke::{EncapsulatedSecret, Hpke as _, HpkePrivateKey, HpkePublicKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::BackupFault;
use super::recipient::{PrivateKey, PublicKey};
use super::stream::{FileKey, OpeningReader, SealingWriter};
use crate::inventory::secret::Secret;
use crate::store::StoreFault;
use crate::store::seal::SealingKey;

/// How a backup begins.
const MAGIC: &str = "ztpd-backup 1";

/// The longest header that is read.
const LONGEST_HEADER: u64 = 64 * 1024;

/// How many characters a passphrase has at least.
pub const SHORTEST: usize = 12;

/// What making a key of a passphrase costs: the second choice of RFC 9106, section 4, which fits into the daemon.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 4;

/// The most that a header may ask of whoever opens it.
const MOST_MEMORY_KIB: u32 = 1024 * 1024;
const MOST_PASSES: u32 = 16;
const MOST_LANES: u32 = 16;

/// What a wrapped key is bound to.
const BOUND: &[u8] = b"ztpd backup\n1";

/// To whom a backup is sealed.
pub enum Recipient {
    /// Whoever has the private key to this one.
    Key(PublicKey),
    /// Whoever knows this.
    Passphrase(Secret),
}

/// What opens a backup.
pub enum Opener {
    /// A private key.
    Key(PrivateKey),
    /// A passphrase.
    Passphrase(Secret),
}

#[derive(Deserialize, Serialize)]
struct Header {
    sealed_to: Vec<Wrapped>,
}

/// The file's key, wrapped.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Wrapped {
    Passphrase { salt: String, memory_kib: u32, passes: u32, lanes: u32, key: String },
    PublicKey { public_key: String, encapsulated: String, key: String },
}

/// Whether a backup may be sealed to these: to somebody, and to nobody who guesses.
pub fn check(recipients: &[Recipient]) -> Result<(), BackupFault> {
    for recipient in recipients {
        let Recipient::Passphrase(passphrase) = recipient else { continue };
        let length = passphrase.reveal().chars().count();
        if length < SHORTEST {
            return Err(BackupFault::PassphraseTooShort(length));
        }
    }
    if recipients.is_empty() { Err(BackupFault::Recipientless) } else { Ok(()) }
}

/// Begins a file sealed to these.
pub fn seal<W: Write>(recipients: &[Recipient], mut out: W) -> Result<SealingWriter<W>, BackupFault> {
    check(recipients)?;
    let mut key = FileKey::default();
    getrandom::fill(&mut *key).map_err(|_| StoreFault::NoRandomness)?;
    let sealed_to = recipients.iter().map(|recipient| wrap(&key, recipient)).collect::<Result<_, _>>()?;
    let header =
        serde_json::to_string(&Header { sealed_to }).map_err(|error| BackupFault::Unusable(error.to_string()))?;
    let header = format!("{MAGIC}\n{header}\n");
    out.write_all(header.as_bytes())?;
    Ok(SealingWriter::new(&key, Sha256::digest(header.as_bytes()).into(), out))
}

/// Goes on with what is sealed, if this opens it.
pub fn open<R: BufRead>(opener: &Opener, mut input: R) -> Result<OpeningReader<R>, BackupFault> {
    let mut read = Vec::new();
    let mut head = input.by_ref().take(LONGEST_HEADER);
    head.read_until(b'\n', &mut read)?;
    if read.trim_ascii_end() != MAGIC.as_bytes() {
        return Err(BackupFault::NotOne);
    }
    let start = read.len();
    head.read_until(b'\n', &mut read)?;
    let header: Header =
        serde_json::from_slice(read.get(start..).unwrap_or_default()).map_err(|_| BackupFault::Damaged)?;
    for wrapped in &header.sealed_to {
        if let Some(key) = unwrap(wrapped, opener)? {
            return Ok(OpeningReader::new(&key, Sha256::digest(&read).into(), input));
        }
    }
    let to: Vec<&str> = header.sealed_to.iter().map(Wrapped::told).collect();
    Err(BackupFault::WrongKey(to.join(" and ")))
}

fn wrap(key: &FileKey, recipient: &Recipient) -> Result<Wrapped, BackupFault> {
    match recipient {
        Recipient::Passphrase(passphrase) => {
            let mut salt = [0u8; 16];
            getrandom::fill(&mut salt).map_err(|_| StoreFault::NoRandomness)?;
            let slow = slow(passphrase, &salt, MEMORY_KIB, PASSES, LANES)?;
            let key = text(&SealingKey::new(&slow).seal(&**key, BOUND)?);
            Ok(Wrapped::Passphrase { salt: text(&salt), memory_kib: MEMORY_KIB, passes: PASSES, lanes: LANES, key })
        }
        Recipient::Key(PublicKey(public)) => {
            let sealed = HPKE.seal(BOUND, &[], &**key, &HpkePublicKey(public.to_vec()));
            let (encapsulated, sealed) =
                sealed.map_err(|_| BackupFault::NoKey("nothing can be sealed to this public key"))?;
            Ok(Wrapped::PublicKey { public_key: text(public), encapsulated: text(&encapsulated.0), key: text(&sealed) })
        }
    }
}

/// The file's key, if it was wrapped for whoever has this.
fn unwrap(wrapped: &Wrapped, opener: &Opener) -> Result<Option<FileKey>, BackupFault> {
    let opened = match (wrapped, opener) {
        (Wrapped::Passphrase { salt, memory_kib, passes, lanes, key }, Opener::Passphrase(passphrase)) => {
            if *memory_kib > MOST_MEMORY_KIB || *passes > MOST_PASSES || *lanes > MOST_LANES {
                return Err(BackupFault::Damaged);
            }
            let slow = slow(passphrase, &octets(salt)?, *memory_kib, *passes, *lanes)?;
            SealingKey::new(&slow).open(&octets(key)?, BOUND).ok()
        }
        (Wrapped::PublicKey { encapsulated, key, .. }, Opener::Key(PrivateKey(private))) => {
            let private = HpkePrivateKey::from(private.to_vec());
            HPKE.open(&EncapsulatedSecret(octets(encapsulated)?), BOUND, &[], &octets(key)?, &private).ok()
        }
        _ => None,
    };
    Ok(opened.map(Zeroizing::new).and_then(|key| <[u8; 32]>::try_from(key.as_slice()).ok()).map(Zeroizing::new))
}

fn slow(passphrase: &Secret, salt: &[u8], memory: u32, passes: u32, lanes: u32) -> Result<FileKey, BackupFault> {
    let params = Params::new(memory, passes, lanes, Some(32)).map_err(|_| BackupFault::Damaged)?;
    let mut key = FileKey::default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.reveal().as_bytes(), salt, &mut *key)
        .map_err(|_| BackupFault::Damaged)?;
    Ok(key)
}

impl Wrapped {
    fn told(&self) -> &'static str {
        match self {
            Wrapped::Passphrase { .. } => "a passphrase",
            Wrapped::PublicKey { .. } => "a public key",
        }
    }
}

fn text(octets: &[u8]) -> String {
    STANDARD_NO_PAD.encode(octets)
}

fn octets(text: &str) -> Result<Vec<u8>, BackupFault> {
    STANDARD_NO_PAD.decode(text).map_err(|_| BackupFault::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrase(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    fn pair() -> (PublicKey, PrivateKey) {
        let (public, private) = HPKE.generate_key_pair().unwrap();
        (PublicKey(public.0.try_into().unwrap()), PrivateKey(private.secret_bytes().try_into().unwrap()))
    }

    fn sealed(recipients: &[Recipient]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = seal(recipients, &mut out).unwrap();
        writer.write_all(b"everything").unwrap();
        writer.finish().unwrap();
        out
    }

    fn opened(file: &[u8], opener: &Opener) -> Result<String, BackupFault> {
        let mut text = String::new();
        open(opener, file)?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn sec_k03_any_recipient_opens_and_nobody_else() {
        let ((public, private), (_, other)) = (pair(), pair());
        let file = sealed(&[Recipient::Passphrase(passphrase("correct horse battery")), Recipient::Key(public)]);
        assert_eq!(opened(&file, &Opener::Key(private)).unwrap(), "everything");
        assert_eq!(opened(&file, &Opener::Passphrase(passphrase("correct horse battery"))).unwrap(), "everything");
        for opener in [Opener::Key(other), Opener::Passphrase(passphrase("correct horse batterx"))] {
            let said = opened(&file, &opener).unwrap_err().to_string();
            assert!(said.contains("a passphrase and a public key"), "{said}");
        }
    }

    #[test]
    fn a_header_that_was_altered_or_asks_too_much_opens_nothing() {
        let file = sealed(&[Recipient::Passphrase(passphrase("correct horse battery"))]);
        let opener = Opener::Passphrase(passphrase("correct horse battery"));
        let replaced = |from: &str, to: &str| {
            let end = file.iter().enumerate().filter(|(_, octet)| **octet == b'\n').nth(1).unwrap().0;
            let header = String::from_utf8(file[..=end].to_vec()).unwrap().replace(from, to);
            [header.as_bytes(), &file[end + 1..]].concat()
        };
        assert_eq!(opened(&replaced("x", "x"), &opener).unwrap(), "everything");
        assert!(matches!(opened(&replaced("65536", "4294967295"), &opener), Err(BackupFault::Damaged)));
        assert!(matches!(opened(&replaced("}]}", "}] }"), &opener), Err(BackupFault::Damaged)));
        assert!(matches!(opened(&replaced("backup 1", "backup 2"), &opener), Err(BackupFault::NotOne)));
        assert!(matches!(opened(b"", &opener), Err(BackupFault::NotOne)));
    }

    #[test]
    fn a_passphrase_that_is_guessed_at_once_and_nobody_at_all_are_refused() {
        assert!(matches!(
            seal(&[Recipient::Passphrase(passphrase("swordfish"))], Vec::new()),
            Err(BackupFault::PassphraseTooShort(9))
        ));
        assert!(matches!(seal(&[], Vec::new()), Err(BackupFault::Recipientless)));
    }
}
