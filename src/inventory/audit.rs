//! Who changed what, from what to what, on behalf of whom: one record an administrator's act (policy L2, A5).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One act of an administrator.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct AuditRecord {
    /// Its place in the order of acts, from 1 without a gap.
    pub id: u64,
    /// When, by the wall clock.
    pub time: Timestamp,
    /// When, in milliseconds since the machine booted.
    pub boot_ms: u64,
    /// Who.
    pub actor: String,
    /// For whom, as the actor says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// What was done.
    #[serde(flatten)]
    pub act: Act,
}

/// What was done to what.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Act {
    /// What was done, as a verb: `create`, `replace`, `rotate_token`.
    pub action: String,
    /// To what.
    pub object: AuditObject,
    /// What it changed, field by field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<FieldChange>,
    /// The secret fields it showed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shown: Vec<String>,
    /// What else is worth knowing of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// A thing by its kind and name: `device 80:5e:c0:11:22:33`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct AuditObject {
    /// What it is: `site`, `user`, `common_area`, `device`, `account`, …
    pub kind: String,
    /// Which; empty where there is only one.
    pub id: String,
}

/// One field before and after.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct FieldChange {
    /// Whose field; `None`: the act's object's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<AuditObject>,
    /// Which, with dots where fields have fields: `sip.server`.
    pub field: String,
    /// What it was; `null`: nothing. Of a secret never more than that.
    pub from: Value,
    /// What it is; `null`: nothing. Of a secret never more than `"changed"`.
    pub to: Value,
}

/// Whether a chain of records is as it was written.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ChainState {
    /// The oldest record still kept.
    pub first: u64,
    /// The newest record.
    pub last: u64,
    /// The newest record's hash, to be noted elsewhere: with it, all before it is fixed.
    pub head: String,
    /// The first thing that is not as it was written; `None`: all is.
    pub fault: Option<ChainFault>,
}

/// Where a chain is broken.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ChainFault {
    /// The record.
    pub id: u64,
    /// What is wrong with it.
    pub what: String,
}

/// Whether what was recorded is as it was written.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Verification {
    /// What administrators did.
    pub administration: ChainState,
    /// What phones were given and refused.
    pub devices: ChainState,
}

/// How much of what happened is kept; the oldest goes first, and leaves its hash behind for the rest to be verified.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Retention {
    /// How many acts of administrators.
    pub acts: u64,
    /// How many events of phones.
    pub events: u64,
}

impl Default for Retention {
    fn default() -> Retention {
        Retention { acts: 100_000, events: 200_000 }
    }
}

impl AuditObject {
    /// A thing by its kind and name.
    pub fn new(kind: &str, id: impl ToString) -> AuditObject {
        AuditObject { kind: kind.to_owned(), id: id.to_string() }
    }
}

impl Act {
    /// An act on something; what it changes is found out by the store.
    pub fn new(action: &str, object: AuditObject) -> Act {
        Act { action: action.to_owned(), object, changes: Vec::new(), shown: Vec::new(), detail: None }
    }
}

impl Verification {
    /// Whether nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.administration.fault.is_none() && self.devices.fault.is_none()
    }
}
