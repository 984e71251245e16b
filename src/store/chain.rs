//! Is a record as it was written, and is none missing? Each row carries SHA-256 over the hash before it and its own
//! text, octet by octet as it lies in the store, so that no later program has to spell it the same way.
//!
//! Whoever can write the store's files can also write a whole new chain: note the newest hash elsewhere, and all before
//! it is fixed.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::StoreFault;
use super::rows::{decode, encode};
use super::txn::Row;
use crate::inventory::audit::{ChainFault, ChainState};

/// A place in a chain: a record's number and hash.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Link {
    /// The record's number, from 1 without a gap.
    pub id: u64,
    /// Its hash, in hexadecimal.
    pub hash: String,
}

/// The two ends of what is kept of a chain.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Ends {
    /// The last record that was dropped for age; the oldest one kept continues it.
    pub base: Link,
    /// The newest record.
    pub last: Link,
}

/// A record as it lies in its row.
#[derive(Deserialize, Serialize)]
struct Form<'a> {
    hash: &'a str,
    #[serde(borrow)]
    record: &'a RawValue,
}

impl Default for Link {
    /// Before the first record.
    fn default() -> Link {
        Link { id: 0, hash: "0".repeat(64) }
    }
}

impl Link {
    /// A record whose hash nobody knows any more.
    pub fn unknown(id: u64) -> Link {
        Link { id, ..Link::default() }
    }

    /// The number of the record that follows.
    pub fn next_id(&self) -> u64 {
        self.id.saturating_add(1)
    }

    /// Chains a record: its row's text, and the link it is. The record must bear [`Link::next_id`].
    pub fn chain<T: Serialize>(&self, key: &str, record: &T) -> Result<(String, Link), StoreFault> {
        let unwritable = |error| StoreFault::Corrupt(format!("row {key} cannot be written: {error}"));
        let record = serde_json::value::to_raw_value(record).map_err(unwritable)?;
        let link = self.follow(record.get());
        let text = encode(key, &Form { hash: &link.hash, record: &record })?;
        Ok((text, link))
    }

    fn follow(&self, record: &str) -> Link {
        let mut digest = Sha256::new();
        digest.update(self.hash.as_bytes());
        digest.update(record.as_bytes());
        let hash = digest.finalize().iter().map(|octet| format!("{octet:02x}")).collect();
        Link { id: self.next_id(), hash }
    }
}

/// The record in a row, and its hash. Whether it is as it was written is for [`verify`] to say.
pub fn read<T: DeserializeOwned>(row: &Row) -> Result<(T, String), StoreFault> {
    let unreadable = |error| StoreFault::Corrupt(format!("row {} cannot be read: {error}", row.key));
    let form: Form<'_> = decode(&row.key, &row.value)?;
    Ok((serde_json::from_str(form.record.get()).map_err(unreadable)?, form.hash.to_owned()))
}

/// The text of the record in a row.
pub fn text(row: &Row) -> Result<Box<RawValue>, StoreFault> {
    decode::<Form<'_>>(&row.key, &row.value).map(|form| form.record.to_owned())
}

/// Walks a chain from its base to its newest record; `page` reads the rows after a key, in order.
pub fn verify(
    ends: &Ends,
    key: impl Fn(u64) -> String,
    page: impl Fn(&str) -> Result<Vec<Row>, StoreFault>,
) -> Result<ChainState, StoreFault> {
    let mut link = ends.base.clone();
    let state =
        |fault| ChainState { first: ends.base.next_id(), last: ends.last.id, head: ends.last.hash.clone(), fault };
    let broken = |id, what: &str| Ok(state(Some(ChainFault { id, what: what.to_owned() })));
    while link.id < ends.last.id {
        let rows = page(&key(link.id))?;
        if rows.is_empty() {
            return broken(link.next_id(), "it is missing, and so is all after it");
        }
        for row in rows {
            if row.key != key(link.next_id()) {
                return broken(link.next_id(), "it is missing");
            }
            let Ok(form) = decode::<Form<'_>>(&row.key, &row.value) else {
                return broken(link.next_id(), "it cannot be read");
            };
            link = link.follow(form.record.get());
            if link.hash != form.hash {
                return broken(link.id, "it, or the one before it, is not as it was written");
            }
            if link.id == ends.last.id {
                break;
            }
        }
    }
    if link != ends.last {
        return broken(link.id, "it is not the record that was the newest");
    }
    Ok(state(None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: u64) -> String {
        format!("r/{id:020}")
    }

    fn chain(count: u64) -> (Ends, Vec<Row>) {
        let mut ends = Ends::default();
        let mut rows = Vec::new();
        for id in 1..=count {
            let (value, link) = ends.last.chain(&key(id), &serde_json::json!({"id": id, "text": "ä\n"})).unwrap();
            rows.push(Row { key: key(id), value });
            ends.last = link;
        }
        (ends, rows)
    }

    fn fault(ends: &Ends, rows: &[Row]) -> Option<ChainFault> {
        let page = |after: &str| Ok(rows.iter().filter(|row| row.key.as_str() > after).take(3).cloned().collect());
        verify(ends, key, page).unwrap().fault
    }

    #[test]
    fn a_chain_that_was_left_alone_is_whole() {
        for count in [0, 1, 7] {
            let (ends, rows) = chain(count);
            assert_eq!(fault(&ends, &rows), None);
        }
        let (mut ends, rows) = chain(7);
        ends.base = Link { id: 4, hash: read::<serde_json::Value>(&rows[3]).unwrap().1 };
        assert_eq!(fault(&ends, &rows[4..]), None, "the oldest were dropped");
    }

    #[test]
    fn whatever_is_changed_moved_or_taken_out_is_noticed_where_it_is() {
        let (ends, rows) = chain(7);
        for place in 0..rows.len() {
            let id = place as u64 + 1;
            let mut changed = rows.clone();
            changed[place].value = changed[place].value.replace('ä', "ö");
            assert_eq!(fault(&ends, &changed).map(|fault| fault.id), Some(id));
            let mut without = rows.clone();
            without.remove(place);
            assert_eq!(fault(&ends, &without).map(|fault| fault.id), Some(id));
            let mut swapped = rows.clone();
            let other = (place + 1) % rows.len();
            let text = std::mem::replace(&mut swapped[place].value, rows[other].value.clone());
            swapped[other].value = text;
            assert!(fault(&ends, &swapped).is_some());
        }
        let forged = Ends { last: Link { id: 7, hash: "0".repeat(64) }, ..ends };
        assert_eq!(fault(&forged, &rows).map(|fault| fault.id), Some(7));
    }
}
