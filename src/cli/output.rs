//! What the reader gets: a table on a terminal, plain aligned columns in a pipe, JSON for machines.

use std::io::{IsTerminal as _, Write as _};

use comfy_table::{ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, presets};
use serde_json::Value;

use super::failure::Failure;
use super::text::{NOTHING, escaped, escaped_lines, json, shown, words};

/// A column of a list: its title, and where in a record its value is (RFC 6901).
#[derive(Clone, Copy, Debug)]
pub struct Column {
    title: &'static str,
    pointer: &'static str,
}

/// Where answers go, and how they are shown.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// Whether machines read.
    pub json: bool,
    /// What is known of the terminal, if it is one.
    pub terminal: Option<Terminal>,
}

/// A terminal.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    /// Its columns.
    pub width: u16,
    /// Its lines.
    pub height: u16,
    /// What it can draw.
    pub drawing: Drawing,
}

/// What a terminal can draw.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Drawing {
    /// Letters only, line after line.
    Dumb,
    /// Lines and boxes, anywhere on the screen.
    Full,
}

impl Column {
    /// A column of a record's field.
    pub const fn of(title: &'static str, pointer: &'static str) -> Column {
        Column { title, pointer }
    }

    /// Its title.
    pub const fn title(self) -> &'static str {
        self.title
    }

    /// Its cell of a record.
    pub fn cell(self, record: &Value) -> String {
        record.pointer(self.pointer).map_or_else(|| NOTHING.to_owned(), shown)
    }
}

impl Output {
    /// Standard output, as it is now.
    pub fn new(json: bool) -> Output {
        let terminal = std::io::stdout().is_terminal().then(Terminal::found);
        Output { json, terminal }
    }

    /// Writes a line for people.
    pub fn line(&self, text: &str) -> Result<(), Failure> {
        self.write(&format!("{}\n", escaped(text)))
    }

    /// Writes a JSON value.
    pub fn value(&self, value: &Value) -> Result<(), Failure> {
        self.write(&format!("{}\n", json(value)))
    }

    /// Writes a file as it is, except that on a terminal it cannot move the cursor.
    pub fn file(&self, text: &str) -> Result<(), Failure> {
        if self.terminal.is_some() { self.write(&escaped_lines(text)) } else { self.write(text) }
    }

    /// Writes what is whole already.
    pub fn write(&self, text: &str) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())?;
        Ok(out.flush()?)
    }

    /// Writes records as a table.
    pub fn table(&self, columns: &[Column], records: &[Value]) -> Result<(), Failure> {
        let rows = records.iter().map(|record| columns.iter().map(|column| column.cell(record)).collect());
        self.rows(&columns.iter().map(|column| column.title).collect::<Vec<_>>(), rows.collect())
    }

    /// Writes rows of cells that are escaped already.
    pub fn rows(&self, titles: &[&str], rows: Vec<Vec<String>>) -> Result<(), Failure> {
        if rows.is_empty() && self.terminal.is_some() {
            return self.line("none");
        }
        self.write(&format!("{}\n", self.drawn(titles, rows)))
    }

    /// The rows as they are written.
    pub fn drawn(&self, titles: &[&str], rows: Vec<Vec<String>>) -> String {
        let mut table = Table::new();
        let Some(terminal) = self.terminal else {
            table.load_style(presets::NOTHING);
            table.set_header(titles.iter().map(|title| title.to_uppercase()));
            table.add_rows(rows);
            for column in table.column_iter_mut() {
                column.set_padding((0, 2));
            }
            return table.trim_fmt();
        };
        table.load_style(terminal.style());
        table.set_header(titles.iter().copied());
        table.add_rows(rows);
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(terminal.width);
        // What names a record stays whole, to be copied, as long as there is room beside it.
        let widest = table.column_max_content_widths().first().copied().unwrap_or_default();
        if let Some(name) = table.column_mut(0).filter(|_| widest <= terminal.width / 3) {
            name.set_constraint(ColumnConstraint::ContentWidth);
        }
        table.trim_fmt()
    }

    /// Writes one record, a field a line.
    pub fn record(&self, record: &Value, etag: Option<&str>) -> Result<(), Failure> {
        let mut lines = Vec::new();
        fields(record, "", &mut lines);
        lines.extend(etag.map(|tag| ("etag".to_owned(), tag.trim_matches('"').to_owned())));
        let width = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
        let text: String = lines.iter().map(|(name, value)| format!("{name:width$}  {value}\n")).collect();
        self.write(&text)
    }
}

