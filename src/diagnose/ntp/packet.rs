//! What does a time server's answer say of itself? The 48 octets of NTP (RFC 5905 section 7.3), pure.

use serde::Serialize;

use super::NtpFault;

/// The length of an answer without extensions.
pub const LENGTH: usize = 48;

/// How good a server says its time is.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Header {
    /// The leap indicator: 0 no leap second, 1 or 2 one today, 3 not synchronised.
    pub leap: u8,
    /// The protocol's version.
    pub version: u8,
    /// Who speaks: 4 is a server.
    pub mode: u8,
    /// Hops from a reference clock: 1 to 15.
    pub stratum: u8,
    /// Its source: a name at stratum 1, an address beyond, a kiss code at 0.
    pub reference: String,
    /// How far its reference is away, at most, in milliseconds: half the root delay and the root dispersion.
    pub root_distance_ms: u32,
}

/// Reads an answer to a request; `asked` is the request's transmit timestamp.
pub fn read(answer: &[u8], asked: &[u8; 8]) -> (Option<Header>, Vec<NtpFault>) {
    let Some((fixed, _)) = answer.split_first_chunk::<LENGTH>() else {
        return (None, vec![NtpFault::Short(answer.len())]);
    };
    let at = |from: usize, length: usize| fixed.get(from..).and_then(|rest| rest.get(..length)).unwrap_or_default();
    let word = |from: usize| at(from, 4).iter().fold(0u32, |word, octet| word << 8 | u32::from(*octet));
    let [first, stratum, ..] = *fixed;
    let header = Header {
        leap: first >> 6,
        version: first >> 3 & 7,
        mode: first & 7,
        stratum,
        reference: reference(stratum, at(12, 4)),
        root_distance_ms: short_ms(word(4)).saturating_div(2).saturating_add(short_ms(word(8))),
    };
    let mut faults = Vec::new();
    if header.mode != 4 {
        faults.push(NtpFault::Mode(header.mode));
    }
    if at(24, 8) != asked {
        // Whoever did not see our question answers it with a guess: nothing else in it counts.
        return (Some(header), vec![NtpFault::Origin]);
    }
    let code = at(12, 4);
    match stratum {
        0 if code.iter().all(u8::is_ascii_uppercase) => faults.push(NtpFault::Kiss(header.reference.clone())),
        0 if header.leap == 3 => faults.push(NtpFault::Unsynchronised),
        0 => faults.push(NtpFault::Stratum(0)),
        1..=15 if header.leap == 3 => faults.push(NtpFault::Unsynchronised),
        1..=15 => {}
        16 => faults.push(NtpFault::Unsynchronised),
        other => faults.push(NtpFault::Stratum(other)),
    }
    if faults.is_empty() && word(40) == 0 {
        faults.push(NtpFault::NoTime);
    }
    (Some(header), faults)
}

/// Sixteen bits of seconds and sixteen of fraction, in milliseconds.
fn short_ms(value: u32) -> u32 {
    u32::try_from((u64::from(value) * 1000) >> 16).unwrap_or(u32::MAX)
}

fn reference(stratum: u8, octets: &[u8]) -> String {
    let named = octets.iter().take_while(|octet| **octet != 0);
    match octets {
        [0, 0, 0, 0] => String::new(),
        [a, b, c, d] if stratum > 1 => format!("{a}.{b}.{c}.{d}"),
        _ => named.map(|octet| if octet.is_ascii_graphic() { char::from(*octet) } else { '?' }).collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ASKED: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

    fn answer(leap: u8, stratum: u8, reference: [u8; 4]) -> Vec<u8> {
        let mut octets = vec![leap << 6 | 4 << 3 | 4, stratum, 6, 0xe9];
        octets.extend([0, 0, 0x80, 0, 0, 0, 1, 0]);
        octets.extend(reference);
        octets.resize(24, 0);
        octets.extend(ASKED);
        octets.resize(40, 0);
        octets.extend([0xec, 0, 0, 0, 0, 0, 0, 0]);
        octets
    }

    #[test]
    fn each_state_of_a_server_is_told_apart() {
        for (leap, stratum, reference, faults) in [
            (0, 1, *b"GPS\0", vec![]),
            (0, 3, [10, 0, 0, 1], vec![]),
            (3, 0, [0; 4], vec![NtpFault::Unsynchronised]),
            (3, 16, [0; 4], vec![NtpFault::Unsynchronised]),
            (3, 2, [10, 0, 0, 1], vec![NtpFault::Unsynchronised]),
            (3, 0, *b"RATE", vec![NtpFault::Kiss("RATE".to_owned())]),
            (3, 0, *b"DENY", vec![NtpFault::Kiss("DENY".to_owned())]),
            (0, 0, [0; 4], vec![NtpFault::Stratum(0)]),
            (0, 77, [0; 4], vec![NtpFault::Stratum(77)]),
        ] {
            let (header, found) = read(&answer(leap, stratum, reference), &ASKED);
            assert_eq!(found, faults, "{leap} {stratum} {reference:?}");
            assert_eq!(header.unwrap().stratum, stratum);
        }
    }

    #[test]
    fn a_wrong_origin_makes_everything_else_worthless() {
        let (_, faults) = read(&answer(3, 0, *b"DENY"), &[0; 8]);
        assert_eq!(faults, [NtpFault::Origin]);
    }

    #[test]
    fn what_is_too_short_or_no_servers_word_is_refused() {
        assert_eq!(read(&answer(0, 2, [10, 0, 0, 1])[..40], &ASKED), (None, vec![NtpFault::Short(40)]));
        let mut client = answer(0, 2, [10, 0, 0, 1]);
        client[0] = 0x23;
        assert_eq!(read(&client, &ASKED).1, [NtpFault::Mode(3)]);
        let mut empty = answer(0, 2, [10, 0, 0, 1]);
        empty[40] = 0;
        assert_eq!(read(&empty, &ASKED).1, [NtpFault::NoTime]);
    }

    #[test]
    fn sources_are_named_as_the_stratum_has_it() {
        assert_eq!(read(&answer(0, 1, *b"GPS\0"), &ASKED).0.unwrap().reference, "GPS");
        assert_eq!(read(&answer(0, 2, [10, 0, 0, 1]), &ASKED).0.unwrap().reference, "10.0.0.1");
        assert_eq!(read(&answer(0, 2, [10, 0, 0, 1]), &ASKED).0.unwrap().root_distance_ms, 253);
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = read(&octets, &ASKED);
        }
    }
}
