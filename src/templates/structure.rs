//! What is left of a file when its values are taken away: the keys of `key = value`, the tree of XML. What people wrote
//! must not change it (policy D21), and an XML file that does not hold together reaches no phone.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use sha2::{Digest as _, Sha256};

use crate::makers::Format;

/// A file's structure, as a hash.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Structure([u8; 32]);

/// A text that is no file of its format.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Malformed {
    /// Where, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl Structure {
    /// The structure of a text.
    pub fn of(format: Format, text: &str) -> Result<Structure, Malformed> {
        let mut hash = Sha256::new();
        walk(format, text, |_, part| {
            hash.update(part);
            // No part has a NUL, so none can pass for two.
            hash.update([0]);
        })?;
        Ok(Structure(hash.finalize().into()))
    }
}

/// The line of `text` where its structure leaves that of `expected`.
pub(super) fn first_difference(format: Format, expected: &str, text: &str) -> Result<usize, Malformed> {
    let mut wanted = Vec::new();
    walk(format, expected, |_, part| wanted.push(part.to_owned()))?;
    let (mut wanted, mut found, mut last) = (wanted.into_iter(), None, 0);
    walk(format, text, |at, part| {
        last = at;
        if wanted.next().as_deref() != Some(part) {
            found = found.or(Some(at));
        }
    })?;
    Ok(line_of(text, found.unwrap_or(last)))
}

/// Calls `visit` with each part of the structure and where it stands, in octets from the beginning.
fn walk(format: Format, text: &str, visit: impl FnMut(u64, &str)) -> Result<(), Malformed> {
    match format {
        Format::KeyValue => {
            walk_lines(text, visit);
            Ok(())
        }
        Format::Xml => Walk { text, open: 0, roots: 0, visit }.whole(),
    }
}

/// A line's key; a line without one counts as a whole, and so does the first, which tells the phone what it reads.
fn walk_lines(text: &str, mut visit: impl FnMut(u64, &str)) {
    let mut next = 0u64;
    for line in text.split_inclusive('\n') {
        let at = next;
        next = next.saturating_add(line.len() as u64);
        let line = line.trim();
        match line.split_once('=') {
            _ if line.is_empty() => {}
            _ if line.starts_with("#!") => visit(at, line),
            _ if line.starts_with('#') => visit(at, "#"),
            Some((key, _)) => {
                visit(at, key.trim_end());
                visit(at, "=");
            }
            None => visit(at, line),
        }
    }
}

struct Walk<'a, V> {
    text: &'a str,
    /// How many elements are open.
    open: usize,
    /// How many elements stood at the top.
    roots: usize,
    visit: V,
}

impl<V: FnMut(u64, &str)> Walk<'_, V> {
    fn whole(mut self) -> Result<(), Malformed> {
        let mut reader = Reader::from_str(self.text);
        loop {
            let at = reader.buffer_position();
            let event = reader.read_event().map_err(|error| self.malformed(reader.error_position(), error))?;
            match event {
                Event::Start(element) => {
                    self.element(at, &element)?;
                    self.open = self.open.saturating_add(1);
                }
                Event::Empty(element) => {
                    self.element(at, &element)?;
                    self.part(at, ">");
                }
                Event::End(_) => {
                    self.open = self.open.saturating_sub(1);
                    self.part(at, ">");
                }
                Event::Text(text) if self.open == 0 && !text.trim().is_empty() => {
                    return Err(self.malformed(at, "text outside of every element"));
                }
                Event::Text(_) => {}
                Event::GeneralRef(name) => self.reference(at, &name)?,
                Event::CData(_) => self.part(at, "<![CDATA["),
                Event::Comment(_) => self.part(at, "<!--"),
                Event::Decl(_) => self.part(at, "<?xml"),
                Event::PI(_) => self.part(at, "<?"),
                Event::DocType(_) => return Err(self.malformed(at, "a document type")),
                Event::Eof => break,
            }
        }
        let end = self.text.len() as u64;
        match (self.open, self.roots) {
            (0, 1) => Ok(()),
            (0, _) => Err(self.malformed(end, "not one element at the top")),
            _ => Err(self.malformed(end, "an element is not closed")),
        }
    }

    /// Its name and the names of its attributes.
    fn element(&mut self, at: u64, element: &BytesStart<'_>) -> Result<(), Malformed> {
        if self.open == 0 {
            self.roots = self.roots.saturating_add(1);
        }
        self.part(at, "<");
        self.part(at, element.name().as_ref());
        for attribute in element.attributes() {
            let attribute = attribute.map_err(|error| self.malformed(at, error))?;
            if attribute.value.contains('<') || quick_xml::escape::unescape(&attribute.value).is_err() {
                return Err(self.malformed(at, "an attribute's value is not escaped"));
            }
            self.part(at, attribute.key.as_ref());
        }
        Ok(())
    }

    /// Only the references every phone knows.
    fn reference(&self, at: u64, name: &quick_xml::events::BytesRef<'_>) -> Result<(), Malformed> {
        let character = name.resolve_char_ref().map_err(|error| self.malformed(at, error))?;
        if character.is_none() && quick_xml::escape::resolve_predefined_entity(name).is_none() {
            return Err(self.malformed(at, "an entity nobody knows"));
        }
        Ok(())
    }

    fn part(&mut self, at: u64, part: &str) {
        (self.visit)(at, part);
    }

    fn malformed(&self, at: u64, what: impl ToString) -> Malformed {
        Malformed { line: line_of(self.text, at), message: what.to_string() }
    }
}

