//! How a phone fetches a file over TFTP: one read request, octet mode, the options its maker's firmware sends, lock-step blocks
//! (RFC 1350; options RFC 2347, `blksize` RFC 2348, `tsize` RFC 2349). Written apart from the server's codec, as phones are.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::timeout;

/// How long a phone waits for a packet before it asks again.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often it asks again.
const TRIES: u32 = 4;
/// Longer files are given up.
const MAX_FILE: usize = 4 * 1024 * 1024;
/// What a block is without options.
const PLAIN_BLOCK: usize = 512;

/// A maker's habits.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct TftpManner {
    /// Whether file names begin with `/`.
    pub(super) slash: LeadingSlash,
    /// The block size asked for, together with `tsize`; nothing sends no options at all.
    pub(super) block_size: Option<u16>,
    /// Source ports the phone uses where they are free.
    pub(super) ports: Option<RangeInclusive<u16>>,
}

/// Whether a path keeps its slash as a TFTP file name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum LeadingSlash {
    Dropped,
    Kept,
}

/// Why no file came.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum TftpFault {
    #[error("TFTP error {code}: {text}")]
    Error { code: u16, text: String },
    #[error("{0}")]
    Io(String),
    #[error("malformed packet: {0}")]
    Malformed(&'static str),
    #[error("no answer")]
    Silence,
    #[error("too long")]
    TooLong,
}

impl TftpManner {
    /// The file name this maker's firmware sends for a URL path.
    pub(super) fn name<'a>(&self, path: &'a str) -> &'a str {
        match self.slash {
            LeadingSlash::Dropped => path.strip_prefix('/').unwrap_or(path),
            LeadingSlash::Kept => path,
        }
    }

    /// Fetches a file.
    pub(super) async fn read(&self, source: IpAddr, server: SocketAddr, path: &str) -> Result<Vec<u8>, TftpFault> {
        let mut transfer = Transfer { socket: self.bind(source).await?, server, peer: None };
        transfer.read(&self.request(1, path), self.block_size).await
    }

    /// Sends a file; servers for phones refuse this, and phones go on.
    pub(super) async fn write(
        &self,
        source: IpAddr,
        server: SocketAddr,
        path: &str,
        bytes: &[u8],
    ) -> Result<(), TftpFault> {
        let mut transfer = Transfer { socket: self.bind(source).await?, server, peer: None };
        let plain = TftpManner { block_size: None, ..self.clone() };
        transfer.write(&plain.request(2, path), bytes).await
    }

    fn request(&self, opcode: u8, path: &str) -> Vec<u8> {
        let mut packet = vec![0, opcode];
        let mut words = vec![self.name(path).to_owned(), "octet".to_owned()];
        if let Some(size) = self.block_size {
            words.extend(["blksize".to_owned(), size.to_string(), "tsize".to_owned(), "0".to_owned()]);
        }
        for word in words {
            packet.extend_from_slice(word.as_bytes());
            packet.push(0);
        }
        packet
    }

    async fn bind(&self, source: IpAddr) -> Result<UdpSocket, TftpFault> {
        for port in self.ports.clone().into_iter().flatten() {
            if let Ok(socket) = UdpSocket::bind((source, port)).await {
                return Ok(socket);
            }
        }
        UdpSocket::bind((source, 0)).await.map_err(|fault| TftpFault::Io(fault.to_string()))
    }
}

/// One transfer; the server's port is locked by its first packet.
struct Transfer {
    socket: UdpSocket,
    server: SocketAddr,
    peer: Option<SocketAddr>,
}

impl Transfer {
    async fn read(&mut self, request: &[u8], asked: Option<u16>) -> Result<Vec<u8>, TftpFault> {
        let mut file = Vec::new();
        let mut block_size = PLAIN_BLOCK;
        let mut expected: u16 = 1;
        let mut out = request.to_vec();
        loop {
            match self.converse(&out, |packet| packet.answers_read(expected)).await? {
                Packet::OptionAck(options) => {
                    block_size = agreed_block_size(&options, asked)?;
                    out = acknowledgement(0);
                }
                Packet::Data(number, block) => {
                    file.extend_from_slice(&block);
                    out = acknowledgement(number);
                    if block.len() > block_size {
                        return Err(TftpFault::Malformed("a block longer than agreed"));
                    }
                    if block.len() < block_size {
                        self.send(&out).await?;
                        return Ok(file);
                    }
                    if file.len() > MAX_FILE {
                        return Err(TftpFault::TooLong);
                    }
                    expected = number.wrapping_add(1);
                }
                Packet::Ack(_) | Packet::Error { .. } => return Err(TftpFault::Malformed("an unexpected packet")),
            }
        }
    }

    async fn write(&mut self, request: &[u8], bytes: &[u8]) -> Result<(), TftpFault> {
        let mut out = request.to_vec();
        for number in 0..=u16::MAX {
            self.converse(&out, |packet| *packet == Packet::Ack(number)).await?;
            let start = usize::from(number) * PLAIN_BLOCK;
            if start > bytes.len() {
                return Ok(());
            }
            let block = bytes.get(start..bytes.len().min(start + PLAIN_BLOCK)).unwrap_or_default();
            out = vec![0, 3];
            out.extend_from_slice(&number.wrapping_add(1).to_be_bytes());
            out.extend_from_slice(block);
        }
        Err(TftpFault::TooLong)
    }

    /// Sends, waits for the packet that is wanted, and sends again where it does not come. A late duplicate is no answer.
    async fn converse(&mut self, out: &[u8], wanted: impl Fn(&Packet) -> bool) -> Result<Packet, TftpFault> {
        for _ in 0..TRIES {
            self.send(out).await?;
            while let Ok(received) = timeout(PATIENCE, self.receive()).await {
                match received? {
                    Packet::Error { code, text } => return Err(TftpFault::Error { code, text }),
                    packet if wanted(&packet) => return Ok(packet),
                    _ => {}
                }
            }
        }
        Err(TftpFault::Silence)
    }

