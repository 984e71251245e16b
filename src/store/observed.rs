//! What is kept of what phones did: the newest events, found by phone or all together, and where each phone was last
//! seen. Written in groups by the one writer.

use super::StoreFault;
use super::backend::{Backend, Heap};
use super::chain::{self, Ends, Link};
use super::queue::Observation;
use super::rows::{Table, decode, encode};
use super::txn::{Changes, Row, Span};
use crate::inventory::audit::{ChainState, Retention};
use crate::inventory::event::{Event, Sighting};
use crate::inventory::mac::MacAddr;

/// How many events are dropped at once, where fewer are to be kept than before.
const DROPPED_AT_ONCE: u64 = 10_000;

/// What the keys of events begin with.
pub const EVENTS: &str = "event/";

/// What the keys begin with by which a phone's events are found.
pub const PHONES: &str = "phone/";

/// What the keys begin with of where phones were last seen.
pub const SIGHTINGS: &str = "sighting/";

/// The row that says which events are kept.
pub const ENDS: &str = "meta/events";

/// How many rows are read at once where all are read.
const PAGE: usize = 1_000;

/// Which events there are: each chained to the one before, so that none can be changed or taken out unnoticed.
#[derive(Debug)]
pub struct Observed {
    ends: Ends,
    most: u64,
}

impl Default for Observed {
    fn default() -> Observed {
        Observed { ends: Ends::default(), most: Retention::default().events }
    }
}

impl Observed {
    /// What is kept already.
    pub fn of(backend: &dyn Backend) -> Result<Observed, StoreFault> {
        Ok(Observed { ends: ends(backend)?, ..Observed::default() })
    }

    /// Keeps so many from now on.
    pub fn keep(&mut self, most: u64) {
        self.most = most;
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
            event.id = self.ends.last.next_id();
            let key = event_key(event.id);
            let (text, link) = self.ends.last.chain(&key, &event)?;
            self.ends.last = link;
            rows.0.insert(key, Some(text));
            let Some(mac) = event.mac else { continue };
            rows.0.insert(phone_key(mac, event.id), Some(String::new()));
            // Who is not in the inventory leaves no trace of its own (policy D14).
            if backend.get(Heap::Durable, &Table::Device.of(mac))?.is_some() {
                see(backend, &mut rows, mac, &event, firmware.as_deref())?;
            }
        }
        self.drop_oldest(backend, &mut rows)?;
        if rows.0.keys().any(|key| key.starts_with(EVENTS)) {
            rows.0.insert(ENDS.to_owned(), Some(encode(ENDS, &self.ends)?));
        }
        Ok(rows)
    }

    fn drop_oldest(&mut self, backend: &dyn Backend, rows: &mut Changes) -> Result<(), StoreFault> {
        let first = self.ends.base.id;
        while self.ends.last.id.saturating_sub(self.ends.base.id) > self.most
            && self.ends.base.id.saturating_sub(first) < DROPPED_AT_ONCE
        {
            let id = self.ends.base.next_id();
            let key = event_key(id);
            let text = match rows.0.get(&key) {
                Some(written) => written.clone(),
                None => backend.get(Heap::Observed, &key)?,
            };
            let value = text.ok_or_else(|| StoreFault::Corrupt(format!("row {key} is missing")))?;
            let (event, hash) = chain::read::<Event>(&Row { key: key.clone(), value })?;
            if let Some(mac) = event.mac {
                rows.0.insert(phone_key(mac, id), None);
            }
            rows.0.insert(key, None);
            self.ends.base = Link { id, hash };
        }
        Ok(())
    }
}

/// Whether the events are as they were written.
pub fn verify(backend: &dyn Backend) -> Result<ChainState, StoreFault> {
    loop {
        let before = ends(backend)?;
        let page = |after: &str| backend.scan(Heap::Observed, Span { prefix: EVENTS, after: Some(after), limit: PAGE });
        let state = chain::verify(&before, event_key, page)?;
        // What was dropped for age meanwhile is not missing.
        if state.fault.is_none() || ends(backend)?.base == before.base {
            return Ok(state);
        }
    }
}

/// Which events there are.
pub fn ends(backend: &dyn Backend) -> Result<Ends, StoreFault> {
    let text = backend.get(Heap::Observed, ENDS)?;
    Ok(text.map(|text| decode(ENDS, &text)).transpose()?.unwrap_or_default())
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
    let prefix = mac.map_or_else(|| EVENTS.to_owned(), |mac| format!("{PHONES}{}/", mac.plain()));
    let before = before.map_or_else(|| end(&prefix), |before| format!("{prefix}{before:020}"));
    let mut events = Vec::new();
    for row in backend.scan_back(Heap::Observed, &prefix, &before, limit)? {
        let key = event_key(number(&row.key)?);
        // Between the index and the event, the event may have become too old.
        let Some(value) = backend.get(Heap::Observed, &key)? else { continue };
        events.push(chain::read(&Row { key, value })?.0);
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
    format!("{PHONES}{}/{id:020}", mac.plain())
}

fn sighting_key(mac: MacAddr) -> String {
    format!("{SIGHTINGS}{}", mac.plain())
}

/// The key behind all keys with this prefix: `0` follows `/`.
fn end(prefix: &str) -> String {
    format!("{}0", prefix.trim_end_matches('/'))
}

/// The number of the event in a row of that key.
pub fn number(key: &str) -> Result<u64, StoreFault> {
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
            boot_ms: 60_000,
            mac,
            plane: Plane::Https,
            proxied_tls: None,
            address: Some([10, 0, 0, 7].into()),
            maker: None,
            user_agent: None,
            file: Some("a.cfg".into()),
            proof: None,
            certificate: None,
            rule: None,
            decision: Outcome::Refused,
            reason: None,
            status,
            bytes: 0,
            sha256: None,
            template_sha256: None,
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
        assert_eq!((again.ends.base.id, again.ends.last.id), (5, 9));
        assert_eq!(verify(&memory).unwrap().fault, None);
        memory.observe(&Changes([(event_key(7), None)].into())).unwrap();
        assert_eq!(verify(&memory).unwrap().fault.map(|fault| fault.id), Some(7));
    }

    #[test]
    fn a_phone_that_is_not_registered_leaves_no_sighting() {
        let memory = Memory::default();
        write(&mut Observed::default(), &memory, &[event(Some(mac(1)), 404)]);
        assert_eq!(sighting(&memory, mac(1)), Ok(Sighting::default()));
        assert_eq!(events(&memory, Some(mac(1)), None, 1).unwrap().len(), 1);
    }
}
