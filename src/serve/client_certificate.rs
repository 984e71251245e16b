//! Whose phone is this, going by the certificate it was made with? A pure judgement of the chain a client sent, after
//! the handshake has verified that it holds the key (policy D4, D6).
//!
//! Each configured authority is a trust anchor of its own, intermediate ones too: phones often send their own
//! certificate alone. What a path may have of old weaknesses is said for each authority. The extended key usage is not
//! looked at: makers made these certificates for their own servers, and some for the phone's own web page.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rustls::DistinguishedName;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::X509Certificate;

use crate::inventory::certificate::{Authority, CertificateFault, CertificateNote, Fingerprint, Weakness};
use crate::makers::{self, Maker, SubjectField};
use crate::provision::x509::{self, Key};
use crate::provision::{BuiltIn, ClientCertificate};

/// Certificates of a chain that are looked at, and signatures that are verified, whatever a client sends.
const LONGEST_CHAIN: usize = 8;
const MOST_SIGNATURES: usize = 24;

/// The chain that one connection came with. It is judged anew when authorities come or go, and its dates with every
/// request: a connection, or a resumed session, may outlive both.
#[derive(Debug)]
pub struct Presented {
    chain: Vec<CertificateDer<'static>>,
    judged: Mutex<Option<(Arc<Authorities>, Judged)>>,
}

/// The configured authorities, ready to be asked.
#[derive(Debug, Default)]
pub struct Authorities {
    anchors: Vec<Anchor>,
}

#[derive(Debug)]
struct Anchor {
    authority: Authority,
    maker: &'static dyn Maker,
    subject: Vec<u8>,
    key: Key,
    path_length: Option<usize>,
    valid: RangeInclusive<Timestamp>,
}

/// A chain, judged but for the time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Judged {
    /// It says so, as long as its dates hold.
    BuiltIn {
        /// What it says.
        says: BuiltIn,
        /// When all dates that matter hold.
        valid: RangeInclusive<Timestamp>,
    },
    /// There was none.
    None,
    /// It counts for nothing.
    Rejected(CertificateFault),
}

impl Presented {
    /// The chain a client sent, its own certificate first; empty: it sent none.
    pub fn new(chain: Vec<CertificateDer<'static>>) -> Presented {
        Presented { chain, judged: Mutex::new(None) }
    }

    /// What it shows now, if these vouch for phones.
    pub fn at(&self, authorities: &Arc<Authorities>, now: Timestamp) -> ClientCertificate {
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, judged) = match judged.take() {
            Some((by, found)) if Arc::ptr_eq(&by, authorities) => judged.insert((by, found)),
            _ => judged.insert((Arc::clone(authorities), authorities.judge(&self.chain))),
        };
        judged.at(now)
    }
}

impl Authorities {
    /// Takes the authorities that are stored. One that cannot be read vouches for nobody.
    pub fn new(stored: Vec<Authority>) -> Authorities {
        let ready = |authority: Authority| {
            let name = authority.sha256;
            let anchor = Anchor::new(authority);
            if anchor.is_none() {
                tracing::error!(authority = %name, "this authority cannot be used: remove it and add it again");
            }
            anchor
        };
        Authorities { anchors: stored.into_iter().filter_map(ready).collect() }
    }

    /// Their subjects: some phones show their certificate only if one of these is named (policy D4).
    pub fn subjects(&self) -> Vec<DistinguishedName> {
        self.anchors.iter().map(|anchor| DistinguishedName::from(anchor.subject.clone())).collect()
    }

