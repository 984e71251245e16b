//! What does a Grandstream file say? XML with P-values, or the older binary form of the same (the maker's SIP device provisioning
//! guide).

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use crate::inventory::mac::MacAddr;

use super::super::xml::{Element, XmlFault};

/// Why a file is not used, so that the phone goes on to the next one.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum FileFault {
    #[error("a binary file with a wrong length, checksum or ending")]
    Binary,
    #[error("encrypted, which is not acted out")]
    Encrypted,
    #[error("for the phone {0}")]
    ForAnother(String),
    #[error("no <config> of version 1")]
    NoConfig,
    #[error("{0}")]
    Xml(#[from] XmlFault),
}

/// Reads `gs_provision` XML. A `<mac>` is optional; one of another phone makes the whole file void.
pub(super) fn read_xml(bytes: &[u8], own: MacAddr) -> Result<BTreeMap<String, String>, FileFault> {
    if bytes.starts_with(b"Salted__") {
        return Err(FileFault::Encrypted);
    }
    let root = Element::read_rooted(bytes, "gs_provision")?;
    for mac in root.all("mac") {
        if mac.text.trim().parse() != Ok(own) {
            return Err(FileFault::ForAnother(mac.text.trim().to_owned()));
        }
    }
    let config = root.all("config").find(|config| config.attribute("version") == Some("1"));
    let values = config.ok_or(FileFault::NoConfig)?.children.iter();
    Ok(values.filter(|value| is_p_value(&value.name)).map(|value| (value.name.clone(), value.text.clone())).collect())
}

/// Reads the binary form: sixteen bytes of header, then `P1=v1&P2=v2&…&gnkey=0b82`, percent-encoded.
pub(super) fn read_binary(bytes: &[u8], own: MacAddr) -> Result<BTreeMap<String, String>, FileFault> {
    let [0, 0, high, low, _, _, mac @ .., 13, 10, 13, 10] = bytes.first_chunk::<16>().ok_or(FileFault::Binary)? else {
        return Err(FileFault::Binary);
    };
    let words = usize::from(u16::from_be_bytes([*high, *low]));
    let sum = bytes.chunks(2).fold(0u16, |sum, pair| match pair {
        [high, low] => sum.wrapping_add(u16::from_be_bytes([*high, *low])),
        _ => sum,
    });
    if bytes.len() != words * 2 || sum != 0 {
        return Err(FileFault::Binary);
    }
    if *mac != own.octets() {
        return Err(FileFault::ForAnother(mac.map(|octet| format!("{octet:02x}")).concat()));
    }
    let body = bytes.get(16..).and_then(|body| std::str::from_utf8(body).ok()).ok_or(FileFault::Binary)?;
    let pairs: Vec<(&str, &str)> =
        body.trim_end_matches('\0').split('&').filter_map(|pair| pair.split_once('=')).collect();
    if pairs.last() != Some(&("gnkey", "0b82")) {
        return Err(FileFault::Binary);
    }
    let decoded = |value: &str| percent_decode_str(value).decode_utf8_lossy().into_owned();
    Ok(pairs
        .into_iter()
        .filter(|(name, _)| is_p_value(name))
        .map(|(name, value)| (name.to_owned(), decoded(value)))
        .collect())
}

fn is_p_value(name: &str) -> bool {
    name.strip_prefix('P')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const XML: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
        <gs_provision version="1"><mac>000b82123456</mac>
        <config version="1"><P271>1</P271><P47>sip.example.com</P47><other>x</other></config></gs_provision>"#;

    fn own() -> MacAddr {
        "000b82123456".parse().unwrap()
    }

    /// The binary form as the guide lays it out.
    fn binary(body: &str, mac: MacAddr) -> Vec<u8> {
        let mut body = body.as_bytes().to_vec();
        if body.len() % 2 == 1 {
            body.push(0);
        }
        let mut bytes = vec![0, 0];
        bytes.extend_from_slice(&((16 + body.len()) as u16 / 2).to_be_bytes());
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&mac.octets());
        bytes.extend_from_slice(&[13, 10, 13, 10]);
        bytes.extend_from_slice(&body);
        let sum = bytes.chunks(2).fold(0u32, |sum, pair| sum + u32::from(pair[0]) * 256 + u32::from(pair[1]));
        let checksum = (0x10000 - (sum & 0xffff)) & 0xffff;
        bytes[4..6].copy_from_slice(&(checksum as u16).to_be_bytes());
        bytes
    }

    #[test]
    fn p_values_are_read_and_others_skipped() {
        let expected = [("P271", "1"), ("P47", "sip.example.com")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(read_xml(XML.as_bytes(), own()), Ok(expected.into()));
    }

    #[test]
    fn a_file_for_another_phone_is_void() {
        let other = XML.replace("123456", "654321");
        assert_eq!(read_xml(other.as_bytes(), own()), Err(FileFault::ForAnother("000b82654321".into())));
        let file = binary("P2=x&gnkey=0b82", "000b82654321".parse().unwrap());
        assert_eq!(read_binary(&file, own()), Err(FileFault::ForAnother("000b82654321".into())));
    }

    #[test]
    fn what_is_no_settings_file_is_refused() {
        assert_eq!(read_xml(b"Salted__abcdefgh", own()), Err(FileFault::Encrypted));
        assert_eq!(read_xml(b"<gs_provision version='1'/>", own()), Err(FileFault::NoConfig));
        assert_eq!(read_xml(b"<html></html>", own()), Err(FileFault::Xml(XmlFault::Html)));
        assert_eq!(read_xml(b"<config/>", own()), Err(FileFault::Xml(XmlFault::Root("config".into()))));
    }

    #[test]
    fn the_binary_form_is_checked_before_it_counts() {
        let file = binary("P2=p%20w&P47=h&gnkey=0b82", own());
        let expected = [("P2", "p w"), ("P47", "h")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(read_binary(&file, own()), Ok(expected.into()));
        let mut damaged = file.clone();
        damaged[17] ^= 1;
        assert_eq!(read_binary(&damaged, own()), Err(FileFault::Binary));
        assert_eq!(read_binary(&file[..15], own()), Err(FileFault::Binary));
        assert_eq!(read_binary(b"", own()), Err(FileFault::Binary));
        assert_eq!(read_binary(XML.as_bytes(), own()), Err(FileFault::Binary));
    }
}
