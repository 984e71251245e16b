//! What did the DHCP watcher see of late? Messages as they passed, by phone, for a day and in bounded memory: they are
//! kept as they came and read when somebody asks, so that one reading of DHCP serves captures, probes and this.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::dhcp_options::{Message, MessageType, Op};
use super::frame::{CLIENT_PORT, Datagram, SERVER_PORT};
use super::sightings::Sightings;
use crate::inventory::mac::MacAddr;
use crate::makers::dhcp::{Family, recognise};

/// How many that ask are told apart, and how many kinds of messages are kept of one.
const MOST: usize = 1024;
const MOST_OF_ONE: usize = 16;
/// The longest message: more than an Ethernet frame carries.
const LONGEST: usize = 2048;
/// For how long, in seconds.
pub(super) const LASTS: i64 = 86_400;
/// How long servers have to answer, and the watcher to hand it in, before it counts that they did not, in seconds.
const SETTLES: i64 = 30;
/// What was said so long before the last DISCOVER belongs to the boot before, in seconds.
const ONE_BOOT: i64 = 120;
/// For how long after something came it is news, in seconds: longer than it takes to settle.
const NEWS: i64 = 120;
/// How far the watcher's clock may be ahead, in seconds.
const AHEAD: i64 = 300;

/// A message of DHCP, as it passed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// When.
    pub time: Timestamp,
    /// The address it came from.
    pub source: IpAddr,
    /// The VLAN tags of its frame, the outer one first.
    #[serde(default)]
    pub vlans: Vec<u16>,
    /// The payload of its datagram.
    pub payload: Payload,
}

/// The octets of a message; written as base64.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Payload(pub Vec<u8>);

/// What became of an observation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Taken {
    /// It is kept.
    Kept(MacAddr),
    /// It is older than what is kept, or from the future.
    OutOfTime,
    /// It is no message of DHCP, or of nobody.
    Unreadable,
}

/// The memory.
#[derive(Debug, Default)]
pub struct Observations {
    askers: Mutex<BTreeMap<MacAddr, Asker>>,
    /// The second in which something was kept last.
    taken: AtomicI64,
}

/// One that asked, or was answered.
#[derive(Debug)]
struct Asker {
    family: Option<&'static Family>,
    last_seen: Timestamp,
    /// Since when it asks and hears nothing.
    asks_since: Option<Timestamp>,
    messages: Vec<Kept>,
}

/// Messages of one kind, from one source: the last one.
#[derive(Debug)]
struct Kept {
    kind: Kind,
    first_seen: Timestamp,
    count: usize,
    last: Observation,
}

/// What makes messages of one kind.
type Kind = (bool, Option<MessageType>, IpAddr);

impl Observations {
    /// Takes what passed.
    pub fn take(&self, mut observation: Observation, now: Timestamp) -> Taken {
        let age = now.as_second().saturating_sub(observation.time.as_second());
        if !(-AHEAD..LASTS).contains(&age) {
            return Taken::OutOfTime;
        }
        observation.time = observation.time.min(now);
        let Ok(message) = Message::read(&observation.payload.0) else { return Taken::Unreadable };
        let Some(mac) = message.mac else { return Taken::Unreadable };
        let mut askers = self.askers.lock().unwrap_or_else(PoisonError::into_inner);
        if askers.len() >= MOST && !askers.contains_key(&mac) {
            make_room(&mut askers);
        }
        let asker = askers.entry(mac).or_insert_with(|| Asker {
            family: recognise(None, Some(mac)),
            last_seen: observation.time,
            asks_since: None,
            messages: Vec::new(),
        });
        asker.take(observation, &message);
        self.taken.store(now.as_second(), Ordering::Relaxed);
        Taken::Kept(mac)
    }

    /// Everything that is remembered, or what is remembered of one.
    pub fn sightings(&self, of: Option<MacAddr>, now: Timestamp) -> Sightings {
        let mut askers = self.askers.lock().unwrap_or_else(PoisonError::into_inner);
        askers.retain(|_, asker| now.as_second().saturating_sub(asker.last_seen.as_second()) < LASTS);
        let mut seen = Sightings::default();
        for (_, asker) in askers.iter().filter(|(mac, _)| of.is_none_or(|of| of == **mac)) {
            for kept in &asker.messages {
                kept.show(&mut seen);
            }
        }
        seen
    }

    /// What each was told when it booted last: what came before has been overtaken.
    pub fn last_boots(&self, now: Timestamp) -> Sightings {
        let askers = self.askers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen = Sightings::default();
        askers.values().flat_map(|asker| asker.last_boot(now)).for_each(|kept| kept.show(&mut seen));
        seen
    }

    /// Whether something came of late.
    pub fn has_news(&self, now: Timestamp) -> bool {
        age(now, self.taken.load(Ordering::Relaxed)) < NEWS
    }
}

