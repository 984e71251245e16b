//! Snom: desk phones 3xx, 7xx, 8xx, D1xx to D8xx; DECT bases of the M-series.
//!
//! A URL without a file name is completed to `<phone_type>.htm`, then `<phone_type>-<MAC>.htm`, MAC in upper case; the
//! name is historic, the content is XML. Names of several conventions are understood besides, but no file of ours links
//! any other. A missing file must be a plain 404: an HTML page would be read as the old settings format.
//! Order of sources: redirection service, SIP PnP, DHCP, TR-069. `provisioning_order` names those that are asked; ours
//! leaves `tr69:stop`, which asks nobody while no ACS is set. An empty order might mean the default one `[u]`, and
//! whether `setting_server` is fetched without `redirection` in the order is not said outright `[u]`.
//! A changed order restarts provisioning at once, but not if the setting server changed too, which then is fetched at
//! once `[u]` or at the next poll.
//! Certificates in base64 hold from their line on; those given as URL only after everything else.
//! `perm`: `R` the user may not change it, `RW` may, until the next fetch. DECT settings beyond the names `[u]`; their
//! firmware drops the port of the URL when it fetches firmware (M900, 5.20), so it must be 443.
//! What the setting is called that demands a good certificate differs by firmware `[u]`: the phone's default, which
//! verifies HTTPS, is left alone.
//! The range 00:04:13 is shared with Gigaset: a hint, no more. Languages are spelt as firmware 10 does `[u]`.
//! The certificate a phone was made with has its MAC as common name; the old 3xx have none.
//! (Snom service hub: Auto Provisioning, provisioning_order, dst, certificates; public provisioning projects.)

use std::sync::LazyLock;

use regex::Regex;

use super::{
    COMMON_NAME, CertificateRule, Format, Maker, Meaning, Model, Reading, Stickiness, UserAgent, spelling_of, split_mac,
};
use crate::inventory::mac::MacAddr;
use crate::inventory::period::Period;

pub(super) struct Snom;

const COMMON: Meaning = Meaning::Public { hand_over: "snom/bootstrap.xml", neutral: "snom/common.xml" };
const DEVICE: Meaning = Meaning::Device { hand_over: None };

/// `Mozilla/4.0 (compatible; snomD785-SIP 10.1.33.33 2010.12-00004-g9ba52f5 000413922D24 SXM:0 UXM:0)`; firmware 8 and
/// before may say no MAC, firmware 6 not even a model; DECT bases have a capital S and spaces.
static USER_AGENT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r"(?ix)^
        (?:Mozilla/[0-9.]+\s+\(compatible;\s*)?
        snom (?:
            (?P<desk>[a-z0-9]+)-SIP [\s/]+ (?P<desk_firmware>[0-9.]+) |
            \s? (?P<dect>M[0-9]{3}) [\s/]+ (?P<dect_firmware>[0-9.]+) |
            \s+ lid \s+ [0-9]+
        )
        (?: .*? \b (?P<mac>[0-9a-f]{12}) \b )?";
    Regex::new(pattern).ok()
});

const LANGUAGES: &[(&str, &str)] = &[
    ("cs", "Čeština"),
    ("da", "Dansk"),
    ("de", "Deutsch"),
    ("en", "English"),
    ("es", "Español"),
    ("fi", "Suomi"),
    ("fr", "Français"),
    ("hu", "Magyar"),
    ("it", "Italiano"),
    ("nl", "Nederlands"),
    ("no", "Norsk"),
    ("pl", "Polski"),
    ("pt", "Português"),
    ("ru", "Русский"),
    ("sv", "Svenska"),
    ("tr", "Türkçe"),
];

impl Maker for Snom {
    fn id(&self) -> &'static str {
        "snom"
    }

    fn name(&self) -> &'static str {
        "Snom"
    }

    fn brands(&self) -> &'static [&'static str] {
        &["Snom Technology"]
    }

    fn ouis(&self) -> &'static [[u8; 3]] {
        &[[0x00, 0x04, 0x13], [0x00, 0x08, 0x7b]]
    }

    fn user_agent(&self, text: &str) -> Option<UserAgent> {
        let found = USER_AGENT.as_ref()?.captures(text.trim())?;
        let part = |desk, dect| found.name(desk).or_else(|| found.name(dect)).map(|part| part.as_str().to_owned());
        Some(UserAgent {
            model: part("desk", "dect").unwrap_or_default(),
            firmware: part("desk_firmware", "dect_firmware"),
            mac: found.name("mac").and_then(|part| MacAddr::from_plain(part.as_str()).ok()),
        })
    }

    fn reading(&self, file: &str) -> Option<Reading> {
        let file = file.to_ascii_lowercase();
        if let Some((mac, rest)) = split_mac(&file) {
            return match rest {
                ".htm" | ".xml" => Reading::of_phone(mac, DEVICE),
                // The text format of the m3.
                ".cfg" => Reading::of_phone(mac, Meaning::Absent),
                _ => None,
            };
        }
        // Language packs and lists of firmware are the operator's, if there are any: not ours to answer.
        match file.as_str() {
            // An empty phone type.
            ".htm" => return Reading::of_all(COMMON),
            "directory.xml" | "snom-general.xml" => return Reading::of_all(Meaning::Absent),
            _ => {}
        }
        if let Some(mac) = file.strip_prefix(".htm-") {
            return Reading::of_phone(mac, DEVICE);
        }
        // Bases built by VTech have a format of their own.
        if let Some(mac) = file.strip_prefix("c520-wimi_").and_then(|rest| rest.strip_suffix(".cfg")) {
            return Reading::of_phone(mac, Meaning::Absent);
        }
        let (name, extension) = file.strip_prefix("snom")?.rsplit_once('.')?;
        match (name.split_once('-'), extension) {
            (None, "htm") if is_model(name) => Reading::of_all(COMMON),
            (None, "xml") if is_model(name) => Reading::of_all(Meaning::Absent),
            (Some((model, mac)), "htm" | "xml") if is_model(model) => Reading::of_phone(mac, DEVICE),
            _ => None,
        }
    }

    fn files(&self, mac: MacAddr, model: &Model) -> Vec<String> {
        vec![format!("snom{}-{}.htm", model.model, mac.upper())]
    }

    fn device_template(&self, model: &Model) -> &'static str {
        if model.family == "dect" { "snom/dect.xml" } else { "snom/device.xml" }
    }

    fn format(&self) -> Format {
        Format::Xml
    }

    /// Never HTML, whatever the name says.
    fn content_type(&self, _file: &str) -> &'static str {
        "text/xml"
    }

    fn unclaimed_poll(&self) -> Period {
        Period::minutes(5)
    }

    fn sticky(&self) -> Stickiness {
        Stickiness::KeepsUrl
    }

    fn certificate(&self) -> Option<CertificateRule> {
        Some(COMMON_NAME)
    }

    fn language(&self, code: &str) -> &'static str {
        spelling_of(LANGUAGES, code)
    }
}

