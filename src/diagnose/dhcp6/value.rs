//! What does the value of a DHCPv6 option say? One decision per code.

use std::net::Ipv6Addr;

use serde::{Serialize, Serializer};
use serde_json::json;

use super::{Oddity, hex, walk};
use crate::diagnose::dhcp_options::shown;
use crate::inventory::text::is_forbidden;

/// The value of an option.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Value {
    /// IPv6 addresses, in the order of preference; of option 3 those that are given.
    Addresses(Vec<Ipv6Addr>),
    /// Octets without a meaning that matters here.
    Bytes(Vec<u8>),
    /// A list of option codes.
    Codes(Vec<u16>),
    /// A status and what it says.
    Status(u16, String),
    /// A text.
    Text(String),
    /// Texts, or names.
    Texts(Vec<String>),
    /// What one maker's devices are told, or say of themselves.
    Vendor(Vendor),
}

/// What one maker's devices are told (17), or say of themselves (16).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Vendor {
    /// The maker's number at IANA.
    pub enterprise: u32,
    /// Sub-options by code; of option 16 its words, numbered from 1.
    pub parts: Vec<(u16, Vec<u8>)>,
}

impl Vendor {
    /// The parts that are printable texts.
    pub fn texts(&self) -> Vec<String> {
        self.parts.iter().filter_map(|(_, octets)| printable(octets)).collect()
    }
}

/// Reads the value of an option.
pub(super) fn interpret(code: u16, octets: &[u8], oddities: &mut Vec<Oddity>) -> Value {
    let read = match code {
        3 => identity_association(octets),
        6 => codes(octets),
        13 => status(octets),
        16 | 17 => vendor(code, octets),
        21 | 24 => names(octets).map(Value::Texts),
        22 | 23 | 31 => addresses(octets).map(Value::Addresses),
        56 => time(octets),
        59 => return text(code, octets, oddities),
        60 => parameters(octets),
        _ => return Value::Bytes(octets.to_vec()),
    };
    read.unwrap_or_else(|| {
        oddities.push(Oddity::BadLength { code, length: octets.len() });
        Value::Bytes(octets.to_vec())
    })
}

fn printable(octets: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(octets).ok()?.trim_end_matches('\0');
    (!text.is_empty() && !text.chars().any(is_forbidden)).then(|| text.to_owned())
}

fn text(code: u16, octets: &[u8], oddities: &mut Vec<Oddity>) -> Value {
    match printable(octets) {
        Some(text) => {
            // What is shown has no password in it: if it is shorter, there was one.
            oddities
                .extend((shown(&text).contains("***@") && !text.contains("***@")).then_some(Oddity::Password(code)));
            Value::Text(text)
        }
        None => {
            oddities.push(Oddity::NotText(code));
            Value::Bytes(octets.to_vec())
        }
    }
}

fn addresses(octets: &[u8]) -> Option<Vec<Ipv6Addr>> {
    let whole = !octets.is_empty() && octets.len().is_multiple_of(16);
    let parts = octets.chunks_exact(16).filter_map(|part| <[u8; 16]>::try_from(part).ok());
    whole.then(|| parts.map(Ipv6Addr::from).collect())
}

fn codes(octets: &[u8]) -> Option<Value> {
    let pairs = octets.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok());
    octets.len().is_multiple_of(2).then(|| Value::Codes(pairs.map(u16::from_be_bytes).collect()))
}

fn status(octets: &[u8]) -> Option<Value> {
    let [a, b, text @ ..] = octets else { return None };
    Some(Value::Status(u16::from_be_bytes([*a, *b]), String::from_utf8_lossy(text).into_owned()))
}

/// An identity association (RFC 8415 section 21.4): three numbers, then options, of which 5 is an address.
fn identity_association(octets: &[u8]) -> Option<Value> {
    let (_, options) = octets.split_at_checked(12)?;
    let given = walk(options, &mut Vec::new()).into_iter().filter(|(code, _)| *code == 5);
    let given = given.filter_map(|(_, octets)| octets.get(..16).and_then(|part| <[u8; 16]>::try_from(part).ok()));
    Some(Value::Addresses(given.map(Ipv6Addr::from).collect()))
}

