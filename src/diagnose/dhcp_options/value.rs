//! What does the value of an option say? Octets to addresses, texts, numbers and sub-options, one decision per code.
//!
//! Texts may end in NULs, which are removed (RFC 2132 section 2); a NUL before that ends the text, as it does for phones.
//! Option 43 is sub-options by RFC 2132 section 8.4, or a plain text, as servers filled by hand send it and some phones
//! read it. Options 128 to 135, 150, 159 to 161 and 242 belong to no standard phones agree on: makers' manuals say what
//! they read there.

use std::net::Ipv4Addr;

use super::oddity::{Oddity, Place};

/// The value of an option.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Value {
    /// IPv4 addresses, in the order of preference.
    Addresses(Vec<Ipv4Addr>),
    /// Octets without a known meaning.
    Bytes(Vec<u8>),
    /// A list of option codes (55).
    Codes(Vec<u8>),
    /// A number without sign: seconds, a type, a size.
    Number(u32),
    /// Seconds east of UTC (2).
    Seconds(i32),
    /// Sub-options (43, 82).
    SubOptions(Vec<SubOption>),
    /// A text: host, URL, file name.
    Text(String),
    /// Sub-options by enterprise number (124, 125).
    Vendors(Vec<Vendor>),
}

/// A sub-option of option 43, 82 or 125.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SubOption {
    /// Its code.
    pub code: u8,
    /// Its octets.
    pub value: Vec<u8>,
}

/// What one maker is told in option 124 or 125 (RFC 3925).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Vendor {
    /// The maker's number at IANA.
    pub enterprise: u32,
    /// Octets of 124, or of 125 when they are no sub-options.
    pub value: Vec<u8>,
    /// The sub-options of 125.
    pub sub_options: Vec<SubOption>,
}

impl SubOption {
    /// The value, if it is a printable text; trailing NULs removed.
    pub fn text(&self) -> Option<String> {
        printable(&self.value)
    }
}

/// Reads the value of an option.
pub(super) fn interpret(code: u8, value: &[u8], oddities: &mut Vec<Oddity>) -> Value {
    let place = Place::Option(code);
    match code {
        1 | 3 | 4 | 6 | 28 | 42 | 50 | 54 | 72 | 150 => addresses(place, value, oddities),
        2 => match <[u8; 4]>::try_from(value) {
            Ok(octets) => Value::Seconds(i32::from_be_bytes(octets)),
            Err(_) => bad_length(place, value, "four are right", oddities),
        },
        43 | 82 => encapsulated(code, value, oddities),
        51 | 58 | 59 => number(place, value, 4, oddities),
        52 | 53 => number(place, value, 1, &mut Vec::new()),
        55 => Value::Codes(value.to_vec()),
        57 => number(place, value, 2, oddities),
        12 | 15 | 56 | 66 | 67 | 100 | 101 | 114 | 160 | 161 | 242 => Value::Text(text(place, value, oddities)),
        // An address or a URL, as the maker's manual has it.
        159 => match <[u8; 4]>::try_from(value) {
            Ok(octets) if printable(value).is_none() => Value::Addresses(vec![Ipv4Addr::from(octets)]),
            _ => Value::Text(text(place, value, oddities)),
        },
        120 => sip_servers(value, oddities),
        124 | 125 => vendors(code, value, oddities),
        // Class, user class and what sites use as they like: text where it is one.
        _ => printable(value).map_or_else(|| Value::Bytes(value.to_vec()), Value::Text),
    }
}

/// Reads a text as phones do, and says what they may stumble over.
pub(super) fn text(place: Place, value: &[u8], oddities: &mut Vec<Oddity>) -> String {
    let value = without_nuls(value);
    let mut parts = value.splitn(2, |octet| *octet == 0);
    let first = parts.next().unwrap_or_default();
    if parts.next().is_some() {
        oddities.push(Oddity::NulInside(place));
    }
    let text = String::from_utf8_lossy(first);
    if std::str::from_utf8(value).is_err() {
        oddities.push(Oddity::NotText(place));
    }
    if text.chars().any(crate::inventory::text::is_forbidden) {
        oddities.push(Oddity::ControlCharacter(place));
    }
    if text.is_empty() {
        oddities.push(Oddity::Empty(place));
    }
    if super::shown::has_password(&text) {
        oddities.push(Oddity::Password(place));
    }
    text.into_owned()
}

