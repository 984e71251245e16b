//! Which options stand in a message? The walk over its option fields, before any of them is understood.
//!
//! Pad (0) and end (255) have no length (RFC 2132 section 3). Option 52 says that the `file` and `sname` fields carry
//! options too (RFC 2132 section 9.3); the three are read in the order options, file, sname, and an option that appears
//! several times is one option whose parts are joined in that order (RFC 3396 sections 5 and 7). Options of a fixed
//! length cannot be in parts: of these the first counts, and the others are reported.

use super::oddity::{Area, Oddity};

const PAD: u8 = 0;
const OVERLOAD: u8 = 52;
const END: u8 = 255;

/// Options whose length RFC 2132 fixes to at most four octets: joining them would make up a value nobody sent.
const FIXED: &[u8] = &[
    1, 2, 13, 16, 19, 20, 22, 23, 24, 26, 27, 28, 29, 30, 31, 32, 34, 35, 36, 37, 38, 39, 46, 50, 51, 52, 53, 54, 57,
    58, 59,
];

/// One option as a whole: all parts joined.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Joined {
    pub(super) code: u8,
    pub(super) value: Vec<u8>,
}

/// Reads the options of a message: what follows the cookie, and the two fields that may be overloaded.
pub(super) fn walk(options: &[u8], file: &[u8], sname: &[u8], oddities: &mut Vec<Oddity>) -> (Vec<Joined>, Overload) {
    let mut parts = Vec::new();
    field(options, Area::Options, &mut parts, oddities);
    let overload = overload(&parts, oddities);
    // Option 52 inside an overloaded field is not followed: only the options field can name other fields.
    if overload.file {
        field(file, Area::File, &mut parts, oddities);
    }
    if overload.sname {
        field(sname, Area::Sname, &mut parts, oddities);
    }
    if let Some(part) = parts.iter().find(|part| part.code == OVERLOAD && part.area != Area::Options) {
        oddities.push(Oddity::OverloadInside(part.area));
        parts.retain(|part| part.code != OVERLOAD || part.area == Area::Options);
    }
    (join(parts, oddities), overload)
}

/// Which of the two BOOTP fields carry options instead of names.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Overload {
    pub(super) file: bool,
    pub(super) sname: bool,
}

struct Part<'a> {
    code: u8,
    area: Area,
    value: &'a [u8],
}

fn overload(parts: &[Part], oddities: &mut Vec<Oddity>) -> Overload {
    let Some(part) = parts.iter().find(|part| part.code == OVERLOAD) else { return Overload::default() };
    match *part.value {
        [1] => Overload { file: true, sname: false },
        [2] => Overload { file: false, sname: true },
        [3] => Overload { file: true, sname: true },
        ref other => {
            oddities.push(Oddity::Overload(other.to_vec()));
            Overload::default()
        }
    }
}

/// One field, up to its end option or its last octet. An option that runs over the end is left out: what is missing
/// cannot be known.
fn field<'a>(mut rest: &'a [u8], area: Area, parts: &mut Vec<Part<'a>>, oddities: &mut Vec<Oddity>) {
    loop {
        match rest {
            [] => return oddities.push(Oddity::NoEnd(area)),
            [PAD, after @ ..] => rest = after,
            [END, after @ ..] => {
                if after.iter().any(|octet| *octet != PAD) {
                    oddities.push(Oddity::AfterEnd(area));
                }
                return;
            }
            [code] => return oddities.push(Oddity::Truncated { area, code: *code, says: None, there: 0 }),
            [code, length, after @ ..] => {
                let Some((value, after)) = after.split_at_checked(usize::from(*length)) else {
                    let says = Some(*length);
                    return oddities.push(Oddity::Truncated { area, code: *code, says, there: after.len() });
                };
                parts.push(Part { code: *code, area, value });
                rest = after;
            }
        }
    }
}

/// Parts with the same code become one option, at the place of the first.
fn join(parts: Vec<Part>, oddities: &mut Vec<Oddity>) -> Vec<Joined> {
    let mut joined: Vec<Joined> = Vec::new();
    for part in parts {
        match joined.iter_mut().find(|option| option.code == part.code) {
            None => joined.push(Joined { code: part.code, value: part.value.to_vec() }),
            Some(_) if FIXED.contains(&part.code) => {
                let repeated = Oddity::Repeated(part.code);
                if !oddities.contains(&repeated) {
                    oddities.push(repeated);
                }
            }
            Some(option) => option.value.extend_from_slice(part.value),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walked(options: &[u8], file: &[u8], sname: &[u8]) -> (Vec<(u8, Vec<u8>)>, Vec<Oddity>) {
        let mut oddities = Vec::new();
        let (joined, _) = walk(options, file, sname, &mut oddities);
        (joined.into_iter().map(|option| (option.code, option.value)).collect(), oddities)
    }

    #[test]
    fn pads_are_skipped_and_nothing_after_the_end_is_read() {
        let (options, oddities) = walked(&[0, 0, 12, 1, b'a', 0, 255, 0, 0], &[], &[]);
        assert_eq!(options, [(12, b"a".to_vec())]);
        assert_eq!(oddities, []);
        let (options, oddities) = walked(&[255, 66, 1, b'a'], &[], &[]);
        assert_eq!(options, []);
        assert_eq!(oddities, [Oddity::AfterEnd(Area::Options)]);
    }

    #[test]
    fn parts_are_joined_in_the_order_options_file_sname() {
        let (options, oddities) =
            walked(&[66, 1, b'a', 52, 1, 3, 66, 1, b'b', 255], &[66, 1, b'c', 255], &[66, 1, b'd', 255]);
        assert_eq!(options, [(66, b"abcd".to_vec()), (52, vec![3])]);
        assert_eq!(oddities, []);
    }

    #[test]
    fn a_fixed_option_is_never_joined() {
        let (options, oddities) = walked(&[53, 1, 2, 53, 1, 5, 53, 1, 6, 255], &[], &[]);
        assert_eq!(options, [(53, vec![2])]);
        assert_eq!(oddities, [Oddity::Repeated(53)]);
    }

    #[test]
    fn an_option_that_runs_over_its_field_is_reported_and_left_out() {
        let (options, oddities) = walked(&[12, 1, b'a', 66, 9, b'h'], &[], &[]);
        assert_eq!(options, [(12, b"a".to_vec())]);
        assert_eq!(oddities, [Oddity::Truncated { area: Area::Options, code: 66, says: Some(9), there: 1 }]);
        let (_, oddities) = walked(&[66], &[], &[]);
        assert_eq!(oddities, [Oddity::Truncated { area: Area::Options, code: 66, says: None, there: 0 }]);
    }

    #[test]
    fn a_field_may_just_end() {
        let (options, oddities) = walked(&[52, 1, 1, 255], &[66, 1, b'a', 0, 0], &[]);
        assert!(options.contains(&(66, b"a".to_vec())));
        assert_eq!(oddities, [Oddity::NoEnd(Area::File)]);
    }

    #[test]
    fn an_overload_inside_a_field_is_not_followed() {
        let (options, oddities) = walked(&[52, 1, 1, 255], &[52, 1, 3, 66, 1, b'a', 255], &[161, 1, b'x', 255]);
        assert!(options.contains(&(66, b"a".to_vec())));
        assert!(!options.iter().any(|(code, _)| *code == 161));
        assert!(oddities.contains(&Oddity::OverloadInside(Area::File)));
    }
}
