//! May it have this file now? One pure function; the specification is policy D1–D12 and ZERO-TOUCH Z1–Z12.

use std::net::IpAddr;

use jiff::Timestamp;

use super::by_certificate::{ByCertificate, Weaker, by_certificate};
use super::identify::{Asked, AuthorityForm, Identity, carries_secrets};
use super::nat_exits::is_exit_of;
use super::password::Password;
use crate::config::ProofKind;
use crate::inventory::access::Bar;
use crate::inventory::certificate::Fingerprint;
use crate::inventory::event::{Plane, Proof, Reason, Rule};
use crate::inventory::mac::MacAddr;
use crate::inventory::secret::TokenHash;
use crate::makers::{self, Meaning, Stickiness};
use crate::store::Phone;

/// What the phone gets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Decision {
    /// Our authority's certificate.
    Authority(AuthorityForm),
    /// A file of its own.
    Device(Grant),
    /// A file of the firmware index.
    Firmware(String),
    /// A public file, from this template.
    Public {
        /// Whose phones understand it.
        maker: &'static str,
        /// The template.
        template: &'static str,
    },
    /// Nothing, and why.
    Refuse(Reason),
}

/// A file of its own that a phone may have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Grant {
    /// What let it have the file.
    pub proof: Proof,
    /// What must be on the disk before the first octet leaves.
    pub effect: Effect,
    /// `None`: the device file; else the gate with this template.
    pub gate: Option<&'static str>,
}

impl Decision {
    /// Which rule it follows from; `None`: it is a refusal, which has a reason instead.
    pub fn rule(&self) -> Option<Rule> {
        match self {
            Decision::Authority(_) => Some(Rule::Authority),
            Decision::Device(Grant { gate: None, .. }) => Some(Rule::Device),
            Decision::Device(_) => Some(Rule::Gate),
            Decision::Firmware(_) => Some(Rule::Firmware),
            Decision::Public { .. } => Some(Rule::Public),
            Decision::Refuse(_) => None,
        }
    }
}

/// What an answer changes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Effect {
    /// Nothing begins, but the address learns that the phone's window is open.
    AsksAfter {
        /// Whether the address may learn so of few phones only.
        counted: bool,
    },
    /// The address begins a claim, or shows that it has it.
    Claim {
        /// Whether it counts towards the address's claims of the hour (Z8).
        counted: bool,
    },
    /// Nothing.
    None,
    /// The phone is known by this key from now on.
    Pin {
        /// Fingerprint of the key.
        key: Fingerprint,
        /// The authority that vouched for it.
        authority: Fingerprint,
        /// The key it was known by.
        replaces: Option<Fingerprint>,
        /// The current token, if it was shown beside it for the first time.
        shown: Option<TokenHash>,
    },
    /// The current token was shown for the first time.
    TokenShown(TokenHash),
}

/// What a decision takes into account besides who asks for what.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The proofs that count.
    pub proofs: &'a [ProofKind],
    /// Whether phones may be sent to the public URL for good.
    pub handover: bool,
}

/// Decides over one request. `phone` is the inventory's word on the MAC that was named.
pub fn decide(
    identity: &Identity,
    phone: Option<&Phone>,
    rules: Rules<'_>,
    plane: Plane,
    peer: IpAddr,
    now: Timestamp,
) -> Decision {
    match &identity.asked {
        Asked::Authority(form) => Decision::Authority(*form),
        Asked::Firmware(path) => Decision::Firmware(path.clone()),
        Asked::Nothing => Decision::Refuse(Reason::NotAPhoneFile),
        Asked::Public { maker, hand_over, neutral } => {
            let sticky = makers::by_id(maker).is_none_or(|maker| maker.sticky() == Stickiness::KeepsUrl);
            let parked = sticky && !rules.handover;
            let template = if carries_secrets(plane) || parked { neutral } else { hand_over };
            Decision::Public { maker, template }
        }
        Asked::OfPhone { readings, .. } if !carries_secrets(plane) => insecure(readings, rules),
        Asked::OfPhone { mac, readings } => {
            if !names_own_file(identity) && public_instead(identity).is_none() {
                return Decision::Refuse(Reason::NotAPhoneFile);
            }
            let Some(phone) = phone else { return Decision::Refuse(Reason::UnknownDevice) };
            of_phone(identity, *mac, readings, phone, rules, peer, now)
        }
    }
}

