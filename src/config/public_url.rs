//! Where are phones sent, and would it work? A hand-over that turns DHCP off is given only if it leads here (Z12).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use super::certificate::Certificate;

/// `https://host[:port]`: what phones are told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublicUrl {
    host: String,
    port: u16,
}

/// A text is no such URL.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("is no https://host[:port] without path, user or query")]
pub struct PublicUrlError;

/// Why phones are not sent to the public URL for good: they would be lost there.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Parked {
    /// The certificate is over, or not valid yet.
    #[error("the certificate is not valid now ({0})")]
    Dates(String),
    /// The name leads to other machines.
    #[error("{host} leads to {addresses}, which is not this machine")]
    Elsewhere {
        /// The name.
        host: String,
        /// Where it leads.
        addresses: String,
    },
    /// The chain ends before an authority that phones know or can be given.
    #[error("the certificate's chain is incomplete: add the intermediate certificates, and the root if it is your own")]
    IncompleteChain,
    /// The certificate is for other names.
    #[error("the certificate has not the name {0} as both subject CN and subjectAltName")]
    Name(String),
    /// The name is unknown.
    #[error("{host} cannot be resolved: {error}")]
    Unresolved {
        /// The name.
        host: String,
        /// What the resolver said.
        error: String,
    },
}

impl PublicUrl {
    /// The URL of a bound address.
    pub fn of(host: &str, port: u16) -> PublicUrl {
        PublicUrl { host: host.to_owned(), port }
    }

    /// The host, an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `https://host[:port]/`.
    pub fn base(&self) -> String {
        format!("{self}/")
    }

    /// `https://host[:port]/t/TOKEN/`.
    pub fn of_device(&self, token: &str) -> String {
        format!("{self}/t/{token}/")
    }

    /// Whether phones that go there arrive here and can trust what they find. Asks the resolver: may block.
    pub fn check(&self, certificate: &Certificate, now: jiff::Timestamp) -> Result<(), Parked> {
        use std::net::ToSocketAddrs as _;
        let unresolved =
            |error: std::io::Error| Parked::Unresolved { host: self.host.clone(), error: error.to_string() };
        let addresses: Vec<IpAddr> = match self.host.parse() {
            Ok(address) => vec![address],
            Err(_) => {
                (self.host.as_str(), self.port).to_socket_addrs().map_err(unresolved)?.map(|at| at.ip()).collect()
            }
        };
        if !addresses.iter().any(|address| is_ours(*address)) {
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            return Err(Parked::Elsewhere { host: self.host.clone(), addresses: addresses.join(", ") });
        }
        certificate.suits(&self.host, now)
    }
}

/// Whether an address is one of this machine's: a socket can be bound to it.
pub fn is_ours(address: IpAddr) -> bool {
    std::net::UdpSocket::bind((address, 0)).is_ok()
}

impl FromStr for PublicUrl {
    type Err = PublicUrlError;

    fn from_str(text: &str) -> Result<PublicUrl, PublicUrlError> {
        let rest = text.strip_prefix("https://").ok_or(PublicUrlError)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map_or(Ok(443), str::parse).map_err(|_| PublicUrlError)?;
        if !crate::inventory::settings::is_host(host) || port == 0 {
            return Err(PublicUrlError);
        }
        Ok(PublicUrl { host: host.to_ascii_lowercase(), port })
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match self.port {
            443 => write!(f, "https://{host}"),
            port => write!(f, "https://{host}:{port}"),
        }
    }
}

impl<'de> Deserialize<'de> for PublicUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PublicUrl, D::Error> {
        crate::inventory::text::parsed(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_https_and_nothing_but_a_host() {
        for (text, shown) in [
            ("https://prov.example.com", "https://prov.example.com"),
            ("https://PROV.example.com/", "https://prov.example.com"),
            ("https://prov.example.com:443", "https://prov.example.com"),
            ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
            ("https://10.0.0.1:8443/", "https://10.0.0.1:8443"),
        ] {
            assert_eq!(text.parse::<PublicUrl>().unwrap().to_string(), shown, "{text}");
        }
        for text in ["http://a", "https://", "https://a/b", "https://a:0", "https://u@a", "https://a:99999", "a"] {
            assert_eq!(text.parse::<PublicUrl>(), Err(PublicUrlError), "{text}");
        }
    }
}
