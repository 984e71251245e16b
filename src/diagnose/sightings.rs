//! Who asked, and who told them what? Messages as they pass, gathered by phone and by server, in bounded space: whoever
//! floods a network with DHCP fills no memory here.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use jiff::Timestamp;

use super::dhcp_options::{Message, MessageType, Oddity, Op};
use super::finding::Subject;
use super::frame::{Datagram, FrameFault};
use crate::inventory::mac::MacAddr;
use crate::makers::dhcp::{Family, recognise};

const MOST_PHONES: usize = 4096;
const MOST_ANSWERS: usize = 16;
const MOST_MESSAGES: usize = 32;
const MOST_UNREADABLE: usize = 64;

/// Everything seen.
#[derive(Debug, Default)]
pub struct Sightings {
    /// The network, if it is a single one: by the interface it is on.
    pub interface: Option<String>,
    /// Phones, and whatever else asked, by address; our own questions by family besides.
    pub phones: BTreeMap<(MacAddr, Option<&'static str>), Phone>,
    /// What was wrong with messages that belong to no phone.
    pub unreadable: Vec<Unreadable>,
    /// Messages read.
    pub messages: usize,
    /// Datagrams with a wrong checksum, fragments, and short ones.
    pub dropped: Vec<(FrameFault, usize)>,
}

/// One that asked for an address.
#[derive(Debug)]
pub struct Phone {
    /// Who asked: a phone, or we as one.
    pub asker: Asker,
    /// Its address.
    pub mac: MacAddr,
    /// Whose phone it is, if it is one.
    pub family: Option<&'static Family>,
    /// The vendor class it sent.
    pub class: Option<String>,
    /// The VLAN tags of its frames.
    pub vlans: Vec<u16>,
    /// The kinds of its messages, in order.
    pub sent: Vec<MessageType>,
    /// What was wrong with them.
    pub oddities: Vec<Oddity>,
    /// What servers told it: the last answer of each.
    pub answers: Vec<Answer>,
    /// The server whose offer it took.
    pub took: Option<Ipv4Addr>,
    /// When it was first seen, where the time is known.
    pub first_seen: Option<Timestamp>,
    /// When it was last seen.
    pub last_seen: Option<Timestamp>,
}

/// Who asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Asker {
    /// Somebody on the network.
    Phone,
    /// We, as phones of a family would.
    Probe,
}

/// What a server told a phone.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The server as it names itself, else where the datagram came from.
    pub server: Ipv4Addr,
    /// Where the datagram came from: a relay, or the server.
    pub source: Ipv4Addr,
    /// Offer, acknowledgement or refusal.
    pub kind: Option<MessageType>,
    /// All of it.
    pub message: Message,
}

/// A message of nobody.
#[derive(Debug)]
pub struct Unreadable {
    /// Who sent it.
    pub source: Ipv4Addr,
    /// What is wrong with it.
    pub why: String,
}

impl Sightings {
    /// The network, as facts name it.
    pub fn network(&self) -> Subject {
        Subject::Network(self.interface.clone().unwrap_or_else(|| "dhcp".to_owned()))
    }

    /// Takes what stood in a frame.
    pub fn take(&mut self, time: Option<Timestamp>, found: Result<Datagram<'_>, FrameFault>) {
        match found {
            Ok(datagram) => self.datagram(time, &datagram),
            Err(fault) => match self.dropped.iter_mut().find(|(known, _)| same_kind(known, &fault)) {
                Some((_, count)) => *count = count.saturating_add(1),
                None => self.dropped.push((fault, 1)),
            },
        }
    }

