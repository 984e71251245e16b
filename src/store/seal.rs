//! How is a secret kept from whoever reads the store's files? Sealed with XChaCha20-Poly1305 under a data key, bound to
//! its place (policy K2): the same octets in another row, or one bit of them changed, open no more.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use zeroize::Zeroize as _;

use super::StoreFault;
use super::rows::SEALED;
use crate::inventory::secret::Secret;

/// The version of the envelope below.
const VERSION: u8 = 1;

const NONCE: usize = 24;

/// Version, key and nonce.
const HEADER: usize = 1 + 4 + NONCE;

/// The number of a data key.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, serde::Deserialize, serde::Serialize)]
#[serde(transparent)]
pub struct KeyId(pub u32);

/// A key that seals: it is wiped when dropped.
#[derive(Clone)]
pub struct SealingKey(XChaCha20Poly1305);

/// The data keys in use. The newest seals; all of them open.
#[derive(Clone, Debug)]
pub struct Keyring(Arc<RwLock<BTreeMap<KeyId, SealingKey>>>);

/// Something sealed does not open: it was altered, or it belongs elsewhere.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Altered;

impl SealingKey {
    /// A key of these octets.
    pub fn new(octets: &[u8; 32]) -> SealingKey {
        SealingKey(XChaCha20Poly1305::new(octets.into()))
    }

    /// Nonce and sealed octets; they open only with the same `bound`.
    pub fn seal(&self, octets: &[u8], bound: &[u8]) -> Result<Vec<u8>, StoreFault> {
        let mut sealed = vec![0u8; NONCE];
        getrandom::fill(&mut sealed).map_err(|_| StoreFault::NoRandomness)?;
        let nonce = XNonce::try_from(sealed.as_slice()).map_err(|_| StoreFault::NoRandomness)?;
        let text = self.0.encrypt(&nonce, Payload { msg: octets, aad: bound });
        sealed.extend(text.map_err(|_| StoreFault::Corrupt("a secret is too long to be sealed".to_owned()))?);
        Ok(sealed)
    }

    /// What was sealed.
    pub fn open(&self, sealed: &[u8], bound: &[u8]) -> Result<Vec<u8>, Altered> {
        let (nonce, text) = sealed.split_at_checked(NONCE).ok_or(Altered)?;
        let nonce = XNonce::try_from(nonce).map_err(|_| Altered)?;
        self.0.decrypt(&nonce, Payload { msg: text, aad: bound }).map_err(|_| Altered)
    }
}

impl Keyring {
    /// These keys.
    pub fn of(keys: BTreeMap<KeyId, SealingKey>) -> Keyring {
        Keyring(Arc::new(RwLock::new(keys)))
    }

    /// One random key that nobody else will ever have, for a store in memory.
    pub fn passing() -> Keyring {
        let mut octets = [0u8; 32];
        // Without randomness nothing can be sealed afterwards either, and says so.
        let _ = getrandom::fill(&mut octets);
        let key = SealingKey::new(&octets);
        octets.zeroize();
        Keyring::of([(KeyId(1), key)].into())
    }

    /// The numbers of the keys, the one that seals last.
    pub fn ids(&self) -> Vec<KeyId> {
        self.read(|keys| keys.keys().copied().collect())
    }

