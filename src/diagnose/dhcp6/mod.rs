//! What does a DHCPv6 message say? Our own reading of RFC 8415, with the options that lead phones: the boot file of
//! RFC 5970 (59, 60), vendor options (17), time (31, 56) and SIP servers (21, 22). As with DHCPv4 it reads what can be read
//! and lists what is wrong; only a message without its fixed fields is refused.

pub mod probe;
pub mod report;
pub mod sightings;
mod value;
mod write;

use std::net::Ipv6Addr;

use serde::Serialize;
pub use value::{Value, Vendor};
pub use write::{Question, QuestionKind};

use crate::inventory::mac::MacAddr;

/// The ports of servers and relays, and of clients.
pub const SERVER_PORT: u16 = 547;
/// The port phones ask from.
pub const CLIENT_PORT: u16 = 546;

/// More relays than this are none (RFC 8415 section 7.6).
const MOST_RELAYS: usize = 8;
/// A relay's message before its options.
const RELAY_FIELDS: usize = 34;

/// Options that name a server, a time server or whatever else phones go by: what differs between two servers matters here.
pub const FOR_PHONES: &[u16] = &[17, 21, 22, 31, 56, 59, 60];

/// A message of DHCPv6, out of what relays wrapped around it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// What kind.
    pub kind: Kind,
    /// The number that joins question and answer, 24 bits.
    pub xid: u32,
    /// The relays it went through, the outer one first.
    pub relays: Vec<Relay>,
    /// Every option in the order of the message.
    pub options: Vec<Dhcp6Option>,
    /// What is wrong with it.
    pub oddities: Vec<Oddity>,
}

/// A relay between phone and server.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Relay {
    /// Its address in the phone's network.
    pub link: Ipv6Addr,
    /// Whom it had it from, or is to give it to.
    pub peer: Ipv6Addr,
}

/// An option with its value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dhcp6Option {
    /// Its code.
    pub code: u16,
    /// Its octets.
    pub octets: Vec<u8>,
    /// What they say.
    pub value: Value,
}

/// The kind of a message.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
#[allow(missing_docs)] // the RFC's own words
pub enum Kind {
    Advertise,
    Confirm,
    Decline,
    InformationRequest,
    Other,
    Rebind,
    Reconfigure,
    Release,
    Renew,
    Reply,
    Request,
    Solicit,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Oddity {
    /// An option's value has a length that it cannot have.
    #[error("option {code} has {length} octets, which it cannot have")]
    BadLength {
        /// The option.
        code: u16,
        /// Its length.
        length: usize,
    },
    /// No text where one should be.
    #[error("option {0} is no UTF-8 text, or has control characters")]
    NotText(u16),
    /// An option runs over the message's end.
    #[error("option {code} says {says} octets, {there} are there")]
    Overrun {
        /// The option.
        code: u16,
        /// What it says.
        says: usize,
        /// What there is.
        there: usize,
    },
    /// A password stands in a URL.
    #[error("option {0} has a password in its URL, which every device of the network reads")]
    Password(u16),
    /// A kind of message that no RFC knows.
    #[error("message type {0} is none of DHCPv6")]
    UnknownKind(u8),
}

/// No message at all.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoMessage {
    /// A relay that carries nothing, or relays without end.
    #[error("a relay's message without a message in it")]
    Relay,
    /// Shorter than the fixed fields.
    #[error("{0} octets are too short for a DHCPv6 message")]
    TooShort(usize),
}

impl Message {
    /// Reads the payload of a UDP datagram of port 546 or 547.
    pub fn read(payload: &[u8]) -> Result<Message, NoMessage> {
        let mut relays = Vec::new();
        let mut inner = payload.to_vec();
        while let Some(relay) = relay(&inner)? {
            let (relay, message) = relay;
            relays.push(relay);
            inner = message;
            if relays.len() > MOST_RELAYS {
                return Err(NoMessage::Relay);
            }
        }
        let [kind, a, b, c, rest @ ..] = inner.as_slice() else { return Err(NoMessage::TooShort(inner.len())) };
        let mut oddities = Vec::new();
        let kind = Kind::numbered(*kind, &mut oddities);
        let mut options = Vec::new();
        for (code, octets) in walk(rest, &mut oddities) {
            let value = value::interpret(code, octets, &mut oddities);
            options.push(Dhcp6Option { code, octets: octets.to_vec(), value });
        }
        Ok(Message { kind, xid: u32::from_be_bytes([0, *a, *b, *c]), relays, options, oddities })
    }

