//! Cisco: multiplatform phones (MPP, "3PCC"), the adapters ATA191 and 192, SPA phones and adapters, Linksys before them.
//!
//! The factory rule asks for a file by model, `/$PSN.xml` or `/spa$PSN.cfg`, in several spellings and of either case; it
//! carries no MAC, so its answer is the same for all and over every protocol, and only names the own file:
//! `Profile_Rule_B` = `…/t/$A/$MA.xml`. All rules are evaluated in one cycle, `Profile_Rule` first, then B, C, D. `$A` is
//! `GPP_A`, the device's token: it outlives whatever DHCP leads the phone to at its next boot.
//! A missing file is a failure (`Resync_Fails_On_FNF`), so an unclaimed phone asks again after the error delay.
//! An empty `DHCP_Option_To_Use` `[u]`. `<mac>.cfg` below `/Cisco/CP-7832-3PCC/`, as one public server has it, is read as
//! the own file `[u]`; without proof it is not found, since half the makers ask for that name.
//! SPA trusts its maker's authority only and speaks TLS 1.0: it ends at the bootstrap unless a proxy ends TLS for it.
//! Their first file must stay below 4 KiB. SRTP is set for MPP and ATA as `Secure_Call_Option` `[u]`, for SPA not at all.
//! The clock of the ATA is the router's; its zone codes `[u]`. Languages need the maker's dictionary files `[u]`. No name
//! is known for the priority of frames on the VLAN `[u]`, nor one that turns the maker's activation service off: a phone
//! that DHCP led somewhere leaves it alone.
//! Phones with the enterprise firmware ask for `SEP<MAC>.cnf.xml` and its kin and never leave TFTP and port 6970: not
//! without the certificate they were made with. Port 2 of an ATA190 asks with its MAC shifted by an octet.
//! In a User-Agent of the SPA kind a single bracket is the serial number, even one of twelve hexadecimal digits.
//! The certificate a phone was made with has its MAC as state or province, not as common name; phones without one of
//! their own share one with `ciscogeneric` in its place.
//! (Cisco 7800/8800 MPP provisioning guide and XML reference; ATA 191/192 provisioning guide; SPA provisioning guide;
//! public provisioning projects.)

use std::sync::LazyLock;

use regex::Regex;

use super::{
    CertificateRule, Format, Maker, Meaning, Model, Reading, Stickiness, SubjectField, UserAgent, spelling_of,
    split_mac,
};
use crate::inventory::mac::MacAddr;
use crate::inventory::period::Period;

pub(super) struct Cisco;

/// Asked first and naming the own file: the same over HTTPS (policy D1a).
const ATA: Meaning = everywhere("cisco/ata-bootstrap.xml");
const MPP: Meaning = everywhere("cisco/mpp-bootstrap.xml");
const SPA: Meaning = everywhere("cisco/spa-bootstrap.xml");

/// `Cisco/SPA501G-7.4.4 (8843E157DDCC)(CBT141100HR)`: MAC and serial number, or the serial number alone.
static SMALL_BUSINESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r"(?x)^
        (?:Cisco|Linksys)/ (?P<letters>[A-Z]+) -? (?P<number>[0-9]+[A-Z0-9]*?) (?:-MPP)?
        - (?P<firmware>[0-9]\S*)
        \s+ \((?P<first>[0-9A-Za-z]+)\) (?P<second>\([0-9A-Za-z]+\))? $";
    Regex::new(pattern).ok()
});

/// `Cisco-CP-7832-3PCC/11.0.1 (00562b043615)`: a MAC or a serial number. Operators may change all of it.
static MULTIPLATFORM: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^Cisco-CP-(?P<model>[0-9A-Z]+)-3PCC/(?P<firmware>[^\s(]+)(?:\s*\((?P<first>[0-9A-Za-z]+)\))?").ok()
});