    /// Judges a chain, the phone's own certificate first.
    pub fn judge(&self, chain: &[CertificateDer<'_>]) -> Judged {
        if chain.is_empty() {
            return Judged::None;
        }
        self.built_in(chain).unwrap_or_else(Judged::Rejected)
    }

    fn built_in(&self, chain: &[CertificateDer<'_>]) -> Result<Judged, CertificateFault> {
        let mut read = chain.iter().take(LONGEST_CHAIN).map(|der| x509::read(der));
        let leaf = read.next().flatten().filter(x509::is_understood).ok_or(CertificateFault::Unreadable)?;
        if Key::of(leaf.public_key()).is_none() {
            return Err(CertificateFault::UnknownKey);
        }
        if leaf.is_ca() {
            return Err(CertificateFault::CaLeaf);
        }
        let others: Vec<_> = read.flatten().collect();
        let mut search = Search { anchors: &self.anchors, others: &others, signatures_left: MOST_SIGNATURES };
        let found = search.path_above(&mut vec![&leaf])?;
        let mac = named_mac(&leaf, found.anchor.maker)?;
        let says = BuiltIn {
            maker: found.anchor.maker.id(),
            mac,
            key: Fingerprint::of(leaf.public_key().raw),
            authority: found.anchor.authority.sha256,
        };
        Ok(Judged::BuiltIn { says, valid: found.valid })
    }
}

impl Judged {
    /// What it comes to now.
    pub fn at(&self, now: Timestamp) -> ClientCertificate {
        match self {
            Judged::None => ClientCertificate::None,
            Judged::Rejected(fault) => ClientCertificate::Rejected(*fault),
            Judged::BuiltIn { says, valid } if valid.contains(&now) => ClientCertificate::Good(says.clone()),
            Judged::BuiltIn { says, .. } => ClientCertificate::OutOfDate(says.clone()),
        }
    }
}

impl Anchor {
    fn new(authority: Authority) -> Option<Anchor> {
        let maker = makers::by_id(authority.maker.as_str())?;
        let certificate = x509::read(&authority.certificate.0)?;
        let subject = certificate.subject().as_raw().to_vec();
        let key = Key::of(certificate.public_key())?;
        let path_length = x509::path_length(&certificate);
        let valid = x509::validity(&certificate);
        Some(Anchor { maker, subject, key, path_length, valid, authority })
    }

    /// What the path below, the phone's certificate first, comes to under this authority's rules.
    fn accepts(&self, path: &[&X509Certificate<'_>]) -> Result<RangeInclusive<Timestamp>, CertificateFault> {
        let tolerate = &self.authority.tolerate;
        let weaknesses = path.iter().flat_map(|certificate| x509::weaknesses(certificate));
        for weakness in weaknesses.filter(|weakness| !tolerate.contains(weakness)) {
            if let CertificateNote::Rejected(fault) = weakness.into() {
                return Err(fault);
            }
        }
        let dates = path.iter().map(|certificate| x509::validity(certificate)).chain([self.valid.clone()]);
        let (start, end) = dates.fold((Timestamp::MIN, Timestamp::MAX), |(start, end), dates| {
            (start.max(*dates.start()), end.min(*dates.end()))
        });
        Ok(start..=if tolerate.contains(&Weakness::Expired) { Timestamp::MAX } else { end })
    }
}

/// A path from the phone's certificate to an authority.
struct Path<'a> {
    anchor: &'a Anchor,
    valid: RangeInclusive<Timestamp>,
}

struct Search<'a> {
    anchors: &'a [Anchor],
    others: &'a [X509Certificate<'a>],
    signatures_left: usize,
}

impl<'a> Search<'a> {
    /// Continues a path whose last certificate is the highest so far.
    fn path_above(&mut self, path: &mut Vec<&'a X509Certificate<'a>>) -> Result<Path<'a>, CertificateFault> {
        let mut fault = CertificateFault::UnknownIssuer;
        let Some(highest) = path.last().copied() else { return Err(fault) };
        let intermediates = path.len().saturating_sub(1);
        for anchor in self.anchors.iter().filter(|anchor| anchor.subject == highest.issuer().as_raw()) {
            let short_enough = anchor.path_length.is_none_or(|most| intermediates <= most);
            if !short_enough || !self.is_signed_by(highest, &anchor.key) {
                continue;
            }
            match anchor.accepts(path) {
                Ok(valid) => return Ok(Path { anchor, valid }),
                Err(found) => fault = found,
            }
        }
        for above in self.others.iter().filter(|other| other.subject().as_raw() == highest.issuer().as_raw()) {
            let fits = x509::is_authority(above)
                && x509::is_understood(above)
                && x509::path_length(above).is_none_or(|most| intermediates <= most)
                && !path.iter().any(|certificate| certificate.as_raw() == above.as_raw());
            let key = Key::of(above.public_key()).filter(|_| fits);
            if !key.is_some_and(|key| self.is_signed_by(highest, &key)) {
                continue;
            }
            path.push(above);
            match self.path_above(path) {
                Ok(found) => return Ok(found),
                // What stood against a path that leads somewhere is the better answer.
                Err(CertificateFault::UnknownIssuer) => {}
                Err(found) => fault = found,
            }
            path.pop();
        }
        Err(fault)
    }

    fn is_signed_by(&mut self, certificate: &X509Certificate<'_>, key: &Key) -> bool {
        let Some(left) = self.signatures_left.checked_sub(1) else { return false };
        self.signatures_left = left;
        x509::is_signed_by(certificate, key)
    }
}

