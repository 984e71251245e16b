//! Which template serves which file? Ours, unless the operator's folder has one of the same name; ours stay
//! reachable as `builtin/<maker>/<file>`. Everything is compiled once, when settings are loaded.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest as _, Sha256};

use super::builtin::BUILTIN;
use super::canary::{Facts, Shape, canary};
use super::engine::{DEADLINE, Engine};
use super::folder::collect;
use super::marks::{Sites, marked};
use super::provenance::{self, LineOrigin};
use super::structure::{Malformed, Structure, first_difference};
use super::turns::Turns;
use crate::inventory::device::TemplateName;
use crate::makers;

/// The longest file a phone is given, in octets (policy D21).
pub const OUTPUT_LIMIT: usize = 256 * 1024;

/// How many shapes of phones are remembered with their structure; a fleet has a few dozen.
const SHAPES: usize = 1024;

/// The templates in force, compiled.
pub struct Templates {
    engines: BTreeMap<&'static str, Engine>,
    sources: BTreeMap<TemplateName, TemplateSource>,
    /// Every text by the name it is rendered under.
    texts: BTreeMap<String, String>,
    sums: BTreeMap<String, String>,
    /// The structure that files of a shape have, as a canary showed it.
    structures: Mutex<HashMap<Shape, Structure>>,
    turns: Turns,
}

/// Where a template comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TemplateSource {
    /// Part of the program.
    Builtin,
    /// A file of the operator's.
    File(PathBuf),
}

/// Why a template cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TemplateFault {
    /// It does not compile, or not with what templates see.
    #[error("{template}:{line}:{column}: {message}")]
    Broken {
        /// Its name.
        template: String,
        /// Line, from 1; 0 if unknown.
        line: usize,
        /// Column, from 1; 0 if unknown.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// Others than root and the daemon may change it, and so what phones are given (policy D20).
    #[error("{0}: others may change it; make it root's or the daemon's own, with `chmod go-w`")]
    Exposed(PathBuf),
    /// The folder is of no maker, or the file's name is none a template can have.
    #[error("{0}: not a template: expected <maker>/<file> with one of our makers")]
    Misplaced(PathBuf),
    /// It cannot be read.
    #[error("{path}: {error}")]
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        error: String,
    },
}

/// Why a text was not rendered. The phone gets nothing at all.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RenderError {
    /// Too many are rendered at once, for too long.
    #[error("{0}: no turn to render for too long")]
    Busy(String),
    /// A value is missing, or the template failed otherwise.
    #[error(transparent)]
    Fault(#[from] TemplateFault),
    /// The output is no file of its format.
    #[error("{template}: line {line} of the output: {message}")]
    Malformed {
        /// Its name.
        template: String,
        /// The line of the output.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// No such template.
    #[error("there is no template {0}; `ztpd template list` shows them all")]
    NoTemplate(String),
    /// What people wrote decides over the structure of the file (policy D21), by intent or by attack.
    #[error(
        "{template}: from line {line} of the output on, what people wrote into their fields changes which keys or elements there are; free text may not decide over that"
    )]
    StructureChanged {
        /// Its name.
        template: String,
        /// The line of the output.
        line: usize,
    },
    /// Longer than any phone's file may be.
    #[error("{0}: the output is longer than {OUTPUT_LIMIT} octets")]
    TooLong(String),
    /// It took too long.
    #[error("{0}: rendering took longer than {DEADLINE:?}")]
    TooSlow(String),
}

impl Templates {
    /// Compiles our templates and the operator's; every fault of every file, or the templates.
    pub fn load(dir: Option<&Path>) -> Result<Templates, Vec<TemplateFault>> {
        let mut faults = Vec::new();
        let mut files = BTreeMap::new();
        if let Some(dir) = dir {
            collect(dir, &mut files, &mut faults);
        }
        let mut templates = Templates {
            engines: BTreeMap::new(),
            sources: BTreeMap::new(),
            texts: BTreeMap::new(),
            sums: BTreeMap::new(),
            structures: Mutex::default(),
            turns: Turns::new(),
        };
        for maker in makers::MAKERS {
            let texts = texts(maker.id(), &files);
            templates.sums.extend(texts.iter().map(|(name, text)| (name.clone(), sum(text))));
            templates.texts.extend(texts.iter().map(|(name, text)| (name.clone(), (*text).to_owned())));
            match Engine::new(maker.id(), maker.format(), texts) {
                Ok(engine) => {
                    templates.engines.insert(maker.id(), engine);
                }
                Err(fault) => faults.push(fault),
            }
        }
        let builtin = BUILTIN.iter().filter_map(|(name, ..)| Some((name.parse().ok()?, TemplateSource::Builtin)));
        templates.sources.extend(builtin);
        templates.sources.extend(files.into_iter().map(|(name, (path, _))| (name, TemplateSource::File(path))));
        if faults.is_empty() { Ok(templates) } else { Err(faults) }
    }

