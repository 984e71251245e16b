//! Does our own public URL lead here, and do phones see there what they should? Asked from this machine, which is not where
//! phones are; what it finds is true for them too.

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::{Fault, Place, handshake};
use crate::config::PublicUrl;
use crate::diagnose::facts::Fact;
use crate::diagnose::{Code, Subject};

/// Keys that phones of every age take.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// Who answers at the public URL: what is found, and the certificates shown there. `ours`: what should be shown, if that
/// is known. That a name leads elsewhere is not said here but with the hand-over, which is parked for it.
pub async fn check(url: &PublicUrl, ours: Option<&[CertificateDer<'_>]>) -> (Vec<Fact>, Vec<CertificateDer<'static>>) {
    let place = Place { host: url.host().to_owned(), port: url.port() };
    let subject = || Subject::Server(url.to_string());
    let shown = match place.connect().await {
        Ok(stream) => handshake(stream, &place.host).await,
        Err(fault) => Err(fault),
    };
    let chain = match shown {
        Ok(shown) => shown.chain,
        Err(Fault::Name(_)) => return (Vec::new(), Vec::new()),
        Err(fault) => {
            let summary = format!("nobody answers at {url}, where phones are sent: {fault}");
            return (vec![Fact::new(Code::PublicUrlUnreachable, subject(), summary)], Vec::new());
        }
    };
    let mut facts = Vec::new();
    let differs = |ours: &&[CertificateDer<'_>]| ours.first().map(AsRef::as_ref) != chain.first().map(AsRef::as_ref);
    if ours.as_ref().is_some_and(differs) {
        let summary = format!(
            "at {url} another certificate is shown than this daemon's: something else answers there, or stands in between and \
             takes TLS for itself, so that no phone can prove who it is"
        );
        let evidence = chain.first().map(|leaf| format!("shown there: {}", described(leaf))).into_iter().collect();
        facts.push(Fact::new(Code::PublicUrlOtherCertificate, subject(), summary).shown_by(evidence));
    } else if ours.is_some_and(|ours| chain.len() < ours.len()) {
        let summary = format!("at {url} a shorter chain is shown than https.certificate has");
        facts.push(Fact::new(Code::PublicUrlOtherCertificate, subject(), summary));
    }
    (facts, chain)
}

/// Whether old phones know the kind of key that the leaf has.
pub fn key_type(chain: &[CertificateDer<'_>], url: &PublicUrl) -> Option<Fact> {
    let (_, leaf) = X509Certificate::from_der(chain.first()?).ok()?;
    let kind = match leaf.public_key().parsed() {
        Ok(PublicKey::RSA(key)) if RSA_BITS.contains(&key.key_size()) => return None,
        Ok(PublicKey::RSA(key)) => format!("RSA of {} bits", key.key_size()),
        Ok(PublicKey::EC(_)) => "an elliptic curve (ECDSA)".to_owned(),
        _ => "of a kind that is seldom used".to_owned(),
    };
    let summary = format!("the key of the certificate at {url} is {kind}: phones made before about 2016 may refuse it");
    Some(Fact::new(Code::CertificateKeyType, Subject::Server(url.to_string()), summary))
}

fn described(leaf: &CertificateDer<'_>) -> String {
    match X509Certificate::from_der(leaf) {
        Ok((_, leaf)) => format!("{}, issued by {}", leaf.subject(), leaf.issuer()),
        Err(_) => "something that is no certificate".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_phones_want_an_rsa_key_of_usual_length() {
        let url: PublicUrl = "https://a.example".parse().unwrap();
        let chain = |key: rcgen::KeyPair| {
            let params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
            vec![params.self_signed(&key).unwrap().der().clone()]
        };
        let rsa = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
        assert_eq!(key_type(&chain(rsa), &url), None);
        let found = key_type(&chain(rcgen::KeyPair::generate().unwrap()), &url).unwrap();
        assert!(found.summary.contains("ECDSA"), "{}", found.summary);
    }

    #[tokio::test]
    async fn where_nobody_listens_phones_find_nobody() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (facts, chain) = check(&PublicUrl::of("127.0.0.1", port), None).await;
        assert_eq!((facts[0].code, facts.len(), chain.len()), (Code::PublicUrlUnreachable, 1, 0));
    }
}
