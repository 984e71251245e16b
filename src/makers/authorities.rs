//! Which authority is this that an operator brings? The makers' own, by their fingerprints: `certs/authorities.toml`.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::inventory::certificate::Fingerprint;

/// An authority of a maker, as its certificate says.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct KnownAuthority {
    /// Whose; some makers' phones are not served yet.
    pub maker: String,
    /// Its common name.
    pub name: String,
    /// The common name of the authority above it; none: a root.
    #[serde(default)]
    pub issuer: Option<String>,
    /// Kind and size of its key.
    pub key: String,
    /// The hash it is signed over.
    pub signature: String,
    /// Version of X.509.
    pub version: u8,
    /// First day.
    pub from: jiff::civil::Date,
    /// Last day.
    pub to: jiff::civil::Date,
    /// Fingerprint of its certificate.
    pub sha256: Fingerprint,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    authority: Vec<KnownAuthority>,
}

static TABLE: LazyLock<Vec<KnownAuthority>> = LazyLock::new(|| {
    // The file is part of the program; a test reads it, so a fault in it never leaves the workshop.
    toml::from_str::<Table>(include_str!("../../certs/authorities.toml"))
        .map(|table| table.authority)
        .unwrap_or_default()
});

/// Every authority whose certificate is known.
pub fn known_authorities() -> &'static [KnownAuthority] {
    &TABLE
}

/// The authority with this fingerprint.
pub fn known_authority(sha256: &Fingerprint) -> Option<&'static KnownAuthority> {
    TABLE.iter().find(|known| known.sha256 == *sha256)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_is_read_whole_and_names_each_certificate_once() {
        let parsed: Table = toml::from_str(include_str!("../../certs/authorities.toml")).unwrap();
        assert_eq!(known_authorities(), parsed.authority);
        let fingerprints: BTreeSet<_> = known_authorities().iter().map(|known| known.sha256).collect();
        assert_eq!(fingerprints.len(), known_authorities().len());
        assert!(known_authorities().iter().all(|known| known.from < known.to));
    }

    #[test]
    fn what_stands_above_an_authority_is_in_the_table_too() {
        for known in known_authorities() {
            let above = |issuer: &String| {
                known_authorities().iter().any(|other| other.name == *issuer && other.maker == known.maker)
            };
            assert!(known.issuer.as_ref().is_none_or(above), "{}", known.name);
        }
    }
}
