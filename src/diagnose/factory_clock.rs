//! The time trap: is our certificate, and all of its chain, valid for a phone that has just been unpacked? Its clock starts
//! at its factory's date (`factory_clocks.toml`), and with that date it judges the first certificate it sees, unless a time
//! server was named to it before (DHCP option 42). Pure.

use std::sync::LazyLock;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use serde::Deserialize;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::facts::Fact;
use super::{Code, Severity, Subject};

/// What is known of the time that DHCP tells phones.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum TimeByDhcp {
    /// These servers name no time server.
    Not(Vec<String>),
    /// Each server that was heard names one.
    Told,
    /// Nobody was asked.
    #[default]
    Unknown,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clocks {
    clock: Vec<Clock>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clock {
    makers: Vec<String>,
    starts: Timestamp,
    #[allow(dead_code)] // for who reads the file
    source: String,
    #[allow(dead_code)]
    certain: bool,
}

static CLOCKS: LazyLock<Vec<Clock>> = LazyLock::new(|| {
    // The file is part of the program; a test reads it.
    toml::from_str::<Clocks>(include_str!("factory_clocks.toml")).map(|clocks| clocks.clock).unwrap_or_default()
});

/// Whether phones of these makers are caught in the trap.
pub fn fact(chain: &[CertificateDer<'_>], makers: &[&str], time: &TimeByDhcp, public_url: &str) -> Option<Fact> {
    if *time == TimeByDhcp::Told {
        return None;
    }
    let starts = chain.iter().filter_map(|der| Some(X509Certificate::from_der(der).ok()?.1.validity().not_before));
    let begins = Timestamp::from_second(starts.map(|time| time.timestamp()).max()?).ok()?;
    let early = |clock: &&Clock| clock.starts < begins;
    let caught = CLOCKS.iter().filter(early).flat_map(|clock| &clock.makers);
    let caught: Vec<&str> = caught.map(String::as_str).filter(|maker| makers.contains(maker)).collect();
    if caught.is_empty() {
        return None;
    }
    let day = begins.strftime("%Y-%m-%d");
    let (severity, why) = match time {
        TimeByDhcp::Not(servers) => {
            (Severity::Warning, format!("and {} names no time server (option 42)", servers.join(", ")))
        }
        _ => (Severity::Info, "unless DHCP names them a time server (option 42), which was not asked".to_owned()),
    };
    let summary = format!(
        "the certificate, or one of its chain, is valid since {day} only: a phone of {} whose clock starts earlier does not \
         trust it yet, {why}",
        caught.join(", ")
    );
    let fact = Fact::new(Code::CertificateNeedsClock, Subject::Server(public_url.to_owned()), summary);
    Some(fact.rated(severity).of_makers(caught))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(years: &[i32]) -> Vec<CertificateDer<'static>> {
        let made = |year: &i32| {
            let mut params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
            params.not_before = rcgen::date_time_ymd(*year, 1, 1);
            params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().clone()
        };
        years.iter().map(made).collect()
    }

    #[test]
    fn a_certificate_as_old_as_the_phone_needs_no_clock() {
        assert_eq!(fact(&chain(&[2010, 2009]), &["yealink"], &TimeByDhcp::Unknown, "u"), None);
    }

    #[test]
    fn the_youngest_of_the_chain_counts_and_option_42_opens_the_trap() {
        let young = chain(&[2010, 2026]);
        let found = fact(&young, &["yealink"], &TimeByDhcp::Unknown, "u").unwrap();
        assert_eq!(found.severity, Severity::Info);
        let untold = TimeByDhcp::Not(vec!["10.0.0.3".to_owned()]);
        let found = fact(&young, &["yealink", "snom"], &untold, "u").unwrap();
        assert_eq!(
            (found.severity, found.makers.as_slice()),
            (Severity::Warning, &["snom".to_owned(), "yealink".to_owned()][..])
        );
        assert!(found.summary.contains("2026-01-01") && found.summary.contains("10.0.0.3"), "{}", found.summary);
        assert_eq!(fact(&young, &["yealink"], &TimeByDhcp::Told, "u"), None);
    }

    #[test]
    fn every_maker_served_has_a_clock() {
        let clocks: Clocks = toml::from_str(include_str!("factory_clocks.toml")).unwrap();
        for maker in crate::makers::MAKERS {
            assert!(
                clocks.clock.iter().any(|clock| clock.makers.iter().any(|known| known == maker.id())),
                "{}",
                maker.id()
            );
        }
    }
}
