//! What does a Poly file say? The master file, of which only the APPLICATION attributes count, and parameter files, of which only
//! attribute names count (the maker's UC Software administrator guide).

use std::collections::BTreeMap;

use super::super::xml::{Element, XmlFault};

/// Longest list and longest name in it.
const MAX_LIST: usize = 2047;
const MAX_NAME: usize = 255;

/// What a master file's variables stand for on this phone.
pub(super) struct Variables<'a> {
    pub(super) mac: &'a str,
    pub(super) model: &'a str,
    pub(super) part: &'a str,
}

/// Which files make up a phone's configuration.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Master {
    /// The software image.
    pub(super) application: String,
    /// Names or whole URLs, the first winning over those after it.
    pub(super) config_files: Vec<String>,
}

/// Why a master file is dropped.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum MasterFault {
    #[error("CONFIG_FILES is longer than {MAX_LIST} characters or has a name longer than {MAX_NAME}")]
    TooLong,
    #[error("{0}")]
    Xml(#[from] XmlFault),
}

impl Master {
    pub(super) fn read(bytes: &[u8], variables: &Variables<'_>) -> Result<Master, MasterFault> {
        let root = Element::read_rooted(bytes, "APPLICATION")?;
        let attribute = |name: &str| {
            let own = format!("APPLICATION_{}", variables.model);
            let of_model = root.all(&own).find_map(|child| child.attribute(&format!("{name}_{}", variables.model)));
            of_model.or_else(|| root.attribute(name)).map(|value| variables.fill_in(value))
        };
        let list = attribute("CONFIG_FILES").unwrap_or_default();
        let config_files: Vec<String> =
            list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        if list.len() > MAX_LIST || config_files.iter().any(|name| name.len() > MAX_NAME) {
            return Err(MasterFault::TooLong);
        }
        let application = attribute("APP_FILE_PATH").unwrap_or_else(|| "sip.ld".to_owned());
        Ok(Master { application, config_files })
    }
}

impl Variables<'_> {
    fn fill_in(&self, text: &str) -> String {
        text.replace("[PHONE_MAC_ADDRESS]", self.mac)
            .replace("[PHONE_MODEL]", self.model)
            .replace("[PHONE_PART_NUMBER]", self.part)
    }
}

/// All parameters of a file: every attribute of every element, whatever the elements are called.
pub(super) fn parameters(bytes: &[u8]) -> Result<BTreeMap<String, String>, XmlFault> {
    let root = Element::read(bytes)?;
    let mut found = BTreeMap::new();
    for element in root.walk() {
        add_missing(&mut found, element.attributes.iter().cloned());
    }
    Ok(found)
}

/// The first definition of a parameter wins.
pub(super) fn add_missing(known: &mut BTreeMap<String, String>, more: impl IntoIterator<Item = (String, String)>) {
    for (name, value) in more {
        known.entry(name).or_insert(value);
    }
}

/// The `device.*` parameters that may be written to flash: the global switch and the parameter's own must both be on.
pub(super) fn device_settings(merged: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let is_on = |name: &str| merged.get(name).map(String::as_str) == Some("1");
    if !is_on("device.set") {
        return BTreeMap::new();
    }
    merged
        .iter()
        .filter(|(name, _)| name.starts_with("device.") && !name.ends_with(".set"))
        .filter(|(name, _)| is_on(&format!("{name}.set")))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VARIABLES: Variables<'_> = Variables { mac: "0004f2aabbcc", model: "VVX450", part: "3111-48450-001" };

    #[test]
    fn a_master_file_gives_names_and_nothing_else() {
        let master = Master::read(
            br#"<?xml version="1.0" standalone="yes"?>
            <APPLICATION APP_FILE_PATH="sip.ld" CONFIG_FILES="[PHONE_MAC_ADDRESS]-user.cfg, site.cfg" reg.1.address="1">
              <APPLICATION_VVX1500 CONFIG_FILES_VVX1500="other.cfg"/>
            </APPLICATION>"#,
            &VARIABLES,
        );
        let config_files = vec!["0004f2aabbcc-user.cfg".to_owned(), "site.cfg".to_owned()];
        assert_eq!(master, Ok(Master { application: "sip.ld".into(), config_files }));
    }

    #[test]
    fn the_part_for_its_model_comes_first() {
        let master = Master::read(
            br#"<APPLICATION CONFIG_FILES="a.cfg"><APPLICATION_VVX450 APP_FILE_PATH_VVX450="none.ld" CONFIG_FILES_VVX450="b.cfg"/></APPLICATION>"#,
            &VARIABLES,
        )
        .unwrap();
        assert_eq!((master.application.as_str(), master.config_files), ("none.ld", vec!["b.cfg".to_owned()]));
    }

    #[test]
    fn a_master_file_that_is_none_is_dropped() {
        let read = |bytes: &[u8]| Master::read(bytes, &VARIABLES);
        assert_eq!(read(b"<PHONE/>"), Err(MasterFault::Xml(XmlFault::Root("PHONE".into()))));
        let long = format!("<APPLICATION CONFIG_FILES='{}.cfg'/>", "x".repeat(255));
        assert_eq!(read(long.as_bytes()), Err(MasterFault::TooLong));
    }

    #[test]
    fn only_attribute_names_count_and_the_first_wins() {
        let found = parameters(b"<PHONE><REGISTRATION reg.1.address='201'/><x reg.1.address='202' a.b='1'/></PHONE>");
        let expected = [("a.b", "1"), ("reg.1.address", "201")];
        assert_eq!(found, Ok(expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into()));
        assert!(parameters(b"<a reg.1.address='1' reg.1.address='2'/>").is_err());
    }

    #[test]
    fn a_device_setting_needs_both_switches() {
        let settings = |xml: &str| device_settings(&parameters(xml.as_bytes()).unwrap());
        assert!(settings("<a device.prov.serverName='x' device.prov.serverName.set='1'/>").is_empty());
        assert!(settings("<a device.set='1' device.prov.serverName='x'/>").is_empty());
        let set = settings("<a device.set='1' device.prov.serverName='x' device.prov.serverName.set='1'/>");
        assert_eq!(set, [("device.prov.serverName".to_owned(), "x".to_owned())].into());
    }
}
