//! Was a MAC mistyped? Two addresses that differ as a person's slip makes them differ.

use serde::Serialize;

use crate::inventory::mac::MacAddr;

/// How two addresses differ.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Slip {
    /// Two neighbouring digits, or two neighbouring octets, have changed places.
    Swapped,
    /// One digit is another one.
    OneDigit,
}

/// The slip that makes one address of the other, if one does.
pub fn slip(one: MacAddr, other: MacAddr) -> Option<Slip> {
    let (a, b) = (digits(one), digits(other));
    let differing: Vec<usize> = (0..12).filter(|at| a.get(*at) != b.get(*at)).collect();
    let changed_places = |x: usize, y: usize| a.get(x) == b.get(y) && a.get(y) == b.get(x);
    match differing.as_slice() {
        [_] => Some(Slip::OneDigit),
        [x, y] if x + 1 == *y && changed_places(*x, *y) => Some(Slip::Swapped),
        // Of two octets that changed places one digit may be the same in both.
        [x, .., y] if octets_swapped(one, other, x / 2, y / 2) => Some(Slip::Swapped),
        _ => None,
    }
}

fn octets_swapped(one: MacAddr, other: MacAddr, first: usize, second: usize) -> bool {
    let (a, b) = (one.octets(), other.octets());
    first + 1 == second && a.get(first) == b.get(second) && a.get(second) == b.get(first)
}

fn digits(mac: MacAddr) -> Vec<u8> {
    mac.octets().iter().flat_map(|octet| [octet >> 4, octet & 15]).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn between(one: &str, other: &str) -> Option<Slip> {
        slip(one.parse().unwrap(), other.parse().unwrap())
    }

    #[test]
    fn swapped_and_mistyped_digits_are_slips_and_more_is_another_phone() {
        let mac = "80:5e:c0:12:34:56";
        assert_eq!(between(mac, "80:5e:c0:12:34:65"), Some(Slip::Swapped));
        assert_eq!(between(mac, "80:5e:c0:13:24:56"), Some(Slip::Swapped), "across two octets");
        assert_eq!(between(mac, "80:5e:c0:34:12:56"), Some(Slip::Swapped), "two octets");
        assert_eq!(between(mac, "80:5e:c0:12:34:5b"), Some(Slip::OneDigit));
        assert_eq!(between(mac, "00:5e:c0:12:34:56"), Some(Slip::OneDigit));
        for other in [mac, "80:5e:c0:12:34:77", "80:5e:c0:56:34:12", "80:5e:c0:12:64:53"] {
            assert_eq!(between(mac, other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn a_slip_goes_both_ways(one in any::<[u8; 6]>(), at in 0usize..6, to in any::<u8>()) {
            let mut other = one;
            other[at] = to;
            if let (Ok(one), Ok(other)) = (MacAddr::new(one), MacAddr::new(other)) {
                prop_assert_eq!(slip(one, other), slip(other, one));
                prop_assert_eq!(slip(one, one), None);
            }
        }
    }
}
