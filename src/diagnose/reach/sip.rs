//! Is the SIP server there? One OPTIONS request (RFC 3261 §11) over the transport phones are told; any final answer but
//! "cannot serve" says that it is.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout, timeout_at};

use super::{Fault, Place, handshake};
use crate::config::{AuthorityFile, Presented};
use crate::diagnose::facts::Fact;
use crate::diagnose::{Code, Severity, Subject};
use crate::inventory::sip::{Registrar, Transport};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// After how long a request over UDP is sent again (T1); then after twice as long each time.
const T1: Duration = Duration::from_millis(500);
/// Longer than any answer to OPTIONS.
const LONGEST: usize = 16_384;

/// Why there is no answer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
enum NoAnswer {
    #[error("{0}")]
    Fault(#[from] Fault),
    #[error("it does not answer OPTIONS within {} s", PATIENCE.as_secs())]
    Late,
    #[error("what answers there does not speak SIP")]
    NotSip,
    #[error("the connection broke: {0}")]
    Broken(String),
}

/// What became of a request.
struct Heard {
    answer: Result<u16, NoAnswer>,
    chain: Vec<CertificateDer<'static>>,
}

/// Asks the server that phones are told: the outbound proxy if there is one. `phones`: how many are told so.
pub async fn check(
    registrar: &Registrar,
    phones: usize,
    authority: Option<&AuthorityFile>,
    now: Timestamp,
) -> Vec<Fact> {
    let host = registrar.outbound_proxy.as_ref().unwrap_or(&registrar.server).as_str().to_owned();
    let place = Place { host, port: registrar.port };
    let heard = ask(&place, registrar.transport).await;
    let who = format!("{place}/{}", registrar.transport.as_str());
    let mut facts: Vec<Fact> = of_answer(&heard.answer, &place, &who).into_iter().collect();
    facts.extend(of_chain(&heard.chain, &place.host, &who, authority, now));
    facts.into_iter().map(|fact| fact.hitting(phones)).collect()
}

fn of_answer(answer: &Result<u16, NoAnswer>, place: &Place, who: &str) -> Option<Fact> {
    let subject = Subject::Server(who.to_owned());
    match answer {
        // "Not implemented" is an answer of a server that works.
        Ok(status @ (500 | 502..=599)) => {
            let summary = format!("the SIP server {who} answers OPTIONS with {status}: it runs, and cannot serve");
            Some(Fact::new(Code::SipRefuses, subject, summary))
        }
        Ok(_) => None,
        Err(NoAnswer::Fault(Fault::Name(error))) => {
            let summary = format!(
                "the name of the SIP server, {}, has no address here: {error}; a name that has only SRV records is not asked",
                place.host
            );
            Some(Fact::new(Code::SipNameUnknown, subject, summary))
        }
        Err(why) => {
            let summary = format!("phones are told the SIP server {who}, and it cannot be reached from here: {why}");
            Some(Fact::new(Code::SipUnreachable, subject, summary))
        }
    }
}

/// The certificate as a phone would judge it; one of the operator's own authority may be known to phones otherwise.
fn of_chain(
    chain: &[CertificateDer<'static>],
    host: &str,
    who: &str,
    authority: Option<&AuthorityFile>,
    now: Timestamp,
) -> Option<Fact> {
    if chain.is_empty() {
        return None;
    }
    let shown = Presented { chain, authority };
    let (severity, why) = if let Err(dates) = shown.valid_at(now) {
        (Severity::Warning, format!("is not valid now ({dates})"))
    } else if !shown.names(host) && !shown.common_name_is(host) {
        (Severity::Warning, format!("is not for {host}"))
    } else if !shown.is_trusted(host, now) {
        (Severity::Info, "has no chain to an authority phones know: they must have been given it".to_owned())
    } else {
        return None;
    };
    let summary = format!("the certificate of the SIP server {who} {why}");
    Some(Fact::new(Code::SipCertificate, Subject::Server(who.to_owned()), summary).rated(severity))
}

async fn ask(place: &Place, transport: Transport) -> Heard {
    let mut chain = Vec::new();
    let answer = match transport {
        Transport::Udp => over_udp(place).await,
        Transport::Tcp => match place.connect().await {
            Ok(stream) => {
                let local = stream.local_addr();
                over_stream(stream, place, local, transport).await
            }
            Err(fault) => Err(fault.into()),
        },
        Transport::Tls => match over_tls(place).await {
            Ok((answer, shown)) => {
                chain = shown;
                answer
            }
            Err(fault) => Err(fault.into()),
        },
    };
    Heard { answer, chain }
}

async fn over_tls(place: &Place) -> Result<(Result<u16, NoAnswer>, Vec<CertificateDer<'static>>), Fault> {
    let stream = place.connect().await?;
    let local = stream.local_addr();
    let shown = handshake(stream, &place.host).await?;
    let answer = match shown.stream {
        Some(stream) => over_stream(stream, place, local, Transport::Tls).await,
        // It wants a certificate of its phones, which we are not; that it is there is what was asked.
        None => Ok(200),
    };
    Ok((answer, shown.chain))
}

async fn over_stream(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    place: &Place,
    local: std::io::Result<SocketAddr>,
    transport: Transport,
) -> Result<u16, NoAnswer> {
    let broken = |error: std::io::Error| NoAnswer::Broken(error.to_string());
    let request = request(place, local.map_err(broken)?, transport).map_err(broken)?;
    let exchange = async {
        stream.write_all(request.text.as_bytes()).await.map_err(broken)?;
        stream.flush().await.map_err(broken)?;
        let mut heard = Vec::new();
        loop {
            let mut part = [0u8; 2048];
            let length = stream.read(&mut part).await.map_err(broken)?;
            heard.extend_from_slice(part.get(..length).unwrap_or_default());
            match final_status(&heard, &request.call) {
                Some(status) => return status,
                None if length == 0 => return Err(NoAnswer::Broken("it was closed without an answer".to_owned())),
                None if heard.len() > LONGEST => return Err(NoAnswer::NotSip),
                None => {}
            }
        }
    };
    timeout(PATIENCE, exchange).await.map_err(|_| NoAnswer::Late)?
}

async fn over_udp(place: &Place) -> Result<u16, NoAnswer> {
    let mut last = NoAnswer::Late;
    for address in place.addresses().await? {
        match over_udp_to(place, address).await {
            Ok(status) => return Ok(status),
            Err(why) => last = why,
        }
    }
    Err(last)
}

async fn over_udp_to(place: &Place, address: SocketAddr) -> Result<u16, NoAnswer> {
    let broken = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::ConnectionRefused => {
            NoAnswer::Fault(Fault::Tcp(format!("{address} refuses: nothing listens there")))
        }
        _ => NoAnswer::Broken(error.to_string()),
    };
    let any = if address.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let socket = UdpSocket::bind((any, 0)).await.map_err(broken)?;
    socket.connect(address).await.map_err(broken)?;
    let request = request(place, socket.local_addr().map_err(broken)?, Transport::Udp).map_err(broken)?;
    let end = Instant::now() + PATIENCE;
    let mut wait = T1;
    while Instant::now() < end {
        socket.send(request.text.as_bytes()).await.map_err(broken)?;
        let until = end.min(Instant::now() + wait);
        wait = wait.saturating_mul(2);
        let mut heard = vec![0u8; LONGEST];
        while let Ok(received) = timeout_at(until, socket.recv(&mut heard)).await {
            let length = received.map_err(broken)?;
            if let Some(status) = final_status(heard.get(..length).unwrap_or_default(), &request.call) {
                return status;
            }
        }
    }
    Err(NoAnswer::Late)
}

/// A request and the call it belongs to.
struct Request {
    text: String,
    call: String,
}

fn request(place: &Place, local: SocketAddr, transport: Transport) -> std::io::Result<Request> {
    let random = |_| getrandom::u64().map(|number| format!("{number:016x}")).map_err(std::io::Error::other);
    let (branch, tag, call) = (random(())?, random(())?, random(())?);
    let host = if place.host.contains(':') { format!("[{}]", place.host) } else { place.host.clone() };
    let port = place.port;
    let word = transport.as_str();
    let mut text = String::new();
    let _ = write!(
        text,
        "OPTIONS sip:{host}:{port};transport={word} SIP/2.0\r\n\
         Via: SIP/2.0/{} {local};branch=z9hG4bK{branch};rport\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:ztpd@{host}>;tag={tag}\r\n\
         To: <sip:{host}>\r\n\
         Call-ID: {call}\r\n\
         CSeq: 1 OPTIONS\r\n\
         Contact: <sip:ztpd@{local};transport={word}>\r\n\
         Accept: application/sdp\r\n\
         User-Agent: ztpd\r\n\
         Content-Length: 0\r\n\r\n",
        word.to_uppercase()
    );
    Ok(Request { text, call })
}

/// The status of the final answer to our call, once all of its headers are there; a fault where it is no SIP.
fn final_status(heard: &[u8], call: &str) -> Option<Result<u16, NoAnswer>> {
    let text = String::from_utf8_lossy(heard);
    let start: String = text.chars().take(8).collect();
    if !"SIP/2.0 ".starts_with(&start) && !start.starts_with("SIP/2.0 ") {
        return Some(Err(NoAnswer::NotSip));
    }
    let mut messages = text.split_inclusive("\r\n\r\n").filter(|message| message.ends_with("\r\n\r\n"));
    messages.find_map(|message| {
        let status: u16 = message.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()?;
        (message.contains(call) && status >= 200).then_some(Ok(status))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_final_answer_to_our_call_counts_and_nothing_else() {
        let answer =
            |status: &str, call: &str| format!("SIP/2.0 {status}\r\nCall-ID: {call}\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(final_status(answer("200 OK", "abc").as_bytes(), "abc"), Some(Ok(200)));
        assert_eq!(final_status(answer("200 OK", "other").as_bytes(), "abc"), None);
        assert_eq!(final_status(answer("100 Trying", "abc").as_bytes(), "abc"), None);
        let both = answer("100 Trying", "abc") + &answer("503 Busy", "abc");
        assert_eq!(final_status(both.as_bytes(), "abc"), Some(Ok(503)));
        assert_eq!(final_status(&both.as_bytes()[..both.len() - 2], "abc"), None);
        assert_eq!(final_status(b"SIP/", "abc"), None);
        assert_eq!(final_status(b"", "abc"), None);
        assert_eq!(final_status(b"HTTP/1.1 400 Bad Request\r\n\r\n", "abc"), Some(Err(NoAnswer::NotSip)));
        assert_eq!(final_status(b"\xff\xfe\xfd", "abc"), Some(Err(NoAnswer::NotSip)));
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..300), call in "[a-f0-9]{0,16}") {
            let _ = final_status(&octets, &call);
            let _ = final_status(&[b"SIP/2.0 ".as_slice(), &octets, b"\r\n\r\n"].concat(), &call);
        }
    }

    #[test]
    fn what_a_server_says_is_read_as_there_or_not() {
        let place = Place { host: "pbx.example.com".to_owned(), port: 5060 };
        let code = |answer| of_answer(&answer, &place, "pbx").map(|fact| fact.code);
        for status in [200, 401, 403, 404, 405, 407, 483, 501, 603] {
            assert_eq!(code(Ok(status)), None, "{status}");
        }
        for status in [500, 503, 504] {
            assert_eq!(code(Ok(status)), Some(Code::SipRefuses), "{status}");
        }
        assert_eq!(code(Err(NoAnswer::Late)), Some(Code::SipUnreachable));
        assert_eq!(code(Err(Fault::Name(String::new()).into())), Some(Code::SipNameUnknown));
    }
}
