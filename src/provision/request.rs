//! What was asked? One shape for HTTPS, HTTP and TFTP, stamped with its time.

use std::net::{IpAddr, SocketAddr};

use jiff::Timestamp;
use percent_encoding::percent_decode_str;

use crate::inventory::certificate::{CertificateFault, Fingerprint};
use crate::inventory::event::Plane;
use crate::inventory::mac::MacAddr;
use crate::inventory::secret::Secret;
use crate::inventory::text::is_forbidden;

/// The longest path a phone asks for, and more.
const LONGEST: usize = 512;

/// One request of the device plane.
#[derive(Clone, Debug)]
pub struct Request {
    /// Over what it came.
    pub plane: Plane,
    /// What shall be done with the file.
    pub method: Method,
    /// The path as it came, still percent-encoded over HTTP, without the query.
    pub target: String,
    /// What the phone says of itself.
    pub user_agent: Option<String>,
    /// The value of `Authorization`; none over TFTP.
    pub authorization: Option<Secret>,
    /// Who asks, an IPv4 address in its own form.
    pub peer: IpAddr,
    /// The address that was asked.
    pub local: SocketAddr,
    /// When.
    pub time: Timestamp,
    /// The certificate the connection came with; none over anything but HTTPS.
    pub certificate: ClientCertificate,
    /// The version of TLS that a proxy speaks with the phone, as the proxy names it; `None`: there is no proxy.
    pub proxied_tls: Option<String>,
}

/// What the certificate shows that a connection came with. Its key is the peer's: the handshake has verified that.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum ClientCertificate {
    /// There was none.
    #[default]
    None,
    /// A maker's authority says that this phone has this key.
    Good(BuiltIn),
    /// As [`ClientCertificate::Good`], but for its dates or those of its authorities.
    OutOfDate(BuiltIn),
    /// One that counts for nothing.
    Rejected(CertificateFault),
}

/// What a certificate built into a phone says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BuiltIn {
    /// Whose phone it is.
    pub maker: &'static str,
    /// Which.
    pub mac: MacAddr,
    /// Fingerprint of its key.
    pub key: Fingerprint,
    /// Fingerprint of the authority that vouches for it.
    pub authority: Fingerprint,
}

/// What shall be done with the file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Method {
    /// Give it.
    Get,
    /// Say only how long it is.
    Head,
}

impl Method {
    /// As HTTP writes it.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
        }
    }
}

/// A path taken apart.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Path {
    /// The token it carried, if any; never logged.
    pub token: Option<String>,
    /// The path without token and without leading, doubled or backward slashes.
    pub whole: String,
}

/// Why a path is none a phone would ask for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PathError {
    /// `.` or `..` in it.
    #[error("the path climbs")]
    Climbs,
    /// Control characters, or no UTF-8.
    #[error("the path is no text")]
    NoText,
    /// Longer than any phone's.
    #[error("the path is too long")]
    TooLong,
}

impl Path {
    /// Takes a path apart: `[/t/<token>]/<file>`, where an empty or missing token makes it the plain path (Z18).
    pub fn parse(target: &str, plane: Plane) -> Result<Path, PathError> {
        if target.len() > LONGEST {
            return Err(PathError::TooLong);
        }
        let decoded = match plane {
            Plane::Http | Plane::Https => percent_decode_str(target).decode_utf8().map_err(|_| PathError::NoText)?,
            Plane::Admin | Plane::Dhcp | Plane::Tftp => target.into(),
        };
        if decoded.chars().any(is_forbidden) {
            return Err(PathError::NoText);
        }
        let decoded = decoded.replace('\\', "/");
        let trimmed = decoded.trim_start_matches('/');
        let (token, rest) = match trimmed.strip_prefix("t/") {
            None => (None, trimmed),
            Some(rest) => rest.split_once('/').map_or((None, rest), |(token, rest)| (Some(token), rest)),
        };
        let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
        if parts.iter().any(|part| *part == "." || *part == "..") {
            return Err(PathError::Climbs);
        }
        let token = token.filter(|token| !token.is_empty()).map(str::to_owned);
        Ok(Path { token, whole: parts.join("/") })
    }

    /// The last part: what makers name their files.
    pub fn file(&self) -> &str {
        self.whole.rsplit('/').next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(target: &str) -> (Option<String>, String) {
        let path = Path::parse(target, Plane::Https).unwrap();
        (path.token, path.whole)
    }

    #[test]
    fn slashes_encoding_and_empty_tokens_make_no_difference() {
        for target in ["/a.cfg", "a.cfg", "//a.cfg", "/t//a.cfg", "/t/a.cfg", "/%61.cfg", "\\a.cfg"] {
            assert_eq!(parsed(target), (None, "a.cfg".into()), "{target}");
        }
        assert_eq!(parsed("/t/TOK/a.cfg"), (Some("TOK".into()), "a.cfg".into()));
        assert_eq!(parsed("/t/TOK//Cisco//a.cfg"), (Some("TOK".into()), "Cisco/a.cfg".into()));
        assert_eq!(Path::parse("/t/TOK/x/a.cfg", Plane::Https).unwrap().file(), "a.cfg");
    }

    #[test]
    fn a_path_that_climbs_or_is_no_text_is_refused() {
        for target in ["/../etc/passwd", "/a/%2e%2e/b", "/t/x/../y", "/..%5cb"] {
            assert_eq!(Path::parse(target, Plane::Https), Err(PathError::Climbs), "{target}");
        }
        for target in ["/a%00b", "/a%0ab", "/%ff%fe", "/a%e2%80%ae"] {
            assert_eq!(Path::parse(target, Plane::Https), Err(PathError::NoText), "{target}");
        }
        assert_eq!(Path::parse(&"a".repeat(513), Plane::Tftp), Err(PathError::TooLong));
    }
}
