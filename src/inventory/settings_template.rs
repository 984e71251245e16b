//! Settings that many people or places share: a layer between their site and themselves.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::settings::{SettingKey, Settings};
use super::sip::Label;
use super::site::SiteId;
use super::text::slug_id;

slug_id! {
    /// The name of a settings template in URLs and files; unchangeable.
    SettingsTemplateId
}

/// Settings for all who name it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsTemplate {
    /// Its name in URLs and files.
    pub id: SettingsTemplateId,
    /// Its name for people.
    pub name: Label,
    /// The site whose people and places may name it; not set: all sites'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteId>,
    /// What it sets.
    #[serde(default)]
    pub settings: Settings,
    /// Settings that who names it may not change, nor their devices.
    #[serde(default)]
    pub locks: BTreeSet<SettingKey>,
}