/// The MAC a certificate names, as its maker writes it, if that is an address of this maker's phones.
fn named_mac(
    leaf: &X509Certificate<'_>,
    maker: &'static dyn Maker,
) -> Result<crate::inventory::mac::MacAddr, CertificateFault> {
    let rule = maker.certificate().ok_or(CertificateFault::GenuineOnly)?;
    let subject = leaf.subject();
    let mac = rule.mac(|field| {
        let values: Vec<_> = match field {
            SubjectField::CommonName => subject.iter_common_name().collect(),
            SubjectField::StateOrProvince => subject.iter_state_or_province().collect(),
        };
        values.into_iter().filter_map(|value| value.as_str().ok())
    })?;
    if makers::by_oui(mac.oui()).is_none_or(|of| of != maker) {
        return Err(CertificateFault::ForeignMac);
    }
    Ok(mac)
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

    use super::*;
    use crate::inventory::certificate::Der;

    fn params(name: &str, until: i32) -> CertificateParams {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        params
    }

    /// A phone's certificate, and the authority that signed it, which ends in 2030.
    fn phone(until: i32) -> (Vec<CertificateDer<'static>>, Authority) {
        let mut root = params("Root", 2030);
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root_key = KeyPair::generate().unwrap();
        let root_certificate = root.self_signed(&root_key).unwrap();
        let issuer = Issuer::new(root, root_key);
        let leaf = params("805ec0112233", until).signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
        let der = root_certificate.der().to_vec();
        let authority = Authority {
            sha256: Fingerprint::of(&der),
            maker: "yealink".parse().unwrap(),
            tolerate: [].into(),
            added: Timestamp::UNIX_EPOCH,
            certificate: Der(der),
        };
        (vec![leaf.der().clone()], authority)
    }

    fn at(date: &str) -> Timestamp {
        format!("{date}T12:00:00Z").parse().unwrap()
    }

    #[test]
    fn sec_d04_an_open_connection_is_judged_again_as_time_passes_and_authorities_change() {
        let (chain, authority) = phone(2028);
        let presented = Presented::new(chain);
        let vouching = Arc::new(Authorities::new(vec![authority.clone()]));
        assert!(matches!(presented.at(&vouching, at("2027-12-31")), ClientCertificate::Good(_)));
        assert!(matches!(presented.at(&vouching, at("2028-01-02")), ClientCertificate::OutOfDate(_)));
        assert!(matches!(presented.at(&vouching, at("2019-12-31")), ClientCertificate::OutOfDate(_)));
        let nobody = Arc::new(Authorities::default());
        let unknown = ClientCertificate::Rejected(CertificateFault::UnknownIssuer);
        assert_eq!(presented.at(&nobody, at("2027-01-01")), unknown);
        assert!(matches!(presented.at(&vouching, at("2027-01-01")), ClientCertificate::Good(_)));
        let tolerant = Authority { tolerate: [Weakness::Expired].into(), ..authority };
        let tolerant = Arc::new(Authorities::new(vec![tolerant]));
        assert!(matches!(presented.at(&tolerant, at("2040-01-01")), ClientCertificate::Good(_)));
        assert!(matches!(presented.at(&tolerant, at("2019-12-31")), ClientCertificate::OutOfDate(_)), "not yet valid");
    }

    #[test]
    fn sec_d04_the_dates_of_the_authority_count_too() {
        let (chain, authority) = phone(2040);
        let presented = Presented::new(chain);
        let vouching = Arc::new(Authorities::new(vec![authority]));
        assert!(matches!(presented.at(&vouching, at("2029-12-31")), ClientCertificate::Good(_)));
        assert!(matches!(presented.at(&vouching, at("2030-01-02")), ClientCertificate::OutOfDate(_)));
    }

    #[test]
    fn an_authority_that_cannot_be_read_vouches_for_nobody_and_disturbs_no_other() {
        let (chain, authority) = phone(2028);
        let broken = Authority { certificate: Der(vec![1, 2, 3]), ..authority.clone() };
        let foreign = Authority { maker: "nobody".parse().unwrap(), ..authority.clone() };
        let authorities = Authorities::new(vec![broken, foreign, authority]);
        assert_eq!(authorities.subjects().len(), 1);
        assert!(matches!(authorities.judge(&chain), Judged::BuiltIn { .. }));
    }

    proptest::proptest! {
        #[test]
        fn sec_d04_no_octets_from_a_peer_are_more_than_rejected(
            chain in proptest::collection::vec(proptest::collection::vec(0u8.., 0..200), 1..4),
        ) {
            let (_, authority) = phone(2028);
            let chain: Vec<CertificateDer<'_>> = chain.into_iter().map(CertificateDer::from).collect();
            let judged = Authorities::new(vec![authority]).judge(&chain);
            proptest::prop_assert!(matches!(judged, Judged::Rejected(_)));
        }
    }
}
