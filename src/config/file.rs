//! What did the operator write? The file as sections of keys, each value read for itself, so that every fault is
//! found in one go and named with its line.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

/// Something wrong in the configuration, or with what it names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfigFault {
    /// Its line, from 1; `None` where the fault is not in the file.
    pub line: Option<usize>,
    /// What is wrong, and how to mend it.
    pub message: String,
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// The file, section by section.
pub struct ConfigFile<'a> {
    text: &'a str,
    sections: BTreeMap<String, Section<'a>>,
    faults: Vec<ConfigFault>,
}

struct Section<'a> {
    line: usize,
    keys: BTreeMap<String, Spanned<DeValue<'a>>>,
}

/// A value and the line it stands on.
#[derive(Clone, Debug)]
pub struct Given<T> {
    /// The value.
    pub value: T,
    /// Its line.
    pub line: usize,
}

impl<'a> ConfigFile<'a> {
    /// Reads the text; what is no TOML becomes faults.
    pub fn parse(text: &'a str) -> ConfigFile<'a> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut file = ConfigFile { text, sections: BTreeMap::new(), faults: Vec::new() };
        for error in errors {
            let line = error.span().map(|span| file.line_at(span.start));
            file.faults.push(ConfigFault { line, message: error.message().to_owned() });
        }
        for (name, value) in table.into_inner() {
            let line = file.line_at(name.span().start);
            match value.into_inner() {
                DeValue::Table(table) => {
                    let keys = table.into_iter().map(|(key, value)| (key.into_inner().into_owned(), value)).collect();
                    file.sections.insert(name.into_inner().into_owned(), Section { line, keys });
                }
                _ => file.fault(Some(line), format!("{:?} stands outside a section such as [server]", name.get_ref())),
            }
        }
        file
    }

    /// The value of a key, if it is written and has the right form. Each key can be taken once.
    pub fn take<T: DeserializeOwned>(&mut self, section: &str, key: &str) -> Option<Given<T>> {
        let value = self.sections.get_mut(section)?.keys.remove(key)?;
        let line = self.line_at(value.span().start);
        match T::deserialize(ValueDeserializer::from(value)) {
            Ok(value) => Some(Given { value, line }),
            Err(error) => {
                let line = error.span().map_or(line, |span| self.line_at(span.start));
                self.fault(Some(line), format!("{section}.{key}: {}", error.message()));
                None
            }
        }
    }

    /// Whether there is such a section.
    pub fn has(&self, section: &str) -> bool {
        self.sections.contains_key(section)
    }

    /// Notes a fault.
    pub fn fault(&mut self, line: Option<usize>, message: String) {
        self.faults.push(ConfigFault { line, message });
    }

    /// Every fault by line, what nobody took included. `known`: every section and key there is.
    pub fn finish(mut self, known: &[(&str, &[&str])]) -> Vec<ConfigFault> {
        for (name, section) in &self.sections {
            let Some((_, keys)) = known.iter().find(|(known, _)| known == name) else {
                let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
                let message = format!("there is no section [{name}]{}", suggestion(name, &names));
                self.faults.push(ConfigFault { line: Some(section.line), message });
                continue;
            };
            for (key, value) in section.keys.iter().filter(|(key, _)| !keys.contains(&key.as_str())) {
                let message = format!("there is no key {key:?} in [{name}]{}", suggestion(key, keys));
                self.faults.push(ConfigFault { line: Some(line_of(self.text, value.span().start)), message });
            }
        }
        self.faults.sort_by_key(|fault| (fault.line.unwrap_or(usize::MAX), fault.message.clone()));
        self.faults
    }

    fn line_at(&self, offset: usize) -> usize {
        line_of(self.text, offset)
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// `; did you mean "x"?` where a known name is near.
pub fn suggestion(wrong: &str, known: &[&str]) -> String {
    let near = known.iter().map(|name| (distance(wrong, name), *name)).min();
    match near {
        Some((distance, name)) if distance <= 2 => format!("; did you mean {name:?}?"),
        _ if known.is_empty() => String::new(),
        _ => format!("; known: {}", known.join(", ")),
    }
}

/// How many letters must be changed, added or removed (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut before = i + 1;
        for (cell, right) in row.iter_mut().skip(1).zip(&b) {
            let cost = diagonal + usize::from(left != *right);
            diagonal = *cell;
            before = cost.min(diagonal + 1).min(before + 1);
            *cell = before;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_keyboard_is_recognised() {
        assert_eq!(distance("listne", "listen"), 2);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(suggestion("htps", &["http", "https", "tftp"]), "; did you mean \"https\"?");
    }

    #[test]
    fn every_fault_is_found_in_one_go() {
        let text = "[server]\ndata_dir = 5\ncolour = \"red\"\n[htps]\nlisten = []\n[http]\nlisten = [\"x\"]\nfoo";
        let mut file = ConfigFile::parse(text);
        assert!(file.take::<String>("server", "data_dir").is_none());
        assert!(file.take::<Vec<std::net::SocketAddr>>("http", "listen").is_none());
        let known: &[(&str, &[&str])] = &[("server", &["data_dir"]), ("http", &["listen"]), ("https", &["listen"])];
        let lines: Vec<_> = file.finish(known).into_iter().map(|fault| fault.line.unwrap()).collect();
        assert_eq!(lines, [2, 3, 4, 7, 8]);
    }
}
