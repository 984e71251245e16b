//! Was this nonce ours, lately, and is it used for the first time with this count? A nonce carries its time and our
//! seal, so that nobody's challenge takes room here; only nonces in use are remembered, in a table of fixed size.

use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;

use crate::inventory::secret::NoRandomness;

/// How long a nonce is good for, in milliseconds.
const LASTS: i64 = 5 * 60 * 1_000;
/// How many nonces in use are remembered.
const ROOM: usize = 1024;
/// Time and randomness, before the seal.
const SEALED: usize = 16;

/// The nonces there are.
#[derive(Debug)]
pub struct Nonces {
    key: [u8; 32],
    used: Mutex<Used>,
}

#[derive(Debug)]
struct Used {
    places: Vec<Option<Use>>,
    /// Nonces from before this may have been forgotten, and are stale if they are not remembered.
    forgotten: i64,
}

#[derive(Clone, Copy, Debug)]
struct Use {
    nonce: [u8; SEALED],
    count: u32,
}

/// What a nonce is worth.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Worth {
    /// Ours, recent, and used with this count for the first time.
    Fresh,
    /// Ours, but too old or used before: a new one lets the phone try again without asking anybody.
    Stale,
    /// Not ours.
    Unknown,
}

impl Nonces {
    /// None in use, under a key that ends with the process.
    pub fn new() -> Result<Nonces, NoRandomness> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|_| NoRandomness)?;
        Ok(Nonces { key, used: Mutex::new(Used { places: vec![None; ROOM], forgotten: i64::MIN }) })
    }

    /// A new nonce.
    pub fn issue(&self, now: Timestamp) -> Result<String, NoRandomness> {
        let mut octets = [0; SEALED];
        let (time, random) = octets.split_at_mut(8);
        time.copy_from_slice(&now.as_millisecond().to_be_bytes());
        getrandom::fill(random).map_err(|_| NoRandomness)?;
        let mut whole = octets.to_vec();
        whole.extend(self.seal(&octets));
        Ok(URL_SAFE_NO_PAD.encode(whole))
    }

    /// Judges a nonce, and remembers its use if it is fresh.
    pub fn take(&self, nonce: &str, count: u32, now: Timestamp) -> Worth {
        let Some((octets, issued)) = self.open(nonce) else { return Worth::Unknown };
        let age = now.as_millisecond().saturating_sub(issued);
        if !(0..LASTS).contains(&age) {
            return Worth::Stale;
        }
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.take(octets, issued, count)
    }

    fn open(&self, nonce: &str) -> Option<([u8; SEALED], i64)> {
        let whole = URL_SAFE_NO_PAD.decode(nonce).ok()?;
        let (octets, seal) = whole.split_at_checked(SEALED)?;
        let octets: [u8; SEALED] = octets.try_into().ok()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(&octets);
        mac.verify_slice(seal).ok()?;
        let time: [u8; 8] = octets.get(..8)?.try_into().ok()?;
        Some((octets, i64::from_be_bytes(time)))
    }

    fn seal(&self, octets: &[u8]) -> Vec<u8> {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else { return Vec::new() };
        mac.update(octets);
        mac.finalize().into_bytes().to_vec()
    }
}

impl Used {
    fn take(&mut self, nonce: [u8; SEALED], issued: i64, count: u32) -> Worth {
        let known = self.places.iter_mut().flatten().find(|used| used.nonce == nonce);
        if let Some(used) = known {
            let fresh = count > used.count;
            used.count = used.count.max(count);
            return if fresh { Worth::Fresh } else { Worth::Stale };
        }
        if count == 0 || issued <= self.forgotten {
            return Worth::Stale;
        }
        // The oldest makes room, and takes the trust in its contemporaries with it.
        let oldest = self.places.iter_mut().min_by_key(|place| place.map(|used| time_of(&used.nonce)));
        let Some(place) = oldest else { return Worth::Stale };
        if let Some(used) = place {
            self.forgotten = self.forgotten.max(time_of(&used.nonce));
        }
        *place = Some(Use { nonce, count });
        Worth::Fresh
    }
}

fn time_of(nonce: &[u8; SEALED]) -> i64 {
    let (time, _) = nonce.split_at(8);
    time.try_into().map_or(i64::MIN, i64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn sec_d08_a_nonce_is_ours_for_five_minutes_and_for_each_count_once() {
        let nonces = Nonces::new().unwrap();
        let nonce = nonces.issue(at(0)).unwrap();
        assert_eq!(nonces.take(&nonce, 1, at(1)), Worth::Fresh);
        assert_eq!(nonces.take(&nonce, 1, at(2)), Worth::Stale, "a replay");
        assert_eq!(nonces.take(&nonce, 3, at(2)), Worth::Fresh);
        assert_eq!(nonces.take(&nonce, 2, at(2)), Worth::Stale);
        assert_eq!(nonces.take(&nonce, 4, at(300)), Worth::Stale);
        assert_eq!(nonces.take(&nonces.issue(at(9)).unwrap(), 1, at(8)), Worth::Stale, "from the future");
    }

    #[test]
    fn sec_d08_what_is_not_sealed_by_us_is_unknown() {
        let nonces = Nonces::new().unwrap();
        let theirs = Nonces::new().unwrap().issue(at(0)).unwrap();
        for nonce in [theirs.as_str(), "", "AAAA", &"A".repeat(64)] {
            assert_eq!(nonces.take(nonce, 1, at(1)), Worth::Unknown, "{nonce}");
        }
    }

    #[test]
    fn sec_d08_no_flood_of_nonces_lets_an_old_one_be_replayed() {
        let nonces = Nonces::new().unwrap();
        let first = nonces.issue(at(0)).unwrap();
        assert_eq!(nonces.take(&first, 1, at(0)), Worth::Fresh);
        for second in 1..=2 * ROOM as i64 {
            let now = Timestamp::from_millisecond(at(0).as_millisecond() + second * 10).unwrap();
            assert_eq!(nonces.take(&nonces.issue(now).unwrap(), 1, now), Worth::Fresh);
        }
        assert_eq!(nonces.take(&first, 1, at(30)), Worth::Stale);
        assert_eq!(nonces.used.lock().unwrap().places.len(), ROOM);
    }
}
