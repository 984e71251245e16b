//! Who asked over IPv6, and who told them what? As with DHCPv4, in bounded space.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use jiff::Timestamp;

use super::{Kind, Message};
use crate::diagnose::frame::Datagram6;
use crate::inventory::mac::MacAddr;
use crate::makers::dhcp::{Family, recognise};

const MOST_ASKERS: usize = 4096;
const MOST_ANSWERS: usize = 16;
const MOST_MESSAGES: usize = 32;
const MOST_UNREADABLE: usize = 64;

/// Everything seen.
#[derive(Debug, Default)]
pub struct Sightings {
    /// Who asked, by the name it goes by.
    pub askers: BTreeMap<String, Asker>,
    /// What could not be read, and who sent it.
    pub unreadable: Vec<(Ipv6Addr, String)>,
    /// Messages read.
    pub messages: usize,
}

/// One that asked.
#[derive(Debug)]
pub struct Asker {
    /// Its hardware address, if that is known.
    pub mac: Option<MacAddr>,
    /// Its DUID, in hexadecimal digits.
    pub duid: Option<String>,
    /// Whether it is we.
    pub probe: bool,
    /// The VLAN tags of its frames.
    pub vlans: Vec<u16>,
    /// The kinds of its messages, in order.
    pub sent: Vec<Kind>,
    /// What servers told it: the last answer of each.
    pub answers: Vec<Answer>,
    /// When it was seen last, where the time is known.
    pub last_seen: Option<Timestamp>,
}

/// What a server told it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The server, by its DUID, else by the address it answered from.
    pub server: String,
    /// The address it answered from: its own, or a relay's.
    pub source: Ipv6Addr,
    /// All of it.
    pub message: Message,
}

impl Sightings {
    /// Takes a datagram that passed.
    pub fn take(&mut self, time: Option<Timestamp>, datagram: &Datagram6) {
        let message = match Message::read(datagram.payload) {
            Ok(message) => message,
            Err(why) if self.unreadable.len() < MOST_UNREADABLE => {
                return self.unreadable.push((datagram.source, why.to_string()));
            }
            Err(_) => return,
        };
        self.messages = self.messages.saturating_add(1);
        let Some(name) = name(&message) else { return };
        if self.askers.len() >= MOST_ASKERS && !self.askers.contains_key(&name) {
            return;
        }
        // Of an answer the frame is the server's, of a relayed question the relay's.
        let by_frame = || datagram.hardware.filter(|_| !message.is_answer() && message.relays.is_empty());
        let mac = message.mac().or_else(|| MacAddr::new(by_frame()?).ok());
        let asker = self.askers.entry(name).or_insert_with(|| Asker::new(message.client()));
        asker.mac = asker.mac.or(mac);
        asker.last_seen = time.or(asker.last_seen);
        if asker.vlans.is_empty() {
            asker.vlans.clone_from(&datagram.vlans);
        }
        if message.is_answer() {
            asker.is_told(datagram.source, message);
        } else if asker.sent.len() < MOST_MESSAGES {
            asker.sent.push(message.kind);
        }
    }

    /// We ask.
    pub fn asks(&mut self, mac: MacAddr, message: &Message) {
        let Some(name) = name(message) else { return };
        let asker = self.askers.entry(name).or_insert_with(|| Asker::new(message.client()));
        (asker.probe, asker.mac) = (true, Some(mac));
        asker.sent.push(message.kind);
    }

    /// Every answer, with whom it was for.
    pub fn answers(&self) -> impl Iterator<Item = (&Asker, &Answer)> {
        self.askers.values().flat_map(|asker| asker.answers.iter().map(move |answer| (asker, answer)))
    }
}

/// What joins questions and answers: the client's DUID, which servers send back; without one the number.
fn name(message: &Message) -> Option<String> {
    message.client().or_else(|| (message.kind != Kind::Reconfigure).then(|| format!("xid {:06x}", message.xid)))
}

impl Asker {
    fn new(duid: Option<String>) -> Asker {
        Asker {
            mac: None,
            duid,
            probe: false,
            vlans: Vec::new(),
            sent: Vec::new(),
            answers: Vec::new(),
            last_seen: None,
        }
    }

    /// Whose phone it seems to be.
    pub fn family(&self) -> Option<&'static Family> {
        recognise(None, self.mac)
    }

    fn is_told(&mut self, source: Ipv6Addr, message: Message) {
        let server = message.server().unwrap_or_else(|| source.to_string());
        let answer = Answer { server, source, message };
        // A REPLY to a question for options alone and an ADVERTISE say the same of options: the later one counts.
        self.answers.retain(|known| known.server != answer.server);
        if self.answers.len() < MOST_ANSWERS {
            self.answers.push(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::dhcp6::{Question, QuestionKind};

    fn datagram(payload: &[u8], last: u8) -> Datagram6<'_> {
        let source = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, u16::from(last));
        Datagram6 { source, hardware: Some([2, 0, 0, 0, 0, last]), vlans: Vec::new(), payload }
    }

    #[test]
    fn answers_find_their_phone_by_its_duid_and_a_flood_fills_no_memory() {
        let mut seen = Sightings::default();
        let asks = |number: u16| {
            let [high, low] = number.to_be_bytes();
            let mac = MacAddr::new([0x00, 0x15, 0x65, 0, high, low]).unwrap();
            Question { kind: QuestionKind::Solicit, xid: 1, mac }.octets()
        };
        for number in 0..5_000 {
            seen.take(None, &datagram(&asks(number), 9));
        }
        assert_eq!(seen.askers.len(), MOST_ASKERS);
        for server in 0..100u8 {
            let mut answer = asks(1);
            answer[0] = 2;
            answer.extend([0, 2, 0, 3, 0, 3, server]);
            seen.take(None, &datagram(&answer, server));
            seen.take(None, &datagram(&[7], server));
        }
        let phone = seen.askers.values().find(|asker| !asker.answers.is_empty()).unwrap();
        assert_eq!(
            (phone.mac.unwrap().to_string(), phone.answers.len()),
            ("00:15:65:00:00:01".to_owned(), MOST_ANSWERS)
        );
        assert_eq!((seen.unreadable.len(), phone.family().unwrap().name), (MOST_UNREADABLE, "Yealink"));
    }

    #[test]
    fn a_duid_that_names_no_hardware_leaves_the_frame_to_tell() {
        let mut seen = Sightings::default();
        let question = [&[11, 0, 0, 5][..], &[0, 1, 0, 4, 0, 4, 1, 2]].concat();
        seen.take(None, &datagram(&question, 7));
        let asker = seen.askers.values().next().unwrap();
        assert_eq!(asker.mac.unwrap().to_string(), "02:00:00:00:00:07");
    }
}
