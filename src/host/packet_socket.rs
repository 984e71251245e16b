//! What passes by on a network interface? DHCP alone: the kernel hands over frames of ports 67 and 68, over IPv6 of 546 and
//! 547, and drops the rest.
//!
//! Opening one needs CAP_NET_RAW. The kernel takes VLAN tags off before it hands a frame over and tells them beside it
//! (PACKET_AUXDATA); they are put back, so that a frame looks as it did on the wire. No library offers that option, so
//! this file has the one call of the project that the compiler cannot check.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd as _};

use nix::libc;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// Longer than any frame.
const LONGEST: usize = 65_536;

/// Frames of DHCP, as they pass.
#[derive(Debug)]
pub struct PacketSocket {
    /// The descriptor of a packet socket. The runtime only needs to know when there is something to read, which is the same
    /// for every datagram socket.
    socket: UdpSocket,
}

impl PacketSocket {
    /// Listens on the interface of that number, or on all. Must be called inside the runtime.
    pub fn open(interface: Option<u32>) -> io::Result<PacketSocket> {
        const ALL_PROTOCOLS: u16 = 3;
        let protocol = Protocol::from(i32::from(ALL_PROTOCOLS.to_be()));
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol))?;
        socket.attach_filter(&filter(interface))?;
        tell_vlan_tags(&socket)?;
        socket.set_nonblocking(true)?;
        // What came in before the filter was there.
        while received(&socket).is_ok() {}
        Ok(PacketSocket { socket: UdpSocket::from_std(socket.into())? })
    }

    /// Waits for the next frame.
    pub async fn receive(&self) -> io::Result<Vec<u8>> {
        self.socket.async_io(Interest::READABLE, || received(&self.socket)).await
    }
}

fn received(socket: &impl AsFd) -> io::Result<Vec<u8>> {
    let mut frame = vec![0u8; LONGEST];
    let mut beside = nix::cmsg_space!([u8; 20]);
    let (length, tag) = {
        let mut parts = [IoSliceMut::new(&mut frame)];
        let message = recvmsg::<()>(socket.as_fd().as_raw_fd(), &mut parts, Some(&mut beside), MsgFlags::empty())?;
        let tag = message.cmsgs().ok().and_then(|mut all| all.find_map(|one| vlan_tag(&one)));
        (message.bytes, tag)
    };
    frame.truncate(length);
    if let (Some(tag), true) = (tag, length >= 12) {
        frame.splice(12..12, tag);
    }
    Ok(frame)
}

/// `struct tpacket_auxdata`: status, two lengths and two offsets, then the tag and its protocol.
fn vlan_tag(message: &ControlMessageOwned) -> Option<[u8; 4]> {
    const TAG_VALID: u32 = 1 << 4;
    const PROTOCOL_VALID: u32 = 1 << 6;
    let ControlMessageOwned::Unknown(unknown) = message else { return None };
    let header = &unknown.cmsg_header;
    if (header.cmsg_level, header.cmsg_type) != (libc::SOL_PACKET, libc::PACKET_AUXDATA) {
        return None;
    }
    let [a, b, c, d, _, _, _, _, _, _, _, _, _, _, _, _, tag_a, tag_b, protocol_a, protocol_b, ..] =
        *unknown.data_bytes.as_slice()
    else {
        return None;
    };
    let status = u32::from_ne_bytes([a, b, c, d]);
    if status & TAG_VALID == 0 {
        return None;
    }
    let tag = u16::from_ne_bytes([tag_a, tag_b]).to_be_bytes();
    let protocol = match status & PROTOCOL_VALID {
        0 => 0x8100,
        _ => u16::from_ne_bytes([protocol_a, protocol_b]),
    };
    let [high, low] = protocol.to_be_bytes();
    let [tag_high, tag_low] = tag;
    Some([high, low, tag_high, tag_low])
}

