//! What would DHCP tell a phone of each maker here? Asks as they ask, waits the whole window, and takes no lease.
//!
//! A DISCOVER for each family, and an INFORM when the interface has an address; never a REQUEST. All servers are heard,
//! not the first. Two ways, whichever is allowed: beside the machine's own DHCP client (CAP_NET_RAW), or on port 68
//! itself (CAP_NET_BIND_SERVICE).

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use etherparse::PacketBuilder;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::dhcp_options::{Message, MessageType, Op, Question, QuestionKind};
use super::frame::{CLIENT_PORT, Datagram, Link, SERVER_PORT, datagram};
use super::sightings::Sightings;
use crate::host::interfaces::Interface;
use crate::host::packet_socket::PacketSocket;
use crate::inventory::mac::MacAddr;
use crate::makers::MAKERS;
use crate::makers::dhcp::Family;

/// Whose hardware address the questions carry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Posing {
    /// This machine's: switches that compare it with the frame's sender let it pass.
    AsItself,
    /// One of the maker's ranges, for servers that choose by it.
    AsMaker,
}

/// Why nothing could be asked.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The interface has no hardware address to ask with.
    #[error("{0} has no hardware address: DHCP is asked on Ethernet and its likes")]
    NoHardware(String),
    /// Neither way is allowed.
    #[error(
        "not allowed: missing are CAP_NET_RAW (to listen beside a DHCP client) and CAP_NET_BIND_SERVICE (for port 68); \
         one of both is enough. Run it as root, or once: setcap cap_net_raw+ep PROGRAM"
    )]
    NotAllowed,
    /// Another client has the port, and we may not listen beside it.
    #[error(
        "port 68 is taken by a DHCP client of this machine, and CAP_NET_RAW, which would let both listen, is missing"
    )]
    PortTaken,
    /// The system failed.
    #[error("cannot ask on {interface}: {error}")]
    System {
        /// The interface.
        interface: String,
        /// What the system said.
        error: io::Error,
    },
}

/// One question, and for whom it is asked.
#[derive(Debug)]
struct Asked {
    family: &'static Family,
    kind: MessageType,
    mac: MacAddr,
    xid: u32,
    octets: Vec<u8>,
}

