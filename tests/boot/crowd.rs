//! The building whose power comes back: a thousand phones ask at once, each from an address of its own.

use std::net::IpAddr;

use tokio::task::JoinSet;
use ztpd::simulate::{Boot, Model, Network, Outcome, Phone};

use crate::support::Site;

const PHONES: u16 = 1000;

/// Every phone boots until its first answer came, or the last hope of one.
fn first_requests(site: &Site, url: &str, authority: Option<&[u8]>) -> Vec<Boot> {
    site.runtime.block_on(async {
        let mut phones = JoinSet::new();
        for number in 0..PHONES {
            let [high, low] = number.to_be_bytes();
            let model = Model::ALL[usize::from(number) % Model::ALL.len()];
            let mut network = Network::new(IpAddr::from([127, 40 + high, low, 1]), site.now);
            network.options.option_66 = Some(url.to_owned());
            let mut phone = Phone::new(model, format!("02aabbcc{number:04x}").parse().unwrap(), "SERIAL");
            if let Some(der) = authority {
                phone.install_authority(der).unwrap();
            }
            phones.spawn(async move { phone.boot_until(&network, 1).await });
        }
        phones.join_all().await
    })
}

/// Each first request came to an answer: a file, or the news that there is none.
fn assert_answered(boots: &[Boot]) {
    let answered = |boot: &&Boot| {
        let outcome = boot.requests.first().map(|seen| &seen.outcome);
        matches!(outcome, Some(Outcome::Served { .. } | Outcome::TftpError(1) | Outcome::Status(404)))
    };
    let without: Vec<&Boot> = boots.iter().filter(|boot| !answered(boot)).collect();
    assert!(without.is_empty(), "{} of {} phones got no answer: {:#?}", without.len(), boots.len(), without.first());
}

#[test]
fn a_thousand_phones_that_ask_over_tftp_at_once_are_all_answered() {
    let site = Site::start();
    assert_answered(&first_requests(&site, &format!("tftp://127.0.0.1:{}/", site.tftp), None));
}

#[test]
fn sec_d15_a_thousand_phones_that_ask_over_https_at_once_are_all_answered() {
    let site = Site::start();
    let der = crate::support::fetch(&site, &format!("{}/ztpd-ca.der", site.url), "x");
    let Some(der) = der else { return println!("skipped: curl is not installed") };
    let boots = first_requests(&site, &format!("{}/", site.url), Some(&der));
    // The SPA's TLS is too old: that it is told so is its answer.
    let told =
        |boot: &Boot| matches!(&boot.requests[0].outcome, Outcome::TlsFailed(why) if why.contains("cipher suite"));
    let (old, present): (Vec<Boot>, Vec<Boot>) = boots.into_iter().partition(told);
    assert_eq!(old.len(), usize::from(PHONES).div_ceil(Model::ALL.len()));
    assert_answered(&present);
}
