//! How does a template become text? One engine for each maker: its format's escaping on every value, the filters
//! templates may use, nothing that reads files or the environment, and an end in time and length (policy D20, D21).

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use serde::Serialize;
use tera::{Context, ErrorKind, Kwargs, State, Tera};

use super::catalogue::{OUTPUT_LIMIT, RenderError, TemplateFault};
use super::escape::escape_function;
use crate::inventory::mac::MacAddr;
use crate::makers::Format;

/// The longest a render may take (policy D21); the largest built-in needs a thousandth of it.
pub(super) const DEADLINE: Duration = Duration::from_secs(2);

/// The longest list `range` gives: more than any phone has of anything.
const LONGEST_RANGE: i64 = 1000;

thread_local! {
    /// When the render of this thread must have ended.
    static END: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// One maker's templates, compiled.
pub(super) struct Engine {
    tera: Tera,
    /// What its text is.
    pub format: Format,
}

impl Engine {
    /// Compiles the templates of a maker, by the names they are rendered under.
    pub fn new(maker: &str, format: Format, texts: BTreeMap<String, &str>) -> Result<Engine, TemplateFault> {
        let mut tera = Tera::default();
        tera.autoescape_on([""]);
        tera.set_escape_fn(escape_function(format));
        register(&mut tera);
        tera.add_raw_templates(texts).map_err(|error| fault(maker, &error))?;
        Ok(Engine { tera, format })
    }

    /// Whether there is such a template.
    pub fn contains(&self, name: &str) -> bool {
        self.tera.contains_template(name)
    }

    /// The text of a template with these facts, whole or not at all.
    pub fn text<F: Serialize>(&self, name: &str, facts: &F) -> Result<String, RenderError> {
        let context = Context::from_serialize(facts).map_err(|error| fault(name, &error))?;
        let end = Instant::now() + DEADLINE;
        let mut output = Bounded { text: Vec::with_capacity(8 * 1024), end, stopped: None };
        END.set(Some(end));
        let rendered = self.tera.render_to(name, &context, &mut output);
        END.set(None);
        match (output.stopped, rendered) {
            (Some(Stop::TooLong), _) => Err(RenderError::TooLong(name.to_owned())),
            (Some(Stop::TooSlow), _) => Err(RenderError::TooSlow(name.to_owned())),
            (None, Err(_)) if Instant::now() > end => Err(RenderError::TooSlow(name.to_owned())),
            (None, Err(error)) => Err(fault(name, &error).into()),
            (None, Ok(())) => {
                String::from_utf8(output.text).map_err(|_| fault(name, &tera::Error::message("not UTF-8")).into())
            }
        }
    }
}

/// What templates may call, besides what Tera brings.
fn register(tera: &mut Tera) {
    tera.register_filter("plain", |mac: &str, _: Kwargs, _: &State| spelt(mac, MacAddr::plain));
    tera.register_filter("colons", |mac: &str, _: Kwargs, _: &State| spelt(mac, |mac| mac.to_string()));
    tera.register_filter("dashes", |mac: &str, _: Kwargs, _: &State| spelt(mac, |mac| mac.joined("-")));
    tera.register_filter("upper", |text: &str, _: Kwargs, _: &State| match text.parse::<MacAddr>() {
        Ok(mac) => mac.upper(),
        Err(_) => text.to_uppercase(),
    });
    tera.register_filter("offset_hours", |minutes: i64, _: Kwargs, _: &State| offset_hours(minutes));
    tera.register_filter("offset_clock", |minutes: i64, _: Kwargs, _: &State| offset_clock(minutes));
    tera.register_filter("without_scheme", |url: &str, _: Kwargs, _: &State| {
        url.split_once("://").map_or(url, |(_, rest)| rest).trim_end_matches('/').to_owned()
    });
    // Values are escaped always (D20): `safe` is taken away.
    tera.register_filter("safe", |_: &str, _: Kwargs, _: &State| -> tera::TeraResult<String> {
        Err(tera::Error::message("the filter `safe` is not available: every value is escaped"))
    });
    tera.register_function("range", range);
}

/// Tera's own `range`, for lists a phone may have. A loop without output cannot be stopped otherwise, so the time is
/// looked at here too.
fn range(kwargs: Kwargs, _: &State) -> tera::TeraResult<Vec<i64>> {
    let start = kwargs.get::<i64>("start")?.unwrap_or_default();
    let end = kwargs.must_get::<i64>("end")?;
    let step = usize::try_from(kwargs.get::<i64>("step_by")?.unwrap_or(1)).unwrap_or_default();
    if END.get().is_some_and(|end| Instant::now() > end) {
        return Err(tera::Error::message("rendering takes too long"));
    }
    if step == 0 || end.saturating_sub(start) > LONGEST_RANGE {
        return Err(tera::Error::message(format!("`range` gives at most {LONGEST_RANGE} numbers, upwards")));
    }
    Ok((start..end).step_by(step).collect())
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
