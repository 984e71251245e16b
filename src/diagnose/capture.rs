//! Which frames are in this capture file? pcap and pcapng, of either byte order and any clock resolution.

use std::io::Read;

use jiff::Timestamp;
use pcap_parser::pcapng::{Block, EnhancedPacketBlock};
use pcap_parser::{Linktype, PcapBlockOwned, PcapError, create_reader};

use super::frame::Link;

/// Room for the longest frame a capture may hold, and at most that.
const BUFFER: usize = 1 << 20;
const LARGEST_BUFFER: usize = 1 << 26;

/// A frame as it was captured.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Frame {
    /// When, if the file says so.
    pub time: Option<Timestamp>,
    /// What it begins with.
    pub link: Link,
    /// Its octets.
    pub octets: Vec<u8>,
}

/// Why a capture cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CaptureError {
    /// Neither pcap nor pcapng.
    #[error("is neither a pcap nor a pcapng file")]
    Format,
    /// A kind of frames that is not read here.
    #[error("has frames of link type {0}; Ethernet, cooked Linux and raw IP can be read")]
    LinkType(i32),
    /// The file ends in a frame, or is damaged: what came before it was read.
    #[error("is cut or damaged after {0} frames")]
    Cut(usize),
    /// The system failed.
    #[error("cannot be read to its end")]
    Read,
}

/// Hands each frame to `take`, in the order of the file.
pub fn read(file: impl Read + Send, mut take: impl FnMut(Frame)) -> Result<(), CaptureError> {
    let mut reader = create_reader(BUFFER, file).map_err(|error| match error {
        PcapError::ReadError => CaptureError::Read,
        _ => CaptureError::Format,
    })?;
    let mut links = Links::default();
    let mut count = 0usize;
    loop {
        let (size, next) = match reader.next() {
            Ok((offset, block)) => (offset, Ok(links.frame(&block)?)),
            Err(error) => (0, Err(error.to_owned_vec())),
        };
        match next {
            Ok(frame) => {
                count = count.saturating_add(usize::from(frame.is_some()));
                frame.into_iter().for_each(&mut take);
                reader.consume(size);
            }
            Err(PcapError::Eof) => return Ok(()),
            Err(PcapError::Incomplete(_)) => reader.refill().map_err(|_| CaptureError::Read)?,
            Err(PcapError::BufferTooSmall) => {
                // A length that lies must not take all memory.
                let larger = reader.data().len().max(BUFFER).saturating_mul(2);
                if larger > LARGEST_BUFFER || !reader.grow(larger) {
                    return Err(CaptureError::Cut(count));
                }
                reader.refill().map_err(|_| CaptureError::Read)?;
            }
            Err(PcapError::ReadError) => return Err(CaptureError::Read),
            Err(_) => return Err(CaptureError::Cut(count)),
        }
    }
}

/// The interfaces of the current section: what frames begin with, and how their clocks count.
#[derive(Default)]
struct Links(Vec<Interface>);

#[derive(Clone, Copy)]
struct Interface {
    link: Link,
    ticks: u64,
    offset: i64,
}

impl Links {
    fn frame(&mut self, block: &PcapBlockOwned) -> Result<Option<Frame>, CaptureError> {
        match block {
            PcapBlockOwned::LegacyHeader(header) => {
                let ticks = if header.is_nanosecond_precision() { 1_000_000_000 } else { 1_000_000 };
                self.0 = vec![Interface { link: link(header.network)?, ticks, offset: 0 }];
                Ok(None)
            }
            PcapBlockOwned::Legacy(frame) => {
                let Some(interface) = self.0.first() else { return Ok(None) };
                let nanoseconds = u64::from(frame.ts_usec).saturating_mul(1_000_000_000 / interface.ticks);
                let time = Timestamp::new(i64::from(frame.ts_sec), i32::try_from(nanoseconds).unwrap_or_default());
                Ok(Some(Frame { time: time.ok(), link: interface.link, octets: frame.data.to_vec() }))
            }
            PcapBlockOwned::NG(Block::SectionHeader(_)) => {
                self.0.clear();
                Ok(None)
            }
            PcapBlockOwned::NG(Block::InterfaceDescription(about)) => {
                let ticks = about.ts_resolution().filter(|ticks| *ticks > 0).unwrap_or(1_000_000);
                self.0.push(Interface { link: link(about.linktype)?, ticks, offset: about.ts_offset() });
                Ok(None)
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                let interface = usize::try_from(packet.if_id).ok().and_then(|index| self.0.get(index));
                Ok(interface.map(|interface| interface.frame(packet)))
            }
            PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
                let length = usize::try_from(packet.origlen).unwrap_or(usize::MAX).min(packet.data.len());
                let octets = packet.data.get(..length).unwrap_or_default().to_vec();
                Ok(self.0.first().map(|interface| Frame { time: None, link: interface.link, octets }))
            }
            PcapBlockOwned::NG(_) => Ok(None),
        }
    }
}

