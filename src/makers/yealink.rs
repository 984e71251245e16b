//! Yealink: T1x to T8x desk phones, video phones, W-series DECT bases, CP conference phones.
//!
//! Order of requests, firmware V81 and later: `<mac>.boot`, `y000000000000.boot`, the common file `y…NN.cfg`, then
//! `<mac>.cfg`; up to V80 only the last two. Serving any `.boot` file would suppress the others, and an empty 200 is
//! worse than a 404 `[u]`, so both boot names are never given. A missing file is asked for three times. Afterwards
//! `<mac>-local.cfg`, `-contact.xml`, `-calllog.xml` and `*_Security.enc`, all optional.
//! Files are text: the first line exactly `#!version:1.0.0.1`, then `key = value`; a later value overrides an earlier.
//! Keys carry the prefix `static.` since V80; both spellings are written, since unknown keys are ignored.
//! The certificate a phone was made with has its MAC as common name; phones of before V72 share a generic one.
//! DECT bases turn syslog on by `static.syslog.mode`, whose values are not known `[u]`: it is left alone.
//! (Yealink auto-provisioning guide; file and User-Agent forms as seen by public provisioning projects.)

use std::sync::LazyLock;

use regex::Regex;

use super::{
    COMMON_NAME, CertificateRule, Format, Maker, Meaning, Model, Reading, Stickiness, UserAgent, spelling_of, split_mac,
};
use crate::inventory::mac::MacAddr;
use crate::inventory::period::Period;

pub(super) struct Yealink;

const COMMON: Meaning = Meaning::Public { hand_over: "yealink/bootstrap.cfg", neutral: "yealink/common.cfg" };

/// `Yealink SIP-T46U 108.86.0.20 80:5e:c0:11:22:33` and its older spellings: vendor in lower case or missing, two
/// spaces, MAC without colons, hardware version in the MAC's place.
static USER_AGENT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r"(?ix)^
        (?P<vendor>yealink[\s-]+)? (?P<sip>SIP(?:\s+VP)?-)? (?P<model>[A-Z]{1,3}[0-9]+[A-Z0-9_]*)
        \s+ (?P<firmware>[0-9]+(?:\.[0-9]+){3})
        \s+ (?: (?P<mac>(?:[0-9a-f]{2}:){5}[0-9a-f]{2}|[0-9a-f]{12}) | [0-9]+(?:\.[0-9]+)+ )
        \s*$";
    Regex::new(pattern).ok()
});

const LANGUAGES: &[(&str, &str)] = &[
    ("de", "German"),
    ("en", "English"),
    ("es", "Spanish"),
    ("fr", "French"),
    ("it", "Italian"),
    ("nl", "Dutch"),
    ("pl", "Polish"),
    ("pt", "Portuguese"),
    ("ru", "Russian"),
    ("sv", "Swedish"),
    ("tr", "Turkish"),
];

