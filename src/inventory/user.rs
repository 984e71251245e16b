//! A person with phones.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use super::extension::{Extension, wished};
use super::keys::Key;
use super::number::PhoneNumber;
use super::package::PackageId;
use super::settings::Settings;
use super::settings_template::SettingsTemplateId;
use super::sip::SipIdentity;
use super::site::{SiteId, Timezone};
use super::text::{Text, is_forbidden, parsed};

/// A person, by e-mail address in lower case.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct UserId(String);

/// A text is no e-mail address.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("is no e-mail address; write it such as alice@example.com")]
pub struct UserIdError;

/// A language tag such as `de-DE` (RFC 5646).
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Locale(String);

/// A text is no language tag.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("is no language tag; write it such as de-DE or en")]
pub struct LocaleError;

/// Whether somebody may telephone.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Yes.
    Active,
    /// No: no phone has the line, and no seat is taken; extension and numbers are kept.
    Inactive,
    /// Not yet: a package waits for an administrator to activate the person.
    Pending,
}

/// A person with phones.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The e-mail address.
    pub id: UserId,
    /// Given name.
    #[serde(default)]
    pub first_name: Text<64>,
    /// Family name.
    #[serde(default)]
    pub last_name: Text<64>,
    /// Where the person works.
    pub site: SiteId,
    /// The person's extension; `"0"` or nothing asks for the next free one of the site.
    #[serde(default, deserialize_with = "wished", skip_serializing_if = "Option::is_none")]
    pub extension: Option<Extension>,
    /// Whether the person has no extension at all, and so no line on any phone; a plan comes with one all the same.
    #[serde(default)]
    pub without_extension: bool,
    /// Telephone numbers, the main one first; from the inventory, and nobody else's.
    #[serde(default)]
    pub numbers: Vec<PhoneNumber>,
    /// The number the called see: the person's own or one that is no other person's; not set: none is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbound_caller_id: Option<PhoneNumber>,
    /// Whether the person may choose among them on the phone.
    #[serde(default)]
    pub select_outbound_caller_id: bool,
    /// Whether the person may send and receive text messages.
    #[serde(default)]
    pub sms: bool,
    /// What was bought for the person.
    #[serde(default)]
    pub packages: BTreeSet<PackageId>,
    /// Part of the company.
    #[serde(default)]
    pub department: Text<64>,
    /// Who pays within the company.
    #[serde(default)]
    pub cost_center: Text<64>,
    /// Whether the person may telephone; not said: as it was, or as the packages of a new one say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// The person's language, if it differs from the site's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<Locale>,
    /// The person's time zone, if it differs from the site's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<Timezone>,
    /// Settings shared with others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings_template: Option<SettingsTemplateId>,
    /// The keys of the person's phones.
    #[serde(default)]
    pub keys: Vec<Key>,
    /// Settings of the person's phones.
    #[serde(default)]
    pub settings: Settings,
    /// Names at the registrar.
    #[serde(default)]
    pub sip: SipIdentity,
}

impl User {
    /// The name others see when this person calls: both names, or the address where none is known.
    pub fn display_name(&self) -> String {
        let name = format!("{} {}", self.first_name, self.last_name);
        let name = name.trim();
        if name.is_empty() { self.id.as_str().to_owned() } else { name.to_owned() }
    }
}

impl UserId {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserId {
    type Err = UserIdError;

    fn from_str(text: &str) -> Result<UserId, UserIdError> {
        let text = text.trim().to_lowercase();
        let odd = |c: char| {
            c.is_whitespace() || is_forbidden(c) || matches!(c, '/' | '?' | '#' | '%' | '\\' | '"' | '<' | '>')
        };
        let (local, domain) = text.split_once('@').ok_or(UserIdError)?;
        if local.is_empty() || domain.is_empty() || domain.contains('@') || text.len() > 254 || text.chars().any(odd) {
            return Err(UserIdError);
        }
        Ok(UserId(text))
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for UserId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<UserId, D::Error> {
        parsed(deserializer)
    }
}

impl Locale {
    /// The tag as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The language alone, in lower case: `de` of `de-DE`.
    pub fn language(&self) -> String {
        self.0.split('-').next().unwrap_or_default().to_lowercase()
    }
}

impl FromStr for Locale {
    type Err = LocaleError;

    fn from_str(text: &str) -> Result<Locale, LocaleError> {
        let text = text.replace('_', "-");
        let mut parts = text.split('-');
        let language = parts
            .next()
            .is_some_and(|part| (2..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphabetic()));
        let rest = parts.all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
        if language && rest { Ok(Locale(text)) } else { Err(LocaleError) }
    }
}

impl<'de> Deserialize<'de> for Locale {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Locale, D::Error> {
        parsed(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_in_lower_case() {
        assert_eq!("Alice@Example.COM".parse::<UserId>().unwrap().as_str(), "alice@example.com");
        for text in ["", "alice", "@example.com", "alice@", "a@b@c", "a b@c", "a/b@c", "a\n@c"] {
            assert_eq!(text.parse::<UserId>(), Err(UserIdError), "{text:?}");
        }
    }

    #[test]
    fn a_locale_names_its_language() {
        assert_eq!("de_DE".parse::<Locale>().unwrap().language(), "de");
        assert!("deutsch!".parse::<Locale>().is_err());
    }
}
