//! Is this a lab (policy X1)? Only where `mode = "lab"` says so, with networks, an end and at least one switch; and even
//! then nothing is weaker before `ztpd lab enable` has confirmed it.

use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de};

use super::file::{ConfigFile, Given};
use super::settings::private_networks;
use crate::inventory::lab::Lab;

/// The keys of `[lab]`.
pub const KEYS: &[&str] = &["allow_secrets_over_http", "allow_secrets_over_tftp", "mac_is_enough", "networks", "until"];

/// The end of a lab, as a text or as a date of TOML; with its offset, since nobody shall guess when it ends.
struct Until(Timestamp);

/// The two ways to write it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Date(toml::value::Datetime),
    Text(String),
}

impl<'de> Deserialize<'de> for Until {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Until, D::Error> {
        let how = "write a time with its offset, such as 2030-12-01T18:00:00Z";
        let text = match Written::deserialize(deserializer).map_err(|_| de::Error::custom(how))? {
            Written::Date(date) => date.to_string(),
            Written::Text(text) => text,
        };
        text.parse().map(Until).map_err(|_| de::Error::custom(format!("{text} is no point in time; {how}")))
    }
}

/// What the file wishes of a lab; `None`: it is none.
pub(super) fn lab(file: &mut ConfigFile<'_>) -> Option<Lab> {
    let mode = file.take::<String>("server", "mode");
    let networks = file.take::<Vec<IpNet>>("lab", "networks");
    let until = file.take::<Until>("lab", "until").map(|given| given.value.0);
    let mut switch = |key: &str| file.take::<bool>("lab", key).is_some_and(|given| given.value);
    let allow_secrets_over_http = switch("allow_secrets_over_http");
    let allow_secrets_over_tftp = switch("allow_secrets_over_tftp");
    let mac_is_enough = switch("mac_is_enough");
    let networks = networks.map(|given| checked(file, given)).unwrap_or_default();
    let mode = mode?;
    match mode.value.as_str() {
        "normal" => return None,
        "lab" => {}
        other => {
            file.fault(Some(mode.line), format!("server.mode: {other:?} is no mode; known: normal, lab"));
            return None;
        }
    }
    let mut lacks = |what: &str| file.fault(Some(mode.line), format!("server.mode = \"lab\" needs {what}"));
    if networks.is_empty() {
        lacks("lab.networks: from where phones are treated so, such as [\"192.168.77.0/24\"]");
    }
    if until.is_none() {
        lacks("lab.until: when it ends by itself, at most 30 days from now, such as \"2030-12-01T18:00:00Z\"");
    }
    let until = until?;
    let lab = Lab { networks, until, allow_secrets_over_http, allow_secrets_over_tftp, mac_is_enough };
    if lab.switches().is_empty() {
        lacks("one of lab.allow_secrets_over_http, lab.allow_secrets_over_tftp, lab.mac_is_enough to be true");
    }
    Some(lab)
}

/// Only private networks: what is weak in a lab must not be weak on the Internet.
fn checked(file: &mut ConfigFile<'_>, given: Given<Vec<IpNet>>) -> Vec<IpNet> {
    let private = private_networks();
    for network in &given.value {
        if !private.iter().any(|private| private.contains(network)) {
            let message = format!(
                "lab.networks: {network} is not private; a lab is within 10.0.0.0/8, 172.16.0.0/12, \
                                   192.168.0.0/16, fc00::/7, link-local or loopback addresses"
            );
            file.fault(Some(given.line), message);
        }
    }
    given.value
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, ConfigFault};

    const LAB: &str = "[server]\nmode = \"lab\"\n[lab]\n";

    fn parsed(text: &str) -> Result<Option<super::Lab>, Vec<ConfigFault>> {
        Config::parse(text).map(|config| config.lab)
    }

    #[test]
    fn sec_x1_a_lab_needs_its_mode_its_networks_its_end_and_a_switch() {
        let whole = "networks = [\"192.168.77.0/24\", \"fd00:7::/64\"]\nuntil = \"2030-12-01T18:00:00Z\"\nmac_is_enough = true\n";
        let lab = parsed(&format!("{LAB}{whole}")).unwrap().unwrap();
        assert_eq!((lab.switches(), lab.networks.len()), (vec!["mac_is_enough"], 2));
        assert_eq!(lab.until, "2030-12-01T18:00:00Z".parse().unwrap());
        assert_eq!(parsed(&format!("[lab]\n{whole}")), Ok(None), "prepared, but the mode is normal");
        assert_eq!(parsed(&format!("[server]\nmode = \"normal\"\n[lab]\n{whole}")), Ok(None));
        assert_eq!(parsed(""), Ok(None));
        for line in whole.lines() {
            let less = whole.replace(&format!("{line}\n"), "");
            let faults = parsed(&format!("{LAB}{less}")).unwrap_err();
            assert_eq!((faults.len(), faults[0].line), (1, Some(2)), "{line}: {faults:?}");
        }
        let off = whole.replace("true", "false");
        assert!(parsed(&format!("{LAB}{off}")).is_err());
        assert_eq!(parsed("[server]\nmode = \"lab\"\n").unwrap_err().len(), 2);
        assert_eq!(parsed("[server]\nmode = \"loose\"\n").unwrap_err()[0].line, Some(2));
    }

    #[test]
    fn sec_x1_only_private_networks_are_a_lab() {
        for network in ["0.0.0.0/0", "203.0.113.0/24", "10.0.0.0/7", "::/0", "2001:db8::/32", "192.168.0.0/15"] {
            let text =
                format!("{LAB}networks = [\"{network}\"]\nuntil = \"2030-12-01T18:00:00Z\"\nmac_is_enough = true\n");
            let faults = parsed(&text).unwrap_err();
            assert_eq!((faults.len(), faults[0].line), (1, Some(4)), "{network}");
        }
    }

    #[test]
    fn an_end_is_a_point_in_time_however_it_is_written() {
        let with =
            |until: &str| parsed(&format!("{LAB}networks = [\"10.0.0.0/8\"]\nuntil = {until}\nmac_is_enough = true\n"));
        let same: jiff::Timestamp = "2030-12-01T18:00:00Z".parse().unwrap();
        for until in ["2030-12-01T18:00:00Z", "2030-12-01T19:00:00+01:00", "\"2030-12-01 18:00Z\""] {
            assert_eq!(with(until).unwrap().unwrap().until, same, "{until}");
        }
        for until in ["2030-12-01T18:00:00", "2030-12-01", "\"tomorrow\"", "5", "\"30d\""] {
            let faults = with(until).unwrap_err();
            assert!(faults.iter().any(|fault| fault.line == Some(5) && fault.message.contains("offset")), "{faults:?}");
        }
    }
}
