//! What does a Yealink file say? `key = value` files and boot files (the maker's auto provisioning guide).

/// The line every file must begin with, alone and unpreceded.
const HEADER: &str = "#!version:1.0.0.1";

/// A configuration file, line by line.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct ConfigFile {
    /// Keys and values in the file's order: a later one overrides an earlier one.
    pub(super) settings: Vec<(String, Value)>,
    /// Lines that are neither settings nor comments.
    pub(super) odd: Vec<String>,
}

/// What stands behind the equals sign.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Value {
    /// Nothing: the setting is left alone, or reset where a boot file asks for overwriting.
    Blank,
    /// `%NULL%`: the setting is cleared.
    Null,
    /// Anything else.
    Text(String),
}

/// A boot file: which configuration files to fetch instead of the usual ones.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct BootFile {
    pub(super) includes: Vec<String>,
    pub(super) overwrite: Overwrite,
}

/// What becomes of settings that new files do not have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Overwrite {
    /// They stay.
    No,
    /// They go back to their factory values.
    Yes,
}

/// Why a file is dropped.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum FileFault {
    #[error("its first line is not exactly {HEADER}")]
    NoHeader,
    #[error("it is not UTF-8")]
    NotUtf8,
}

impl ConfigFile {
    pub(super) fn read(bytes: &[u8]) -> Result<ConfigFile, FileFault> {
        let mut file = ConfigFile::default();
        for line in lines_below_header(bytes)? {
            let Some((key, value)) = line.split_once('=') else {
                file.odd.push(line.to_owned());
                continue;
            };
            let value = match value.trim() {
                "" => Value::Blank,
                "%NULL%" => Value::Null,
                text => Value::Text(text.to_owned()),
            };
            file.settings.push((key.trim().to_owned(), value));
        }
        Ok(file)
    }
}

impl BootFile {
    pub(super) fn read(bytes: &[u8]) -> Result<BootFile, FileFault> {
        let mut file = BootFile { includes: Vec::new(), overwrite: Overwrite::Yes };
        for line in lines_below_header(bytes)? {
            if let Some(named) = line.strip_prefix("include:config") {
                let named = named.trim().trim_matches(['<', '>', '"']);
                if named.ends_with(".cfg") {
                    file.includes.push(named.to_owned());
                }
            } else if let Some((key, value)) = line.split_once('=')
                && key.trim() == "overwrite_mode"
            {
                file.overwrite = if value.trim() == "0" { Overwrite::No } else { Overwrite::Yes };
            }
        }
        Ok(file)
    }
}

/// The lines that say something. CR before LF is taken for a line end too.
fn lines_below_header(bytes: &[u8]) -> Result<impl Iterator<Item = &str>, FileFault> {
    let text = std::str::from_utf8(bytes).map_err(|_| FileFault::NotUtf8)?;
    let mut lines = text.lines();
    if lines.next() != Some(HEADER) {
        return Err(FileFault::NoHeader);
    }
    Ok(lines.filter(|line| !line.trim().is_empty() && !line.starts_with('#')))
}

/// The name a firmware knows a key by, or nothing if it does not know it. V81 and later keep network, security and provisioning
/// keys under `static.`; V7x spell the same keys without. `[uncertain]` V80 takes both.
pub(super) fn known_key(major: u16, key: &str) -> Option<&str> {
    let plain = key.strip_prefix("static.");
    let belongs_under_static = [
        "auto_provision.",
        "dm.",
        "firmware.",
        "network.",
        "security.",
        "server_certificates.",
        "syslog.",
        "trusted_certificates.",
        "zero_touch.",
    ]
    .iter()
    .any(|group| plain.unwrap_or(key).starts_with(group));
    match plain {
        Some(plain) => (major >= 80).then_some(plain),
        None if belongs_under_static => (major <= 80).then_some(key),
        None => Some(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_its_header_is_dropped() {
        for bytes in [
            &b"account.1.enable = 1\n"[..],
            b"",
            b"\n#!version:1.0.0.1\n",
            b" #!version:1.0.0.1\n",
            b"\xef\xbb\xbf#!version:1.0.0.1\n",
            b"#!version:1.0.0.1 \n",
            b"#!version:1.0.0.2\n",
            b"<html></html>",
        ] {
            assert_eq!(ConfigFile::read(bytes), Err(FileFault::NoHeader), "{}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(ConfigFile::read(b"#!version:1.0.0.1\na = \xff"), Err(FileFault::NotUtf8));
    }

    #[test]
    fn values_run_to_the_end_of_the_line() {
        let file = ConfigFile::read(
            b"#!version:1.0.0.1\r\n# a comment\r\n\r\naccount.1.password = a#b = c\r\naccount.1.label=\nx = %NULL%\nodd\n",
        )
        .unwrap();
        let text = |value: &str| Value::Text(value.to_owned());
        let expected = [("account.1.password", text("a#b = c")), ("account.1.label", Value::Blank), ("x", Value::Null)];
        assert_eq!(file.settings, expected.map(|(key, value)| (key.to_owned(), value)));
        assert_eq!(file.odd, ["odd"]);
    }

    #[test]
    fn a_boot_file_names_other_files() {
        let file = BootFile::read(
            b"#!version:1.0.0.1\ninclude:config <y000000000000.cfg>\ninclude:config \"https://h/sub/a.cfg\"\ninclude:config <x.txt>\noverwrite_mode = 0\n",
        )
        .unwrap();
        assert_eq!(file.includes, ["y000000000000.cfg", "https://h/sub/a.cfg"]);
        assert_eq!(file.overwrite, Overwrite::No);
        assert_eq!(BootFile::read(b""), Err(FileFault::NoHeader));
    }

    #[test]
    fn each_generation_knows_its_own_spelling() {
        assert_eq!(known_key(86, "static.auto_provision.server.url"), Some("auto_provision.server.url"));
        assert_eq!(known_key(86, "auto_provision.server.url"), None);
        assert_eq!(known_key(73, "auto_provision.server.url"), Some("auto_provision.server.url"));
        assert_eq!(known_key(73, "static.auto_provision.server.url"), None);
        assert_eq!(known_key(80, "static.security.ca_cert"), known_key(80, "security.ca_cert"));
        assert_eq!(known_key(86, "account.1.enable"), Some("account.1.enable"));
    }
}