    fn datagram(&mut self, time: Option<Timestamp>, datagram: &Datagram) {
        let message = match Message::read(datagram.payload) {
            Ok(message) => message,
            Err(why) => return self.unreadable(datagram.source, why.to_string()),
        };
        self.messages = self.messages.saturating_add(1);
        let Some(mac) = message.mac else {
            let why = message.oddities.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            return self.unreadable(datagram.source, why);
        };
        if self.phones.len() >= MOST_PHONES && !self.phones.contains_key(&(mac, None)) {
            return;
        }
        let phone = self.phones.entry((mac, None)).or_insert_with(|| Phone::new(mac, time));
        phone.last_seen = time.or(phone.last_seen);
        match message.op {
            Op::Request => phone.asks(datagram, message),
            Op::Reply => phone.is_told(datagram, message),
            Op::Other => phone.notice(message.oddities),
        }
    }

    /// We ask as a family's phones.
    pub fn asks(&mut self, family: &'static Family, mac: MacAddr, kind: MessageType) {
        let phone = self.phones.entry((mac, Some(family.name))).or_insert_with(|| Phone::new(mac, None));
        phone.asker = Asker::Probe;
        phone.family = Some(family);
        phone.class = super::dhcp_options::text_of(family.class);
        phone.sent.push(kind);
    }

    /// And are answered.
    pub fn answered(&mut self, family: &'static Family, mac: MacAddr, datagram: &Datagram, message: Message) {
        self.messages = self.messages.saturating_add(1);
        if let Some(phone) = self.phones.get_mut(&(mac, Some(family.name))) {
            phone.is_told(datagram, message);
        }
    }

    /// Whether any server has answered our question.
    pub fn is_answered(&self, family: &'static Family, mac: MacAddr) -> bool {
        self.phones.get(&(mac, Some(family.name))).is_some_and(|phone| !phone.answers.is_empty())
    }

    fn unreadable(&mut self, source: Ipv4Addr, why: String) {
        if self.unreadable.len() < MOST_UNREADABLE {
            self.unreadable.push(Unreadable { source, why });
        }
    }

    /// Every answer, with the phone it was for.
    pub fn answers(&self) -> impl Iterator<Item = (&Phone, &Answer)> {
        self.phones.values().flat_map(|phone| phone.answers.iter().map(move |answer| (phone, answer)))
    }

    /// The servers that answered.
    pub fn servers(&self) -> Vec<Ipv4Addr> {
        let mut servers: Vec<Ipv4Addr> = self.answers().map(|(_, answer)| answer.server).collect();
        servers.sort();
        servers.dedup();
        servers
    }
}

fn same_kind(a: &FrameFault, b: &FrameFault) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}

impl Phone {
    fn new(mac: MacAddr, time: Option<Timestamp>) -> Phone {
        Phone {
            asker: Asker::Phone,
            mac,
            family: recognise(None, Some(mac)),
            class: None,
            vlans: Vec::new(),
            sent: Vec::new(),
            oddities: Vec::new(),
            answers: Vec::new(),
            took: None,
            first_seen: time,
            last_seen: time,
        }
    }

    fn asks(&mut self, datagram: &Datagram, message: Message) {
        if let Some(class) = message.class() {
            self.family = recognise(Some(class), Some(self.mac));
            self.class = message.value(60).map(ToString::to_string);
        }
        if !datagram.vlans.is_empty() {
            self.vlans.clone_from(&datagram.vlans);
        }
        let kind = message.message_type();
        if kind == Some(MessageType::Request) {
            // Only a choice between offers names the server (RFC 2131 section 4.3.2).
            self.took = message.server_identifier().or(self.took);
        }
        if self.sent.len() < MOST_MESSAGES {
            self.sent.extend(kind);
        }
        self.notice(message.oddities);
    }

    fn is_told(&mut self, datagram: &Datagram, message: Message) {
        if self.vlans.is_empty() {
            self.vlans.clone_from(&datagram.vlans);
        }
        let server = message.server_identifier().unwrap_or(datagram.source);
        let kind = message.message_type();
        let answer = Answer { server, source: datagram.source, kind, message };
        match self.answers.iter_mut().find(|known| known.server == server) {
            // A refusal after an offer says nothing of options.
            Some(_) if kind == Some(MessageType::Nak) => {}
            // An answer to an INFORM has no address; what a phone boots with is the offer.
            Some(known) if known.kind == Some(MessageType::Offer) && answer.message.yiaddr.is_unspecified() => {}
            Some(known) => *known = answer,
            None => {
                self.answers.push(answer);
                self.answers.truncate(MOST_ANSWERS);
            }
        }
    }

