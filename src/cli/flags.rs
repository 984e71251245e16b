//! Flags that several nouns share, each written as the API's field of the same name.

use std::net::IpAddr;

use clap::Args;
use ipnet::IpNet;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::reach::secret_from;
use crate::inventory::secret::Secret;
use crate::inventory::settings::CATALOGUE;

/// Nothing more can be said.
#[derive(Args, Debug, Serialize)]
pub struct Nothing {}

/// Narrows a list down by words.
#[derive(Args, Debug, Serialize)]
pub struct Words {
    /// Those that have these words in them, letter case aside.
    #[arg(long, value_name = "WORDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    q: Option<String>,
}

/// Narrows a list down by place and words.
#[derive(Args, Debug, Serialize)]
pub struct PlaceAndWords {
    /// Those of this site.
    #[arg(long, value_name = "ID")]
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<String>,
    #[command(flatten)]
    #[serde(flatten)]
    words: Words,
}

/// What a layer of settings says.
#[derive(Args, Debug, Serialize)]
pub struct Layer {
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting, help = SETTINGS, long_help = settings_there_are())]
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_object")]
    settings: Vec<(String, String)>,
}

/// A layer of settings with layers below it.
#[derive(Args, Debug, Serialize)]
pub struct LockingLayer {
    #[command(flatten)]
    #[serde(flatten)]
    layer: Layer,
    /// A setting that more specific layers may not change; repeat for more.
    #[arg(long, value_name = "KEY")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locks: Vec<String>,
}

/// What people and places are given, and what else is known of them.
#[derive(Args, Debug, Serialize)]
pub struct Belongings {
    /// Whether there is no extension at all, and so no line on any phone; a plan comes with one all the same.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "true|false")]
    #[serde(skip_serializing_if = "Option::is_none")]
    without_extension: Option<bool>,
    /// A telephone number of the inventory, the main one first; repeat for more.
    #[arg(long, value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    numbers: Vec<String>,
    /// The number the called see; without it, none.
    #[arg(long, value_name = "NUMBER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    outbound_caller_id: Option<String>,
    /// Whether it may be chosen on the phone.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "true|false")]
    #[serde(skip_serializing_if = "Option::is_none")]
    select_outbound_caller_id: Option<bool>,
    /// A package; repeat for more. `ztpd package list` shows them all.
    #[arg(long, value_name = "ID")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    packages: Vec<String>,
    /// Part of the company.
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    department: Option<String>,
    /// Who pays within the company.
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_center: Option<String>,
    /// Whether the phones have the line; inactive ones take no seats of packages.
    #[arg(long, value_parser = ["active", "inactive", "pending"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// Settings shared with others; `ztpd settings-template list` shows them all.
    #[arg(long, value_name = "ID")]
    #[serde(skip_serializing_if = "Option::is_none")]
    settings_template: Option<String>,
}

/// Names at the registrar.
#[derive(Args, Debug, Serialize)]
pub struct SipIdentity {
    /// User part of the SIP address; without it, the extension.
    #[arg(long = "sip-user", value_name = "NAME", id = "sip-user")]
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// Name used to authenticate; without it, the SIP user.
    #[arg(long = "sip-auth-user", value_name = "NAME", id = "sip-auth-user")]
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_user: Option<String>,
    /// File with the SIP password, `-` for standard input; without it, one is made.
    #[arg(long = "sip-password-file", value_name = "FILE", value_parser = secret)]
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "revealed")]
    password: Option<Secret>,
}

impl SipIdentity {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.user.is_none() && self.auth_user.is_none() && self.password.is_none()
    }
}

const SETTINGS: &str = "A setting of its phones, such as vlan.id=20 or yealink:account.1.dnd=1; repeat for more";

/// The catalogue of settings, for those who look for one.
fn settings_there_are() -> String {
    let entries = CATALOGUE.iter().map(|entry| format!("  {}: {}", entry.key, entry.meaning));
    let native = "  MAKER:KEY: a maker's own key, passed through as it is".to_owned();
    let entries: Vec<String> = entries.chain([native]).collect();
    format!("{SETTINGS}.\n\n{}", entries.join("\n"))
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    if key.is_empty() {
        return Err("write KEY=VALUE".to_owned());
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// A network; an address alone is the network of that host.
pub fn network(text: &str) -> Result<String, String> {
    let host = || text.parse::<IpAddr>().ok().map(IpNet::from);
    let network: Option<IpNet> = text.parse().ok().or_else(host);
    network
        .map(|network| network.to_string())
        .ok_or_else(|| "it is no network; write it such as 10.20.0.0/16".to_owned())
}

/// The secret in a file that was named on the command line.
pub fn secret(path: &str) -> Result<Secret, String> {
    secret_from(path.as_ref())
}

fn as_object<S: Serializer>(settings: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(settings.iter().map(|(key, value)| (key, value)))
}

/// Into the request's body, the one place it is meant for.
fn revealed<S: Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::reveal).serialize(serializer)
}

/// A record of a list, as `name=value,name=value` or as JSON.
pub fn member(text: &str) -> Result<Value, String> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"));
    }
    let mut fields = Map::new();
    for part in text.split(',') {
        let (name, value) = part.split_once('=').ok_or("write name=value,name=value, or a JSON object")?;
        let number = matches!(name, "index" | "line" | "position").then(|| value.parse::<u64>().ok()).flatten();
        fields.insert(name.to_owned(), number.map_or_else(|| Value::from(value), Value::from));
    }
    Ok(Value::Object(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_of_a_list_is_written_in_words_or_as_json() {
        let key = serde_json::json!({"position": 1, "kind": "blf", "value": "1002"});
        assert_eq!(member("position=1,kind=blf,value=1002"), Ok(key.clone()));
        assert_eq!(member(&key.to_string()), Ok(key));
        assert!(member("position").is_err());
        assert!(member("{position").is_err());
    }

    #[test]
    fn a_host_alone_is_a_network_too() {
        assert_eq!(network("10.20.0.0/16"), Ok("10.20.0.0/16".to_owned()));
        assert_eq!(network("10.20.0.7"), Ok("10.20.0.7/32".to_owned()));
        assert_eq!(network("2001:db8::1"), Ok("2001:db8::1/128".to_owned()));
        assert!(network("10.20.0.0/33").is_err() && network("lan").is_err());
    }

    #[test]
    fn a_setting_is_a_key_and_a_value() {
        assert_eq!(setting("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(setting("a="), Ok(("a".to_owned(), String::new())));
        assert!(setting("a").is_err() && setting("=b").is_err());
    }
}
