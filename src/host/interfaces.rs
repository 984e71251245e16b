//! Which network interfaces has this machine, and which addresses?
//!
//! The kernel lists them over a netlink socket, which the daemon's unit does not allow it; what it needs to know of an
//! interface stands in `/sys/class/net` too.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

/// Where the kernel tells of interfaces.
const SYS: &str = "/sys/class/net";

/// A network interface.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Interface {
    /// Its name: `eth0`.
    pub name: String,
    /// Its number.
    pub index: u32,
    /// Its hardware address, where it has one.
    pub hardware: Option<[u8; 6]>,
    /// Its IPv4 addresses.
    pub ipv4: Vec<Ipv4Addr>,
    /// Whether a DHCP server can be asked on it: up, with broadcasts, and not loopback.
    pub can_broadcast: bool,
}

/// Every interface, by name.
pub fn interfaces() -> io::Result<Vec<Interface>> {
    let mut found: Vec<Interface> = Vec::new();
    for part in getifaddrs()? {
        let index = match found.iter().position(|interface| interface.name == part.interface_name) {
            Some(index) => index,
            None => {
                let usable = InterfaceFlags::IFF_UP | InterfaceFlags::IFF_BROADCAST;
                found.push(Interface {
                    name: part.interface_name.clone(),
                    index: nix::net::if_::if_nametoindex(part.interface_name.as_str()).unwrap_or_default(),
                    hardware: None,
                    ipv4: Vec::new(),
                    can_broadcast: part.flags.contains(usable) && !part.flags.contains(InterfaceFlags::IFF_LOOPBACK),
                });
                found.len().saturating_sub(1)
            }
        };
        let (Some(interface), Some(address)) = (found.get_mut(index), part.address) else { continue };
        interface.ipv4.extend(address.as_sockaddr_in().map(|address| address.ip()));
        interface.hardware = interface.hardware.or_else(|| address.as_link_addr()?.addr());
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// The names of the interfaces, without netlink.
pub fn names() -> io::Result<Vec<String>> {
    let mut names: Vec<String> = std::fs::read_dir(SYS)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| Path::new(SYS).join(name).join("ifindex").exists())
        .collect();
    names.sort();
    Ok(names)
}

/// The interface of that name, without netlink, with the address that is spoken from there.
pub fn named(name: &str) -> io::Result<Interface> {
    let unknown = || io::Error::new(io::ErrorKind::NotFound, format!("there is no interface {name}"));
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Err(unknown());
    }
    let folder = Path::new(SYS).join(name);
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).map(|text| text.trim().to_owned());
    let index = read("ifindex").map_err(|_| unknown())?.parse().map_err(io::Error::other)?;
    let flags = i32::from_str_radix(read("flags")?.trim_start_matches("0x"), 16).map_err(io::Error::other)?;
    let flags = InterfaceFlags::from_bits_truncate(flags);
    let usable = InterfaceFlags::IFF_UP | InterfaceFlags::IFF_BROADCAST;
    let hardware = read("address").ok().and_then(|text| octets(&text));
    let can_broadcast = flags.contains(usable) && !flags.contains(InterfaceFlags::IFF_LOOPBACK);
    let ipv4 = if can_broadcast { source_on(name).into_iter().collect() } else { Vec::new() };
    Ok(Interface { name: name.to_owned(), index, hardware, ipv4, can_broadcast })
}

fn octets(text: &str) -> Option<[u8; 6]> {
    let octets: Vec<u8> = text.split(':').map(|part| u8::from_str_radix(part, 16)).collect::<Result<_, _>>().ok()?;
    octets.try_into().ok()
}

/// The address this machine speaks from on an interface. Nothing is sent.
fn source_on(name: &str) -> Option<Ipv4Addr> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).ok()?;
    socket.bind_device(Some(name.as_bytes())).ok()?;
    socket.set_broadcast(true).ok()?;
    socket.connect(&SocketAddr::from((Ipv4Addr::BROADCAST, 67)).into()).ok()?;
    let address = socket.local_addr().ok()?.as_socket_ipv4()?;
    (!address.ip().is_unspecified()).then(|| *address.ip())
}

/// Every address of this machine that others can use.
pub fn addresses() -> io::Result<Vec<IpAddr>> {
    let mut found: Vec<IpAddr> = Vec::new();
    for part in getifaddrs()? {
        let Some(address) = part.address else { continue };
        let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
        let v6 = address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip()));
        found.extend(v4.or(v6).filter(|address| !address.is_loopback()));
    }
    found.sort();
    found.dedup();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_there_and_no_server_is_asked_on_it() {
        let found = interfaces().unwrap();
        let loopback = found.iter().find(|interface| interface.name == "lo").unwrap();
        assert!(!loopback.can_broadcast);
        assert!(addresses().unwrap().iter().all(|address| !address.is_loopback()));
    }

    #[test]
    fn what_is_read_without_netlink_is_the_same() {
        for listed in interfaces().unwrap() {
            let Ok(read) = named(&listed.name) else { continue };
            assert_eq!((read.index, read.can_broadcast), (listed.index, listed.can_broadcast), "{listed:?}");
            assert_eq!(read.hardware, listed.hardware, "{listed:?}");
            assert!(read.ipv4.iter().all(|address| listed.ipv4.contains(address)), "{listed:?} {read:?}");
        }
        assert!(names().unwrap().contains(&"lo".to_owned()));
        for name in ["", "no-such", "../net/lo", "."] {
            assert!(named(name).is_err(), "{name}");
        }
    }
}
