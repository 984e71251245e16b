//! Which template serves which file? Ours, unless the operator's folder has one of the same name; ours stay
//! reachable as `builtin/<maker>/<file>`. Everything is compiled once, when settings are loaded.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tera::{Context, ErrorKind, Kwargs, State, Tera};

use super::builtin::BUILTIN;
use super::escape::escape_function;
use crate::inventory::device::TemplateName;
use crate::inventory::mac::MacAddr;
use crate::makers::{self, Format};

/// The longest file a phone is given, in octets (policy D21).
pub const OUTPUT_LIMIT: usize = 256 * 1024;

/// The longest a render may take (policy D21); the largest built-in needs a thousandth of it.
const DEADLINE: Duration = Duration::from_secs(2);

/// The templates in force, compiled.
pub struct Templates {
    engines: BTreeMap<&'static str, Tera>,
    sources: BTreeMap<TemplateName, TemplateSource>,
    sums: BTreeMap<String, String>,
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
    /// A value is missing, or the template failed otherwise.
    #[error(transparent)]
    Fault(#[from] TemplateFault),
    /// No such template.
    #[error("there is no template {0}; `ztpd template list` shows them all")]
    NoTemplate(String),
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
        let mut templates = Templates { engines: BTreeMap::new(), sources: BTreeMap::new(), sums: sums(&files) };
        for maker in makers::MAKERS {
            match engine_of(maker.id(), maker.format(), &files) {
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

    /// Whether there is such a template.
    pub fn contains(&self, name: &TemplateName) -> bool {
        self.sources.contains_key(name)
    }

    /// The text of a template with these facts, whole or not at all.
    pub fn render<F: Serialize>(&self, name: &str, facts: &F) -> Result<String, RenderError> {
        let folder = name.strip_prefix("builtin/").unwrap_or(name);
        let maker = folder.split_once('/').map_or("", |(maker, _)| maker);
        let engine = self.engines.get(maker).ok_or_else(|| RenderError::NoTemplate(name.to_owned()))?;
        if !engine.contains_template(name) {
            return Err(RenderError::NoTemplate(name.to_owned()));
        }
        let context = Context::from_serialize(facts).map_err(|error| fault(name, &error))?;
        let mut output = Bounded { text: Vec::with_capacity(8 * 1024), end: Instant::now() + DEADLINE, stopped: None };
        let rendered = engine.render_to(name, &context, &mut output);
        match (output.stopped, rendered) {
            (Some(Stop::TooLong), _) => Err(RenderError::TooLong(name.to_owned())),
            (Some(Stop::TooSlow), _) => Err(RenderError::TooSlow(name.to_owned())),
            (None, Err(error)) => Err(fault(name, &error).into()),
            (None, Ok(())) => {
                String::from_utf8(output.text).map_err(|_| fault(name, &tera::Error::message("not UTF-8")).into())
            }
        }
    }
}

/// The operator's files below `dir`: `<maker>/<file>`. What starts with a dot or ends with `~` is none.
fn collect(dir: &Path, files: &mut BTreeMap<TemplateName, (PathBuf, String)>, faults: &mut Vec<TemplateFault>) {
    let unreadable =
        |path: &Path, error: io::Error| TemplateFault::Unreadable { path: path.to_owned(), error: error.to_string() };
    let folders = match std::fs::read_dir(dir) {
        Ok(folders) => folders,
        Err(error) => return faults.push(unreadable(dir, error)),
    };
    for folder in folders.flatten().filter(|entry| entry.path().is_dir()) {
        let maker = folder.file_name().to_string_lossy().into_owned();
        let entries = match std::fs::read_dir(folder.path()) {
            Ok(entries) => entries,
            Err(error) => {
                faults.push(unreadable(&folder.path(), error));
                continue;
            }
        };
        for entry in entries.flatten() {
            let file = entry.file_name().to_string_lossy().into_owned();
            if file.starts_with('.') || file.ends_with('~') || entry.path().is_dir() {
                continue;
            }
            let name = format!("{maker}/{file}").parse::<TemplateName>();
            let (Ok(name), true) = (name, makers::by_id(&maker).is_some()) else {
                faults.push(TemplateFault::Misplaced(entry.path()));
                continue;
            };
            match std::fs::read_to_string(entry.path()) {
                Ok(text) => {
                    files.insert(name, (entry.path(), text));
                }
                Err(error) => faults.push(unreadable(&entry.path(), error)),
            }
        }
    }
}

/// SHA-256 of every template's text by the name it is rendered under.
fn sums(files: &BTreeMap<TemplateName, (PathBuf, String)>) -> BTreeMap<String, String> {
    let sum = |text: &str| Sha256::digest(text).iter().map(|octet| format!("{octet:02x}")).collect::<String>();
    let ours =
        BUILTIN.iter().flat_map(|(name, _, text)| [((*name).to_owned(), text), (format!("builtin/{name}"), text)]);
    let mut sums: BTreeMap<String, String> = ours.map(|(name, text)| (name, sum(text))).collect();
    sums.extend(files.iter().map(|(name, (_, text))| (name.to_string(), sum(text))));
    sums
}

/// One maker's engine: its format's escaping on every template, and nothing that reads files or the environment.
fn engine_of(
    maker: &str,
    format: Format,
    files: &BTreeMap<TemplateName, (PathBuf, String)>,
) -> Result<Tera, TemplateFault> {
    let mut engine = Tera::default();
    engine.autoescape_on([""]);
    engine.set_escape_fn(escape_function(format));
    engine.register_filter("plain", |mac: &str, _: Kwargs, _: &State| spelt(mac, MacAddr::plain));
    engine.register_filter("colons", |mac: &str, _: Kwargs, _: &State| spelt(mac, |mac| mac.to_string()));
    engine.register_filter("dashes", |mac: &str, _: Kwargs, _: &State| spelt(mac, |mac| mac.joined("-")));
    engine.register_filter("upper", |text: &str, _: Kwargs, _: &State| match text.parse::<MacAddr>() {
        Ok(mac) => mac.upper(),
        Err(_) => text.to_uppercase(),
    });
    engine.register_filter("offset_hours", |minutes: i64, _: Kwargs, _: &State| offset_hours(minutes));
    engine.register_filter("offset_clock", |minutes: i64, _: Kwargs, _: &State| offset_clock(minutes));
    engine.register_filter("without_scheme", |url: &str, _: Kwargs, _: &State| {
        url.split_once("://").map_or(url, |(_, rest)| rest).trim_end_matches('/').to_owned()
    });
    // Values are escaped always (D20): `safe` is taken away.
    engine.register_filter("safe", |_: &str, _: Kwargs, _: &State| -> tera::TeraResult<String> {
        Err(tera::Error::message("the filter `safe` is not available: every value is escaped"))
    });
    let mut texts: BTreeMap<String, &str> = BTreeMap::new();
    for (name, _, text) in BUILTIN.iter().filter(|(name, ..)| folder(name) == maker) {
        texts.insert(format!("builtin/{name}"), text);
        texts.insert((*name).to_owned(), text);
    }
    for (name, (_, text)) in files.iter().filter(|(name, _)| name.maker() == maker) {
        texts.insert(name.to_string(), text);
    }
    engine.add_raw_templates(texts).map_err(|error| fault(maker, &error))?;
    Ok(engine)
}

fn folder(name: &str) -> &str {
    name.split_once('/').map_or("", |(maker, _)| maker)
}

fn spelt(text: &str, spelling: fn(MacAddr) -> String) -> tera::TeraResult<String> {
    let mac: MacAddr = text.parse().map_err(|error| tera::Error::message(format!("{text:?} {error}")))?;
    Ok(spelling(mac))
}

/// `+1`, `-3:30`, `0`: an offset from UTC in hours.
fn offset_hours(minutes: i64) -> String {
    let sign = if minutes > 0 {
        "+"
    } else if minutes < 0 {
        "-"
    } else {
        ""
    };
    match (minutes.abs() / 60, minutes.abs() % 60) {
        (hours, 0) => format!("{sign}{hours}"),
        (hours, rest) => format!("{sign}{hours}:{rest:02}"),
    }
}

/// `+01:00`, `-03:30`: an offset from UTC as a clock shows it.
fn offset_clock(minutes: i64) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

/// Tera's error with the place it speaks of.
fn fault(template: &str, error: &tera::Error) -> TemplateFault {
    match error.kind() {
        ErrorKind::SyntaxError(report) | ErrorKind::RenderingError(report) => TemplateFault::Broken {
            template: report.filename().to_owned(),
            line: report.span().start_line,
            column: report.span().start_col.saturating_add(1),
            message: report.message().to_owned(),
        },
        _ => TemplateFault::Broken { template: template.to_owned(), line: 0, column: 0, message: error.to_string() },
    }
}

/// A buffer that stops a template that would never end.
struct Bounded {
    text: Vec<u8>,
    end: Instant,
    stopped: Option<Stop>,
}

#[derive(Clone, Copy)]
enum Stop {
    TooLong,
    TooSlow,
}

impl Write for Bounded {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        if self.text.len().saturating_add(part.len()) > OUTPUT_LIMIT {
            self.stopped = Some(Stop::TooLong);
        } else if Instant::now() > self.end {
            self.stopped = Some(Stop::TooSlow);
        }
        if self.stopped.is_some() {
            return Err(io::Error::other("stopped"));
        }
        self.text.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
        templates.unwrap().render("yealink/mine.cfg", facts)
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
    fn values_are_escaped_and_safe_is_gone() {
        let facts = serde_json::json!({"name": "a\nb"});
        assert!(rendered("x = {{ name }}", &facts).is_err());
        assert!(rendered("x = {{ name | safe }}", &facts).is_err());
    }

    #[test]
    fn a_mac_is_spelt_as_the_phone_wants_it() {
        let facts = serde_json::json!({"mac": "80:5e:c0:11:22:33"});
        let text =
            rendered("{{ mac | plain }} {{ mac | upper }} {{ mac | dashes }} {{ mac | colons }}", &facts).unwrap();
        assert_eq!(text, "805ec0112233 805EC0112233 80-5e-c0-11-22-33 80:5e:c0:11:22:33");
    }

    #[test]
    fn an_endless_template_is_stopped() {
        let text = "{% for a in range(end=99999) %}{% for b in range(end=99999) %}x{% endfor %}{% endfor %}";
        assert_eq!(rendered(text, &serde_json::json!({})), Err(RenderError::TooLong("yealink/mine.cfg".into())));
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