    async fn send(&self, packet: &[u8]) -> Result<(), TftpFault> {
        let to = self.peer.unwrap_or(self.server);
        self.socket.send_to(packet, to).await.map(drop).map_err(|fault| TftpFault::Io(fault.to_string()))
    }

    async fn receive(&mut self) -> Result<Packet, TftpFault> {
        let mut buffer = vec![0u8; 65_536];
        loop {
            let received = self.socket.recv_from(&mut buffer).await;
            let (length, from) = received.map_err(|fault| TftpFault::Io(fault.to_string()))?;
            if from.ip() != self.server.ip() || *self.peer.get_or_insert(from) != from {
                continue;
            }
            return Packet::parse(buffer.get(..length).unwrap_or_default());
        }
    }
}

/// What a server may send.
#[derive(Debug, Eq, PartialEq)]
enum Packet {
    Ack(u16),
    Data(u16, Vec<u8>),
    Error { code: u16, text: String },
    OptionAck(Vec<(String, String)>),
}

impl Packet {
    fn parse(bytes: &[u8]) -> Result<Packet, TftpFault> {
        match bytes {
            [0, 3, high, low, block @ ..] => Ok(Packet::Data(u16::from_be_bytes([*high, *low]), block.to_vec())),
            [0, 4, high, low] => Ok(Packet::Ack(u16::from_be_bytes([*high, *low]))),
            [0, 5, high, low, text @ ..] => {
                let text = String::from_utf8_lossy(text).trim_end_matches('\0').to_owned();
                Ok(Packet::Error { code: u16::from_be_bytes([*high, *low]), text })
            }
            [0, 6, options @ ..] => Ok(Packet::OptionAck(read_options(options)?)),
            _ => Err(TftpFault::Malformed("unknown opcode")),
        }
    }

    fn answers_read(&self, expected: u16) -> bool {
        match self {
            Packet::Data(number, _) => *number == expected,
            Packet::OptionAck(_) => expected == 1,
            Packet::Ack(_) | Packet::Error { .. } => false,
        }
    }
}

fn read_options(bytes: &[u8]) -> Result<Vec<(String, String)>, TftpFault> {
    let text = std::str::from_utf8(bytes).map_err(|_| TftpFault::Malformed("options are not text"))?;
    let text = text.strip_suffix('\0').ok_or(TftpFault::Malformed("options without an end"))?;
    let words: Vec<&str> = text.split('\0').collect();
    let pairs = words.chunks(2).map(|pair| match pair {
        [name, value] => Ok((name.to_ascii_lowercase(), (*value).to_owned())),
        _ => Err(TftpFault::Malformed("an option without a value")),
    });
    pairs.collect()
}

/// The server may lower the block size, never raise it or invent one (RFC 2348).
fn agreed_block_size(options: &[(String, String)], asked: Option<u16>) -> Result<usize, TftpFault> {
    let asked = asked.ok_or(TftpFault::Malformed("options that were not asked for"))?;
    let Some((_, size)) = options.iter().find(|(name, _)| name == "blksize") else { return Ok(PLAIN_BLOCK) };
    let size: u16 = size.parse().map_err(|_| TftpFault::Malformed("blksize is no number"))?;
    if size < 8 || size > asked {
        return Err(TftpFault::Malformed("blksize beyond what was asked for"));
    }
    Ok(usize::from(size))
}

fn acknowledgement(number: u16) -> Vec<u8> {
    let [high, low] = number.to_be_bytes();
    vec![0, 4, high, low]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manner(block_size: Option<u16>) -> TftpManner {
        TftpManner { slash: LeadingSlash::Dropped, block_size, ports: None }
    }

    #[test]
    fn a_request_is_spelt_as_the_rfcs_want_it() {
        assert_eq!(manner(None).request(1, "/a/b.cfg"), b"\0\x01a/b.cfg\0octet\0");
        let cisco = TftpManner { slash: LeadingSlash::Kept, ..manner(Some(1428)) };
        assert_eq!(cisco.request(1, "/x"), b"\0\x01/x\0octet\0blksize\x001428\0tsize\x000\0");
    }

    #[test]
    fn packets_are_read_or_refused() {
        assert_eq!(Packet::parse(b"\0\x03\0\x01ab"), Ok(Packet::Data(1, b"ab".to_vec())));
        assert_eq!(Packet::parse(b"\0\x05\0\x01no\0"), Ok(Packet::Error { code: 1, text: "no".into() }));
        let options = vec![("blksize".to_owned(), "1024".to_owned())];
        assert_eq!(Packet::parse(b"\0\x06BlkSize\x001024\0"), Ok(Packet::OptionAck(options)));
        for bytes in [&b""[..], b"\0", b"\0\x09", b"\0\x06a\0", b"\0\x06a\0b"] {
            assert!(matches!(Packet::parse(bytes), Err(TftpFault::Malformed(_))), "{bytes:?}");
        }
    }

    #[test]
    fn the_block_size_is_only_ever_lowered() {
        let answer = |size: &str| vec![("blksize".to_owned(), size.to_owned())];
        assert_eq!(agreed_block_size(&answer("1024"), Some(1428)), Ok(1024));
        assert_eq!(agreed_block_size(&[], Some(1428)), Ok(512));
        assert!(agreed_block_size(&answer("1429"), Some(1428)).is_err());
        assert!(agreed_block_size(&answer("7"), Some(1428)).is_err());
        assert!(agreed_block_size(&answer("512"), None).is_err());
    }
}
