//! The short number of a person or a place, and how the next free one is found.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text::parsed;

/// The digits people dial inside the company: two to six of them.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Extension(String);

/// What is dialled before a site's extensions from other sites: one to three digits.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct SiteCode(String);

/// Extensions of one length from `first` to `last`, both included; written `1000-1999`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExtensionRange {
    first: u32,
    last: u32,
    digits: usize,
}

/// Why a text is no extension or no range.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ExtensionError {
    /// Other characters than digits, or too few or too many.
    #[error("is no extension; use 2 to 6 digits")]
    NotAnExtension,
    /// Other characters than digits, or too few or too many.
    #[error("is no site code; use 1 to 3 digits")]
    NotACode,
    /// Not two extensions of the same length in rising order.
    #[error("is no range of extensions; write two of the same length, such as 1000-1999")]
    NotARange,
}

/// The most digits an extension has, the site's code included.
pub const LONGEST: usize = 6;

impl Extension {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What people of other sites dial: the site's code and the extension, if that is not too long.
    pub fn behind(&self, code: &SiteCode) -> Option<Extension> {
        (code.0.len() + self.0.len() <= LONGEST).then(|| Extension(format!("{}{}", code.0, self.0)))
    }
}

impl SiteCode {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SiteCode {
    type Err = ExtensionError;

    fn from_str(text: &str) -> Result<SiteCode, ExtensionError> {
        let text = text.trim();
        let fits = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if fits { Ok(SiteCode(text.to_owned())) } else { Err(ExtensionError::NotACode) }
    }
}

impl fmt::Display for SiteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SiteCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SiteCode, D::Error> {
        parsed(deserializer)
    }
}

impl FromStr for Extension {
    type Err = ExtensionError;

    fn from_str(text: &str) -> Result<Extension, ExtensionError> {
        let text = text.trim();
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || !(2..=LONGEST).contains(&text.len()) {
            return Err(ExtensionError::NotAnExtension);
        }
        Ok(Extension(text.to_owned()))
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Extension {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Extension, D::Error> {
        parsed(deserializer)
    }
}

/// Reads an extension where `"0"`, an empty text or nothing means "make sure there is one".
pub fn wished<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Extension>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    match text.trim() {
        "" | "0" => Ok(None),
        text => text.parse().map(Some).map_err(serde::de::Error::custom),
    }
}

impl ExtensionRange {
    /// How many digits each of them has.
    pub fn digits(&self) -> usize {
        self.digits
    }

    /// Every extension of the range, smallest first.
    pub fn iter(&self) -> impl Iterator<Item = Extension> + use<> {
        self.iter_from(None)
    }

    /// Every extension of the range from `from` on, smallest first.
    pub fn iter_from(&self, from: Option<&Extension>) -> impl Iterator<Item = Extension> + use<> {
        let digits = self.digits;
        let from = from.and_then(|from| from.0.parse().ok()).unwrap_or(self.first);
        (from.max(self.first)..=self.last).map(move |number| Extension(format!("{number:0digits$}")))
    }
}

impl FromStr for ExtensionRange {
    type Err = ExtensionError;

    fn from_str(text: &str) -> Result<ExtensionRange, ExtensionError> {
        let (first, last) = text.split_once('-').ok_or(ExtensionError::NotARange)?;
        let first: Extension = first.parse()?;
        let last: Extension = last.parse()?;
        let digits = first.0.len();
        if digits != last.0.len() || first > last {
            return Err(ExtensionError::NotARange);
        }
        let number = |extension: Extension| extension.0.parse().map_err(|_| ExtensionError::NotARange);
        Ok(ExtensionRange { first: number(first)?, last: number(last)?, digits })
    }
}

impl fmt::Display for ExtensionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.digits;
        write!(f, "{:0digits$}-{:0digits$}", self.first, self.last)
    }
}

impl Serialize for ExtensionRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ExtensionRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ExtensionRange, D::Error> {
        parsed(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_keeps_leading_zeros() {
        let range: ExtensionRange = "0098-0101".parse().unwrap();
        let all: Vec<String> = range.iter().map(|extension| extension.to_string()).collect();
        assert_eq!(all, ["0098", "0099", "0100", "0101"]);
        assert_eq!(range.to_string(), "0098-0101");
        let from: Extension = "0100".parse().unwrap();
        assert_eq!(range.iter_from(Some(&from)).count(), 2);
    }

    #[test]
    fn what_is_no_extension_is_refused() {
        for text in ["", "1", "1234567", "12a", "+49", "１２３"] {
            assert_eq!(text.parse::<Extension>(), Err(ExtensionError::NotAnExtension), "{text}");
        }
        for text in ["100", "200-100", "10-100"] {
            assert!(text.parse::<ExtensionRange>().is_err(), "{text}");
        }
    }
}