/// Asks as each family on one interface and gathers every answer until the window is over.
pub async fn probe(
    interface: &Interface,
    families: &[&'static Family],
    posing: Posing,
    window: Duration,
) -> Result<Sightings, ProbeError> {
    let failed = |error| ProbeError::System { interface: interface.name.clone(), error };
    let own = interface.hardware.and_then(|octets| MacAddr::new(octets).ok());
    let own = own.ok_or_else(|| ProbeError::NoHardware(interface.name.clone()))?;
    let address = interface.ipv4.first().copied();
    let asked = questions(families, own, address, posing, first_xid().map_err(failed)?);
    let mut seen = Sightings { interface: Some(interface.name.clone()), ..Sightings::default() };
    for question in &asked {
        seen.asks(question.family, question.mac, question.kind);
    }
    let wire = Wire::open(interface)?;
    let start = Instant::now();
    let end = start + window;
    for again in [start, start + window / 2] {
        let until = if again == start { start + window / 2 } else { end };
        // A lost question is asked once more; whoever was answered is not asked again.
        for question in asked.iter().filter(|question| !seen.is_answered(question.family, question.mac)) {
            wire.send(&question.octets, address).await.map_err(failed)?;
        }
        while let Ok(received) = timeout_at(until, wire.receive()).await {
            received.map_err(failed)?.take(&asked, &mut seen);
        }
    }
    Ok(seen)
}

/// Numbers nobody can guess and no other client uses.
fn first_xid() -> io::Result<u32> {
    getrandom::u32().map_err(io::Error::other)
}

fn questions(
    families: &[&'static Family],
    own: MacAddr,
    address: Option<Ipv4Addr>,
    posing: Posing,
    mut xid: u32,
) -> Vec<Asked> {
    let mut asked = Vec::new();
    for family in families {
        let mac = if posing == Posing::AsMaker { of_family(family, own) } else { own };
        // An INFORM says "this address is mine": who poses as another does not say that.
        let inform = address.filter(|_| posing == Posing::AsItself).map(QuestionKind::Inform);
        for kind in std::iter::once(QuestionKind::Discover).chain(inform) {
            xid = xid.wrapping_add(1);
            let question = Question { kind, xid, mac, class: family.class, wanted: family.wanted };
            asked.push(Asked { family, kind: kind.message_type(), mac, xid, octets: question.octets() });
        }
    }
    asked
}

/// The maker's range, and the end of our own address.
fn of_family(family: &Family, own: MacAddr) -> MacAddr {
    let of_maker = || MAKERS.iter().find(|maker| maker.id() == family.maker).map_or(&[][..], |maker| maker.ouis());
    let ranges = if family.ouis.is_empty() { of_maker() } else { family.ouis };
    let [_, _, _, d, e, f] = own.octets();
    let posed = ranges.first().map(|[a, b, c]| MacAddr::new([*a, *b, *c, d, e, f]));
    posed.and_then(Result::ok).unwrap_or(own)
}

/// How questions go out and answers come in.
enum Wire {
    /// Beside whatever client has port 68.
    Raw { out: Socket, into: PacketSocket },
    /// On port 68.
    Udp(UdpSocket),
}

/// What came in, not yet looked at.
enum Received {
    Datagram { source: Ipv4Addr, payload: Vec<u8> },
    Frame(Vec<u8>),
}

impl Wire {
    fn open(interface: &Interface) -> Result<Wire, ProbeError> {
        let failed = |error| ProbeError::System { interface: interface.name.clone(), error };
        let denied = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
        match Wire::raw(interface) {
            Err(error) if denied(&error) => {}
            other => return other.map_err(failed),
        }
        match Wire::udp(interface) {
            Err(error) if denied(&error) => Err(ProbeError::NotAllowed),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(ProbeError::PortTaken),
            other => other.map_err(failed),
        }
    }

    fn raw(interface: &Interface) -> io::Result<Wire> {
        let into = PacketSocket::open(Some(interface.index))?;
        let out = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP))?;
        out.set_header_included_v4(true)?;
        out.set_broadcast(true)?;
        out.bind_device(Some(interface.name.as_bytes()))?;
        Ok(Wire::Raw { out, into })
    }

    fn udp(interface: &Interface) -> io::Result<Wire> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_broadcast(true)?;
        socket.bind_device(Some(interface.name.as_bytes()))?;
        socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, CLIENT_PORT)).into())?;
        socket.set_nonblocking(true)?;
        Ok(Wire::Udp(UdpSocket::from_std(socket.into())?))
    }

    async fn send(&self, message: &[u8], source: Option<Ipv4Addr>) -> io::Result<()> {
        let everybody = SocketAddrV4::new(Ipv4Addr::BROADCAST, SERVER_PORT);
        match self {
            Wire::Raw { out, .. } => {
                let source = source.unwrap_or(Ipv4Addr::UNSPECIFIED).octets();
                let builder = PacketBuilder::ipv4(source, Ipv4Addr::BROADCAST.octets(), 64);
                let mut packet = Vec::new();
                builder.udp(CLIENT_PORT, SERVER_PORT).write(&mut packet, message).map_err(io::Error::other)?;
                out.send_to(&packet, &SocketAddr::V4(everybody).into()).map(drop)
            }
            Wire::Udp(socket) => socket.send_to(message, everybody).await.map(drop),
        }
    }

    async fn receive(&self) -> io::Result<Received> {
        match self {
            Wire::Raw { into, .. } => Ok(Received::Frame(into.receive().await?)),
            Wire::Udp(socket) => loop {
                let mut payload = vec![0u8; 65_536];
                let (length, from) = socket.recv_from(&mut payload).await?;
                payload.truncate(length);
                if let SocketAddr::V4(from) = from {
                    return Ok(Received::Datagram { source: *from.ip(), payload });
                }
            },
        }
    }
}

