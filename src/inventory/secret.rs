//! Values nobody may see by accident: SIP passwords, device tokens, phones' admin passwords.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret text: wiped when dropped, printed as `***`, shown only by [`Secret::reveal`].
#[derive(Clone, Eq, PartialEq, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

/// How many random octets a device token has (policy D8): makers with short URL fields get fewer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenLength {
    /// 32 octets, 43 characters.
    Full,
    /// 16 octets, 22 characters.
    Short,
}

/// SHA-256 of a token: what a presented token is compared by, in constant time.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct TokenHash([u8; 32]);

/// The machine has no randomness to give.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct NoRandomness;

/// Letters and digits that no file format escapes and no eye confuses.
const SAFE: &[u8] = b"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

impl Secret {
    /// Takes over a text that must stay secret.
    pub fn new(text: String) -> Secret {
        Secret(text)
    }

    /// The text. Every caller is a place where a secret leaves: keep them few.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// A new token for a device's URL.
    pub fn token(length: TokenLength) -> Result<Secret, NoRandomness> {
        let mut octets = [0u8; 32];
        getrandom::fill(&mut octets).map_err(|_| NoRandomness)?;
        let (short, _) = octets.split_at(16);
        let text = match length {
            TokenLength::Full => URL_SAFE_NO_PAD.encode(octets),
            TokenLength::Short => URL_SAFE_NO_PAD.encode(short),
        };
        octets.zeroize();
        Ok(Secret(text))
    }

    /// A new password of 24 characters that are safe in every configuration format, with at least one lower-case
    /// letter, one upper-case letter and one digit, since some phones silently drop a password without.
    pub fn password() -> Result<Secret, NoRandomness> {
        Secret::random(24)
    }

    /// A new password for a phone's own web page: 20 characters, since some adapters drop a longer one.
    pub fn admin_password() -> Result<Secret, NoRandomness> {
        Secret::random(20)
    }

    fn random(length: usize) -> Result<Secret, NoRandomness> {
        loop {
            let mut text = String::with_capacity(length);
            while text.len() < length {
                let mut octet = [0u8; 1];
                getrandom::fill(&mut octet).map_err(|_| NoRandomness)?;
                // 57 characters; octets that would favour the first ones are thrown away.
                if let Some(character) = SAFE.get(usize::from(octet[0]) % 64) {
                    text.push(char::from(*character));
                }
            }
            let has = |class: fn(&char) -> bool| text.chars().any(|character| class(&character));
            if has(char::is_ascii_lowercase) && has(char::is_ascii_uppercase) && has(char::is_ascii_digit) {
                return Ok(Secret(text));
            }
        }
    }

    /// The hash a presented token is compared with.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl TokenHash {
    /// The hash of a presented text.
    pub fn of(text: &str) -> TokenHash {
        TokenHash(Sha256::digest(text.as_bytes()).into())
    }

    /// Whether both come from the same token; takes the same time either way.
    pub fn matches(&self, other: &TokenHash) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// Whether these are the digits of [`TokenHash::to_hex`]; takes the same time for all digits of the right number.
    pub fn is_hex(&self, digits: &str) -> bool {
        self.to_hex().as_bytes().ct_eq(digits.as_bytes()).into()
    }

    /// Sixty-four lower-case hexadecimal digits.
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|octet| format!("{octet:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".into())), "***");
    }

    #[test]
    fn tokens_are_as_long_as_their_makers_take() {
        assert_eq!(Secret::token(TokenLength::Full).unwrap().reveal().len(), 43);
        assert_eq!(Secret::token(TokenLength::Short).unwrap().reveal().len(), 22);
    }

    #[test]
    fn passwords_suit_every_format_and_every_phone() {
        for _ in 0..200 {
            let password = Secret::password().unwrap();
            let text = password.reveal();
            assert_eq!(text.len(), 24);
            assert!(text.bytes().all(|byte| SAFE.contains(&byte)));
            assert!(
                text.bytes().any(|byte| byte.is_ascii_digit()) && text.bytes().any(|byte| byte.is_ascii_uppercase())
            );
        }
    }

    #[test]
    fn only_the_same_token_matches() {
        let token = Secret::new("abc".into());
        assert!(token.hash().matches(&TokenHash::of("abc")));
        assert!(!token.hash().matches(&TokenHash::of("abd")));
    }
}
