//! A phone that belongs to a place, not to a person: a lobby, a meeting room, a lift.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::extension::{Extension, wished};
use super::keys::Key;
use super::number::PhoneNumber;
use super::package::PackageId;
use super::settings::Settings;
use super::settings_template::SettingsTemplateId;
use super::sip::{Label, SipIdentity};
use super::site::SiteId;
use super::text::{Text, slug_id};
use super::user::{Locale, Status};

slug_id! {
    /// The name of a common area in URLs and files; unchangeable.
    CommonAreaId
}

/// A place with a phone of its own.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CommonArea {
    /// Its name in URLs and files.
    pub id: CommonAreaId,
    /// Its name for people and on the phone.
    pub name: Label,
    /// Where it is.
    pub site: SiteId,
    /// Its extension; `"0"` or nothing asks for the next free one of the site.
    #[serde(default, deserialize_with = "wished", skip_serializing_if = "Option::is_none")]
    pub extension: Option<Extension>,
    /// Whether the place has no extension at all, and so no line on any phone; a plan comes with one all the same.
    #[serde(default)]
    pub without_extension: bool,
    /// Telephone numbers, the main one first; from the inventory, and nobody else's.
    #[serde(default)]
    pub numbers: Vec<PhoneNumber>,
    /// The number the called see: its own or one that is no person's; not set: none is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbound_caller_id: Option<PhoneNumber>,
    /// Whether that may be chosen on the phone.
    #[serde(default)]
    pub select_outbound_caller_id: bool,
    /// What was bought for it.
    #[serde(default)]
    pub packages: BTreeSet<PackageId>,
    /// Part of the company.
    #[serde(default)]
    pub department: Text<64>,
    /// Who pays within the company.
    #[serde(default)]
    pub cost_center: Text<64>,
    /// Whether its phones may be used; not said: as it was, or as the packages of a new one say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// The language of its phones, if it differs from the site's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<Locale>,
    /// Settings shared with others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings_template: Option<SettingsTemplateId>,
    /// The keys of its phones.
    #[serde(default)]
    pub keys: Vec<Key>,
    /// Settings of its phones.
    #[serde(default)]
    pub settings: Settings,
    /// Names at the registrar.
    #[serde(default)]
    pub sip: SipIdentity,
}
