//! What do the keys beside a phone's screen do?

use serde::{Deserialize, Serialize};

use super::common_area::CommonAreaId;
use super::device::Owner;
use super::sip::Label;
use super::text::Text;
use super::user::UserId;

/// A programmable key.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "KeyForm", into = "KeyForm")]
pub struct Key {
    /// Which key, counted from 1 at the top.
    pub position: u16,
    /// What it does.
    pub kind: KeyKind,
    /// What it does it with: an extension or a number; nothing for a line key.
    pub value: Text<128>,
    /// The one whose extension it is instead, and whose name stands beside it unless a label does: whatever they are called
    /// and however they are dialled by then.
    pub owner: Option<Owner>,
    /// What stands beside it.
    pub label: Label,
    /// Which of the phone's lines it uses.
    pub line: u8,
}

/// [`Key`] as it is written: `{position, kind, value, user, common_area, label, line}`.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct KeyForm {
    position: u16,
    kind: KeyKind,
    #[serde(default)]
    value: Text<128>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<UserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    common_area: Option<CommonAreaId>,
    #[serde(default)]
    label: Label,
    #[serde(default = "first_line")]
    line: u8,
}

/// What a key does.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// Shows whether somebody is on the phone, and calls them.
    Blf,
    /// Takes a line.
    Line,
    /// Calls a number.
    SpeedDial,
}

fn first_line() -> u8 {
    1
}

impl TryFrom<KeyForm> for Key {
    type Error = &'static str;

    fn try_from(form: KeyForm) -> Result<Key, &'static str> {
        let owner = match (form.user, form.common_area) {
            (Some(_), Some(_)) => return Err("a key names a user or a common_area, not both"),
            (Some(user), None) => Some(Owner::User(user)),
            (None, Some(area)) => Some(Owner::CommonArea(area)),
            (None, None) => None,
        };
        if owner.is_some() && !form.value.is_empty() {
            return Err("a key has a value or names somebody, not both");
        }
        if owner.is_some() && form.kind == KeyKind::Line {
            return Err("a line key names nobody; further lines of a phone are its lines[]");
        }
        Ok(Key {
            position: form.position,
            kind: form.kind,
            value: form.value,
            owner,
            label: form.label,
            line: form.line,
        })
    }
}

impl From<Key> for KeyForm {
    fn from(key: Key) -> KeyForm {
        let (user, common_area) = match key.owner {
            Some(Owner::User(user)) => (Some(user), None),
            Some(Owner::CommonArea(area)) => (None, Some(area)),
            None => (None, None),
        };
        let Key { position, kind, value, label, line, .. } = key;
        KeyForm { position, kind, value, user, common_area, label, line }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Key, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn a_key_says_what_it_calls_or_names_whom() {
        let key = read(r#"{"position":2,"kind":"blf","user":"Bob@example.com"}"#).unwrap();
        assert_eq!(key.owner, Some(Owner::User("bob@example.com".parse().unwrap())));
        assert_eq!(serde_json::from_value::<Key>(serde_json::to_value(&key).unwrap()).unwrap(), key);
        for json in [
            r#"{"position":2,"kind":"blf","user":"b@c","common_area":"lobby"}"#,
            r#"{"position":2,"kind":"blf","user":"b@c","value":"12"}"#,
            r#"{"position":2,"kind":"line","user":"b@c"}"#,
            r#"{"position":2,"kind":"blf","who":"b@c"}"#,
        ] {
            assert!(read(json).is_err(), "{json}");
        }
    }
}
