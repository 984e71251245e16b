//! A cell that a spreadsheet would take for a formula gets an apostrophe in front, and loses it when it is read again
//! (policy A7). Telephone numbers are no formulas and stay as they are. Quoting alone guards nothing.

use std::borrow::Cow;

/// What makes a spreadsheet calculate, and the full-width twins of it.
const FORMULA: &[char] = &['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// The cell as it is written.
pub fn guarded(text: &str) -> Cow<'_, str> {
    if is_formula(text) && !is_number(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// The cell as it was meant. A text that itself begins with an apostrophe in such a place is written with one more.
pub fn unguarded(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| is_formula(rest)).unwrap_or(text)
}

/// Whether a spreadsheet would calculate it, were it not for apostrophes.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(FORMULA)
}

/// `+` and 4 to 15 digits.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (4..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sec_a07_no_formula_is_written_and_numbers_stay_numbers() {
        for (text, written) in [
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-2", "'-2"),
            ("+49 30 1", "'+49 30 1"),
            ("＝1", "'＝1"),
            ("\tx", "'\tx"),
            ("+4930123456", "+4930123456"),
            ("+123", "'+123"),
            ("+1234567890123456", "'+1234567890123456"),
            ("O'Brien", "O'Brien"),
            ("'quoted'", "'quoted'"),
            ("", ""),
        ] {
            assert_eq!(guarded(text), written, "{text}");
            assert_eq!(unguarded(written), text, "{written}");
        }
        assert_eq!(unguarded("'+4930123456"), "+4930123456");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(text in "['=+@a1＝-]{0,5}") {
            let written = guarded(&text);
            prop_assert_eq!(unguarded(&written), text.as_str());
            prop_assert!(!written.starts_with(FORMULA) || is_number(&text));
        }
    }
}
