//! Where do we listen? On the sockets the service manager passes by name, else on what the settings say.

use std::fmt;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;

use anyhow::{Context as _, bail};

use crate::admin;
use crate::config::{Config, ProxyAddress};
use crate::host::systemd::{self, PassedSocket, Socket};

/// The names a socket can be passed by, and what its unit must have.
const NAMES: &[(&str, &str)] = &[
    ("admin", "one ListenStream= with a path, or others with a port"),
    ("http", "ListenStream= with a port"),
    ("https", "ListenStream= with a port"),
    ("proxy", "ListenStream= with a path or a loopback address"),
    ("tftp", "ListenDatagram= with a port"),
];

/// The sockets, bound.
#[derive(Debug, Default)]
pub struct Sockets {
    /// HTTPS for phones.
    pub https: Vec<TcpListener>,
    /// HTTP for phones.
    pub http: Vec<TcpListener>,
    /// For proxies that speak TLS with old phones; those the settings name are bound late, which takes no privilege.
    pub proxy: Vec<ProxyListening>,
    /// TFTP for phones.
    pub tftp: Vec<UdpSocket>,
    /// The administrators' socket; `None` until it is bound, which takes no privilege.
    pub admin: Option<UnixListener>,
    /// The admin API over TCP.
    pub admin_tcp: Vec<TcpListener>,
}

/// Where a proxy connects.
#[derive(Debug)]
pub enum ProxyListening {
    /// A loopback address.
    Tcp(TcpListener),
    /// A Unix socket.
    Unix(UnixListener),
}

impl fmt::Display for ProxyListening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self {
            ProxyListening::Tcp(socket) => socket.local_addr().ok().map(ProxyAddress::Tcp),
            ProxyListening::Unix(socket) => {
                let address = socket.local_addr().ok();
                address.and_then(|address| address.as_pathname().map(|path| ProxyAddress::Unix(path.to_owned())))
            }
        };
        match place {
            Some(place) => place.fmt(f),
            None => f.write_str("a socket without a name"),
        }
    }
}

impl Sockets {
    /// The sockets the service manager has passed, else those the settings name.
    pub fn open(config: &Config) -> anyhow::Result<Sockets> {
        let passed = systemd::passed_sockets()?;
        if passed.is_empty() {
            return Sockets::bind(config);
        }
        tracing::info!(sockets = passed.len(), "listening on the sockets that were passed, not on the listen keys");
        Sockets::adopt(passed)
    }

    /// Binds every port that is listened on. An IPv6 loopback address of the built-in settings may be missing.
    pub fn bind(config: &Config) -> anyhow::Result<Sockets> {
        let tcp = |what: &str, addresses: &[SocketAddr]| -> anyhow::Result<Vec<TcpListener>> {
            let mut bound = Vec::new();
            for address in addresses {
                match bind_tcp(*address) {
                    Ok(socket) => bound.push(socket),
                    Err(error) if !bound.is_empty() && is_no_ipv6(*address, &error) => {}
                    Err(error) => bail!(
                        "cannot listen for {what} on {address}: {error}; {}",
                        remedy(&error, &format!("{what}.listen"))
                    ),
                }
            }
            Ok(bound)
        };
        let mut udp = Vec::new();
        for address in &config.tftp {
            let socket = UdpSocket::bind(address).map_err(|error| {
                let remedy = remedy(&error, "tftp.listen");
                anyhow::anyhow!("cannot listen for tftp on {address}: {error}; {remedy}")
            })?;
            udp.push(socket);
        }
        let (https, http) = (tcp("https", &config.https)?, tcp("http", &config.http)?);
        Ok(Sockets { https, http, tftp: udp, admin_tcp: tcp("admin", &config.admin)?, ..Sockets::default() })
    }

