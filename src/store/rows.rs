//! How do records lie in the store? Keys that begin with their table's name, and texts of a version digit and JSON.
//! A shape that changes gets the next digit, and [`decode`] learns to read the one before.

use serde::{Deserialize, Serialize};

use super::audit::Told;
use super::{StoreFault, Versioned};
use crate::inventory::device::Owner;
use crate::inventory::mac::MacAddr;
use crate::inventory::secret::TokenHash;

/// The schema of the store as a whole: which tables there are and what their keys mean.
pub const SCHEMA: u32 = 3;

/// The schema before secrets were sealed and events chained; [`super::upgrade`] makes the present one of it.
pub const UNSEALED: u32 = 1;

/// The schema since which secrets are sealed as they are, and which they are bound to.
pub const SEALED: u32 = 2;

/// The row that says which schema the rows have and which change was the last.
pub const HEAD: &str = "meta/head";

/// The row with the numbers of records.
pub const COUNTS: &str = "meta/counts";

/// The row that names the main site.
pub const MAIN_SITE: &str = "meta/main_site";

/// The row that says which code is which site's.
pub const SITE_CODES: &str = "meta/site_codes";

/// The row with the account-wide settings.
pub const ACCOUNT: &str = "meta/account";

/// The row with the lab that was confirmed.
pub const LAB: &str = "meta/lab";
/// The row with the revision of the last change to the inventory or its settings.
pub const INVENTORY: &str = "meta/inventory";

/// The row that says which acts of administrators are kept.
pub const AUDIT_ENDS: &str = "meta/audit";

/// The version of the shapes below.
const VERSION: char = '1';

macro_rules! tables {
    ($($(#[$meaning:meta])* $variant:ident $prefix:literal,)*) => {
        /// The kinds of rows.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum Table {
            $($(#[$meaning])* $variant,)*
        }

        impl Table {
            /// Every table there is.
            const ALL: &[Table] = &[$(Table::$variant),*];

            /// What the table's keys begin with.
            pub fn prefix(self) -> &'static str {
                match self { $(Table::$variant => $prefix),* }
            }
        }
    };
}

tables! {
    /// MAC → what the phone has been given.
    Access "access/",
    /// id → administrator's token.
    AdminToken "admin_token/",
    /// id → common area.
    Area "common_area/",
    /// number → act of an administrator, chained.
    Audit "audit/",
    /// fingerprint → a maker's authority.
    Authority "authority/",
    /// address → when it began claims within the last hour.
    Claim "claim/",
    /// time/address → nothing: which address's claims to forget next.
    ClaimTime "claim_time/",
    /// MAC → device.
    Device "device/",
    /// long form of an extension → owner.
    Extension "extension/",
    /// site/range → extension below which none is free.
    FreeFrom "free_from/",
    /// id → grant of a role.
    Grant "grant/",
    /// MAC/revision → change of assignment.
    History "history/",
    /// owner/MAC → nothing: on which phones the owner's line appears beside others'.
    Line "line/",
    /// number → telephone number.
    Number "number/",
    /// number → owner.
    NumberOwner "number_owner/",
    /// owner/MAC → nothing: the owner's phones.
    Owned "owned/",
    /// number → plan, without its changes.
    Plan "plan/",
    /// plan/part → some of its changes, or what else it says.
    PlanPart "plan_part/",
    /// id → package.
    Package "package/",
    /// id → role of the administrators' own.
    Role "role/",
    /// package → how many of its seats are taken.
    Seats "seats/",
    /// record/field → secret.
    Secret "secret/",
    /// id → settings template.
    SettingsTemplate "settings_template/",
    /// id → site.
    Site "site/",
    /// site/kind/id → nothing: what belongs to a site.
    SiteUse "site_use/",
    /// hash → MAC of the phone with that token.
    TokenHash "token_hash/",
    /// record/record → nothing: who uses a record, a package or a settings template, say.
    Use "use/",
    /// id → user.
    User "user/",
}

/// A record as it is stored.
#[derive(Deserialize, Serialize)]
pub struct Record<T> {
    /// The store's revision when an administrator last wrote it.
    pub revision: u64,
    /// The record.
    pub value: T,
}

/// What the store says of itself.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Head {
    /// [`SCHEMA`] of who wrote it.
    pub schema: u32,
    /// The last change that is in the rows.
    pub sequence: u64,
}

impl<T> From<Record<T>> for Versioned<T> {
    fn from(record: Record<T>) -> Versioned<T> {
        Versioned { revision: record.revision, value: record.value }
    }
}

impl Table {
    /// How changes of the table's rows are told of in the audit trail.
    pub fn told(self) -> Told {
        match self {
            Table::Access => Told::Fields("access"),
            Table::AdminToken
            | Table::Area
            | Table::Authority
            | Table::Device
            | Table::Grant
            | Table::Number
            | Table::Package
            | Table::Role
            | Table::SettingsTemplate
            | Table::Site
            | Table::User => Told::Fields(""),
            Table::Secret => Told::Secret,
            Table::Audit
            | Table::Claim
            | Table::ClaimTime
            | Table::Extension
            | Table::FreeFrom
            | Table::History
            | Table::Line
            | Table::NumberOwner
            | Table::Owned
            | Table::Plan
            | Table::PlanPart
            | Table::Seats
            | Table::SiteUse
            | Table::TokenHash
            | Table::Use => Told::Not,
        }
    }

    /// Whether its rows are what plans are made for: what administrators write, of which phones' files are made.
    pub fn is_inventory(self) -> bool {
        match self {
            Table::Area
            | Table::Device
            | Table::Number
            | Table::Package
            | Table::SettingsTemplate
            | Table::Site
            | Table::User => true,
            Table::Access
            | Table::AdminToken
            | Table::Audit
            | Table::Authority
            | Table::Claim
            | Table::ClaimTime
            | Table::Extension
            | Table::FreeFrom
            | Table::Grant
            | Table::History
            | Table::Line
            | Table::NumberOwner
            | Table::Owned
            | Table::Plan
            | Table::PlanPart
            | Table::Role
            | Table::Seats
            | Table::Secret
            | Table::SiteUse
            | Table::TokenHash
            | Table::Use => false,
        }
    }

    /// What the things in the table are called in the audit trail.
    pub fn kind(self) -> &'static str {
        match self {
            Table::Access => Table::Device.kind(),
            Table::AdminToken => "token",
            table => table.prefix().trim_end_matches('/'),
        }
    }

    /// The table of a row, and the row's name in it.
    pub fn of_key(key: &str) -> Option<(Table, &str)> {
        Table::ALL.iter().find_map(|table| Some((*table, key.strip_prefix(table.prefix())?)))
    }

    /// The key of the row with this name.
    pub fn key(self, name: &str) -> String {
        format!("{}{name}", self.prefix())
    }

    /// What the keys of the rows below this name begin with.
    pub fn below(self, name: &str) -> String {
        format!("{}{name}/", self.prefix())
    }

    /// The key of what is kept of a phone.
    pub fn of(self, mac: MacAddr) -> String {
        self.key(&mac.plain())
    }
}

