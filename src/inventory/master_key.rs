//! The one key everything else is sealed under (policy K1): 32 random octets that never lie beside what they seal.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::secret::NoRandomness;

/// The master key.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey([u8; 32]);

/// What a master key is recognised by: it tells nothing of the key.
#[derive(Clone, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

/// A file's content is no master key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("is no master key: it must hold 32 random octets, as they are, in hexadecimal (64 digits) or in base64")]
pub struct NoMasterKey;

impl MasterKey {
    /// A new one.
    pub fn new() -> Result<MasterKey, NoRandomness> {
        let mut octets = [0u8; 32];
        getrandom::fill(&mut octets).map_err(|_| NoRandomness)?;
        Ok(MasterKey(octets))
    }

    /// The key in a file: 32 octets, or their text in hexadecimal or base64 with whatever white space around it.
    pub fn read(content: &[u8]) -> Result<MasterKey, NoMasterKey> {
        let key = match <[u8; 32]>::try_from(content) {
            Ok(octets) => MasterKey(octets),
            Err(_) => MasterKey::from_text(content.trim_ascii()).ok_or(NoMasterKey)?,
        };
        // 32 times the same octet is an empty or a forgotten file, not a key.
        let [first, rest @ ..] = &key.0;
        if rest.iter().all(|octet| octet == first) { Err(NoMasterKey) } else { Ok(key) }
    }

    fn from_text(text: &[u8]) -> Option<MasterKey> {
        let mut octets = if text.len() == 64 { from_hex(text) } else { from_base64(text) }?;
        let key = <[u8; 32]>::try_from(octets.as_slice()).ok().map(MasterKey);
        octets.zeroize();
        key
    }

    /// The octets, for whoever seals with them.
    pub fn octets(&self) -> &[u8; 32] {
        &self.0
    }

    /// Sixty-four hexadecimal digits, for the file it is kept in.
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|octet| format!("{octet:02x}")).collect()
    }

    /// What it is recognised by.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut digest = Sha256::new();
        digest.update(b"ztpd master key\n");
        digest.update(self.0);
        Fingerprint(digest.finalize().iter().take(8).map(|octet| format!("{octet:02x}")).collect())
    }
}

fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |octet: &u8| char::from(*octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let octet = |pair: &[u8]| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    };
    text.chunks(2).map(octet).collect()
}

fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    let any = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engines = [GeneralPurpose::new(&STANDARD, any), GeneralPurpose::new(&URL_SAFE, any)];
    engines.iter().find_map(|engine| engine.decode(text).ok())
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OCTETS: [u8; 32] = *b"\xff\xfe\xfd0123456789abcdef0123456789abc";

    #[test]
    fn a_key_is_read_however_it_was_written() {
        let key = MasterKey(OCTETS);
        let standard = base64::engine::general_purpose::STANDARD.encode(OCTETS);
        let url_safe = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(OCTETS);
        assert_ne!(standard, url_safe);
        let hex = key.to_hex();
        let texts = [format!("{hex}\n"), hex.to_uppercase(), format!(" {standard}\r\n"), url_safe];
        for content in texts.iter().map(String::as_bytes).chain([&OCTETS[..]]) {
            assert_eq!(MasterKey::read(content).map(|key| key.0), Ok(OCTETS));
        }
    }

    #[test]
    fn what_is_no_key_is_not_taken_for_one() {
        let hex = MasterKey(OCTETS).to_hex();
        let short = &hex[..62];
        let many: [&[u8]; 7] = [
            b"",
            b"secret\n",
            short.as_bytes(),
            &[0; 32],
            &[b'x'; 64],
            &[0xff; 33],
            hex[..64].replace('f', "g").leak().as_bytes(),
        ];
        for content in many {
            assert_eq!(MasterKey::read(content).map(|key| key.0), Err(NoMasterKey), "{content:?}");
        }
    }

    #[test]
    fn sec_k04_a_master_key_is_never_printed() {
        assert_eq!(format!("{:?}", MasterKey(OCTETS)), "***");
        assert_eq!(MasterKey(OCTETS).fingerprint().to_string().len(), 16);
    }
}
