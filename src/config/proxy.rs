//! Where does a proxy connect that speaks TLS for us? Only where nobody but this machine's own programs can: it is
//! believed whom it speaks for (policy D11).

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

/// Where a proxy connects.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ProxyAddress {
    /// A loopback address.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// A text names no such place.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "is no place for a proxy, which is believed whom it speaks for: write a Unix socket, such as \
     unix:/run/ztpd/proxy.sock, or a loopback address, such as 127.0.0.1:8444"
)]
pub struct ProxyAddressError;

impl FromStr for ProxyAddress {
    type Err = ProxyAddressError;

    fn from_str(text: &str) -> Result<ProxyAddress, ProxyAddressError> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return if path.is_absolute() { Ok(ProxyAddress::Unix(path)) } else { Err(ProxyAddressError) };
        }
        let address: SocketAddr = text.parse().map_err(|_| ProxyAddressError)?;
        if address.ip().is_loopback() { Ok(ProxyAddress::Tcp(address)) } else { Err(ProxyAddressError) }
    }
}

impl fmt::Display for ProxyAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProxyAddress::Tcp(address) => address.fmt(f),
            ProxyAddress::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl<'de> Deserialize<'de> for ProxyAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ProxyAddress, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| de::Error::custom(format!("{text:?} {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_d11_only_this_machine_can_be_a_proxy() {
        let unix = "unix:/run/ztpd/proxy.sock".parse();
        assert_eq!(unix, Ok(ProxyAddress::Unix("/run/ztpd/proxy.sock".into())));
        for loopback in ["127.0.0.1:8444", "[::1]:8444"] {
            assert_eq!(loopback.parse(), Ok(ProxyAddress::Tcp(loopback.parse().unwrap())));
        }
        for other in ["0.0.0.0:80", "[::]:80", "10.0.0.1:80", "127.0.0.1", "unix:proxy.sock", "/run/x", "unix:", ""] {
            assert_eq!(other.parse::<ProxyAddress>(), Err(ProxyAddressError), "{other}");
        }
    }
}