fn without_nuls(value: &[u8]) -> &[u8] {
    let end = value.iter().rposition(|octet| *octet != 0).map_or(0, |last| last.saturating_add(1));
    value.get(..end).unwrap_or_default()
}

/// The text that octets are, if every character can be printed.
fn printable(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(without_nuls(value)).ok()?;
    let clean = !text.is_empty() && !text.chars().any(crate::inventory::text::is_forbidden);
    clean.then(|| text.to_owned())
}

fn bad_length(place: Place, value: &[u8], expected: &'static str, oddities: &mut Vec<Oddity>) -> Value {
    oddities.push(Oddity::BadLength { place, length: value.len(), expected });
    Value::Bytes(value.to_vec())
}

/// Four octets an address; whole ones are kept when the last is cut.
fn addresses(place: Place, value: &[u8], oddities: &mut Vec<Oddity>) -> Value {
    let dotted = |octet: &u8| octet.is_ascii_digit() || *octet == b'.';
    if value.len() >= 7 && value.iter().all(dotted) {
        oddities.push(Oddity::AddressAsText(place));
        return Value::Text(String::from_utf8_lossy(value).into_owned());
    }
    if value.is_empty() || !value.len().is_multiple_of(4) {
        oddities.push(Oddity::BadLength { place, length: value.len(), expected: "four an address are right" });
    }
    let whole = value.chunks_exact(4).filter_map(|chunk| <[u8; 4]>::try_from(chunk).ok());
    Value::Addresses(whole.map(Ipv4Addr::from).collect())
}

fn number(place: Place, value: &[u8], length: usize, oddities: &mut Vec<Oddity>) -> Value {
    if value.len() != length {
        return bad_length(place, value, "one number is right", oddities);
    }
    Value::Number(value.iter().fold(0u32, |number, octet| number << 8 | u32::from(*octet)))
}

fn encapsulated(code: u8, value: &[u8], oddities: &mut Vec<Oddity>) -> Value {
    let mut faults = Vec::new();
    let found = sub_options(code, value, &mut faults);
    match printable(value) {
        Some(text) if !faults.is_empty() || found.is_empty() => Value::Text(text),
        _ => {
            oddities.append(&mut faults);
            for sub in &found {
                if sub.text().is_some_and(|text| super::shown::has_password(&text)) {
                    oddities.push(Oddity::Password(Place::SubOption(code, sub.code)));
                }
            }
            Value::SubOptions(found)
        }
    }
}

/// Code, length, value; in option 43 also pads and an end (RFC 2132 section 8.4).
fn sub_options(code: u8, mut rest: &[u8], oddities: &mut Vec<Oddity>) -> Vec<SubOption> {
    let mut found = Vec::new();
    loop {
        match rest {
            [] => return found,
            [0, after @ ..] if code == 43 => rest = after,
            [255, ..] if code == 43 => return found,
            [sub] => {
                oddities.push(Oddity::SubOption { place: Place::SubOption(code, *sub), says: 0, there: 0 });
                return found;
            }
            [sub, length, after @ ..] => {
                let Some((value, after)) = after.split_at_checked(usize::from(*length)) else {
                    let place = Place::SubOption(code, *sub);
                    oddities.push(Oddity::SubOption { place, says: *length, there: after.len() });
                    return found;
                };
                found.push(SubOption { code: *sub, value: value.to_vec() });
                rest = after;
            }
        }
    }
}

/// Enterprise number, length, data, repeated (RFC 3925 sections 3 and 4).
fn vendors(code: u8, mut rest: &[u8], oddities: &mut Vec<Oddity>) -> Value {
    let mut found = Vec::new();
    while let [a, b, c, d, length, after @ ..] = rest {
        let there = after.len().min(usize::from(*length));
        if there < usize::from(*length) {
            let expected = "less than its own length octets say";
            oddities.push(Oddity::BadLength { place: Place::Option(code), length: there, expected });
        }
        let (value, after) = after.split_at(there);
        let sub_options = if code == 125 { sub_options(code, value, oddities) } else { Vec::new() };
        found.push(Vendor { enterprise: u32::from_be_bytes([*a, *b, *c, *d]), value: value.to_vec(), sub_options });
        rest = after;
    }
    if !rest.is_empty() || found.is_empty() {
        return bad_length(Place::Option(code), rest, "an enterprise number and a length begin it", oddities);
    }
    Value::Vendors(found)
}

