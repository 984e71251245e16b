//! What is kept of what phones did: the newest events, found by phone or all together, and where each phone was last
//! seen. Written in groups by the one writer.

use super::StoreFault;
use super::backend::{Backend, Heap};
use super::queue::Observation;
use super::rows::{Table, decode, encode};
use super::txn::{Changes, Span};
use crate::inventory::event::{Event, Sighting};
use crate::inventory::mac::MacAddr;

/// How many events are kept in all.
const MOST_EVENTS: u64 = 200_000;

const EVENTS: &str = "event/";

/// Which events there are: their numbers have no gaps.
#[derive(Debug)]
pub struct Observed {
    /// The number of the oldest kept.
    oldest: u64,
    /// The number of the next one.
    next: u64,
    most: u64,
}

impl Default for Observed {
    fn default() -> Observed {
        Observed { oldest: 1, next: 1, most: MOST_EVENTS }
    }
}

impl Observed {
    /// What is kept already.
    pub fn of(backend: &dyn Backend) -> Result<Observed, StoreFault> {
        let first = backend.scan(Heap::Observed, Span::first(EVENTS))?;
        let last = backend.scan_back(Heap::Observed, EVENTS, &end(EVENTS), 1)?;
        let (Some(first), Some(last)) = (first.first(), last.first()) else { return Ok(Observed::default()) };
        let next = number(&last.key)?.saturating_add(1);
        Ok(Observed { oldest: number(&first.key)?, next, most: MOST_EVENTS })
    }

    /// The rows that observations write and forgotten phones leave; numbers the events.
    pub fn fold(
        &mut self,
        backend: &dyn Backend,
        observations: Vec<Observation>,
        forgotten: &[MacAddr],
    ) -> Result<Changes, StoreFault> {
        let mut rows = Changes::default();
        for mac in forgotten {
            rows.0.insert(sighting_key(*mac), None);
        }
        for Observation { mut event, firmware } in observations {
            event.id = self.next;
            self.next = self.next.saturating_add(1);
            let key = event_key(event.id);
            rows.0.insert(key.clone(), Some(encode(&key, &event)?));
            let Some(mac) = event.mac else { continue };
            rows.0.insert(phone_key(mac, event.id), Some(String::new()));
            // Who is not in the inventory leaves no trace of its own (policy D14).
            if backend.get(Heap::Durable, &Table::Device.of(mac))?.is_some() {
                see(backend, &mut rows, mac, &event, firmware.as_deref())?;
            }
        }
        self.drop_oldest(backend, &mut rows)?;
        Ok(rows)
    }

    fn drop_oldest(&mut self, backend: &dyn Backend, rows: &mut Changes) -> Result<(), StoreFault> {
        while self.next.saturating_sub(self.oldest) > self.most {
            let key = event_key(self.oldest);
            let text = match rows.0.get(&key) {
                Some(written) => written.clone(),
                None => backend.get(Heap::Observed, &key)?,
            };
            if let Some(mac) = text.and_then(|text| decode::<Event>(&key, &text).ok()).and_then(|event| event.mac) {
                rows.0.insert(phone_key(mac, self.oldest), None);
            }
            rows.0.insert(key, None);
            self.oldest = self.oldest.saturating_add(1);
        }
        Ok(())
    }
}

fn see(
    backend: &dyn Backend,
    rows: &mut Changes,
    mac: MacAddr,
    event: &Event,
    firmware: Option<&str>,
) -> Result<(), StoreFault> {
    let key = sighting_key(mac);
    let before = match rows.0.get(&key) {
        Some(written) => written.clone(),
        None => backend.get(Heap::Observed, &key)?,
    };
    let mut sighting: Sighting = before.map(|text| decode(&key, &text)).transpose()?.unwrap_or_default();
    sighting.update(event, firmware);
    let text = encode(&key, &sighting)?;
    rows.0.insert(key, Some(text));
    Ok(())
}