#[allow(unsafe_code)]
fn tell_vlan_tags(socket: &Socket) -> io::Result<()> {
    let on: libc::c_int = 1;
    let length = libc::socklen_t::try_from(size_of_val(&on)).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open as long as `socket` is borrowed, and the kernel reads `length` octets of `on`, which
    // outlives the call and is that long.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_AUXDATA,
            (&raw const on).cast::<libc::c_void>(),
            length,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

// Classic BPF (linux/filter.h): load half-word or octet, compare, return.
const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const LOAD_OCTET: u16 = 0x30;
const LOAD_HALF_AT_X: u16 = 0x48;
const HEADER_LENGTH_TO_X: u16 = 0xb1;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_SET: u16 = 0x45;
const RETURN: u16 = 0x06;
const INTERFACE: u32 = 0xffff_f008; // SKF_AD_OFF + SKF_AD_IFINDEX

/// The program the kernel runs on every frame: IPv4, UDP, no later fragment, port 67 or 68 on either side, or IPv6, UDP, port
/// 546 or 547, with at most one VLAN tag in the frame itself; and the interface.
fn filter(interface: Option<u32>) -> Vec<SockFilter> {
    let mut program = Vec::new();
    if let Some(index) = interface {
        program.push(SockFilter::new(LOAD_WORD, 0, 0, INTERFACE));
        program.push(SockFilter::new(JUMP_IF_EQUAL, 1, 0, index));
        program.push(SockFilter::new(RETURN, 0, 0, 0));
    }
    // Where the parts below begin, counted from here: 10 untagged, 23 tagged, then the same of IPv6 at 36 and 46.
    program.push(SockFilter::new(LOAD_HALF, 0, 0, 12));
    program.push(SockFilter::new(JUMP_IF_EQUAL, 8, 0, 0x0800));
    program.push(SockFilter::new(JUMP_IF_EQUAL, 33, 0, 0x86dd));
    program.push(SockFilter::new(JUMP_IF_EQUAL, 2, 0, 0x8100));
    program.push(SockFilter::new(JUMP_IF_EQUAL, 1, 0, 0x88a8));
    program.push(SockFilter::new(RETURN, 0, 0, 0));
    program.push(SockFilter::new(LOAD_HALF, 0, 0, 16));
    program.push(SockFilter::new(JUMP_IF_EQUAL, 15, 0, 0x0800));
    program.push(SockFilter::new(JUMP_IF_EQUAL, 37, 0, 0x86dd));
    program.push(SockFilter::new(RETURN, 0, 0, 0));
    program.extend(ipv4(14));
    program.extend(ipv4(18));
    program.extend(ipv6(14));
    program.extend(ipv6(18));
    program
}

/// IPv4 at that offset. Jumps are counted from the next instruction on; the last two are: keep, drop.
fn ipv4(offset: u32) -> Vec<SockFilter> {
    vec![
        SockFilter::new(LOAD_OCTET, 0, 0, offset + 9),
        SockFilter::new(JUMP_IF_EQUAL, 0, 8, 17),
        SockFilter::new(LOAD_HALF, 0, 0, offset + 6),
        SockFilter::new(JUMP_IF_SET, 8, 0, 0x1fff),
        SockFilter::new(HEADER_LENGTH_TO_X, 0, 0, offset),
        SockFilter::new(LOAD_HALF_AT_X, 0, 0, offset),
        SockFilter::new(JUMP_IF_EQUAL, 4, 0, 67),
        SockFilter::new(JUMP_IF_EQUAL, 3, 0, 68),
        SockFilter::new(LOAD_HALF_AT_X, 0, 0, offset + 2),
        SockFilter::new(JUMP_IF_EQUAL, 1, 0, 67),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, 68),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}

/// The same of IPv6.
fn ipv6(offset: u32) -> Vec<SockFilter> {
    vec![
        SockFilter::new(LOAD_OCTET, 0, 0, offset + 6),
        SockFilter::new(JUMP_IF_EQUAL, 0, 7, 17),
        SockFilter::new(LOAD_HALF, 0, 0, offset + 40),
        SockFilter::new(JUMP_IF_EQUAL, 4, 0, 546),
        SockFilter::new(JUMP_IF_EQUAL, 3, 0, 547),
        SockFilter::new(LOAD_HALF, 0, 0, offset + 42),
        SockFilter::new(JUMP_IF_EQUAL, 1, 0, 546),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, 547),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}

#[cfg(test)]
mod tests {
    use nix::sys::socket::UnknownCmsg;

    use super::*;

    fn beside(status: u32, tag: u16, protocol: u16) -> ControlMessageOwned {
        let mut octets = vec![0u8; 20];
        octets[..4].copy_from_slice(&status.to_ne_bytes());
        octets[16..18].copy_from_slice(&tag.to_ne_bytes());
        octets[18..].copy_from_slice(&protocol.to_ne_bytes());
        let cmsg_header = libc::cmsghdr { cmsg_len: 36, cmsg_level: libc::SOL_PACKET, cmsg_type: libc::PACKET_AUXDATA };
        ControlMessageOwned::Unknown(UnknownCmsg { cmsg_header, data_bytes: octets })
    }

    #[test]
    fn a_tag_that_the_kernel_took_off_is_put_back() {
        assert_eq!(vlan_tag(&beside(1 << 4, 110, 0)), Some([0x81, 0, 0, 110]));
        assert_eq!(vlan_tag(&beside(1 << 4 | 1 << 6, 110, 0x88a8)), Some([0x88, 0xa8, 0, 110]));
        assert_eq!(vlan_tag(&beside(0, 110, 0x8100)), None);
    }
}
