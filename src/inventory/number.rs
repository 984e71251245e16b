//! Telephone numbers: how one is written (E.164), and what is known of one. The inventory comes first: a number that it
//! does not list is nobody's to give.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use super::country::Country;
use super::site::SiteId;
use super::text::{Text, parsed};

/// A telephone number as the whole world dials it: `+` and 7 to 15 digits (ITU-T E.164).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct PhoneNumber(String);

/// What was read: a number, and the extension that was written behind it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dialled {
    /// The number.
    pub number: PhoneNumber,
    /// What followed `;ext=` or `x`.
    pub extension: Option<String>,
}

/// Why a text is no telephone number.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NumberError {
    /// A character that stands in no number.
    #[error("has {0:?} in it, which is part of no telephone number; write it such as +4940123456")]
    Character(char),
    /// Something that belongs to nobody's number but to a single telephone behind it.
    #[error("has the extension {0} behind it; write the number alone")]
    HasExtension(String),
    /// Too few or too many digits.
    #[error("has {0} digits; a telephone number has 7 to 15, its country's code included")]
    Length(usize),
    /// As people of a country dial it, but of which?
    #[error("does not begin with + and its country's code, and no country says what else it means")]
    NoCountry,
}

/// One number that the company has.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// The number; unchangeable.
    pub number: PhoneNumber,
    /// Where it belongs.
    pub site: SiteId,
    /// Who pays for calls to it.
    #[serde(default)]
    pub kind: NumberKind,
    /// Where it comes from: a carrier, a trunk.
    #[serde(default)]
    pub source: Text<64>,
    /// Whether it can be given to somebody.
    #[serde(default)]
    pub status: NumberStatus,
}

/// Who pays for calls to a number.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NumberKind {
    /// The caller.
    #[default]
    Toll,
    /// The called.
    Tollfree,
}

/// Whether a number can be given to somebody.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NumberStatus {
    /// It can.
    #[default]
    Active,
    /// Not yet: it is still being ported or ordered.
    Pending,
}

impl PhoneNumber {
    /// `+` and the digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads a number as people write it: with blanks, dashes, dots and brackets, behind `tel:`, or as it is dialled
    /// within the country.
    pub fn read(text: &str, country: Option<Country>) -> Result<Dialled, NumberError> {
        let text = text.trim();
        let text = text.strip_prefix("tel:").unwrap_or(text);
        let (number, extension) = match text.find([';', 'x', 'X']) {
            Some(end) => text.split_at(end),
            None => (text, ""),
        };
        let extension = extension.trim_start_matches(";ext=").trim_start_matches(['x', 'X']).trim();
        if let Some(odd) = extension.chars().find(|c| !c.is_ascii_digit()) {
            return Err(NumberError::Character(odd));
        }
        let number = international(&compact(number)?, country)?;
        Ok(Dialled { number, extension: (!extension.is_empty()).then(|| extension.to_owned()) })
    }
}

/// The digits, with the `+` that may stand before them.
fn compact(text: &str) -> Result<String, NumberError> {
    let mut compact = String::new();
    for character in text.chars() {
        match character {
            '0'..='9' => compact.push(character),
            '+' if compact.is_empty() => compact.push(character),
            ' ' | '\u{a0}' | '\u{202f}' | '-' | '\u{2010}' | '\u{2011}' | '\u{2013}' | '.' | '/' | '(' | ')' => {}
            odd => return Err(NumberError::Character(odd)),
        }
    }
    Ok(compact)
}

fn international(compact: &str, country: Option<Country>) -> Result<PhoneNumber, NumberError> {
    if let Some(digits) = compact.strip_prefix('+') {
        return of_digits(digits.to_owned());
    }
    if compact.is_empty() {
        return Err(NumberError::Length(0));
    }
    let dialling = country.and_then(Country::dialling).ok_or(NumberError::NoCountry)?;
    if let Some(digits) = compact.strip_prefix(dialling.international) {
        return of_digits(digits.to_owned());
    }
    let national = compact.strip_prefix(dialling.trunk).unwrap_or(compact);
    of_digits(format!("{}{national}", dialling.code))
}