impl Maker for Yealink {
    fn id(&self) -> &'static str {
        "yealink"
    }

    fn name(&self) -> &'static str {
        "Yealink"
    }

    fn brands(&self) -> &'static [&'static str] {
        &["Yealink Network Technology"]
    }

    fn ouis(&self) -> &'static [[u8; 3]] {
        &[
            [0x00, 0x15, 0x65],
            [0x24, 0x9a, 0xd8],
            [0x34, 0x97, 0xd7],
            [0x44, 0xdb, 0xd2],
            [0x64, 0x4f, 0x56],
            [0x80, 0x5e, 0x0c],
            [0x80, 0x5e, 0xc0],
            [0xb0, 0x61, 0xa9],
            [0xc4, 0xfc, 0x22],
            [0xe4, 0x34, 0xd7],
            [0xec, 0x1d, 0xa9],
            [0xf0, 0x16, 0x53],
        ]
    }

    fn user_agent(&self, text: &str) -> Option<UserAgent> {
        let found = USER_AGENT.as_ref()?.captures(text.trim())?;
        Some(UserAgent {
            model: found.name("model")?.as_str().to_uppercase(),
            firmware: found.name("firmware").map(|part| part.as_str().to_owned()),
            mac: found.name("mac").and_then(|part| part.as_str().parse().ok()),
        })
    }

    fn reading(&self, file: &str) -> Option<Reading> {
        let file = file.to_ascii_lowercase();
        if let Some(number) = file.strip_prefix('y') {
            return match split_mac(number)? {
                (digits, ".cfg") if digits.bytes().all(|byte| byte.is_ascii_digit()) => Reading::of_all(COMMON),
                ("000000000000", ".boot") => Reading::of_all(Meaning::Absent),
                _ => None,
            };
        }
        if file.ends_with("_security.enc") {
            return Reading::of_all(Meaning::Absent);
        }
        match split_mac(&file)? {
            (mac, ".cfg") => Reading::of_phone(mac, Meaning::Device { hand_over: None }),
            (mac, ".boot") => Reading::of_phone(mac, Meaning::Absent),
            (mac, "-local.cfg" | "-contact.xml" | "-calllog.xml") => Reading::of_phone(mac, Meaning::Sidecar),
            _ => None,
        }
    }

    fn files(&self, mac: MacAddr, _model: &Model) -> Vec<String> {
        vec![format!("{}.cfg", mac.plain())]
    }

    fn device_template(&self, _model: &Model) -> &'static str {
        "yealink/device.cfg"
    }

    fn format(&self) -> Format {
        Format::KeyValue
    }

    fn content_type(&self, _file: &str) -> &'static str {
        "text/plain"
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

    /// A phone restarts only where a parameter needs it, as most of `static.network.` do (the auto provisioning guide).
    fn restarts(&self, line: &str) -> Option<bool> {
        match line {
            _ if line.starts_with("static.network.") => Some(true),
            _ if line.starts_with("static.") => None,
            _ => Some(false),
        }
    }

    fn language(&self, code: &str) -> &'static str {
        spelling_of(LANGUAGES, code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_user_agent_seen_in_the_field_is_read() {
        for (text, model, mac) in [
            ("Yealink SIP-T46G 28.71.0.81 00:15:65:aa:bb:cc", "T46G", true),
            ("yealink SIP-T28P 2.70.0.140 00:15:65:13:ae:0b", "T28P", true),
            ("Yealink SIP-T38G  38.70.0.125 00:15:65:2f:c3:5e", "T38G", true),
            ("Yealink SIP-T56A  58.80.0.25 001565f429a4", "T56A", true),
            ("Yealink-T46G 28.71.0.81 28.1.0.128.0.0.0", "T46G", false),
            ("Yealink SIP-T31G 124.85.257.55 80:5e:c0:d5:7d:72", "T31G", true),
            ("Yealink SIP-T19P_E2 53.80.0.3 00:15:65:aa:bb:cc", "T19P_E2", true),
            ("Yealink SIP VP-T49G 51.80.0.10 00:15:65:9b:5a:44", "T49G", true),
            ("Yealink CP860 37.72.0.5 00:15:65:8a:37:86", "CP860", true),
            ("W52P 25.30.0.2 00:15:65:44:b3:7c", "W52P", true),
            ("VP530P 23.70.0.40 00:15:65:3d:58:e3", "VP530P", true),
        ] {
            let found = Yealink.user_agent(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(found.model, model, "{text}");
            assert_eq!(found.mac.is_some(), mac, "{text}");
            assert!(found.firmware.is_some(), "{text}");
        }
        assert_eq!(Yealink.user_agent("curl/7.88.1"), None);
    }

    #[test]
    fn every_file_name_has_a_decided_answer() {
        let mac = "001565aabbcc".parse().ok();
        for (file, expected) in [
            ("001565aabbcc.boot", Some((mac, Meaning::Absent))),
            ("y000000000000.boot", Some((None, Meaning::Absent))),
            ("y000000000028.cfg", Some((None, COMMON))),
            ("Y000000000108.CFG", Some((None, COMMON))),
            ("y999999999999.cfg", Some((None, COMMON))),
            ("001565aabbcc.cfg", Some((mac, Meaning::Device { hand_over: None }))),
            ("001565AABBCC.cfg", Some((mac, Meaning::Device { hand_over: None }))),
            ("001565aabbcc-local.cfg", Some((mac, Meaning::Sidecar))),
            ("001565aabbcc-contact.xml", Some((mac, Meaning::Sidecar))),
            ("001565aabbcc-calllog.xml", Some((mac, Meaning::Sidecar))),
            ("001565aabbcc_Security.enc", Some((None, Meaning::Absent))),
            ("y00000000002.cfg", None),
            ("T46S-66.86.0.15.rom", None),
            ("000000000000.cfg", None),
        ] {
            let found = Yealink.reading(file).map(|reading| (reading.mac, reading.meaning));
            assert_eq!(found, expected, "{file}");
        }
    }
}
