//! How did a connection of a phone begin, or why did it not? One record of a TLS handshake, as it is kept and shown.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;

/// A TLS handshake, or several of one address that went alike.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Handshake {
    /// When it happened first.
    pub first_seen: Timestamp,
    /// When it happened last.
    pub last_seen: Timestamp,
    /// How often.
    pub count: u64,
    /// Whose.
    pub address: IpAddr,
    /// The name the phone wants to speak to, where it says one.
    pub server_name: Option<String>,
    /// Whether our certificate is for that name; without one, for the address that was asked.
    pub certificate_fits: bool,
    /// The version that was agreed on.
    pub version: Option<&'static str>,
    /// The cipher suite that was agreed on.
    pub cipher: Option<&'static str>,
    /// Why nothing came of it.
    pub failure: Option<HandshakeFailure>,
    /// What the TLS library says of that.
    pub detail: Option<String>,
}

/// Why nothing came of a connection.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HandshakeFailure {
    /// The phone ended it with a word that tells nothing of the cause.
    Alert,
    /// The phone says that our certificate is over: by its clock.
    CertificateExpired,
    /// The phone does not take our certificate, and says no more.
    CertificateRefused,
    /// The phone hung up in the midst of it without a word.
    HungUp,
    /// The phone speaks TLS 1.2, but no cipher, key exchange or signature that we take.
    NoCommonCipher,
    /// It went well, and then the phone hung up without asking for anything.
    NothingAsked,
    /// What came was no TLS.
    NotTls,
    /// The phone speaks nothing newer than TLS 1.1.
    OldVersion,
    /// Our side of it, or what the phone sent makes no sense.
    Other,
    /// It took too long.
    TimedOut,
    /// The phone does not know the authority of our certificate.
    UnknownAuthority,
}
