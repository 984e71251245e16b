//! How is text from a packet shown? Without passwords, and so that it cannot move a terminal's cursor or forge a line.

/// The text as people and programs may see it: the user and password of a URL masked, control characters escaped.
pub fn shown(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in masked(text).chars() {
        match character {
            '\\' => clean.push_str("\\\\"),
            _ if crate::inventory::text::is_forbidden(character) => clean.extend(character.escape_default()),
            _ => clean.push(character),
        }
    }
    clean
}

/// Whether a URL in the text carries a name or password.
pub(super) fn has_password(text: &str) -> bool {
    user_part(text).is_some()
}

/// The start and end of what stands between `//` and `@`. The last `@` before the path counts, since passwords contain
/// them too.
fn user_part(text: &str) -> Option<(usize, usize)> {
    let start = text.find("://")?.checked_add(3)?;
    let rest = text.get(start..)?;
    let authority = rest.split(['/', '?', '#', ' ', ';']).next()?;
    // A slash in a password: the `@` then stands behind what looks like the path.
    let until = authority.rfind('@').or_else(|| rest.contains(':').then(|| rest.rfind('@')).flatten())?;
    Some((start, start.checked_add(until)?))
}

fn masked(text: &str) -> String {
    let Some((start, end)) = user_part(text) else { return text.to_owned() };
    let (before, after) = (text.get(..start).unwrap_or_default(), text.get(end..).unwrap_or_default());
    format!("{before}***{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_masked_and_terminals_left_alone() {
        for (text, expected) in [
            ("https://10.0.0.1/cfg", "https://10.0.0.1/cfg"),
            ("https://user:s3cret@10.0.0.1/cfg", "https://***@10.0.0.1/cfg"),
            ("https://user:p@ss@10.0.0.1/cfg", "https://***@10.0.0.1/cfg"),
            ("ftp://user:a/b@host/x", "ftp://***@host/x"),
            ("http://host/a@b", "http://host/a@b"),
            ("a\x1b[31mb\r\n", "a\\u{1b}[31mb\\r\\n"),
            ("a\\nb", "a\\\\nb"),
            ("https://pröv.test/", "https://pröv.test/"),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }
}
