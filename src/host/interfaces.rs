//! Which network interfaces has this machine, and which addresses?

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

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
}
