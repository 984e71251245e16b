//! Whom does a proxy speak for? The header of the PROXY protocol, version 2, that HAProxy puts before what a phone
//! sends (<https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt> §2.2). Octets in, addresses out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What every header begins with: nothing that HTTP or TLS could.
const SIGNATURE: [u8; 12] = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];

/// The octets before the addresses.
pub const FIXED: usize = 16;

/// The longest rest that is read; HAProxy sends a few hundred octets.
const LONGEST: u16 = 4096;

/// `PP2_TYPE_SSL`, the bit in it that says that the client spoke TLS, and `PP2_SUBTYPE_SSL_VERSION`.
const TYPE_TLS: u8 = 0x20;
const CLIENT_TLS: u8 = 0x01;
const TYPE_VERSION: u8 = 0x21;

/// A connection that a proxy passes on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Passed {
    /// Who asks.
    pub peer: SocketAddr,
    /// The address that was asked.
    pub local: SocketAddr,
    /// The version of TLS between them, as the proxy names it (`send-proxy-v2-ssl`); `None`: it says of none.
    pub tls: Option<String>,
}

/// Why a connection is not served.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HeaderError {
    /// Something else comes first.
    #[error("no PROXY header of version 2 comes first: use send-proxy-v2-ssl")]
    NoHeader,
    /// The proxy speaks for itself: a check of its own.
    #[error("the proxy asks for itself")]
    Local,
    /// It speaks for a client without an address.
    #[error("the proxy names no TCP client")]
    NoClient,
    /// Its parts do not fit together.
    #[error("the PROXY header is malformed")]
    Malformed,
}

/// How long the rest of a header is that begins so.
pub fn rest_length(fixed: &[u8; FIXED]) -> Result<usize, HeaderError> {
    let [signature @ .., version, _, high, low] = fixed;
    if *signature != SIGNATURE || version >> 4 != 2 {
        return Err(HeaderError::NoHeader);
    }
    let length = u16::from_be_bytes([*high, *low]);
    if length > LONGEST { Err(HeaderError::Malformed) } else { Ok(length.into()) }
}

/// Reads a header whose first octets had this rest.
pub fn passed(fixed: &[u8; FIXED], rest: &[u8]) -> Result<Passed, HeaderError> {
    if rest_length(fixed)? != rest.len() {
        return Err(HeaderError::Malformed);
    }
    let [.., command, family, _, _] = fixed;
    match command & 0x0f {
        0 => return Err(HeaderError::Local),
        1 => {}
        _ => return Err(HeaderError::Malformed),
    }
    let (peer, local, values) = match family {
        0x11 => {
            let (addresses, values) = rest.split_first_chunk::<12>().ok_or(HeaderError::Malformed)?;
            let [a, b, c, d, e, f, g, h, ports @ ..] = *addresses;
            let (peer, local) = (Ipv4Addr::new(a, b, c, d), Ipv4Addr::new(e, f, g, h));
            with_ports(peer.into(), local.into(), ports, values)
        }
        0x21 => {
            let (peer, rest) = rest.split_first_chunk::<16>().ok_or(HeaderError::Malformed)?;
            let (local, rest) = rest.split_first_chunk::<16>().ok_or(HeaderError::Malformed)?;
            let (ports, values) = rest.split_first_chunk::<4>().ok_or(HeaderError::Malformed)?;
            with_ports(Ipv6Addr::from(*peer).into(), Ipv6Addr::from(*local).into(), *ports, values)
        }
        _ => return Err(HeaderError::NoClient),
    };
    Ok(Passed { peer, local, tls: tls(values)? })
}

fn with_ports(peer: IpAddr, local: IpAddr, ports: [u8; 4], values: &[u8]) -> (SocketAddr, SocketAddr, &[u8]) {
    let [a, b, c, d] = ports;
    let peer = SocketAddr::new(peer.to_canonical(), u16::from_be_bytes([a, b]));
    (peer, SocketAddr::new(local.to_canonical(), u16::from_be_bytes([c, d])), values)
}

/// The values behind the addresses: type, length, octets.
fn values(mut octets: &[u8]) -> Result<Vec<(u8, &[u8])>, HeaderError> {
    let mut found = Vec::new();
    while let Some(([kind, high, low], rest)) = octets.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (value, rest) = rest.split_at_checked(length).ok_or(HeaderError::Malformed)?;
        found.push((*kind, value));
        octets = rest;
    }
    if octets.is_empty() { Ok(found) } else { Err(HeaderError::Malformed) }
}

/// What the values say of TLS: once, since nobody could tell which of two words counts.
fn tls(octets: &[u8]) -> Result<Option<String>, HeaderError> {
    let values_found = values(octets)?;
    let mut said = values_found.iter().filter(|(kind, _)| *kind == TYPE_TLS).map(|(_, value)| *value);
    let Some(value) = said.next() else { return Ok(None) };
    if said.next().is_some() {
        return Err(HeaderError::Malformed);
    }
    // What it thinks of a certificate, the next four octets, counts for nothing here.
    let ([client, _, _, _, _], more) = value.split_first_chunk::<5>().ok_or(HeaderError::Malformed)?;
    let more = values(more)?;
    if client & CLIENT_TLS == 0 {
        return Ok(None);
    }
    let version = more.iter().find(|(kind, _)| *kind == TYPE_VERSION).map_or(&b""[..], |(_, value)| value);
    Ok(Some(name_of_version(version)))
}

