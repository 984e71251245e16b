//! Where does each line of a file come from? The template is marked and rendered once more: every piece of its text and
//! every expression carries a mark that tells template, line and words; what stands between two marks in the output came
//! from there. A rendering that the marks would change is not explained, rather than explained wrongly.

use std::collections::BTreeSet;

use serde::Serialize;

use super::marks::{FIRST, LAST, Place, Sites};

/// Where one line of a file comes from.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct LineOrigin {
    /// Which line of the file, from 1.
    pub line: usize,
    /// The line.
    pub text: String,
    /// The template that wrote it; for a line that several wrote, the first. Empty: it is empty itself.
    pub template: String,
    /// The line of the template, from 1.
    pub template_line: usize,
    /// What it stands inside of, outermost first: `block accounts`, `for line in lines`, `if line.shared`.
    pub within: Vec<String>,
    /// What was put into it, in the template's words, with what came of it.
    pub values: Vec<Value>,
}

/// An expression of a template, and what came of it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Value {
    /// In the template's words.
    pub expression: String,
    /// As it stands in the file.
    pub value: String,
}

impl LineOrigin {
    /// The settings that the line hangs on, by the expressions and conditions that name them.
    pub fn settings(&self) -> BTreeSet<&str> {
        let expressions = self.values.iter().map(|value| value.expression.as_str());
        expressions.chain(self.within.iter().map(String::as_str)).flat_map(settings_in).collect()
    }
}

/// Every `settings["key"]` of a text.
fn settings_in(text: &str) -> impl Iterator<Item = &str> {
    text.split("settings[").skip(1).filter_map(|rest| {
        let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        rest.get(1..)?.split(quote).next()
    })
}

/// Reads an output with marks; `None` if it is not `text` but for the marks.
pub(super) fn read(marked: &str, text: &str, sites: &Sites) -> Option<Vec<LineOrigin>> {
    let mut reading = Reading { sites, lines: Vec::new(), line: LineOrigin::default(), open: Vec::new() };
    let plain: String = marked.chars().filter(|character| reading.take(*character)).collect();
    reading.end_line();
    if plain != text {
        return None;
    }
    let mut lines = reading.lines;
    if text.ends_with('\n') || text.is_empty() {
        // What follows the last line break is no line.
        lines.pop();
    }
    Some(lines)
}

struct Reading<'a> {
    sites: &'a Sites,
    lines: Vec<LineOrigin>,
    line: LineOrigin,
    /// The expressions that are being written, and what they have written on this line.
    open: Vec<(&'a Place, String)>,
}

