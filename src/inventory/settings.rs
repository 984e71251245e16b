//! Which value holds for this phone, and where does it come from? The catalogue of settings, and the layers
//! account < site < settings template < user or common area < device, where a layer may lock a value against the more
//! specific ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use super::period::Period;
use super::text::{is_forbidden, parsed};

/// The name of a setting: one of the catalogue's, or `<maker>:<native key>`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct SettingKey(String);

/// A setting's value as JSON and TOML have it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(untagged)]
pub enum SettingValue {
    /// A whole number.
    Number(i64),
    /// On or off.
    Switch(bool),
    /// A text, also of lengths of time.
    Text(String),
}

/// The settings written at one layer, each checked against the catalogue.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Settings(BTreeMap<SettingKey, SettingValue>);

/// What a setting's value may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A host name or address.
    Host,
    /// A whole number in this range, both ends included.
    Number(i64, i64),
    /// A length of time in this range, both ends included.
    Time(Period, Period),
    /// Free text of at most this many characters.
    Text(usize),
}

/// One entry of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name.
    pub key: &'static str,
    /// What it does, in a sentence.
    pub meaning: &'static str,
    /// What its value may be.
    pub kind: Kind,
    /// What holds when no layer says anything.
    pub default: Option<&'static str>,
    /// The makers whose templates heed it; empty: all.
    pub makers: &'static [&'static str],
}

/// Every setting there is, by name.
pub const CATALOGUE: &[Entry] = &[
    Entry {
        key: "language",
        meaning: "language of the phone's menus",
        kind: Kind::Choice(&[
            "cs", "da", "de", "en", "es", "fi", "fr", "hu", "it", "nl", "no", "pl", "pt", "ru", "sv", "tr",
        ]),
        default: Some("en"),
        makers: &[],
    },
    Entry {
        key: "refetch.interval",
        meaning: "how often the phone asks for its configuration again",
        kind: Kind::Time(Period::hours(1), Period::days(7)),
        default: Some("24h"),
        makers: &[],
    },
    Entry {
        key: "ring_tone",
        meaning: "ring tone, in the maker's own spelling, such as Ring2.wav or Ringer3",
        kind: Kind::Text(64),
        default: None,
        makers: &["snom", "yealink"],
    },
    Entry {
        key: "srtp",
        meaning: "encryption of speech; not set: required where the SIP transport is tls, else off",
        kind: Kind::Choice(&["off", "optional", "required"]),
        default: None,
        makers: &[],
    },
    Entry {
        key: "syslog.level",
        meaning: "least severity the phone reports, as RFC 5424 numbers it: 0 emergency to 7 debug",
        kind: Kind::Number(0, 7),
        default: Some("4"),
        makers: &[],
    },
    Entry {
        key: "syslog.server",
        meaning: "host the phone sends its syslog to; not set: none",
        kind: Kind::Host,
        default: None,
        makers: &[],
    },
    Entry {
        key: "vlan.id",
        meaning: "VLAN of the phone's voice traffic (IEEE 802.1Q); not set: as the switch says",
        kind: Kind::Number(1, 4094),
        default: None,
        makers: &[],
    },
    Entry {
        key: "vlan.priority",
        meaning: "priority of the phone's frames on the VLAN (IEEE 802.1p)",
        kind: Kind::Number(0, 7),
        default: Some("5"),
        makers: &[],
    },
];

/// Why a setting was refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SettingError {
    /// Its value does not suit it.
    #[error("setting {key:?} takes {expected}")]
    BadValue {
        /// The setting.
        key: String,
        /// What it takes.
        expected: String,
    },
    /// No such setting.
    #[error("there is no setting {0:?}; `<maker>:<native key>` passes a maker's own key through")]
    Unknown(String),
}

/// The layers a value may come from, least specific first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// The catalogue's default.
    Default,
    /// Account-wide.
    Account,
    /// The device's site.
    Site,
    /// The settings template that the user or common area names.
    Template,
    /// The user or common area the device belongs to.
    Assignee,
    /// The device itself.
    Device,
}

