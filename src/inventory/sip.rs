//! Where do calls go? The registrar of an account or a site, and the identity a person has there.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use super::period::Period;
use super::settings::is_host;
use super::text::{Text, parsed};

/// A host name or an address.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Host(String);

/// A text is neither a host name nor an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("is neither a host name nor an address; give it without scheme and port")]
pub struct HostError;

/// How SIP messages travel (RFC 3261 §18).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
}

/// What one layer (account or site) says of the registrar; what is not set comes from the layer above.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SipOverride {
    /// The registrar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<Host>,
    /// Its port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How to speak to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport: Option<Transport>,
    /// How long a registration lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Period>,
    /// Where to send requests instead, if the registrar is behind a proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outbound_proxy: Option<Host>,
}

/// The registrar in force.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Registrar {
    /// The registrar.
    pub server: Host,
    /// Its port; not set: 5061 for TLS, else 5060 (RFC 3261 §19.1.2).
    pub port: u16,
    /// How to speak to it.
    pub transport: Transport,
    /// How long a registration lasts.
    pub expires: Period,
    /// Where to send requests instead.
    pub outbound_proxy: Option<Host>,
}

/// The names an owner has at the registrar; what is not set is the extension. The password is kept apart.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SipIdentity {
    /// User part of the address of record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<SipUser>,
    /// Name used to authenticate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_user: Option<SipUser>,
}

/// A SIP user name: visible characters without space or anything that ends a SIP URI's user part.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct SipUser(String);

/// A text is no SIP user name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("is no SIP user name; use at most 64 letters, digits and . _ + - ~ ! * &")]
pub struct SipUserError;

/// Name shown on a phone: of a line, a key, a site.
pub type Label = Text<64>;

impl Host {
    /// The host as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Host {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Host, HostError> {
        is_host(text).then(|| Host(text.to_owned())).ok_or(HostError)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Host {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Host, D::Error> {
        parsed(deserializer)
    }
}

impl SipUser {
    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SipUser {
    type Err = SipUserError;

    fn from_str(text: &str) -> Result<SipUser, SipUserError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-~!*&".contains(&byte);
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(allowed);
        fits.then(|| SipUser(text.to_owned())).ok_or(SipUserError)
    }
}

impl<'de> Deserialize<'de> for SipUser {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SipUser, D::Error> {
        parsed(deserializer)
    }
}

impl Transport {
    /// The word for it, as the API and templates use it.
    pub fn as_str(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
        }
    }
}

impl Registrar {
    /// What holds when `site` overrides `account`; `None` while no layer names a server.
    pub fn in_force(account: &SipOverride, site: &SipOverride) -> Option<Registrar> {
        let server = site.server.clone().or_else(|| account.server.clone())?;
        let transport = site.transport.or(account.transport).unwrap_or(Transport::Tls);
        let default_port = if transport == Transport::Tls { 5061 } else { 5060 };
        // A site that changes the transport but not the port does not want the account's port of the other transport.
        let inherited =
            if site.transport.is_some() && site.transport != account.transport { None } else { account.port };
        Some(Registrar {
            server,
            port: site.port.or(inherited).unwrap_or(default_port),
            transport,
            expires: site.expires.or(account.expires).unwrap_or(Period::hours(1)),
            outbound_proxy: site.outbound_proxy.clone().or_else(|| account.outbound_proxy.clone()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_overrides_what_it_names_and_inherits_the_rest() {
        let account = SipOverride {
            server: Some("pbx.example.com".parse().unwrap()),
            port: Some(5061),
            transport: Some(Transport::Tls),
            ..SipOverride::default()
        };
        let site = SipOverride { transport: Some(Transport::Udp), ..SipOverride::default() };
        let registrar = Registrar::in_force(&account, &site).unwrap();
        assert_eq!((registrar.server.as_str(), registrar.port), ("pbx.example.com", 5060));
        assert_eq!(registrar.transport, Transport::Udp);
        assert_eq!(Registrar::in_force(&SipOverride::default(), &site), None);
    }

    #[test]
    fn a_host_with_scheme_or_port_is_refused() {
        for text in ["https://pbx", "pbx:5060", "", "a b", "pbx/", "-x"] {
            assert!(text.parse::<Host>().is_err(), "{text}");
        }
        for text in ["pbx.example.com", "10.0.0.1", "2001:db8::1"] {
            assert!(text.parse::<Host>().is_ok(), "{text}");
        }
    }
}
