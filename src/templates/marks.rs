//! Puts marks into a template's text: one character, of those that Unicode leaves to private use, before each piece of
//! text that is written, and one before and behind each expression. Marks stand where they keep no blank from being
//! trimmed that would be without them.

/// The first mark; each place has one of its own.
pub(super) const FIRST: char = '\u{f0000}';
/// The mark behind an expression.
pub(super) const LAST: char = '\u{ffffd}';

/// A place in a template that writes something.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Place {
    /// The template.
    pub template: String,
    /// The line, from 1.
    pub line: usize,
    /// What it stands inside of, outermost first.
    pub within: Vec<String>,
    /// The expression; `None`: plain text.
    pub expression: Option<String>,
}

/// Every place that has a mark.
#[derive(Debug, Default)]
pub(super) struct Sites(Vec<Place>);

impl Sites {
    /// The place of a mark.
    pub fn at(&self, mark: char) -> Option<&Place> {
        self.0.get(usize::try_from(u32::from(mark).checked_sub(u32::from(FIRST))?).ok()?)
    }

    /// A mark for a place; `None`: there are more than marks.
    fn mark(&mut self, place: Place) -> Option<char> {
        let number = u32::try_from(self.0.len()).ok()?;
        let mark = char::from_u32(u32::from(FIRST).checked_add(number)?).filter(|mark| *mark < LAST)?;
        self.0.push(place);
        Some(mark)
    }
}

/// A piece of a template.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Piece<'a> {
    /// `{# … #}`
    Comment(&'a str),
    /// `{{ … }}`
    Expression(&'a str),
    /// `{% … %}`
    Tag(&'a str),
    /// What is written as it is.
    Text(&'a str),
}

/// The template with marks. A template that this does not understand comes back without some of them.
pub(super) fn marked(template: &str, text: &str, sites: &mut Sites) -> String {
    let mut marking =
        Marking { template, sites, out: String::with_capacity(text.len() * 2), line: 1, within: Vec::new() };
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, after) = next_piece(rest);
        marking.piece(piece);
        rest = after;
        if let Piece::Tag(tag) = piece
            && words(tag).next() == Some("raw")
        {
            rest = marking.raw(rest);
        }
    }
    marking.out
}

struct Marking<'a> {
    template: &'a str,
    sites: &'a mut Sites,
    out: String,
    line: usize,
    within: Vec<String>,
}

impl Marking<'_> {
    fn piece(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Comment(text) => self.write(text),
            Piece::Expression(text) => self.expression(text),
            Piece::Tag(text) => {
                self.tag(text);
                self.write(text);
            }
            Piece::Text(text) => text.split_inclusive('\n').for_each(|line| self.text(line)),
        }
    }

    /// A mark before the first character that no trimming takes.
    fn text(&mut self, line: &str) {
        let at = line.find(|character: char| !character.is_whitespace());
        let Some((blank, written)) = at.and_then(|at| line.split_at_checked(at)) else { return self.write(line) };
        self.out.push_str(blank);
        self.mark(None);
        self.write(written);
    }

    /// The mark stands before the expression, unless it takes the blanks before it away; then it follows.
    fn expression(&mut self, text: &str) {
        let inner = text.trim_start_matches("{{").trim_end_matches("}}");
        let inner = inner.strip_prefix('-').unwrap_or(inner);
        let inner = inner.strip_suffix('-').unwrap_or(inner).trim();
        if text.starts_with("{{-") || text.ends_with("-}}") {
            return self.write(text);
        }
        if self.mark(Some(inner.to_owned())) {
            self.write(text);
            self.out.push(LAST);
        } else {
            self.write(text);
        }
    }

    /// What the following stands inside of.
    fn tag(&mut self, tag: &str) {
        let said: Vec<&str> = words(tag).collect();
        match said.first() {
            Some(&("if" | "for" | "block" | "filter")) => self.within.push(said.join(" ")),
            Some(&("elif" | "else")) => {
                let before = self.within.pop();
                let before = before.as_deref().unwrap_or_default();
                let otherwise =
                    if said.first() == Some(&"elif") { said.join(" ") } else { format!("else of {before}") };
                self.within.push(otherwise);
            }
            Some(&("endif" | "endfor" | "endblock" | "endfilter")) => drop(self.within.pop()),
            _ => {}
        }
    }

    /// Everything up to the end of `{% raw %}` is text, whatever it looks like; it gets no marks.
    fn raw<'t>(&mut self, text: &'t str) -> &'t str {
        let mut from = 0;
        while let Some(at) = text.get(from..).and_then(|rest| rest.find("{%")).map(|at| from + at) {
            let is_end = text.get(at..).is_some_and(|rest| {
                rest.find("%}")
                    .and_then(|end| rest.get(..end + 2))
                    .is_some_and(|tag| words(tag).next() == Some("endraw"))
            });
            if is_end {
                let (inside, rest) = text.split_at_checked(at).unwrap_or((text, ""));
                self.write(inside);
                return rest;
            }
            from = at + 2;
        }
        self.write(text);
        ""
    }

    fn mark(&mut self, expression: Option<String>) -> bool {
        let place =
            Place { template: self.template.to_owned(), line: self.line, within: self.within.clone(), expression };
        let mark = self.sites.mark(place);
        self.out.extend(mark);
        mark.is_some()
    }

    fn write(&mut self, text: &str) {
        self.line += text.matches('\n').count();
        self.out.push_str(text);
    }
}

