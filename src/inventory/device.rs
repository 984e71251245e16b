//! A phone, and whom it belongs to.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use super::common_area::CommonAreaId;
use super::mac::MacAddr;
use super::settings::{SettingKey, Settings};
use super::sip::Label;
use super::site::SiteId;
use super::text::{Text, parsed, slug_id};
use super::user::UserId;

slug_id! {
    /// A maker of phones, by the name of its folder of templates: `yealink`.
    MakerId
}

/// A phone's model as the catalogue of models spells it: `T46U`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct ModelId(String);

/// A template's name: `<maker>/<file>`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct TemplateName(String);

/// A text is no model or template name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NameError {
    /// No model is spelt so.
    #[error("is no model; `ztpd model list` shows them all")]
    Model,
    /// No template is spelt so.
    #[error("is no template name; write <maker>/<file>, such as yealink/lobby.cfg")]
    Template,
}

/// The one a phone belongs to. All phones of one owner use the same SIP account.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// A place.
    CommonArea(CommonAreaId),
    /// A person.
    User(UserId),
}

/// Somebody else's line that also appears on a phone.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "AppearanceForm", into = "AppearanceForm")]
pub struct Appearance {
    /// Which line of the phone, from 2: the first is the owner's.
    pub index: u8,
    /// Whose line it is.
    pub owner: Owner,
    /// What stands beside it; empty: the owner's extension.
    pub label: Label,
}

/// [`Appearance`] as it is written: `{index, user|common_area, label}`.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct AppearanceForm {
    index: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<UserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    common_area: Option<CommonAreaId>,
    #[serde(default)]
    label: Label,
}

/// A phone.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Its hardware address; unchangeable.
    pub mac: MacAddr,
    /// Who made it.
    pub maker: MakerId,
    /// What it is.
    pub model: ModelId,
    /// Where it is.
    pub site: SiteId,
    /// The provision template that replaces the maker's, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<TemplateName>,
    /// Its name for people.
    #[serde(default)]
    pub name: Text<255>,
    /// The maker's serial number.
    #[serde(default)]
    pub serial: Text<64>,
    /// Whom it belongs to.
    #[serde(default)]
    pub assignment: Option<Owner>,
    /// Further lines on it.
    #[serde(default)]
    pub lines: Vec<Appearance>,
    /// Its own settings.
    #[serde(default)]
    pub settings: Settings,
    /// Settings its user may not change on the phone.
    #[serde(default)]
    pub locks: BTreeSet<SettingKey>,
}

/// When a phone came to belong to somebody, or to nobody.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct AssignmentChange {
    /// When.
    pub time: Timestamp,
    /// To whom; `None`: to nobody.
    pub assignment: Option<Owner>,
    /// Who did it: the administrator's name.
    pub by: String,
}

impl ModelId {
    /// The name as the catalogue spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ModelId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<ModelId, NameError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b' ' | b'.' | b'/');
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(allowed);
        fits.then(|| ModelId(text.to_owned())).ok_or(NameError::Model)
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ModelId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ModelId, D::Error> {
        parsed(deserializer)
    }
}

impl TemplateName {
    /// `<maker>/<file>`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder: which maker's phones understand it.
    pub fn maker(&self) -> &str {
        self.0.split_once('/').map_or("", |(maker, _)| maker)
    }
}

impl FromStr for TemplateName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<TemplateName, NameError> {
        let (maker, file) = text.split_once('/').ok_or(NameError::Template)?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let fits = maker.parse::<MakerId>().is_ok()
            && !file.starts_with('.')
            && (1..=128).contains(&file.len())
            && file.bytes().all(allowed);
        fits.then(|| TemplateName(text.to_owned())).ok_or(NameError::Template)
    }
}

impl fmt::Display for TemplateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TemplateName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TemplateName, D::Error> {
        parsed(deserializer)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Owner::CommonArea(id) => write!(f, "common area {id}"),
            Owner::User(id) => write!(f, "user {id}"),
        }
    }
}

impl TryFrom<AppearanceForm> for Appearance {
    type Error = &'static str;

    fn try_from(form: AppearanceForm) -> Result<Appearance, &'static str> {
        let owner = match (form.user, form.common_area) {
            (Some(user), None) => Owner::User(user),
            (None, Some(area)) => Owner::CommonArea(area),
            _ => return Err("a line names either a user or a common_area"),
        };
        if form.index < 2 {
            return Err("line 1 is the owner's; further lines have an index from 2");
        }
        Ok(Appearance { index: form.index, owner, label: form.label })
    }
}

impl From<Appearance> for AppearanceForm {
    fn from(line: Appearance) -> AppearanceForm {
        let (user, common_area) = match line.owner {
            Owner::User(user) => (Some(user), None),
            Owner::CommonArea(area) => (None, Some(area)),
        };
        AppearanceForm { index: line.index, user, common_area, label: line.label }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_written_as_the_interface_says() {
        let owner = Owner::User("alice@example.com".parse().unwrap());
        assert_eq!(serde_json::to_string(&owner).unwrap(), r#"{"user":"alice@example.com"}"#);
        let owner: Owner = serde_json::from_str(r#"{"common_area":"lobby"}"#).unwrap();
        assert_eq!(owner, Owner::CommonArea("lobby".parse().unwrap()));
        assert!(serde_json::from_str::<Owner>(r#"{"user":"a@b","common_area":"c"}"#).is_err());
    }

    #[test]
    fn the_first_line_is_never_somebody_elses() {
        assert!(serde_json::from_str::<Appearance>(r#"{"index":1,"user":"a@b"}"#).is_err());
        assert!(serde_json::from_str::<Appearance>(r#"{"index":2}"#).is_err());
        assert!(serde_json::from_str::<Appearance>(r#"{"index":2,"user":"a@b"}"#).is_ok());
    }

    #[test]
    fn a_template_name_cannot_leave_its_folder() {
        for text in ["yealink", "yealink/", "yealink/../x", "../x", "yealink/.x", "Yealink/x", "yealink/a/b"] {
            assert_eq!(text.parse::<TemplateName>(), Err(NameError::Template), "{text}");
        }
    }
}
