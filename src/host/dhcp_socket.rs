//! How does a daemon without privileges speak as a DHCP client? Through a socket on port 68 that it was passed; out of the
//! interface it names, and with the interface each answer came in on (`IP_PKTINFO`).

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsRawFd as _;

use nix::libc::in_pktinfo;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, RecvMsg, SockaddrIn, recvmsg, sendmsg, setsockopt, sockopt,
};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// Longer than any datagram.
const LONGEST: usize = 65_536;
/// Where servers listen.
const SERVER_PORT: u16 = 67;

/// A socket on port 68.
#[derive(Debug)]
pub struct DhcpSocket {
    socket: UdpSocket,
}

/// What came in.
#[derive(Debug, Eq, PartialEq)]
pub struct Received {
    /// Who sent it.
    pub source: Ipv4Addr,
    /// The number of the interface it came in on.
    pub interface: u32,
    /// The message.
    pub payload: Vec<u8>,
}

impl DhcpSocket {
    /// Takes a socket that is bound. Must be called inside the runtime.
    pub fn adopt(socket: std::net::UdpSocket) -> io::Result<DhcpSocket> {
        socket.set_broadcast(true)?;
        socket.set_nonblocking(true)?;
        setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
        Ok(DhcpSocket { socket: UdpSocket::from_std(socket)? })
    }

    /// Sends a message to every server behind an interface.
    pub async fn broadcast(&self, message: &[u8], interface: u32) -> io::Result<()> {
        let everybody = SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::BROADCAST, SERVER_PORT));
        let mut information = nothing();
        information.ipi_ifindex = i32::try_from(interface).map_err(io::Error::other)?;
        let control = [ControlMessage::Ipv4PacketInfo(&information)];
        let send = || {
            let parts = [IoSlice::new(message)];
            let sent = sendmsg(self.socket.as_raw_fd(), &parts, &control, MsgFlags::MSG_DONTWAIT, Some(&everybody));
            sent.map(drop).map_err(io::Error::from)
        };
        self.socket.async_io(Interest::WRITABLE, send).await
    }

    /// Waits for the next message.
    pub async fn receive(&self) -> io::Result<Received> {
        loop {
            let received = self.socket.async_io(Interest::READABLE, || self.received()).await?;
            if let Some(received) = received {
                return Ok(received);
            }
        }
    }

    /// Forgets what came in while nobody listened: the socket is open all the time.
    pub fn forget(&self) {
        while self.socket.try_io(Interest::READABLE, || self.received()).is_ok() {}
    }

    fn received(&self) -> io::Result<Option<Received>> {
        let mut payload = vec![0u8; LONGEST];
        let mut beside = nix::cmsg_space!(in_pktinfo);
        let mut parts = [IoSliceMut::new(&mut payload)];
        let message: RecvMsg<'_, '_, SockaddrIn> =
            recvmsg(self.socket.as_raw_fd(), &mut parts, Some(&mut beside), MsgFlags::MSG_DONTWAIT)?;
        let (length, source) = (message.bytes, message.address.map(|address| address.ip()));
        let mut all = message.cmsgs()?;
        let interface = all.find_map(|one| match one {
            ControlMessageOwned::Ipv4PacketInfo(information) => u32::try_from(information.ipi_ifindex).ok(),
            _ => None,
        });
        let (Some(source), Some(interface)) = (source, interface) else { return Ok(None) };
        payload.truncate(length);
        Ok(Some(Received { source, interface, payload }))
    }
}

/// No interface, no address.
fn nothing() -> in_pktinfo {
    in_pktinfo {
        ipi_ifindex: 0,
        ipi_spec_dst: nix::libc::in_addr { s_addr: 0 },
        ipi_addr: nix::libc::in_addr { s_addr: 0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_comes_with_its_interface_and_what_came_before_is_forgotten() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let socket = DhcpSocket::adopt(socket).unwrap();
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        server.send_to(b"old", address).await.unwrap();
        socket.socket.readable().await.unwrap();
        socket.forget();
        server.send_to(b"new", address).await.unwrap();
        let received = socket.receive().await.unwrap();
        assert_eq!((received.payload.as_slice(), received.source), (&b"new"[..], Ipv4Addr::LOCALHOST));
        assert_eq!(received.interface, nix::net::if_::if_nametoindex("lo").unwrap());
    }
}