    /// Adds a key, which seals from now on if it is the newest.
    pub fn add(&self, id: KeyId, key: SealingKey) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(id, key);
    }

    /// Forgets a key: what is sealed with it never opens again.
    pub fn forget(&self, id: KeyId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// A secret as its row has it.
    pub fn seal(&self, row: &str, secret: &Secret) -> Result<String, StoreFault> {
        let newest = self.read(|keys| keys.last_key_value().map(|(id, key)| (*id, key.clone())));
        let (id, key) = newest.ok_or_else(|| StoreFault::Corrupt("there is no data key".to_owned()))?;
        let mut envelope = vec![VERSION];
        envelope.extend(id.0.to_be_bytes());
        envelope.extend(key.seal(secret.reveal().as_bytes(), &bound(row, id))?);
        Ok(STANDARD_NO_PAD.encode(envelope))
    }

    /// The secret in a row.
    pub fn open(&self, row: &str, sealed: &str) -> Result<Secret, Altered> {
        let envelope = STANDARD_NO_PAD.decode(sealed).map_err(|_| Altered)?;
        let id = key_of(&envelope).ok_or(Altered)?;
        let key = self.read(|keys| keys.get(&id).cloned()).ok_or(Altered)?;
        let (_, sealed) = envelope.split_at_checked(HEADER - NONCE).ok_or(Altered)?;
        let text = String::from_utf8(key.open(sealed, &bound(row, id))?);
        text.map(Secret::new).map_err(|error| {
            error.into_bytes().zeroize();
            Altered
        })
    }

    /// Which key a secret in a row was sealed with.
    pub fn sealed_with(sealed: &str) -> Option<KeyId> {
        key_of(&STANDARD_NO_PAD.decode(sealed).ok()?)
    }

    fn read<T>(&self, look: impl FnOnce(&BTreeMap<KeyId, SealingKey>) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The key an envelope of ours names.
fn key_of(envelope: &[u8]) -> Option<KeyId> {
    match envelope {
        [VERSION, a, b, c, d, ..] if envelope.len() >= HEADER => Some(KeyId(u32::from_be_bytes([*a, *b, *c, *d]))),
        _ => None,
    }
}

/// What a secret is bound to: the schema of sealing, its row, which names table, thing and field, and the key.
fn bound(row: &str, id: KeyId) -> Vec<u8> {
    format!("ztpd secret\n{SEALED}\n{row}\n{}", id.0).into_bytes()
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = "secret/device/001565000001/token";

    fn secret() -> Secret {
        Secret::new("sesame, öffne dich".to_owned())
    }

    #[test]
    fn sec_k02_a_sealed_secret_opens_in_its_place_and_nowhere_else() {
        let keys = Keyring::passing();
        let sealed = keys.seal(ROW, &secret()).unwrap();
        assert_eq!(keys.open(ROW, &sealed), Ok(secret()));
        assert_eq!(keys.open("secret/device/001565000001/previous_token", &sealed), Err(Altered));
        assert_eq!(keys.open("secret/device/001565000002/token", &sealed), Err(Altered));
        assert_eq!(Keyring::passing().open(ROW, &sealed), Err(Altered));
        assert_ne!(keys.seal(ROW, &secret()).unwrap(), sealed, "never twice the same nonce");
    }

    #[test]
    fn sec_k02_any_flipped_bit_is_noticed() {
        let keys = Keyring::passing();
        let sealed = STANDARD_NO_PAD.decode(keys.seal(ROW, &secret()).unwrap()).unwrap();
        for place in 0..sealed.len() {
            for bit in 0..8 {
                let mut flipped = sealed.clone();
                flipped[place] ^= 1 << bit;
                assert_eq!(keys.open(ROW, &STANDARD_NO_PAD.encode(&flipped)), Err(Altered), "{place} {bit}");
            }
            assert_eq!(keys.open(ROW, &STANDARD_NO_PAD.encode(&sealed[..place])), Err(Altered));
        }
        assert_eq!(keys.open(ROW, "no base64"), Err(Altered));
    }

    #[test]
    fn the_newest_key_seals_and_all_open() {
        let keys = Keyring::passing();
        let old = keys.seal(ROW, &secret()).unwrap();
        keys.add(KeyId(2), SealingKey::new(&[7; 32]));
        let new = keys.seal(ROW, &secret()).unwrap();
        assert_eq!((Keyring::sealed_with(&old), Keyring::sealed_with(&new)), (Some(KeyId(1)), Some(KeyId(2))));
        assert_eq!((keys.open(ROW, &old), keys.open(ROW, &new)), (Ok(secret()), Ok(secret())));
        keys.forget(KeyId(1));
        assert_eq!((keys.open(ROW, &old), keys.open(ROW, &new)), (Err(Altered), Ok(secret())));
    }
}
