//! How are numbers dialled in a country? Its calling code, and what people there dial before numbers of other countries
//! and of other areas (ITU-T E.164 and its list of dialling procedures).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use super::text::parsed;

/// A country by its two letters (ISO 3166-1), such as `DE`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Country([u8; 2]);

/// A text names no country.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("is no country; write its two letters, such as DE or US")]
pub struct CountryError;

/// What people of a country dial.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Dialling {
    /// The country's own code, without `+`.
    pub code: &'static str,
    /// What is dialled before another country's code.
    pub international: &'static str,
    /// What is dialled before another area's number and is no part of it; empty: nothing.
    pub trunk: &'static str,
}

/// Country, calling code, international prefix, trunk prefix. Countries whose carriers each have prefixes of their own are
/// left out: their numbers are written with `+`.
const COUNTRIES: &[(&str, &str, &str, &str)] = &[
    ("AE", "971", "00", "0"),
    ("AR", "54", "00", "0"),
    ("AT", "43", "00", "0"),
    ("AU", "61", "0011", "0"),
    ("BA", "387", "00", "0"),
    ("BE", "32", "00", "0"),
    ("BG", "359", "00", "0"),
    ("BH", "973", "00", ""),
    ("BY", "375", "810", "8"),
    ("CA", "1", "011", "1"),
    ("CH", "41", "00", "0"),
    ("CN", "86", "00", "0"),
    ("CY", "357", "00", ""),
    ("CZ", "420", "00", ""),
    ("DE", "49", "00", "0"),
    ("DK", "45", "00", ""),
    ("DZ", "213", "00", "0"),
    ("EE", "372", "00", ""),
    ("EG", "20", "00", "0"),
    ("ES", "34", "00", ""),
    ("FI", "358", "00", "0"),
    ("FR", "33", "00", "0"),
    ("GB", "44", "00", "0"),
    ("GR", "30", "00", ""),
    ("HK", "852", "001", ""),
    ("HR", "385", "00", "0"),
    ("HU", "36", "00", "06"),
    ("IE", "353", "00", "0"),
    ("IN", "91", "00", "0"),
    ("IS", "354", "00", ""),
    ("IT", "39", "00", ""),
    ("JP", "81", "010", "0"),
    ("KW", "965", "00", ""),
    ("KZ", "7", "810", "8"),
    ("LI", "423", "00", ""),
    ("LT", "370", "00", "0"),
    ("LU", "352", "00", ""),
    ("LV", "371", "00", ""),
    ("MA", "212", "00", "0"),
    ("MC", "377", "00", ""),
    ("MD", "373", "00", "0"),
    ("ME", "382", "00", "0"),
    ("MK", "389", "00", "0"),
    ("MT", "356", "00", ""),
    ("MX", "52", "00", ""),
    ("MY", "60", "00", "0"),
    ("NL", "31", "00", "0"),
    ("NO", "47", "00", ""),
    ("NZ", "64", "00", "0"),
    ("PH", "63", "00", "0"),
    ("PL", "48", "00", ""),
    ("PT", "351", "00", ""),
    ("QA", "974", "00", ""),
    ("RO", "40", "00", "0"),
    ("RS", "381", "00", "0"),
    ("RU", "7", "810", "8"),
    ("SA", "966", "00", "0"),
    ("SE", "46", "00", "0"),
    ("SI", "386", "00", "0"),
    ("SK", "421", "00", "0"),
    ("TN", "216", "00", ""),
    ("TR", "90", "00", "0"),
    ("TW", "886", "002", "0"),
    ("UA", "380", "00", "0"),
    ("US", "1", "011", "1"),
    ("VN", "84", "00", "0"),
    ("ZA", "27", "00", "0"),
];

/// What calls for help wherever a mobile standard reached (3GPP TS 22.101) and where people know it from films.
const HELP_EVERYWHERE: &[&str] = &["112", "911"];

