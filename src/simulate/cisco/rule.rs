//! What does a profile rule ask for? Macros, options in brackets, and a URL that may lack its server (the maker's provisioning
//! guides for multiplatform phones and the SPA series).

use super::super::url::Credentials;

/// A rule, taken apart, macros filled in.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Rule {
    /// A whole URL, a path on the server DHCP named, or `host/path`.
    pub(super) target: String,
    pub(super) credentials: Option<Credentials>,
}

/// Why a rule cannot be followed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum RuleFault {
    #[error("conditions are not acted out")]
    Conditional,
    #[error("encrypted profiles are not acted out")]
    Encrypted,
    #[error("its bracket is never closed")]
    OpenBracket,
}

/// What a phone knows when it fills in macros. The general purpose parameters are looked up by their letter.
pub(super) struct Macros<'a> {
    /// Names without `$` and what they stand for. Longer names are tried first, so `$MAC` is never `$MA` and a `C`.
    pub(super) names: Vec<(&'static str, String)>,
    /// `GPP_A` to `GPP_P`.
    pub(super) general: &'a dyn Fn(char) -> String,
}

impl Rule {
    /// Reads a rule that is not blank.
    pub(super) fn read(text: &str, macros: &Macros<'_>) -> Result<Rule, RuleFault> {
        let text = text.trim();
        if text.starts_with('(') {
            return Err(RuleFault::Conditional);
        }
        let Some(rest) = text.strip_prefix('[') else {
            return Ok(Rule { target: macros.expand(text), credentials: None });
        };
        let (options, target) = rest.split_once(']').ok_or(RuleFault::OpenBracket)?;
        let words: Vec<&str> = options.split_ascii_whitespace().collect();
        let option = |name: &str| {
            let mut after = words.iter().skip_while(|word| **word != name).skip(1);
            after.next().map(|value| macros.expand(value.trim_matches('"')))
        };
        if option("--key").is_some() {
            return Err(RuleFault::Encrypted);
        }
        let credentials =
            option("--uid").map(|user| Credentials { user, password: option("--pwd").unwrap_or_default() });
        Ok(Rule { target: macros.expand(target.trim()), credentials })
    }
}

impl Macros<'_> {
    /// Fills in macros once: what they stand for is not looked at again. An unknown `$X` is left as it is.
    pub(super) fn expand(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            match self.leading(after) {
                Some((value, left)) => {
                    out.push_str(&value);
                    rest = left;
                }
                None => {
                    out.push('$');
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        out
    }

    /// The macro `text` begins with, its value, and what follows it.
    fn leading<'t>(&self, text: &'t str) -> Option<(String, &'t str)> {
        if let Some((name, left)) = text.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            return self.whole(name).map(|value| (value, left));
        }
        let mut names: Vec<&str> = self.names.iter().map(|(name, _)| *name).chain(["SA", "SB", "SC", "SD"]).collect();
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        if let Some((name, left)) = names.iter().find_map(|name| Some((*name, text.strip_prefix(name)?))) {
            return self.whole(name).map(|value| (value, left));
        }
        let letter = text.chars().next().filter(|letter| ('A'..='P').contains(letter))?;
        Some(((self.general)(letter), text.strip_prefix(letter)?))
    }

    /// The value of a name that stands alone. `$SA` to `$SD` work in `--key` only and stay as they are elsewhere.
    fn whole(&self, name: &str) -> Option<String> {
        if let Some((_, value)) = self.names.iter().find(|(known, _)| *known == name) {
            return Some(value.clone());
        }
        let mut letters = name.chars();
        match (letters.next(), letters.next()) {
            (Some(letter @ 'A'..='P'), None) => Some((self.general)(letter)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str, a: &str) -> String {
        let general = |letter: char| if letter == 'A' { a.to_owned() } else { String::new() };
        macros(&general).expand(text)
    }

    fn macros(general: &dyn Fn(char) -> String) -> Macros<'_> {
        let names =
            [("MA", "00562b043615"), ("MAU", "00562B043615"), ("MAC", "00:56:2b:04:36:15"), ("PSN", "8841-3PCC")];
        Macros { names: names.map(|(name, value)| (name, value.to_owned())).into(), general }
    }

    #[test]
    fn macros_are_filled_in() {
        assert_eq!(expanded("/$PSN.xml", ""), "/8841-3PCC.xml");
        assert_eq!(expanded("$MA $MAU $MAC $(MA)x", ""), "00562b043615 00562B043615 00:56:2b:04:36:15 00562b043615x");
        assert_eq!(expanded("https://h/t/$A/$MA.xml", "tok"), "https://h/t/tok/00562b043615.xml");
        assert_eq!(expanded("https://h/t/$A/$MA.xml", ""), "https://h/t//00562b043615.xml");
    }

    #[test]
    fn macros_are_filled_in_once_and_unknown_ones_stay() {
        assert_eq!(expanded("$A", "$MA"), "$MA");
        assert_eq!(expanded("$Z $SA $ 5$", ""), "$Z $SA $ 5$");
    }

    #[test]
    fn a_rule_may_bring_credentials() {
        let general = |_: char| String::new();
        let rule = |text: &str| Rule::read(text, &macros(&general));
        let credentials = Some(Credentials { user: "u".into(), password: "p".into() });
        let expected = Rule { target: "https://h/00562b043615.xml".into(), credentials };
        assert_eq!(rule("[--uid u --pwd p]https://h/$MA.xml"), Ok(expected));
        assert_eq!(rule("[--key x]https://h/"), Err(RuleFault::Encrypted));
        assert_eq!(rule("($A eq 1)? https://h/"), Err(RuleFault::Conditional));
        assert_eq!(rule("[--uid u https://h/"), Err(RuleFault::OpenBracket));
    }
}