/// What phones with the enterprise firmware ask for, none of them by MAC.
const ENTERPRISE: &[&str] = &[
    "ctlfile.tlv",
    "dialplan.xml",
    "distinctiveringlist.xml",
    "itlfile.tlv",
    "os79xx.txt",
    "ringlist-wb.xml",
    "ringlist.dat",
    "ringlist.xml",
    "sipdefault.cnf",
    "syncinfo.xml",
    "xmldefault.cnf.xml",
];

/// What they ask for by MAC: what stands before and after it.
const ENTERPRISE_OWN: &[(&str, &[&str])] = &[
    ("ata", &[".cnf.xml", ".cnf.xml.enc.sgn", ".cnf.xml.sgn"]),
    ("ctlsep", &[".tlv"]),
    ("itlsep", &[".tlv"]),
    ("sep", &[".cnf.xml", ".cnf.xml.enc.sgn", ".cnf.xml.sgn"]),
    ("sip", &[".cnf"]),
];

const LANGUAGES: &[(&str, &str)] = &[
    ("cs", "Czech"),
    ("da", "Danish"),
    ("de", "German"),
    ("en", "English"),
    ("es", "Spanish"),
    ("fi", "Finnish"),
    ("fr", "French"),
    ("hu", "Hungarian"),
    ("it", "Italian"),
    ("nl", "Dutch"),
    ("no", "Norwegian"),
    ("pl", "Polish"),
    ("pt", "Portuguese"),
    ("ru", "Russian"),
    ("sv", "Swedish"),
    ("tr", "Turkish"),
];

impl Maker for Cisco {
    fn id(&self) -> &'static str {
        "cisco"
    }

    fn name(&self) -> &'static str {
        "Cisco"
    }

    /// A selection: the maker owns hundreds.
    fn brands(&self) -> &'static [&'static str] {
        &["Cisco Systems", "Linksys"]
    }

    fn ouis(&self) -> &'static [[u8; 3]] {
        OUIS
    }

    fn user_agent(&self, text: &str) -> Option<UserAgent> {
        let text = text.trim();
        if let Some(found) = MULTIPLATFORM.as_ref()?.captures(text) {
            return Some(UserAgent {
                model: found.name("model")?.as_str().to_owned(),
                firmware: found.name("firmware").map(|part| part.as_str().to_owned()),
                mac: found.name("first").and_then(|part| MacAddr::from_plain(part.as_str()).ok()),
            });
        }
        let found = SMALL_BUSINESS.as_ref()?.captures(text)?;
        let part = |name| found.name(name).map(|part| part.as_str());
        Some(UserAgent {
            model: format!("{}{}", part("letters")?, part("number")?),
            firmware: part("firmware").map(str::to_owned),
            mac: part("second").and(part("first")).and_then(|digits| MacAddr::from_plain(digits).ok()),
        })
    }

    fn reading(&self, file: &str) -> Option<Reading> {
        // The softphone puts a folder before the name, in its own system's spelling.
        let file = file.rsplit('\\').next()?.to_ascii_lowercase();
        if let Some((mac, rest)) = split_mac(&file) {
            return match rest {
                ".cfg" | ".xml" => Reading::of_phone(mac, Meaning::Device { hand_over: None }),
                _ => None,
            };
        }
        enterprise(&file).or_else(|| Reading::of_all(common(&file)?))
    }

    fn files(&self, mac: MacAddr, _model: &Model) -> Vec<String> {
        vec![format!("{}.xml", mac.plain())]
    }

    fn device_template(&self, model: &Model) -> &'static str {
        match model.family.as_str() {
            "ata" => "cisco/ata.xml",
            "spa" => "cisco/spa.xml",
            _ => "cisco/mpp.xml",
        }
    }

    fn format(&self) -> Format {
        Format::Xml
    }

    fn content_type(&self, _file: &str) -> &'static str {
        "text/xml"
    }

    fn unclaimed_poll(&self) -> Period {
        Period::minutes(5)
    }

    fn sticky(&self) -> Stickiness {
        Stickiness::DhcpWins
    }

    fn certificate(&self) -> Option<CertificateRule> {
        Some(CertificateRule::Mac { field: SubjectField::StateOrProvince, shared: &["ciscogeneric"] })
    }

    fn language(&self, code: &str) -> &'static str {
        spelling_of(LANGUAGES, code)
    }
}

