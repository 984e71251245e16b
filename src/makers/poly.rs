//! Poly, formerly Polycom: UCS firmware (SoundPoint IP, SoundStation IP, VVX, Trio, CCX, Edge E) and OBi firmware.
//!
//! UCS asks for its master file, `<mac>.cfg` or else `000000000000.cfg`, of which only the attributes of `APPLICATION`
//! count; then for the image it names, then for its `CONFIG_FILES` from left to right, where **the first definition of
//! a parameter wins**. Afterwards for `-phone.cfg`, `-web.cfg`, `-license.cfg`, `-directory.xml` and `-calls.xml`: what
//! it once uploaded, and with a missing `-license.cfg` or `-directory.xml` the one of the twelve zeros. A dozen 404s
//! are a normal boot. The public master lists `ztpd-poly.cfg` alone, since a missing entry of `CONFIG_FILES` may stop
//! old phones `[u]`; the phone's own master lists `<mac>-user.cfg` before it. Whether the Updater shows its certificate
//! is not known `[u]`; without, the 404 of `<mac>.cfg` leads it to the master of the zeros, which does no harm.
//! `APP_FILE_PATH` names an image that no server has: a phone that gets a 404 for it keeps its firmware. Digium phones
//! ask for the twelve zeros too and are told apart by their User-Agent; nothing is kept for them.
//!
//! Parameters named `device.` are written to flash, and only with their own `.set` and `device.set`. The value `All` of
//! `device.sec.TLS.profile.caCertList1` is `[u]`, and so are `reg.N.srtp`, `qos.ethernet` and, on all models, that an
//! empty `reg.N.address` turns a line off. `prov.polling.period` has to be above 3600 seconds. Daylight saving time
//! always moves the clock by an hour. Speed dials are entries of the phone's own directory, which it keeps and uploads
//! itself; no parameter is known that makes one `[u]`, so keys of that kind are not written. BLF keys follow the lines in
//! their order.
//!
//! OBi firmware `[u]` asks for `<MAC>.xml` and nothing else. Models that run either (VVX 150 to 450) have the same
//! addresses: only OBi's own range counts as OBi. Its time zones have names that cannot be computed, its SRTP switch
//! and its languages are not known: these are left alone.
//! The certificate a phone was made with has its MAC as common name; that OBi firmware does the same is `[u]`.
//! (Polycom UC Software administrator's guides; file and User-Agent forms as seen by public provisioning projects.)

use std::sync::LazyLock;

use regex::Regex;

use super::{
    COMMON_NAME, CertificateRule, Format, Maker, Meaning, Model, Reading, Stickiness, UserAgent, spelling_of, split_mac,
};
use crate::inventory::mac::MacAddr;
use crate::inventory::period::Period;

pub(super) struct Poly;

const OBIHAI: [u8; 3] = [0x9c, 0xad, 0xef];

const ZERO_MASTER: Meaning = Meaning::Public { hand_over: "poly/zero-master.cfg", neutral: "poly/zero-master.cfg" };
const COMMON: Meaning = Meaning::Public { hand_over: "poly/bootstrap.cfg", neutral: "poly/common.cfg" };
const MASTER: Meaning = Meaning::Gate { template: "poly/master.cfg" };
const DEVICE: Meaning = Meaning::Device { hand_over: None };
const OBI_DEVICE: Meaning = Meaning::Device { hand_over: Some("poly/obi-bootstrap.xml") };

/// `FileTransport PolyCCX-CCX_500-UA/9.4.1.0508 (SN:64167f9f4c90) Type/Application`; the serial number only where
/// `device.prov.tagSerialNo` is on, the type not in the oldest.
static UCS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r"(?x)^FileTransport\s+ Poly(?:com)?[A-Za-z]*-(?P<model>[A-Za-z0-9_]+)-UA
        /(?P<firmware>[0-9]+(?:\.[0-9]+)+)
        (?:\s+\(SN:(?P<mac>[0-9A-Fa-f]{12})\))?
        (?:\s+Type/(?P<stage>Application|Updater))?";
    Regex::new(pattern).ok()
});