    /// Takes the sockets that were passed for what their names say. There may be several of one name.
    pub fn adopt(passed: Vec<PassedSocket>) -> anyhow::Result<Sockets> {
        let mut sockets = Sockets::default();
        for PassedSocket { name, socket } in passed {
            match (name.as_str(), socket) {
                ("admin", Socket::Unix(socket)) if sockets.admin.is_none() => sockets.admin = Some(socket),
                ("admin", Socket::Tcp(socket)) => sockets.admin_tcp.push(socket),
                ("http", Socket::Tcp(socket)) => sockets.http.push(socket),
                ("https", Socket::Tcp(socket)) => sockets.https.push(socket),
                ("proxy", Socket::Tcp(socket))
                    if socket.local_addr().is_ok_and(|address| address.ip().is_loopback()) =>
                {
                    sockets.proxy.push(ProxyListening::Tcp(socket));
                }
                ("proxy", Socket::Unix(socket)) => sockets.proxy.push(ProxyListening::Unix(socket)),
                ("tftp", Socket::Udp(socket)) => sockets.tftp.push(socket),
                (name, _) => match NAMES.iter().find(|(known, _)| *known == name) {
                    Some((_, form)) => bail!("the socket passed as {name:?} does not fit: its unit must have {form}"),
                    None => bail!(
                        "a socket was passed as {name:?}, which is none of ours; FileDescriptorName= must be one of {}",
                        NAMES.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", ")
                    ),
                },
            }
        }
        if sockets.https.is_empty() {
            bail!("sockets were passed, but none as \"https\": phones get their settings over HTTPS only");
        }
        Ok(sockets)
    }

    /// The addresses really bound, with their plane.
    pub fn addresses(&self) -> Vec<(&'static str, SocketAddr)> {
        let tcp = |plane, sockets: &[TcpListener]| -> Vec<_> {
            sockets.iter().filter_map(|socket| Some((plane, socket.local_addr().ok()?))).collect()
        };
        let udp = self.tftp.iter().filter_map(|socket| Some(("tftp", socket.local_addr().ok()?)));
        let http = tcp("http", &self.http);
        tcp("https", &self.https).into_iter().chain(http).chain(udp).chain(tcp("admin", &self.admin_tcp)).collect()
    }

    /// The first HTTPS address really bound.
    pub fn first_https(&self) -> anyhow::Result<SocketAddr> {
        let first = self.https.first().context("no HTTPS address could be bound")?;
        Ok(first.local_addr()?)
    }

    /// Binds where the settings say that proxies connect, unless sockets for them were passed.
    pub fn bind_proxies(&mut self, config: &Config) -> anyhow::Result<()> {
        if !self.proxy.is_empty() {
            return Ok(());
        }
        for address in &config.proxy {
            let bound = match address {
                ProxyAddress::Tcp(address) => bind_tcp(*address).map(ProxyListening::Tcp),
                ProxyAddress::Unix(path) => admin::socket::bind(path, None).map(ProxyListening::Unix),
            };
            self.proxy.push(bound.with_context(|| format!("cannot listen for a proxy on {address} (https.proxy)"))?);
        }
        Ok(())
    }

    /// The administrators' socket, bound now if it was not passed.
    pub fn take_admin(&mut self, config: &Config) -> anyhow::Result<UnixListener> {
        if let Some(socket) = self.admin.take() {
            return Ok(socket);
        }
        admin::socket::bind(&config.admin_socket, config.admin_group.as_deref()).with_context(|| {
            format!("cannot listen for administrators on {} (admin.socket)", config.admin_socket.display())
        })
    }
}

/// Binds and listens, ready for a building whose phones all come at once.
pub fn bind_tcp(address: SocketAddr) -> std::io::Result<TcpListener> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
    // After a restart the old connections' ends must not keep phones waiting.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn is_no_ipv6(address: SocketAddr, error: &std::io::Error) -> bool {
    address.is_ipv6()
        && address.ip().is_loopback()
        && matches!(error.raw_os_error(), Some(code) if code == nix::libc::EADDRNOTAVAIL || code == nix::libc::EAFNOSUPPORT)
}

fn remedy(error: &std::io::Error, key: &str) -> String {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            format!("another program has that port (`ss -lnp` names it): stop it, or change {key}")
        }
        std::io::ErrorKind::PermissionDenied => {
            format!("ports below 1024 need CAP_NET_BIND_SERVICE or a socket passed by systemd; or change {key}")
        }
        std::io::ErrorKind::AddrNotAvailable => format!("the address is none of this machine's: change {key}"),
        _ => format!("see {key}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(name: &str) -> PassedSocket {
        let socket = Socket::Tcp(TcpListener::bind("127.0.0.1:0").unwrap());
        PassedSocket { name: name.to_owned(), socket }
    }

    fn udp(name: &str) -> PassedSocket {
        let socket = Socket::Udp(UdpSocket::bind("127.0.0.1:0").unwrap());
        PassedSocket { name: name.to_owned(), socket }
    }

    #[test]
    fn sockets_go_where_their_names_say_several_of_one_name_too() {
        let sockets = Sockets::adopt(vec![udp("tftp"), tcp("https"), tcp("http"), tcp("https")]).unwrap();
        assert_eq!((sockets.https.len(), sockets.http.len(), sockets.tftp.len()), (2, 1, 1));
        assert!(sockets.admin.is_none());
    }

    #[test]
    fn a_name_that_is_none_of_ours_is_refused_and_the_known_ones_are_named() {
        let said = Sockets::adopt(vec![tcp("https"), tcp("ztpd-http.socket")]).unwrap_err().to_string();
        assert!(said.contains("ztpd-http.socket") && said.contains("admin, http, https, proxy, tftp"), "{said}");
    }

    #[test]
    fn a_socket_of_the_wrong_kind_is_refused_with_the_right_one() {
        let said = Sockets::adopt(vec![tcp("https"), tcp("tftp")]).unwrap_err().to_string();
        assert!(said.contains("ListenDatagram="), "{said}");
        assert!(Sockets::adopt(vec![udp("https")]).is_err());
    }

    #[test]
    fn without_https_nothing_is_served() {
        assert!(Sockets::adopt(vec![udp("tftp")]).unwrap_err().to_string().contains("https"));
    }
}
