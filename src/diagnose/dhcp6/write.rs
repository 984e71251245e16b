//! How does a phone ask over IPv6? A SOLICIT or an INFORMATION-REQUEST. Nothing here can write a REQUEST: whoever only wants
//! to know takes no lease.

use super::{FOR_PHONES, Kind};
use crate::inventory::mac::MacAddr;

/// A question.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Question {
    /// Which.
    pub kind: QuestionKind,
    /// The number that comes back with the answer, 24 bits.
    pub xid: u32,
    /// Who asks.
    pub mac: MacAddr,
}

/// The two questions that take nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum QuestionKind {
    /// What is there to know?
    InformationRequest,
    /// Who has an address for me?
    Solicit,
}

impl QuestionKind {
    /// As the message says it.
    pub fn kind(self) -> Kind {
        match self {
            QuestionKind::InformationRequest => Kind::InformationRequest,
            QuestionKind::Solicit => Kind::Solicit,
        }
    }
}

impl Question {
    /// The message (RFC 8415 sections 18.2.1 and 18.2.6): who asks by its hardware address, since when (just now), what is
    /// wanted, and for a SOLICIT one association without an address.
    pub fn octets(&self) -> Vec<u8> {
        const NAME_SERVERS: u16 = 23;
        let number = match self.kind {
            QuestionKind::InformationRequest => 11,
            QuestionKind::Solicit => 1,
        };
        let [_, a, b, c] = self.xid.to_be_bytes();
        let mut octets = vec![number, a, b, c];
        let mut option = |code: u16, value: &[u8]| {
            octets.extend(code.to_be_bytes());
            octets.extend(u16::try_from(value.len()).unwrap_or_default().to_be_bytes());
            octets.extend(value);
        };
        option(1, &[&[0, 3, 0, 1][..], &self.mac.octets()].concat());
        option(8, &[0, 0]);
        let wanted: Vec<u8> = FOR_PHONES.iter().chain(&[NAME_SERVERS]).flat_map(|code| code.to_be_bytes()).collect();
        option(6, &wanted);
        if self.kind == QuestionKind::Solicit {
            option(3, &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        }
        octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::dhcp6::{Message, Value};

    #[test]
    fn a_question_is_read_as_it_was_meant_and_takes_no_lease() {
        let mac: MacAddr = "00:15:65:00:00:01".parse().unwrap();
        for kind in [QuestionKind::InformationRequest, QuestionKind::Solicit] {
            let message = Message::read(&Question { kind, xid: 0x00ab_cdef, mac }.octets()).unwrap();
            assert_eq!((message.kind, message.xid, message.mac()), (kind.kind(), 0x00ab_cdef, Some(mac)));
            assert_ne!(message.kind, Kind::Request);
            assert_eq!(message.oddities, []);
            let Some(Value::Codes(wanted)) = message.value(6) else { panic!() };
            assert!(FOR_PHONES.iter().all(|code| wanted.contains(code)));
            assert_eq!(message.value(3).is_some(), kind == QuestionKind::Solicit);
        }
    }
}
