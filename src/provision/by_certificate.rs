//! What does the certificate a phone was made with let it have, and what does it forbid? The certificate part of
//! [`super::policy`]: policy D6, D7, D10; ZERO-TOUCH Z4, Z16.
//!
//! Weaker proofs are allowed again (D10) by what an operator does: a rebind of the phone, removing the authority that
//! vouched for it, or leaving `"certificate"` out of `access.proofs`.

use super::policy::Effect;
use super::request::{BuiltIn, ClientCertificate};
use crate::inventory::event::Reason;
use crate::inventory::mac::MacAddr;
use crate::inventory::secret::TokenHash;
use crate::store::Phone;

/// What a certificate comes to for one phone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ByCertificate {
    /// It opens.
    Opens(Effect),
    /// Nothing opens, whatever else is shown.
    Refuse(Reason),
    /// It does not count: what weaker proofs may open.
    Weaker(Weaker),
}

/// Which weaker proofs may open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Weaker {
    /// All that are configured.
    All,
    /// None: this phone has shown a good certificate before (policy D10).
    None,
    /// Its token: the certificate is the phone's, and only dates are wrong with it (Z16).
    Token,
}

/// Decides over the certificate of a request for `mac`. `token`: what the token shown beside it would change, if it
/// is one that opens.
pub fn by_certificate(
    certificate: &ClientCertificate,
    mac: MacAddr,
    phone: &Phone,
    token: Option<&Effect>,
) -> ByCertificate {
    let pin = phone.access.pin.as_ref();
    match certificate {
        ClientCertificate::Good(says) if says.mac != mac => ByCertificate::Refuse(Reason::CertificateMacMismatch),
        ClientCertificate::Good(says) if says.maker != phone.device.value.maker.as_str() => {
            ByCertificate::Refuse(Reason::MakerMismatch)
        }
        ClientCertificate::Good(says) => by_key(says, phone, token),
        ClientCertificate::OutOfDate(says) if says.mac == mac && pin.is_some_and(|pin| pin.key == says.key) => {
            ByCertificate::Weaker(Weaker::Token)
        }
        _ if pin.is_some() => ByCertificate::Weaker(Weaker::None),
        _ => ByCertificate::Weaker(Weaker::All),
    }
}

/// A good certificate for this phone: is its key the one the phone is known by?
fn by_key(says: &BuiltIn, phone: &Phone, token: Option<&Effect>) -> ByCertificate {
    let shown: Option<TokenHash> = match token {
        Some(Effect::TokenShown(token)) => Some(*token),
        _ => None,
    };
    let (key, authority) = (says.key, says.authority);
    match &phone.access.pin {
        Some(pin) if pin.key == key => ByCertificate::Opens(token.copied().unwrap_or(Effect::None)),
        None => ByCertificate::Opens(Effect::Pin { key, authority, replaces: None, shown }),
        // A renewed certificate, and the token says that it is the same phone (Z16).
        Some(pin) if token.is_some() => {
            ByCertificate::Opens(Effect::Pin { key, authority, replaces: Some(pin.key), shown })
        }
        Some(_) => ByCertificate::Refuse(Reason::IdentityChanged),
    }
}
