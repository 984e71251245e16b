//! Every fault a chain can have, for every maker: what the judge makes of it.

use jiff::Timestamp;
use ztpd::host::clock::Clock;
use ztpd::inventory::certificate::{Authority, CertificateFault as Fault, Der, Fingerprint, Weakness};
use ztpd::makers::MAKERS;
use ztpd::provision::ClientCertificate;
use ztpd::serve::Authorities;

use crate::lookalike::{AUTHORITY, PHONE, Pair, Wish, Workshop};

/// A maker, an address of its phones, another one, and where its certificates have it; as the makers' manuals say.
const WHERE: &[(&str, &str, &str, &str)] = &[
    ("cisco", "d0ec35aabbcc", "d0ec35aabbcd", "ST"),
    ("grandstream", "C074ADAABBCC", "C074ADAABBCD", "CN"),
    ("poly", "64:16:7f:aa:bb:cc", "64:16:7f:aa:bb:cd", "CN"),
    ("snom", "000413AABBCC", "000413AABBCD", "CN"),
    ("yealink", "805EC0AABBCC", "805EC0AABBCD", "CN"),
];

fn now() -> Timestamp {
    Clock::start().now()
}

fn authority(maker: &str, pair: &Pair, tolerate: &[Weakness]) -> Authority {
    let der = pair.der()[0].to_vec();
    Authority {
        sha256: Fingerprint::of(&der),
        maker: maker.parse().unwrap(),
        tolerate: tolerate.iter().copied().collect(),
        added: now(),
        certificate: Der(der),
    }
}

/// What a chain comes to, if these authorities vouch.
fn verdict(chain: &Pair, authorities: &[Authority]) -> ClientCertificate {
    Authorities::new(authorities.to_vec()).judge(&chain.der()).at(now())
}

/// Good for that phone of that maker.
fn is_good(verdict: &ClientCertificate, maker: &str, mac: &str) -> bool {
    matches!(verdict, ClientCertificate::Good(says) if says.maker == maker && Ok(says.mac) == mac.parse())
}

#[test]
fn every_maker_whose_phones_are_served_is_tried_here() {
    let tried: Vec<&str> = WHERE.iter().map(|(maker, ..)| *maker).collect();
    let known: Vec<&str> = MAKERS.iter().filter(|maker| maker.certificate().is_some()).map(|m| m.id()).collect();
    assert_eq!(tried, known);
}

#[test]
fn sec_d06_the_mac_comes_from_the_field_of_that_maker_alone() {
    let Some(shop) = Workshop::open() else { return };
    let root = shop.make(Wish::authority("/CN=Root"), None);
    for (maker, mac, other, field) in WHERE {
        let vouching = [authority(maker, &root, &[])];
        let with = |subject: &str| verdict(&shop.make(Wish::phone(subject), Some(&root)), &vouching);
        let wrong = if *field == "CN" { "ST" } else { "CN" };
        assert!(is_good(&with(&format!("/O=x/{field}={mac}")), maker, mac), "{maker}");
        assert_eq!(with("/O=x"), ClientCertificate::Rejected(Fault::NoMac), "{maker}");
        assert_eq!(with(&format!("/O={mac}/{wrong}={mac}")), ClientCertificate::Rejected(Fault::NoMac), "{maker}");
        for two in [format!("/{field}={mac} {other}"), format!("/{field}={mac}/{field}={other}")] {
            assert_eq!(with(&two), ClientCertificate::Rejected(Fault::SeveralMacs), "{maker}: {two}");
        }
        // Another maker's phone, or one of nobody.
        let (_, foreign, ..) = WHERE.iter().find(|(of, ..)| of != maker).unwrap();
        for foreign in [foreign, "0200deadbeef"] {
            let subject = format!("/{field}={foreign}");
            assert_eq!(with(&subject), ClientCertificate::Rejected(Fault::ForeignMac), "{maker}: {subject}");
        }
    }
}

#[test]
fn sec_d06_a_certificate_that_many_phones_share_counts_as_none() {
    let Some(shop) = Workshop::open() else { return };
    let root = shop.make(Wish::authority("/CN=Root"), None);
    let shared = shop.make(Wish::phone("/OU=cisco.com/L=ciscogeneric/ST=ciscogeneric"), Some(&root));
    let expected = ClientCertificate::Rejected(Fault::Generic);
    assert_eq!(verdict(&shared, &[authority("cisco", &root, &[])]), expected);
    let shared = shop.make(Wish::phone("/O=Yealink/CN=Yealink Phone"), Some(&root));
    assert_eq!(verdict(&shared, &[authority("yealink", &root, &[])]), ClientCertificate::Rejected(Fault::NoMac));
}

