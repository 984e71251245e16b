//! How does each maker spell it? File names, User-Agents, formats and habits, one maker per file, as its dossier of
//! public manuals and observations says. `[u]` in the makers' docs marks what no source confirmed.

mod authorities;
mod certificate;
mod cisco;
pub mod dhcp;
mod gigaset;
mod grandstream;
mod models;
mod poly;
mod snom;
mod yealink;

use std::fmt;

pub use authorities::{KnownAuthority, known_authorities, known_authority};
pub use certificate::{COMMON_NAME, CertificateRule, SubjectField};
pub use models::{Model, by_full_name, by_spelling, model, models};

use crate::inventory::device::MakerId;
use crate::inventory::mac::{MacAddr, Oui};
use crate::inventory::period::Period;
use crate::inventory::secret::TokenLength;

/// One maker of phones.
pub trait Maker: Sync {
    /// Its folder of templates and its name in the API: `yealink`.
    fn id(&self) -> &'static str;
    /// Its name for people.
    fn name(&self) -> &'static str;
    /// Other names the trade knows it by, as other systems' exports have them.
    fn brands(&self) -> &'static [&'static str] {
        &[]
    }
    /// Ranges of MAC addresses its phones have been seen with. A hint, never a credential.
    fn ouis(&self) -> &'static [[u8; 3]];
    /// What a User-Agent of its phones says.
    fn user_agent(&self, text: &str) -> Option<UserAgent>;
    /// What its phones mean by a file name (the last part of the path); `None`: they never ask for it.
    fn reading(&self, file: &str) -> Option<Reading>;
    /// The files with secrets or gates that one phone asks for, in its order.
    fn files(&self, mac: MacAddr, model: &Model) -> Vec<String>;
    /// The template of the device file for a model.
    fn device_template(&self, model: &Model) -> &'static str;
    /// The format of a template of this maker.
    fn format(&self) -> Format;
    /// What HTTP calls the answer to a file.
    fn content_type(&self, file: &str) -> &'static str;
    /// How often an unclaimed phone asks again, once it has the hand-over.
    fn unclaimed_poll(&self) -> Period;
    /// Whether the hand-over turns DHCP off, so that a phone sent to a dead URL would be lost (Z12).
    fn sticky(&self) -> Stickiness;
    /// What the certificates say that are built into its phones; `None`: not known, so they prove nothing.
    fn certificate(&self) -> Option<CertificateRule> {
        None
    }
    /// Whether its phones show a password only when they are asked for one, and ask nobody for it (Z17).
    fn challenged(&self) -> Challenged {
        Challenged::Never
    }
    /// Whether its phones start anew when this line of their file changes; `None`: no source says.
    fn restarts(&self, _line: &str) -> Option<bool> {
        None
    }
    /// How long its URL fields are (Z18).
    fn token_length(&self) -> TokenLength {
        TokenLength::Full
    }
    /// The value of the setting `language` as its phones spell it.
    fn language(&self, code: &str) -> &'static str;
}

/// Whether a hand-over can be undone by the network.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stickiness {
    /// DHCP leads the phone back at every boot.
    DhcpWins,
    /// The phone keeps the URL of the hand-over, whatever DHCP says.
    KeepsUrl,
}

/// Whether phones without proof are asked for a password, where passwords count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Challenged {
    /// With 401 and Digest.
    Digest,
    /// Never: the phone would show the question to people, so a missing file is all it hears.
    Never,
}

/// What a template's text is, and so how values are escaped in it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Format {
    /// `key = value` lines without quoting: a value that could break a line is refused.
    KeyValue,
    /// XML 1.0.
    Xml,
}

/// What a phone says of itself.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct UserAgent {
    /// Its model as it spells it.
    pub model: String,
    /// Its firmware.
    pub firmware: Option<String>,
    /// Its MAC, if it says so.
    pub mac: Option<MacAddr>,
}

/// What a maker's phones mean by a file name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reading {
    /// The phone it names, if any.
    pub mac: Option<MacAddr>,
    /// What it is.
    pub meaning: Meaning,
}

/// What kind of file a name is (ZERO-TOUCH words: public, gate, device, sidecar).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Meaning {
    /// Asked by habit, never given: a fast, clean 404 is the right answer.
    Absent,
    /// The phone's own settings, with secrets. `hand_over`: what TFTP and HTTP answer under this name, for makers
    /// whose phones ask for nothing else.
    Device {
        /// Template answered over TFTP and HTTP.
        hand_over: Option<&'static str>,
    },
    /// Names the phone's own files; no secret, but a proof is needed.
    Gate {
        /// Its template.
        template: &'static str,
    },
    /// The phone's own settings when it proves itself, else the same for everybody: for phones whose one file has a
    /// name that names no phone; their User-Agent does (Z11).
    OwnOrPublic {
        /// Template answered over TFTP and HTTP.
        hand_over: &'static str,
        /// Template answered over HTTPS, and everywhere while the hand-over is parked.
        neutral: &'static str,
    },
    /// The same for everybody and without secrets.
    Public {
        /// Template answered over TFTP and HTTP.
        hand_over: &'static str,
        /// Template answered over HTTPS, and everywhere while the hand-over is parked.
        neutral: &'static str,
    },
    /// What the phone itself once uploaded; not kept here, and its absence is normal.
    Sidecar,
}

