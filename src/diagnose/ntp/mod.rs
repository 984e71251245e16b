//! Have phones a time server that is reachable and right? One query to each address; this machine's clock is never set.
//!
//! A phone whose clock is wrong refuses every certificate. `sntpc` works out offset and round trip; how good the server
//! says it is stands in the octets of its answer, which [`packet`] reads: an unsynchronised server looks like a kiss of
//! death to who does not look closely.

mod judge;
pub mod packet;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

pub use judge::facts;
use serde::{Serialize, Serializer};
use sntpc::{NtpContext, NtpUdpSocket, StdTimestampGen};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::packet::Header;
use super::code::Code;

const PORT: u16 = 123;
const PATIENCE: Duration = Duration::from_secs(2);
const ATTEMPTS: usize = 2;
const MOST_ADDRESSES: usize = 8;

/// A time server as it was named: `host`, `host:port`, an address, `[v6]:port`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TimeServer {
    host: String,
    port: u16,
}

/// What one address of a server answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reading {
    /// The server as it was named.
    pub server: String,
    /// The address that was asked; none if there is none.
    pub address: Option<IpAddr>,
    /// What it says of itself.
    pub header: Option<Header>,
    /// How far this machine's clock is behind it, in seconds; negative: ahead.
    pub offset_seconds: Option<f64>,
    /// How long the answer took.
    pub round_trip_seconds: Option<f64>,
    /// What is wrong.
    pub faults: Vec<NtpFault>,
}

/// Why a time server is of no use. Each has a stable code.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NtpFault {
    /// It asks to be left alone.
    #[error("{}", kiss(.0))]
    Kiss(String),
    /// It speaks as something else than a server.
    #[error("answers in mode {0} instead of 4: no server, or one that is asked by its peers")]
    Mode(u8),
    /// The name is not known.
    #[error("the name is not known here: {0}")]
    Name(String),
    /// Its transmit timestamp is zero.
    #[error("answers without a time")]
    NoTime,
    /// The address is not of one machine.
    #[error("is no address of one machine: it is not asked")]
    NotUnicast,
    /// It answers another question than ours.
    #[error("answers with an origin timestamp that is not ours: it is forged, replayed, or was changed on the way")]
    Origin,
    /// The system refused to send.
    #[error("cannot be asked: {0}")]
    Send(String),
    /// Fewer than 48 octets.
    #[error("answers with {0} octets instead of 48")]
    Short(usize),
    /// Nothing came.
    #[error("does not answer within {} s: is UDP port 123 let through, and back?", PATIENCE.as_secs())]
    Silent,
    /// A stratum there is not.
    #[error("says stratum {0}, which is no distance from a clock")]
    Stratum(u8),
    /// Nobody listens.
    #[error("refuses: nothing listens on that port")]
    Unreachable,
    /// It does not know the time itself.
    #[error("is not synchronised: it answers, but does not know the time; look at its own sources")]
    Unsynchronised,
}

fn kiss(code: &str) -> String {
    let meaning = match code {
        "DENY" | "RSTR" => ": it does not serve this network",
        "RATE" => ": it is asked too often from this address",
        _ => "",
    };
    format!("answers with the kiss code {code}{meaning}")
}

impl NtpFault {
    /// A stable word for it: what programs compare.
    pub fn code(&self) -> Code {
        match self {
            NtpFault::Kiss(_) => Code::NtpKiss,
            NtpFault::Mode(_) => Code::NtpMode,
            NtpFault::Name(_) => Code::NtpNameUnknown,
            NtpFault::NoTime => Code::NtpNoTime,
            NtpFault::NotUnicast => Code::NtpNotUnicast,
            NtpFault::Origin => Code::NtpWrongOrigin,
            NtpFault::Send(_) => Code::NtpNotAsked,
            NtpFault::Short(_) => Code::NtpShort,
            NtpFault::Silent => Code::NtpSilent,
            NtpFault::Stratum(_) => Code::NtpStratum,
            NtpFault::Unreachable => Code::NtpUnreachable,
            NtpFault::Unsynchronised => Code::NtpUnsynchronised,
        }
    }
}