/// What stands behind `snom` in a phone type: `d785`, `320`, `m900`.
fn is_model(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::makers::by_spelling;

    #[test]
    fn every_user_agent_seen_in_the_field_is_read() {
        for (text, model, firmware, mac) in [
            ("Mozilla/4.0 (compatible; snom lid 3605)", "", None, None),
            ("Mozilla/4.0 (compatible; snom320-SIP 8.4.18 1.1.3-s)", "320", Some("8.4.18"), None),
            (
                "Mozilla/4.0 (compatible; snom710-SIP 8.7.5.35 1.1.5-IFX-05.01.12 000413741767)",
                "710",
                Some("8.7.5.35"),
                Some("000413741767"),
            ),
            (
                "Mozilla/4.0 (compatible; snomD785-SIP 10.1.33.33 2010.12-00004-g9ba52f5 000413922D24 SXM:0 UXM:0)",
                "D785",
                Some("10.1.33.33"),
                Some("000413922D24"),
            ),
            (
                "Mozilla/4.0 (compatible; snomD785-SIP 10.1.169.16 2010.12-00001-gd311851f1 \
                 (Feb 25 2019 - 14:19:43) 00041396D9B4 SXM:0 UXM:0 UXMC:0)",
                "D785",
                Some("10.1.169.16"),
                Some("00041396D9B4"),
            ),
            (
                "Mozilla/4.0 (compatible; Snom M900 05.20.0001 000413b60680)",
                "M900",
                Some("05.20.0001"),
                Some("000413b60680"),
            ),
        ] {
            let found = Snom.user_agent(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(found.model, model, "{text}");
            assert_eq!(found.firmware.as_deref(), firmware, "{text}");
            assert_eq!(found.mac, mac.map(|mac| mac.parse().unwrap()), "{text}");
            assert!(model.is_empty() || by_spelling("snom", model).is_some(), "{text}");
        }
        for text in ["curl/7.88.1", "Mozilla/5.0 (X11; Linux x86_64)", "Yealink SIP-T46G 28.71.0.81 00:15:65:aa:bb:cc"]
        {
            assert_eq!(Snom.user_agent(text), None, "{text}");
        }
    }

    #[test]
    fn every_file_name_has_a_decided_answer() {
        let mac = "000413a11fa7".parse().ok();
        for (file, expected) in [
            ("snomD345.htm", Some((None, COMMON))),
            ("snom320.htm", Some((None, COMMON))),
            ("snomM900.htm", Some((None, COMMON))),
            (".htm", Some((None, COMMON))),
            ("snomD345-000413A11FA7.htm", Some((mac, DEVICE))),
            ("snomD345-000413a11fa7.htm", Some((mac, DEVICE))),
            ("snomD345-000413A11FA7.xml", Some((mac, DEVICE))),
            (".htm-000413A11FA7", Some((mac, DEVICE))),
            ("000413A11FA7.xml", Some((mac, DEVICE))),
            ("000413A11FA7.htm", Some((mac, DEVICE))),
            ("000413A11FA7.cfg", Some((mac, Meaning::Absent))),
            ("C520-WiMi_000413A11FA7.cfg", Some((mac, Meaning::Absent))),
            ("snomD785.xml", Some((None, Meaning::Absent))),
            ("snom-general.xml", Some((None, Meaning::Absent))),
            ("directory.xml", Some((None, Meaning::Absent))),
            ("snomD785-firmware.xml", None),
            ("gui_lang.xml", None),
            ("web_lang.xml", None),
            ("snomD785-10.1.184.15-SIP-r.swu", None),
            ("snom.htm", None),
            ("snomD345-000000000000.htm", None),
        ] {
            let found = Snom.reading(file).map(|reading| (reading.mac, reading.meaning));
            assert_eq!(found, expected, "{file}");
        }
    }

    #[test]
    fn the_own_file_is_named_as_the_phone_asks_for_it() {
        let model = by_spelling("snom", "snomD785").unwrap();
        let files = Snom.files("000413a11fa7".parse().unwrap(), model);
        assert_eq!(files, ["snomD785-000413A11FA7.htm"]);
        assert_eq!(Snom.reading(&files[0]).unwrap().meaning, DEVICE);
    }
}
