//! In which characters is the file written? UTF-8 with or without its mark, UTF-16 with its mark, else Windows-1252 with
//! a word of caution. What is no text at all is refused with what to do.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Why a file is no text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TextFault {
    /// Nothing that is marked or guessed fits.
    #[error("the file is neither UTF-8 nor Windows-1252; save it as CSV in UTF-8")]
    Encoding,
    /// It says UTF-16, or UTF-8, and is not.
    #[error("the file is marked as {0} and is none; save it as CSV in UTF-8")]
    Marked(&'static str),
    /// Octets of zero.
    #[error("the file has octets of zero: perhaps it is UTF-16 without its mark; save it as CSV in UTF-8")]
    Zeros,
    /// A workbook.
    #[error("the file is a workbook, not CSV; save it as CSV in UTF-8")]
    Workbook,
}

/// How sure we are of the characters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sureness {
    /// They were marked, or can be nothing else.
    Certain,
    /// They were taken for Windows-1252.
    Guessed,
}

/// What Windows-1252 has no character for.
const UNDEFINED: &[u8] = &[0x81, 0x8d, 0x8f, 0x90, 0x9d];

/// The text of a file.
pub fn decode(octets: &[u8]) -> Result<(String, Sureness), TextFault> {
    if octets.starts_with(b"PK\x03\x04") || octets.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        return Err(TextFault::Workbook);
    }
    if let Some((encoding, mark)) = Encoding::for_bom(octets) {
        let name = if encoding == UTF_8 { "UTF-8" } else { "UTF-16" };
        let rest = octets.get(mark..).unwrap_or_default();
        let known = [UTF_8, UTF_16LE, UTF_16BE].contains(&encoding);
        let text = encoding.decode_without_bom_handling_and_without_replacement(rest).filter(|_| known);
        return text.map(|text| (text.into_owned(), Sureness::Certain)).ok_or(TextFault::Marked(name));
    }
    if octets.contains(&0) {
        return Err(TextFault::Zeros);
    }
    if let Ok(text) = std::str::from_utf8(octets) {
        return Ok((text.to_owned(), Sureness::Certain));
    }
    if octets.iter().any(|octet| UNDEFINED.contains(octet)) {
        return Err(TextFault::Encoding);
    }
    let (text, _) = WINDOWS_1252.decode_without_bom_handling(octets);
    Ok((text.into_owned(), Sureness::Guessed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, mark: &[u8], to: fn(u16) -> [u8; 2]) -> Vec<u8> {
        mark.iter().copied().chain(text.encode_utf16().flat_map(to)).collect()
    }

    #[test]
    fn every_usual_encoding_is_recognised() {
        let text = "Email,Last Name\nzoe@example.com,Müller 李\n";
        let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
        let little = utf16(text, &[0xff, 0xfe], u16::to_le_bytes);
        let big = utf16(text, &[0xfe, 0xff], u16::to_be_bytes);
        for octets in [text.as_bytes(), &marked, &little, &big] {
            assert_eq!(decode(octets), Ok((text.to_owned(), Sureness::Certain)));
        }
        assert_eq!(decode(b"M\xfcller \x80"), Ok(("Müller €".to_owned(), Sureness::Guessed)));
    }

    #[test]
    fn what_is_no_text_is_refused_with_what_to_do() {
        assert_eq!(decode(b"PK\x03\x04rest"), Err(TextFault::Workbook));
        assert_eq!(decode(b"E\0m\0a\0"), Err(TextFault::Zeros));
        assert_eq!(decode(b"caf\xe9 \x81"), Err(TextFault::Encoding));
        assert_eq!(decode(b"\xef\xbb\xbf\xff"), Err(TextFault::Marked("UTF-8")));
        assert_eq!(decode(&[0xff, 0xfe, 0x00, 0xd8]), Err(TextFault::Marked("UTF-16")));
    }
}
