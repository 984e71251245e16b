//! Do our own templates say what their makers' phones must hear? Rendered with the samples, read as XML.

mod grandstream;
mod poly;

use std::collections::BTreeMap;

use quick_xml::XmlVersion;
use quick_xml::events::Event;
use quick_xml::reader::Reader;

use super::{BUILTIN, Role, Templates};
use crate::inventory::mac::MacAddr;
use crate::makers::{self, Meaning};

/// A document as its phone sees it.
#[derive(Debug)]
struct Document {
    /// Every element in order: its name and its text.
    elements: Vec<(String, String)>,
    /// Every attribute of every element; the first of a name counts.
    attributes: BTreeMap<String, String>,
}

impl Document {
    /// Reads a whole document; panics where a phone would drop it.
    fn read(text: &str) -> Document {
        let mut reader = Reader::from_str(text);
        let mut document = Document { elements: Vec::new(), attributes: BTreeMap::new() };
        let mut open: Vec<usize> = Vec::new();
        loop {
            let event = reader.read_event().unwrap_or_else(|error| panic!("{error}\n{text}"));
            match event {
                Event::Start(ref element) | Event::Empty(ref element) => {
                    for attribute in element.attributes() {
                        let attribute = attribute.unwrap_or_else(|error| panic!("{error}\n{text}"));
                        let value = attribute.normalized_value(XmlVersion::Explicit1_0).unwrap().into_owned();
                        document.attributes.entry(attribute.key.as_ref().to_owned()).or_insert(value);
                    }
                    document.elements.push((element.name().as_ref().to_owned(), String::new()));
                    if matches!(event, Event::Start(_)) {
                        open.push(document.elements.len() - 1);
                    }
                }
                Event::End(_) => drop(open.pop()),
                Event::Text(part) => document.add(&open, &part),
                Event::GeneralRef(part) => {
                    let resolved = match part.resolve_char_ref().unwrap() {
                        Some(character) => character.to_string(),
                        None => quick_xml::escape::resolve_xml_entity(&part).unwrap().to_owned(),
                    };
                    document.add(&open, &resolved);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        assert!(open.is_empty(), "{text}");
        document
    }

    fn add(&mut self, open: &[usize], text: &str) {
        if let Some(index) = open.last() {
            self.elements[*index].1.push_str(text);
        }
    }

    /// The text of the first element of that name.
    fn text(&self, name: &str) -> Option<&str> {
        self.elements.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }

    /// The attribute of that name, wherever it is.
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }
}

fn templates() -> Templates {
    Templates::load(None).unwrap()
}

fn mac(digits: &str) -> MacAddr {
    MacAddr::from_plain(digits).unwrap()
}

/// A text without blank lines, tabs and trailing spaces, that ends its last line.
fn assert_tidy(text: &str) {
    assert!(text.starts_with("<?xml version=\"1.0\""), "{text}");
    for (number, line) in text.lines().enumerate() {
        assert!(!line.is_empty() && line == line.trim_end() && !line.contains('\t'), "line {}:\n{text}", number + 1);
    }
    assert!(text.ends_with(">\n"), "{text}");
}

#[test]
fn every_template_a_file_name_leads_to_is_there_in_its_role() {
    for (maker, file) in [
        ("grandstream", "cfg.xml"),
        ("poly", "000000000000.cfg"),
        ("poly", "64167faabbcc.cfg"),
        ("poly", "9CADEFAABBCC.xml"),
        ("poly", "ztpd-poly.cfg"),
    ] {
        let reading = makers::by_id(maker).unwrap().reading(file).unwrap();
        let named = match reading.meaning {
            Meaning::Device { hand_over: Some(hand_over) } => vec![(hand_over, Role::Bootstrap)],
            Meaning::Gate { template } => vec![(template, Role::Master)],
            Meaning::Public { hand_over, neutral } if hand_over == neutral => vec![(neutral, Role::Common)],
            Meaning::Public { hand_over, neutral } => vec![(hand_over, Role::Bootstrap), (neutral, Role::Common)],
            other => panic!("{file}: {other:?}"),
        };
        for (name, role) in named {
            assert!(BUILTIN.iter().any(|(known, is, _)| *known == name && *is == role), "{file}: {name}");
        }
    }
}
