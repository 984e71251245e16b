//! How is a value written so that it stays a value? One function per format of files.

use std::io::{Error, ErrorKind, Result, Write};

use crate::makers::Format;

/// The escape function of a format.
pub fn escape_function(format: Format) -> tera::EscapeFn {
    match format {
        Format::KeyValue => key_value,
        Format::Xml => xml,
    }
}

/// `key = value` has neither quotes nor escapes: what would end the line is refused.
fn key_value(value: &str, out: &mut dyn Write) -> Result<()> {
    if let Some(character) = value.chars().find(|character| breaks_line(*character)) {
        return Err(refused(character));
    }
    out.write_all(value.as_bytes())
}

/// XML 1.0 §2.2 and §2.4, for elements and for attributes in either quotes. A line break becomes a character
/// reference, since an attribute would lose it (§3.3.3).
fn xml(value: &str, out: &mut dyn Write) -> Result<()> {
    for character in value.chars() {
        match character {
            '&' => out.write_all(b"&amp;")?,
            '<' => out.write_all(b"&lt;")?,
            '>' => out.write_all(b"&gt;")?,
            '"' => out.write_all(b"&quot;")?,
            '\'' => out.write_all(b"&apos;")?,
            '\n' => out.write_all(b"&#10;")?,
            '\u{fffe}' | '\u{ffff}' => return Err(refused(character)),
            _ if breaks_line(character) => return Err(refused(character)),
            _ => write!(out, "{character}")?,
        }
    }
    Ok(())
}

fn breaks_line(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

fn refused(character: char) -> Error {
    Error::new(ErrorKind::InvalidData, format!("a value has the character U+{:04X}", u32::from(character)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(format: Format, value: &str) -> Result<String> {
        let mut out = Vec::new();
        escape_function(format)(value, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_value_cannot_add_a_line() {
        for value in ["a\nb = 1", "a\rb", "a\u{85}b", "a\u{2028}b", "a\0b"] {
            assert!(escaped(Format::KeyValue, value).is_err(), "{value:?}");
        }
        assert_eq!(escaped(Format::KeyValue, "a#b = \"c\" {{d}}").unwrap(), "a#b = \"c\" {{d}}");
    }

    #[test]
    fn a_value_cannot_leave_its_element_or_attribute() {
        assert_eq!(
            escaped(Format::Xml, "<a b='c' d=\"e\">&\n").unwrap(),
            "&lt;a b=&apos;c&apos; d=&quot;e&quot;&gt;&amp;&#10;"
        );
        assert!(escaped(Format::Xml, "\u{1}").is_err());
    }
}