/// `TLSv1`, `TLSv1.2`; in the place of anything that looks like no such name, `unknown`.
fn name_of_version(octets: &[u8]) -> String {
    let plain = |octet: &u8| octet.is_ascii_alphanumeric() || *octet == b'.';
    match std::str::from_utf8(octets) {
        Ok(name) if (1..=16).contains(&name.len()) && octets.iter().all(plain) => name.to_owned(),
        _ => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fixed(version: u8, family: u8, length: usize) -> [u8; FIXED] {
        let mut fixed = [0; FIXED];
        fixed[..12].copy_from_slice(&SIGNATURE);
        fixed[12] = version;
        fixed[13] = family;
        fixed[14..].copy_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        fixed
    }

    fn read(version: u8, family: u8, rest: &[u8]) -> Result<Passed, HeaderError> {
        passed(&fixed(version, family, rest.len()), rest)
    }

    const V4: &[u8] = &[10, 0, 0, 9, 10, 0, 0, 1, 0xc0, 0x01, 0x01, 0xbb];

    #[test]
    fn the_addresses_are_those_of_the_phone_and_of_what_it_asked() {
        let said = read(0x21, 0x11, V4).unwrap();
        assert_eq!((said.peer, said.local), (([10, 0, 0, 9], 49153).into(), ([10, 0, 0, 1], 443).into()));
        assert_eq!(said.tls, None, "it says of none");
        let mut v6 = vec![0; 10];
        v6.extend([0xff, 0xff, 10, 0, 0, 9]);
        v6.extend("2001:db8::1".parse::<Ipv6Addr>().unwrap().octets());
        v6.extend([0xc0, 0x01, 0x01, 0xbb]);
        let said = read(0x21, 0x21, &v6).unwrap();
        assert_eq!(said.peer, ([10, 0, 0, 9], 49153).into(), "an IPv4 address in its own form");
        assert_eq!(said.local, "[2001:db8::1]:443".parse().unwrap());
    }

    fn value(kind: u8, octets: &[u8]) -> Vec<u8> {
        let length = u16::try_from(octets.len()).unwrap().to_be_bytes();
        [&[kind][..], &length, octets].concat()
    }

    #[test]
    fn what_the_proxy_says_of_tls_is_heard() {
        let said = |client: u8, more: &[u8]| {
            let tls = value(0x20, &[&[client, 0, 0, 0, 0][..], more].concat());
            read(0x21, 0x11, &[V4, &value(0x03, &[1, 2, 3, 4]), &tls].concat()).map(|said| said.tls)
        };
        let old = [value(0x23, b"AES128-SHA"), value(0x21, b"TLSv1")].concat();
        assert_eq!(said(1, &old), Ok(Some("TLSv1".into())));
        assert_eq!(said(7, &value(0x21, b"TLSv1.3")), Ok(Some("TLSv1.3".into())));
        assert_eq!(said(0, &old), Ok(None), "it spoke none");
        for odd in [&b""[..], b"TLS\nv1", b"TLSv1.2TLSv1.2TLSv1", b"\xff"] {
            assert_eq!(said(1, &value(0x21, odd)), Ok(Some("unknown".into())), "{odd:?}");
        }
        assert_eq!(said(1, &[]), Ok(Some("unknown".into())));
        assert_eq!(said(1, &[0x21, 0, 9, b'T']), Err(HeaderError::Malformed));
        let once = value(0x20, &[1, 0, 0, 0, 0]);
        assert_eq!(read(0x21, 0x11, &[V4, &once, &once].concat()), Err(HeaderError::Malformed), "twice");
    }

    #[test]
    fn what_is_no_client_of_the_proxy_is_told_apart() {
        assert_eq!(rest_length(b"GET / HTTP/1.1\r\n"), Err(HeaderError::NoHeader));
        assert_eq!(rest_length(b"PROXY TCP4 10.0."), Err(HeaderError::NoHeader), "version 1");
        assert_eq!(rest_length(&fixed(0x11, 0x11, 12)), Err(HeaderError::NoHeader));
        assert_eq!(rest_length(&fixed(0x21, 0x11, 4097)), Err(HeaderError::Malformed));
        assert_eq!(read(0x20, 0x00, &[]), Err(HeaderError::Local));
        assert_eq!(read(0x22, 0x11, V4), Err(HeaderError::Malformed));
        for family in [0x00, 0x12, 0x22, 0x31, 0x32, 0xff] {
            assert_eq!(read(0x21, family, &[0; 216]), Err(HeaderError::NoClient), "{family:#x}");
        }
        assert_eq!(passed(&fixed(0x21, 0x11, 13), V4), Err(HeaderError::Malformed));
        for values in [&[0x20][..], &[0x20, 0], &[0x20, 0, 0], &[0x20, 0, 9, 1], &[0x03, 0xff, 0xff]] {
            assert_eq!(read(0x21, 0x11, &[V4, values].concat()), Err(HeaderError::Malformed), "{values:?}");
        }
        assert_eq!(read(0x21, 0x11, &V4[..11]), Err(HeaderError::Malformed));
    }

    proptest! {
        #[test]
        fn any_addresses_come_through(peer: [u8; 16], local: [u8; 16], ports: [u8; 4]) {
            let said = read(0x21, 0x21, &[&peer[..], &local, &ports].concat()).unwrap();
            prop_assert_eq!(said.peer.ip(), IpAddr::from(peer).to_canonical());
            prop_assert_eq!(said.local.ip(), IpAddr::from(local).to_canonical());
            prop_assert_eq!(said.peer.port().to_be_bytes(), [ports[0], ports[1]]);
            prop_assert_eq!(said.local.port().to_be_bytes(), [ports[2], ports[3]]);
        }

        #[test]
        fn no_octets_are_more_than_refused(
            start: [u8; 4], rest in prop::collection::vec(0u8.., 0..300),
        ) {
            let mut header = fixed(start[0], start[1], rest.len());
            let _ = passed(&header, &rest);
            header[15] ^= start[2];
            let _ = passed(&header, &rest);
        }
    }
}
