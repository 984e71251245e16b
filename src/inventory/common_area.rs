//! A phone that belongs to a place, not to a person: a lobby, a meeting room, a lift.

use serde::{Deserialize, Serialize};

use super::extension::{Extension, wished};
use super::keys::Key;
use super::settings::Settings;
use super::sip::{Label, SipIdentity};
use super::site::SiteId;
use super::text::slug_id;
use super::user::Locale;

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
    /// The language of its phones, if it differs from the site's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<Locale>,
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
