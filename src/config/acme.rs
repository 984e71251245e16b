//! Who gives us our certificate by itself? An ACME server (RFC 8555), for these names.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use hyper::Uri;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::file::ConfigFile;
use super::public_url::PublicUrl;
use crate::inventory::sip::Host;

/// The keys of `[acme]`.
pub const KEYS: &[&str] = &["authority", "challenge", "contact", "directory", "key", "names", "terms_agreed"];

/// An ACME server and what it is asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Acme {
    /// Where the server says what it can do.
    pub directory: Directory,
    /// Whom the server may write to: e-mail addresses.
    pub contact: Vec<String>,
    /// The names of the certificate, the one that phones are told first.
    pub names: Vec<String>,
    /// How it is shown that they are ours.
    pub challenge: Challenge,
    /// The kind of the certificate's key.
    pub key: KeyKind,
    /// Who vouches for the server itself, as PEM; `None`: the public authorities.
    pub authority: Option<PathBuf>,
}

/// How it is shown that names are ours.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
pub enum Challenge {
    /// By a file over plain HTTP, port 80 (RFC 8555 §8.3).
    #[serde(rename = "http-01")]
    Http01,
    /// By a certificate over TLS, port 443 (RFC 8737).
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
}

/// The kind of the certificate's key.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
pub enum KeyKind {
    /// For phones of the last years only.
    #[serde(rename = "ecdsa-p256")]
    EcdsaP256,
    /// For phones of every age (Z14).
    #[serde(rename = "rsa-2048")]
    Rsa2048,
}

/// The `https://` URL of an ACME directory.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Directory(Uri);

/// A text is no such URL.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("is no https:// URL of an ACME directory")]
pub struct DirectoryError;

impl FromStr for Directory {
    type Err = DirectoryError;

    fn from_str(text: &str) -> Result<Directory, DirectoryError> {
        let uri: Uri = text.parse().map_err(|_| DirectoryError)?;
        let whole = uri.scheme_str() == Some("https") && uri.host().is_some_and(|host| !host.is_empty());
        if whole { Ok(Directory(uri)) } else { Err(DirectoryError) }
    }
}

impl fmt::Display for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Directory {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Directory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Directory, D::Error> {
        crate::inventory::text::parsed(deserializer)
    }
}

/// What the file wishes of an ACME server; `None`: nothing. `public_url` is what phones are told; `own`: the operator has
/// brought a certificate.
pub(super) fn acme(file: &mut ConfigFile<'_>, public_url: Option<&PublicUrl>, own: bool) -> Option<Acme> {
    let directory = file.take::<Directory>("acme", "directory");
    let contact = file.take::<Vec<String>>("acme", "contact");
    let names = file.take::<Vec<Host>>("acme", "names");
    let challenge = file.take::<Challenge>("acme", "challenge");
    let key = file.take::<KeyKind>("acme", "key");
    let authority = file.take::<PathBuf>("acme", "authority");
    let terms = file.take::<bool>("acme", "terms_agreed");
    if !file.has("acme") {
        return None;
    }
    let mut fault = |message: &str| file.fault(None, message.to_owned());
    if directory.is_none() {
        fault("acme.directory: name the server, such as https://acme-v02.api.letsencrypt.org/directory");
    }
    if !terms.is_some_and(|given| given.value) {
        fault(
            "acme.terms_agreed must be true: the server's terms of service hold for its certificates; read them first",
        );
    }
    if own {
        fault("[acme] and https.certificate exclude each other: leave one out");
    }
    let mut wanted: Vec<String> = public_url.map(|url| url.host().to_owned()).into_iter().collect();
    for name in names.map(|given| given.value).unwrap_or_default() {
        if !wanted.contains(&name.to_string()) {
            wanted.push(name.to_string());
        }
    }
    if public_url.is_none() {
        fault("[acme] needs server.public_url: its name is the first of the certificate");
    }
    if wanted.iter().any(|name| name.parse::<std::net::IpAddr>().is_ok()) {
        fault("[acme] takes names, not addresses: give server.public_url and acme.names names that lead here");
    }
    let contact = contact.map(|given| given.value).unwrap_or_default();
    if contact.iter().any(|address| !address.contains('@') || address.contains([' ', ',', ':'])) {
        fault("acme.contact: write e-mail addresses, such as [\"noc@example.com\"]");
    }
    Some(Acme {
        directory: directory?.value,
        contact,
        names: wanted,
        challenge: challenge.map_or(Challenge::Http01, |given| given.value),
        key: key.map_or(KeyKind::Rsa2048, |given| given.value),
        authority: authority.map(|given| given.value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const SERVER: &str = "[server]\npublic_url = \"https://prov.example.com\"\n";
    const ACME: &str = "[acme]\ndirectory = \"https://acme.example.net/dir\"\nterms_agreed = true\n";

    #[test]
    fn the_name_that_phones_are_told_comes_first_and_the_key_is_one_for_old_phones() {
        let text = format!("{SERVER}{ACME}names = [\"old.example.com\", \"prov.example.com\"]\n");
        let acme = Config::parse(&text).unwrap().acme.unwrap();
        assert_eq!(acme.names, ["prov.example.com", "old.example.com"]);
        assert_eq!((acme.key, acme.challenge), (KeyKind::Rsa2048, Challenge::Http01));
        assert_eq!(acme.directory.to_string(), "https://acme.example.net/dir");
        assert_eq!(Config::parse(SERVER).unwrap().acme, None);
    }

    #[test]
    fn what_an_acme_server_could_not_serve_is_a_fault() {
        let alone = ACME.replace("terms_agreed = true\n", "");
        for (text, word) in [
            (ACME.to_owned(), "public_url"),
            (format!("{SERVER}{alone}"), "terms_agreed"),
            (format!("{SERVER}[acme]\nterms_agreed = true\n"), "acme.directory"),
            (format!("{SERVER}{}", ACME.replace("https://acme", "http://acme")), "https://"),
            (format!("[server]\npublic_url = \"https://192.0.2.1\"\n{ACME}"), "not addresses"),
            (format!("{SERVER}{ACME}names = [\"192.0.2.1\"]\n"), "not addresses"),
            (format!("{SERVER}{ACME}contact = [\"mailto:noc@example.com\"]\n"), "acme.contact"),
            (format!("{SERVER}{ACME}challenge = \"dns-01\"\n"), "http-01"),
            (format!("{SERVER}{ACME}[https]\ncertificate = \"/a\"\nkey = \"/b\"\n"), "exclude"),
        ] {
            let faults = Config::parse(&text).map(|config| config.acme).unwrap_err();
            assert!(faults.iter().any(|fault| fault.message.contains(word)), "{word}: {faults:?}");
        }
    }
}
