//! A place with phones: its networks, its time, its registrar.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize};

use super::country::Country;
use super::extension::{Extension, ExtensionRange, SiteCode};
use super::settings::{SettingKey, Settings};
use super::sip::{Host, Label, SipOverride};
use super::text::{parsed, slug_id};

slug_id! {
    /// The name of a site in URLs and files; unchangeable.
    SiteId
}

/// A place with phones.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Its name in URLs and files.
    pub id: SiteId,
    /// Its name for people.
    pub name: Label,
    /// What is dialled before its extensions from other sites, where the account has `site_codes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<SiteCode>,
    /// Whether what names no site belongs here; exactly one site is main.
    #[serde(default)]
    pub main: bool,
    /// The networks its phones ask from. Listing them opens the claim windows of its phones; a single host is a NAT exit.
    #[serde(default)]
    pub networks: Vec<IpNet>,
    /// How people there dial: what a number without `+` means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<Country>,
    /// IANA time zone; not set: the account's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<Timezone>,
    /// Time servers its phones are told; none: the account's.
    #[serde(default)]
    pub ntp: Vec<Host>,
    /// What differs from the account's registrar.
    #[serde(default)]
    pub sip: SipOverride,
    /// Where the next free extension is looked for.
    #[serde(default = "usual_ranges")]
    pub extension_ranges: Vec<ExtensionRange>,
    /// Extensions never given out by themselves: emergency numbers, feature codes.
    #[serde(default)]
    pub reserved_extensions: BTreeSet<Extension>,
    /// Settings of all its phones.
    #[serde(default)]
    pub settings: Settings,
    /// Settings that users and devices of the site may not change.
    #[serde(default)]
    pub locks: BTreeSet<SettingKey>,
}

/// The name of a time zone in the IANA database, such as `Europe/Berlin`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Timezone(String);

/// A text names no time zone.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("is no time zone of the IANA database; write it such as Europe/Berlin or UTC")]
pub struct TimezoneError;

/// The extensions of a site that names no ranges.
pub fn usual_ranges() -> Vec<ExtensionRange> {
    "1000-9999".parse().into_iter().collect()
}

impl Timezone {
    /// The zone's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The zone's rules; UTC if the database lost it since.
    pub fn rules(&self) -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::get(&self.0).unwrap_or(jiff::tz::TimeZone::UTC)
    }
}

impl Default for Timezone {
    fn default() -> Timezone {
        Timezone("UTC".to_owned())
    }
}

impl FromStr for Timezone {
    type Err = TimezoneError;

    fn from_str(text: &str) -> Result<Timezone, TimezoneError> {
        let zone = jiff::tz::TimeZone::get(text).map_err(|_| TimezoneError)?;
        Ok(Timezone(zone.iana_name().unwrap_or(text).to_owned()))
    }
}

impl fmt::Display for Timezone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Timezone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Timezone, D::Error> {
        parsed(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_zone_is_one_the_database_has() {
        assert_eq!("europe/berlin".parse::<Timezone>().unwrap().as_str(), "Europe/Berlin");
        for text in ["", "Mars/Olympus", "+01:00", "../etc/passwd"] {
            assert_eq!(text.parse::<Timezone>(), Err(TimezoneError), "{text}");
        }
    }
}
