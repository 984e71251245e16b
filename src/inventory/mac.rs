//! Which phone is meant? Its hardware address, in every spelling people and phones use.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The hardware address printed on the back of the phone (IEEE 802 MAC-48).
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MacAddr([u8; 6]);

/// The first three octets of a MAC address: which maker the IEEE gave the range to. A hint, never a credential.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Oui(pub [u8; 3]);

/// Why a text is no MAC address.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MacError {
    /// All zeros, all ones, or a multicast address: no phone has that.
    #[error("is not the address of one phone (all zeros, broadcast or multicast)")]
    NotUnicast,
    /// Not twelve hexadecimal digits in a usual grouping.
    #[error("is not a MAC address; write twelve hexadecimal digits such as 80:5e:c0:11:22:33")]
    NotSixOctets,
}

impl MacAddr {
    /// The address with these octets, if a single phone can have it.
    pub fn new(octets: [u8; 6]) -> Result<MacAddr, MacError> {
        let [first, ..] = octets;
        if octets == [0; 6] || first & 1 == 1 {
            return Err(MacError::NotUnicast);
        }
        Ok(MacAddr(octets))
    }

    /// The six octets, as sent on the wire.
    pub fn octets(self) -> [u8; 6] {
        self.0
    }

    /// The maker's range this address is from.
    pub fn oui(self) -> Oui {
        let [a, b, c, ..] = self.0;
        Oui([a, b, c])
    }

    /// Twelve lower-case digits without separators: how most phones name their files.
    pub fn plain(self) -> String {
        self.joined("")
    }

    /// Twelve upper-case digits without separators.
    pub fn upper(self) -> String {
        self.plain().to_uppercase()
    }

    /// Lower-case octets with `separator` between them.
    pub fn joined(self, separator: &str) -> String {
        self.0.map(|octet| format!("{octet:02x}")).join(separator)
    }

    /// The address in twelve hexadecimal digits of either case and nothing else, as file names carry it.
    pub fn from_plain(digits: &str) -> Result<MacAddr, MacError> {
        if digits.len() != 12 {
            return Err(MacError::NotSixOctets);
        }
        let mut octets = [0u8; 6];
        for (octet, pair) in octets.iter_mut().zip(digits.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| MacError::NotSixOctets)?;
            if !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(MacError::NotSixOctets);
            }
            *octet = u8::from_str_radix(pair, 16).map_err(|_| MacError::NotSixOctets)?;
        }
        MacAddr::new(octets)
    }
}

impl FromStr for MacAddr {
    type Err = MacError;

    fn from_str(text: &str) -> Result<MacAddr, MacError> {
        let text = text.trim();
        let (separator, group) = match text.bytes().find(|byte| !byte.is_ascii_hexdigit()) {
            None => return MacAddr::from_plain(text),
            Some(b':') => (':', 2),
            Some(b'-') => ('-', 2),
            Some(b'.') => ('.', 4),
            Some(_) => return Err(MacError::NotSixOctets),
        };
        let groups: Vec<&str> = text.split(separator).collect();
        if groups.iter().any(|digits| digits.len() != group) {
            return Err(MacError::NotSixOctets);
        }
        MacAddr::from_plain(&groups.concat())
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.joined(":"))
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for MacAddr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MacAddr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<MacAddr, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| serde::de::Error::custom(format!("{text:?} {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_spelling_of_a_mac_is_the_same_phone() {
        for text in ["00:15:65:AA:BB:CC", "00-15-65-aa-bb-cc", "0015.65aa.bbcc", "001565AABBCC", " 001565aabbcc "] {
            assert_eq!(text.parse(), Ok(MacAddr([0x00, 0x15, 0x65, 0xaa, 0xbb, 0xcc])), "{text}");
        }
    }

    #[test]
    fn what_is_no_mac_is_refused() {
        for text in [
            "",
            "0015",
            "00:15:65:aa:bb",
            "00:15:65:aa:bb:cc:dd",
            "00:15-65:aa:bb:cc",
            "0:15:65:aa:bb:cc",
            "+01565aabbcc",
            "００1565aabbcc",
        ] {
            assert_eq!(text.parse::<MacAddr>(), Err(MacError::NotSixOctets), "{text}");
        }
    }

    #[test]
    fn addresses_no_single_phone_has_are_refused() {
        for text in ["000000000000", "ffffffffffff", "01:00:5e:00:00:01"] {
            assert_eq!(text.parse::<MacAddr>(), Err(MacError::NotUnicast), "{text}");
        }
    }

    #[test]
    fn a_mac_is_always_printed_the_same_way() {
        let mac: MacAddr = "805EC0112233".parse().unwrap();
        assert_eq!(mac.to_string(), "80:5e:c0:11:22:33");
        assert_eq!(mac.upper(), "805EC0112233");
        assert_eq!(serde_json::to_string(&mac).unwrap(), "\"80:5e:c0:11:22:33\"");
    }
}