/// A public file that has no other form over HTTPS.
const fn everywhere(template: &'static str) -> Meaning {
    Meaning::Public { hand_over: template, neutral: template }
}

/// A name of the enterprise firmware.
fn enterprise(file: &str) -> Option<Reading> {
    if ENTERPRISE.contains(&file) {
        return Reading::of_all(Meaning::Absent);
    }
    let of_kind = |(prefix, endings): &(&str, &[&str])| {
        let (mac, ending) = split_mac(file.strip_prefix(prefix)?)?;
        endings.contains(&ending).then_some(mac)
    };
    let mac = ENTERPRISE_OWN.iter().find_map(of_kind)?;
    // A shifted MAC may be none: absent all the same.
    Reading::of_phone(mac, Meaning::Absent).or_else(|| Reading::of_all(Meaning::Absent))
}

/// The file of all phones of a model, by name; lower case.
fn common(file: &str) -> Option<Meaning> {
    let (name, extension) = file.rsplit_once('.')?;
    let clean = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    match extension {
        _ if !clean => None,
        "cfg" | "xml" if name.starts_with("cp-") => Some(MPP),
        "cfg" if name.starts_with("ata19") || name.starts_with("spa19") => Some(ATA),
        "cfg" if name == "init" || name.starts_with("spa") => Some(SPA),
        "xml" if is_product(name) => Some(MPP),
        _ => None,
    }
}

/// `$PSN` of a multiplatform phone: `8841-3pcc`, `7861`, `v03`.
fn is_product(name: &str) -> bool {
    let name = name.strip_suffix("-3pcc").unwrap_or(name);
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    match name.strip_prefix('v') {
        Some(number) => digits(number, 2),
        None => {
            let (number, variant) = name.split_at_checked(4).unwrap_or_default();
            digits(number, 4) && variant.len() <= 2 && variant.bytes().all(|byte| byte.is_ascii_lowercase())
        }
    }
}

/// Linksys, Sipura and SPA; small business; multiplatform and enterprise.
#[rustfmt::skip]
const OUIS: &[[u8; 3]] = &[
    [0x00, 0x00, 0x0c], [0x00, 0x01, 0x42], [0x00, 0x01, 0x43], [0x00, 0x02, 0xfd], [0x00, 0x03, 0x6b],
    [0x00, 0x04, 0x5a], [0x00, 0x06, 0x25], [0x00, 0x0c, 0x41], [0x00, 0x0e, 0x08], [0x00, 0x0f, 0x66],
    [0x00, 0x12, 0x17], [0x00, 0x13, 0x10], [0x00, 0x14, 0xbf], [0x00, 0x16, 0xb6], [0x00, 0x18, 0x39],
    [0x00, 0x18, 0xf8], [0x00, 0x1a, 0x70], [0x00, 0x1c, 0x10], [0x00, 0x1d, 0x29], [0x00, 0x1d, 0x7e],
    [0x00, 0x1e, 0xe5], [0x00, 0x21, 0x29], [0x00, 0x22, 0x6b], [0x00, 0x23, 0x69], [0x00, 0x25, 0x9c],
    [0x00, 0x26, 0x99], [0x00, 0x56, 0x2b], [0x00, 0xda, 0x55], [0x00, 0xe1, 0x6d], [0x10, 0xbd, 0x18],
    [0x1c, 0xdf, 0x0f], [0x20, 0xaa, 0x4b], [0x30, 0xe4, 0xdb], [0x50, 0x3d, 0xe5], [0x54, 0x75, 0xd0],
    [0x54, 0x7c, 0x69], [0x58, 0x6d, 0x8f], [0x58, 0xbf, 0xea], [0x64, 0x9e, 0xf3], [0x68, 0x7f, 0x74],
    [0x88, 0x43, 0xe1], [0xbc, 0x67, 0x1c], [0xc4, 0x64, 0x13], [0xc8, 0x9c, 0x1d], [0xd0, 0xc7, 0x89],
    [0xd0, 0xd0, 0xfd], [0xd0, 0xec, 0x35], [0xe0, 0x5f, 0xb9],
];

