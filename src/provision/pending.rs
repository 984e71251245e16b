//! Phones that asked and are in no inventory: a short list in memory, so that strangers never write to the store
//! (policy D14).

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

use crate::inventory::device::MakerId;
use crate::inventory::event::Plane;
use crate::inventory::mac::MacAddr;

/// How many are remembered.
const MOST: usize = 256;
/// For how long, in seconds.
const LASTS: i64 = 86_400;

/// A phone that asked and is in no inventory.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct PendingPhone {
    /// Its MAC, by its own word.
    pub mac: MacAddr,
    /// Its maker, by its own word or its address range.
    pub maker: Option<MakerId>,
    /// Its model, by its own word.
    pub model: Option<String>,
    /// Where it asked from, or what DHCP gave it.
    pub address: Option<IpAddr>,
    /// Over what it asked last; `dhcp` if it was only overheard.
    pub plane: Plane,
    /// When it asked first.
    pub first_seen: Timestamp,
    /// When it asked last.
    pub last_seen: Timestamp,
    /// How often it asked.
    pub requests: u64,
}

/// The list.
#[derive(Debug, Default)]
pub struct Pending {
    phones: Mutex<BTreeMap<MacAddr, PendingPhone>>,
}

impl Pending {
    /// A phone asked. Of the address with the most phones, the longest unseen makes room for a new one: who invents
    /// phones only hides its own.
    pub fn saw(&self, phone: PendingPhone) {
        let mut phones = self.phones.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = phones.get_mut(&phone.mac) {
            known.last_seen = phone.last_seen;
            known.address = phone.address.or(known.address);
            if phone.plane != Plane::Dhcp {
                known.plane = phone.plane;
            }
            known.requests = known.requests.saturating_add(1);
            known.maker = phone.maker.or(known.maker.take());
            known.model = phone.model.or(known.model.take());
            return;
        }
        if phones.len() >= MOST {
            let mut of_address: BTreeMap<Option<IpAddr>, usize> = BTreeMap::new();
            for known in phones.values() {
                *of_address.entry(known.address).or_default() += 1;
            }
            let share = |known: &PendingPhone| of_address.get(&known.address).copied().unwrap_or_default();
            let least = phones.values().max_by_key(|known| (share(known), Reverse(known.last_seen)));
            if let Some(least) = least.map(|known| known.mac) {
                phones.remove(&least);
            }
        }
        phones.insert(phone.mac, phone);
    }

    /// A phone came into the inventory.
    pub fn forget(&self, mac: MacAddr) {
        self.phones.lock().unwrap_or_else(PoisonError::into_inner).remove(&mac);
    }

    /// One of them.
    pub fn phone(&self, mac: MacAddr, now: Timestamp) -> Option<PendingPhone> {
        self.list(now).into_iter().find(|phone| phone.mac == mac)
    }

    /// All of them, by MAC.
    pub fn list(&self, now: Timestamp) -> Vec<PendingPhone> {
        let mut phones = self.phones.lock().unwrap_or_else(PoisonError::into_inner);
        phones.retain(|_, phone| now.as_second().saturating_sub(phone.last_seen.as_second()) < LASTS);
        phones.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone(number: u16, second: i64) -> PendingPhone {
        let [high, low] = number.to_be_bytes();
        let time = Timestamp::from_second(second).unwrap();
        PendingPhone {
            mac: MacAddr::new([0, 0x15, 0x65, 1, high, low]).unwrap(),
            maker: None,
            model: None,
            address: Some([10, 0, 0, 1].into()),
            plane: Plane::Https,
            first_seen: time,
            last_seen: time,
            requests: 1,
        }
    }

    #[test]
    fn sec_d14_who_invents_phones_hides_none_but_its_own() {
        let pending = Pending::default();
        let honest = PendingPhone { address: Some([10, 0, 0, 2].into()), ..phone(60_000, 0) };
        pending.saw(honest.clone());
        for number in 0..2_000 {
            pending.saw(phone(number, i64::from(number)));
        }
        let now = Timestamp::from_second(2_000).unwrap();
        assert_eq!(pending.phone(honest.mac, now), Some(honest));
        assert_eq!(pending.list(now).len(), MOST);
    }

    #[test]
    fn sec_d14_strangers_take_a_bounded_room_and_leave_after_a_day() {
        let pending = Pending::default();
        for number in 0..1000 {
            pending.saw(phone(number, i64::from(number)));
        }
        let now = Timestamp::from_second(1000).unwrap();
        let list = pending.list(now);
        assert_eq!(list.len(), MOST);
        assert_eq!(list[0].mac, phone(744, 0).mac);
        assert!(pending.list(Timestamp::from_second(999 + LASTS).unwrap()).is_empty());
    }
}
