//! What shall be? Record by record and field by field, each kept, cleared or set; and what cannot be.

use serde_json::{Map, Value};

use crate::inventory::device::Owner;
use crate::inventory::mac::MacAddr;
use crate::inventory::plan::RecordKind;

/// What shall be, record by record; records that are not named stay as they are.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// Each another record.
    pub records: Vec<Wanted>,
}

/// One record as it shall be.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Where the wish comes from, for who wished: given back with every fault of it.
    pub origin: usize,
    /// What it is.
    pub kind: RecordKind,
    /// Which.
    pub id: String,
    /// Its fields as the API has them: what is not here is kept, `null` clears, a value is set.
    pub fields: Map<String, Value>,
    /// The phones of a person or a place; `None`: as they are.
    pub phones: Option<Phones>,
}

/// Which phones somebody shall have: the own ones, and those of others with a line of theirs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Phones {
    /// These too; none is taken away.
    AtLeast(Vec<MacAddr>),
    /// These and no others.
    Exactly(Vec<MacAddr>),
}

/// Why a wish cannot come true.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// The origin of the wish.
    pub origin: usize,
    /// The phone it is about, if it is about one of several.
    pub phone: Option<MacAddr>,
    /// Whom else it tells of.
    pub owner: Option<Owner>,
    /// The field of the record, as the API has it; empty: the record as such.
    pub field: String,
    /// What kind of fault, for programs.
    pub code: &'static str,
    /// What is wrong and what helps, for people.
    pub message: String,
}

impl Phones {
    /// The phones that are named.
    pub fn named(&self) -> &[MacAddr] {
        match self {
            Phones::AtLeast(named) | Phones::Exactly(named) => named,
        }
    }
}

impl Fault {
    /// A fault of a field.
    pub fn new(origin: usize, field: &str, code: &'static str, message: impl Into<String>) -> Fault {
        Fault { origin, phone: None, owner: None, field: field.to_owned(), code, message: message.into() }
    }

    /// A fault that tells of somebody.
    pub fn telling_of(self, owner: &Owner) -> Fault {
        Fault { owner: Some(owner.clone()), ..self }
    }

    /// A fault of a phone.
    pub fn of_phone(self, mac: MacAddr) -> Fault {
        Fault { phone: Some(mac), ..self }
    }
}