impl Received {
    fn take(&self, asked: &[Asked], seen: &mut Sightings) {
        match self {
            Received::Datagram { source, payload } => answer(&with_source(*source, payload), asked, seen),
            Received::Frame(frame) => match datagram(Link::Ethernet, frame) {
                Some(Ok(datagram)) => answer(&datagram, asked, seen),
                Some(Err(fault)) => seen.take(None, Err(fault)),
                None => {}
            },
        }
    }
}

fn with_source(source: Ipv4Addr, payload: &[u8]) -> Datagram<'_> {
    Datagram {
        source,
        destination: Ipv4Addr::UNSPECIFIED,
        source_port: SERVER_PORT,
        destination_port: CLIENT_PORT,
        hardware: None,
        vlans: Vec::new(),
        payload,
    }
}

/// Takes an answer to one of our questions; everything else on the wire is somebody else's.
fn answer(datagram: &Datagram, asked: &[Asked], seen: &mut Sightings) {
    let Ok(message) = Message::read(datagram.payload) else { return };
    let question = asked.iter().find(|question| question.xid == message.xid && message.mac == Some(question.mac));
    if let (Some(question), Op::Reply) = (question, message.op) {
        seen.answered(question.family, question.mac, datagram, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::makers::dhcp::{FAMILIES, of_maker};

    fn asked(posing: Posing) -> Vec<Asked> {
        let families: Vec<&'static Family> = FAMILIES.iter().collect();
        questions(&families, "02:00:00:11:22:33".parse().unwrap(), Some(Ipv4Addr::new(10, 0, 0, 7)), posing, u32::MAX)
    }

    #[test]
    fn every_question_has_a_number_of_its_own_and_none_takes_a_lease() {
        let asked = asked(Posing::AsItself);
        let numbers: std::collections::BTreeSet<u32> = asked.iter().map(|question| question.xid).collect();
        assert_eq!((asked.len(), numbers.len()), (FAMILIES.len() * 2, FAMILIES.len() * 2));
        for question in &asked {
            let kind = Message::read(&question.octets).unwrap().message_type().unwrap();
            assert_eq!(kind, question.kind);
            assert!(matches!(kind, MessageType::Discover | MessageType::Inform));
        }
    }

    #[test]
    fn who_wears_a_makers_address_claims_none_of_its_own() {
        for question in asked(Posing::AsMaker) {
            assert_eq!(question.kind, MessageType::Discover);
            let own = question.mac.to_string() == "02:00:00:11:22:33";
            let has_ranges = !question.family.ouis.is_empty() || MAKERS.iter().any(|m| m.id() == question.family.maker);
            assert_eq!(own, !has_ranges, "{question:?}");
        }
    }

    #[test]
    fn answers_to_others_are_left_alone() {
        let family = of_maker("yealink").next().unwrap();
        let asked = questions(&[family], "02:00:00:11:22:33".parse().unwrap(), None, Posing::AsItself, 6);
        let mut seen = Sightings::default();
        seen.asks(family, asked[0].mac, asked[0].kind);
        let mut reply = asked[0].octets.clone();
        reply[0] = 2;
        let from = Ipv4Addr::new(10, 0, 0, 3);
        let mut other = reply.clone();
        other[7] = 8; // another number
        answer(&with_source(from, &other), &asked, &mut seen);
        other = reply.clone();
        other[33] = 9; // another phone
        answer(&with_source(from, &other), &asked, &mut seen);
        answer(&with_source(from, &asked[0].octets), &asked, &mut seen); // our own question
        assert_eq!(seen.servers(), Vec::<Ipv4Addr>::new());
        answer(&with_source(from, &reply), &asked, &mut seen);
        assert_eq!(seen.servers(), [from]);
    }
}
