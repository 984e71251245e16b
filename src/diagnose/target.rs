//! Where does the text of an option lead? A host, an address or a URL, as phones are told them.

use std::fmt;
use std::net::IpAddr;

use serde::{Serialize, Serializer};

use crate::makers::dhcp::Scheme;

/// A place on a server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Target {
    /// How it is fetched.
    pub scheme: Scheme,
    /// Whether a user or password stands in it, which is never shown.
    pub user: User,
    /// Name or address, in lower case, an IPv6 address without brackets.
    pub host: String,
    /// The port, if one is named.
    pub port: Option<u16>,
    /// What follows the host, with its leading slash; empty if nothing does.
    pub path: String,
}

/// Whether a URL names a user.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum User {
    /// It does.
    Named,
    /// It does not.
    None,
}

/// Why a text leads nowhere.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoTarget {
    /// Nothing was written.
    #[error("is empty")]
    Empty,
    /// Neither name nor address.
    #[error("has no host that is a name or an address")]
    Host,
    /// A port that is none.
    #[error("has no port between 1 and 65535")]
    Port,
    /// A scheme that phones do not speak, or one without its two slashes.
    #[error("has a scheme other than https, http, tftp, ftp and ftps")]
    Scheme,
}

impl Target {
    /// Reads what an option says; `bare` is the scheme of a text without one.
    pub fn read(text: &str, bare: Scheme) -> Result<Target, NoTarget> {
        let text = text.trim();
        if text.is_empty() {
            return Err(NoTarget::Empty);
        }
        let (scheme, rest) = match text.split_once("://") {
            Some((word, rest)) => (Scheme::named(word).ok_or(NoTarget::Scheme)?, rest),
            None if text.split_once(":/").is_some_and(|(word, _)| Scheme::named(word).is_some()) => {
                return Err(NoTarget::Scheme);
            }
            None => (bare, text),
        };
        let (user, rest) = without_user(rest);
        let end = rest.find(['/', ';', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).ok_or(NoTarget::Host)?;
        let (host, port) = host_and_port(authority)?;
        Ok(Target { scheme, user, host, port, path: path.to_owned() })
    }

    /// An address without path.
    pub fn address(address: IpAddr, scheme: Scheme) -> Target {
        Target { scheme, user: User::None, host: address.to_string(), port: None, path: String::new() }
    }

    /// The port that is asked.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(self.scheme.port())
    }

    /// The same server with another path; leading slashes are made one.
    pub fn at(&self, path: &str) -> Target {
        Target { path: format!("/{}", path.trim_start_matches('/')), ..self.clone() }
    }
}

/// What stands before the last `@` of the authority: passwords have slashes in them at times.
fn without_user(rest: &str) -> (User, &str) {
    let authority = rest.split(['/', ';', '?']).next().unwrap_or(rest);
    let at = authority.rfind('@').or_else(|| authority.contains(':').then(|| rest.rfind('@')).flatten());
    match at.and_then(|at| rest.split_at_checked(at)) {
        Some((_, after)) => (User::Named, after.strip_prefix('@').unwrap_or(after)),
        None => (User::None, rest),
    }
}

fn host_and_port(authority: &str) -> Result<(String, Option<u16>), NoTarget> {
    if authority.parse::<std::net::Ipv6Addr>().is_ok() {
        return Ok((authority.to_ascii_lowercase(), None));
    }
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => {
            host.parse::<std::net::Ipv6Addr>().map_err(|_| NoTarget::Host)?;
            (host, rest.strip_prefix(':'))
        }
        None => {
            let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
            let named = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
            // Digits and dots are an address, and a wrong one is no name.
            let numeric = host.chars().all(|c| c.is_ascii_digit() || c == '.');
            if host.is_empty() || !host.chars().all(named) || (numeric && host.parse::<IpAddr>().is_err()) {
                return Err(NoTarget::Host);
            }
            (host, port)
        }
    };
    let port = match port {
        None | Some("") => None,
        Some(port) => Some(port.parse().ok().filter(|port| *port > 0).ok_or(NoTarget::Port)?),
    };
    Ok((host.trim_end_matches('.').to_lowercase(), port))
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme.word())?;
        if self.user == User::Named {
            f.write_str("***@")?;
        }
        match self.host.contains(':') {
            true => write!(f, "[{}]", self.host)?,
            false => f.write_str(&self.host)?,
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(&super::dhcp_options::shown(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_phones_are_told_is_read() {
        for (text, shown) in [
            ("10.0.0.1", "tftp://10.0.0.1"),
            ("10.0.0.1:6969", "tftp://10.0.0.1:6969"),
            ("prov", "tftp://prov"),
            ("Prov.Example.COM.", "tftp://prov.example.com"),
            ("prov.example.com/a/b", "tftp://prov.example.com/a/b"),
            ("HTTPS://prov.example.com", "https://prov.example.com"),
            (" https://prov.example.com/ ", "https://prov.example.com/"),
            ("http://10.0.0.1:8667/spa$PSN.cfg", "http://10.0.0.1:8667/spa$PSN.cfg"),
            ("https://user:p@ss@prov.example.com/x", "https://***@prov.example.com/x"),
            ("https://user:a/b@prov.example.com/x", "https://***@prov.example.com/x"),
            ("https://[2001:DB8::1]:8443/x", "https://[2001:db8::1]:8443/x"),
            ("2001:db8::1", "tftp://[2001:db8::1]"),
            ("https://pröv.test/", "https://pröv.test/"),
            ("https://10.0.0.1;phone.cfg", "https://10.0.0.1;phone.cfg"),
        ] {
            assert_eq!(
                Target::read(text, Scheme::Tftp).map(|target| target.to_string()).as_deref(),
                Ok(shown),
                "{text}"
            );
        }
    }

    #[test]
    fn what_leads_nowhere_says_why() {
        for (text, why) in [
            ("", NoTarget::Empty),
            ("  ", NoTarget::Empty),
            ("gopher://a/", NoTarget::Scheme),
            ("https://", NoTarget::Host),
            ("https:///x", NoTarget::Host),
            ("10.0.0.1,10.0.0.2", NoTarget::Host),
            ("10.0.0.1 10.0.0.2", NoTarget::Host),
            ("10.0.0.300", NoTarget::Host),
            ("10.0.0", NoTarget::Host),
            ("https://[10.0.0.1]/", NoTarget::Host),
            ("https:/10.0.0.1/", NoTarget::Scheme),
            ("https://a:0/", NoTarget::Port),
            ("https://a:99999/", NoTarget::Port),
        ] {
            assert_eq!(Target::read(text, Scheme::Tftp), Err(why), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_no_password_is_shown(text in "\\PC{0,40}", password in "[a-z]{12}") {
            let _ = Target::read(&text, Scheme::Ftp).map(|target| target.to_string());
            let shown = Target::read(&format!("https://user:{password}@host/x"), Scheme::Ftp).unwrap().to_string();
            prop_assert!(!shown.contains(&password));
        }
    }
}