    fn notice(&mut self, oddities: Vec<Oddity>) {
        for oddity in oddities {
            if self.oddities.len() < MOST_MESSAGES && !self.oddities.contains(&oddity) {
                self.oddities.push(oddity);
            }
        }
    }

    /// Whether it asked and nobody answered.
    pub fn is_unanswered(&self) -> bool {
        let asks = |kind: &MessageType| matches!(kind, MessageType::Discover | MessageType::Inform);
        self.sent.iter().any(asks) && self.answers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::dhcp_options::{Question, QuestionKind};

    const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 3);

    fn question(mac: MacAddr) -> Vec<u8> {
        Question { kind: QuestionKind::Discover, xid: 1, mac, class: b"yealink", wanted: &[66] }.octets()
    }

    /// An answer: its type, the address it gives, and one option more.
    fn reply(mac: MacAddr, kind: u8, address: u8, option: &[u8]) -> Vec<u8> {
        let mut octets = question(mac);
        octets.truncate(240);
        octets[0] = 2;
        octets[19] = address;
        octets.extend([53, 1, kind]);
        octets.extend(option);
        octets.push(255);
        octets
    }

    fn take(seen: &mut Sightings, payload: &[u8]) {
        let datagram = Datagram {
            source: SERVER,
            destination: Ipv4Addr::BROADCAST,
            source_port: 67,
            destination_port: 68,
            hardware: None,
            vlans: Vec::new(),
            payload,
        };
        seen.take(None, Ok(datagram));
    }

    fn mac(number: u32) -> MacAddr {
        let [_, d, e, f] = number.to_be_bytes();
        MacAddr::new([0x00, 0x15, 0x65, d, e, f]).unwrap()
    }

    #[test]
    fn whoever_floods_the_network_fills_no_memory() {
        let mut seen = Sightings::default();
        for number in 0..5000 {
            take(&mut seen, &question(mac(number)));
        }
        for number in 0..100u8 {
            take(&mut seen, &question(mac(1)));
            take(&mut seen, &reply(mac(1), 2, 9, &[54, 4, 10, 0, 0, number]));
            take(&mut seen, &[number]);
        }
        assert_eq!(seen.phones.len(), MOST_PHONES);
        assert_eq!(seen.unreadable.len(), MOST_UNREADABLE);
        let phone = &seen.phones[&(mac(1), None)];
        assert_eq!((phone.answers.len(), phone.sent.len()), (MOST_ANSWERS, MOST_MESSAGES));
    }

    #[test]
    fn what_a_phone_boots_with_is_kept() {
        let mut seen = Sightings::default();
        take(&mut seen, &question(mac(1)));
        assert!(seen.phones[&(mac(1), None)].is_unanswered());
        for (kind, address, text) in [(2, 9, "a"), (6, 0, "b"), (5, 0, "c")] {
            take(&mut seen, &reply(mac(1), kind, address, &[66, 1, text.as_bytes()[0]]));
        }
        // Neither the refusal nor the answer to an INFORM takes the offer's place; the acknowledgement does.
        let kept = |seen: &Sightings| seen.phones[&(mac(1), None)].answers[0].message.text(66).unwrap().to_owned();
        assert_eq!(kept(&seen), "a");
        take(&mut seen, &reply(mac(1), 5, 9, &[66, 1, b'd']));
        assert_eq!(kept(&seen), "d");
        assert_eq!(seen.servers(), [SERVER]);
    }

    #[test]
    fn a_phone_is_who_its_class_says_and_not_only_its_address() {
        let mut seen = Sightings::default();
        let stranger: MacAddr = "02:00:00:00:00:01".parse().unwrap();
        take(&mut seen, &question(stranger));
        assert_eq!(seen.phones[&(stranger, None)].family.unwrap().name, "Yealink");
    }
}
