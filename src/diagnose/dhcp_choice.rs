//! Where will this maker's phones go with that answer? The option that wins, the URL that comes of it, and whether that is
//! this server. Pure: a message and a family in, a choice out.

use std::net::{IpAddr, Ipv4Addr};

use serde::Serialize;

use super::code::Code;
use super::dhcp_options::{Message, SubOption, Value, shown};
use super::here::{Here, Verdict};
use super::target::{NoTarget, Target};
use crate::inventory::mac::MacAddr;
use crate::makers;
use crate::makers::dhcp::{Completion, Family, FileOption, Form, Scheme, Source, Vlan};

/// What the phones of a family make of an answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Choice {
    /// Whose phones.
    pub family: &'static str,
    /// Their maker's folder name.
    pub maker: &'static str,
    /// The option that wins.
    pub option: Option<u8>,
    /// The server and folder or file it leads to.
    pub url: Option<Target>,
    /// What is asked for first.
    pub first_request: Option<String>,
    /// Further addresses, tried after the first.
    pub fallback: Vec<Ipv4Addr>,
    /// Options that name a server too and are not looked at.
    pub passed_over: Vec<u8>,
    /// The voice VLAN it learns.
    pub vlan: Option<u16>,
    /// Whether the URL is this server.
    pub verdict: Verdict,
    /// What is wrong.
    pub faults: Vec<ChoiceFault>,
    /// What is not certain, or good to know.
    pub notes: Vec<String>,
}

/// Why phones will not come up with an answer. Each has a stable code.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ChoiceFault {
    /// A host without scheme, for phones that then speak FTP.
    #[error("option {option} names no scheme, and these phones then speak FTP: write the whole URL, such as {url}")]
    BareAddressMeansFtp {
        /// The option.
        option: u8,
        /// What it should say.
        url: String,
    },
    /// A file no phone of that maker is given here.
    #[error("it names the file {file:?}, which this server gives to no {maker} phone: end the URL in a slash{}", and_67(.option_67))]
    FileNotServed {
        /// The file.
        file: String,
        /// Whose phones.
        maker: &'static str,
        /// Whether option 67 says so.
        option_67: bool,
    },
    /// Another server.
    #[error("option {option} leads to {host}, which is not this server")]
    LedElsewhere {
        /// The option.
        option: u8,
        /// Where to.
        host: String,
    },
    /// This server, but a protocol or port it does not answer.
    #[error("{}", not_spoken(*.scheme, *.port, .ports))]
    NotSpoken {
        /// The protocol.
        scheme: Scheme,
        /// The port.
        port: u16,
        /// Where this server speaks it.
        ports: Vec<u16>,
    },
    /// Neither host nor URL.
    #[error("option {option} is {text:?}, which {why}")]
    Unreadable {
        /// The option.
        option: u8,
        /// What it says.
        text: String,
        /// What is wrong with it.
        why: NoTarget,
    },
}

fn and_67(option_67: &bool) -> &'static str {
    if *option_67 { ", and leave option 67 out" } else { "" }
}

fn not_spoken(scheme: Scheme, port: u16, ports: &[u16]) -> String {
    let word = scheme.word();
    match ports {
        [] => format!("it is asked by {word}, which this server does not speak"),
        [known, ..] => format!("it is asked by {word} on port {port}; this server listens on {known}"),
    }
}

impl ChoiceFault {
    /// A stable word for it: what programs compare.
    pub fn code(&self) -> Code {
        match self {
            ChoiceFault::BareAddressMeansFtp { .. } => Code::BareAddressMeansFtp,
            ChoiceFault::FileNotServed { .. } => Code::FileNotServed,
            ChoiceFault::LedElsewhere { .. } => Code::LedElsewhere,
            ChoiceFault::NotSpoken { scheme: Scheme::Http, ports, .. } if ports.is_empty() => Code::HttpOptionButOff,
            ChoiceFault::NotSpoken { .. } => Code::ProtocolNotSpoken,
            ChoiceFault::Unreadable { .. } => Code::OptionUnreadable,
        }
    }
}

impl Serialize for ChoiceFault {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut fields = serializer.serialize_struct("ChoiceFault", 2)?;
        fields.serialize_field("code", &self.code())?;
        fields.serialize_field("message", &self.to_string())?;
        fields.end()
    }
}

/// What one source says, before it is read as a place.
enum Said {
    Addresses(Vec<Ipv4Addr>),
    Text(String, Scheme),
}