/// No country's code begins with a zero.
fn of_digits(digits: String) -> Result<PhoneNumber, NumberError> {
    match digits.len() {
        7..=15 if !digits.starts_with('0') => Ok(PhoneNumber(format!("+{digits}"))),
        7..=15 => Err(NumberError::NoCountry),
        length => Err(NumberError::Length(length)),
    }
}

impl FromStr for PhoneNumber {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<PhoneNumber, NumberError> {
        let Dialled { number, extension } = PhoneNumber::read(text, None)?;
        extension.map_or(Ok(number), |extension| Err(NumberError::HasExtension(extension)))
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PhoneNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PhoneNumber, D::Error> {
        parsed(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, country: &str) -> Result<String, NumberError> {
        PhoneNumber::read(text, country.parse().ok()).map(|dialled| dialled.number.to_string())
    }

    #[test]
    fn every_usual_spelling_of_a_number_is_the_same_number() {
        for text in ["+4940123456", "tel:+49-40-123456", "+49 (40) 123.456", "\u{a0}+49 40/123456"] {
            assert_eq!(read(text, ""), Ok("+4940123456".to_owned()), "{text}");
        }
        for text in ["0049 40 123456", "040 123456", "(040) 12-34-56"] {
            assert_eq!(read(text, "DE"), Ok("+4940123456".to_owned()), "{text}");
        }
    }

    #[test]
    fn a_countrys_own_way_of_dialling_counts_only_there() {
        assert_eq!(read("011 49 40 123456", "US"), Ok("+4940123456".to_owned()));
        assert_eq!(read("1 (415) 555-2671", "US"), Ok("+14155552671".to_owned()));
        assert_eq!(read("(415) 555-2671", "US"), Ok("+14155552671".to_owned()));
        // In Italy the zero is part of the number; in Hungary the prefix has two digits.
        assert_eq!(read("06 69821", "IT"), Ok("+390669821".to_owned()));
        assert_eq!(read("06 1 234 5678", "HU"), Ok("+3612345678".to_owned()));
        for text in ["0049 40 123456", "040 123456", "555-5555"] {
            assert_eq!(read(text, ""), Err(NumberError::NoCountry), "{text}");
            assert_eq!(read(text, "XX"), Err(NumberError::NoCountry), "{text}");
        }
    }

    #[test]
    fn an_extension_behind_a_number_is_told_apart() {
        for text in ["+49 40 123456;ext=12", "tel:+4940123456;ext=12", "+4940123456 x12", "+4940123456x 12"] {
            let dialled = PhoneNumber::read(text, None).unwrap();
            assert_eq!((dialled.number.as_str(), dialled.extension.as_deref()), ("+4940123456", Some("12")), "{text}");
            assert_eq!(text.parse::<PhoneNumber>(), Err(NumberError::HasExtension("12".into())));
        }
    }

    #[test]
    fn what_is_no_number_is_refused_with_the_reason() {
        assert_eq!("".parse::<PhoneNumber>(), Err(NumberError::Length(0)));
        assert_eq!("+123456".parse::<PhoneNumber>(), Err(NumberError::Length(6)));
        assert_eq!("+1234567890123456".parse::<PhoneNumber>(), Err(NumberError::Length(16)));
        assert_eq!("+0012345678".parse::<PhoneNumber>(), Err(NumberError::NoCountry));
        for (text, odd) in [("+49\n40123456", '\n'), ("+49４0123456", '４'), ("+4940A23456", 'A'), ("49+40123456", '+')]
        {
            assert_eq!(text.parse::<PhoneNumber>(), Err(NumberError::Character(odd)), "{text}");
        }
        assert_eq!("+4940123456;phone=1".parse::<PhoneNumber>(), Err(NumberError::Character(';')));
    }

    proptest! {
        #[test]
        fn a_number_is_read_as_it_is_written(text in "\\PC{0,30}|[+0-9 ()x;=.-]{0,24}", country in "(DE|US|HU|IT|)") {
            if let Ok(dialled) = PhoneNumber::read(&text, country.parse().ok()) {
                let written = dialled.number.to_string();
                prop_assert!(written.starts_with('+') && (8..=16).contains(&written.len()));
                prop_assert_eq!(written.parse(), Ok(dialled.number));
            }
        }
    }
}
