//! Why did its connection not come about? From a failed handshake to what is to be mended.

use super::judge::{Verdict, seconds};
use super::steps::StepKind;
use super::{Cause, Facts, Registered};
use crate::inventory::handshake::{Handshake, HandshakeFailure};

/// The newest handshake, if it failed. That nothing was asked counts only for a phone that has not been served: others
/// may look whether somebody is there.
pub(super) fn newest_failure(handshakes: &[Handshake], served: bool) -> Option<&Handshake> {
    let counts = |one: &&Handshake| !(served && one.failure == Some(HandshakeFailure::NothingAsked));
    let newest = handshakes.iter().filter(counts).max_by_key(|one| one.last_seen)?;
    newest.failure.is_some().then_some(newest)
}

/// What a failed handshake says.
pub(super) fn verdict(facts: &Facts, phone: &Registered, failed: &Handshake) -> Verdict {
    let (mac, address) = (facts.mac, failed.address);
    let (cause, what, fix) = match failed.failure {
        Some(HandshakeFailure::OldVersion) => (
            Cause::TlsOldVersion,
            "speaks nothing newer than TLS 1.1, which is not safe and not spoken here".to_owned(),
            format!("update the firmware of the {}, by other means if need be; else replace the phone", phone.device.model),
        ),
        Some(HandshakeFailure::NoCommonCipher) => (
            Cause::TlsNoCommonCipher,
            "offers no cipher, key exchange or signature that is safe".to_owned(),
            format!(
                "update the firmware of the {}; if its certificate list is set by hand, allow ECDHE with AES-GCM",
                phone.device.model
            ),
        ),
        Some(HandshakeFailure::UnknownAuthority) => (
            Cause::TlsUntrustedAuthority,
            "does not trust the authority of our certificate".to_owned(),
            "lead it here over TFTP or HTTP first (DHCP option 66 with tftp://), where it is given ztpd-ca.pem; or give \
             https.certificate one of a public authority that its firmware knows"
                .to_owned(),
        ),
        Some(HandshakeFailure::CertificateExpired) => clock("takes our certificate for expired"),
        Some(HandshakeFailure::CertificateRefused | HandshakeFailure::NothingAsked) if !failed.certificate_fits => {
            let asked = failed.server_name.clone().unwrap_or_else(|| "the address it was sent to".to_owned());
            (
                Cause::TlsName,
                format!("asks for {asked}, which our certificate does not name"),
                format!("send it to {} (DHCP, or the redirect service), or give https.certificate one with that name", facts.public_url),
            )
        }
        Some(HandshakeFailure::CertificateRefused) => clock("does not take our certificate, though it names what was asked"),
        Some(HandshakeFailure::NotTls) => (
            Cause::TlsBrokenOff,
            "speaks no TLS on our HTTPS port".to_owned(),
            "write https:// where it says http:// with that port".to_owned(),
        ),
        other => {
            let how = match other {
                Some(HandshakeFailure::TimedOut) => "takes longer than ten seconds for the handshake",
                Some(HandshakeFailure::NothingAsked) => "hangs up after the handshake without asking for anything",
                Some(HandshakeFailure::HungUp) => "hangs up in the midst of the handshake without a word",
                _ => "breaks the handshake off",
            };
            (
                Cause::TlsBrokenOff,
                how.to_owned(),
                "mostly it does not trust our certificate: let it fetch ztpd-ca.pem first (TFTP or HTTP), see that its clock \
                 is right (NTP by DHCP option 42), and update its firmware; `ztpd ntp check` looks at the time servers"
                    .to_owned(),
            )
        }
    };
    let name = failed.server_name.as_ref().map(|name| format!(" (asked for {name})")).unwrap_or_default();
    let summary = format!("{mac} at {address}{name} {what}, last at {}", seconds(failed.last_seen));
    Verdict::new(cause, summary, fix).at(StepKind::Tls, failed.last_seen)
}

fn clock(what: &str) -> (Cause, String, String) {
    let fix = "give it the time before it comes: NTP servers by DHCP option 42 that it can reach (`ztpd ntp check`); and see \
               that https.certificate is valid by this machine's clock";
    (Cause::TlsClock, format!("{what}: its clock is wrong"), fix.to_owned())
}