/// The name of an owner's own record, which is the same in every table that speaks of owners.
pub fn owner_key(owner: &Owner) -> String {
    match owner {
        Owner::CommonArea(id) => Table::Area.key(id.as_str()),
        Owner::User(id) => Table::User.key(id.as_str()),
    }
}

/// The owner whose own record has this key, if it is one's.
pub fn owner_of(key: &str) -> Option<Owner> {
    match Table::of_key(key)? {
        (Table::Area, id) => Some(Owner::CommonArea(id.parse().ok()?)),
        (Table::User, id) => Some(Owner::User(id.parse().ok()?)),
        _ => None,
    }
}

/// The key of a token's row.
pub fn token_key(token: &TokenHash) -> String {
    Table::TokenHash.key(&token.to_hex())
}

/// A record as text.
pub fn encode<T: Serialize>(key: &str, value: &T) -> Result<String, StoreFault> {
    match serde_json::to_string(value) {
        Ok(json) => Ok(format!("{VERSION}{json}")),
        Err(error) => Err(StoreFault::Corrupt(format!("row {key} cannot be written: {error}"))),
    }
}

/// A record out of its text.
pub fn decode<'a, T: Deserialize<'a>>(key: &str, text: &'a str) -> Result<T, StoreFault> {
    let unreadable = |why: String| StoreFault::Corrupt(format!("row {key} cannot be read: {why}"));
    let json = text.strip_prefix(VERSION).ok_or_else(|| unreadable("unknown version".to_owned()))?;
    serde_json::from_str(json).map_err(|error| unreadable(error.to_string()))
}

/// Whether a row has the form of one, without looking into it: what a check of the whole store asks.
pub fn is_sound(key: &str, text: &str) -> bool {
    key.contains('/') && text.starts_with(VERSION) && text.len() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_a_later_version_is_not_guessed_at() {
        let fault = decode::<Head>("meta/head", r#"2{"schema":1,"sequence":3}"#).unwrap_err();
        assert_eq!(fault, StoreFault::Corrupt("row meta/head cannot be read: unknown version".into()));
        assert!(decode::<Head>("meta/head", "").is_err());
    }

    #[test]
    fn what_was_written_is_read_again() {
        let head = Head { schema: 1, sequence: 7 };
        let text = encode(HEAD, &head).unwrap();
        assert!(is_sound(HEAD, &text));
        assert_eq!(decode::<Head>(HEAD, &text), Ok(head));
    }
}
