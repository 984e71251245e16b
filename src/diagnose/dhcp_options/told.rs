//! How is an option shown to people and programs? Its name and its value, escaped and without passwords.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::{Value as Json, json};

use super::shown::shown;
use super::{DhcpOption, SubOption, Value};

/// Names of the options that matter to phones, as their RFCs or makers call them.
const NAMES: &[(u8, &str)] = &[
    (1, "subnet mask"),
    (2, "time offset"),
    (3, "router"),
    (6, "name server"),
    (12, "host name"),
    (15, "domain"),
    (42, "NTP server"),
    (43, "vendor options"),
    (50, "requested address"),
    (51, "lease time"),
    (53, "message type"),
    (54, "server identifier"),
    (55, "wanted options"),
    (56, "message"),
    (60, "vendor class"),
    (66, "TFTP server name"),
    (67, "boot file"),
    (72, "web server"),
    (82, "relay agent"),
    (114, "URL"),
    (120, "SIP server"),
    (124, "vendor class by enterprise"),
    (125, "vendor options by enterprise"),
    (132, "VLAN"),
    (150, "TFTP server address"),
    (159, "provisioning server"),
    (160, "provisioning URL"),
    (161, "provisioning server"),
    (242, "Avaya"),
];

/// Options that name a provisioning server, a time server or a VLAN: what differs between two servers matters here.
pub const FOR_PHONES: &[u8] =
    &[2, 42, 43, 66, 67, 72, 114, 120, 125, 128, 129, 130, 131, 132, 133, 134, 135, 150, 159, 160, 161, 242];

impl DhcpOption {
    /// Its name, if it has one here.
    pub fn name(&self) -> Option<&'static str> {
        NAMES.iter().find(|(code, _)| *code == self.code).map(|(_, name)| *name)
    }
}

impl Serialize for DhcpOption {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json!({ "code": self.code, "name": self.name(), "value": said(&self.value) }).serialize(serializer)
    }
}

fn said(value: &Value) -> Json {
    match value {
        Value::Addresses(addresses) => addresses.iter().map(ToString::to_string).collect(),
        Value::Bytes(octets) => json!({ "hex": hex(octets) }),
        Value::Codes(codes) => json!(codes),
        Value::Number(number) => json!(number),
        Value::Seconds(seconds) => json!(seconds),
        Value::SubOptions(subs) => subs.iter().map(sub_option).collect(),
        Value::Text(text) => json!(shown(text)),
        Value::Vendors(vendors) => vendors
            .iter()
            .map(|vendor| match vendor.sub_options.is_empty() {
                true => json!({ "enterprise": vendor.enterprise, "hex": hex(&vendor.value) }),
                false => {
                    let subs: Json = vendor.sub_options.iter().map(sub_option).collect();
                    json!({ "enterprise": vendor.enterprise, "sub_options": subs })
                }
            })
            .collect(),
    }
}

fn sub_option(sub: &SubOption) -> Json {
    match sub.text() {
        Some(text) => json!({ "code": sub.code, "text": shown(&text) }),
        None => json!({ "code": sub.code, "hex": hex(&sub.value) }),
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

impl fmt::Display for SubOption {
    /// Its value alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text() {
            Some(text) => f.write_str(&shown(&text)),
            None => write!(f, "0x{}", hex(&self.value)),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sub = |sub: &SubOption| format!("{}={sub}", sub.code);
        let text = match self {
            Value::Addresses(addresses) => addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            Value::Bytes(octets) => format!("0x{}", hex(octets)),
            Value::Codes(codes) => codes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Value::Number(number) => number.to_string(),
            Value::Seconds(seconds) => seconds.to_string(),
            Value::SubOptions(subs) => subs.iter().map(sub).collect::<Vec<_>>().join(", "),
            Value::Text(text) => shown(text),
            Value::Vendors(vendors) => {
                let one = |vendor: &super::Vendor| format!("{} 0x{}", vendor.enterprise, hex(&vendor.value));
                vendors.iter().map(one).collect::<Vec<_>>().join(", ")
            }
        };
        f.write_str(&text)
    }
}