    /// The value of the first option of that code.
    pub fn value(&self, code: u16) -> Option<&Value> {
        self.options.iter().find(|option| option.code == code).map(|option| &option.value)
    }

    /// The octets of the first option of that code.
    pub fn octets(&self, code: u16) -> Option<&[u8]> {
        self.options.iter().find(|option| option.code == code).map(|option| option.octets.as_slice())
    }

    /// Who asked, by its DUID (option 1); in answers too.
    pub fn client(&self) -> Option<String> {
        self.octets(1).map(hex)
    }

    /// The server, by its DUID (option 2).
    pub fn server(&self) -> Option<String> {
        self.octets(2).map(hex)
    }

    /// The hardware address of who asked: from its DUID (RFC 8415 section 11), or as a relay saw it (RFC 6939).
    pub fn mac(&self) -> Option<MacAddr> {
        let of_link = |octets: &[u8]| match octets {
            [0, 1, rest @ ..] => <[u8; 6]>::try_from(rest).ok().and_then(|mac| MacAddr::new(mac).ok()),
            _ => None,
        };
        let of_duid = |octets: &[u8]| match octets {
            [0, 1, 0, 1, _, _, _, _, rest @ ..] => of_link(&[&[0, 1], rest].concat()),
            [0, 3, rest @ ..] => of_link(rest),
            _ => None,
        };
        self.octets(79).and_then(of_link).or_else(|| of_duid(self.octets(1)?))
    }

    /// The addresses it is given.
    pub fn addresses(&self) -> Vec<Ipv6Addr> {
        match self.value(3) {
            Some(Value::Addresses(addresses)) => addresses.clone(),
            _ => Vec::new(),
        }
    }

    /// The options that lead phones.
    pub fn for_phones(&self) -> impl Iterator<Item = &Dhcp6Option> {
        self.options.iter().filter(|option| FOR_PHONES.contains(&option.code))
    }

    /// Whether a server says it.
    pub fn is_answer(&self) -> bool {
        matches!(self.kind, Kind::Advertise | Kind::Reconfigure | Kind::Reply)
    }
}

impl Dhcp6Option {
    /// Its name, if it has one here.
    pub fn name(&self) -> Option<&'static str> {
        Some(match self.code {
            1 => "client identifier",
            2 => "server identifier",
            3 => "addresses",
            6 => "wanted options",
            13 => "status",
            16 => "vendor class",
            17 => "vendor options",
            18 => "interface",
            21 => "SIP server names",
            22 => "SIP server addresses",
            23 => "name servers",
            24 => "domains",
            31 => "SNTP servers",
            56 => "NTP server",
            59 => "boot file URL",
            60 => "boot file parameters",
            79 => "hardware address",
            _ => return None,
        })
    }
}

impl Serialize for Dhcp6Option {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::json!({ "code": self.code, "name": self.name(), "value": self.value }).serialize(serializer)
    }
}

impl Kind {
    fn numbered(number: u8, oddities: &mut Vec<Oddity>) -> Kind {
        match number {
            1 => Kind::Solicit,
            2 => Kind::Advertise,
            3 => Kind::Request,
            4 => Kind::Confirm,
            5 => Kind::Renew,
            6 => Kind::Rebind,
            7 => Kind::Reply,
            8 => Kind::Release,
            9 => Kind::Decline,
            10 => Kind::Reconfigure,
            11 => Kind::InformationRequest,
            other => {
                oddities.push(Oddity::UnknownKind(other));
                Kind::Other
            }
        }
    }
}

/// The relay around a message, and the message; `None`: it is none of a relay's.
fn relay(payload: &[u8]) -> Result<Option<(Relay, Vec<u8>)>, NoMessage> {
    if !matches!(payload, [12 | 13, ..]) {
        return Ok(None);
    }
    let (fixed, options) = payload.split_at_checked(RELAY_FIELDS).ok_or(NoMessage::TooShort(payload.len()))?;
    let address = |from: usize| {
        let octets = fixed.get(from..from.saturating_add(16)).and_then(|part| <[u8; 16]>::try_from(part).ok());
        octets.map_or(Ipv6Addr::UNSPECIFIED, Ipv6Addr::from)
    };
    let message = walk(options, &mut Vec::new()).into_iter().find(|(code, _)| *code == 9);
    let (_, message) = message.ok_or(NoMessage::Relay)?;
    Ok(Some((Relay { link: address(2), peer: address(18) }, message.to_vec())))
}

