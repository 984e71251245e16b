//! What does this TFTP packet say? The codec of RFC 1350 with the options of RFC 2347: `blksize` (2348),
//! `timeout` and `tsize` (2349), `windowsize` (7440).

use std::time::Duration;

/// One packet, in the order of its operation code.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Packet<'a> {
    /// 1, RRQ: the peer wants a file.
    Read(Request),
    /// 2, WRQ: the peer wants to leave a file here.
    Write(Request),
    /// 3, DATA: one block; only the last one is shorter than the block size.
    Data {
        /// Counts from 1 and wraps from 65535 to 0.
        block: u16,
        /// The bytes of the block.
        bytes: &'a [u8],
    },
    /// 4, ACK: everything up to this block has arrived; 0 answers an OACK.
    Ack(u16),
    /// 5, ERROR: the transfer is over, and nobody answers this.
    Error {
        /// What went wrong.
        code: ErrorCode,
        /// The same for a person to read; not to be trusted.
        message: String,
    },
    /// 6, OACK: the options the server agrees to.
    OptionAck(Options),
}

/// What a RRQ or WRQ asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// The name as the peer spells it.
    pub file: String,
    /// How the bytes are to be sent.
    pub mode: Mode,
    /// What the peer would like to agree on.
    pub options: Options,
}

/// How a file is sent (RFC 1350 §1), in the order of the standard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// As text, with the line ends of a terminal.
    Netascii,
    /// Byte for byte.
    Octet,
    /// To a user instead of a file; obsolete.
    Mail,
}

/// The options we know, asked for or agreed to. Unknown, repeated and senseless ones are left out, as if never sent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Options {
    /// `blksize`: 8 to 65464 bytes in a block.
    pub block_size: Option<u16>,
    /// `timeout`: 1 to 255 seconds before something is sent again.
    pub timeout: Option<u8>,
    /// `tsize`: the size of the file, 0 in a RRQ.
    pub transfer_size: Option<u64>,
    /// `windowsize`: 1 to 65535 blocks for one acknowledgement.
    pub window_size: Option<u16>,
}

/// The number in an ERROR packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ErrorCode(pub u16);

/// Why some bytes are no packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PacketError {
    /// A request whose file name is not text we can write down without loss.
    #[error("the file name is not UTF-8")]
    NameNotUtf8,
    /// A request without a terminated file name and mode.
    #[error("the request ends too early")]
    RequestTooShort,
    /// Not even its fixed fields.
    #[error("the packet ends too early")]
    TooShort,
    /// A request with a mode that no RFC names.
    #[error("the mode is none of netascii, octet and mail")]
    UnknownMode,
    /// An operation code above 6, or 0.
    #[error("operation {0} is unknown")]
    UnknownOperation(u16),
}

/// The block size of a transfer without a `blksize` option.
pub const DEFAULT_BLOCK_SIZE: u16 = 512;

/// The operation code and block number in front of the bytes of a DATA packet.
pub const DATA_HEADER: usize = 4;

impl<'a> Packet<'a> {
    /// Reads one datagram.
    pub fn parse(datagram: &'a [u8]) -> Result<Packet<'a>, PacketError> {
        let (operation, rest) = number(datagram)?;
        match operation {
            1 => Ok(Packet::Read(Request::parse(rest)?)),
            2 => Ok(Packet::Write(Request::parse(rest)?)),
            3 => number(rest).map(|(block, bytes)| Packet::Data { block, bytes }),
            4 => number(rest).map(|(block, _)| Packet::Ack(block)),
            5 => {
                let (code, text) = number(rest)?;
                let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
                Ok(Packet::Error { code: ErrorCode(code), message: String::from_utf8_lossy(text).into_owned() })
            }
            6 => Ok(Packet::OptionAck(Options::parse(rest))),
            unknown => Err(PacketError::UnknownOperation(unknown)),
        }
    }

    /// The packet as sent. Texts must not contain NUL, which ends them on the wire.
    pub fn encode(&self) -> Vec<u8> {
        let mut datagram = Vec::new();
        match self {
            Packet::Read(request) => request.write(1, &mut datagram),
            Packet::Write(request) => request.write(2, &mut datagram),
            Packet::Data { block, bytes } => {
                datagram.reserve_exact(bytes.len().saturating_add(DATA_HEADER));
                datagram.extend(3u16.to_be_bytes());
                datagram.extend(block.to_be_bytes());
                datagram.extend_from_slice(bytes);
            }
            Packet::Ack(block) => {
                datagram.extend(4u16.to_be_bytes());
                datagram.extend(block.to_be_bytes());
            }
            Packet::Error { code, message } => {
                datagram.extend(5u16.to_be_bytes());
                datagram.extend(code.0.to_be_bytes());
                write_text(message, &mut datagram);
            }
            Packet::OptionAck(options) => {
                datagram.extend(6u16.to_be_bytes());
                options.write(&mut datagram);
            }
        }
        datagram
    }
}

impl Request {
    fn parse(bytes: &[u8]) -> Result<Request, PacketError> {
        let (file, rest) = text(bytes).ok_or(PacketError::RequestTooShort)?;
        let (mode, rest) = text(rest).ok_or(PacketError::RequestTooShort)?;
        let file = std::str::from_utf8(file).map_err(|_| PacketError::NameNotUtf8)?.to_owned();
        let mode = Mode::parse(mode).ok_or(PacketError::UnknownMode)?;
        Ok(Request { file, mode, options: Options::parse(rest) })
    }

