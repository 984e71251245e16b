//! What did an address do of late that no phone's name stands on? A short memory by address, for those who ask why a
//! phone does not come up: who fails in the TLS handshake never names itself, nor does who fetches a common file.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::inventory::event::Event;
use crate::inventory::handshake::Handshake;

/// How many are remembered in all, and of one address.
const MOST: usize = 2048;
const MOST_OF_ONE: usize = 8;
/// For how long, in seconds.
const LASTS: i64 = 86_400;

/// Something an address did.
pub trait Deed: Clone {
    /// Which address.
    fn address(&self) -> Option<IpAddr>;
    /// When.
    fn time(&self) -> Timestamp;
    /// Whether it is the same again.
    fn is_like(&self, other: &Self) -> bool;
    /// Takes the place of one like it.
    fn follow(&mut self, before: &Self);
}

/// The memory.
#[derive(Debug)]
pub struct Recent<T> {
    /// The longest unseen first.
    kept: Mutex<VecDeque<T>>,
}

impl<T> Default for Recent<T> {
    fn default() -> Recent<T> {
        Recent { kept: Mutex::default() }
    }
}

impl<T: Deed> Recent<T> {
    /// It happened. Of an address that does many things the oldest makes room, so that who tries everything hides its own
    /// deeds first.
    pub fn saw(&self, mut deed: T) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.iter().position(|known| known.is_like(&deed)).and_then(|at| kept.remove(at));
        if let Some(known) = known {
            deed.follow(&known);
        }
        let of_one = kept.iter().filter(|known| known.address() == deed.address()).count();
        let oldest_of_one = kept.iter().position(|known| known.address() == deed.address());
        match oldest_of_one {
            Some(at) if of_one >= MOST_OF_ONE => drop(kept.remove(at)),
            _ if kept.len() >= MOST => drop(kept.pop_front()),
            _ => {}
        }
        kept.push_back(deed);
    }

    /// What an address did, the longest ago first.
    pub fn of(&self, address: IpAddr, now: Timestamp) -> Vec<T> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|known| now.as_second().saturating_sub(known.time().as_second()) < LASTS);
        kept.iter().filter(|known| known.address() == Some(address)).cloned().collect()
    }
}

impl Deed for Handshake {
    fn address(&self) -> Option<IpAddr> {
        Some(self.address)
    }

    fn time(&self) -> Timestamp {
        self.last_seen
    }

    fn is_like(&self, other: &Handshake) -> bool {
        let of = |one: &Handshake| (one.address, one.version, one.cipher, one.failure);
        of(self) == of(other) && self.server_name == other.server_name
    }

    fn follow(&mut self, before: &Handshake) {
        self.first_seen = before.first_seen;
        self.count = before.count.saturating_add(self.count);
    }
}

impl Deed for Event {
    fn address(&self) -> Option<IpAddr> {
        self.address
    }

    fn time(&self) -> Timestamp {
        self.time
    }

    fn is_like(&self, other: &Event) -> bool {
        let of = |one: &Event| (one.address, one.plane, one.decision, one.reason);
        of(self) == of(other) && self.file == other.file
    }

    fn follow(&mut self, _: &Event) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::handshake::HandshakeFailure;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn handshake(address: [u8; 4], second: i64, name: &str) -> Handshake {
        Handshake {
            first_seen: at(second),
            last_seen: at(second),
            count: 1,
            address: address.into(),
            server_name: Some(name.to_owned()),
            certificate_fits: true,
            version: None,
            cipher: None,
            failure: Some(HandshakeFailure::OldVersion),
            detail: None,
        }
    }

    #[test]
    fn what_goes_alike_is_counted_and_forgotten_after_a_day() {
        let memory = Recent::default();
        for second in 0..5 {
            memory.saw(handshake([10, 0, 0, 1], second, "a"));
        }
        let kept = memory.of([10, 0, 0, 1].into(), at(5));
        assert_eq!((kept.len(), kept[0].count, kept[0].first_seen, kept[0].last_seen), (1, 5, at(0), at(4)));
        assert_eq!(memory.of([10, 0, 0, 2].into(), at(5)), []);
        assert_eq!(memory.of([10, 0, 0, 1].into(), at(4 + LASTS)), []);
    }

    #[test]
    fn who_tries_everything_hides_only_its_own_and_memory_stays_bounded() {
        let memory = Recent::default();
        memory.saw(handshake([10, 0, 0, 1], 0, "honest"));
        for number in 0..5_000 {
            memory.saw(handshake([10, 0, 0, 2], 1, &number.to_string()));
        }
        assert_eq!(memory.of([10, 0, 0, 1].into(), at(2)).len(), 1);
        assert_eq!(memory.of([10, 0, 0, 2].into(), at(2)).len(), MOST_OF_ONE);
        for number in 0..3_000u16 {
            let [high, low] = number.to_be_bytes();
            memory.saw(handshake([10, 1, high, low], 3, "a"));
        }
        assert_eq!(memory.kept.lock().unwrap().len(), MOST);
    }
}