fn vendor(code: u16, octets: &[u8]) -> Option<Value> {
    let [a, b, c, d, rest @ ..] = octets else { return None };
    let mut faults = Vec::new();
    let parts = match code {
        17 => walk(rest, &mut faults).into_iter().map(|(code, octets)| (code, octets.to_vec())).collect(),
        _ => counted(rest)?,
    };
    faults.is_empty().then(|| Value::Vendor(Vendor { enterprise: u32::from_be_bytes([*a, *b, *c, *d]), parts }))
}

/// Parts that each begin with their length, numbered from 1.
fn counted(mut rest: &[u8]) -> Option<Vec<(u16, Vec<u8>)>> {
    let mut parts = Vec::new();
    while let [a, b, after @ ..] = rest {
        let (part, next) = after.split_at_checked(usize::from(u16::from_be_bytes([*a, *b])))?;
        parts.push((u16::try_from(parts.len()).ok()?.saturating_add(1), part.to_vec()));
        rest = next;
    }
    rest.is_empty().then_some(parts)
}

fn parameters(octets: &[u8]) -> Option<Value> {
    let parts = counted(octets)?;
    Some(Value::Texts(parts.iter().map(|(_, octets)| String::from_utf8_lossy(octets).into_owned()).collect()))
}

/// An NTP server (RFC 5908): an address, a group, or a name.
fn time(octets: &[u8]) -> Option<Value> {
    let mut servers = Vec::new();
    for (code, value) in walk(octets, &mut Vec::new()) {
        match code {
            1 | 2 => servers.extend(addresses(value)?.iter().map(ToString::to_string)),
            3 => servers.extend(names(value)?),
            _ => {}
        }
    }
    Some(Value::Texts(servers))
}

/// Domain names (RFC 1035 section 3.1), never compressed.
fn names(mut rest: &[u8]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut labels: Vec<String> = Vec::new();
    while let [length, after @ ..] = rest {
        if *length == 0 {
            names.push(labels.join("."));
            labels.clear();
            rest = after;
            continue;
        }
        let (label, next) = after.split_at_checked(usize::from(*length)).filter(|_| *length < 64)?;
        labels.push(printable(label)?);
        rest = next;
    }
    // Some servers leave the last zero out.
    if !labels.is_empty() {
        names.push(labels.join("."));
    }
    Some(names)
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Addresses(addresses) => addresses.serialize(serializer),
            Value::Bytes(octets) => json!({ "hex": hex(octets) }).serialize(serializer),
            Value::Codes(codes) => codes.serialize(serializer),
            Value::Status(code, text) => json!({ "code": code, "text": shown(text) }).serialize(serializer),
            Value::Text(text) => shown(text).serialize(serializer),
            Value::Texts(texts) => serializer.collect_seq(texts.iter().map(|text| shown(text))),
            Value::Vendor(vendor) => {
                let parts = vendor.parts.iter().map(|(code, octets)| match printable(octets) {
                    Some(text) => json!({ "code": code, "text": shown(&text) }),
                    None => json!({ "code": code, "hex": hex(octets) }),
                });
                let parts: Vec<_> = parts.collect();
                json!({ "enterprise": vendor.enterprise, "sub_options": parts }).serialize(serializer)
            }
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let listed = |parts: Vec<String>| parts.join(", ");
        let text = match self {
            Value::Addresses(addresses) => listed(addresses.iter().map(ToString::to_string).collect()),
            Value::Bytes(octets) => format!("0x{}", hex(octets)),
            Value::Codes(codes) => listed(codes.iter().map(ToString::to_string).collect()),
            Value::Status(code, text) => format!("{code} {}", shown(text)),
            Value::Text(text) => shown(text),
            Value::Texts(texts) => listed(texts.iter().map(|text| shown(text)).collect()),
            Value::Vendor(vendor) => {
                let part = |(code, octets): &(u16, Vec<u8>)| match printable(octets) {
                    Some(text) => format!("{code}={}", shown(&text)),
                    None => format!("{code}=0x{}", hex(octets)),
                };
                format!("{}: {}", vendor.enterprise, listed(vendor.parts.iter().map(part).collect()))
            }
        };
        f.write_str(&text)
    }
}
