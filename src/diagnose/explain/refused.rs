//! Why did it get nothing? From the reason of a refusal or fault to what is to be done.

use super::judge::Verdict;
use super::{Cause, Facts, Registered};
use crate::inventory::certificate::{CertificateFault, CertificateNote};
use crate::inventory::event::{Event, Outcome, Reason};

/// It got nothing, for a reason.
pub(super) fn refused(facts: &Facts, phone: &Registered, event: &Event) -> Verdict {
    if let Some(CertificateNote::Rejected(fault)) = event.certificate
        && event.decision == Outcome::Refused
    {
        return certificate_rejected(facts, phone, fault);
    }
    if event.reason == Some(Reason::MakerMismatch) {
        return wrong_maker(facts, phone, event.file.as_deref());
    }
    let claim = claim(facts, phone, event);
    let (cause, summary, fix) = match event.reason {
        Some(Reason::ClaimClosed | Reason::ClaimContested | Reason::ClaimTaken | Reason::OutsideNetworks) => {
            of_claim(facts, phone, event, claim)
        }
        Some(Reason::Limited | Reason::StoreFault | Reason::TemplateFault) => of_ours(facts, event, &claim),
        _ => of_proof(facts, phone, event, &claim),
    };
    Verdict::new(cause, summary, fix)
}

fn of_claim(facts: &Facts, phone: &Registered, event: &Event, claim: String) -> (Cause, String, String) {
    let (mac, from) = (facts.mac, address(event));
    match event.reason {
        Some(Reason::ClaimTaken) => {
            let by = phone.access.claim.as_ref().map(|claim| claim.address.to_string());
            let by = by.unwrap_or_else(|| "another address".to_owned());
            (
                Cause::ClaimTaken,
                format!("{by} fetched the settings of {mac}, and {from} asks for them too"),
                format!("if {by} is not the phone: change the SIP password, then: ztpd device rebind {mac}"),
            )
        }
        Some(Reason::ClaimClosed) => {
            (Cause::ClaimClosed, format!("{mac} asked from {from} while no claim window was open for it"), claim)
        }
        _ => (
            Cause::ClaimContested,
            format!("{mac} asks from {from}, which is outside the networks its claim window is open for"),
            format!("if it stands there: {claim}; if it moves on to its voice VLAN: nothing"),
        ),
    }
}

/// Something of ours kept it from its settings.
fn of_ours(facts: &Facts, event: &Event, claim: &str) -> (Cause, String, String) {
    let (mac, from) = (facts.mac, address(event));
    match event.reason {
        Some(Reason::Limited) => (
            Cause::Limited,
            format!("{mac} asked from {from}, where too much was asked or failed"),
            format!("look who else asks there (`ztpd top`); the phone is let in once it shows its proof, or: {claim}"),
        ),
        Some(Reason::StoreFault) => (
            Cause::StoreFault,
            format!("{mac} got nothing: the store could not be read or written"),
            "look at the log (`journalctl -u ztpd`): a full disk, or a damaged one".to_owned(),
        ),
        _ => (
            Cause::TemplateFault,
            format!("{mac} got nothing: its template fails"),
            format!("see what is wrong: ztpd device render {mac}"),
        ),
    }
}

/// It showed no proof, or not the right one.
fn of_proof(facts: &Facts, phone: &Registered, event: &Event, claim: &str) -> (Cause, String, String) {
    let (mac, from) = (facts.mac, address(event));
    match event.reason {
        Some(Reason::CertificateMacMismatch) => (
            Cause::CertificateMismatch,
            format!("{from} asks in the name of {mac} with the certificate of another phone"),
            "compare the label on the phone with its MAC; a repaired phone may have got another one's board".to_owned(),
        ),
        _ if phone.access.token_exposed.is_some() => (
            Cause::TokenExposed,
            format!("the token of {mac} was sent unencrypted and is revoked"),
            format!("find out what sends it there, then: {claim}"),
        ),
        Some(Reason::BoundWithoutProof) => (
            Cause::BoundWithoutProof,
            format!("{mac} has its settings already, and {from} asks for them without its token"),
            format!("if the phone was reset: {claim}; else look for who asks at {from}"),
        ),
        Some(Reason::Retired | Reason::Quarantined | Reason::IdentityChanged) => (
            Cause::BoundWithoutProof,
            format!("{mac} was refused while it was out of service, and has not come back"),
            format!("let it boot again; if it comes without its token: {claim}"),
        ),
        Some(Reason::UnknownDevice) => (
            Cause::ClaimClosed,
            format!("{mac} asked before it was in the inventory, and has not come back"),
            format!("let it boot again; if no claim window is open then: {claim}"),
        ),
        _ => (
            Cause::NoProof,
            format!("{mac} was refused: what {from} shows is no proof that counts"),
            format!("let the phone forget its settings and: {claim}"),
        ),
    }
}

fn address(event: &Event) -> String {
    event.address.map_or_else(|| "an unknown address".to_owned(), |address| address.to_string())
}

fn certificate_rejected(facts: &Facts, phone: &Registered, fault: CertificateFault) -> Verdict {
    let mac = facts.mac;
    let maker = &phone.device.maker;
    let summary = format!("{mac} shows a certificate that counts for nothing: {fault}");
    let fix = format!(
        "bring its maker's authority (`ztpd authority add FILE --maker {maker}`, `--tolerate` for what is weak about it), or \
         let it in once without: ztpd device claim {mac}"
    );
    Verdict::new(Cause::CertificateRejected, summary, fix)
}

/// It is of another maker than the inventory says, by what it asks for or calls itself.
pub(super) fn wrong_maker(facts: &Facts, phone: &Registered, file: Option<&str>) -> Verdict {
    let (mac, maker, model) = (facts.mac, &phone.device.maker, &phone.device.model);
    let asks = file.map(|file| format!("asks for {file}, which no {maker} phone asks for"));
    let says = facts.dhcp.as_ref().and_then(|dhcp| dhcp.family).map(|family| format!("calls itself a {family} phone"));
    let does = asks.or(says).unwrap_or_else(|| "is of another maker".to_owned());
    let summary = format!("{mac} is a {maker} {model} in the inventory, and {does}");
    let fix = format!("look at the phone, then: ztpd device set {mac} --maker MAKER --model MODEL");
    Verdict::new(Cause::WrongMaker, summary, fix)
}

/// The command that opens a window, with a source where the site names none.
fn claim(facts: &Facts, phone: &Registered, event: &Event) -> String {
    let mac = facts.mac;
    let outside = matches!(event.reason, Some(Reason::ClaimContested | Reason::OutsideNetworks));
    match event.address.filter(|_| outside || !phone.site_has_networks) {
        Some(address) => format!("ztpd device claim {mac} --from {}", ipnet::IpNet::from(address)),
        None => format!("ztpd device claim {mac}"),
    }
}