/// Every maker there is, by id.
pub const MAKERS: &[&dyn Maker] =
    &[&cisco::Cisco, &gigaset::Gigaset, &grandstream::Grandstream, &poly::Poly, &snom::Snom, &yealink::Yealink];

/// How long a claim window must stay open to be found by phones of any maker.
pub fn least_window_of_all() -> Period {
    MAKERS.iter().map(|maker| maker.least_window()).max().unwrap_or(Period::minutes(15))
}

/// The maker of that id.
pub fn by_id(id: &str) -> Option<&'static dyn Maker> {
    MAKERS.iter().copied().find(|maker| maker.id() == id)
}

/// The maker that any of its names means; letter case, spaces and dashes do not matter.
pub fn by_brand(text: &str) -> Option<&'static dyn Maker> {
    let wanted = models::folded(text);
    let names = |maker: &&'static dyn Maker| {
        let names = maker.brands().iter().copied().chain([maker.id(), maker.name()]);
        names.map(models::folded).collect::<Vec<_>>()
    };
    MAKERS.iter().copied().find(|maker| names(maker).contains(&wanted))
}

/// The maker whose range a MAC is from, as far as is known.
pub fn by_oui(oui: Oui) -> Option<&'static dyn Maker> {
    MAKERS.iter().copied().find(|maker| maker.ouis().contains(&oui.0))
}

/// The maker a User-Agent speaks of, and what it says.
pub fn by_user_agent(text: &str) -> Option<(&'static dyn Maker, UserAgent)> {
    MAKERS.iter().copied().find_map(|maker| Some((maker, maker.user_agent(text)?)))
}

impl dyn Maker {
    /// Its id as the inventory has it.
    pub fn maker_id(&self) -> Option<MakerId> {
        self.id().parse().ok()
    }

    /// How long a claim window must stay open at the least: two of its unclaimed phones' polls (Z10).
    pub fn least_window(&self) -> Period {
        Period::seconds(self.unclaimed_poll().as_seconds().saturating_mul(2))
    }

    /// How long a claim window stays open that an operator opens without saying how long (policy D9).
    pub fn usual_window(&self) -> Period {
        Period::minutes(15).max(self.least_window())
    }
}

impl fmt::Debug for dyn Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl PartialEq for dyn Maker {
    fn eq(&self, other: &dyn Maker) -> bool {
        self.id() == other.id()
    }
}

impl Reading {
    /// A file that names no phone.
    fn of_all(meaning: Meaning) -> Option<Reading> {
        Some(Reading { mac: None, meaning })
    }

    /// A file of one phone, if the digits are a MAC.
    fn of_phone(digits: &str, meaning: Meaning) -> Option<Reading> {
        Some(Reading { mac: Some(MacAddr::from_plain(digits).ok()?), meaning })
    }
}

/// What is left of a name after its first twelve characters, if these can be a MAC: `(digits, rest)`.
fn split_mac(name: &str) -> Option<(&str, &str)> {
    let (digits, rest) = name.split_at_checked(12)?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some((digits, rest))
}

/// Looks a language up in a maker's list of `(code, spelling)`; English where the maker has no such language.
fn spelling_of(languages: &'static [(&'static str, &'static str)], code: &str) -> &'static str {
    let of = |code: &str| languages.iter().find(|(known, _)| *known == code).map(|(_, spelling)| *spelling);
    of(code).or_else(|| of("en")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makers_are_listed_by_id_and_none_twice() {
        assert!(MAKERS.windows(2).all(|pair| pair[0].id() < pair[1].id()));
    }

    #[test]
    fn no_range_of_addresses_is_claimed_twice() {
        let mut seen = std::collections::BTreeMap::new();
        for maker in MAKERS {
            for oui in maker.ouis() {
                assert_eq!(seen.insert(oui, maker.id()), None, "{oui:02x?}");
            }
        }
    }

    #[test]
    fn every_model_has_a_maker_and_its_templates_a_name() {
        for model in models() {
            let maker = by_id(&model.maker).unwrap_or_else(|| panic!("{} has no maker {}", model.model, model.maker));
            assert!(maker.device_template(model).starts_with(&format!("{}/", maker.id())));
        }
    }
}
