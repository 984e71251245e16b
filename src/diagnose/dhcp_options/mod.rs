//! What does a DHCP message say? Our own reading of BOOTP and DHCPv4 (RFC 951, 2131, 2132, 3396), whole and pure.
//!
//! It reads what can be read and lists what is wrong: a library that stops at the first fault hides the option that
//! leads a phone astray. Only a message without its fixed fields is refused.

mod oddity;
mod shown;
mod told;
mod value;
mod walk;
mod write;

use std::net::Ipv4Addr;

pub use oddity::{Area, Oddity, Place};
use serde::Serialize;
pub use shown::shown;
pub use told::FOR_PHONES;
pub use value::{SubOption, Value, Vendor};
pub use write::{Question, QuestionKind};

use crate::inventory::mac::MacAddr;

const FIXED_FIELDS: usize = 236;
const COOKIE: [u8; 4] = [0x63, 0x82, 0x53, 0x63];

/// A message of DHCP or BOOTP.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// Request or reply, as the BOOTP field says.
    pub op: Op,
    /// The number that joins question and answers.
    pub xid: u32,
    /// The phone's address when it has one already.
    pub ciaddr: Ipv4Addr,
    /// The address offered to the phone.
    pub yiaddr: Ipv4Addr,
    /// The next server, a BOOTP field.
    pub siaddr: Ipv4Addr,
    /// The relay it came through.
    pub giaddr: Ipv4Addr,
    /// Whose message it is, if it says so in six octets.
    pub mac: Option<MacAddr>,
    /// The server's name, a BOOTP field; empty when it carries options.
    pub sname: String,
    /// The boot file's name, a BOOTP field; empty when it carries options.
    pub file: String,
    /// Every option, whole and in the order of the message.
    pub options: Vec<DhcpOption>,
    /// What is wrong with it.
    pub oddities: Vec<Oddity>,
}

/// An option with its value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DhcpOption {
    /// Its code.
    pub code: u8,
    /// Its octets, joined.
    pub octets: Vec<u8>,
    /// What they say.
    pub value: Value,
}

/// The BOOTP operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Op {
    /// Neither of both.
    Other,
    /// From a server.
    Reply,
    /// From a phone.
    Request,
}

/// The kind of a DHCP message (option 53).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)] // the RFC's own words
pub enum MessageType {
    Ack,
    Decline,
    Discover,
    Inform,
    Nak,
    Offer,
    Release,
    Request,
}

/// No message at all.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0} octets are too short for a BOOTP message of at least 236")]
pub struct TooShort(pub usize);

impl Message {
    /// Reads the payload of a UDP datagram of port 67 or 68.
    pub fn read(payload: &[u8]) -> Result<Message, TooShort> {
        let (fixed, rest) = payload.split_at_checked(FIXED_FIELDS).ok_or(TooShort(payload.len()))?;
        let mut oddities = Vec::new();
        let octets = |from: usize, length: usize| fixed.iter().copied().skip(from).take(length).collect::<Vec<u8>>();
        let word =
            |from: usize| fixed.iter().skip(from).take(4).fold(0u32, |word, octet| word << 8 | u32::from(*octet));
        let (sname, file) = (octets(44, 64), octets(108, 128));
        let (joined, overload) = match rest {
            [a, b, c, d, options @ ..] if [*a, *b, *c, *d] == COOKIE => {
                walk::walk(options, &file, &sname, &mut oddities)
            }
            [_, _, _, _, ..] => {
                oddities.push(Oddity::NoCookie);
                Default::default()
            }
            _ => {
                oddities.push(Oddity::Short(payload.len()));
                Default::default()
            }
        };
        let mut name = |overloaded: bool, field: &[u8], place| match overloaded {
            true => String::new(),
            false => bootp_name(field, place, &mut oddities),
        };
        let (sname, file) = (name(overload.sname, &sname, Place::Sname), name(overload.file, &file, Place::File));
        let mut message = Message {
            op: Op::read(fixed, &mut oddities),
            xid: word(4),
            ciaddr: word(12).into(),
            yiaddr: word(16).into(),
            siaddr: word(20).into(),
            giaddr: word(24).into(),
            mac: hardware_address(fixed, &mut oddities),
            sname,
            file,
            options: Vec::with_capacity(joined.len()),
            oddities,
        };
        for option in joined {
            let value = value::interpret(option.code, &option.value, &mut message.oddities);
            message.options.push(DhcpOption { code: option.code, octets: option.value, value });
        }
        message.check_type();
        Ok(message)
    }

    /// The value of an option.
    pub fn value(&self, code: u8) -> Option<&Value> {
        self.options.iter().find(|option| option.code == code).map(|option| &option.value)
    }

