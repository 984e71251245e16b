//! What may people and programs write into a field? Free text that can do no harm on a phone's screen or in its
//! configuration (policy D19), and the slugs that name sites and common areas.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// Free text of at most `MAX` characters, without blanks at its ends, since phones do not keep them, and without control
/// characters, line separators or bidi controls.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Text<const MAX: usize>(String);

/// Why a text was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TextError {
    /// A character that could forge lines of a phone's file or hide others on a screen.
    #[error("has the control character U+{0:04X}; remove it")]
    ControlCharacter(u32),
    /// More characters than the field takes.
    #[error("has {length} characters; at most {most} are allowed")]
    TooLong {
        /// Characters given.
        length: usize,
        /// Characters allowed.
        most: usize,
    },
    /// A slug with other characters than lower-case letters, digits and dashes, or none.
    #[error("is no identifier; use 1 to 63 lower-case letters, digits and dashes, such as hamburg-2")]
    NotASlug,
}

/// Whether policy D19 keeps a character out of every field: C0, DEL, C1, line separators, bidi controls; and the two that
/// no XML file can hold (XML 1.0 §2.2).
pub fn is_forbidden(character: char) -> bool {
    matches!(character,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}'
        | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

impl<const MAX: usize> Text<MAX> {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<const MAX: usize> FromStr for Text<MAX> {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Text<MAX>, TextError> {
        if let Some(character) = text.chars().find(|character| is_forbidden(*character)) {
            return Err(TextError::ControlCharacter(u32::from(character)));
        }
        let text = text.trim();
        let length = text.chars().count();
        if length > MAX {
            return Err(TextError::TooLong { length, most: MAX });
        }
        Ok(Text(text.to_owned()))
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Text<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text<MAX>, D::Error> {
        parsed(deserializer)
    }
}

/// Reads a string and parses it: how every validated type of the inventory comes out of JSON and TOML.
pub fn parsed<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr,
    T::Err: fmt::Display,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|error: T::Err| serde::de::Error::custom(error))
}

/// Checks the form of a slug: a lower-case name that is safe in URLs, file names and shells.
pub fn check_slug(text: &str) -> Result<(), TextError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let edge = text.starts_with('-') || text.ends_with('-');
    if text.is_empty() || text.len() > 63 || edge || !text.bytes().all(plain) {
        return Err(TextError::NotASlug);
    }
    Ok(())
}

/// The slug made from a name: letters and digits kept, everything else a single dash; `None` if nothing is left.
pub fn slug_of(name: &str) -> Option<String> {
    let mut slug = String::new();
    for character in name.chars().flat_map(char::to_lowercase) {
        match character {
            'a'..='z' | '0'..='9' => slug.push(character),
            'ä' => slug.push_str("ae"),
            'ö' => slug.push_str("oe"),
            'ü' => slug.push_str("ue"),
            'ß' => slug.push_str("ss"),
            _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    slug.truncate(63);
    let slug = slug.trim_matches('-').to_owned();
    (!slug.is_empty()).then_some(slug)
}

/// Declares an identifier that is a slug.
macro_rules! slug_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The identifier as written.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The identifier made from a name, if anything of the name can stand in one.
            pub fn from_name(name: &str) -> Option<$name> {
                $crate::inventory::text::slug_of(name).map($name)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::inventory::text::TextError;

            fn from_str(text: &str) -> Result<$name, Self::Err> {
                $crate::inventory::text::check_slug(text)?;
                Ok($name(text.to_owned()))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                $crate::inventory::text::parsed(deserializer)
            }
        }
    };
}
pub(crate) use slug_id;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_d19_line_breaks_and_bidi_controls_never_get_in() {
        for text in ["a\nb", "a\rb", "a\u{0}b", "a\u{7f}", "\u{85}x", "a\u{2028}b", "a\u{202e}b", "a\u{2066}b", "a\tb"]
        {
            assert!(matches!(text.parse::<Text<64>>(), Err(TextError::ControlCharacter(_))), "{text:?}");
        }
    }

    #[test]
    fn names_of_people_are_kept_as_written() {
        for text in ["Zoë Müller-O'Brien", "李小龍", "أحمد", "A & B <C> \"D\" {{ e }}"] {
            assert_eq!(text.parse::<Text<64>>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn every_character_that_policy_forbids_is_refused_wherever_it_stands() {
        let controls =
            (0..=0x1f).chain(0x7f..=0x9f).chain([0x61c, 0x200e, 0x200f, 0x2028, 0x2029, 0xfeff, 0xfffe, 0xffff]);
        for code in controls.chain(0x202a..=0x202e).chain(0x2066..=0x2069) {
            let character = char::from_u32(code).unwrap();
            for text in
                [format!("{character}a"), format!("a{character}"), format!("a{character}a"), character.to_string()]
            {
                assert_eq!(text.parse::<Text<64>>(), Err(TextError::ControlCharacter(code)), "{text:?}");
            }
        }
    }

    #[test]
    fn blanks_at_the_ends_are_not_kept_whatever_their_width() {
        assert_eq!("\u{a0} \u{3000}a\u{2003}b\u{a0}".parse::<Text<64>>().unwrap().as_str(), "a\u{2003}b");
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert!("ääää".parse::<Text<4>>().is_ok());
        assert_eq!("aaaaa".parse::<Text<4>>(), Err(TextError::TooLong { length: 5, most: 4 }));
    }

    #[test]
    fn a_slug_is_made_from_a_name() {
        assert_eq!(slug_of("Hauptsitz München"), Some("hauptsitz-muenchen".to_owned()));
        assert_eq!(slug_of("  --  "), None);
        assert_eq!(slug_of("Lobby (2nd floor)"), Some("lobby-2nd-floor".to_owned()));
        assert!(check_slug("Lobby").is_err());
    }
}
