//! Gigaset: the DECT bases N610, N670, N770 and N870 IP PRO. N510, N720, Maxwell and the desk phones have formats of
//! their own and are no models of ours.
//!
//! A URL that is a folder is completed to `provisioning.xml`, the same name for every base: which one asks, its
//! User-Agent says (Z11). The file is read whole, or step by step with `updates.xml` and `configuration.xml`, which ours
//! is not. `%MACD` in a URL is the base's address in twelve digits, lower case. Order of sources: DHCP 114, then 66, SIP
//! PnP, the redirection service. DHCP cannot be switched off: where it stays, it must say the HTTPS URL, and from its
//! second start on the base shows a certificate or answers a Digest challenge. It answers two in a row: first with the
//! identity it was made with (its address in twelve digits, a password of the factory), then with what was configured.
//! Credentials come with a URL `https://user:password@host/` from the redirection service (2.53) `[u]`; which parameter
//! holds them is not known, so an operator passes it as a native key.
//! How often a base asks again is not known `[u]`: half a day is assumed. No parameter loads an authority `[u]`: the
//! certificate must be a public one. Providers are counted from 0, handsets from 00001. Whether emptied accounts free
//! their handset, and whether a handset is told to join again at each fetch, is not said `[u]`; the base opens its
//! window for joining by hand. Until 2.56 the certificate is the factory's, from 2.61 one the base made itself; its field
//! is not known, so it proves nothing. 00:04:13 is shared with Snom and left to it.
//! (Gigaset PRO wiki: auto provisioning, DHCP options, client certificates; public provisioning projects.)

use std::sync::LazyLock;

use regex::Regex;

use super::{Challenged, Format, Maker, Meaning, Model, Reading, Stickiness, UserAgent, split_mac};
use crate::inventory::mac::MacAddr;
use crate::inventory::period::Period;

pub(super) struct Gigaset;

const EVERYBODYS: Meaning = Meaning::OwnOrPublic { hand_over: "gigaset/bootstrap.xml", neutral: "gigaset/common.xml" };

/// `Gigaset N870 IP PRO/83.V2.43.0+build.5f0a106;7C2F80XXXXXX;Handset=250`; an N510 says neither maker nor MAC.
static USER_AGENT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r#"(?x)^"?
        (?: Gigaset\s+ (?P<named>[\w\s-]+) | (?P<bare>N[0-9]{3}\w? (?:\s\w+)? \s (?:IP|DM)\s PRO) )
        /(?P<firmware>[^;"]+)
        (?: ;(?P<mac>[0-9A-Fa-f]{12}) )?
        (?: ;Handset=[0-9]+ )?
        "?$"#;
    Regex::new(pattern).ok()
});

impl Maker for Gigaset {
    fn id(&self) -> &'static str {
        "gigaset"
    }

    fn name(&self) -> &'static str {
        "Gigaset"
    }

    fn ouis(&self) -> &'static [[u8; 3]] {
        &[[0x00, 0x21, 0x04], [0x58, 0x9e, 0xc6], [0x7c, 0x2f, 0x80]]
    }

    fn user_agent(&self, text: &str) -> Option<UserAgent> {
        let found = USER_AGENT.as_ref()?.captures(text.trim())?;
        let model = found.name("named").or_else(|| found.name("bare"))?.as_str();
        Some(UserAgent {
            model: model.trim().to_owned(),
            firmware: found.name("firmware").map(|part| part.as_str().to_owned()),
            mac: found.name("mac").and_then(|part| MacAddr::from_plain(part.as_str()).ok()),
        })
    }

    fn reading(&self, file: &str) -> Option<Reading> {
        let file = file.to_ascii_lowercase();
        match file.as_str() {
            "provisioning.xml" => return Reading::of_all(EVERYBODYS),
            "configuration.xml" | "updates.xml" => return Reading::of_all(Meaning::Absent),
            _ => {}
        }
        match split_mac(&file) {
            Some((digits, ".xml")) => Reading::of_phone(digits, Meaning::Device { hand_over: None }),
            _ => None,
        }
    }

    fn files(&self, mac: MacAddr, _model: &Model) -> Vec<String> {
        vec![format!("{}.xml", mac.plain())]
    }

    fn device_template(&self, _model: &Model) -> &'static str {
        "gigaset/device.xml"
    }

    fn format(&self) -> Format {
        Format::Xml
    }

    fn content_type(&self, _file: &str) -> &'static str {
        "text/xml"
    }

    fn unclaimed_poll(&self) -> Period {
        Period::hours(12)
    }

    fn sticky(&self) -> Stickiness {
        Stickiness::DhcpWins
    }

    fn challenged(&self) -> Challenged {
        Challenged::Digest
    }

    /// Handsets have the language their users choose.
    fn language(&self, _code: &str) -> &'static str {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::makers::by_spelling;

    #[test]
    fn every_user_agent_seen_in_the_field_is_read() {
        for (text, model, firmware, mac) in [
            (
                "Gigaset N870 IP PRO/83.V2.43.0+build.5f0a106;7C2F80AABBCC;Handset=250",
                "N870 IP PRO",
                "83.V2.43.0+build.5f0a106",
                Some("7c2f80aabbcc"),
            ),
            (
                "Gigaset N610 IP PRO/83.V2.64.0-160-g758db0bf;589EC67C2479;Handset=20",
                "N610 IP PRO",
                "83.V2.64.0-160-g758db0bf",
                Some("589ec67c2479"),
            ),
            (
                "\"Gigaset N720 DM PRO/70.089.00.000.000;7C2F80CA21E4\"",
                "N720 DM PRO",
                "70.089.00.000.000",
                Some("7c2f80ca21e4"),
            ),
            ("N510 IP PRO/42.258.00.000.000", "N510 IP PRO", "42.258.00.000.000", None),
        ] {
            let found = Gigaset.user_agent(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((found.model.as_str(), found.firmware.as_deref()), (model, Some(firmware)), "{text}");
            assert_eq!(found.mac, mac.map(|mac| mac.parse().unwrap()), "{text}");
        }
        for text in ["curl/7.88.1", "Gigaset", "snomD785-SIP 10.1.33.33", "N870/1"] {
            assert_eq!(Gigaset.user_agent(text), None, "{text}");
        }
        for model in ["N610 IP PRO", "N670 IP PRO", "N770 IP PRO", "N870 IP PRO"] {
            assert!(by_spelling("gigaset", model).is_some(), "{model}");
        }
    }

    #[test]
    fn every_file_name_has_a_decided_answer() {
        let mac = "7c2f80aabbcc".parse().ok();
        for (file, expected) in [
            ("provisioning.xml", Some((None, EVERYBODYS))),
            ("7c2f80aabbcc.xml", Some((mac, Meaning::Device { hand_over: None }))),
            ("7C2F80AABBCC.xml", Some((mac, Meaning::Device { hand_over: None }))),
            ("updates.xml", Some((None, Meaning::Absent))),
            ("configuration.xml", Some((None, Meaning::Absent))),
            ("000000000000.xml", None),
            ("master.bin", None),
        ] {
            let found = Gigaset.reading(file).map(|reading| (reading.mac, reading.meaning));
            assert_eq!(found, expected, "{file}");
        }
    }
}