    /// The text of an option.
    pub fn text(&self, code: u8) -> Option<&str> {
        match self.value(code)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The addresses of an option; none if it is not there.
    pub fn addresses(&self, code: u8) -> &[Ipv4Addr] {
        match self.value(code) {
            Some(Value::Addresses(addresses)) => addresses,
            _ => &[],
        }
    }

    /// The options that lead phones: what matters when two answers are compared.
    pub fn for_phones(&self) -> impl Iterator<Item = &DhcpOption> {
        self.options.iter().filter(|option| FOR_PHONES.contains(&option.code))
    }

    /// What kind of message it is, if it says so.
    pub fn message_type(&self) -> Option<MessageType> {
        match self.value(53)? {
            Value::Number(number) => MessageType::numbered(*number),
            _ => None,
        }
    }

    /// The server that answered, as it names itself (option 54).
    pub fn server_identifier(&self) -> Option<Ipv4Addr> {
        self.addresses(54).first().copied()
    }

    /// The octets of the vendor class (option 60): whose phone it says it is.
    pub fn class(&self) -> Option<&[u8]> {
        self.options.iter().find(|option| option.code == 60).map(|option| option.octets.as_slice())
    }

    fn check_type(&mut self) {
        let fault = match self.options.iter().find(|option| option.code == 53).map(|option| option.octets.as_slice()) {
            None if self.oddities.iter().any(|oddity| matches!(oddity, Oddity::NoCookie | Oddity::Short(_))) => None,
            None => Some(Oddity::NoMessageType),
            Some([number]) if MessageType::numbered(u32::from(*number)).is_none() => {
                Some(Oddity::UnknownMessageType(*number))
            }
            Some([_]) => None,
            Some(other) => Some(Oddity::BadMessageType(other.len())),
        };
        self.oddities.extend(fault);
    }
}

impl Op {
    fn read(fixed: &[u8], oddities: &mut Vec<Oddity>) -> Op {
        match fixed {
            [1, ..] => Op::Request,
            [2, ..] => Op::Reply,
            [other, ..] => {
                oddities.push(Oddity::BadOp(*other));
                Op::Other
            }
            [] => Op::Other,
        }
    }
}

impl MessageType {
    fn numbered(number: u32) -> Option<MessageType> {
        Some(match number {
            1 => MessageType::Discover,
            2 => MessageType::Offer,
            3 => MessageType::Request,
            4 => MessageType::Decline,
            5 => MessageType::Ack,
            6 => MessageType::Nak,
            7 => MessageType::Release,
            8 => MessageType::Inform,
            _ => return None,
        })
    }
}

/// The text of a vendor class, if it is one.
pub fn text_of(class: &[u8]) -> Option<String> {
    (!class.is_empty()).then(|| value::interpret(60, class, &mut Vec::new()).to_string())
}

/// `hlen` octets of `chaddr`; Ethernet has six, and the field sixteen at most.
fn hardware_address(fixed: &[u8], oddities: &mut Vec<Oddity>) -> Option<MacAddr> {
    let length = fixed.get(2).copied().unwrap_or_default();
    if length != 6 {
        oddities.push(Oddity::HardwareLength(length));
        return None;
    }
    let octets = <[u8; 6]>::try_from(fixed.get(28..34)?).ok()?;
    MacAddr::new(octets).ok()
}

/// A BOOTP name ends at its first NUL, and most messages have none at all.
fn bootp_name(field: &[u8], place: Place, oddities: &mut Vec<Oddity>) -> String {
    match field.split(|octet| *octet == 0).next() {
        None | Some([]) => String::new(),
        Some(name) => value::text(place, name, oddities),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The fixed fields of a reply to one phone.
    fn fixed() -> Vec<u8> {
        let mut octets = vec![2, 1, 6, 0, 0, 0, 0, 7];
        octets.resize(28, 0);
        octets.extend([0x00, 0x15, 0x65, 0, 0, 1]);
        octets.resize(FIXED_FIELDS, 0);
        octets
    }

    fn with_options(options: &[u8]) -> Message {
        let payload = [&fixed(), &COOKIE[..], options].concat();
        Message::read(&payload).unwrap()
    }

    #[test]
    fn a_message_below_its_fixed_fields_is_refused() {
        assert_eq!(Message::read(&[2; 235]), Err(TooShort(235)));
        assert_eq!(Message::read(&[]), Err(TooShort(0)));
    }

    #[test]
    fn a_message_without_cookie_still_has_its_bootp_fields() {
        let message = Message::read(&fixed()).unwrap();
        assert_eq!(message.oddities, [Oddity::Short(236)]);
        assert_eq!(message.mac.unwrap().to_string(), "00:15:65:00:00:01");
        let message = Message::read(&[&fixed()[..], &[1, 2, 3, 4]].concat()).unwrap();
        assert_eq!(message.oddities, [Oddity::NoCookie]);
    }

    #[test]
    fn type_and_server_are_read() {
        let message = with_options(&[53, 1, 5, 54, 4, 10, 0, 0, 3, 255]);
        assert_eq!(message.message_type(), Some(MessageType::Ack));
        assert_eq!(message.server_identifier(), Some(Ipv4Addr::new(10, 0, 0, 3)));
        assert_eq!(message.oddities, []);
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(payload in proptest::collection::vec(any::<u8>(), 0..700)) {
            let _ = Message::read(&payload);
        }

        #[test]
        fn no_options_make_it_panic(options in proptest::collection::vec(any::<u8>(), 0..700), file in any::<[u8; 64]>()) {
            let mut octets = fixed();
            octets[108..172].copy_from_slice(&file);
            let _ = Message::read(&[&octets[..], &COOKIE, &[52, 1, 3], &options].concat());
        }

        #[test]
        fn what_was_put_in_comes_out(values in proptest::collection::btree_map(
            (128u8..=223).prop_filter("has a form of its own", |code| !matches!(code, 150 | 159..=161)),
            proptest::collection::vec(any::<u8>(), 1..600), 0..4,
        )) {
            let mut options = vec![53, 1, 2];
            for (code, value) in &values {
                for part in value.chunks(255) {
                    options.extend([*code, u8::try_from(part.len()).unwrap()]);
                    options.extend(part);
                }
            }
            options.push(255);
            let message = with_options(&options);
            prop_assert_eq!(&message.oddities, &vec![]);
            for (code, value) in &values {
                let found = message.options.iter().find(|option| option.code == *code).unwrap();
                prop_assert_eq!(&found.octets, value);
            }
        }
    }
}
