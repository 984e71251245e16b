//! What does this XML say? A small tree, read strictly: phones drop a malformed file whole. Each maker's file gives the tree its
//! own meaning.

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// Deeper than any settings file of these makers.
const MAX_DEPTH: usize = 32;

/// One element and all below it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    /// The character data directly below this element, entities resolved.
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

/// Why a file is dropped.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum XmlFault {
    #[error("the file is empty")]
    Empty,
    #[error("this is an HTML page, no settings file")]
    Html,
    #[error("malformed XML: {0}")]
    Malformed(String),
    #[error("not UTF-8")]
    NotUtf8,
    #[error("its root element is {0:?}")]
    Root(String),
}

impl Element {
    /// Reads a whole document.
    pub(super) fn read(bytes: &[u8]) -> Result<Element, XmlFault> {
        let text = std::str::from_utf8(bytes).map_err(|_| XmlFault::NotUtf8)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let start = text.trim_start().chars().take(14).collect::<String>().to_ascii_lowercase();
        if start.starts_with("<html") || start.starts_with("<!doctype html") {
            return Err(XmlFault::Html);
        }
        let mut reader = Reader::from_str(text);
        let mut growing = Growing::default();
        loop {
            match reader.read_event().map_err(malformed)? {
                Event::Start(tag) => growing.open(element(&tag)?)?,
                Event::Empty(tag) => {
                    growing.open(element(&tag)?)?;
                    growing.close()?;
                }
                Event::End(_) => growing.close()?,
                Event::Text(text) => growing.text(&text.xml10_content())?,
                Event::CData(text) => growing.text(&text.xml10_content())?,
                Event::GeneralRef(entity) => growing.text(&resolve(&entity)?)?,
                Event::DocType(_) => return Err(malformed("a document type is not understood")),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
                Event::Eof => return growing.finish(),
            }
        }
    }

    /// Reads a document whose root must have this name.
    pub(super) fn read_rooted(bytes: &[u8], root: &str) -> Result<Element, XmlFault> {
        let element = Element::read(bytes)?;
        if element.name == root { Ok(element) } else { Err(XmlFault::Root(element.name)) }
    }

    /// The value of an attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The direct children with this name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// This element and everything below it, in document order.
    pub(super) fn walk(&self) -> Vec<&Element> {
        let mut found = vec![self];
        for child in &self.children {
            found.extend(child.walk());
        }
        found
    }
}

/// A document while it is being read: the root once it is closed, and the elements that are still open.
#[derive(Default)]
struct Growing {
    root: Option<Element>,
    open: Vec<Element>,
}

impl Growing {
    fn open(&mut self, element: Element) -> Result<(), XmlFault> {
        if self.root.is_some() {
            return Err(malformed("a second root element"));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(malformed("nested too deep"));
        }
        self.open.push(element);
        Ok(())
    }

    fn close(&mut self) -> Result<(), XmlFault> {
        let element = self.open.pop().ok_or_else(|| malformed("an end without a start"))?;
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), XmlFault> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(malformed("text outside of the root element")),
        }
        Ok(())
    }

    fn finish(self) -> Result<Element, XmlFault> {
        if !self.open.is_empty() {
            return Err(malformed("it ends too early"));
        }
        self.root.ok_or(XmlFault::Empty)
    }
}

fn element(tag: &BytesStart<'_>) -> Result<Element, XmlFault> {
    let mut attributes = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(malformed)?;
        let value = attribute.normalized_value(XmlVersion::Explicit1_0).map_err(malformed)?;
        attributes.push((attribute.key.into_inner().to_owned(), value.into_owned()));
    }
    Ok(Element { name: tag.name().into_inner().to_owned(), attributes, ..Element::default() })
}

fn resolve(entity: &BytesRef<'_>) -> Result<String, XmlFault> {
    if let Some(character) = entity.resolve_char_ref().map_err(malformed)? {
        return Ok(character.to_string());
    }
    resolve_predefined_entity(entity).map(str::to_owned).ok_or_else(|| malformed("an unknown entity"))
}

fn malformed(fault: impl ToString) -> XmlFault {
    XmlFault::Malformed(fault.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_and_cdata_become_text() {
        let root = Element::read(b"<a x='1 &lt; 2'>R&amp;D &#8211; <![CDATA[<b>]]><c/></a>").unwrap();
        assert_eq!(root.text, "R&D \u{2013} <b>");
        assert_eq!(root.attribute("x"), Some("1 < 2"));
        assert_eq!(root.children.len(), 1);
    }

    #[test]
    fn a_malformed_file_is_dropped_whole() {
        for bytes in [
            &b"<a><b></a></b>"[..],
            b"<a x='1' x='2'/>",
            b"<a>&unknown;</a>",
            b"<a>",
            b"<a/><b/>",
            b"<a/>text",
            b"<!DOCTYPE a [<!ENTITY x 'y'>]><a/>",
            b"<a x=1/>",
        ] {
            assert!(matches!(Element::read(bytes), Err(XmlFault::Malformed(_))), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn what_is_no_xml_is_named() {
        assert_eq!(Element::read(b"  \n"), Err(XmlFault::Empty));
        assert_eq!(Element::read(b"\xff\xfe"), Err(XmlFault::NotUtf8));
        assert_eq!(Element::read(b"<!DOCTYPE html><html></html>"), Err(XmlFault::Html));
        assert_eq!(Element::read_rooted(b"<x/>", "settings"), Err(XmlFault::Root("x".into())));
    }
}
