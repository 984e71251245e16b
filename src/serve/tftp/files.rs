//! What does the TFTP server need to be told, and what does it tell? The seam between the UDP loop and the device plane.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::tftp::packet::ErrorCode;
use crate::tftp::transfer::{Ending, Limits, Reason};

/// Where the files come from, and who hears what became of them.
pub trait Files: Send + Sync + 'static {
    /// Finds what a peer asked for. Runs in the task of the download and may take its time: a peer that repeats itself
    /// meanwhile is not asked about twice. Dropped if the peer asks for something else.
    fn open(&self, ask: Ask) -> impl Future<Output = Result<Content, Refused>> + Send;

    /// A download that began is over. Told exactly once for each, also if the server is dropped.
    fn finished(&self, ask: &Ask, outcome: Outcome);

    /// A datagram was not even asked about. Whoever writes these down limits how many.
    fn turned_away(&self, peer: SocketAddr, why: TurnedAway) {
        let _ = (peer, why);
    }
}

/// One read request as the device plane sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ask {
    /// The file name as the phone spells it, leading slashes included.
    pub name: String,
    /// Who asks; never an IPv4 address dressed as IPv6.
    pub peer: SocketAddr,
    /// The address that was asked, with the port we listen on.
    pub local: SocketAddr,
}

/// The bytes of a file.
#[derive(Debug)]
pub enum Content {
    /// Rendered, and small.
    Bytes(Bytes),
    /// On disk, and perhaps large; read piece by piece.
    File {
        /// Open for reading.
        file: std::fs::File,
        /// How many bytes of it to send.
        length: u64,
    },
}

/// Why there is no content.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refused {
    /// There is no such file for this peer: ERROR 1.
    NotFound,
    /// There may be, but not now: ERROR 0.
    Unavailable,
}

/// What became of a download.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// How it ended.
    pub ended: Ended,
    /// How many bytes of the file the peer acknowledged.
    pub acknowledged: u64,
    /// How many bytes of the file were sent, those sent again included.
    pub sent: u64,
}

/// How a download ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ended {
    /// The server was dropped in the middle of it.
    Cancelled,
    /// The peer has it all.
    Completed,
    /// We stopped trying.
    GivenUp(Reason),
    /// The peer's port is closed.
    PeerGone,
    /// The peer asked for something else, or began anew.
    Replaced,
    /// The peer sent an ERROR.
    Stopped(ErrorCode),
    /// The file could not be read to its end.
    Unreadable,
}

/// Why a datagram was not asked about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TurnedAway {
    /// The source address has all the downloads one address may have. Not answered: an ERROR would end the phone's
    /// attempt for hours, while a lost request is repeated within seconds.
    AddressBusy,
    /// All downloads are taken. Not answered, for the same reason.
    Busy,
    /// A request that makes no sense: ERROR 4.
    Malformed,
    /// No socket to answer from, mostly for want of file descriptors. Not answered.
    NoSocket,
    /// A mode other than octet: ERROR 0.
    NotOctet,
    /// A source outside the networks. Not answered.
    OutsideNetworks,
    /// Neither a read nor a write request. Not answered.
    Stray,
    /// Somebody wants to leave a file here: ERROR 2.
    WriteRequest,
}

/// Who is served, and how much at a time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rules {
    /// Everybody else gets no byte.
    pub networks: Vec<IpNet>,
    /// Downloads at a time.
    pub transfers: usize,
    /// Downloads at a time to one address.
    pub transfers_per_address: usize,
    /// What a client may negotiate.
    pub limits: Limits,
}

impl Rules {
    /// Whether this address is served at all.
    pub fn admit(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }
}

impl Default for Rules {
    /// Private, link-local and loopback addresses.
    fn default() -> Rules {
        let v4 = [([10, 0, 0, 0], 8), ([127, 0, 0, 0], 8), ([169, 254, 0, 0], 16), ([172, 16, 0, 0], 12)];
        let v4 = v4.into_iter().chain([([192, 168, 0, 0], 16)]);
        let v6 =
            [([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), ([0, 0, 0, 0, 0, 0, 0, 1], 128)];
        let v4 = v4.filter_map(|(address, bits)| Ipv4Net::new(address.into(), bits).ok().map(IpNet::V4));
        let v6 = v6.into_iter().filter_map(|(address, bits)| Ipv6Net::new(address.into(), bits).ok().map(IpNet::V6));
        Rules { networks: v4.chain(v6).collect(), transfers: 512, transfers_per_address: 16, limits: Limits::default() }
    }
}

impl From<Ending> for Ended {
    fn from(ending: Ending) -> Ended {
        match ending {
            Ending::Completed => Ended::Completed,
            Ending::GivenUp(reason) => Ended::GivenUp(reason),
            Ending::Stopped(code) => Ended::Stopped(code),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_served_by_default() {
        let rules = Rules::default();
        for address in
            ["10.1.2.3", "172.31.0.1", "192.168.7.7", "169.254.1.1", "127.0.0.2", "fd00::1", "fe80::1", "::1"]
        {
            assert!(rules.admit(address.parse().unwrap()), "{address}");
        }
        for address in ["172.32.0.1", "192.0.2.1", "100.64.0.1", "2001:db8::1", "::ffff:10.1.2.3", "::"] {
            assert!(!rules.admit(address.parse().unwrap()), "{address}");
        }
    }
}