#[test]
fn sec_d06_a_chain_leads_to_that_makers_authority_or_nowhere() {
    let Some(shop) = Workshop::open() else { return };
    let nowhere = ClientCertificate::Rejected(Fault::UnknownIssuer);
    let root = shop.make(Wish::authority("/CN=Root"), None);
    let stranger = shop.make(Wish::authority("/CN=Root"), None);
    let middle = shop.make(Wish { key: "EC", ..Wish::authority("/CN=Middle") }, Some(&root));
    let low =
        Wish { key: "EC", extensions: "basicConstraints=critical,CA:TRUE,pathlen:0\n", ..Wish::authority("/CN=Low") };
    let low = shop.make(low, Some(&middle));
    for (maker, mac, other, field) in WHERE {
        let vouching = [authority(maker, &root, &[])];
        let subject = format!("/{field}={mac}");
        let phone = shop.make(Wish::phone(&subject), Some(&low));
        let whole = shop.chain(&phone, &[&low, &middle, &root]);
        assert!(is_good(&verdict(&whole, &vouching), maker, mac), "{maker}");
        // In any order, and without the root, which is here already.
        assert!(is_good(&verdict(&shop.chain(&phone, &[&middle, &low]), &vouching), maker, mac), "{maker}");
        assert_eq!(verdict(&phone, &vouching), nowhere, "{maker}: alone");
        assert_eq!(verdict(&shop.chain(&phone, &[&low]), &vouching), nowhere, "{maker}: a link is missing");
        // The intermediate one is configured: the phone may send its own certificate alone.
        assert!(is_good(&verdict(&phone, &[authority(maker, &low, &[])]), maker, mac), "{maker}");
        assert_eq!(verdict(&whole, &[authority(maker, &stranger, &[])]), nowhere, "{maker}: same name, another key");
        assert_eq!(verdict(&whole, &[]), nowhere, "{maker}: nobody vouches");
        let (of_another, ..) = WHERE.iter().find(|(of, ..)| of != maker).unwrap();
        let wrong = verdict(&whole, &[authority(of_another, &root, &[])]);
        assert!(matches!(wrong, ClientCertificate::Rejected(Fault::ForeignMac | Fault::NoMac)), "{maker}: {wrong:?}");
        // A phone's key signs nothing that counts, and an authority signs no further authorities than it may.
        let forged = shop.make(Wish::phone(&format!("/{field}={other}")), Some(&phone));
        assert_eq!(verdict(&shop.chain(&forged, &[&phone, &low, &middle]), &vouching), nowhere, "{maker}");
        let below = shop.make(Wish { key: "EC", ..Wish::authority("/CN=Below") }, Some(&low));
        let deep = shop.make(Wish::phone(&subject), Some(&below));
        assert_eq!(verdict(&shop.chain(&deep, &[&below, &low, &middle]), &vouching), nowhere, "{maker}");
        assert_eq!(verdict(&shop.chain(&deep, &[&below]), &[authority(maker, &low, &[])]), nowhere, "{maker}");
    }
}

#[test]
fn sec_d04_what_is_weak_counts_only_where_it_is_tolerated() {
    let Some(shop) = Workshop::open() else { return };
    let root = shop.make(Wish::authority("/CN=Root"), None);
    let other = shop.make(Wish::authority("/CN=Other"), None);
    for (maker, mac, _, field) in WHERE {
        let subject = format!("/{field}={mac}");
        let good = Wish::phone(&subject);
        let rsa_1024 = Wish { key: "RSA:1024", ..good };
        for (weakness, fault, wish) in [
            (Weakness::Md5, Fault::Md5, Wish { hash: "md5", ..good }),
            (Weakness::Sha1, Fault::Sha1, Wish { hash: "sha1", ..good }),
            (Weakness::Rsa1024, Fault::Rsa1024, rsa_1024),
            (Weakness::V1, Fault::V1, Wish { extensions: "", ..good }),
        ] {
            let weak = shop.make(wish, Some(&root));
            let rejected = ClientCertificate::Rejected(fault);
            assert_eq!(verdict(&weak, &[authority(maker, &root, &[])]), rejected, "{maker}: {weakness}");
            // What is tolerated for one authority says nothing of another.
            let elsewhere = authority(maker, &other, &[weakness]);
            assert_eq!(verdict(&weak, &[authority(maker, &root, &[]), elsewhere]), rejected, "{maker}: {weakness}");
            assert!(
                is_good(&verdict(&weak, &[authority(maker, &root, &[weakness])]), maker, mac),
                "{maker}: {weakness}"
            );
        }
        let late = shop.make(Wish { days: -1, ..good }, Some(&root));
        let found = verdict(&late, &[authority(maker, &root, &[])]);
        assert!(matches!(found, ClientCertificate::OutOfDate(_)), "{maker}: {found:?}");
        assert!(is_good(&verdict(&late, &[authority(maker, &root, &[Weakness::Expired])]), maker, mac), "{maker}");
        let own = shop.make(Wish { extensions: AUTHORITY, ..good }, Some(&root));
        assert_eq!(verdict(&own, &[authority(maker, &root, &[])]), ClientCertificate::Rejected(Fault::CaLeaf));
    }
}