/// A setting in force, and why.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Effective {
    /// The value.
    pub value: SettingValue,
    /// The layer that gave it.
    pub layer: Layer,
    /// The layer that forbids more specific ones to change it, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked_by: Option<Layer>,
}

/// The settings and locks of one layer.
#[derive(Clone, Copy, Debug)]
pub struct LayerSettings<'a> {
    /// Which layer this is.
    pub layer: Layer,
    /// What it sets.
    pub settings: &'a Settings,
    /// What it locks.
    pub locks: &'a BTreeSet<SettingKey>,
}

impl SettingKey {
    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For `<maker>:<native key>`: both parts.
    pub fn native(&self) -> Option<(&str, &str)> {
        self.0.split_once(':')
    }
}

impl FromStr for SettingKey {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<SettingKey, SettingError> {
        let known = match text.split_once(':') {
            None => CATALOGUE.iter().any(|entry| entry.key == text),
            Some((maker, native)) => is_maker(maker) && is_native_key(native),
        };
        known.then(|| SettingKey(text.to_owned())).ok_or_else(|| SettingError::Unknown(text.to_owned()))
    }
}

/// Maker folders are lower-case words.
fn is_maker(text: &str) -> bool {
    !text.is_empty() && text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// Native keys start with a letter and hold only what is safe as a key, an attribute and an element name.
fn is_native_key(text: &str) -> bool {
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first
        && text.len() <= 128
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

impl fmt::Display for SettingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SettingKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SettingKey, D::Error> {
        parsed(deserializer)
    }
}

impl fmt::Display for SettingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SettingValue::Number(number) => write!(f, "{number}"),
            SettingValue::Switch(on) => f.write_str(if *on { "1" } else { "0" }),
            SettingValue::Text(text) => f.write_str(text),
        }
    }
}

impl Kind {
    /// The value as this kind keeps it, from whatever JSON, TOML or a command line gave.
    fn accept(self, given: &SettingValue) -> Option<SettingValue> {
        let text = given.to_string();
        let fits = match self {
            Kind::Number(least, most) => {
                let number: i64 = text.parse().ok()?;
                return (least..=most).contains(&number).then_some(SettingValue::Number(number));
            }
            Kind::Choice(words) => words.contains(&text.as_str()),
            Kind::Host => is_host(&text),
            Kind::Time(least, most) => (least..=most).contains(&text.parse().ok()?),
            Kind::Text(most) => text.chars().count() <= most && !text.chars().any(is_forbidden),
        };
        // Phones do not keep the blanks at a value's ends.
        fits.then(|| SettingValue::Text(text.trim().to_owned()))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Choice(words) => write!(f, "one of {}", words.join(", ")),
            Kind::Host => f.write_str("a host name or an address"),
            Kind::Number(least, most) => write!(f, "a whole number from {least} to {most}"),
            Kind::Text(most) => write!(f, "a text of at most {most} characters without control characters"),
            Kind::Time(least, most) => write!(f, "a length of time from {least} to {most}"),
        }
    }
}

/// Whether a text can be a host name, an IPv4 or an IPv6 address.
pub fn is_host(text: &str) -> bool {
    let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let plain = !text.is_empty() && text.len() <= 253 && text.bytes().all(name) && !text.starts_with(['.', '-']);
    plain || text.parse::<std::net::IpAddr>().is_ok()
}

impl Settings {
    /// Checks one setting and keeps it.
    pub fn set(&mut self, key: &str, given: &SettingValue) -> Result<(), SettingError> {
        let key: SettingKey = key.parse()?;
        let entry = CATALOGUE.iter().find(|entry| entry.key == key.0);
        // A native key takes any text that cannot break a line; the maker's manual says what it means.
        let kind = entry.map_or(Kind::Text(512), |entry| entry.kind);
        let value = kind
            .accept(given)
            .ok_or_else(|| SettingError::BadValue { key: key.0.clone(), expected: kind.to_string() })?;
        self.0.insert(key, value);
        Ok(())
    }

    /// The settings by name.
    pub fn iter(&self) -> impl Iterator<Item = (&SettingKey, &SettingValue)> {
        self.0.iter()
    }