impl Serialize for NtpFault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut fields = serializer.serialize_struct("NtpFault", 2)?;
        fields.serialize_field("code", &self.code())?;
        fields.serialize_field("message", &self.to_string())?;
        fields.end()
    }
}

/// A text that names no time server.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "is no time server; write a name or an address, with a port if it is not 123: ntp.example.com, [2001:db8::1]:123"
)]
pub struct TimeServerError;

impl std::str::FromStr for TimeServer {
    type Err = TimeServerError;

    fn from_str(text: &str) -> Result<TimeServer, TimeServerError> {
        let text = text.trim();
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(TimeServer { host: address.to_string(), port: PORT });
        }
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, rest)) => {
                host.parse::<Ipv6Addr>().map_err(|_| TimeServerError)?;
                (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or(TimeServerError)?) })
            }
            None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map_or(Ok(PORT), str::parse).map_err(|_| TimeServerError)?;
        let known = host.contains(':') || crate::inventory::settings::is_host(host);
        if !known || port == 0 {
            return Err(TimeServerError);
        }
        Ok(TimeServer { host: host.to_ascii_lowercase(), port })
    }
}

impl std::fmt::Display for TimeServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.host.contains(':'), self.port) {
            (_, PORT) => f.write_str(&self.host),
            (true, port) => write!(f, "[{}]:{port}", self.host),
            (false, port) => write!(f, "{}:{port}", self.host),
        }
    }
}

/// Asks every address of every server, all at once; the readings in the order of the servers.
pub async fn ask(servers: &[TimeServer]) -> Vec<Reading> {
    let mut asked = JoinSet::new();
    for (index, server) in servers.iter().cloned().enumerate() {
        asked.spawn(async move { (index, readings(&server).await) });
    }
    let mut all: Vec<(usize, Vec<Reading>)> = asked.join_all().await;
    all.sort_by_key(|(index, _)| *index);
    all.into_iter().flat_map(|(_, readings)| readings).collect()
}

async fn readings(server: &TimeServer) -> Vec<Reading> {
    let failed = |fault| {
        let server = server.to_string();
        let (address, header) = (None, None);
        vec![Reading { server, address, header, offset_seconds: None, round_trip_seconds: None, faults: vec![fault] }]
    };
    let found = match tokio::net::lookup_host((server.host.as_str(), server.port)).await {
        Ok(found) => found,
        Err(error) => return failed(NtpFault::Name(error.to_string())),
    };
    let mut addresses: Vec<SocketAddr> = found.collect();
    addresses.sort();
    addresses.dedup();
    if addresses.is_empty() {
        return failed(NtpFault::Name("it has no address".to_owned()));
    }
    let mut readings = Vec::new();
    for address in addresses.into_iter().take(MOST_ADDRESSES) {
        readings.push(reading(server, address).await);
    }
    readings
}

async fn reading(server: &TimeServer, address: SocketAddr) -> Reading {
    let mut reading = Reading {
        server: server.to_string(),
        address: Some(address.ip()),
        header: None,
        offset_seconds: None,
        round_trip_seconds: None,
        faults: Vec::new(),
    };
    if address.ip().is_multicast() || address.ip() == IpAddr::V4(Ipv4Addr::BROADCAST) {
        reading.faults.push(NtpFault::NotUnicast);
        return reading;
    }
    for attempt in 1..=ATTEMPTS {
        match query(address).await {
            Err(NtpFault::Silent) if attempt < ATTEMPTS => {}
            Err(fault) => {
                reading.faults.push(fault);
                return reading;
            }
            Ok(answer) => {
                let (header, faults) = packet::read(&answer.octets, &answer.asked);
                let (offset, round_trip) = answer.times.filter(|_| faults.is_empty()).unzip();
                reading.header = header;
                reading.faults = faults;
                reading.offset_seconds = offset;
                reading.round_trip_seconds = round_trip;
                return reading;
            }
        }
    }
    reading
}

