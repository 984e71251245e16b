//! What does a change see, and what does it leave behind? Rows as they are, under an overlay of what the change put
//! or deleted: later changes see earlier ones, and a refused one leaves nothing.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::rows::{decode, encode};
use super::seal::Keyring;
use super::{Counts, StoreFault, Versioned, rows};
use crate::inventory::mac::MacAddr;

/// A row: a key with its table's name in front, and the stored text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Row {
    /// The key.
    pub key: String,
    /// The stored text.
    pub value: String,
}

/// A part of the rows, in the order of their keys.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    /// What the keys begin with.
    pub prefix: &'a str,
    /// Only rows after this key; `None`: from the first.
    pub after: Option<&'a str>,
    /// At most so many.
    pub limit: usize,
}

/// Rows that can be read.
pub trait Rows {
    /// One row's text.
    fn get(&self, key: &str) -> Result<Option<String>, StoreFault>;
    /// Several rows.
    fn scan(&self, span: Span<'_>) -> Result<Vec<Row>, StoreFault>;
    /// What their secrets are sealed with.
    fn keys(&self) -> &Keyring;
}

/// What becomes of which rows: a new text, or `None` for a deleted row.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Changes(pub BTreeMap<String, Option<String>>);

/// Rows with changes over them that are not written yet.
pub struct Overlay<'a> {
    under: &'a dyn Rows,
    changes: Changes,
}

/// One change while it is being decided.
pub struct Txn<'a> {
    overlay: Overlay<'a>,
    revision: u64,
    forgotten: Vec<MacAddr>,
}

/// What a decided change leaves.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The rows it changes.
    pub changes: Changes,
    /// Phones whose sightings are to be forgotten.
    pub forgotten: Vec<MacAddr>,
}

