//! How does a phone ask? A DISCOVER or INFORM as its maker's phones send it. Nothing here can write a REQUEST: whoever
//! only wants to know takes no lease. (The libraries that could build it bring a resolver and tables of Unicode along, for
//! five options.)

use std::net::Ipv4Addr;

use crate::inventory::mac::MacAddr;

/// A question.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Question<'a> {
    /// Which.
    pub kind: QuestionKind,
    /// The number that comes back with the answer.
    pub xid: u32,
    /// Who asks.
    pub mac: MacAddr,
    /// The vendor class (60); empty: none.
    pub class: &'a [u8],
    /// The options wanted (55).
    pub wanted: &'a [u8],
}

/// The two questions that take nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum QuestionKind {
    /// Who has an address for me?
    Discover,
    /// I have this address: what else is there?
    Inform(Ipv4Addr),
}

impl QuestionKind {
    /// As option 53 has it.
    pub fn message_type(self) -> super::MessageType {
        match self {
            QuestionKind::Discover => super::MessageType::Discover,
            QuestionKind::Inform(_) => super::MessageType::Inform,
        }
    }
}

impl Question<'_> {
    /// The message (RFC 2131 section 2), with the wish that the answer be broadcast: the asker may have no address.
    pub fn octets(&self) -> Vec<u8> {
        const BROADCAST: [u8; 2] = [0x80, 0];
        let (number, ciaddr, flags) = match self.kind {
            QuestionKind::Discover => (1, Ipv4Addr::UNSPECIFIED, BROADCAST),
            QuestionKind::Inform(address) => (8, address, [0, 0]),
        };
        let mut octets = vec![1, 1, 6, 0];
        octets.extend(self.xid.to_be_bytes());
        octets.extend([0, 0]);
        octets.extend(flags);
        octets.extend(ciaddr.octets());
        octets.resize(28, 0);
        octets.extend(self.mac.octets());
        octets.resize(super::FIXED_FIELDS, 0);
        octets.extend(super::COOKIE);
        let mut option = |code: u8, value: &[u8]| {
            let value = value.get(..255).unwrap_or(value);
            octets.push(code);
            octets.extend(u8::try_from(value.len()));
            octets.extend(value);
        };
        option(53, &[number]);
        option(57, &1500u16.to_be_bytes());
        option(55, self.wanted);
        if !self.class.is_empty() {
            option(60, self.class);
        }
        octets.push(255);
        // Some servers and relays drop what is shorter than a BOOTP message.
        octets.resize(octets.len().max(300), 0);
        octets
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Message, MessageType, Op};
    use super::*;

    #[test]
    fn a_question_says_who_asks_and_takes_nothing() {
        let address = Ipv4Addr::new(10, 0, 0, 7);
        for (kind, expected, ciaddr) in [
            (QuestionKind::Discover, MessageType::Discover, Ipv4Addr::UNSPECIFIED),
            (QuestionKind::Inform(address), MessageType::Inform, address),
        ] {
            let mac = "80:5e:c0:11:22:33".parse().unwrap();
            let question = Question { kind, xid: 7, mac, class: b"yealink", wanted: &[1, 66, 160] };
            let message = Message::read(&question.octets()).unwrap();
            assert_eq!((message.op, message.xid, message.mac), (Op::Request, 7, Some(mac)));
            assert_eq!((message.message_type(), message.ciaddr), (Some(expected), ciaddr));
            assert_eq!(message.class(), Some(&b"yealink"[..]));
            assert_eq!(message.oddities, []);
        }
    }
}