    /// Whether this layer sets nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Settings, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Given {
            Number(i64),
            Switch(bool),
            Text(String),
        }
        let mut settings = Settings::default();
        for (key, given) in BTreeMap::<String, Given>::deserialize(deserializer)? {
            let value = match given {
                Given::Number(number) => SettingValue::Number(number),
                Given::Switch(on) => SettingValue::Switch(on),
                Given::Text(text) => SettingValue::Text(text),
            };
            settings.set(&key, &value).map_err(serde::de::Error::custom)?;
        }
        Ok(settings)
    }
}

/// What holds after all layers, least specific first, with the layer each value comes from.
pub fn effective(layers: &[LayerSettings<'_>]) -> BTreeMap<SettingKey, Effective> {
    let mut result: BTreeMap<SettingKey, Effective> = BTreeMap::new();
    for entry in CATALOGUE {
        let Some(default) = entry.default else { continue };
        let Some(value) = entry.kind.accept(&SettingValue::Text(default.to_owned())) else { continue };
        let effective = Effective { value, layer: Layer::Default, locked_by: None };
        result.insert(SettingKey(entry.key.to_owned()), effective);
    }
    let mut locked: BTreeMap<&SettingKey, Layer> = BTreeMap::new();
    for LayerSettings { layer, settings, locks } in layers {
        for (key, value) in settings.iter() {
            if !locked.contains_key(key) {
                result.insert(key.clone(), Effective { value: value.clone(), layer: *layer, locked_by: None });
            }
        }
        for key in *locks {
            locked.entry(key).or_insert(*layer);
        }
    }
    for (key, layer) in locked {
        if let Some(effective) = result.get_mut(key) {
            effective.locked_by = Some(layer);
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(json: &str) -> Settings {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_most_specific_layer_wins_unless_a_lock_forbids_it() {
        let account = settings(r#"{"language": "de", "vlan.id": 20}"#);
        let device = settings(r#"{"language": "fr", "vlan.id": 30}"#);
        let locks = BTreeSet::from(["vlan.id".parse().unwrap()]);
        let none = BTreeSet::new();
        let all = effective(&[
            LayerSettings { layer: Layer::Account, settings: &account, locks: &locks },
            LayerSettings { layer: Layer::Device, settings: &device, locks: &none },
        ]);
        let of = |key: &str| all.get(&key.parse::<SettingKey>().unwrap()).unwrap().clone();
        assert_eq!(of("language").value, SettingValue::Text("fr".into()));
        assert_eq!(of("language").layer, Layer::Device);
        assert_eq!(of("vlan.id").value, SettingValue::Number(20));
        assert_eq!(of("vlan.id").locked_by, Some(Layer::Account));
        assert_eq!(of("vlan.priority").layer, Layer::Default);
    }

    #[test]
    fn unknown_keys_and_bad_values_are_refused() {
        let mut settings = Settings::default();
        let text = |text: &str| SettingValue::Text(text.into());
        assert!(matches!(settings.set("vlan", &text("1")), Err(SettingError::Unknown(_))));
        assert!(matches!(settings.set("vlan.id", &text("4095")), Err(SettingError::BadValue { .. })));
        assert!(matches!(settings.set("language", &text("klingon")), Err(SettingError::BadValue { .. })));
        assert!(matches!(settings.set("syslog.server", &text("a b")), Err(SettingError::BadValue { .. })));
        assert!(matches!(settings.set("yealink:a b", &text("1")), Err(SettingError::Unknown(_))));
        assert!(matches!(settings.set("yealink:a.b", &text("1\n2")), Err(SettingError::BadValue { .. })));
        assert_eq!(settings, Settings::default());
        settings.set("yealink:features.dnd.enable", &SettingValue::Number(1)).unwrap();
        settings.set("vlan.id", &text("7")).unwrap();
    }

    #[test]
    fn every_default_suits_its_own_kind() {
        for entry in CATALOGUE {
            let Some(default) = entry.default else { continue };
            assert!(entry.kind.accept(&SettingValue::Text(default.into())).is_some(), "{}", entry.key);
        }
        assert!(CATALOGUE.windows(2).all(|pair| pair[0].key < pair[1].key));
    }
}