    fn write(&self, operation: u16, datagram: &mut Vec<u8>) {
        datagram.extend(operation.to_be_bytes());
        write_text(&self.file, datagram);
        write_text(self.mode.name(), datagram);
        self.options.write(datagram);
    }
}

impl Mode {
    fn parse(name: &[u8]) -> Option<Mode> {
        [Mode::Netascii, Mode::Octet, Mode::Mail]
            .into_iter()
            .find(|mode| name.eq_ignore_ascii_case(mode.name().as_bytes()))
    }

    fn name(self) -> &'static str {
        match self {
            Mode::Netascii => "netascii",
            Mode::Octet => "octet",
            Mode::Mail => "mail",
        }
    }
}

impl Options {
    /// Reads pairs of name and value until something is no pair: some phones send padding after the last one.
    fn parse(mut bytes: &[u8]) -> Options {
        let mut options = Options::default();
        while let Some((name, rest)) = text(bytes)
            && let Some((value, rest)) = text(rest)
        {
            options.note(name, value);
            bytes = rest;
        }
        options
    }

    /// Takes one option in; the first sensible value of each counts.
    fn note(&mut self, name: &[u8], value: &[u8]) {
        let Some(value) = decimal(value) else { return };
        if name.eq_ignore_ascii_case(b"blksize") {
            let size = u16::try_from(value).ok().filter(|size| (8..=65_464).contains(size));
            self.block_size = self.block_size.or(size);
        } else if name.eq_ignore_ascii_case(b"timeout") {
            self.timeout = self.timeout.or(u8::try_from(value).ok().filter(|seconds| *seconds > 0));
        } else if name.eq_ignore_ascii_case(b"tsize") {
            self.transfer_size = self.transfer_size.or(Some(value));
        } else if name.eq_ignore_ascii_case(b"windowsize") {
            self.window_size = self.window_size.or(u16::try_from(value).ok().filter(|blocks| *blocks > 0));
        }
    }

    fn write(&self, datagram: &mut Vec<u8>) {
        let options = [
            ("blksize", self.block_size.map(u64::from)),
            ("timeout", self.timeout.map(u64::from)),
            ("tsize", self.transfer_size),
            ("windowsize", self.window_size.map(u64::from)),
        ];
        for (name, value) in options {
            if let Some(value) = value {
                write_text(name, datagram);
                write_text(&value.to_string(), datagram);
            }
        }
    }

    /// The `timeout` option as a time.
    pub fn patience(&self) -> Option<Duration> {
        self.timeout.map(|seconds| Duration::from_secs(u64::from(seconds)))
    }
}

impl ErrorCode {
    /// See the message.
    pub const NOT_DEFINED: ErrorCode = ErrorCode(0);
    /// File not found.
    pub const FILE_NOT_FOUND: ErrorCode = ErrorCode(1);
    /// Access violation.
    pub const ACCESS_VIOLATION: ErrorCode = ErrorCode(2);
    /// Illegal TFTP operation.
    pub const ILLEGAL_OPERATION: ErrorCode = ErrorCode(4);
    /// Unknown transfer ID.
    pub const UNKNOWN_TRANSFER: ErrorCode = ErrorCode(5);
    /// The options are not to the peer's liking (RFC 2347); also how a client ends that only wanted `tsize`.
    pub const OPTIONS_REFUSED: ErrorCode = ErrorCode(8);
}

impl PacketError {
    /// Whether this was meant to be a RRQ or WRQ, whose sender waits for an answer.
    pub fn in_request(self) -> bool {
        match self {
            PacketError::NameNotUtf8 | PacketError::RequestTooShort | PacketError::UnknownMode => true,
            PacketError::TooShort | PacketError::UnknownOperation(_) => false,
        }
    }
}

fn number(bytes: &[u8]) -> Result<(u16, &[u8]), PacketError> {
    let (number, rest) = bytes.split_first_chunk::<2>().ok_or(PacketError::TooShort)?;
    Ok((u16::from_be_bytes(*number), rest))
}

/// The bytes before the next NUL, and those after it.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (text, rest) = bytes.split_at_checked(bytes.iter().position(|byte| *byte == 0)?)?;
    rest.split_first().map(|(_, rest)| (text, rest))
}