/// What else calls for help in a country.
const HELP: &[(&str, &[&str])] = &[
    ("AE", &["997", "998", "999"]),
    ("AR", &["100", "101", "107"]),
    ("AT", &["122", "133", "140", "141", "144"]),
    ("AU", &["000", "106"]),
    ("BE", &["100", "101"]),
    ("CH", &["117", "118", "143", "144"]),
    ("CN", &["110", "119", "120", "122"]),
    ("CZ", &["150", "155", "156", "158"]),
    ("DE", &["110"]),
    ("ES", &["061", "062", "080", "085", "091", "092"]),
    ("FR", &["15", "17", "18", "114", "115", "119", "196"]),
    ("GB", &["999"]),
    ("GR", &["100", "166", "199"]),
    ("HK", &["999"]),
    ("HU", &["104", "105", "107"]),
    ("IE", &["999"]),
    ("IN", &["100", "101", "102", "108"]),
    ("IT", &["113", "114", "115", "118"]),
    ("JP", &["110", "118", "119"]),
    ("MY", &["999"]),
    ("NO", &["110", "113"]),
    ("NZ", &["111"]),
    ("PL", &["997", "998", "999"]),
    ("RU", &["101", "102", "103", "104"]),
    ("SA", &["997", "998", "999"]),
    ("SK", &["150", "155", "158"]),
    ("TR", &["110", "155"]),
    ("TW", &["110", "119"]),
    ("UA", &["101", "102", "103", "104"]),
    ("US", &["933", "988"]),
    ("VN", &["113", "114", "115"]),
    ("ZA", &["10111", "10177"]),
];

/// Whether digits call for help at a place in this country, as far as that is known.
pub fn calls_for_help(digits: &str, country: Option<Country>) -> bool {
    let there = HELP.iter().find(|(id, _)| country.is_some_and(|country| id.as_bytes() == country.0));
    HELP_EVERYWHERE.contains(&digits) || there.is_some_and(|(_, numbers)| numbers.contains(&digits))
}

impl Country {
    /// What people there dial, if that is known.
    pub fn dialling(self) -> Option<Dialling> {
        let (_, code, international, trunk) = COUNTRIES.iter().find(|(id, ..)| id.as_bytes() == self.0)?;
        Some(Dialling { code, international, trunk })
    }
}

impl FromStr for Country {
    type Err = CountryError;

    fn from_str(text: &str) -> Result<Country, CountryError> {
        match text.trim().as_bytes() {
            [first, second] if first.is_ascii_alphabetic() && second.is_ascii_alphabetic() => {
                Ok(Country([first.to_ascii_uppercase(), second.to_ascii_uppercase()]))
            }
            _ => Err(CountryError),
        }
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

impl Serialize for Country {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Country {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Country, D::Error> {
        parsed(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_is_two_letters() {
        assert_eq!("de".parse::<Country>().unwrap().to_string(), "DE");
        for text in ["", "D", "DEU", "4 9", "ÄÖ"] {
            assert_eq!(text.parse::<Country>(), Err(CountryError), "{text}");
        }
    }

    #[test]
    fn what_calls_for_help_depends_on_the_country() {
        let germany = "DE".parse().ok();
        assert!(calls_for_help("112", None) && calls_for_help("911", germany) && calls_for_help("110", germany));
        assert!(!calls_for_help("110", None) && !calls_for_help("999", germany) && !calls_for_help("1120", germany));
        assert!(HELP.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn the_table_is_in_order_and_has_digits_alone() {
        assert!(COUNTRIES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (id, code, international, trunk) in COUNTRIES {
            assert!(id.parse::<Country>().unwrap().dialling().is_some());
            assert!([code, international, trunk].iter().all(|part| part.bytes().all(|b| b.is_ascii_digit())), "{id}");
            assert!(!code.is_empty() && !international.is_empty() && !code.starts_with('0'), "{id}");
        }
    }
}