/// Each field by its path; what lists hold stays together, records of a list a line each.
fn fields(value: &Value, path: &str, lines: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, value) in members {
                let name = escaped(name);
                fields(value, &if path.is_empty() { name } else { format!("{path}.{name}") }, lines);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            lines.extend(items.iter().map(|item| (path.to_owned(), words(item))));
        }
        value => lines.push((path.to_owned(), shown(value))),
    }
}

impl Terminal {
    /// Standard output's, as large as it is now.
    pub fn found() -> Terminal {
        let (width, height) = terminal_size::terminal_size().map_or((80, 24), |(width, height)| (width.0, height.0));
        // Some terminals say that they have no columns at all.
        let (width, height) = (if width == 0 { 80 } else { width }, if height == 0 { 24 } else { height });
        Terminal { width, height, drawing: drawing(|name| std::env::var(name).ok()) }
    }

    /// A line below the titles, and nothing else that a copied row would carry along.
    fn style(self) -> TableStyle {
        let line = match self.drawing {
            Drawing::Dumb => '-',
            Drawing::Full => '─',
        };
        TableStyle::new().header_separator(LineStyle::none().fill(line).junction(line))
    }
}

/// Lines and boxes take a terminal that is not dumb and a locale of UTF-8.
fn drawing(variable: impl Fn(&str) -> Option<String>) -> Drawing {
    let set = |name: &&str| variable(name).filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(set).unwrap_or_default().to_lowercase();
    let unicode = locale.contains("utf-8") || locale.contains("utf8");
    let able = set(&"TERM").is_some_and(|kind| kind != "dumb");
    if unicode && able { Drawing::Full } else { Drawing::Dumb }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIPE: Output = Output { json: false, terminal: None };

    #[test]
    fn a_pipe_gets_aligned_columns_and_one_record_a_line() {
        let rows = vec![vec!["a".to_owned(), "b".to_owned()], vec!["longer".to_owned(), NOTHING.to_owned()]];
        assert_eq!(PIPE.drawn(&["name", "site"], rows), "NAME    SITE\na       b\nlonger  -");
    }

    #[test]
    fn a_terminal_gets_a_table_no_wider_than_itself() {
        let terminal = Terminal { width: 20, height: 24, drawing: Drawing::Full };
        let output = Output { json: false, terminal: Some(terminal) };
        let drawn = output.drawn(&["name", "site"], vec![vec!["word ".repeat(20), "b".to_owned()]]);
        assert!(drawn.lines().all(|line| line.chars().count() <= 20), "{drawn}");
    }

    #[test]
    fn boxes_are_drawn_only_where_they_can_be_shown() {
        let with = |term: &str, lang: &str| {
            let (term, lang) = (term.to_owned(), lang.to_owned());
            drawing(move |name| match name {
                "TERM" => Some(term.clone()),
                "LANG" => Some(lang.clone()),
                _ => None,
            })
        };
        assert_eq!(with("xterm-256color", "de_DE.UTF-8"), Drawing::Full);
        assert_eq!(with("dumb", "de_DE.UTF-8"), Drawing::Dumb);
        assert_eq!(with("vt100", "C"), Drawing::Dumb);
        assert_eq!(with("", "C.utf8"), Drawing::Dumb);
    }

    #[test]
    fn a_record_is_shown_field_by_field() {
        let mut lines = Vec::new();
        let record =
            serde_json::json!({"sip": {"port": 5061}, "settings": {}, "lines": [{"index": 2, "user": "b"}], "n": []});
        fields(&record, "", &mut lines);
        let line = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            lines,
            [line("lines", "index 2, user b"), line("n", "-"), line("settings", "-"), line("sip.port", "5061")]
        );
    }
}
