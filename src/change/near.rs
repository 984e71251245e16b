//! What may have been meant? The known word that a mistyped one is nearest to, if any is near.

/// How alike two words must be, from 0 to 1, for one to be suggested in place of the other.
const ALIKE: f64 = 0.8;

/// The known word that `text` is nearest to.
pub fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = folded(text);
    let likeness = |word: &str| strsim::jaro_winkler(&wanted, &folded(word));
    let alike = known.into_iter().map(|word| (word, likeness(word))).filter(|(_, likeness)| *likeness > ALIKE);
    alike.max_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(word, _)| word)
}

/// `; did you mean …?`, or nothing.
pub fn hint<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(text, known).map(|word| format!("; did you mean {word}?")).unwrap_or_default()
}

/// Letters and digits alone, in lower case.
fn folded(text: &str) -> String {
    text.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let known = ["First Name", "Last Name", "Extension Number"];
        assert_eq!(nearest("Frist Name", known), Some("First Name"));
        assert_eq!(nearest("extension-nubmer", known), Some("Extension Number"));
        assert_eq!(nearest("Shoe Size", known), None);
        assert_eq!(nearest("", known), None);
    }
}