/// What a family's phones do with a server's answer.
pub fn choose(family: &'static Family, answer: &Message, mac: Option<MacAddr>, here: &Here) -> Choice {
    let mut choice = Choice {
        family: family.name,
        maker: family.maker,
        option: None,
        url: None,
        first_request: None,
        fallback: Vec::new(),
        passed_over: Vec::new(),
        vlan: family.vlan.and_then(|vlan| voice_vlan(vlan, answer)),
        verdict: Verdict::Unknown,
        faults: Vec::new(),
        notes: Vec::new(),
    };
    let mut named = family.sources.iter().filter_map(|source| Some((source, said(source, answer)?)));
    let Some((source, said)) = named.next() else {
        choice.notes.push(format!("no option it reads names a server: it {}", family.otherwise));
        return choice;
    };
    let option = source.form.option();
    choice.option = Some(option);
    choice.passed_over = named.map(|(source, _)| source.form.option()).filter(|code| *code != option).collect();
    choice.passed_over.dedup();
    let doubts = source.doubt.iter().chain(family.doubts);
    choice.notes.extend(doubts.map(|doubt| format!("not certain: {doubt}")));
    choice.follow(family, source, said, answer);
    choice.complete(family, mac, source, answer);
    choice.judge(here);
    choice
}

impl Choice {
    /// From what the winning option says to a place.
    fn follow(&mut self, family: &Family, source: &Source, said: Said, answer: &Message) {
        let option = source.form.option();
        match said {
            Said::Addresses(addresses) => {
                let mut addresses = addresses.into_iter();
                self.url = addresses.next().map(|first| Target::address(IpAddr::V4(first), source.bare));
                self.fallback = addresses.collect();
            }
            Said::Text(text, bare) => match Target::read(&with_domain(family, &text, answer), bare) {
                Ok(target) => {
                    let is_bare = !text.contains("://");
                    let doubt = family.bare_doubt.filter(|_| is_bare);
                    self.notes.extend(doubt.map(|doubt| format!("not certain: {doubt}")));
                    if bare == Scheme::Ftp && is_bare {
                        let url = Target { scheme: Scheme::Https, ..target.clone() }.to_string();
                        self.faults.push(ChoiceFault::BareAddressMeansFtp { option, url: format!("{url}/") });
                    }
                    self.url = Some(target);
                }
                Err(why) => self.faults.push(ChoiceFault::Unreadable { option, text: shown(&text), why }),
            },
        }
    }

    /// From a place to the first file that is asked for.
    fn complete(&mut self, family: &Family, mac: Option<MacAddr>, source: &Source, answer: &Message) {
        let Some(url) = &mut self.url else { return };
        let file_67 = answer.text(67).filter(|file| source.file_option == FileOption::Read && !file.is_empty());
        if let Some(file) = file_67.filter(|_| url.path.is_empty() || url.path.ends_with('/')) {
            *url = url.at(&format!("{}{file}", url.path));
        }
        let file = named_file(family.completion, &url.path);
        if let Some(file) = file.filter(|file| !is_known(family.maker, file)) {
            let (file, option_67) = (shown(&file), file_67 == Some(&file));
            self.faults.push(ChoiceFault::FileNotServed { file, maker: family.name, option_67 });
        }
        let asked = match named_file(family.completion, &url.path) {
            Some(_) => url.clone(),
            None => {
                let folder = folder(family.completion, &url.path).trim_end_matches('/').to_owned();
                *url = url.at(&format!("{folder}/"));
                url.at(&format!("{folder}/{}", own(family.first_file, mac)))
            }
        };
        self.first_request = Some(asked.to_string());
    }

    fn judge(&mut self, here: &Here) {
        let (Some(url), Some(option)) = (&self.url, self.option) else { return };
        self.verdict = here.judge(url);
        match self.verdict {
            Verdict::Elsewhere => self.faults.push(ChoiceFault::LedElsewhere { option, host: url.host.clone() }),
            Verdict::OtherName => self.notes.push(format!("{} is not looked up: whether it is this server", url.host)),
            Verdict::Here if !here.speaks(url.scheme, url.port()) => {
                let ports = here.ports(url.scheme).unwrap_or_default();
                self.faults.push(ChoiceFault::NotSpoken { scheme: url.scheme, port: url.port(), ports });
            }
            Verdict::Here if url.scheme == Scheme::Https => {
                self.notes.push("HTTPS at once: it must trust our certificate as it leaves the factory".to_owned());
            }
            Verdict::Here | Verdict::Unknown => {}
        }
    }
}

