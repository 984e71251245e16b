//! Is there DHCP in this frame? Ethernet with VLAN tags, IPv4 and UDP around a message of port 67 or 68, or IPv6 and UDP
//! around one of port 546 or 547.
//!
//! A wrong UDP checksum drops the datagram, as every phone would (RFC 1122 section 4.1.3.4); none (0) is allowed. A
//! capture taken on the sending machine often holds the sum of the pseudo-header alone, which the network card was to
//! complete: that is no fault.

use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::{
    EtherType, LaxLinkExtSlice, LaxNetSlice, LaxSlicedPacket, LinkSlice, TransportSlice, UdpHeader, UdpSlice,
};
use serde::Serialize;

use super::dhcp6;

/// The ports of server and client.
pub const SERVER_PORT: u16 = 67;
/// The port phones ask from.
pub const CLIENT_PORT: u16 = 68;

/// What a frame begins with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Link {
    /// The cooked header of captures on all interfaces.
    Cooked,
    /// Its second version.
    Cooked2,
    /// Ethernet II.
    Ethernet,
    /// IP without anything before it.
    Ip,
}

/// A UDP datagram of DHCP.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Datagram<'a> {
    /// Who sent it.
    pub source: Ipv4Addr,
    /// To whom.
    pub destination: Ipv4Addr,
    /// From which port.
    pub source_port: u16,
    /// To which port.
    pub destination_port: u16,
    /// The sender's hardware address, where the frame has it.
    pub hardware: Option<[u8; 6]>,
    /// VLAN tags, the outer one first.
    pub vlans: Vec<u16>,
    /// The message.
    pub payload: &'a [u8],
}

/// A UDP datagram of DHCPv6.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Datagram6<'a> {
    /// Who sent it.
    pub source: Ipv6Addr,
    /// The sender's hardware address, where the frame has it.
    pub hardware: Option<[u8; 6]>,
    /// VLAN tags, the outer one first.
    pub vlans: Vec<u16>,
    /// The message.
    pub payload: &'a [u8],
}

/// A datagram of DHCP that no phone takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum FrameFault {
    /// The UDP checksum is wrong.
    #[error("wrong UDP checksum: dropped by everybody")]
    Checksum,
    /// Only a piece of it.
    #[error("a fragment of a datagram; it is not put together here")]
    Fragment,
    /// Shorter than its own length says.
    #[error("the UDP length says {says} octets, {there} are there")]
    Short {
        /// What the header says.
        says: u16,
        /// What there is.
        there: usize,
    },
}

/// Finds the DHCP datagram in a frame: `None` if there is something else in it.
pub fn datagram(link: Link, frame: &[u8]) -> Option<Result<Datagram<'_>, FrameFault>> {
    let packet = sliced(link, frame)?;
    let Some(LaxNetSlice::Ipv4(ip)) = &packet.net else { return None };
    let header = ip.header().to_header();
    if ip.is_payload_fragmented() {
        // Only the first fragment tells its ports.
        let udp = UdpSlice::from_slice_lax(ip.payload().payload).ok()?;
        let first = header.fragment_offset.value() == 0;
        return (first && is_dhcp(&udp)).then_some(Err(FrameFault::Fragment));
    }
    let Some(TransportSlice::Udp(udp)) = &packet.transport else { return None };
    if !is_dhcp(udp) {
        return None;
    }
    let there = udp.slice().len();
    if usize::from(udp.length()) > there || usize::from(udp.length()) < UdpHeader::LEN {
        return Some(Err(FrameFault::Short { says: udp.length(), there }));
    }
    if !checksum_is_right(udp, header.source, header.destination) {
        return Some(Err(FrameFault::Checksum));
    }
    Some(Ok(Datagram {
        source: header.source.into(),
        destination: header.destination.into(),
        source_port: udp.source_port(),
        destination_port: udp.destination_port(),
        hardware: hardware(&packet),
        vlans: vlans(&packet),
        payload: udp.payload(),
    }))
}

/// Finds the DHCPv6 datagram in a frame: `None` if there is something else in it.
pub fn datagram6(link: Link, frame: &[u8]) -> Option<Result<Datagram6<'_>, FrameFault>> {
    const PORTS: [u16; 2] = [dhcp6::CLIENT_PORT, dhcp6::SERVER_PORT];
    let packet = sliced(link, frame)?;
    let Some(LaxNetSlice::Ipv6(ip)) = &packet.net else { return None };
    let Some(TransportSlice::Udp(udp)) = &packet.transport else { return None };
    if !PORTS.contains(&udp.destination_port()) {
        return None;
    }
    let header = ip.header().to_header();
    let there = udp.slice().len();
    if usize::from(udp.length()) > there || usize::from(udp.length()) < UdpHeader::LEN {
        return Some(Err(FrameFault::Short { says: udp.length(), there }));
    }
    // Over IPv6 there is always a sum (RFC 8200 section 8.1).
    let right = udp.to_header().calc_checksum_ipv6_raw(header.source, header.destination, udp.payload());
    let ends = [header.source, header.destination].concat();
    if right != Ok(udp.checksum()) && left_to_the_card(udp.length(), &ends) != udp.checksum() {
        return Some(Err(FrameFault::Checksum));
    }
    Some(Ok(Datagram6 {
        source: header.source.into(),
        hardware: hardware(&packet),
        vlans: vlans(&packet),
        payload: udp.payload(),
    }))
}

