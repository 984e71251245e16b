//! What does the network tell a phone when it starts? An address, DHCP options, names, the time.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The network a phone is plugged into.
#[derive(Clone, Debug)]
pub struct Network {
    /// The phone's own address; every socket is bound to it, so it must be one of this machine (`127.0.0.x`, `::1`).
    pub source: IpAddr,
    /// What the DHCP server says.
    pub options: DhcpOptions,
    /// The only names that resolve. Address literals always work.
    pub hosts: BTreeMap<String, IpAddr>,
    /// The phone's clock once NTP has set it: certificates are judged by it.
    pub now: Timestamp,
}

/// DHCP options as the text a phone makes of them (RFC 2132; 159 and 160 are the makers' own use of site options).
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DhcpOptions {
    /// Vendor-specific information, where it is plain text.
    pub option_43: Option<String>,
    /// TFTP server name, which most makers read as a provisioning URL.
    pub option_66: Option<String>,
    /// Boot file name.
    pub option_67: Option<String>,
    /// TFTP server addresses, separated by commas or blanks.
    pub option_150: Option<String>,
    /// Provisioning server of some makers.
    pub option_159: Option<String>,
    /// Provisioning URL of some makers.
    pub option_160: Option<String>,
}

impl DhcpOptions {
    /// The option with this number, without the NUL some servers end it with; an empty one counts as absent.
    pub fn text(&self, number: u8) -> Option<&str> {
        let option = match number {
            43 => &self.option_43,
            66 => &self.option_66,
            67 => &self.option_67,
            150 => &self.option_150,
            159 => &self.option_159,
            160 => &self.option_160,
            _ => &None,
        };
        let text = option.as_deref()?.trim_end_matches('\0').trim();
        (!text.is_empty()).then_some(text)
    }

    /// The first address of option 150.
    pub fn first_tftp_server(&self) -> Option<&str> {
        self.text(150)?.split([',', ' ']).find(|address| !address.is_empty())
    }
}

impl Network {
    /// A network on which only address literals and `localhost` resolve.
    pub fn new(source: IpAddr, now: Timestamp) -> Network {
        let localhost = if source.is_ipv6() {
            IpAddr::V6(std::net::Ipv6Addr::LOCALHOST)
        } else {
            IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)
        };
        let hosts = BTreeMap::from([("localhost".to_owned(), localhost)]);
        Network { source, options: DhcpOptions::default(), hosts, now }
    }

    /// What the phone's resolver says; brackets round an IPv6 literal are allowed.
    pub fn resolve(&self, host: &str) -> Option<IpAddr> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        bare.parse().ok().or_else(|| self.hosts.get(&host.to_ascii_lowercase()).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_may_end_in_nul_and_may_be_empty() {
        let options =
            DhcpOptions { option_66: Some("10.0.0.1\0".into()), option_43: Some("\0".into()), ..Default::default() };
        assert_eq!(options.text(66), Some("10.0.0.1"));
        assert_eq!(options.text(43), None);
        assert_eq!(options.text(161), None);
    }

    #[test]
    fn literals_resolve_without_a_resolver_and_names_only_with_one() {
        let network = Network::new("127.0.0.9".parse().unwrap(), Timestamp::UNIX_EPOCH);
        assert_eq!(network.resolve("[::1]"), Some("::1".parse().unwrap()));
        assert_eq!(network.resolve("LOCALHOST"), Some("127.0.0.1".parse().unwrap()));
        assert_eq!(network.resolve("fm.grandstream.com"), None);
    }
}