fn decimal(digits: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(digits).ok()?;
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn write_text(text: &str, datagram: &mut Vec<u8>) {
    datagram.extend_from_slice(text.as_bytes());
    datagram.push(0);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(options: Options) -> Packet<'static> {
        Packet::Read(Request { file: "SEP001122334455.cnf.xml".to_owned(), mode: Mode::Octet, options })
    }

    #[test]
    fn names_of_modes_and_options_have_no_case() {
        let options =
            Options { block_size: Some(1428), timeout: Some(4), transfer_size: Some(0), window_size: Some(8) };
        let datagram =
            b"\0\x01SEP001122334455.cnf.xml\0OcTeT\0BlkSize\x001428\0TIMEOUT\x004\0tsize\x000\0WindowSize\x008\0";
        assert_eq!(Packet::parse(datagram), Ok(read(options)));
    }

    #[test]
    fn unknown_and_senseless_options_are_as_if_never_sent() {
        for (text, what) in [
            (&b"multicast\0\0"[..], "unknown"),
            (b"blksize\x007\0", "below 8"),
            (b"blksize\x0065465\0", "above 65464"),
            (b"blksize\0+512\0", "a sign"),
            (b"blksize\0\0", "no digits"),
            (b"timeout\x000\0timeout\x00256\0", "outside 1 to 255"),
            (b"windowsize\x000\0windowsize\x0065536\0", "outside 1 to 65535"),
            (b"tsize\x0018446744073709551616\0", "more than 64 bits"),
            (b"blksize\x00512", "not terminated"),
            (b"\0\0\0\0", "padding"),
        ] {
            let datagram = [b"\0\x01SEP001122334455.cnf.xml\0octet\0", text].concat();
            assert_eq!(Packet::parse(&datagram), Ok(read(Options::default())), "{what}");
        }
    }

    #[test]
    fn of_a_repeated_option_the_first_one_counts() {
        let datagram = b"\0\x01SEP001122334455.cnf.xml\0octet\0blksize\x001024\0blksize\x00512\0";
        let options = Options { block_size: Some(1024), ..Options::default() };
        assert_eq!(Packet::parse(datagram), Ok(read(options)));
    }

    #[test]
    fn what_is_no_packet_is_named() {
        for (datagram, fault) in [
            (&b""[..], PacketError::TooShort),
            (b"\0", PacketError::TooShort),
            (b"\0\x03\0", PacketError::TooShort),
            (b"\0\x04", PacketError::TooShort),
            (b"\0\x05\0", PacketError::TooShort),
            (b"\0\0", PacketError::UnknownOperation(0)),
            (b"\0\x07\0\0", PacketError::UnknownOperation(7)),
            (b"\0\x01", PacketError::RequestTooShort),
            (b"\0\x01name", PacketError::RequestTooShort),
            (b"\0\x01name\0octet", PacketError::RequestTooShort),
            (b"\0\x01name\0binary\0", PacketError::UnknownMode),
            (b"\0\x02n\xffme\0octet\0", PacketError::NameNotUtf8),
        ] {
            assert_eq!(Packet::parse(datagram), Err(fault), "{datagram:?}");
        }
    }

    #[test]
    fn an_error_without_a_terminated_message_is_still_an_error() {
        let packet = Packet::Error { code: ErrorCode::OPTIONS_REFUSED, message: "no".to_owned() };
        assert_eq!(Packet::parse(b"\0\x05\0\x08no"), Ok(packet.clone()));
        assert_eq!(Packet::parse(b"\0\x05\0\x08no\0rest"), Ok(packet));
    }

    fn any_text() -> impl Strategy<Value = String> {
        "[^\\x00]{0,40}"
    }

    fn any_options() -> impl Strategy<Value = Options> {
        let block_size = proptest::option::of(8u16..=65_464);
        let timeout = proptest::option::of(1u8..);
        let window_size = proptest::option::of(1u16..);
        (block_size, timeout, any::<Option<u64>>(), window_size).prop_map(
            |(block_size, timeout, transfer_size, window_size)| Options {
                block_size,
                timeout,
                transfer_size,
                window_size,
            },
        )
    }

    fn any_request() -> impl Strategy<Value = Request> {
        let mode = prop_oneof![Just(Mode::Netascii), Just(Mode::Octet), Just(Mode::Mail)];
        (any_text(), mode, any_options()).prop_map(|(file, mode, options)| Request { file, mode, options })
    }

    fn any_packet() -> impl Strategy<Value = Packet<'static>> {
        prop_oneof![
            any_request().prop_map(Packet::Read),
            any_request().prop_map(Packet::Write),
            (any::<u16>(), proptest::collection::vec(any::<u8>(), 0..600))
                .prop_map(|(block, bytes)| Packet::Data { block, bytes: bytes.leak() }),
            any::<u16>().prop_map(Packet::Ack),
            (any::<u16>(), any_text()).prop_map(|(code, message)| Packet::Error { code: ErrorCode(code), message }),
            any_options().prop_map(Packet::OptionAck),
        ]
    }

    proptest! {
        #[test]
        fn every_packet_is_read_as_it_was_written(packet in any_packet()) {
            let datagram = packet.encode();
            prop_assert_eq!(Packet::parse(&datagram), Ok(packet));
        }

        #[test]
        fn no_bytes_make_the_parser_panic(datagram in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = Packet::parse(&datagram);
        }

        #[test]
        fn no_request_makes_the_parser_panic(
            operation in 0u8..8,
            rest in proptest::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..100),
        ) {
            let datagram = [&[0, operation], &rest[..]].concat();
            let _ = Packet::parse(&datagram);
        }
    }
}