    /// Every template by name, and where it comes from.
    pub fn sources(&self) -> &BTreeMap<TemplateName, TemplateSource> {
        &self.sources
    }

    /// SHA-256 of a template's text, in hexadecimal.
    pub fn sha256(&self, name: &str) -> Option<&str> {
        self.sums.get(name).map(String::as_str)
    }

    /// A template's text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    /// What they all say, as a digest.
    pub fn digest(&self) -> Vec<u8> {
        let mut digest = Sha256::new();
        for (name, sum) in &self.sums {
            digest.update(format!("{name} {sum}\n"));
        }
        digest.finalize().to_vec()
    }

    /// Whether there is such a template.
    pub fn contains(&self, name: &TemplateName) -> bool {
        self.sources.contains_key(name)
    }

    /// The text of a template with these facts, whole or not at all: well-formed, of bounded length, in bounded time, and
    /// made of the same keys or elements whatever people wrote into their fields (policy D21).
    pub fn render<F: Facts>(&self, name: &str, facts: &F) -> Result<String, RenderError> {
        let _turn = self.turns.take().ok_or_else(|| RenderError::Busy(name.to_owned()))?;
        let engine = self.engine(name)?;
        let text = engine.text(name, facts)?;
        let structure = Structure::of(engine.format, &text).map_err(|fault| malformed(name, fault))?;
        let shape = Shape::of(name, facts);
        if shape.is_some_and(|shape| self.structures().get(&shape) == Some(&structure)) {
            return Ok(text);
        }
        let expected = engine.text(name, &canary(facts))?;
        if Structure::of(engine.format, &expected) != Ok(structure) {
            let line = first_difference(engine.format, &expected, &text).map_err(|fault| malformed(name, fault))?;
            return Err(RenderError::StructureChanged { template: name.to_owned(), line });
        }
        if let Some(shape) = shape {
            let mut structures = self.structures();
            if structures.len() >= SHAPES {
                structures.clear();
            }
            structures.insert(shape, structure);
        }
        Ok(text)
    }

    /// Where each line of what [`Templates::render`] gives comes from; `None` where that cannot be told, since the
    /// template looks at its own output.
    pub fn explain<F: Facts>(&self, name: &str, facts: &F) -> Result<Option<Vec<LineOrigin>>, RenderError> {
        let text = self.render(name, facts)?;
        let _turn = self.turns.take().ok_or_else(|| RenderError::Busy(name.to_owned()))?;
        let (engine, maker) = (self.engine(name)?, folder(bare(name)));
        let mut sites = Sites::default();
        let of_maker = self.texts.iter().filter(|(name, _)| folder(bare(name)) == maker);
        let texts: BTreeMap<String, String> =
            of_maker.map(|(name, text)| (name.clone(), marked(name, text, &mut sites))).collect();
        let texts = texts.iter().map(|(name, text)| (name.clone(), text.as_str())).collect();
        let explained = Engine::new(maker, engine.format, texts)?.text(name, facts);
        Ok(explained.ok().and_then(|output| provenance::read(&output, &text, &sites)))
    }

    fn engine(&self, name: &str) -> Result<&Engine, RenderError> {
        let engine = self.engines.get(folder(bare(name)));
        engine.filter(|engine| engine.contains(name)).ok_or_else(|| RenderError::NoTemplate(name.to_owned()))
    }

    fn structures(&self) -> MutexGuard<'_, HashMap<Shape, Structure>> {
        self.structures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn malformed(name: &str, fault: Malformed) -> RenderError {
    RenderError::Malformed { template: name.to_owned(), line: fault.line, message: fault.message }
}

/// The name without the mark of what is ours.
fn bare(name: &str) -> &str {
    name.strip_prefix("builtin/").unwrap_or(name)
}

fn folder(name: &str) -> &str {
    name.split_once('/').map_or("", |(maker, _)| maker)
}

/// A maker's templates by the names they are rendered under: ours, and the operator's in their place or beside them.
fn texts<'a>(maker: &str, files: &'a BTreeMap<TemplateName, (PathBuf, String)>) -> BTreeMap<String, &'a str> {
    let mut texts: BTreeMap<String, &str> = BTreeMap::new();
    for (name, _, text) in BUILTIN.iter().filter(|(name, ..)| folder(name) == maker) {
        texts.insert(format!("builtin/{name}"), text);
        texts.insert((*name).to_owned(), text);
    }
    for (name, (_, text)) in files.iter().filter(|(name, _)| name.maker() == maker) {
        texts.insert(name.to_string(), text);
    }
    texts
}

