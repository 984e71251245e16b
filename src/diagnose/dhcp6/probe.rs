//! What would DHCPv6 tell a phone here? A SOLICIT and an INFORMATION-REQUEST to all servers and relays, the whole window
//! waited, no lease taken. Unlike DHCPv4 it asks once and not as each maker: no manual says how makers' phones name
//! themselves over IPv6.

use std::io;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::sightings::Sightings;
use super::{CLIENT_PORT, Message, Question, QuestionKind, SERVER_PORT};
use crate::diagnose::frame::Datagram6;
use crate::host::interfaces::Interface;
use crate::inventory::mac::MacAddr;

/// All servers and relays of a link (RFC 8415 section 7.1).
const EVERYBODY: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);

/// Why nothing was asked over IPv6. The question over IPv4 stands for itself.
#[derive(Debug, thiserror::Error)]
pub enum NotAsked {
    /// The interface has no hardware address.
    #[error("{0} has no hardware address")]
    NoHardware(String),
    /// The interface has no address to ask from.
    #[error("{0} has no IPv6 address")]
    NoIpv6(String),
    /// Port 546 may not be had.
    #[error("CAP_NET_BIND_SERVICE, which port 546 needs, is missing")]
    NotAllowed,
    /// Another client has the port.
    #[error("port 546 is taken by a DHCPv6 client of this machine")]
    PortTaken,
    /// The system failed.
    #[error("{0}")]
    System(io::Error),
}

/// Asks on one interface and gathers every answer until the window is over.
pub async fn probe(interface: &Interface, window: Duration) -> Result<Sightings, NotAsked> {
    let own = interface.hardware.and_then(|octets| MacAddr::new(octets).ok());
    let mac = own.ok_or_else(|| NotAsked::NoHardware(interface.name.clone()))?;
    let first = getrandom::u32().map_err(|error| NotAsked::System(io::Error::other(error)))?;
    let asked = [QuestionKind::Solicit, QuestionKind::InformationRequest];
    let asked = asked.into_iter().zip([first, first.wrapping_add(1)]);
    let asked: Vec<Question> = asked.map(|(kind, number)| Question { kind, xid: number & 0x00ff_ffff, mac }).collect();
    let socket = open(interface).map_err(|error| NotAsked::because(error, interface))?;
    let mut seen = Sightings::default();
    let start = Instant::now();
    for (again, until) in [(0u8, start + window / 2), (1, start + window)] {
        for question in &asked {
            let octets = question.octets();
            if let Ok(message) = Message::read(&octets)
                && again == 0
            {
                seen.asks(mac, &message);
            }
            // A lost question is asked once more.
            if seen.answers().next().is_none() {
                let to = SocketAddrV6::new(EVERYBODY, SERVER_PORT, 0, interface.index);
                socket.send_to(&octets, to).await.map_err(|error| NotAsked::because(error, interface))?;
            }
        }
        let mut buffer = vec![0u8; 65_536];
        while let Ok(received) = timeout_at(until, socket.recv_from(&mut buffer)).await {
            let (length, from) = received.map_err(NotAsked::System)?;
            let payload = buffer.get(..length).unwrap_or_default();
            take(payload, from, &asked, &mut seen);
        }
    }
    Ok(seen)
}

/// Takes an answer to one of our questions; everything else is somebody else's.
fn take(payload: &[u8], from: SocketAddr, asked: &[Question], seen: &mut Sightings) {
    let SocketAddr::V6(from) = from else { return };
    let Ok(message) = Message::read(payload) else { return };
    if message.is_answer() && asked.iter().any(|question| question.xid == message.xid) {
        let datagram = Datagram6 { source: *from.ip(), hardware: None, vlans: Vec::new(), payload };
        seen.take(None, &datagram);
    }
}

fn open(interface: &Interface) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_only_v6(true)?;
    socket.bind_device(Some(interface.name.as_bytes()))?;
    socket.set_multicast_if_v6(interface.index)?;
    socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, CLIENT_PORT)).into())?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket.into())
}

impl NotAsked {
    fn because(error: io::Error, interface: &Interface) -> NotAsked {
        match error.kind() {
            io::ErrorKind::PermissionDenied => NotAsked::NotAllowed,
            io::ErrorKind::AddrInUse => NotAsked::PortTaken,
            io::ErrorKind::AddrNotAvailable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::Unsupported => {
                NotAsked::NoIpv6(interface.name.clone())
            }
            _ if error.raw_os_error() == Some(nix::libc::EAFNOSUPPORT) => NotAsked::NoIpv6(interface.name.clone()),
            _ => NotAsked::System(error),
        }
    }
}
