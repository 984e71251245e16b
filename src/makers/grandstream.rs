//! Grandstream: GXP and GRP desk phones, GXV video phones, WP cordless phones, HT adapters.
//!
//! A phone asks, relative to its config server path (P237, without scheme; the protocol is P212), for `cfg<mac>.bin`,
//! `cfg<mac>.xml`, `cfg<model>.xml` and `cfg.xml`; older firmware for `cfg<mac>`, `cfg<mac>.xml` and `cfg.xml`, and
//! some of it turns the first two round, so nothing rests on the order. It takes the first that works, or with P8467
//! all of them. A name that is not served needs a fast, short 404. The binary form, and a file for a model, are never
//! given. Files are XML: `gs_provision` with `P` values, of which unknown ones are skipped. A `<mac>` that is not the
//! phone's own makes it ignore the file. P32 and its likes count **minutes**.
//!
//! Families: `gxp` has MPK keys, `grp` VPK keys (the GRP, and the GXP17xx, 2135, 2140 and 2170), `grp260` too (the
//! GRP260x), `gxv` runs Android and names time zones in its own way, `ht` is an adapter whose second port has numbers
//! of its own. Accounts 2 to 4 have the values P4xx to P6xx, 5 and 6 P17xx and P18xx, on the GRP260x P7xx and P8xx, 7
//! and on P506xx and on, as two public projects have it and the maker's guide does not say `[u]`. P194 is numbered otherwise on adapters, where 3 means what 1 does on phones, and their
//! newest firmware takes P22296: the public file cannot know who asks, so it says P194 = 1, "daily" to an adapter, and
//! P22296 = 1, "every P193 minutes". The least P193 is 60 minutes; all phones also ask at boot.
//!
//! `[u]`: which of P2386 and P8433 takes the authority (both are written); the modes of VPK keys and that a list of
//! them must not have holes (an idle key before a used one takes a line); that SRTP is P183 and Pxx43 on every model;
//! the word `customize` in P64, which makes P246 count; P1409, TR-069, which the maker's cloud uses. No value is known
//! that turns the maker's redirection (GAPS, GDMS) off for itself; P237 and P192, its factory defaults, are replaced.
//! DP7xx bases and adapters with more than two ports number their accounts otherwise and are not supported.
//! The certificate a phone was made with has its MAC as common name; some old ones share one that has none.
//! (Grandstream SIP Device Provisioning Guide and configuration templates; User-Agent forms as seen by public
//! projects.)

use std::sync::LazyLock;

use regex::Regex;

use super::{
    COMMON_NAME, CertificateRule, Format, Maker, Meaning, Model, Reading, Stickiness, UserAgent, spelling_of, split_mac,
};
use crate::inventory::mac::MacAddr;
use crate::inventory::period::Period;

pub(super) struct Grandstream;

const COMMON: Meaning = Meaning::Public { hand_over: "grandstream/bootstrap.xml", neutral: "grandstream/common.xml" };

/// `Grandstream Model HW GXV3350  V1.3A SW 1.0.1.8 DevId c074ad150b88`: with or without the hardware's version.
static MODERN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r"(?x)^Grandstream\ Model\ HW\ (?P<model>\S+) (?:\s+V\S+)?
        \s+SW\ (?P<firmware>\S+) \s+DevId\ (?P<mac>[0-9A-Fa-f]{12})";
    Regex::new(pattern).ok()
});

/// `Grandstream GXP2000 (gxp2000e.bin:1.2.5.3/boot55e.bin:1.1.6.9) DevId 000b822726c8`.
static LEGACY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r"(?x)^Grandstream\ (?P<model>\S+) \s+\([^:]+:(?P<firmware>[^/)]+)[^)]*\)
        \s+DevId\ (?P<mac>[0-9A-Fa-f]{12})";
    Regex::new(pattern).ok()
});

const LANGUAGES: &[(&str, &str)] = &[
    ("cs", "cs"),
    ("de", "de"),
    ("en", "en"),
    ("es", "es"),
    ("fr", "fr"),
    ("hu", "hu"),
    ("it", "it"),
    ("nl", "nl"),
    ("pl", "pl"),
    ("pt", "pt"),
    ("ru", "ru"),
    ("tr", "tr"),
];

