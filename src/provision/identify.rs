//! Which phone is this, and which file does it want? From path and User-Agent, as the makers' dossiers say. Nothing
//! here proves anything but the certificate, which was judged before.

use super::credentials::Credentials;
use super::password::Password;
use super::request::{ClientCertificate, Path, Request};
use crate::config::Firmware;
use crate::inventory::event::Plane;
use crate::inventory::mac::MacAddr;
use crate::inventory::secret::TokenHash;
use crate::makers::{self, Challenged, Maker, Meaning, Reading, UserAgent};

/// Who seems to ask, and for what.
#[derive(Debug)]
pub struct Identity {
    /// What is wanted.
    pub asked: Asked,
    /// The file's name without folders and tokens, for records; empty if the path made no sense.
    pub file: String,
    /// The token that was shown, hashed.
    pub token: Option<TokenHash>,
    /// The user name and password that were shown.
    pub credentials: Option<Credentials>,
    /// What they are worth, once that is judged.
    pub password: Password,
    /// What the phone says of itself.
    pub agent: Option<(&'static dyn Maker, UserAgent)>,
    /// What its certificate shows.
    pub certificate: ClientCertificate,
}

/// What is wanted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Asked {
    /// Our authority's certificate.
    Authority(AuthorityForm),
    /// A file of the firmware index, by its path there.
    Firmware(String),
    /// Nothing a phone can have.
    Nothing,
    /// A file of one phone, in the reading of each maker that has such names.
    OfPhone {
        /// The phone.
        mac: MacAddr,
        /// What each maker means by the name.
        readings: Vec<(&'static str, Meaning)>,
    },
    /// A public file.
    Public {
        /// Whose.
        maker: &'static str,
        /// Template over TFTP and HTTP.
        hand_over: &'static str,
        /// Template over HTTPS.
        neutral: &'static str,
    },
}

/// The forms our authority's certificate is given in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AuthorityForm {
    /// `ztpd-ca.der`
    Der,
    /// `ztpd-ca.pem`
    Pem,
}

impl Identity {
    /// The phone the request names, by file or else by User-Agent.
    pub fn mac(&self) -> Option<MacAddr> {
        match &self.asked {
            Asked::OfPhone { mac, .. } => Some(*mac),
            _ => self.agent.as_ref().and_then(|(_, agent)| agent.mac),
        }
    }

    /// The maker the phone seems to be from: by its own word, by the file's name, by its address.
    pub fn maker(&self) -> Option<&'static dyn Maker> {
        let by_file = match &self.asked {
            Asked::Public { maker, .. } => makers::by_id(maker),
            _ => None,
        };
        let agent = self.agent.as_ref().map(|(maker, _)| *maker);
        agent.or(by_file).or_else(|| makers::by_oui(self.mac()?.oui()))
    }

    /// Whether a phone of this maker is asked for its password: by its range of addresses or its own word, never by
    /// the inventory, so that all phones of a maker see the same (Z17).
    pub fn is_challenged(&self) -> bool {
        let by_range = self.mac().and_then(|mac| makers::by_oui(mac.oui()));
        let by_agent = self.agent.as_ref().map(|(maker, _)| *maker);
        by_range.into_iter().chain(by_agent).any(|maker| maker.challenged() == Challenged::Digest)
    }

    /// Whether anything was shown that only the phone should have.
    pub fn shows_something(&self) -> bool {
        self.token.is_some() || self.password != Password::None
    }

    /// Whether the file's name and the phone's own word speak of two phones.
    pub fn contradicts_itself(&self) -> bool {
        let named = match &self.asked {
            Asked::OfPhone { mac, .. } => Some(*mac),
            _ => None,
        };
        let said = self.agent.as_ref().and_then(|(_, agent)| agent.mac);
        matches!((named, said), (Some(named), Some(said)) if named != said)
    }
}

/// Reads path and User-Agent.
pub fn identify(request: &Request, firmware: &Firmware) -> Identity {
    let agent = request.user_agent.as_deref().filter(|text| text.len() <= 512).and_then(makers::by_user_agent);
    let certificate = request.certificate.clone();
    let credentials = request.authorization.as_ref().and_then(|value| Credentials::parse(value.reveal()));
    let password = Password::None;
    let Ok(path) = Path::parse(&request.target, request.plane) else {
        let (asked, file) = (Asked::Nothing, String::new());
        return Identity { asked, file, token: None, credentials, password, agent, certificate };
    };
    let token = path.token.as_deref().map(TokenHash::of);
    let says = agent.as_ref().map(|(maker, says)| (maker.id(), says.mac.filter(|_| carries_secrets(request.plane))));
    let asked = asked(&path, says, firmware);
    Identity { asked, file: path.file().to_owned(), token, credentials, password, agent, certificate }
}