impl Interface {
    fn frame(&self, packet: &EnhancedPacketBlock) -> Frame {
        let ticks = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
        let whole = i64::try_from(ticks / self.ticks).unwrap_or(i64::MAX).saturating_add(self.offset);
        let part = u128::from(ticks % self.ticks) * 1_000_000_000 / u128::from(self.ticks);
        let time = Timestamp::new(whole, i32::try_from(part).unwrap_or_default()).ok();
        // The block is padded to four octets.
        let length = usize::try_from(packet.caplen).unwrap_or(usize::MAX).min(packet.data.len());
        Frame { time, link: self.link, octets: packet.data.get(..length).unwrap_or_default().to_vec() }
    }
}

fn link(of: Linktype) -> Result<Link, CaptureError> {
    match of.0 {
        1 => Ok(Link::Ethernet),
        113 => Ok(Link::Cooked),
        276 => Ok(Link::Cooked2),
        12 | 14 | 101 | 228 => Ok(Link::Ip),
        other => Err(CaptureError::LinkType(other)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(file: &[u8]) -> Result<Vec<Frame>, CaptureError> {
        let mut frames = Vec::new();
        read(file, |frame| frames.push(frame)).map(|()| frames)
    }

    /// A classic file with one frame, its numbers written by `order`.
    fn classic(magic: u32, link: u32, order: fn(u32) -> [u8; 4]) -> Vec<u8> {
        let version = if order(1) == 1u32.to_be_bytes() { [0, 2, 0, 4] } else { [2, 0, 4, 0] };
        let numbers = |numbers: &[u32]| numbers.iter().flat_map(|number| order(*number)).collect::<Vec<u8>>();
        [&order(magic)[..], &version, &numbers(&[0, 0, 65535, link, 1_700_000_000, 5, 3, 3]), b"abc"].concat()
    }

    fn block(kind: u32, body: &[u8]) -> Vec<u8> {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let length = u32::try_from(body.len() + 12).unwrap().to_le_bytes();
        [&kind.to_le_bytes()[..], &length, &body, &length].concat()
    }

    #[test]
    fn classic_files_of_either_byte_order_and_resolution_are_read() {
        for (file, nanoseconds) in [
            (classic(0xa1b2_c3d4, 1, u32::to_le_bytes), 5_000),
            (classic(0xa1b2_c3d4, 1, u32::to_be_bytes), 5_000),
            (classic(0xa1b2_3c4d, 1, u32::to_le_bytes), 5),
        ] {
            let time = Timestamp::new(1_700_000_000, nanoseconds).ok();
            assert_eq!(frames(&file), Ok(vec![Frame { time, link: Link::Ethernet, octets: b"abc".to_vec() }]));
        }
    }

    #[test]
    fn a_pcapng_file_may_have_several_interfaces() {
        let section = block(0x0a0d_0d0a, &[&0x1a2b_3c4du32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat());
        let interface = |link: u8| block(1, &[link, 0, 0, 0, 0, 0, 4, 0]);
        let packet = |interface: u8, data: &[u8]| {
            let length = u8::try_from(data.len()).unwrap();
            block(
                6,
                &[&[interface, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, length, 0, 0, 0, length, 0, 0, 0][..], data].concat(),
            )
        };
        let file = [section, interface(1), interface(101), packet(1, b"abcde"), packet(0, b"xyz")].concat();
        let time = Timestamp::new(0, 7_000).ok();
        let expected = [(Link::Ip, &b"abcde"[..]), (Link::Ethernet, b"xyz")];
        let expected = expected.map(|(link, octets)| Frame { time, link, octets: octets.to_vec() });
        assert_eq!(frames(&file), Ok(expected.to_vec()));
    }

    #[test]
    fn what_is_no_capture_is_refused() {
        assert_eq!(frames(b""), Err(CaptureError::Format));
        assert_eq!(frames(b"not a capture, but long enough to be looked at"), Err(CaptureError::Format));
        assert_eq!(frames(&classic(0xa1b2_c3d4, 105, u32::to_le_bytes)), Err(CaptureError::LinkType(105)));
        let mut cut = classic(0xa1b2_c3d4, 1, u32::to_le_bytes);
        cut.extend_from_within(24..);
        cut.pop();
        assert_eq!(frames(&cut), Err(CaptureError::Cut(1)));
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..300), order in any::<bool>()) {
            let _ = frames(&octets);
            let order = if order { u32::to_le_bytes } else { u32::to_be_bytes };
            let _ = frames(&[classic(0xa1b2_c3d4, 1, order), octets].concat());
        }
    }
}
