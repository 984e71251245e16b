//! Who sent this datagram, and to which of our addresses? And a socket that answers from there (`IP_PKTINFO`, RFC 3542).

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::cmsg_space;
use nix::libc::{in_pktinfo, in6_pktinfo};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, RecvMsg, SockaddrStorage, recv, recvmsg, setsockopt, sockopt};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep};

/// RFC 2347 allows a request 512 bytes.
const LONGEST_REQUEST: usize = 1024;
/// Room for the requests of a thousand phones after a power cut, if the system allows it.
const RECEIVE_BUFFER: usize = 1 << 20;
const PAUSE_AFTER_FAULT: Duration = Duration::from_millis(50);
const BETWEEN_COMPLAINTS: Duration = Duration::from_secs(60);

/// The socket where requests arrive.
pub(super) struct Door {
    socket: UdpSocket,
    bound: SocketAddr,
    complained: Option<Instant>,
}

/// What arrived at the door.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Datagram {
    pub(super) bytes: Vec<u8>,
    pub(super) peer: SocketAddr,
    /// The address it was sent to, with the port of the door.
    pub(super) local: SocketAddr,
}

impl Door {
    pub(super) fn new(socket: std::net::UdpSocket) -> io::Result<Door> {
        let bound = socket.local_addr()?;
        // On a dual-stack socket as well: only this one tells a broadcast address from our own.
        let set = setsockopt(&socket, sockopt::Ipv4PacketInfo, &true);
        match bound {
            SocketAddr::V4(_) => set?,
            SocketAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?,
        }
        let _ = setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER);
        socket.set_nonblocking(true)?;
        Ok(Door { socket: UdpSocket::from_std(socket)?, bound, complained: None })
    }

    /// Waits for the next datagram. Faults are passed over: none of them may end the service.
    pub(super) async fn receive(&mut self) -> Datagram {
        loop {
            match self.socket.async_io(Interest::READABLE, || receive_now(&self.socket, self.bound)).await {
                Ok(Some(datagram)) => return datagram,
                Ok(None) => {}
                Err(error) => {
                    self.complain(&error);
                    sleep(PAUSE_AFTER_FAULT).await;
                }
            }
        }
    }

    fn complain(&mut self, error: &io::Error) {
        if self.complained.is_none_or(|last| last.elapsed() >= BETWEEN_COMPLAINTS) {
            self.complained = Some(Instant::now());
            tracing::warn!(plane = "device", %error, "cannot receive TFTP requests");
        }
    }
}

/// A socket that speaks with one peer only, from the address that was asked and a port of its own.
pub(super) fn towards(peer: SocketAddr, mut local: SocketAddr) -> io::Result<std::net::UdpSocket> {
    local.set_port(0);
    let socket = std::net::UdpSocket::bind(local)?;
    socket.connect(peer)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// A datagram that is already in the queue, past what tokio knows of it; its length.
pub(super) fn queued(socket: &UdpSocket, buffer: &mut [u8]) -> Option<usize> {
    recv(socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT).ok()
}

/// Takes one datagram from the queue; `None` if it is too long, from nowhere, or was broadcast.
fn receive_now(socket: &UdpSocket, bound: SocketAddr) -> io::Result<Option<Datagram>> {
    let mut buffer = [0; LONGEST_REQUEST];
    let mut control = cmsg_space!(in_pktinfo, in6_pktinfo);
    let mut parts = [IoSliceMut::new(&mut buffer)];
    let message: RecvMsg<'_, '_, SockaddrStorage> =
        recvmsg(socket.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::MSG_DONTWAIT)?;
    let length = message.bytes;
    let asked = asked_address(&message, bound);
    let peer = message.address.as_ref().and_then(peer_address);
    let whole = !message.flags.contains(MsgFlags::MSG_TRUNC);
    let (Some(peer), Some(local), true) = (peer, asked, whole) else { return Ok(None) };
    Ok(buffer.get(..length).map(|bytes| Datagram { bytes: bytes.to_vec(), peer, local }))
}

fn peer_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some(SocketAddr::V4(SocketAddrV4::from(*v4)));
    }
    let v6 = SocketAddrV6::from(*address.as_sockaddr_in6()?);
    Some(canonical(*v6.ip(), v6.port(), v6.scope_id()))
}

/// The address a datagram was sent to, or `None` if it was sent to more hosts than us (RFC 1123 §4.2.3.5: to be ignored).
fn asked_address(message: &RecvMsg<'_, '_, SockaddrStorage>, bound: SocketAddr) -> Option<SocketAddr> {
    let mut asked = canonical_of(bound);
    for control in message.cmsgs().ok()? {
        match control {
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                let header = Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr));
                let ours = Ipv4Addr::from(u32::from_be(info.ipi_spec_dst.s_addr));
                return unicast(header, ours).then_some((header, bound.port()).into());
            }
            ControlMessageOwned::Ipv6PacketInfo(info) => {
                asked = canonical(info.ipi6_addr.s6_addr.into(), bound.port(), info.ipi6_ifindex);
            }
            _ => {}
        }
    }
    (!asked.ip().is_multicast()).then_some(asked)
}

/// Whether a datagram to the address `header` was meant for us alone, `ours` being the address we would answer from.
/// Of a datagram that came before we asked the kernel for it, as with a socket of systemd, `ours` is not known.
fn unicast(header: Ipv4Addr, ours: Ipv4Addr) -> bool {
    header == ours || (ours.is_unspecified() && !header.is_broadcast() && !header.is_multicast())
}

fn canonical_of(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => address,
        SocketAddr::V6(v6) => canonical(*v6.ip(), v6.port(), v6.scope_id()),
    }
}

/// An IPv4 address dressed as IPv6 becomes IPv4 again; a scope is kept only where it means something.
fn canonical(address: Ipv6Addr, port: u16, scope: u32) -> SocketAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => (v4, port).into(),
        IpAddr::V6(v6) => SocketAddrV6::new(v6, port, 0, if v6.is_unicast_link_local() { scope } else { 0 }).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_spelling() {
        for (v6, scope, text) in [
            ("::ffff:192.0.2.7", 3, "192.0.2.7:69"),
            ("fe80::1", 3, "[fe80::1%3]:69"),
            ("2001:db8::1", 3, "[2001:db8::1]:69"),
            ("::1", 1, "[::1]:69"),
        ] {
            assert_eq!(canonical(v6.parse().unwrap(), 69, scope).to_string(), text);
        }
    }

    #[test]
    fn a_broadcast_is_not_for_us_alone() {
        for (header, ours, alone) in [
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "0.0.0.0", true),
            ("192.0.2.255", "192.0.2.7", false),
            ("255.255.255.255", "192.0.2.7", false),
            ("255.255.255.255", "0.0.0.0", false),
            ("224.0.0.1", "0.0.0.0", false),
        ] {
            assert_eq!(unicast(header.parse().unwrap(), ours.parse().unwrap()), alone, "{header} {ours}");
        }
    }
}