fn sum(text: &str) -> String {
    Sha256::digest(text).iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<Templates, Vec<TemplateFault>>) {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let templates = Templates::load(Some(dir.path()));
        (dir, templates)
    }

    fn rendered(text: &str, facts: &serde_json::Value) -> Result<String, RenderError> {
        let (_dir, templates) = with(&[("yealink/mine.cfg", text)]);
        templates.unwrap().engine("yealink/mine.cfg")?.text("yealink/mine.cfg", facts)
    }

    #[test]
    fn a_missing_value_names_the_place() {
        let error = rendered("first\nx = {{ device.colour }}\n", &serde_json::json!({"device": {}})).unwrap_err();
        let RenderError::Fault(TemplateFault::Broken { template, line, column, message }) = error else { panic!() };
        assert_eq!((template.as_str(), line), ("yealink/mine.cfg", 2));
        assert!(column > 1 && message.contains("colour"), "{column} {message}");
    }

    #[test]
    fn a_broken_template_is_refused_when_loaded() {
        let (_dir, templates) = with(&[("yealink/mine.cfg", "ok\n{% if %}")]);
        let faults = templates.err().unwrap();
        assert!(matches!(&faults[..], [TemplateFault::Broken { line: 2, .. }]), "{faults:?}");
    }

    #[test]
    fn a_file_of_no_maker_is_named() {
        let (_dir, templates) = with(&[("acme/mine.cfg", "x")]);
        assert!(matches!(templates.err().unwrap()[..], [TemplateFault::Misplaced(_)]));
    }

    #[test]
    fn sec_d20_values_are_escaped_and_safe_is_gone() {
        let facts = serde_json::json!({"name": "a\nb"});
        assert!(rendered("x = {{ name }}", &facts).is_err());
        assert!(rendered("x = {{ name | safe }}", &facts).is_err());
    }

    #[test]
    fn sec_d20_a_template_reaches_neither_files_nor_the_environment_nor_the_clock() {
        for call in [
            "get_env(name=\"HOME\")",
            "now()",
            "get_random(end=9)",
            "load_data(path=\"/etc/passwd\")",
            "read_file(path=\"x\")",
        ] {
            let (_dir, templates) = with(&[("yealink/mine.cfg", &format!("x = {{{{ {call} }}}}\n"))]);
            let faults = templates.err().unwrap_or_else(|| panic!("{call} can be called"));
            let said = faults[0].to_string();
            assert!(said.contains("Unknown function") && said.contains("yealink/mine.cfg:1:"), "{call}: {said}");
        }
        for text in
            ["{% include \"/etc/passwd\" %}", "{% extends \"../../etc/passwd\" %}", "{% include \"snom/device.xml\" %}"]
        {
            assert!(with(&[("yealink/mine.cfg", text)]).1.is_err(), "{text}");
        }
    }

    #[test]
    fn a_mac_is_spelt_as_the_phone_wants_it() {
        let facts = serde_json::json!({"mac": "80:5e:c0:11:22:33"});
        let text =
            rendered("{{ mac | plain }} {{ mac | upper }} {{ mac | dashes }} {{ mac | colons }}", &facts).unwrap();
        assert_eq!(text, "805ec0112233 805EC0112233 80-5e-c0-11-22-33 80:5e:c0:11:22:33");
    }

    #[test]
    fn sec_d21_an_endless_template_is_stopped() {
        let text = "{% for a in range(end=999) %}{% for b in range(end=999) %}x{% endfor %}{% endfor %}";
        assert_eq!(rendered(text, &serde_json::json!({})), Err(RenderError::TooLong("yealink/mine.cfg".into())));
        let inner = "{% for b in range(end=999) %}{% for c in range(end=999) %}{% set d = c %}{% endfor %}{% endfor %}";
        let text = format!("{{% for a in range(end=999) %}}{inner}{{% endfor %}}");
        assert_eq!(rendered(&text, &serde_json::json!({})), Err(RenderError::TooSlow("yealink/mine.cfg".into())));
    }

    #[test]
    fn an_operators_template_may_extend_ours() {
        let ours = "{% extends \"builtin/yealink/device.cfg\" %}{% block extra %}mine = 1\n{% endblock %}";
        let (_dir, templates) = with(&[("yealink/device.cfg", ours)]);
        let templates = templates.unwrap();
        let name: TemplateName = "yealink/device.cfg".parse().unwrap();
        assert!(matches!(templates.sources()[&name], TemplateSource::File(_)));
    }
}
