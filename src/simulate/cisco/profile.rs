//! What does a profile say? `flat-profile` XML: an element for each parameter, the last of a name winning (the maker's provisioning
//! guides).

use std::collections::BTreeMap;

use super::super::xml::{Element, XmlFault};

/// The text a firmware accepts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Charset {
    /// ISO-8859-1 where it is not UTF-8: the SPA generation.
    Latin1Too,
    /// UTF-8 only: multiplatform phones.
    Utf8,
}

/// Reads a whole profile, or nothing of it.
pub(super) fn read(bytes: &[u8], charset: Charset) -> Result<BTreeMap<String, String>, XmlFault> {
    let decoded: String;
    let bytes = match (std::str::from_utf8(bytes), charset) {
        (Err(_), Charset::Latin1Too) => {
            decoded = bytes.iter().copied().map(char::from).collect();
            decoded.as_bytes()
        }
        _ => bytes,
    };
    let root = Element::read_rooted(bytes, "flat-profile")?;
    Ok(root.children.into_iter().map(|parameter| (parameter.name, parameter.text.trim().to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_name_wins_and_an_empty_one_counts() {
        let found = read(
            b"<flat-profile><GPP_A ua='na'> 12345678\n</GPP_A><Profile_Rule_B>x</Profile_Rule_B><Profile_Rule_B/></flat-profile>",
            Charset::Utf8,
        );
        let expected = [("GPP_A", "12345678"), ("Profile_Rule_B", "")];
        assert_eq!(found, Ok(expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into()));
    }

    #[test]
    fn a_profile_that_is_none_is_dropped_whole() {
        assert!(read(b"<flat-profile><A></flat-profile>", Charset::Utf8).is_err());
        assert_eq!(read(b"<html/>", Charset::Utf8), Err(XmlFault::Html));
        assert_eq!(read(b"<device/>", Charset::Utf8), Err(XmlFault::Root("device".into())));
    }

    #[test]
    fn only_old_phones_take_latin_1() {
        let latin = b"<flat-profile><Display_Name_1_>M\xfcller</Display_Name_1_></flat-profile>";
        assert_eq!(read(latin, Charset::Utf8), Err(XmlFault::NotUtf8));
        assert_eq!(read(latin, Charset::Latin1Too).unwrap()["Display_Name_1_"], "M\u{fc}ller");
    }
}
