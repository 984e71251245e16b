//! The same phone, but nobody has written anything: every free text is one harmless word. A template's file with these
//! facts has the structure that its file with the real ones must have (policy D21). Only free text is replaced, and
//! what was empty stays empty: choices, numbers, names of models and the lengths of lists decide over the structure.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::facts::{DeviceFacts, PublicFacts};
use crate::inventory::mac::MacAddr;
use crate::inventory::settings::{CATALOGUE, Kind};

/// The word: no format escapes it.
const CANARY: &str = "canary";

/// What a template sees, and can be seen without what people wrote.
pub trait Facts: Clone + Serialize {
    /// Puts the word in place of every free text.
    fn silence(&mut self);
    /// Forgets which phone it is, as far as that decides over no structure.
    fn anonymize(&mut self);
}

/// What decides over the structure of a file: the template and everything that is no free text.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Shape([u8; 32]);

/// The facts with the word in place of every free text.
pub(super) fn canary<F: Facts>(facts: &F) -> F {
    let mut silent = facts.clone();
    silent.silence();
    silent
}

impl Shape {
    /// Two phones of one shape have files of one structure, unless a template looks at which phone it is.
    pub fn of<F: Facts>(template: &str, facts: &F) -> Option<Shape> {
        let mut facts = canary(facts);
        facts.anonymize();
        let facts = serde_json::to_vec(&facts).ok()?;
        Some(Shape(Sha256::new().chain_update(template).chain_update([0]).chain_update(facts).finalize().into()))
    }
}

fn silence(text: &mut String) {
    if !text.is_empty() {
        CANARY.clone_into(text);
    }
}

impl Facts for DeviceFacts {
    fn silence(&mut self) {
        silence(&mut self.device.name);
        silence(&mut self.device.firmware);
        silence(&mut self.site.name);
        silence(&mut self.admin.password);
        if let Some(assignee) = &mut self.assignee {
            silence(&mut assignee.name);
        }
        for line in &mut self.lines {
            for text in
                [&mut line.label, &mut line.display_name, &mut line.user, &mut line.auth_user, &mut line.password]
            {
                silence(text);
            }
        }
        for key in &mut self.keys {
            silence(&mut key.value);
            silence(&mut key.label);
        }
        for native in &mut self.native {
            silence(&mut native.value);
        }
        for entry in CATALOGUE.iter().filter(|entry| matches!(entry.kind, Kind::Text(_))) {
            if let Some(serde_json::Value::String(text)) = self.settings.get_mut(entry.key) {
                silence(text);
            }
        }
    }

    fn anonymize(&mut self) {
        if let Ok(mac) = MacAddr::new([0x02, 0, 0, 0, 0, 1]) {
            self.device.mac = mac;
        }
        silence(&mut self.server.token);
        silence(&mut self.server.device_url);
        for line in &mut self.lines {
            silence(&mut line.extension);
        }
        if let Some(assignee) = &mut self.assignee {
            silence(&mut assignee.extension);
            silence(&mut assignee.long_extension);
            assignee.numbers.iter_mut().for_each(silence);
        }
    }
}

impl Facts for PublicFacts {
    fn silence(&mut self) {
        silence(&mut self.file.name);
    }

    fn anonymize(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::super::lint::{sample_device, sample_public};
    use super::*;

    #[test]
    fn nothing_that_people_wrote_is_left_and_nothing_else_is_gone() {
        let mut facts = sample_device("yealink", "80:5e:c0:11:22:33".parse().unwrap());
        facts.settings.insert("ring_tone".into(), "Ring2.wav".into());
        facts.lines[0].outbound_proxy = String::new();
        facts.keys[0].label = String::new();
        let silent = serde_json::to_string(&canary(&facts)).unwrap();
        for written in ["Alice", "Bob", "Ring2", "\"200\"", "Sample"] {
            assert!(!silent.contains(written), "{written}: {silent}");
        }
        let silent = canary(&facts);
        assert_eq!((silent.lines.len(), silent.keys.len()), (facts.lines.len(), facts.keys.len()));
        assert_eq!(
            (silent.lines[0].port, &silent.lines[0].transport),
            (facts.lines[0].port, &facts.lines[0].transport)
        );
        assert_eq!((silent.keys[0].label.as_str(), silent.keys[1].label.as_str()), ("", CANARY));
        assert_eq!(silent.native[0].value, CANARY);
        assert_eq!((silent.device.mac, &silent.native[0].key), (facts.device.mac, &facts.native[0].key));
        let public = canary(&sample_public(facts.device.mac));
        assert_eq!(public.file.name, CANARY);
    }

    #[test]
    fn phones_that_differ_in_names_have_one_shape_and_in_settings_another() {
        let one = sample_device("yealink", "80:5e:c0:11:22:33".parse().unwrap());
        let mut other = sample_device("yealink", "80:5e:c0:11:22:44".parse().unwrap());
        other.lines[0].display_name = "Zoë".into();
        other.lines[0].extension = "2345".into();
        other.server.token = "another".into();
        assert_eq!(Shape::of("t", &one), Shape::of("t", &other));
        assert_ne!(Shape::of("t", &one), Shape::of("u", &one));
        other.lines[0].port = 5062;
        assert_ne!(Shape::of("t", &one), Shape::of("t", &other));
    }
}