/// The options in a row; what runs over the end is taken as far as it goes.
fn walk<'a>(mut rest: &'a [u8], oddities: &mut Vec<Oddity>) -> Vec<(u16, &'a [u8])> {
    let mut options = Vec::new();
    while let [a, b, c, d, after @ ..] = rest {
        let (code, says) = (u16::from_be_bytes([*a, *b]), usize::from(u16::from_be_bytes([*c, *d])));
        let (octets, next) = after.split_at_checked(says).unwrap_or_else(|| {
            oddities.push(Oddity::Overrun { code, says, there: after.len() });
            (after, &[])
        });
        options.push((code, octets));
        rest = next;
    }
    options
}

/// Octets as people compare them.
pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn option(code: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len()).unwrap();
        [&code.to_be_bytes()[..], &length.to_be_bytes(), value].concat()
    }

    const DUID: &[u8] = &[0, 3, 0, 1, 0x00, 0x15, 0x65, 0, 0, 1];

    #[test]
    fn a_reply_with_everything_that_leads_phones_is_read() {
        let vendor = [&9u32.to_be_bytes()[..], &option(1, b"https://prov.example.com/")].concat();
        let time = option(3, b"\x04time\x07example\x03com\x00");
        let payload = [
            vec![7, 1, 2, 3],
            option(1, DUID),
            option(2, &[0, 2, 0, 0, 0, 9, 7]),
            option(59, b"https://prov.example.com/dms/"),
            option(17, &vendor),
            option(56, &time),
            option(31, &Ipv6Addr::LOCALHOST.octets()),
        ]
        .concat();
        let message = Message::read(&payload).unwrap();
        assert_eq!((message.kind, message.xid, message.oddities.as_slice()), (Kind::Reply, 0x0001_0203, &[][..]));
        assert_eq!(message.mac().unwrap().to_string(), "00:15:65:00:00:01");
        let codes: Vec<u16> = message.for_phones().map(|option| option.code).collect();
        assert_eq!(codes, [59, 17, 56, 31]);
        assert_eq!(message.value(59), Some(&Value::Text("https://prov.example.com/dms/".to_owned())));
        assert_eq!(message.value(56), Some(&Value::Texts(vec!["time.example.com".to_owned()])));
        let Some(Value::Vendor(vendor)) = message.value(17) else { panic!() };
        assert_eq!((vendor.enterprise, vendor.texts()), (9, vec!["https://prov.example.com/".to_owned()]));
    }

    #[test]
    fn what_relays_wrap_around_a_message_is_taken_off() {
        let inner = [vec![1, 0, 0, 7], option(1, &[0, 2, 0])].concat();
        let around = |message: &[u8], last: u8| {
            let (link, peer) = (Ipv6Addr::from(u128::from(last)).octets(), Ipv6Addr::LOCALHOST.octets());
            [&[12, 0][..], &link, &peer, &option(79, &[0, 1, 0, 0x15, 0x65, 0, 0, 2]), &option(9, message)].concat()
        };
        let message = Message::read(&around(&around(&inner, 1), 2)).unwrap();
        assert_eq!((message.kind, message.xid), (Kind::Solicit, 7));
        assert_eq!(message.relays.iter().map(|relay| relay.link.octets()[15]).collect::<Vec<_>>(), [2, 1]);
        let mut endless = inner;
        for _ in 0..10 {
            endless = around(&endless, 1);
        }
        assert_eq!(Message::read(&endless), Err(NoMessage::Relay));
        assert_eq!(Message::read(&[12; 34]), Err(NoMessage::Relay));
        assert_eq!(Message::read(&[13; 33]), Err(NoMessage::TooShort(33)));
    }

    #[test]
    fn what_is_wrong_is_listed_and_the_rest_is_read() {
        let payload =
            [vec![7, 0, 0, 1], option(31, &[1, 2, 3]), option(59, b"a\xff"), vec![0, 60, 0, 9, 0, 1]].concat();
        let message = Message::read(&payload).unwrap();
        assert_eq!(
            message.oddities,
            [
                Oddity::Overrun { code: 60, says: 9, there: 2 },
                Oddity::BadLength { code: 31, length: 3 },
                Oddity::NotText(59),
                Oddity::BadLength { code: 60, length: 2 },
            ]
        );
        assert_eq!(Message::read(&[7, 0, 0]), Err(NoMessage::TooShort(3)));
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(payload in proptest::collection::vec(any::<u8>(), 0..300), kind in 0u8..14) {
            let _ = Message::read(&payload);
            let _ = Message::read(&[&[kind][..], &payload].concat());
        }

        #[test]
        fn no_option_makes_it_panic(code in 0u16..90, value in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = Message::read(&[vec![7, 0, 0, 1], option(code, &value)].concat());
        }
    }
}
