//! What would many changes together do, and what have they done? The words of plans: a plan is made from a wish and the
//! inventory as it is, shown, carried out whole or not at all, and can be undone. How one is made is `change/`'s to say.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::access::Access;
use super::common_area::CommonArea;
use super::device::{Device, Owner};
use super::mac::MacAddr;
use super::number::Number;
use super::site::SiteId;
use super::text::parsed;
use super::user::User;

/// The number of a plan.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PlanId(pub u64);

/// A text is no number of a plan.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("is no plan; `ztpd plan list` shows them all")]
pub struct PlanIdError;

/// The kinds of records that plans change.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// A place with a phone of its own.
    CommonArea,
    /// A phone.
    Device,
    /// A telephone number.
    Number,
    /// A person.
    User,
}

/// A record of any of those kinds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Entry {
    /// A place with a phone of its own.
    CommonArea(CommonArea),
    /// A phone.
    Device(Device),
    /// A telephone number.
    Number(Number),
    /// A person.
    User(User),
}

/// What a plan does to one record.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RecordChange {
    /// What it is.
    pub kind: RecordKind,
    /// Which.
    pub id: String,
    /// What becomes of it.
    #[serde(flatten)]
    pub deed: RecordDeed,
}

/// What becomes of one record.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordDeed {
    /// Some of its fields change.
    Change(Vec<FieldEdit>),
    /// It is new, and this is what it says.
    Create(Value),
}

/// One field before and after; `null`: nothing.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct FieldEdit {
    /// Which.
    pub field: String,
    /// What it was.
    pub from: Value,
    /// What it will be.
    pub to: Value,
}

/// What is done to a field, or to a whole record.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It gets a value, or another one.
    Change,
    /// It had a value and has none any more.
    Clear,
    /// The record is new.
    Create,
    /// The phone belongs to somebody and will belong to nobody.
    Unassign,
}

/// Something that would be gone.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Loss {
    /// What loses it.
    pub kind: RecordKind,
    /// Which.
    pub id: String,
    /// In which of its fields.
    pub field: String,
    /// What is lost.
    pub value: Value,
    /// Whether it is one of those that hurt: a number, a package, a phone.
    pub grave: bool,
}

/// Something to know before a plan is carried out, which keeps nobody from it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Warning {
    /// What kind of thing, for programs.
    pub code: String,
    /// What it is, for people.
    pub message: String,
    /// Whom it is about, if it is about one record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The row of the file it came from, if it came from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
}

/// Phones whose files would change alike.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct FileChange {
    /// Who makes the phones.
    pub maker: String,
    /// What they are.
    pub model: String,
    /// How many there are.
    pub phones: u64,
    /// One of them, whose file was compared.
    pub example: MacAddr,
    /// The name of that file.
    pub file: String,
    /// What changes in it, line by line, secrets masked.
    pub diff: String,
    /// Whether such phones start anew when they are given it; `None`: nobody knows.
    pub restarts: Option<bool>,
}

/// Where a plan stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanState {
    /// Carried out.
    Applied,
    /// Waits to be carried out.
    Open,
    /// What it was made for has changed: it cannot be carried out any more.
    Stale,
    /// Carried out and taken back.
    Undone,
}

/// How many records and fields of one kind a plan changes.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct KindCounts {
    /// Records that change, new ones included.
    pub records: u64,
    /// New records.
    pub create: u64,
    /// Fields that get a value, or another one.
    pub change: u64,
    /// Fields that lose theirs.
    pub clear: u64,
    /// Phones that will belong to nobody.
    pub unassign: u64,
}

/// What is known of a plan besides its changes.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PlanHead {
    /// Its number.
    pub id: PlanId,
    /// What it was made from, in a few words: `users.csv, exact`.
    pub source: String,
    /// Where it stands, as far as the store knows.
    pub state: PlanState,
    /// The revision of the inventory it was made for.
    pub revision: u64,
    /// The settings and templates it was made for, as a digest.
    pub basis: String,
    /// When it was made.
    pub made: Timestamp,
    /// By whom.
    pub by: String,
    /// How much it changes, by kind.
    pub counts: BTreeMap<RecordKind, KindCounts>,
    /// The sites of everything it changes; none where it changes nothing.
    pub sites: BTreeSet<SiteId>,
    /// When and by whom it was carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<Applied>,
    /// When and by whom it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<Done>,
}

/// When something was done, by whom.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Done {
    /// When.
    pub time: Timestamp,
    /// By whom.
    pub by: String,
}

/// What is known of a plan since it was carried out.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Applied {
    /// When and by whom.
    #[serde(flatten)]
    pub done: Done,
    /// The store's revision by which its records are to be recognised.
    pub revision: u64,
    /// Phones whose windows it opened by the way, so that they can be shut again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub access: Vec<AccessChange>,
}

/// What one phone might have before and after.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct AccessChange {
    /// Which phone.
    pub mac: MacAddr,
    /// Before.
    pub was: Access,
    /// After.
    pub is: Access,
}