/// The octets of an answer, the timestamp it must carry, and offset and round trip in seconds if they can be had.
struct Answer {
    asked: [u8; 8],
    octets: Vec<u8>,
    times: Option<(f64, f64)>,
}

async fn query(address: SocketAddr) -> Result<Answer, NtpFault> {
    let sending = |error: io::Error| match error.kind() {
        io::ErrorKind::ConnectionRefused => NtpFault::Unreachable,
        _ => NtpFault::Send(error.to_string()),
    };
    let any = if address.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let socket = UdpSocket::bind((any, 0)).await.map_err(sending)?;
    // Connected: only this server's answers come in, and that nobody listens is told.
    socket.connect(address).await.map_err(sending)?;
    let wire = Wire { socket, address, sent: Mutex::default(), heard: Mutex::default(), failed: Mutex::default() };
    let asking = sntpc::get_time(address, &wire, NtpContext::new(StdTimestampGen::default()));
    let result = timeout(PATIENCE, asking).await.map_err(|_| NtpFault::Silent)?;
    if let Some(error) = take(&wire.failed) {
        return Err(sending(error));
    }
    let times = result.ok().map(|time| (time.offset as f64 / 1e6, time.roundtrip as f64 / 1e6));
    let asked = take(&wire.sent).last_chunk().copied().unwrap_or_default();
    Ok(Answer { asked, octets: take(&wire.heard), times })
}

/// The socket `sntpc` speaks through; it keeps what was said.
struct Wire {
    socket: UdpSocket,
    address: SocketAddr,
    sent: Mutex<Vec<u8>>,
    heard: Mutex<Vec<u8>>,
    failed: Mutex<Option<io::Error>>,
}

fn take<T: Default>(place: &Mutex<T>) -> T {
    std::mem::take(&mut *place.lock().unwrap_or_else(PoisonError::into_inner))
}

fn put<T>(place: &Mutex<T>, value: T) {
    *place.lock().unwrap_or_else(PoisonError::into_inner) = value;
}

impl Wire {
    fn keep<T>(&self, done: io::Result<T>) -> sntpc::Result<T> {
        done.map_err(|error| {
            put(&self.failed, Some(error));
            sntpc::Error::Network
        })
    }
}

impl NtpUdpSocket for Wire {
    async fn send_to(&self, octets: &[u8], _: SocketAddr) -> sntpc::Result<usize> {
        put(&self.sent, octets.to_vec());
        self.keep(self.socket.send(octets).await)
    }

    async fn recv_from(&self, octets: &mut [u8]) -> sntpc::Result<(usize, SocketAddr)> {
        let length = self.keep(self.socket.recv(octets).await)?;
        put(&self.heard, octets.get(..length).unwrap_or_default().to_vec());
        Ok((length, self.address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_server_is_a_name_or_an_address_with_a_port_if_need_be() {
        for (text, shown) in [
            ("ntp.example.com", "ntp.example.com"),
            ("NTP.example.com:1123", "ntp.example.com:1123"),
            ("10.0.0.5", "10.0.0.5"),
            ("10.0.0.5:1123", "10.0.0.5:1123"),
            ("2001:db8::5", "2001:db8::5"),
            ("[2001:db8::5]", "2001:db8::5"),
            ("[2001:db8::5]:1123", "[2001:db8::5]:1123"),
        ] {
            assert_eq!(text.parse::<TimeServer>().unwrap().to_string(), shown, "{text}");
        }
        for text in ["", "a b", "ntp://a", "a:0", "a:99999", "[a]", "[::1]x"] {
            assert_eq!(text.parse::<TimeServer>(), Err(TimeServerError), "{text}");
        }
    }
}