/// `OBIHAI/OBi202-3.2.2.5921`, or the model alone `[u]`.
static OBI: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r"(?x)^(?:OBIHAI/)?(?P<model>OBi[0-9]+[A-Za-z]*)(?:-(?P<firmware>[0-9]+(?:\.[0-9]+)+))?\s*$";
    Regex::new(pattern).ok()
});

const LANGUAGES: &[(&str, &str)] = &[
    ("da", "Danish_Denmark"),
    ("de", "German_Germany"),
    ("en", "English_United_States"),
    ("es", "Spanish_Spain"),
    ("fr", "French_France"),
    ("it", "Italian_Italy"),
    ("nl", "Dutch_Netherlands"),
    ("no", "Norwegian_Norway"),
    ("pl", "Polish_Poland"),
    ("pt", "Portuguese_Portugal"),
    ("ru", "Russian_Russia"),
    ("sv", "Swedish_Sweden"),
];

impl Maker for Poly {
    fn id(&self) -> &'static str {
        "poly"
    }

    fn name(&self) -> &'static str {
        "Poly"
    }

    fn brands(&self) -> &'static [&'static str] {
        &["Polycom", "HP", "HP Poly", "Plantronics", "Obihai"]
    }

    fn ouis(&self) -> &'static [[u8; 3]] {
        &[[0x00, 0x04, 0xf2], [0x00, 0x90, 0x7a], [0x48, 0x25, 0x67], [0x64, 0x16, 0x7f], OBIHAI]
    }

    fn user_agent(&self, text: &str) -> Option<UserAgent> {
        let text = text.trim();
        if let Some(found) = UCS.as_ref()?.captures(text) {
            // Until the application runs, the version is the Updater's or the boot ROM's.
            let application = found.name("stage").is_some_and(|stage| stage.as_str() == "Application");
            return Some(UserAgent {
                model: found.name("model")?.as_str().replace('_', ""),
                firmware: found.name("firmware").filter(|_| application).map(|part| part.as_str().to_owned()),
                mac: found.name("mac").and_then(|part| MacAddr::from_plain(part.as_str()).ok()),
            });
        }
        let found = OBI.as_ref()?.captures(text)?;
        Some(UserAgent {
            model: found.name("model")?.as_str().to_owned(),
            firmware: found.name("firmware").map(|part| part.as_str().to_owned()),
            mac: None,
        })
    }

    fn reading(&self, file: &str) -> Option<Reading> {
        let file = file.to_ascii_lowercase();
        match file.as_str() {
            "000000000000.cfg" => return Reading::of_all(ZERO_MASTER),
            "000000000000-directory.xml" | "000000000000-license.cfg" => return Reading::of_all(Meaning::Sidecar),
            "ztpd-poly.cfg" => return Reading::of_all(COMMON),
            _ => {}
        }
        let (digits, rest) = split_mac(&file)?;
        match rest {
            ".cfg" => Reading::of_phone(digits, MASTER),
            "-user.cfg" => Reading::of_phone(digits, DEVICE),
            "-app.log" | "-boot.log" | "-calls.xml" | "-directory.xml" | "-license.cfg" | "-phone.cfg" | "-web.cfg" => {
                Reading::of_phone(digits, Meaning::Sidecar)
            }
            ".xml" => Reading::of_phone(digits, OBI_DEVICE).filter(is_obihai),
            _ => None,
        }
    }

    fn files(&self, mac: MacAddr, model: &Model) -> Vec<String> {
        if is_obi(model) {
            return vec![format!("{}.xml", mac.upper())];
        }
        vec![format!("{}.cfg", mac.plain()), format!("{}-user.cfg", mac.plain())]
    }

    fn device_template(&self, model: &Model) -> &'static str {
        if is_obi(model) { "poly/obi-device.xml" } else { "poly/device.cfg" }
    }

    fn format(&self) -> Format {
        Format::Xml
    }

    fn content_type(&self, _file: &str) -> &'static str {
        "text/xml"
    }

    fn unclaimed_poll(&self) -> Period {
        Period::seconds(3_601)
    }

    fn sticky(&self) -> Stickiness {
        Stickiness::KeepsUrl
    }

    fn certificate(&self) -> Option<CertificateRule> {
        Some(COMMON_NAME)
    }

    /// `device.*` is written to flash, with a restart (the UC Software administrator guide); of others no source says.
    fn restarts(&self, line: &str) -> Option<bool> {
        line.starts_with("device.").then_some(true)
    }

    fn language(&self, code: &str) -> &'static str {
        spelling_of(LANGUAGES, code)
    }
}

