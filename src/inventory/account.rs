//! What holds for the whole account, and the tokens of the programs that administer it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::settings::{SettingKey, Settings};
use super::sip::Label;
use super::text::slug_id;

/// What holds for the whole account.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Account {
    /// Whether the sites' codes stand before their extensions: extensions are then unique within each site alone.
    pub site_codes: bool,
    /// Settings of every phone.
    pub settings: Settings,
    /// Settings that nobody below may change.
    pub locks: BTreeSet<SettingKey>,
}

slug_id! {
    /// The name of an administrator's token.
    AdminTokenId
}

/// A token that lets a program use the admin API. Only its hash is kept.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct AdminToken {
    /// Its name in URLs.
    pub id: AdminTokenId,
    /// Its name for people.
    pub name: Label,
    /// SHA-256 of the token, in hexadecimal.
    pub hash: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}