fn sliced(link: Link, frame: &[u8]) -> Option<LaxSlicedPacket<'_>> {
    match link {
        Link::Ethernet => LaxSlicedPacket::from_ethernet(frame).ok(),
        Link::Ip => LaxSlicedPacket::from_ip(frame).ok(),
        Link::Cooked => {
            let (header, packet) = frame.split_at_checked(16)?;
            let [.., a, b] = header else { return None };
            Some(LaxSlicedPacket::from_ether_type(EtherType(u16::from_be_bytes([*a, *b])), packet))
        }
        Link::Cooked2 => {
            let (header, packet) = frame.split_at_checked(20)?;
            let [a, b, ..] = header else { return None };
            Some(LaxSlicedPacket::from_ether_type(EtherType(u16::from_be_bytes([*a, *b])), packet))
        }
    }
}

fn is_dhcp(udp: &UdpSlice) -> bool {
    let ports = [udp.source_port(), udp.destination_port()];
    // A relay talks from 67 to 67; a captive portal's odd ports are none of ours.
    matches!(udp.destination_port(), SERVER_PORT | CLIENT_PORT)
        && ports.iter().any(|port| matches!(*port, SERVER_PORT | CLIENT_PORT))
}

fn checksum_is_right(udp: &UdpSlice, source: [u8; 4], destination: [u8; 4]) -> bool {
    if udp.checksum() == 0 {
        return true;
    }
    let header = udp.to_header();
    let right = header.calc_checksum_ipv4_raw(source, destination, udp.payload());
    right == Ok(udp.checksum()) || left_to_the_card(udp.length(), &[source, destination].concat()) == udp.checksum()
}

/// The sum of the pseudo-header (RFC 768), not inverted: what a card that computes checksums is given.
fn left_to_the_card(length: u16, ends: &[u8]) -> u16 {
    const UDP: u32 = 17;
    let words = ends.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok());
    let sum = words.fold(UDP + u32::from(length), |sum, word| sum + u32::from(u16::from_be_bytes(word)));
    let folded = (sum & 0xffff) + (sum >> 16);
    u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap_or_default()
}

fn hardware(packet: &LaxSlicedPacket) -> Option<[u8; 6]> {
    match packet.link.as_ref()? {
        LinkSlice::Ethernet2(ethernet) => Some(ethernet.source()),
        _ => None,
    }
}

fn vlans(packet: &LaxSlicedPacket) -> Vec<u16> {
    let tag = |extension: &LaxLinkExtSlice| match extension {
        LaxLinkExtSlice::Vlan(vlan) => Some(vlan.vlan_identifier().value()),
        LaxLinkExtSlice::Macsec(_) => None,
    };
    packet.link_exts.iter().filter_map(tag).collect()
}

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;
    use proptest::prelude::*;

    use super::*;

    fn frame(source_port: u16, destination_port: u16) -> Vec<u8> {
        let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [0xff; 6])
            .ipv4([10, 0, 0, 3], [255; 4], 64)
            .udp(source_port, destination_port);
        let mut frame = Vec::new();
        builder.write(&mut frame, b"payload").unwrap();
        frame
    }

    #[test]
    fn only_datagrams_of_dhcp_are_looked_at() {
        let octets = frame(67, 68);
        let found = datagram(Link::Ethernet, &octets).unwrap().unwrap();
        assert_eq!((found.payload, found.hardware), (&b"payload"[..], Some([2, 0, 0, 0, 0, 1])));
        assert!(datagram(Link::Ethernet, &frame(67, 67)).is_some(), "a relay");
        assert!(datagram(Link::Ethernet, &frame(5060, 5060)).is_none());
        assert!(datagram(Link::Ethernet, &frame(68, 5353)).is_none());
    }

    #[test]
    fn a_checksum_left_to_the_card_is_no_fault_and_a_wrong_one_is() {
        let mut octets = frame(67, 68);
        let sum = left_to_the_card(15, &[10, 0, 0, 3, 255, 255, 255, 255]);
        octets[40..42].copy_from_slice(&sum.to_be_bytes());
        assert!(datagram(Link::Ethernet, &octets).unwrap().is_ok());
        octets[40..42].copy_from_slice(&sum.wrapping_add(1).to_be_bytes());
        assert_eq!(datagram(Link::Ethernet, &octets), Some(Err(FrameFault::Checksum)));
        octets[40..42].copy_from_slice(&[0, 0]);
        assert!(datagram(Link::Ethernet, &octets).unwrap().is_ok(), "no checksum");
    }

    #[test]
    fn cooked_and_bare_captures_are_read_too() {
        let octets = frame(67, 68);
        let packet = &octets[14..];
        assert!(datagram(Link::Ip, packet).unwrap().is_ok());
        let cooked = [&[0u8; 14][..], &[8, 0], packet].concat();
        assert!(datagram(Link::Cooked, &cooked).unwrap().is_ok());
        let cooked2 = [&[8, 0][..], &[0u8; 18], packet].concat();
        assert!(datagram(Link::Cooked2, &cooked2).unwrap().is_ok());
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..200), keep in 0usize..60) {
            for link in [Link::Ethernet, Link::Ip, Link::Cooked, Link::Cooked2] {
                let _ = datagram(link, &octets);
                let _ = datagram6(link, &octets);
            }
            let mut octets = octets;
            octets.splice(..0, frame(67, 68).into_iter().take(keep));
            let _ = datagram(Link::Ethernet, &octets);
        }
    }
}