/// Generation 1 of one maker: everything at once, below an authority of version 1.
#[test]
fn sec_d04_several_weaknesses_need_several_tolerances() {
    let Some(shop) = Workshop::open() else { return };
    let old = Wish { key: "RSA:1024", hash: "md5", extensions: "", ..Wish::authority("/CN=Old") };
    let root = shop.make(old, None);
    let phone = Wish { key: "RSA:1024", hash: "md5", ..Wish::phone("/CN=000b82aabbcc") };
    let phone = shop.make(phone, Some(&root));
    let some = [Weakness::Md5, Weakness::V1];
    let all = [Weakness::Md5, Weakness::Rsa1024, Weakness::V1];
    let refused = ClientCertificate::Rejected(Fault::Rsa1024);
    assert_eq!(verdict(&phone, &[authority("grandstream", &root, &some)]), refused);
    assert!(is_good(&verdict(&phone, &[authority("grandstream", &root, &all)]), "grandstream", "000b82aabbcc"));
    // A certificate of version 1 that a phone brings is nobody's issuer, tolerated or not.
    let middle = shop.make(Wish { extensions: "", ..Wish::authority("/CN=Middle") }, Some(&root));
    let below = shop.make(Wish::phone("/CN=000b82aabbcc"), Some(&middle));
    let chain = shop.chain(&below, &[&middle]);
    let nowhere = ClientCertificate::Rejected(Fault::UnknownIssuer);
    assert_eq!(verdict(&chain, &[authority("grandstream", &root, &all)]), nowhere);
}

#[test]
fn sec_d04_an_expired_authority_counts_as_a_fault_of_dates() {
    let Some(shop) = Workshop::open() else { return };
    let root = shop.make(Wish { days: -1, ..Wish::authority("/CN=Root") }, None);
    let phone = shop.make(Wish::phone("/CN=805EC0AABBCC"), Some(&root));
    assert!(matches!(verdict(&phone, &[authority("yealink", &root, &[])]), ClientCertificate::OutOfDate(_)));
    let tolerated = [authority("yealink", &root, &[Weakness::Expired])];
    assert!(is_good(&verdict(&phone, &tolerated), "yealink", "805ec0aabbcc"));
}

#[test]
fn sec_d04_what_cannot_be_read_or_verified_counts_for_nothing() {
    let Some(shop) = Workshop::open() else { return };
    let root = shop.make(Wish::authority("/CN=Root"), None);
    let vouching = [authority("yealink", &root, &[])];
    let unknown = shop.make(Wish { key: "ED448", ..Wish::phone("/CN=805EC0AABBCC") }, Some(&root));
    assert_eq!(verdict(&unknown, &vouching), ClientCertificate::Rejected(Fault::UnknownKey));
    let critical = format!("{PHONE}1.2.3.4=critical,DER:0500\n");
    let critical = Wish { extensions: &critical, ..Wish::phone("/CN=805EC0AABBCC") };
    let unreadable = ClientCertificate::Rejected(Fault::Unreadable);
    assert_eq!(verdict(&shop.make(critical, Some(&root)), &vouching), unreadable);
    let judge = Authorities::new(vouching.to_vec());
    let mut der = shop.make(Wish::phone("/CN=805EC0AABBCC"), Some(&root)).der()[0].to_vec();
    assert_eq!(judge.judge(&[vec![0x30, 0x03, 1].into()]).at(now()), unreadable);
    // One bit of the name.
    let place = der.windows(12).position(|window| window == b"805EC0AABBCC").unwrap();
    der[place + 11] ^= 1;
    assert_eq!(judge.judge(&[der.clone().into()]).at(now()), ClientCertificate::Rejected(Fault::UnknownIssuer));
    der.push(0);
    assert_eq!(judge.judge(&[der.into()]).at(now()), unreadable);
    assert_eq!(judge.judge(&[]).at(now()), ClientCertificate::None);
}