impl Reading<'_> {
    /// Takes a character; whether it is one of the output.
    fn take(&mut self, character: char) -> bool {
        match character {
            LAST => {
                if let Some((place, written)) = self.open.pop() {
                    self.value(place, written);
                }
                false
            }
            FIRST..LAST => {
                if let Some(place) = self.sites.at(character) {
                    self.wrote(place);
                    if place.expression.is_some() {
                        self.open.push((place, String::new()));
                    }
                }
                false
            }
            '\n' => {
                self.end_line();
                true
            }
            _ => {
                self.line.text.push(character);
                for (_, written) in &mut self.open {
                    written.push(character);
                }
                true
            }
        }
    }

    fn wrote(&mut self, place: &Place) {
        if self.line.template.is_empty() {
            self.line.template.clone_from(&place.template);
            self.line.template_line = place.line;
        }
        for around in &place.within {
            if !self.line.within.contains(around) {
                self.line.within.push(around.clone());
            }
        }
    }

    fn value(&mut self, place: &Place, value: String) {
        if let Some(expression) = &place.expression {
            self.line.values.push(Value { expression: expression.clone(), value });
        }
    }

    /// A value that goes over a line break belongs to each of its lines.
    fn end_line(&mut self) {
        let open: Vec<(&Place, String)> =
            self.open.iter_mut().map(|(place, written)| (*place, std::mem::take(written))).collect();
        for (place, written) in open {
            self.value(place, written);
        }
        self.line.line = self.lines.len() + 1;
        self.lines.push(std::mem::take(&mut self.line));
        let still: Vec<&Place> = self.open.iter().map(|(place, _)| *place).collect();
        for place in still {
            self.wrote(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::builtin::{BUILTIN, Role};
    use super::super::catalogue::Templates;
    use super::super::lint::sample_device;
    use super::*;

    fn explained(templates: &Templates, name: &str) -> Vec<LineOrigin> {
        let maker = name.split('/').next().unwrap();
        let facts = sample_device(maker, "80:5e:c0:11:22:33".parse().unwrap());
        let lines = templates.explain(name, &facts).unwrap().unwrap_or_else(|| panic!("{name} is not explained"));
        let text: Vec<String> = lines.iter().map(|line| line.text.clone()).collect();
        let rendered = templates.render(name, &facts).unwrap();
        assert_eq!(text.join("\n"), rendered.strip_suffix('\n').unwrap_or(&rendered), "{name}");
        lines
    }

    #[test]
    fn every_line_of_every_file_of_ours_comes_from_the_line_of_a_template_that_has_its_words() {
        let templates = Templates::load(None).unwrap();
        let own = BUILTIN.iter().filter(|(_, role, _)| matches!(role, Role::Device | Role::Master));
        for (name, ..) in own {
            for line in explained(&templates, name).into_iter().filter(|line| !line.text.is_empty()) {
                let text = templates.text(&line.template).unwrap_or_else(|| panic!("{name}: {line:?}"));
                let written = text.lines().nth(line.template_line - 1).unwrap();
                let mut words = line.text.split(|character: char| !character.is_ascii_alphabetic());
                let word = words.find(|word| !word.is_empty()).unwrap_or_default();
                let put_in = line.values.iter().any(|value| value.value.contains(word));
                assert!(put_in || written.contains(word), "{name}: {line:?} from {written:?}");
            }
        }
    }

    #[test]
    fn a_line_names_what_was_put_in_and_the_settings_it_hangs_on() {
        let templates = Templates::load(None).unwrap();
        let lines = explained(&templates, "snom/device.xml");
        let line = lines.iter().find(|line| line.text.contains("<vlan_qos")).unwrap();
        assert_eq!(line.values[0].expression, "settings[\"vlan.priority\"]");
        assert!(line.text.contains(&format!(">{}<", line.values[0].value)), "{line:?}");
        assert_eq!(line.within, ["block network", "if settings[\"vlan.id\"]"]);
        assert_eq!(line.settings(), BTreeSet::from(["vlan.id", "vlan.priority"]));
    }

    #[test]
    fn a_template_that_builds_on_ours_is_told_apart_from_it() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("yealink")).unwrap();
        let mine =
            "{% extends \"builtin/yealink/device.cfg\" %}\n{% block extra %}\nmine = {{ device.model }}{% endblock %}";
        std::fs::write(dir.path().join("yealink/device.cfg"), mine).unwrap();
        let templates = Templates::load(Some(dir.path())).unwrap();
        let lines = explained(&templates, "yealink/device.cfg");
        let of = |words: &str| {
            lines.iter().find(|line| line.text.starts_with(words)).unwrap_or_else(|| panic!("{words}: {lines:#?}"))
        };
        assert_eq!((of("mine = ").template.as_str(), of("mine = ").template_line), ("yealink/device.cfg", 3));
        assert_eq!(of("static.auto_provision.server.url").template, "builtin/yealink/device.cfg");
    }

    #[test]
    fn what_the_marks_would_change_is_not_explained() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("yealink")).unwrap();
        let mine = "{% set word %}abc{% endset %}length = {{ word | length }}\n";
        std::fs::write(dir.path().join("yealink/mine.cfg"), mine).unwrap();
        let templates = Templates::load(Some(dir.path())).unwrap();
        let facts = sample_device("yealink", "80:5e:c0:11:22:33".parse().unwrap());
        assert_eq!(templates.explain("yealink/mine.cfg", &facts), Ok(None));
    }
}