/// `agent`: the maker that the User-Agent speaks of, and the phone if it may have its own file this way.
fn asked(path: &Path, agent: Option<(&'static str, Option<MacAddr>)>, firmware: &Firmware) -> Asked {
    let file = path.file();
    let readings: Vec<(&'static str, Reading)> =
        makers::MAKERS.iter().filter_map(|maker| Some((maker.id(), maker.reading(file)?))).collect();
    let public = |(maker, reading): &(&'static str, Reading)| match reading.meaning {
        Meaning::Public { hand_over, neutral } | Meaning::OwnOrPublic { hand_over, neutral } => {
            Some(Asked::Public { maker, hand_over, neutral })
        }
        _ => None,
    };
    let by_agent = readings.iter().find(|(maker, _)| agent.is_some_and(|(agent, _)| agent == *maker));
    if let (Some((maker, reading)), Some((_, Some(mac)))) = (by_agent, agent)
        && matches!(reading.meaning, Meaning::OwnOrPublic { .. })
    {
        return Asked::OfPhone { mac, readings: vec![(maker, reading.meaning)] };
    }
    let of_agent = by_agent.and_then(public);
    if let Some(asked) = of_agent.or_else(|| readings.iter().find_map(public)) {
        return asked;
    }
    if let Some(mac) = readings.iter().find_map(|(_, reading)| reading.mac) {
        let readings = readings.into_iter().filter(|(_, reading)| reading.mac == Some(mac));
        return Asked::OfPhone { mac, readings: readings.map(|(maker, reading)| (maker, reading.meaning)).collect() };
    }
    if !readings.is_empty() {
        return Asked::Nothing;
    }
    match file.to_ascii_lowercase().as_str() {
        "ztpd-ca.pem" => Asked::Authority(AuthorityForm::Pem),
        "ztpd-ca.der" => Asked::Authority(AuthorityForm::Der),
        _ if firmware.contains(&path.whole) => Asked::Firmware(path.whole.clone()),
        _ if firmware.contains(file) => Asked::Firmware(file.to_owned()),
        _ => Asked::Nothing,
    }
}

/// Whether secrets may travel this way at all (policy D1, D3).
pub fn carries_secrets(plane: Plane) -> bool {
    plane == Plane::Https
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provision::request::Method;

    fn identity(target: &str, user_agent: Option<&str>) -> Identity {
        let request = Request {
            plane: Plane::Https,
            method: Method::Get,
            target: target.to_owned(),
            user_agent: user_agent.map(str::to_owned),
            authorization: None,
            peer: [127, 0, 0, 1].into(),
            local: ([127, 0, 0, 1], 8443).into(),
            time: jiff::Timestamp::UNIX_EPOCH,
            certificate: ClientCertificate::None,
            proxied_tls: None,
        };
        identify(&request, &Firmware::default())
    }

    #[test]
    fn the_file_names_the_phone_and_its_own_word_may_contradict() {
        let agent = "Yealink SIP-T46U 108.86.0.20 80:5e:c0:11:22:33";
        let same = identity("/t/TOK/805ec0112233.cfg", Some(agent));
        assert_eq!(same.mac(), "805ec0112233".parse().ok());
        assert!(!same.contradicts_itself() && same.token.is_some());
        assert!(identity("/805ec0112234.cfg", Some(agent)).contradicts_itself());
        assert_eq!(identity("/y000000000108.cfg", Some(agent)).mac(), "805ec0112233".parse().ok());
    }

    #[test]
    fn what_no_phone_asks_for_is_nothing() {
        for target in ["/", "/index.html", "/t/", "/../x", "/805ec0112233_Security.enc"] {
            assert_eq!(identity(target, None).asked, Asked::Nothing, "{target}");
        }
        assert_eq!(identity("/ztpd-ca.PEM", None).asked, Asked::Authority(AuthorityForm::Pem));
    }
}
