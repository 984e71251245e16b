//! Many records written as one change: what is wished, and how it went.

use std::collections::BTreeMap;

use super::{Conflict, DeviceSecrets, EnrolRules, Expected, Store};
use crate::inventory::device::MakerId;
use crate::inventory::period::Period;
use crate::inventory::plan::{AccessChange, Entry, RecordKind};
use crate::inventory::secret::Secret;

/// Records to be written together. Only what they come to as a whole must be possible: one may take the extension or
/// the phone that another gives up.
#[derive(Clone, Debug)]
pub struct ChangeSet {
    /// What is done, each to another record.
    pub steps: Vec<Step>,
    /// What holds when phones are registered or moved.
    pub rules: EnrolRules,
    /// How long the windows of a maker's phones stay open, where longer than the rules say.
    pub windows: BTreeMap<MakerId, Period>,
    /// Phones whose windows are to be as they were before an earlier change, unless they are other than it left them.
    pub windows_back: Vec<AccessChange>,
}

/// What is done to one record.
#[derive(Clone, Debug)]
pub struct Step {
    /// The record as it shall be; to be taken back, as it was.
    pub entry: Entry,
    /// What is done.
    pub deed: Deed,
}

/// What is done to a record.
#[derive(Clone, Debug)]
pub enum Deed {
    /// It is new.
    Add(NewSecrets),
    /// It takes the place of what is there.
    Replace(Expected),
    /// An earlier change added it; refused if it was used since.
    TakeBack(Expected),
}

/// The secrets of a new record.
#[derive(Clone, Debug)]
pub enum NewSecrets {
    /// A phone's.
    Device(DeviceSecrets),
    /// Numbers have none.
    None,
    /// An owner's SIP password.
    Owner(Secret),
}

/// What was written together.
#[derive(Clone, Debug, Default)]
pub struct Made {
    /// Each step's record as it is now; `None`: it was taken back.
    pub entries: Vec<Option<Entry>>,
    /// Phones that were there before whose windows opened by the way.
    pub access: Vec<AccessChange>,
}

/// Why one of many records cannot be written.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{kind} {id}: {why}")]
pub struct Refusal {
    /// Which step, from 0.
    pub step: usize,
    /// What the record is.
    pub kind: RecordKind,
    /// Which.
    pub id: String,
    /// Why.
    pub why: Box<Conflict>,
}

/// How writing records together would go.
pub struct Rehearsal {
    /// The inventory's revision it was tried at.
    pub revision: u64,
    /// What would be written, or everything that stands in the way.
    pub outcome: Result<Made, Vec<Refusal>>,
    /// Everything that is kept as it would be afterwards; to be read only.
    pub after: Box<dyn Store>,
}

impl ChangeSet {
    /// The rules for a phone of this maker.
    pub fn rules_for(&self, maker: &MakerId) -> EnrolRules {
        let mut rules = self.rules;
        rules.windows.lasts = rules.windows.lasts.max(self.windows.get(maker).copied().unwrap_or(rules.windows.lasts));
        rules
    }
}

impl NewSecrets {
    /// None worth the name, for a record that is only rehearsed.
    pub fn rehearsed(entry: &Entry) -> NewSecrets {
        let none = || Secret::new(String::new());
        match entry {
            Entry::CommonArea(_) | Entry::User(_) => NewSecrets::Owner(none()),
            Entry::Device(_) => NewSecrets::Device(DeviceSecrets { token: none(), admin_password: none() }),
            Entry::Number(_) => NewSecrets::None,
        }
    }
}
