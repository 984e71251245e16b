//! Where is the file? A provisioning URL as phones read it: scheme, credentials, host, port and a path that is sent as it stands.

use std::fmt;

use super::report::Plane;

/// A URL of a provisioning server or of a file there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Url {
    pub(super) plane: Plane,
    /// User and password that stood before an `@`.
    pub(super) credentials: Option<Credentials>,
    /// A name, an IPv4 address, or an IPv6 address without its brackets.
    pub(super) host: String,
    pub(super) port: Option<u16>,
    /// Empty, or beginning with `/`.
    pub(super) path: String,
}

/// A user and a password for HTTP.
#[derive(Clone, Eq, PartialEq)]
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
}

/// Why a text is no URL a phone can use.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum UrlFault {
    #[error("{0:?} has no host")]
    NoHost(String),
    #[error("{0:?} has no usable port")]
    Port(String),
    #[error("{0:?} does not begin with a scheme the phone knows")]
    Scheme(String),
}

impl Url {
    /// Reads `scheme://[user:password@]host[:port][/path]`.
    pub(super) fn parse(text: &str) -> Result<Url, UrlFault> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").ok_or_else(|| UrlFault::Scheme(text.to_owned()))?;
        let plane = match scheme.to_ascii_lowercase().as_str() {
            "ftp" => Plane::Ftp,
            "http" => Plane::Http,
            "https" => Plane::Https,
            "tftp" => Plane::Tftp,
            _ => return Err(UrlFault::Scheme(text.to_owned())),
        };
        Url::with_plane(plane, rest)
    }

    /// Reads `host[:port][/path]`, which some makers store apart from the protocol.
    pub(super) fn with_plane(plane: Plane, rest: &str) -> Result<Url, UrlFault> {
        let rest = rest.trim();
        let (authority, path) = match rest.find('/').and_then(|at| rest.split_at_checked(at)) {
            Some((authority, path)) => (authority, path),
            None => (rest, ""),
        };
        let (credentials, place) = match authority.rsplit_once('@') {
            Some((who, place)) => (Some(Credentials::parse(who)), place),
            None => (None, authority),
        };
        let (host, port) = split_port(place)?;
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err(UrlFault::NoHost(rest.to_owned()));
        }
        Ok(Url { plane, credentials, host: host.to_owned(), port, path: path.to_owned() })
    }

    /// The file `name` in this folder, with exactly one slash between them.
    pub(super) fn file(&self, name: &str) -> Url {
        let path = format!("{}/{}", self.path.trim_end_matches('/'), name.trim_start_matches('/'));
        Url { path, ..self.clone() }
    }

    /// The same server with another path.
    pub(super) fn with_path(&self, path: &str) -> Url {
        Url { path: path.to_owned(), ..self.clone() }
    }

    /// The port to connect to.
    pub(super) fn port(&self) -> u16 {
        self.port.unwrap_or(match self.plane {
            Plane::Ftp => 21,
            Plane::Http => 80,
            Plane::Https => 443,
            Plane::Tftp => 69,
        })
    }

    /// Host and port as the `Host` header and a server setting carry them.
    pub(super) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match self.port {
            Some(port) => format!("{host}:{port}"),
            None => host,
        }
    }

    /// The last part of the path: the file's name, or nothing.
    pub(super) fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = if self.credentials.is_some() { "***@" } else { "" };
        write!(f, "{}://{who}{}{}", self.plane, self.authority(), self.path)
    }
}

impl Credentials {
    fn parse(text: &str) -> Credentials {
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        Credentials { user: user.to_owned(), password: password.to_owned() }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:***", self.user)
    }
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
pub(super) fn split_port(place: &str) -> Result<(&str, Option<u16>), UrlFault> {
    let fault = || UrlFault::Port(place.to_owned());
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, Some(rest.strip_prefix(':').ok_or_else(fault)?)),
        None => match place.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') => (host, Some(port)),
            _ => (place, None),
        },
    };
    let port = port.map(|port| port.parse().map_err(|_| fault())).transpose()?;
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_and_put_together_again() {
        for text in
            ["https://localhost:8443/t/abc/", "tftp://127.0.0.1:6969/", "http://[::1]:80/a/b.cfg", "ftp://10.0.0.1"]
        {
            assert_eq!(Url::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_password_in_a_url_is_used_but_not_shown() {
        let url = Url::parse("https://user:p:w@host/dir").unwrap();
        let credentials = url.credentials.clone().unwrap();
        assert_eq!((credentials.user.as_str(), credentials.password.as_str()), ("user", "p:w"));
        assert_eq!(url.to_string(), "https://***@host/dir");
        assert!(!format!("{url:?}").contains("p:w"));
    }

    #[test]
    fn a_file_is_joined_with_one_slash() {
        for base in ["https://host/t/x", "https://host/t/x/", "https://host/t/x//"] {
            assert_eq!(Url::parse(base).unwrap().file("/a.cfg").path, "/t/x/a.cfg", "{base}");
        }
        assert_eq!(Url::parse("tftp://host").unwrap().file("a.cfg").path, "/a.cfg");
    }

    #[test]
    fn what_a_phone_cannot_use_is_refused() {
        assert_eq!(Url::parse("10.0.0.1"), Err(UrlFault::Scheme("10.0.0.1".into())));
        assert_eq!(Url::parse("gopher://x/"), Err(UrlFault::Scheme("gopher://x/".into())));
        assert_eq!(Url::parse("https:///x"), Err(UrlFault::NoHost("/x".into())));
        assert_eq!(Url::parse("https://h:99999/"), Err(UrlFault::Port("h:99999".into())));
    }
}