/// What stands at a source, if anything.
fn said(source: &Source, answer: &Message) -> Option<Said> {
    let value = answer.value(source.form.option())?;
    let text = |text: &str| Some(Said::Text(text.to_owned(), source.bare));
    match (source.form, value) {
        (Form::Addresses(_), Value::Addresses(addresses)) if !addresses.is_empty() => {
            Some(Said::Addresses(addresses.clone()))
        }
        (Form::Addresses(_), Value::Text(said)) => text(said),
        (Form::Text(_), Value::Text(said)) if !said.is_empty() => text(said),
        (Form::Text(_), Value::Addresses(addresses)) if !addresses.is_empty() => {
            Some(Said::Addresses(addresses.clone()))
        }
        (Form::Vendor, Value::Text(said)) => text(said),
        (Form::Vendor, Value::SubOptions(subs)) => {
            let url = subs.iter().filter_map(SubOption::text).find(|text| text.contains("://"))?;
            text(&url)
        }
        (Form::SubOption(code), Value::SubOptions(subs)) => text(&subs.iter().find(|sub| sub.code == code)?.text()?),
        (Form::Pairs(_), Value::Text(pairs)) => from_pairs(pairs),
        _ => None,
    }
}

/// The pair of that name, in `NAME=value,NAME=value`.
fn pair<'a>(pairs: &'a str, name: &str) -> Option<&'a str> {
    let mut named = pairs.split(',').filter_map(|pair| pair.split_once('='));
    named.find(|(known, _)| known.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

fn from_pairs(pairs: &str) -> Option<Said> {
    let (host, folder, scheme) = match (pair(pairs, "TLSSRVR"), pair(pairs, "HTTPSRVR")) {
        (Some(host), _) => (host, pair(pairs, "TLSDIR"), Scheme::Https),
        (None, Some(host)) => (host, pair(pairs, "HTTPDIR"), Scheme::Http),
        (None, None) => return None,
    };
    let folder = folder.map(|folder| format!("/{}", folder.trim_start_matches('/'))).unwrap_or_default();
    Some(Said::Text(format!("{host}{folder}"), scheme))
}

/// Gigaset joins a bare name with the domain of option 15.
fn with_domain(family: &Family, text: &str, answer: &Message) -> String {
    let bare = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    match answer.text(15).filter(|domain| family.maker == "gigaset" && bare && !domain.is_empty()) {
        Some(domain) => format!("{text}.{domain}"),
        None => text.to_owned(),
    }
}

/// The file that a path names, for phones that take it so.
fn named_file(completion: Completion, path: &str) -> Option<String> {
    let last = path.rsplit('/').next().filter(|last| !last.is_empty())?;
    match completion {
        Completion::Directory => None,
        Completion::Cfg => (last.len() >= 5 && last.to_ascii_lowercase().ends_with(".cfg")).then(|| last.to_owned()),
        Completion::File => Some(last.to_owned()),
        Completion::Pair => last.split_once(';').map(|(_, file)| file.to_owned()).filter(|file| !file.is_empty()),
    }
}

/// The folder that a path without a file is; AudioCodes may name a firmware image behind it.
fn folder(completion: Completion, path: &str) -> &str {
    let path = path.split([';', '?']).next().unwrap_or_default();
    match path.rsplit_once('/') {
        Some((folder, image)) if completion == Completion::Pair && image.ends_with(".img") => folder,
        _ => path,
    }
}

/// Whether this server knows such a name; makers without templates are not judged, nor are names with macros.
fn is_known(maker: &str, file: &str) -> bool {
    let Some(maker) = makers::by_id(maker) else { return true };
    file.contains(['$', '{', '%', '<']) || maker.reading(file).is_some()
}

/// The first file of one phone.
fn own(file: &str, mac: Option<MacAddr>) -> String {
    match mac {
        Some(mac) => file.replace("<mac>", &mac.plain()).replace("<MAC>", &mac.upper()),
        None => file.to_owned(),
    }
}

fn voice_vlan(vlan: Vlan, answer: &Message) -> Option<u16> {
    let valid = |id: u32| u16::try_from(id).ok().filter(|id| (1..=4094).contains(id));
    match vlan {
        Vlan::Pairs(code) => valid(pair(answer.text(code)?, "L2QVLAN")?.parse().ok()?),
        Vlan::Number(code) => match answer.value(code)? {
            Value::Text(text) => valid(text.trim().parse().ok()?),
            Value::Bytes(octets) if (1..=4).contains(&octets.len()) => {
                valid(octets.iter().fold(0u32, |id, octet| id << 8 | u32::from(*octet)))
            }
            _ => None,
        },
        Vlan::VlanA(code) => {
            let text = answer.text(code)?;
            let digits = text.split_once("VLAN-A=")?.1.split([';', ',', '+']).next()?.trim();
            valid(match digits {
                _ if digits.starts_with("0x") => u32::from_str_radix(digits.get(2..)?, 16).ok()?,
                _ if digits.starts_with('0') && digits.len() > 1 => u32::from_str_radix(digits, 8).ok()?,
                _ => digits.parse().ok()?,
            })
        }
    }
}

#[cfg(test)]
mod tests;