/// Ranges of Linksys, Sipura and the small-business line.
#[rustfmt::skip]
pub(super) const SPA_OUIS: &[[u8; 3]] = &[
    [0x00, 0x04, 0x5a], [0x00, 0x06, 0x25], [0x00, 0x0c, 0x41], [0x00, 0x0e, 0x08], [0x00, 0x0f, 0x66],
    [0x00, 0x12, 0x17], [0x00, 0x13, 0x10], [0x00, 0x14, 0xbf], [0x00, 0x16, 0xb6], [0x00, 0x18, 0x39],
    [0x00, 0x18, 0xf8], [0x00, 0x1a, 0x70], [0x00, 0x1c, 0x10], [0x00, 0x1d, 0x29], [0x00, 0x1d, 0x7e],
    [0x00, 0x1e, 0xe5], [0x00, 0x21, 0x29], [0x00, 0x22, 0x6b], [0x00, 0x23, 0x69], [0x00, 0x25, 0x9c],
    [0x00, 0x26, 0x99], [0x00, 0xda, 0x55], [0x00, 0xe1, 0x6d], [0x10, 0xbd, 0x18], [0x20, 0xaa, 0x4b],
    [0x50, 0x3d, 0xe5], [0x54, 0x7c, 0x69], [0x58, 0x6d, 0x8f], [0x68, 0x7f, 0x74], [0xbc, 0x67, 0x1c],
    [0xd0, 0xc7, 0x89],
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::makers::by_spelling;

    #[test]
    fn every_user_agent_seen_in_the_field_is_read() {
        for (text, model, firmware, mac) in [
            ("Linksys/SPA-942-6.1.5(a) (88019FA42805)", "SPA942", "6.1.5(a)", None),
            ("Linksys/SPA-962-6.1.5(a) (4MM00F903042)", "SPA962", "6.1.5(a)", None),
            ("Cisco/SPA501G-7.4.4 (8843E157DDCC)(CBT141100HR)", "SPA501G", "7.4.4", Some("8843E157DDCC")),
            ("Cisco/SPA508G-7.4.4 (0002FDFF2103)(CBT141400UK)", "SPA508G", "7.4.4", Some("0002FDFF2103")),
            ("Cisco/SPA508G-7.4.8a (0002FDFF2103)(CBT141400UK)", "SPA508G", "7.4.8a", Some("0002FDFF2103")),
            ("Cisco/SPA525G-7.4.4 (CBT141900G7)", "SPA525G", "7.4.4", None),
            ("Cisco/SPA525G2-7.4.4 (CBT141900G7)", "SPA525G2", "7.4.4", None),
            ("Cisco/ATA191-MPP-11-1-0-MSR4 (FCH2443D9R4)", "ATA191", "11-1-0-MSR4", None),
            ("Cisco-CP-7832-3PCC/11.0.1 (00562b043615)", "7832", "11.0.1", Some("00562b043615")),
            ("Cisco-CP-8841-3PCC/11.0 (00562b043615)", "8841", "11.0", Some("00562b043615")),
            ("Cisco-CP-8851-3PCC/11.3.7MSR2-1 (FCH2443D9R4)", "8851", "11.3.7MSR2-1", None),
        ] {
            let found = Cisco.user_agent(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((found.model.as_str(), found.firmware.as_deref()), (model, Some(firmware)), "{text}");
            assert_eq!(found.mac, mac.map(|mac| mac.parse().unwrap()), "{text}");
            assert!(by_spelling("cisco", model).is_some(), "{text}");
        }
        for text in ["curl/7.88.1", "Cisco/", "Yealink SIP-T46G 28.71.0.81 00:15:65:aa:bb:cc"] {
            assert_eq!(Cisco.user_agent(text), None, "{text}");
        }
    }

    fn meaning(file: &str) -> Option<(Option<MacAddr>, Meaning)> {
        Cisco.reading(file).map(|reading| (reading.mac, reading.meaning))
    }

    #[test]
    fn files_of_a_model_are_public_whatever_their_case() {
        for (expected, files) in [
            (SPA, &["spa504G.cfg", "spa504g.cfg", "spa525G2.cfg", "spa301.cfg", "spa942.cfg", "spa2102.cfg"][..]),
            (SPA, &["spa8000.cfg", "spa112.cfg", "spa122.cfg", "SPA122.cfg", "init.cfg", "INIT.CFG"]),
            (ATA, &["spa191.cfg", "spa192.cfg", "ata191.cfg", "ATA192.cfg"]),
            (MPP, &["8841-3PCC.xml", "6841-3pcc.xml", "7861.xml", "V03.xml", "8875.xml", "8832NR-3PCC.xml"]),
            (MPP, &["CP-8841-3PCC.xml", "CP-8841-3PCC.cfg", "cp-7832-3pcc.cfg"]),
        ] {
            for file in files {
                assert_eq!(meaning(file), Some((None, expected)), "{file}");
            }
        }
    }

    #[test]
    fn every_other_file_name_has_a_decided_answer() {
        let mac = "00562b043615".parse().ok();
        for (file, expected) in [
            ("00562b043615.xml", Some((mac, Meaning::Device { hand_over: None }))),
            ("00562B043615.xml", Some((mac, Meaning::Device { hand_over: None }))),
            ("00562b043615.cfg", Some((mac, Meaning::Device { hand_over: None }))),
            ("CTLSEP00562B043615.tlv", Some((mac, Meaning::Absent))),
            ("ITLSEP00562B043615.tlv", Some((mac, Meaning::Absent))),
            ("SEP00562B043615.cnf.xml", Some((mac, Meaning::Absent))),
            ("sep00562b043615.cnf.xml", Some((mac, Meaning::Absent))),
            ("SEP00562B043615.cnf.xml.sgn", Some((mac, Meaning::Absent))),
            ("SEP00562B043615.cnf.xml.enc.sgn", Some((mac, Meaning::Absent))),
            ("Communicator\\SEP00562B043615.cnf.xml", Some((mac, Meaning::Absent))),
            ("ATA00562B043615.cnf.xml", Some((mac, Meaning::Absent))),
            ("ATAD1EC35043601.cnf.xml", Some((None, Meaning::Absent))),
            ("SIP00562B043615.cnf", Some((mac, Meaning::Absent))),
            ("ITLFile.tlv", Some((None, Meaning::Absent))),
            ("CTLFile.tlv", Some((None, Meaning::Absent))),
            ("XMLDefault.cnf.xml", Some((None, Meaning::Absent))),
            ("SIPDefault.cnf", Some((None, Meaning::Absent))),
            ("dialplan.xml", Some((None, Meaning::Absent))),
            ("ringlist.xml", Some((None, Meaning::Absent))),
            ("Ringlist-wb.xml", Some((None, Meaning::Absent))),
            ("RINGLIST.DAT", Some((None, Meaning::Absent))),
            ("DISTINCTIVERINGLIST.XML", Some((None, Meaning::Absent))),
            ("OS79XX.TXT", Some((None, Meaning::Absent))),
            ("syncinfo.xml", Some((None, Meaning::Absent))),
            ("sip88xx.12-0-7MPP0201-66.loads", None),
            ("rootfs88xx.12-0-7MPP0201-66.sbn", None),
            ("sip8845.sgn", None),
            ("88411-3PCC.xml", None),
            ("spa_504.cfg", None),
            ("000000000000.xml", None),
            ("", None),
        ] {
            assert_eq!(meaning(file), expected, "{file}");
        }
    }

    #[test]
    fn each_family_has_its_template() {
        for (model, template) in [("8841", "cisco/mpp.xml"), ("ATA192", "cisco/ata.xml"), ("504G", "cisco/spa.xml")] {
            assert_eq!(Cisco.device_template(by_spelling("cisco", model).unwrap()), template);
        }
    }
}