/// Over TFTP and HTTP a phone's own name gives the hand-over to makers whose phones ask for nothing else, by the
/// address range and never by the inventory.
fn insecure(readings: &[(&'static str, Meaning)], rules: Rules<'_>) -> Decision {
    for (maker, meaning) in readings {
        if let Meaning::Device { hand_over: Some(template) } = meaning
            && rules.handover
        {
            return Decision::Public { maker, template };
        }
    }
    Decision::Refuse(Reason::InsecureChannel)
}

fn of_phone(
    identity: &Identity,
    mac: MacAddr,
    readings: &[(&'static str, Meaning)],
    phone: &Phone,
    rules: Rules<'_>,
    peer: IpAddr,
    now: Timestamp,
) -> Decision {
    if let Some(barred) = phone.access.barred {
        let retired = barred.reason == Bar::Retired;
        return Decision::Refuse(if retired { Reason::Retired } else { Reason::Quarantined });
    }
    let maker = phone.device.value.maker.as_str();
    let Some((_, meaning)) = readings.iter().find(|(of, _)| *of == maker) else {
        return Decision::Refuse(Reason::MakerMismatch);
    };
    let gate = match meaning {
        Meaning::Device { .. } | Meaning::OwnOrPublic { .. } => None,
        Meaning::Gate { template } => Some(*template),
        Meaning::Absent | Meaning::Public { .. } | Meaning::Sidecar => {
            return Decision::Refuse(Reason::NotAPhoneFile);
        }
    };
    if identity.contradicts_itself() {
        return Decision::Refuse(Reason::NoProof);
    }
    let shown = shown(identity, phone, now);
    let weaker = if rules.proofs.contains(&ProofKind::Certificate) {
        match by_certificate(&identity.certificate, mac, phone, shown.and_then(|(_, effect)| effect).as_ref()) {
            ByCertificate::Opens(effect) => return Decision::Device(Grant { proof: Proof::Certificate, effect, gate }),
            ByCertificate::Refuse(reason) => return Decision::Refuse(reason),
            ByCertificate::Weaker(weaker) => weaker,
        }
    } else {
        Weaker::All
    };
    match (shown, weaker) {
        (_, Weaker::None) => Decision::Refuse(Reason::NoProof),
        (Some((proof, Some(effect))), _) => Decision::Device(Grant { proof, effect, gate }),
        // A wrong token is no reason to look further.
        (Some((_, None)), _) | (None, Weaker::Token) => Decision::Refuse(Reason::NoProof),
        (None, Weaker::All) if !rules.proofs.contains(&ProofKind::Claim) => Decision::Refuse(Reason::NoProof),
        (None, Weaker::All) => by_claim(phone, gate, peer, now),
    }
}

/// The token that was shown, in the path or as password, as what, and what it changes; an inner `None`: it does not open.
fn shown(identity: &Identity, phone: &Phone, now: Timestamp) -> Option<(Proof, Option<Effect>)> {
    match (&identity.token, identity.password) {
        (Some(token), _) => Some((Proof::Token, token_opens(token, phone, now))),
        (None, Password::Token(token)) => Some((Proof::Basic, token_opens(&token, phone, now))),
        (None, Password::Stale | Password::Wrong) => Some((Proof::Basic, None)),
        (None, Password::None) => None,
    }
}

/// What it changes that this token was shown; `None`: it does not open.
fn token_opens(token: &TokenHash, phone: &Phone, now: Timestamp) -> Option<Effect> {
    if phone.token.hash().matches(token) {
        return Some(if phone.access.token_used { Effect::None } else { Effect::TokenShown(*token) });
    }
    let previous = phone.previous_token.as_ref().is_some_and(|previous| previous.hash().matches(token));
    (previous && phone.access.previous_token_opens(now)).then_some(Effect::None)
}

/// No token: a claim that is going on, or a window in which one may begin.
fn by_claim(phone: &Phone, gate: Option<&'static str>, peer: IpAddr, now: Timestamp) -> Decision {
    let access = &phone.access;
    if let Some(claim) = access.running_claim(now) {
        return if claim.address == peer {
            Decision::Device(Grant { proof: Proof::Claim, effect: Effect::None, gate })
        } else {
            Decision::Refuse(Reason::ClaimTaken)
        };
    }
    if let Some(window) = access.open_window(now) {
        let networks = if window.from.is_empty() { &phone.site.networks } else { &window.from };
        if !networks.iter().any(|network| network.contains(&peer)) {
            return Decision::Refuse(Reason::ClaimContested);
        }
        let counted = is_counted(phone, peer);
        // A gate file begins nothing (Z6).
        let effect = if gate.is_some() { Effect::AsksAfter { counted } } else { Effect::Claim { counted } };
        return Decision::Device(Grant { proof: Proof::Claim, effect, gate });
    }
    Decision::Refuse(if access.bound { Reason::BoundWithoutProof } else { Reason::ClaimClosed })
}

/// Loopback and NAT exits (a single host listed by the site) may begin any number of claims (Z8).
fn is_counted(phone: &Phone, peer: IpAddr) -> bool {
    !peer.is_loopback() && !is_exit_of(&phone.site, peer)
}

/// Whether a refusal is a failure of the source (Z9): a gate or device file asked over HTTPS without the proof it
/// needs. Nothing else counts, since phones ask for much that does not exist.
pub fn is_failure(identity: &Identity, plane: Plane, reason: Reason) -> bool {
    let ours = matches!(reason, Reason::NotAPhoneFile | Reason::StoreFault | Reason::TemplateFault);
    let wrong = || public_instead(identity).is_some() && identity.shows_something();
    carries_secrets(plane) && !ours && (names_own_file(identity) || wrong())
}

/// What who shows no proof has instead of its own file: maker and template of the public file of that name (Z11).
pub fn public_instead(identity: &Identity) -> Option<(&'static str, &'static str)> {
    let Asked::OfPhone { readings, .. } = &identity.asked else { return None };
    readings.iter().find_map(|(maker, meaning)| match meaning {
        Meaning::OwnOrPublic { neutral, .. } => Some((*maker, *neutral)),
        _ => None,
    })
}

/// Whether a refusal is told as a challenge: the phone shows its password only when it is asked (D12, Z17).
pub fn is_challenged(identity: &Identity, rules: Rules<'_>, plane: Plane) -> bool {
    let own = names_own_file(identity) || public_instead(identity).is_some();
    carries_secrets(plane) && own && rules.proofs.contains(&ProofKind::Basic) && identity.is_challenged()
}

/// Whether a gate or device file of one phone is asked for, in the reading of any maker.
fn names_own_file(identity: &Identity) -> bool {
    let own = |(_, meaning): &(&str, Meaning)| matches!(meaning, Meaning::Device { .. } | Meaning::Gate { .. });
    matches!(&identity.asked, Asked::OfPhone { readings, .. } if readings.iter().any(own))
}