/// SIP servers (RFC 3361): an octet for the form, then names (0) or addresses (1).
fn sip_servers(value: &[u8], oddities: &mut Vec<Oddity>) -> Value {
    let place = Place::Option(120);
    match value {
        [1, rest @ ..] => addresses(place, rest, oddities),
        [0, rest @ ..] => match names(rest) {
            Some(names) => Value::Text(names.join(" ")),
            None => bad_length(place, value, "its names do not end where it does", oddities),
        },
        _ => Value::Text(text(place, value, oddities)),
    }
}

/// Domain names in labels, as in DNS but without compression.
fn names(mut rest: &[u8]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut labels: Vec<String> = Vec::new();
    while let [length, after @ ..] = rest {
        let (label, after) = after.split_at_checked(usize::from(*length))?;
        rest = after;
        if label.is_empty() {
            names.push(std::mem::take(&mut labels).join("."));
        } else {
            labels.push(printable(label)?);
        }
    }
    (labels.is_empty() && !names.is_empty()).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(code: u8, value: &[u8]) -> (Value, Vec<&'static str>) {
        let mut oddities = Vec::new();
        let value = interpret(code, value, &mut oddities);
        (value, oddities.iter().map(|oddity| oddity.code().as_str()).collect())
    }

    #[test]
    fn one_address_or_many() {
        let many = vec![Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)];
        assert_eq!(read(150, &[10, 0, 0, 1, 10, 0, 0, 2]), (Value::Addresses(many.clone()), vec![]));
        assert_eq!(read(150, &[10, 0, 0, 1, 10, 0, 0, 2, 9]), (Value::Addresses(many), vec!["bad_length"]));
        assert_eq!(read(150, b"10.0.0.1"), (Value::Text("10.0.0.1".to_owned()), vec!["address_as_text"]));
        assert_eq!(read(42, &[]), (Value::Addresses(vec![]), vec!["bad_length"]));
    }

    #[test]
    fn a_text_ends_where_phones_stop_reading() {
        assert_eq!(read(66, b"a.test\0\0"), (Value::Text("a.test".to_owned()), vec![]));
        assert_eq!(read(66, b"a.test\0b"), (Value::Text("a.test".to_owned()), vec!["nul_inside"]));
        assert_eq!(read(66, b""), (Value::Text(String::new()), vec!["empty"]));
        assert_eq!(read(66, b"a\r\nb").1, ["control_character"]);
        assert_eq!(read(66, &[0xff, 0xfe]).1, ["not_text"]);
        assert_eq!(read(66, b"https://u:p@a.test/").1, ["password"]);
    }

    #[test]
    fn option_43_is_sub_options_or_a_text() {
        let one = SubOption { code: 2, value: b"x".to_vec() };
        assert_eq!(read(43, &[0, 2, 1, b'x', 255, 9]), (Value::SubOptions(vec![one]), vec![]));
        assert_eq!(read(43, b"http://a/"), (Value::Text("http://a/".to_owned()), vec![]));
        assert_eq!(read(43, &[1, 9, b'x']), (Value::SubOptions(vec![]), vec!["bad_sub_option"]));
    }

    #[test]
    fn what_the_dossiers_leave_open_is_text_or_octets() {
        assert_eq!(read(132, b"110"), (Value::Text("110".to_owned()), vec![]));
        assert_eq!(read(132, &[0, 110]).0, Value::Bytes(vec![0, 110]));
        assert_eq!(read(159, &[10, 0, 0, 1]).0, Value::Addresses(vec![Ipv4Addr::new(10, 0, 0, 1)]));
        assert_eq!(read(159, b"http://a/").0, Value::Text("http://a/".to_owned()));
        assert_eq!(read(60, &[0, 0, 0x36, 0x3d, 1]).0, Value::Bytes(vec![0, 0, 0x36, 0x3d, 1]));
    }

    #[test]
    fn sip_servers_and_vendors_have_forms_of_their_own() {
        assert_eq!(read(120, &[1, 10, 0, 0, 9]).0, Value::Addresses(vec![Ipv4Addr::new(10, 0, 0, 9)]));
        assert_eq!(read(120, b"\0\x03sip\x04test\0").0, Value::Text("sip.test".to_owned()));
        let (value, oddities) = read(125, &[0, 0, 13, 233, 4, 11, 2, b'a', b'b']);
        let sub_options = vec![SubOption { code: 11, value: b"ab".to_vec() }];
        assert_eq!(
            value,
            Value::Vendors(vec![Vendor { enterprise: 3561, value: b"\x0b\x02ab".to_vec(), sub_options }])
        );
        assert!(oddities.is_empty());
    }
}
