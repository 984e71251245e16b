//! Where does a maker write the MAC in the certificate it builds into a phone, and which certificates do many phones
//! share? (Policy D6; the makers' manuals, and rules that operators of many phones use.)

use crate::inventory::certificate::CertificateFault;
use crate::inventory::mac::MacAddr;

/// What the built-in certificates of a maker's phones say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CertificateRule {
    /// That this is a phone of the maker, but not which: no proof alone.
    GenuineOnly,
    /// Which phone it is.
    Mac {
        /// The attribute of the subject that names it.
        field: SubjectField,
        /// What that attribute is in certificates that many phones share.
        shared: &'static [&'static str],
    },
}

/// An attribute of a certificate's subject (X.520).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SubjectField {
    /// `CN`
    CommonName,
    /// `S` or `ST`
    StateOrProvince,
}

/// What most makers do.
pub const COMMON_NAME: CertificateRule = CertificateRule::Mac { field: SubjectField::CommonName, shared: &[] };

impl CertificateRule {
    /// The MAC in the values of the attribute that `values` looks up.
    pub fn mac<'a, V>(self, values: impl FnOnce(SubjectField) -> V) -> Result<MacAddr, CertificateFault>
    where
        V: Iterator<Item = &'a str>,
    {
        let CertificateRule::Mac { field, shared } = self else { return Err(CertificateFault::GenuineOnly) };
        let mut found = None;
        for value in values(field) {
            if shared.iter().any(|shared| shared.eq_ignore_ascii_case(value.trim())) {
                return Err(CertificateFault::Generic);
            }
            for word in value.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, ':' | '-' | '.')) {
                let Ok(mac) = word.parse::<MacAddr>() else { continue };
                if found.replace(mac).is_some_and(|before| before != mac) {
                    return Err(CertificateFault::SeveralMacs);
                }
            }
        }
        found.ok_or(CertificateFault::NoMac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rule: CertificateRule, values: &[&str]) -> Result<MacAddr, CertificateFault> {
        rule.mac(|_| values.iter().copied())
    }

    #[test]
    fn sec_d06_exactly_one_mac_in_any_usual_spelling() {
        let mac: MacAddr = "001565aabbcc".parse().unwrap();
        for text in ["001565AABBCC", "00:15:65:aa:bb:cc", "00-15-65-AA-BB-CC", "Phone 0015.65aa.bbcc", "001565aabbcc@x"]
        {
            assert_eq!(of(COMMON_NAME, &[text]), Ok(mac), "{text}");
        }
        assert_eq!(of(COMMON_NAME, &["Yealink", "001565aabbcc"]), Ok(mac));
        assert_eq!(of(COMMON_NAME, &["001565aabbcc 00:15:65:AA:BB:CC"]), Ok(mac));
        for none in [&["Yealink"][..], &[], &["001565aabbccdd"], &["000000000000"], &["ffffffffffff"]] {
            assert_eq!(of(COMMON_NAME, none), Err(CertificateFault::NoMac), "{none:?}");
        }
        for two in [&["001565aabbcc 001565aabbcd"][..], &["001565aabbcc", "001565aabbcd"]] {
            assert_eq!(of(COMMON_NAME, two), Err(CertificateFault::SeveralMacs), "{two:?}");
        }
    }

    #[test]
    fn sec_d06_a_shared_certificate_counts_as_none_and_so_does_one_that_only_says_genuine() {
        let rule = CertificateRule::Mac { field: SubjectField::StateOrProvince, shared: &["ciscogeneric"] };
        assert_eq!(of(rule, &["CiscoGeneric"]), Err(CertificateFault::Generic));
        assert_eq!(of(CertificateRule::GenuineOnly, &["001565aabbcc"]), Err(CertificateFault::GenuineOnly));
    }
}