/// What is no phone makes room first, then whoever was not seen for the longest time.
fn make_room(askers: &mut BTreeMap<MacAddr, Asker>) {
    let least = askers.iter().min_by_key(|(_, asker)| (asker.family.is_some(), asker.last_seen));
    if let Some(mac) = least.map(|(mac, _)| *mac) {
        askers.remove(&mac);
    }
}

fn age(now: Timestamp, second: i64) -> i64 {
    now.as_second().saturating_sub(second)
}

impl Kept {
    fn show(&self, seen: &mut Sightings) {
        // Who asked again and again is told from who asked once.
        for time in [self.first_seen, self.last.time].into_iter().take(self.count) {
            seen.take(Some(time), Ok(self.last.datagram()));
        }
    }

    /// Whether it says that servers answer: a REQUEST has an answer before it, though it may not have been heard.
    fn is_answer(&self) -> bool {
        let (is_request, kind, _) = self.kind;
        !is_request || kind == Some(MessageType::Request)
    }
}

impl Asker {
    /// The messages of its last boot. Until servers had time to answer this one, the one before counts, if there was one.
    fn last_boot(&self, now: Timestamp) -> Vec<&Kept> {
        let recent = self.messages.iter().filter(|kept| age(now, kept.last.time.as_second()) < LASTS);
        let mut recent: Vec<&Kept> = recent.collect();
        let discover = |kept: &&&Kept| kept.kind.0 && kept.kind.1 == Some(MessageType::Discover);
        let discover = recent.iter().filter(discover).map(|kept| kept.last.time).max();
        let begin = self.asks_since.or(discover);
        if begin.is_some_and(|begin| age(now, begin.as_second()) < SETTLES) {
            if !recent.iter().any(|kept| kept.is_answer()) {
                recent.clear();
            }
        } else if let Some(discover) = discover {
            recent.retain(|kept| age(discover, kept.last.time.as_second()) < ONE_BOOT);
        }
        recent
    }

    fn take(&mut self, observation: Observation, message: &Message) {
        self.last_seen = self.last_seen.max(observation.time);
        if message.op == Op::Request
            && let Some(class) = message.class()
        {
            self.family = recognise(Some(class), message.mac);
        }
        let from = message.server_identifier().map_or(observation.source, IpAddr::V4);
        let kind = (message.op == Op::Request, message.message_type(), from);
        let known = self.messages.iter().position(|kept| kept.kind == kind).map(|at| self.messages.remove(at));
        let kept = match known {
            Some(known) => Kept { count: known.count.saturating_add(1), last: observation, ..known },
            None => Kept { kind, first_seen: observation.time, count: 1, last: observation },
        };
        if self.messages.len() >= MOST_OF_ONE {
            self.messages.remove(0);
        }
        self.asks_since = match kept.is_answer() {
            true => None,
            false => self.asks_since.or(Some(kept.last.time)),
        };
        self.messages.push(kept);
    }
}

impl Observation {
    /// What passed; `None` if it is longer than any message.
    pub fn of(datagram: &Datagram, time: Timestamp) -> Option<Observation> {
        (datagram.payload.len() <= LONGEST).then(|| Observation {
            time,
            source: datagram.source.into(),
            vlans: datagram.vlans.clone(),
            payload: Payload(datagram.payload.to_vec()),
        })
    }