fn line_of(text: &str, at: u64) -> usize {
    let before = usize::try_from(at).ok().and_then(|at| text.get(..at)).unwrap_or(text);
    before.matches('\n').count().saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(format: Format, one: &str, other: &str) -> bool {
        Structure::of(format, one).unwrap() == Structure::of(format, other).unwrap()
    }

    #[test]
    fn other_values_are_the_same_file() {
        assert!(same(
            Format::KeyValue,
            "#!version:1.0.0.1\na = 1\n\n# x\nb=\n",
            "#!version:1.0.0.1\na = x = y\n# z\nb = 2\n"
        ));
        let one = "<?xml version=\"1.0\"?>\n<a b=\"1\" c=\"\"><d>x</d><e/></a>";
        assert!(same(Format::Xml, one, "<?xml version=\"1.0\"?><a b='&lt;' c='2'><d>&#10;&amp;</d><e></e></a>\n"));
    }

    #[test]
    fn another_line_key_element_or_attribute_is_another_file() {
        for (one, other) in
            [("a = 1\n", "a = 1\nb = 2\n"), ("a = 1\n", "b = 1\n"), ("#!v1\n", "#!v2\n"), ("a = 1\n", "a\n")]
        {
            assert!(!same(Format::KeyValue, one, other), "{other}");
        }
        for other in
            ["<a c=\"1\"/>", "<a b=\"1\" c=\"\"/>", "<a b=\"1\"><d/></a>", "<b b=\"1\"/>", "<a b=\"1\"/><!-- -->"]
        {
            assert!(!same(Format::Xml, "<a b=\"1\"/>", other), "{other}");
        }
    }

    #[test]
    fn xml_that_does_not_hold_together_is_named_with_its_line() {
        for (text, line) in [
            ("<a>\n<b>\n</a>", 3),
            ("<a>\n", 2),
            ("", 1),
            ("<a/>\n<b/>", 2),
            ("<a/>\nx", 1),
            ("<a>\n&nbsp;</a>", 2),
            ("<a b=\"1\" b=\"2\"/>", 1),
            ("<a b=\"<\"/>", 1),
            ("<a b=\"&x;\"/>", 1),
            ("<!DOCTYPE a>\n<a/>", 1),
        ] {
            let malformed = Structure::of(Format::Xml, text).unwrap_err();
            assert_eq!(malformed.line, line, "{text}: {malformed:?}");
        }
    }

    #[test]
    fn the_first_line_that_differs_is_found() {
        assert_eq!(first_difference(Format::KeyValue, "a = 1\nb = 1\n", "a = 1\nx = 1\nb = 1\n"), Ok(2));
        assert_eq!(first_difference(Format::KeyValue, "a = 1\nb = 1\n", "a = 1\n"), Ok(1));
        assert_eq!(first_difference(Format::Xml, "<a>\n<b/>\n</a>", "<a>\n<b/>\n<c/></a>"), Ok(3));
    }
}
