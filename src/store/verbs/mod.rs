//! The rules of the trade, by subject: what each verb requires, changes and refuses, written once over plain rows.
//! What a verb is for is said where [`Store`](super::Store) has it.

pub mod access;
pub mod account;
pub mod authorities;
pub mod belongings;
pub mod devices;
pub mod dial_plan;
pub mod extensions;
pub mod numbers;
pub mod packages;
pub mod people;
pub mod plans;
pub mod roles;
pub mod settings_templates;
pub mod sites;
pub mod together;

use serde::de::DeserializeOwned;

use super::rows::Table;
use super::txn::{Rows, Span, record, records};
use super::{Conflict, Expected, PageRequest, StoreFault, Stored, Versioned};

impl PageRequest {
    /// The records of this page.
    pub(super) fn read<T: DeserializeOwned>(
        &self,
        rows: &dyn Rows,
        table: Table,
    ) -> Result<Vec<Versioned<T>>, StoreFault> {
        let after = self.after.as_ref().map(|after| table.key(after));
        records(rows, Span { prefix: table.prefix(), after: after.as_deref(), limit: self.limit })
    }
}

/// What a record is called when it is refused.
#[derive(Clone, Copy, Debug)]
pub struct Name<'a> {
    kind: &'static str,
    id: &'a str,
}

impl Name<'_> {
    fn exists(self) -> Conflict {
        Conflict::Exists { kind: self.kind, id: self.id.to_owned() }
    }

    fn in_use(self, by: String) -> Conflict {
        Conflict::InUse { kind: self.kind, id: self.id.to_owned(), by }
    }

    fn unknown(self) -> Conflict {
        Conflict::Unknown { kind: self.kind, id: self.id.to_owned() }
    }

    /// Refuses what was changed meanwhile.
    fn check(self, expected: Expected, found: u64) -> Result<(), Conflict> {
        match expected {
            Expected::Revision(revision) if revision != found => {
                Err(Conflict::Stale { kind: self.kind, id: self.id.to_owned(), found })
            }
            _ => Ok(()),
        }
    }

    /// The record, at the expected revision.
    fn require<T: DeserializeOwned>(self, rows: &dyn Rows, key: &str, expected: Expected) -> Stored<Versioned<T>> {
        let found = record(rows, key)?.ok_or_else(|| self.unknown())?;
        self.check(expected, found.revision)?;
        Ok(found)
    }
}
