//! What does a Snom settings file say? XML with sections; settings of an identity carry its number as `idx`, from 1 (the maker's
//! service pages on auto provisioning and XML settings).

use super::super::xml::{Element, XmlFault};

/// A settings file, in its own order.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct SettingsFile {
    pub(super) settings: Vec<(Key, String)>,
    /// Authorities as base64, which count at once.
    pub(super) certificates: Vec<String>,
    /// Authorities by URL, which are fetched after everything else.
    pub(super) certificate_urls: Vec<String>,
    /// Further settings files.
    pub(super) linked: Vec<String>,
    /// Sections no phone knows.
    pub(super) unknown_sections: Vec<String>,
}

/// A setting, and the identity it belongs to; 0 where there is none.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) index: u16,
}

/// Sections without settings this simulation needs.
const OTHER_SECTIONS: [&str; 7] =
    ["functionKeys", "tbook", "dialplan", "ReplacementPlan", "gui-languages", "web-languages", "uploads"];

impl SettingsFile {
    pub(super) fn read(bytes: &[u8]) -> Result<SettingsFile, XmlFault> {
        let root = Element::read_rooted(bytes, "settings")?;
        let mut file = SettingsFile::default();
        for section in &root.children {
            match section.name.as_str() {
                "phone-settings" => file.read_settings(section),
                "certificates" => file.read_certificates(section),
                "setting-files" => {
                    file.linked.extend(section.all("file").filter_map(|link| link.attribute("url")).map(str::to_owned));
                }
                name if OTHER_SECTIONS.contains(&name) => {}
                name => file.unknown_sections.push(name.to_owned()),
            }
        }
        Ok(file)
    }

    fn read_settings(&mut self, section: &Element) {
        for setting in &section.children {
            let index = setting.attribute("idx").and_then(|index| index.parse().ok()).unwrap_or(0);
            self.settings.push((Key { name: setting.name.clone(), index }, setting.text.trim().to_owned()));
        }
    }

    fn read_certificates(&mut self, section: &Element) {
        for certificate in section.all("certificate") {
            match (certificate.attribute("type"), certificate.attribute("url")) {
                (Some("base64"), _) => self.certificates.push(certificate.text.clone()),
                (_, Some(url)) => self.certificate_urls.push(url.to_owned()),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_certificates_and_links_are_found() {
        let file = SettingsFile::read(
            br#"<?xml version="1.0" encoding="utf-8"?>
            <settings>
              <phone-settings e="2">
                <setting_server perm="">https://h/t/x/</setting_server>
                <user_name idx="1" perm="">1001</user_name>
              </phone-settings>
              <functionKeys e="2"><fkey idx="0" context="1" label="B" perm="">line</fkey></functionKeys>
              <certificates><certificate type="base64">AAAA</certificate><certificate url="https://h/ca.der"/></certificates>
              <setting-files><file url="http://srv/x.xml"/></setting-files>
              <phone-setings/>
            </settings>"#,
        )
        .unwrap();
        let key = |name: &str, index| Key { name: name.to_owned(), index };
        let expected =
            [(key("setting_server", 0), "https://h/t/x/".to_owned()), (key("user_name", 1), "1001".to_owned())];
        assert_eq!(file.settings, expected);
        assert_eq!((file.certificates, file.certificate_urls), (vec!["AAAA".into()], vec!["https://h/ca.der".into()]));
        assert_eq!(
            (file.linked, file.unknown_sections),
            (vec!["http://srv/x.xml".into()], vec!["phone-setings".into()])
        );
    }

    #[test]
    fn a_page_or_another_document_is_a_fault() {
        assert_eq!(SettingsFile::read(b"<html><pre>\nuser_name1&: 1\n</pre></html>"), Err(XmlFault::Html));
        assert_eq!(SettingsFile::read(b"<phone-settings/>"), Err(XmlFault::Root("phone-settings".into())));
        assert!(SettingsFile::read(b"<settings><phone-settings></settings>").is_err());
    }
}