fn is_obihai(reading: &Reading) -> bool {
    reading.mac.is_some_and(|mac| mac.oui().0 == OBIHAI)
}

fn is_obi(model: &Model) -> bool {
    model.family == "obi"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::makers::{by_spelling, models};

    #[test]
    fn every_user_agent_seen_in_the_field_is_read() {
        for (text, model, firmware, mac) in [
            ("FileTransport PolycomSoundPointIP-SPIP_335-UA/3.2.1.0078", "SPIP335", None, None),
            ("FileTransport PolycomSoundPointIP-SPIP_335-UA/4.2.1.0275", "SPIP335", None, None),
            ("FileTransport PolycomSoundPointIP-SPIP_450-UA/3.2.3.1734", "SPIP450", None, None),
            (
                "FileTransport PolycomSoundStationIP-SSIP_6000-UA/4.0.4.2906 Type/Application",
                "SSIP6000",
                Some("4.0.4.2906"),
                None,
            ),
            ("FileTransport PolycomSoundStationIP-SSIP_6000-UA/5.0.3.1667 Type/Updater", "SSIP6000", None, None),
            (
                "FileTransport PolycomSoundStationIP-SSIP_5000-UA/4.0.3.7562 (SN:0004f2e765da) Type/Application",
                "SSIP5000",
                Some("4.0.3.7562"),
                Some("0004f2e765da"),
            ),
            ("FileTransport PolycomVVX-VVX_400-UA/4.1.4.7430 Type/Application", "VVX400", Some("4.1.4.7430"), None),
            ("FileTransport PolycomVVX-VVX_101-UA/5.4.3.1014 Type/Application", "VVX101", Some("5.4.3.1014"), None),
            ("FileTransport PolycomVVX-VVX_310-UA/5.1.1.2986", "VVX310", None, None),
            ("FileTransport PolycomVVX-VVX_410-UA/5.9.5.0614", "VVX410", None, None),
            ("FileTransport PolycomVVX-VVX_450-UA/5.9.1.0615", "VVX450", None, None),
            ("FileTransport PolycomVVX-VVX_450-UA/6.4.0.1234", "VVX450", None, None),
            ("FileTransport PolycomVVX-VVX_311-UA/5.9.6.2327", "VVX311", None, None),
            (
                "FileTransport PolyCCX-CCX_500-UA/9.4.1.0508 (SN:64167f9f4c90) Type/Application",
                "CCX500",
                Some("9.4.1.0508"),
                Some("64167f9f4c90"),
            ),
            (
                "FileTransport PolyCCX-CCX_600-UA/8.0.2.3267 (SN:482567b5313f) Type/Application",
                "CCX600",
                Some("8.0.2.3267"),
                Some("482567b5313f"),
            ),
            ("FileTransport PolyEdge-Edge_E450-UA/8.0.0.15602 Type/Application", "EdgeE450", Some("8.0.0.15602"), None),
            ("FileTransport PolyEdge-Edge_E400-UA/9.0.1.1234", "EdgeE400", None, None),
            ("FileTransport PolyEdge-Edge_E350-UA/9.0.1.1234", "EdgeE350", None, None),
            ("OBIHAI/OBi202-3.2.2.5921", "OBi202", Some("3.2.2.5921"), None),
            ("OBIHAI/OBi1032-5.1.11", "OBi1032", Some("5.1.11"), None),
        ] {
            let found = Poly.user_agent(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(found.model, model, "{text}");
            assert_eq!(found.firmware.as_deref(), firmware, "{text}");
            assert_eq!(found.mac, mac.map(|digits| MacAddr::from_plain(digits).unwrap()), "{text}");
            assert!(by_spelling("poly", model).is_some(), "{model} is not in the catalogue");
        }
        for text in ["curl/7.88.1", "Digium D40 1_4_0_0_57389", "FileTransport", ""] {
            assert_eq!(Poly.user_agent(text), None, "{text}");
        }
    }

    #[test]
    fn every_file_name_has_a_decided_answer() {
        let mac = MacAddr::from_plain("0004f2aabbcc").ok();
        let obi = MacAddr::from_plain("9cadefaabbcc").ok();
        for (file, expected) in [
            ("000000000000.cfg", Some((None, ZERO_MASTER))),
            ("ztpd-poly.cfg", Some((None, COMMON))),
            ("0004f2aabbcc.cfg", Some((mac, MASTER))),
            ("0004F2AABBCC.cfg", Some((mac, MASTER))),
            ("0004f2aabbcc-user.cfg", Some((mac, DEVICE))),
            ("0004f2aabbcc-phone.cfg", Some((mac, Meaning::Sidecar))),
            ("0004f2aabbcc-web.cfg", Some((mac, Meaning::Sidecar))),
            ("0004f2aabbcc-license.cfg", Some((mac, Meaning::Sidecar))),
            ("000000000000-license.cfg", Some((None, Meaning::Sidecar))),
            ("0004f2aabbcc-directory.xml", Some((mac, Meaning::Sidecar))),
            ("000000000000-directory.xml", Some((None, Meaning::Sidecar))),
            ("0004f2aabbcc-calls.xml", Some((mac, Meaning::Sidecar))),
            ("0004f2aabbcc-boot.log", Some((mac, Meaning::Sidecar))),
            ("0004f2aabbcc-app.log", Some((mac, Meaning::Sidecar))),
            ("9CADEFAABBCC.xml", Some((obi, OBI_DEVICE))),
            ("9cadefaabbcc.xml", Some((obi, OBI_DEVICE))),
            ("0004F2AABBCC.xml", None),
            ("64167faabbcc.xml", None),
            ("000000000000-user.cfg", None),
            ("sip.ld", None),
            ("2345-12600-001.sip.ld", None),
            ("3111-46135-002.sip.ld", None),
            ("bootrom.ld", None),
            ("2345-12600-001.bootrom.ld", None),
            ("bootblock.ld", None),
            ("ztpd-keep-firmware.ld", None),
            ("site.cfg", None),
            ("SoundPointIP-dictionary.xml", None),
            ("VVX-dictionary.xml", None),
            ("Warble.wav", None),
            ("9cadefaabbcc.aes", None),
        ] {
            let found = Poly.reading(file).map(|reading| (reading.mac, reading.meaning));
            assert_eq!(found, expected, "{file}");
        }
    }

    #[test]
    fn a_phone_asks_for_its_gate_first_and_an_obi_for_one_file() {
        let mac = MacAddr::from_plain("0004f2aabbcc").unwrap();
        let vvx = by_spelling("poly", "VVX 450").unwrap();
        assert_eq!(Poly.files(mac, vvx), ["0004f2aabbcc.cfg", "0004f2aabbcc-user.cfg"]);
        assert_eq!(Poly.device_template(vvx), "poly/device.cfg");
        let obi = by_spelling("poly", "OBi202").unwrap();
        assert_eq!(Poly.files(mac, obi), ["0004F2AABBCC.xml"]);
        assert_eq!(Poly.device_template(obi), "poly/obi-device.xml");
        let families = models().iter().filter(|model| model.maker == "poly").map(|model| model.family.as_str());
        assert!(families.into_iter().all(|family| ["ucs", "obi"].contains(&family)));
    }
}