    fn datagram(&self) -> Datagram<'_> {
        let source = match self.source {
            IpAddr::V4(source) => source,
            IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
        };
        Datagram {
            source,
            destination: Ipv4Addr::BROADCAST,
            source_port: SERVER_PORT,
            destination_port: CLIENT_PORT,
            hardware: None,
            vlans: self.vlans.clone(),
            payload: &self.payload.0,
        }
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Payload, D::Error> {
        let text = String::deserialize(deserializer)?;
        let octets = STANDARD.decode(&text).map_err(|error| de::Error::custom(format!("is no base64: {error}")))?;
        if octets.len() > LONGEST {
            return Err(de::Error::custom(format!("is longer than the {LONGEST} octets a message has at most")));
        }
        Ok(Payload(octets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::dhcp_options::{Question, QuestionKind};
    use crate::diagnose::sightings::Phone;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn mac(oui: [u8; 3], number: u16) -> MacAddr {
        let ([a, b, c], [e, f]) = (oui, number.to_be_bytes());
        MacAddr::new([a, b, c, 0, e, f]).unwrap()
    }

    fn question(mac: MacAddr, class: &'static [u8], second: i64) -> Observation {
        let question = Question { kind: QuestionKind::Discover, xid: 7, mac, class, wanted: &[66] };
        let payload = Payload(question.octets());
        Observation { time: at(second), source: Ipv4Addr::UNSPECIFIED.into(), vlans: vec![110], payload }
    }

    #[test]
    fn what_passed_is_kept_for_a_day_and_counted() {
        let memory = Observations::default();
        let phone = mac([0x80, 0x5e, 0xc0], 1);
        for second in 0..5 {
            assert_eq!(memory.take(question(phone, b"yealink", second), at(5)), Taken::Kept(phone));
        }
        let seen = memory.sightings(Some(phone), at(5));
        let found = &seen.phones[&(phone, None)];
        assert_eq!((found.first_seen, found.last_seen, found.vlans.as_slice()), (Some(at(0)), Some(at(4)), &[110][..]));
        assert!(found.is_unanswered() && found.family.unwrap().name == "Yealink");
        assert!(memory.sightings(None, at(4 + LASTS)).phones.is_empty());
    }

    #[test]
    fn what_is_no_message_or_out_of_time_is_not_kept() {
        let memory = Observations::default();
        let phone = mac([0x80, 0x5e, 0xc0], 1);
        let mut broken = question(phone, b"", 0);
        broken.payload.0.truncate(100);
        assert_eq!(memory.take(broken, at(0)), Taken::Unreadable);
        assert_eq!(memory.take(question(phone, b"", 0), at(LASTS)), Taken::OutOfTime);
        assert_eq!(memory.take(question(phone, b"", AHEAD + 1), at(0)), Taken::OutOfTime);
        assert_eq!(memory.take(question(phone, b"", AHEAD), at(0)), Taken::Kept(phone));
        assert!(memory.sightings(None, at(0)).phones[&(phone, None)].last_seen <= Some(at(0)), "it is not yet");
    }

    #[test]
    fn whoever_invents_computers_hides_no_phone_and_fills_no_memory() {
        let memory = Observations::default();
        let phone = mac([0x80, 0x5e, 0xc0], 1);
        memory.take(question(phone, b"yealink", 0), at(0));
        for number in 0..3_000 {
            memory.take(question(mac([2, 0, 0], number), b"MSFT 5.0", 1), at(1));
        }
        let seen = memory.sightings(None, at(2));
        assert_eq!(seen.phones.len(), MOST);
        assert!(seen.phones.contains_key(&(phone, None)));
        let mut answer = question(phone, b"", 1);
        for number in 0..100 {
            answer.payload.0[0] = 2;
            answer.source = Ipv4Addr::new(10, 0, 0, number).into();
            memory.take(answer.clone(), at(1));
        }
        assert!(memory.sightings(Some(phone), at(2)).phones[&(phone, None)].answers.len() <= MOST_OF_ONE);
    }

    /// From a server, with its type.
    fn answer(mac: MacAddr, kind: u8, server: u8, second: i64) -> Observation {
        let mut told = question(mac, b"", second);
        told.payload.0.truncate(240);
        told.payload.0[0] = 2;
        told.payload.0.extend([53, 1, kind, 54, 4, 10, 0, 0, server, 255]);
        told
    }

    #[test]
    fn what_a_phone_was_told_counts_until_it_booted_again_and_servers_had_time_to_answer() {
        let memory = Observations::default();
        let phone = mac([0x80, 0x5e, 0xc0], 1);
        let told_by =
            |now: i64| memory.last_boots(at(now)).servers().iter().map(|server| server.octets()[3]).collect::<Vec<_>>();
        let unanswered = |now: i64| memory.last_boots(at(now)).phones.values().any(Phone::is_unanswered);
        memory.take(question(phone, b"yealink", 0), at(0));
        assert!(!unanswered(SETTLES - 1) && unanswered(SETTLES), "the answer may be on its way");
        for server in [3, 4] {
            memory.take(answer(phone, 2, server, 1), at(1));
        }
        assert_eq!(told_by(2), [3, 4]);
        assert!(!unanswered(SETTLES));
        memory.take(question(phone, b"yealink", 1000), at(1000));
        assert_eq!(told_by(1000), [3, 4]);
        memory.take(answer(phone, 2, 3, 1001), at(1001));
        assert_eq!((told_by(1002), told_by(1000 + SETTLES)), (vec![3, 4], vec![3]));
        // Then nobody answers any more, and it goes on asking.
        for second in [2000, 2020, 2040] {
            memory.take(question(phone, b"yealink", second), at(second));
        }
        assert!(unanswered(2041) && told_by(2041).is_empty());
        assert!(memory.has_news(at(2041)) && !memory.has_news(at(2040 + NEWS)));
        assert!(memory.last_boots(at(2040 + LASTS)).phones.is_empty());
    }

    #[test]
    fn a_message_is_written_as_base64_and_no_longer_than_a_frame() {
        let phone = mac([0x80, 0x5e, 0xc0], 1);
        let text = serde_json::to_string(&question(phone, b"yealink", 0)).unwrap();
        assert_eq!(serde_json::from_str::<Observation>(&text).unwrap(), question(phone, b"yealink", 0));
        let long = serde_json::json!({"time": at(0), "source": "10.0.0.1", "payload": STANDARD.encode([0; 2049])});
        assert!(serde_json::from_value::<Observation>(long).unwrap_err().to_string().contains("2048"));
    }
}