impl Maker for Grandstream {
    fn id(&self) -> &'static str {
        "grandstream"
    }

    fn name(&self) -> &'static str {
        "Grandstream"
    }

    fn brands(&self) -> &'static [&'static str] {
        &["Grandstream Networks"]
    }

    fn ouis(&self) -> &'static [[u8; 3]] {
        &[[0x00, 0x0b, 0x82], [0x14, 0x4c, 0xff], [0xc0, 0x74, 0xad], [0xec, 0x74, 0xd7]]
    }

    fn user_agent(&self, text: &str) -> Option<UserAgent> {
        let text = text.trim();
        let found = MODERN.as_ref()?.captures(text).or_else(|| LEGACY.as_ref()?.captures(text))?;
        Some(UserAgent {
            model: found.name("model")?.as_str().to_owned(),
            firmware: found.name("firmware").map(|part| part.as_str().to_owned()),
            mac: found.name("mac").and_then(|part| MacAddr::from_plain(part.as_str()).ok()),
        })
    }

    fn reading(&self, file: &str) -> Option<Reading> {
        let file = file.to_ascii_lowercase();
        if file == "phonebook.xml" {
            return Reading::of_all(Meaning::Absent);
        }
        let name = file.strip_prefix("cfg")?;
        if name == ".xml" {
            return Reading::of_all(COMMON);
        }
        match split_mac(name) {
            Some((digits, ".xml")) => Reading::of_phone(digits, Meaning::Device { hand_over: None }),
            Some((digits, "" | ".bin")) => Reading::of_phone(digits, Meaning::Absent),
            _ if name.strip_suffix(".xml").is_some_and(is_model) => Reading::of_all(Meaning::Absent),
            _ => None,
        }
    }

    fn files(&self, mac: MacAddr, _model: &Model) -> Vec<String> {
        vec![format!("cfg{}.xml", mac.plain())]
    }

    fn device_template(&self, _model: &Model) -> &'static str {
        "grandstream/device.xml"
    }

    fn format(&self) -> Format {
        Format::Xml
    }

    fn content_type(&self, _file: &str) -> &'static str {
        "text/xml"
    }

    fn unclaimed_poll(&self) -> Period {
        Period::minutes(60)
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

/// Whether a text can be a model's name: two or three letters, then digits and what follows, such as `ht802v2`.
fn is_model(text: &str) -> bool {
    let letters = text.bytes().take_while(u8::is_ascii_lowercase).count();
    let rest = text.as_bytes().get(letters..).unwrap_or_default();
    (2..=3).contains(&letters)
        && (3..=12).contains(&rest.len())
        && rest.first().is_some_and(u8::is_ascii_digit)
        && rest.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::makers::{by_spelling, models};

    #[test]
    fn every_user_agent_seen_in_the_field_is_read() {
        for (text, model, firmware, mac) in [
            ("Grandstream Model HW GXP1405 SW 1.0.4.23 DevId 000b8240d55c", "GXP1405", "1.0.4.23", "000b8240d55c"),
            (
                "Grandstream Model HW GXP2200 V2.2A SW 1.0.1.33 DevId 000b82462d97",
                "GXP2200",
                "1.0.1.33",
                "000b82462d97",
            ),
            ("Grandstream Model HW GXV3350  V1.3A SW 1.0.1.8 DevId c074ad150b88", "GXV3350", "1.0.1.8", "c074ad150b88"),
            ("Grandstream Model HW GRP2614 SW 1.0.5.15 DevId c074ad0b63ee", "GRP2614", "1.0.5.15", "c074ad0b63ee"),
            ("Grandstream Model HW HT801 V1.1A SW 1.0.17.5 DevId c074ad273a10", "HT801", "1.0.17.5", "c074ad273a10"),
            ("Grandstream Model HW HT802V2 V1.0A SW 1.0.5.4 DevId ec74d763e419", "HT802V2", "1.0.5.4", "ec74d763e419"),
            (
                "Grandstream GXP2000 (gxp2000e.bin:1.2.5.3/boot55e.bin:1.1.6.9) DevId 000b822726c8",
                "GXP2000",
                "1.2.5.3",
                "000b822726c8",
            ),
        ] {
            let found = Grandstream.user_agent(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(found.model, model, "{text}");
            assert_eq!(found.firmware.as_deref(), Some(firmware), "{text}");
            assert_eq!(found.mac, MacAddr::from_plain(mac).ok(), "{text}");
            assert!(by_spelling("grandstream", model).is_some(), "{model} is not in the catalogue");
        }
        for text in ["curl/7.88.1", "Grandstream", "Grandstream Model HW GRP2614 SW 1.0.5.15"] {
            assert_eq!(Grandstream.user_agent(text), None, "{text}");
        }
    }

    #[test]
    fn every_file_name_has_a_decided_answer() {
        let mac = MacAddr::from_plain("c074ad0b63ee").ok();
        let device = Meaning::Device { hand_over: None };
        for (file, expected) in [
            ("cfgc074ad0b63ee.xml", Some((mac, device))),
            ("cfgC074AD0B63EE.xml", Some((mac, device))),
            ("cfgc074ad0b63ee", Some((mac, Meaning::Absent))),
            ("cfgc074ad0b63ee.bin", Some((mac, Meaning::Absent))),
            ("cfggrp2614.xml", Some((None, Meaning::Absent))),
            ("cfght802.xml", Some((None, Meaning::Absent))),
            ("cfght802v2.xml", Some((None, Meaning::Absent))),
            ("cfgwp810.xml", Some((None, Meaning::Absent))),
            ("cfg.xml", Some((None, COMMON))),
            ("CFG.XML", Some((None, COMMON))),
            ("phonebook.xml", Some((None, Meaning::Absent))),
            ("cfg000000000000.xml", None),
            ("cfg.bin", None),
            ("cfgx.xml", None),
            ("gxp2140fw.bin", None),
            ("ht802fw.bin", None),
            ("grp2614fw.bin", None),
            ("gxp2000e.bin", None),
            ("boot55e.bin", None),
            // A DP7xx base asks for its handsets by IPEI.
            ("02a7b3c4d5.xml", None),
        ] {
            let found = Grandstream.reading(file).map(|reading| (reading.mac, reading.meaning));
            assert_eq!(found, expected, "{file}");
        }
    }

    #[test]
    fn every_model_is_of_a_family_the_template_knows() {
        for model in models().iter().filter(|model| model.maker == "grandstream") {
            assert!(["gxp", "grp", "grp260", "gxv", "ht"].contains(&model.family.as_str()), "{}", model.model);
            let keys = match model.family.as_str() {
                "gxp" => 8,
                "grp" | "grp260" => 48,
                _ => 0,
            };
            assert!(model.keys <= keys, "{}", model.model);
            assert!(model.family != "ht" || model.accounts <= 2, "{}", model.model);
        }
    }
}