impl<'a> Span<'a> {
    /// All rows whose keys begin so.
    pub fn all(prefix: &'a str) -> Span<'a> {
        Span { prefix, after: None, limit: usize::MAX }
    }

    /// The first row whose key begins so.
    pub fn first(prefix: &'a str) -> Span<'a> {
        Span { limit: 1, ..Span::all(prefix) }
    }

    /// Whether the row with this key is in it.
    pub fn has(&self, key: &str) -> bool {
        key.starts_with(self.prefix) && self.after.is_none_or(|after| key > after)
    }

    /// The key to begin reading at; the row with that very key may not be part of the span.
    pub fn start(&self) -> &'a str {
        self.after.map_or(self.prefix, |after| after.max(self.prefix))
    }
}

impl<'a> Overlay<'a> {
    /// Nothing changed yet.
    pub fn new(under: &'a dyn Rows) -> Overlay<'a> {
        Overlay { under, changes: Changes::default() }
    }

    /// Lays further changes over the rows.
    pub fn lay(&mut self, changes: &Changes) {
        self.changes.0.extend(changes.0.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
}

impl Rows for Overlay<'_> {
    fn get(&self, key: &str) -> Result<Option<String>, StoreFault> {
        match self.changes.0.get(key) {
            Some(changed) => Ok(changed.clone()),
            None => self.under.get(key),
        }
    }

    fn scan(&self, span: Span<'_>) -> Result<Vec<Row>, StoreFault> {
        laid_over(&self.changes, span, |span| self.under.scan(span))
    }

    fn keys(&self) -> &Keyring {
        self.under.keys()
    }
}

impl<'a> Txn<'a> {
    /// A change over these rows that will be the store's revision `revision`.
    pub fn new(under: &'a dyn Rows, revision: u64) -> Txn<'a> {
        Txn { overlay: Overlay::new(under), revision, forgotten: Vec::new() }
    }

    /// The revision the store has once this change is made.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Writes a row.
    pub fn put<T: Serialize>(&mut self, key: &str, value: &T) -> Result<(), StoreFault> {
        self.put_text(key, encode(key, value)?);
        Ok(())
    }

    /// Writes a row whose text is encoded already.
    pub fn put_text(&mut self, key: &str, value: String) {
        self.overlay.changes.0.insert(key.to_owned(), Some(value));
    }

    /// Deletes a row, if it is there.
    pub fn delete(&mut self, key: &str) -> Result<(), StoreFault> {
        if self.overlay.under.get(key)?.is_some() {
            self.overlay.changes.0.insert(key.to_owned(), None);
        } else {
            self.overlay.changes.0.remove(key);
        }
        Ok(())
    }

    /// Deletes all rows whose keys begin so.
    pub fn delete_all(&mut self, prefix: &str) -> Result<(), StoreFault> {
        for row in self.scan(Span::all(prefix))? {
            self.delete(&row.key)?;
        }
        Ok(())
    }

    /// Writes a record with the revision of this change.
    pub fn put_record<T: Serialize>(&mut self, key: &str, value: T) -> Result<Versioned<T>, StoreFault> {
        let record = rows::Record { revision: self.revision, value };
        self.put(key, &record)?;
        Ok(record.into())
    }

    /// Forgets where a phone was seen.
    pub fn forget(&mut self, mac: MacAddr) {
        self.forgotten.push(mac);
    }

    /// Changes the numbers of records.
    pub fn count(&mut self, change: impl FnOnce(&mut Counts)) -> Result<(), StoreFault> {
        let mut counts = read::<Counts>(self, rows::COUNTS)?.unwrap_or_default();
        change(&mut counts);
        self.put(rows::COUNTS, &counts)
    }

    /// Whether it changes no row so far.
    pub fn is_untouched(&self) -> bool {
        self.overlay.changes.0.is_empty()
    }

    /// The rows it changes so far, and what becomes of them.
    pub fn changed(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.overlay.changes.0.iter().map(|(key, value)| (key.as_str(), value.as_deref()))
    }

    /// A row as it was before the change.
    pub fn before(&self, key: &str) -> Result<Option<String>, StoreFault> {
        self.overlay.under.get(key)
    }

    /// Notes that the inventory or its settings changed, if they did.
    pub fn note_inventory(&mut self) -> Result<(), StoreFault> {
        let touched =
            |key: &str| key == rows::ACCOUNT || rows::Table::of_key(key).is_some_and(|(table, _)| table.is_inventory());
        if self.overlay.changes.0.keys().any(|key| touched(key)) {
            let revision = self.revision;
            self.put(rows::INVENTORY, &revision)?;
        }
        Ok(())
    }

    /// Ends the change.
    pub fn finish(self) -> Outcome {
        Outcome { changes: self.overlay.changes, forgotten: self.forgotten }
    }
}

impl Rows for Txn<'_> {
    fn get(&self, key: &str) -> Result<Option<String>, StoreFault> {
        self.overlay.get(key)
    }

    fn scan(&self, span: Span<'_>) -> Result<Vec<Row>, StoreFault> {
        self.overlay.scan(span)
    }

    fn keys(&self) -> &Keyring {
        self.overlay.keys()
    }
}

/// A part of rows with changes over them.
pub fn laid_over(
    changes: &Changes,
    span: Span<'_>,
    under: impl Fn(Span<'_>) -> Result<Vec<Row>, StoreFault>,
) -> Result<Vec<Row>, StoreFault> {
    let from = changes.0.range::<str, _>((std::ops::Bound::Included(span.start()), std::ops::Bound::Unbounded));
    let changed: Vec<_> =
        from.take_while(|(key, _)| key.starts_with(span.prefix)).filter(|(key, _)| span.has(key)).collect();
    if changed.is_empty() {
        return under(span);
    }
    let deleted = changed.iter().filter(|(_, value)| value.is_none()).count();
    let found = under(Span { limit: span.limit.saturating_add(deleted), ..span })?;
    let mut rows: BTreeMap<String, Option<String>> = found.into_iter().map(|row| (row.key, Some(row.value))).collect();
    rows.extend(changed.into_iter().map(|(key, value)| (key.clone(), value.clone())));
    let there = rows.into_iter().filter_map(|(key, value)| value.map(|value| Row { key, value }));
    Ok(there.take(span.limit).collect())
}

/// Reads a row.
pub fn read<T: DeserializeOwned>(rows: &dyn Rows, key: &str) -> Result<Option<T>, StoreFault> {
    rows.get(key)?.map(|text| decode(key, &text)).transpose()
}

/// Reads a record with its revision.
pub fn record<T: DeserializeOwned>(rows: &dyn Rows, key: &str) -> Result<Option<Versioned<T>>, StoreFault> {
    Ok(read::<rows::Record<T>>(rows, key)?.map(Versioned::from))
}

/// Reads several records with their revisions.
pub fn records<T: DeserializeOwned>(rows: &dyn Rows, span: Span<'_>) -> Result<Vec<Versioned<T>>, StoreFault> {
    let decoded = |row: Row| decode::<rows::Record<T>>(&row.key, &row.value).map(Versioned::from);
    rows.scan(span)?.into_iter().map(decoded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(BTreeMap<String, String>, Keyring);

    impl Rows for Fixed {
        fn get(&self, key: &str) -> Result<Option<String>, StoreFault> {
            Ok(self.0.get(key).cloned())
        }

        fn scan(&self, span: Span<'_>) -> Result<Vec<Row>, StoreFault> {
            let rows = self.0.iter().filter(|(key, _)| span.has(key));
            Ok(rows.map(|(key, value)| Row { key: key.clone(), value: value.clone() }).take(span.limit).collect())
        }

        fn keys(&self) -> &Keyring {
            &self.1
        }
    }

    fn fixed(keys: &[&str]) -> Fixed {
        Fixed(keys.iter().map(|key| ((*key).to_owned(), "old".to_owned())).collect(), Keyring::passing())
    }

    fn keys(rows: &dyn Rows, span: Span<'_>) -> Vec<String> {
        rows.scan(span).unwrap().into_iter().map(|row| row.key).collect()
    }

    #[test]
    fn a_change_sees_its_own_rows_in_order_and_not_what_it_deleted() {
        let base = fixed(&["a/1", "a/2", "a/3", "a/5", "b/1"]);
        let mut txn = Txn::new(&base, 1);
        txn.put_text("a/4", "new".into());
        txn.delete("a/1").unwrap();
        txn.delete("a/2").unwrap();
        assert_eq!(keys(&txn, Span::all("a/")), ["a/3", "a/4", "a/5"]);
        assert_eq!(keys(&txn, Span { prefix: "a/", after: None, limit: 2 }), ["a/3", "a/4"]);
        assert_eq!(keys(&txn, Span { prefix: "a/", after: Some("a/3"), limit: 9 }), ["a/4", "a/5"]);
        assert_eq!(txn.get("a/1"), Ok(None));
    }

    #[test]
    fn a_row_put_and_deleted_in_one_change_leaves_no_trace() {
        let base = fixed(&[]);
        let mut txn = Txn::new(&base, 1);
        txn.put_text("a/1", "new".into());
        txn.delete("a/1").unwrap();
        assert_eq!(txn.finish().changes, Changes::default());
    }

    #[test]
    fn a_page_that_starts_before_its_table_stays_in_it() {
        let base = fixed(&["a/1", "b/1"]);
        assert_eq!(keys(&base, Span { prefix: "b/", after: Some("a/0"), limit: 9 }), ["b/1"]);
    }
}
