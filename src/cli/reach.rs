//! Where is the daemon? A Unix socket, or an address with a token; flags before the environment, the environment before
//! the usual places.

use std::path::{Path, PathBuf};

use clap::Args;
use hyper::Uri;

use super::failure::Failure;
use crate::config::Config;
use crate::inventory::secret::Secret;

/// Where a daemon's socket is when it runs as a service.
const SERVICE_SOCKET: &str = "/run/ztpd/admin.sock";

/// Which daemon to speak to, and how to show its answers.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "The daemon and its answers")]
pub struct Reach {
    /// The daemon's Unix socket; else $ZTPD_SOCKET, /run/ztpd/admin.sock, or that of an unprivileged `ztpd serve`.
    #[arg(long, global = true, value_name = "PATH", conflicts_with = "url")]
    socket: Option<PathBuf>,
    /// The daemon's address, https://HOST[:PORT]; else $ZTPD_URL. $ZTPD_TOKEN_FILE names the file with the token.
    #[arg(long, global = true, value_name = "URL")]
    url: Option<String>,
    /// A PEM file with the authorities to trust instead of the public ones; else $ZTPD_CACERT.
    #[arg(long, global = true, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// Print what the API answered, as JSON.
    #[arg(long, global = true)]
    pub json: bool,
}

/// A daemon's address.
#[derive(Debug)]
pub enum Endpoint {
    /// On this machine.
    Socket(PathBuf),
    /// Over the network.
    Tcp(Box<Tcp>),
}

/// A daemon over the network.
#[derive(Debug)]
pub struct Tcp {
    /// Its name or address, an IPv6 address without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether it is encrypted.
    pub scheme: Scheme,
    /// What lets us in.
    pub token: Secret,
    /// The authorities to trust instead of the public ones.
    pub cacert: Option<PathBuf>,
}

/// How to speak to a daemon over the network.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scheme {
    /// In clear, on this machine only.
    Http,
    /// Over TLS.
    Https,
}

impl Reach {
    /// A daemon at this socket or address.
    pub fn at(socket: Option<PathBuf>, url: Option<String>, cacert: Option<PathBuf>) -> Reach {
        Reach { socket, url, cacert, json: false }
    }

    /// Whether anything is said.
    pub fn is_given(&self) -> bool {
        self.json || self.socket.is_some() || self.url.is_some() || self.cacert.is_some()
    }

    /// Whether a certain daemon is meant, rather than the one that may be here.
    pub fn names_a_daemon(&self) -> bool {
        let said = |variable: &str| std::env::var_os(variable).is_some_and(|value| !value.is_empty());
        self.socket.is_some() || self.url.is_some() || said("ZTPD_SOCKET") || said("ZTPD_URL")
    }

    /// What is said here, and of the rest what is said there.
    pub fn or(&self, other: &Reach) -> Reach {
        let place = if self.socket.is_some() || self.url.is_some() { self } else { other };
        Reach {
            socket: place.socket.clone(),
            url: place.url.clone(),
            cacert: self.cacert.clone().or_else(|| other.cacert.clone()),
            json: self.json || other.json,
        }
    }

    /// The daemon meant by flags, environment and what is found here.
    pub fn endpoint(&self) -> Result<Endpoint, Failure> {
        if let Some(socket) = &self.socket {
            return Ok(Endpoint::Socket(socket.clone()));
        }
        if let Some(url) = self.url.clone().or_else(|| text_of("ZTPD_URL")) {
            return Ok(Endpoint::Tcp(Box::new(self.tcp(&url)?)));
        }
        let named = std::env::var_os("ZTPD_SOCKET").filter(|path| !path.is_empty()).map(PathBuf::from);
        Ok(Endpoint::Socket(named.unwrap_or_else(usual_socket)))
    }

    fn tcp(&self, url: &str) -> Result<Tcp, Failure> {
        let (scheme, host, port) = parse(url)?;
        let file = std::env::var_os("ZTPD_TOKEN_FILE").filter(|path| !path.is_empty()).ok_or_else(|| {
            Failure::Usage("over the network a token is needed: let ZTPD_TOKEN_FILE name the file that has it".into())
        })?;
        let token =
            secret_from(Path::new(&file)).map_err(|error| Failure::Usage(format!("ZTPD_TOKEN_FILE: {error}")))?;
        let environment = || std::env::var_os("ZTPD_CACERT").filter(|path| !path.is_empty()).map(PathBuf::from);
        let cacert = self.cacert.clone().or_else(environment);
        Ok(Tcp { host, port, scheme, token, cacert })
    }
}

fn text_of(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|text| !text.is_empty())
}

fn usual_socket() -> PathBuf {
    let service = PathBuf::from(SERVICE_SOCKET);
    if service.exists() { service } else { Config::built_in().admin_socket }
}

fn parse(url: &str) -> Result<(Scheme, String, u16), Failure> {
    let wrong =
        || Failure::Usage(format!("{url:?} is no address of a daemon; write it such as https://prov.example.com:8444"));
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let (scheme, usual) = match uri.scheme_str() {
        Some("https") => (Scheme::Https, 443),
        Some("http") => (Scheme::Http, 80),
        _ => return Err(wrong()),
    };
    let authority = uri.authority().ok_or_else(wrong)?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let bare = matches!(uri.path(), "" | "/") && uri.query().is_none() && !authority.as_str().contains('@');
    if !bare || host.is_empty() {
        return Err(wrong());
    }
    let local = host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    if scheme == Scheme::Http && !local {
        let message = format!("{url} would carry the token in clear: use https:// (http:// is for this machine only)");
        return Err(Failure::Usage(message));
    }
    let port = match authority.as_str().strip_prefix(authority.host()).and_then(|rest| rest.strip_prefix(':')) {
        None => usual,
        Some(digits) => digits.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?,
    };
    Ok((scheme, host, port))
}

/// A secret from a file, or from standard input where the file is `-`; the line end after it is not part of it.
pub fn secret_from(path: &Path) -> Result<Secret, String> {
    let text = if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin()).map_err(|error| format!("standard input: {error}"))?
    } else {
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?
    };
    let secret = text.strip_suffix('\n').unwrap_or(&text);
    let secret = secret.strip_suffix('\r').unwrap_or(secret);
    if secret.is_empty() {
        return Err(format!("{} is empty", path.display()));
    }
    Ok(Secret::new(secret.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_a_host_and_a_port() {
        for (url, host, port) in [
            ("https://prov.example.com", "prov.example.com", 443),
            ("https://prov.example.com:8444/", "prov.example.com", 8444),
            ("https://[2001:db8::1]:8444", "2001:db8::1", 8444),
            ("http://127.0.0.1:80", "127.0.0.1", 80),
            ("http://[::1]", "::1", 80),
        ] {
            let (_, parsed, at) = parse(url).unwrap_or_else(|failure| panic!("{url}: {failure}"));
            assert_eq!((parsed.as_str(), at), (host, port), "{url}");
        }
    }

    #[test]
    fn a_token_never_travels_in_clear_and_a_url_is_nothing_more() {
        for url in [
            "http://prov.example.com",
            "ftp://a",
            "https://",
            "https://a/b",
            "https://u@a",
            "prov",
            "",
            "https://a:99999",
        ] {
            assert!(matches!(parse(url), Err(Failure::Usage(_))), "{url}");
        }
    }
}