/// Events, newest first, of one phone or of all, before the event `before`.
pub fn events(
    backend: &dyn Backend,
    mac: Option<MacAddr>,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<Event>, StoreFault> {
    let prefix = mac.map_or_else(|| EVENTS.to_owned(), |mac| format!("phone/{}/", mac.plain()));
    let before = before.map_or_else(|| end(&prefix), |before| format!("{prefix}{before:020}"));
    let mut events = Vec::new();
    for row in backend.scan_back(Heap::Observed, &prefix, &before, limit)? {
        let key = event_key(number(&row.key)?);
        // Between the index and the event, the event may have become too old.
        let Some(text) = backend.get(Heap::Observed, &key)? else { continue };
        events.push(decode(&key, &text)?);
    }
    Ok(events)
}

/// Where and when a phone was last seen.
pub fn sighting(backend: &dyn Backend, mac: MacAddr) -> Result<Sighting, StoreFault> {
    let key = sighting_key(mac);
    let text = backend.get(Heap::Observed, &key)?;
    Ok(text.map(|text| decode(&key, &text)).transpose()?.unwrap_or_default())
}

fn event_key(id: u64) -> String {
    format!("{EVENTS}{id:020}")
}

fn phone_key(mac: MacAddr, id: u64) -> String {
    format!("phone/{}/{id:020}", mac.plain())
}

fn sighting_key(mac: MacAddr) -> String {
    format!("sighting/{}", mac.plain())
}

/// The key behind all keys with this prefix: `0` follows `/`.
fn end(prefix: &str) -> String {
    format!("{}0", prefix.trim_end_matches('/'))
}

fn number(key: &str) -> Result<u64, StoreFault> {
    let digits = key.rsplit('/').next().unwrap_or_default();
    digits.parse().map_err(|_| StoreFault::Corrupt(format!("row {key} has no number")))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::inventory::event::{Outcome, Plane};
    use crate::store::memory::Memory;

    pub fn event(mac: Option<MacAddr>, status: u16) -> Event {
        Event {
            id: 0,
            time: jiff::Timestamp::from_second(1_800_000_000).unwrap(),
            mac,
            plane: Plane::Https,
            address: Some([10, 0, 0, 7].into()),
            maker: None,
            user_agent: None,
            file: Some("a.cfg".into()),
            proof: None,
            certificate: None,
            decision: Outcome::Refused,
            reason: None,
            status,
            bytes: 0,
            sha256: None,
            duration_ms: 1,
        }
    }

    fn mac(last: u8) -> MacAddr {
        MacAddr::new([0, 0x15, 0x65, 0, 0, last]).unwrap()
    }

    fn write(observed: &mut Observed, memory: &Memory, events: &[Event]) {
        let seen = events.iter().map(|event| Observation { event: event.clone(), firmware: None }).collect();
        let rows = observed.fold(memory, seen, &[]).unwrap();
        memory.observe(&rows).unwrap();
    }

    #[test]
    fn the_oldest_events_make_room_and_leave_no_index_behind() {
        let memory = Memory::default();
        let mut observed = Observed { most: 4, ..Observed::default() };
        for status in 1..=9 {
            write(&mut observed, &memory, &[event(Some(mac(u8::try_from(status % 2).unwrap())), status)]);
        }
        let ids = |mac, before| -> Vec<u64> {
            events(&memory, mac, before, 9).unwrap().iter().map(|event| event.id).collect()
        };
        assert_eq!(ids(None, None), [9, 8, 7, 6]);
        assert_eq!(ids(None, Some(8)), [7, 6]);
        assert_eq!(ids(Some(mac(1)), None), [9, 7]);
        assert_eq!(memory.scan(Heap::Observed, Span::all("phone/")).unwrap().len(), 4);
        let again = Observed::of(&memory).unwrap();
        assert_eq!((again.oldest, again.next), (6, 10));
    }

    #[test]
    fn a_phone_that_is_not_registered_leaves_no_sighting() {
        let memory = Memory::default();
        write(&mut Observed::default(), &memory, &[event(Some(mac(1)), 404)]);
        assert_eq!(sighting(&memory, mac(1)), Ok(Sighting::default()));
        assert_eq!(events(&memory, Some(mac(1)), None, 1).unwrap().len(), 1);
    }
}