/// What would many changes together do?
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What is known of it besides.
    pub head: PlanHead,
    /// What it does, record by record.
    pub changes: Vec<RecordChange>,
    /// What to know before.
    pub warnings: Vec<Warning>,
    /// Which phones' files would change.
    pub files: Vec<FileChange>,
}

impl RecordKind {
    /// Its name for people.
    pub fn as_str(self) -> &'static str {
        match self {
            RecordKind::CommonArea => "common area",
            RecordKind::Device => "device",
            RecordKind::Number => "number",
            RecordKind::User => "user",
        }
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Entry {
    /// What it is.
    pub fn kind(&self) -> RecordKind {
        match self {
            Entry::CommonArea(_) => RecordKind::CommonArea,
            Entry::Device(_) => RecordKind::Device,
            Entry::Number(_) => RecordKind::Number,
            Entry::User(_) => RecordKind::User,
        }
    }

    /// Its name.
    pub fn id(&self) -> String {
        match self {
            Entry::CommonArea(area) => area.id.to_string(),
            Entry::Device(device) => device.mac.to_string(),
            Entry::Number(number) => number.number.to_string(),
            Entry::User(user) => user.id.to_string(),
        }
    }

    /// Where it is.
    pub fn site(&self) -> &SiteId {
        match self {
            Entry::CommonArea(area) => &area.site,
            Entry::Device(device) => &device.site,
            Entry::Number(number) => &number.site,
            Entry::User(user) => &user.site,
        }
    }

    /// As phones refer to it, if it can own one.
    pub fn owner(&self) -> Option<Owner> {
        match self {
            Entry::CommonArea(area) => Some(Owner::CommonArea(area.id.clone())),
            Entry::Device(_) | Entry::Number(_) => None,
            Entry::User(user) => Some(Owner::User(user.id.clone())),
        }
    }

    /// What it says, as the API has it.
    pub fn to_value(&self) -> serde_json::Result<Value> {
        match self {
            Entry::CommonArea(area) => serde_json::to_value(area),
            Entry::Device(device) => serde_json::to_value(device),
            Entry::Number(number) => serde_json::to_value(number),
            Entry::User(user) => serde_json::to_value(user),
        }
    }
}

impl RecordChange {
    /// Its actions: one for a new record, else one a field.
    pub fn actions(&self) -> impl Iterator<Item = Action> {
        let (create, edits) = match &self.deed {
            RecordDeed::Create(_) => (Some(Action::Create), [].as_slice()),
            RecordDeed::Change(edits) => (None, edits.as_slice()),
        };
        create.into_iter().chain(edits.iter().map(|edit| edit.action(self.kind)))
    }
}

impl FieldEdit {
    /// What is done to the field.
    pub fn action(&self, kind: RecordKind) -> Action {
        match (kind, self.field.as_str(), is_nothing(&self.to)) {
            (RecordKind::Device, "assignment", true) => Action::Unassign,
            (.., true) => Action::Clear,
            (.., false) => Action::Change,
        }
    }
}

/// Whether a field says nothing: absent, or empty.
pub fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for PlanId {
    type Err = PlanIdError;

    fn from_str(text: &str) -> Result<PlanId, PlanIdError> {
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        text.parse().ok().filter(|_| plain).map(PlanId).ok_or(PlanIdError)
    }
}

impl Serialize for PlanId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PlanId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PlanId, D::Error> {
        parsed(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_of_a_plan_is_written_in_one_way_only() {
        assert_eq!("412".parse(), Ok(PlanId(412)));
        for text in ["", "0", "007", "+1", "-1", "1 ", "x", "99999999999999999999999"] {
            assert_eq!(text.parse::<PlanId>(), Err(PlanIdError), "{text:?}");
        }
        assert_eq!(serde_json::to_value(PlanId(7)).unwrap(), json!("7"));
    }

    #[test]
    fn what_is_done_to_a_field_follows_from_its_value_afterwards() {
        let edit = |field: &str, to| FieldEdit { field: field.into(), from: json!("x"), to };
        assert_eq!(edit("last_name", json!("")).action(RecordKind::User), Action::Clear);
        assert_eq!(edit("keys", json!([])).action(RecordKind::User), Action::Clear);
        assert_eq!(edit("last_name", json!("Doe")).action(RecordKind::User), Action::Change);
        assert_eq!(edit("assignment", Value::Null).action(RecordKind::Device), Action::Unassign);
        assert_eq!(edit("assignment", json!({"user": "a@b"})).action(RecordKind::Device), Action::Change);
    }

    #[test]
    fn a_change_is_stored_as_it_was_made() {
        for deed in [
            RecordDeed::Create(json!({"id": "a@b"})),
            RecordDeed::Change(vec![FieldEdit { field: "site".into(), from: json!("a"), to: json!("b") }]),
        ] {
            let change = RecordChange { kind: RecordKind::User, id: "a@b".into(), deed };
            let text = serde_json::to_string(&change).unwrap();
            assert_eq!(serde_json::from_str::<RecordChange>(&text).unwrap(), change, "{text}");
        }
    }
}