/// The words of a tag, without its braces.
fn words(tag: &str) -> impl Iterator<Item = &str> {
    let inner = tag.trim_start_matches("{%").trim_end_matches("%}");
    let inner = inner.strip_prefix('-').unwrap_or(inner);
    inner.strip_suffix('-').unwrap_or(inner).split_whitespace()
}

/// The piece a text begins with, and what follows it.
fn next_piece(text: &str) -> (Piece<'_>, &str) {
    let whole = |end: &str| {
        let length = end_of(text, end).unwrap_or(text.len());
        text.split_at_checked(length).unwrap_or((text, ""))
    };
    if text.starts_with("{#") {
        let (piece, rest) = text.find("#}").and_then(|at| text.split_at_checked(at + 2)).unwrap_or((text, ""));
        return (Piece::Comment(piece), rest);
    }
    if text.starts_with("{{") {
        let (piece, rest) = whole("}}");
        return (Piece::Expression(piece), rest);
    }
    if text.starts_with("{%") {
        let (piece, rest) = whole("%}");
        return (Piece::Tag(piece), rest);
    }
    let next = ["{#", "{{", "{%"].iter().filter_map(|start| text.find(start)).min().unwrap_or(text.len());
    let (piece, rest) = text.split_at_checked(next).unwrap_or((text, ""));
    (Piece::Text(piece), rest)
}

/// Where a tag ends, in octets: behind the first `end` that stands in no quoted text.
fn end_of(text: &str, end: &str) -> Option<usize> {
    let mut quote = None;
    for (at, character) in text.char_indices().skip(2) {
        match quote {
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if matches!(character, '"' | '\'' | '`') => quote = Some(character),
            None if text.get(at..).is_some_and(|rest| rest.starts_with(end)) => return Some(at + end.len()),
            None => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> (String, Vec<Place>) {
        let mut sites = Sites::default();
        let out = marked("a/b", text, &mut sites);
        let readable = |c| {
            if c == LAST {
                '»'
            } else if c >= FIRST {
                '«'
            } else {
                c
            }
        };
        (out.chars().map(readable).collect(), sites.0)
    }

    #[test]
    fn text_and_expressions_are_marked_and_blanks_are_left_to_be_trimmed() {
        let (out, places) = shown("a\n{%- for x in y %}\n  <b>{{ x.c | upper }}</b>\n{%- endfor %}\n");
        assert_eq!(out, "«a\n{%- for x in y %}\n  «<b>«{{ x.c | upper }}»«</b>\n{%- endfor %}\n");
        let place = |line, within: &[&str], expression: Option<&str>| Place {
            template: "a/b".to_owned(),
            line,
            within: within.iter().map(|word| (*word).to_owned()).collect(),
            expression: expression.map(str::to_owned),
        };
        let inside = &["for x in y"];
        let expected = [
            place(1, &[], None),
            place(3, inside, None),
            place(3, inside, Some("x.c | upper")),
            place(3, inside, None),
        ];
        assert_eq!(places, expected);
    }

    #[test]
    fn an_otherwise_is_named_by_what_it_is_not() {
        let (_, places) = shown("{% if a %}x{% elif b == 1 %}y{% else %}z{% endif %}{{ w }}");
        let within: Vec<_> = places.into_iter().map(|place| place.within.concat()).collect();
        assert_eq!(within, ["if a", "elif b == 1", "else of elif b == 1", ""]);
    }

    #[test]
    fn braces_in_quotes_comments_and_raw_text_are_no_marks() {
        for (text, expected) in [
            ("{{ \"}}\" }}x", "«{{ \"}}\" }}»«x"),
            ("{# {{ a }} #}b", "{# {{ a }} #}«b"),
            ("{% raw %}{{ a }}{% endraw %}{{ b }}", "{% raw %}{{ a }}{% endraw %}«{{ b }}»"),
            ("{{- a }} {{ b -}}", "{{- a }} {{ b -}}"),
            ("{{ open", "«{{ open»"),
        ] {
            assert_eq!(shown(text).0, expected, "{text}");
        }
    }
}
