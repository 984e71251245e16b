//! How does anything a phone or a person wrote get onto a screen? Escaped, so that it moves no cursor and hides no line
//! (policy L3).

use serde_json::Value;

use crate::inventory::text::is_forbidden;

/// What stands where there is nothing.
pub const NOTHING: &str = "-";

/// The text on one line: control characters and what reorders text are spelt out.
pub fn escaped(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for character in text.chars() {
        if is_forbidden(character) {
            result.extend(character.escape_default());
        } else {
            result.push(character);
        }
    }
    result
}

/// The text of a whole file for a screen: its lines and tabs stay.
pub fn escaped_lines(text: &str) -> String {
    let parts = text.split_inclusive(['\n', '\t']).map(|part| match part.strip_suffix(['\n', '\t']) {
        Some(before) => escaped(before) + part.get(before.len()..).unwrap_or_default(),
        None => escaped(part),
    });
    parts.collect()
}

/// JSON for a screen: the same value, with what a terminal could take as a command written as `\uXXXX`.
pub fn json(value: &Value) -> String {
    harmless(&format!("{value:#}"))
}

/// The same on one line.
pub fn json_line(value: &Value) -> String {
    harmless(&value.to_string())
}

fn harmless(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for character in text.chars() {
        // Inside strings alone: what is left of control characters outside is the line end.
        if is_forbidden(character) && character != '\n' {
            let mut units = [0u16; 2];
            for unit in character.encode_utf16(&mut units) {
                result.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            result.push(character);
        }
    }
    result
}

/// A value as people read it: as [`words`], but nobody reads the parts of a second.
pub fn shown(value: &Value) -> String {
    let time: Option<jiff::Timestamp> = value.as_str().and_then(|text| text.parse().ok());
    time.map_or_else(|| words(value), |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// A value in a few words.
pub fn words(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => escaped(text),
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(_, value)| !value.is_null());
            fields.map(|(name, value)| format!("{} {}", escaped(name), words(value))).collect::<Vec<_>>().join(", ")
        }
    };
    if text.is_empty() { NOTHING.to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_the_cursor_reaches_a_screen() {
        assert_eq!(escaped("a\u{1b}[2Jb\r\u{9b}c\u{202e}d\n"), "a\\u{1b}[2Jb\\r\\u{9b}c\\u{202e}d\\n");
        assert_eq!(escaped_lines("a\tb\n\u{1b}c\n"), "a\tb\n\\u{1b}c\n");
        assert_eq!(words(&serde_json::json!({"user": "a\u{7}b"})), "user a\\u{7}b");
    }

    #[test]
    fn json_for_a_screen_is_the_same_value() {
        let value = serde_json::json!({"a\u{9b}": ["\u{1b}[2J", "\u{202e}", "ü", "line\nline"]});
        let text = json(&value);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        assert!(!text.chars().any(|character| is_forbidden(character) && character != '\n'), "{text}");
    }

    #[test]
    fn what_is_not_there_is_a_dash() {
        assert_eq!(words(&Value::Null), "-");
        assert_eq!(words(&serde_json::json!([])), "-");
        assert_eq!(words(&serde_json::json!("")), "-");
    }
}
