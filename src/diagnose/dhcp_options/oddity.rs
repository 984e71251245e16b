//! What is wrong with a DHCP message? Each fault is read over as far as that is safe, and said aloud: phones differ in
//! what they forgive.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::diagnose::Code;

/// A field of the message that carries options.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Area {
    /// The options field, after the cookie.
    Options,
    /// The boot file name, overloaded.
    File,
    /// The server name, overloaded.
    Sname,
}

/// Where a value stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// The BOOTP field for the boot file's name.
    File,
    /// An option.
    Option(u8),
    /// The BOOTP field for the server's name.
    Sname,
    /// A sub-option of an option.
    SubOption(u8, u8),
}

/// One fault of a message.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Oddity {
    /// Octets behind the end option.
    #[error("{0}: octets after the end option, which nobody reads")]
    AfterEnd(Area),
    /// A list of addresses that was written as text.
    #[error("{0} is an address written as text; phones read it as four octets an address")]
    AddressAsText(Place),
    /// A length that the option cannot have.
    #[error("{place} has {length} octets; {expected}")]
    BadLength {
        /// Where.
        place: Place,
        /// How long it is.
        length: usize,
        /// What it should be.
        expected: &'static str,
    },
    /// Option 53 of another length than one.
    #[error("the message type (option 53) has {0} octets instead of one")]
    BadMessageType(usize),
    /// Neither request nor reply.
    #[error("op is {0}, neither request (1) nor reply (2)")]
    BadOp(u8),
    /// A control character, which forges lines of logs and headers.
    #[error("{0} has a control character")]
    ControlCharacter(Place),
    /// A text of no length.
    #[error("{0} is empty")]
    Empty(Place),
    /// No usable hardware address.
    #[error("the hardware address has a length (hlen) of {0} instead of 6")]
    HardwareLength(u8),
    /// BOOTP, but no options of DHCP.
    #[error("no magic cookie (63 82 53 63): BOOTP without DHCP options")]
    NoCookie,
    /// A field that just ends.
    #[error("{0}: no end option")]
    NoEnd(Area),
    /// Option 53 is missing.
    #[error("no message type (option 53): BOOTP, not DHCP")]
    NoMessageType,
    /// Not UTF-8.
    #[error("{0} is not text")]
    NotText(Place),
    /// A NUL before the end, where phones stop reading.
    #[error("{0} has a NUL inside; phones read it up to there")]
    NulInside(Place),
    /// Option 52 with a value there is not.
    #[error("option 52 (overload) is {0:?} instead of 1, 2 or 3")]
    Overload(Vec<u8>),
    /// Option 52 where it has no meaning.
    #[error("{0}: option 52 (overload) inside an overloaded field is not followed")]
    OverloadInside(Area),
    /// A name and password in a URL, which everybody on the network can read.
    #[error("{0} carries a password, which everybody on this network can read")]
    Password(Place),
    /// A fixed option more than once.
    #[error("option {0} appears more than once; the first counts")]
    Repeated(u8),
    /// A message without room for the cookie.
    #[error("{0} octets: ends before its options")]
    Short(usize),
    /// A sub-option that runs over its option.
    #[error("{place} says it has {says} octets, {there} are there")]
    SubOption {
        /// Which.
        place: Place,
        /// Its length octet.
        says: u8,
        /// What is left of the option.
        there: usize,
    },
    /// An option that runs over its field.
    #[error("{}", truncated(*.area, *.code, *.says, *.there))]
    Truncated {
        /// The field.
        area: Area,
        /// The option.
        code: u8,
        /// Its length octet, if that is there.
        says: Option<u8>,
        /// What is left of the field.
        there: usize,
    },
    /// Option 53 with a type there is not.
    #[error("unknown message type {0} (option 53)")]
    UnknownMessageType(u8),
}

fn truncated(area: Area, code: u8, says: Option<u8>, there: usize) -> String {
    match says {
        Some(says) => format!("{area}: option {code} says it has {says} octets, {there} are there"),
        None => format!("{area}: ends after the code of option {code}"),
    }
}

impl Oddity {
    /// A stable word for it: what programs compare.
    pub fn code(&self) -> Code {
        match self {
            Oddity::AfterEnd(_) => Code::AfterEnd,
            Oddity::AddressAsText(_) => Code::AddressAsText,
            Oddity::BadLength { .. } => Code::BadLength,
            Oddity::BadMessageType(_) => Code::BadMessageType,
            Oddity::BadOp(_) => Code::BadOp,
            Oddity::ControlCharacter(_) => Code::ControlCharacter,
            Oddity::Empty(_) => Code::Empty,
            Oddity::HardwareLength(_) => Code::HardwareLength,
            Oddity::NoCookie => Code::NoCookie,
            // Every phone reads such a message all the same: ISC dhcpd leaves the end option out of a full field.
            Oddity::NoEnd(_) => Code::NoEnd,
            Oddity::NoMessageType => Code::NoMessageType,
            Oddity::NotText(_) => Code::NotText,
            Oddity::NulInside(_) => Code::NulInside,
            Oddity::Overload(_) => Code::BadOverload,
            Oddity::OverloadInside(_) => Code::OverloadInside,
            Oddity::Password(_) => Code::Password,
            Oddity::Repeated(_) => Code::Repeated,
            Oddity::Short(_) => Code::Short,
            Oddity::SubOption { .. } => Code::BadSubOption,
            Oddity::Truncated { .. } => Code::TruncatedOption,
            Oddity::UnknownMessageType(_) => Code::UnknownMessageType,
        }
    }
}

impl Serialize for Oddity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut fields = serializer.serialize_struct("Oddity", 2)?;
        fields.serialize_field("code", &self.code())?;
        fields.serialize_field("message", &self.to_string())?;
        fields.end()
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Area::Options => "options",
            Area::File => "options in the file field",
            Area::Sname => "options in the sname field",
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File => f.write_str("the file field"),
            Place::Option(code) => write!(f, "option {code}"),
            Place::Sname => f.write_str("the sname field"),
            Place::SubOption(code, sub) => write!(f, "sub-option {sub} of option {code}"),
        }
    }
}
