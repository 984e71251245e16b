//! Is what a request shows as user name and password the word of the phone it asks for? A phone's user name is its MAC,
//! its password its token (policy D8). What a nonce is worth is the same for every phone, known or not.

use super::credentials::{Credentials, DigestResponse};
use super::nonces::{Nonces, Worth};
use super::request::Request;
use crate::inventory::mac::MacAddr;
use crate::inventory::secret::TokenHash;
use crate::store::Phone;

/// What came of user name and password.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Password {
    /// None were shown, or they do not count here.
    #[default]
    None,
    /// The challenge they answer is over: the phone shall answer a new one, without asking anybody.
    Stale,
    /// They show this token.
    Token(TokenHash),
    /// They are another phone's, or nobody's.
    Wrong,
}

impl Password {
    /// Judges what was shown for the phone that is asked for.
    pub fn of(
        credentials: &Credentials,
        mac: MacAddr,
        phone: Option<&Phone>,
        nonces: &Nonces,
        request: &Request,
    ) -> Password {
        match credentials {
            Credentials::Basic { user, password } if *user == mac => Password::Token(*password),
            Credentials::Basic { .. } => Password::Wrong,
            Credentials::Digest(response) => {
                // Before anything about the phone: who asks learns the same of every phone.
                if nonces.take(&response.nonce, response.count, request.time) != Worth::Fresh {
                    return Password::Stale;
                }
                let token = phone.filter(|_| response.user == mac).and_then(|phone| proven(response, phone, request));
                token.map_or(Password::Wrong, Password::Token)
            }
        }
    }
}

/// The token of the phone that the response was made with.
fn proven(response: &DigestResponse, phone: &Phone, request: &Request) -> Option<TokenHash> {
    let proves = |token| response.proves(token, request.method.name(), &request.target);
    [Some(&phone.token), phone.previous_token.as_ref()]
        .into_iter()
        .flatten()
        .find(|token| proves(token))
        .map(crate::inventory::secret::Secret::hash)
}
