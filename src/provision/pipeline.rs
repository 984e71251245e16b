//! The six steps in order: request → identify → policy → facts and render → answer → record.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;

use super::FactsError;
use super::answer::{Answer, Body};
use super::credentials::{self, Credentials};
use super::identify::{Asked, AuthorityForm, Identity, identify};
use super::lab;
use super::limits::{Known, Limits, Verdict};
use super::nat_exits::NatExits;
use super::nonces::Nonces;
use super::password::Password;
use super::pending::{Pending, PendingPhone};
use super::policy::{self, Decision, Effect, Grant, Rules};
use super::recent::Recent;
use super::record::{self, Quiet, Result as Record};
use super::render::{RenderFault, Rendered, device_file, public_file, sha256};
use super::request::{ClientCertificate, Request};
use crate::config::{ProofKind, Snapshot};
use crate::host::clock::Clock;
use crate::inventory::access::Bar;
use crate::inventory::certificate::{CertificateNote, Pin};
use crate::inventory::event::{Event, Outcome, Plane, Reason, Rule};
use crate::inventory::handshake::Handshake;
use crate::inventory::secret::{Secret, TokenLength};
use crate::makers;
use crate::metrics::Metrics;
use crate::store::{Actor, ClaimOutcome, Phone, Store, StoreError, StoreFault};
use crate::templates::RenderError;

/// What all listeners of the device plane share.
pub struct Pipeline {
    /// Everything that is kept.
    pub store: Arc<dyn Store>,
    /// Everything that a reload replaces.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// Phones nobody knows.
    pub pending: Arc<Pending>,
    /// How connections began of late.
    pub handshakes: Arc<Recent<Handshake>>,
    /// What was asked of late in no phone's name.
    pub nameless: Arc<Recent<Event>>,
    /// The time.
    pub clock: Clock,
    /// What is remembered of sources that failed.
    pub limits: Arc<Limits>,
    /// What is counted.
    pub metrics: Metrics,
    nat_exits: NatExits,
    /// None where the machine gave no randomness: then nobody is challenged.
    nonces: Option<Nonces>,
    quiet: Quiet,
}

/// An answer and what is remembered of it.
struct Outgoing {
    answer: Answer,
    record: Record,
}

impl Pipeline {
    /// A pipeline over these.
    pub fn new(
        store: Arc<dyn Store>,
        snapshot: Arc<ArcSwap<Snapshot>>,
        pending: Arc<Pending>,
        clock: Clock,
    ) -> Pipeline {
        Pipeline {
            store,
            snapshot,
            pending,
            handshakes: Arc::default(),
            nameless: Arc::default(),
            clock,
            limits: Arc::default(),
            metrics: Metrics::default(),
            nat_exits: NatExits::default(),
            nonces: Nonces::new().ok(),
            quiet: Quiet::default(),
        }
    }

    /// Remembers how a connection began, or why nothing came of it.
    pub fn saw_handshake(&self, seen: Handshake) {
        if let Some(failure) = seen.failure {
            self.metrics.handshake_failed(failure);
        }
        self.handshakes.saw(seen);
    }

    /// Answers one request. Reads the disk and may wait for it: call it where a thread may wait.
    pub fn answer(&self, request: &Request) -> Answer {
        let began = Instant::now();
        let snapshot = self.snapshot.load_full();
        let rules = self.rules(&snapshot, request);
        let (identity, phone) = self.who(&snapshot, request, rules);
        let mut outgoing = match &phone {
            Ok(phone) => self.decide(&snapshot, request, &identity, phone.as_ref(), rules),
            // Nothing is known of who asks: a stranger sees what strangers always see (G3).
            Err(error) => match &identity.asked {
                Asked::OfPhone { .. } => Outgoing::fault(Answer::not_found(), Reason::StoreFault, error.to_string()),
                _ => self.decide(&snapshot, request, &identity, None, rules),
            },
        };
        outgoing.record.certificate = note(&identity.certificate, outgoing.record.certificate);
        if outgoing.answer.status == 404 {
            self.soften(&snapshot, request, &identity, rules, &mut outgoing);
        }
        self.guard_token(request, &identity, rules);
        // A public file too: a phone that names itself was looked up.
        outgoing.answer.paced |= identity.mac().is_some();
        match self.remember(request, &identity, &phone, &outgoing, began) {
            Err(_) if outgoing.answer.secret => Answer::failed(503),
            _ => outgoing.answer,
        }
    }

    /// What would be decided over a request, with nothing done: which rule opens, or why none does.
    pub fn judge(&self, request: &Request) -> Result<Rule, Reason> {
        let snapshot = self.snapshot.load_full();
        let rules = self.rules(&snapshot, request);
        let (identity, phone) = self.who(&snapshot, request, rules);
        let phone = phone.map_err(|_| Reason::StoreFault)?;
        policy::decide(&identity, phone.as_ref(), rules, request.plane, request.peer, request.time).rule()
    }

    fn rules<'a>(&self, snapshot: &'a Snapshot, request: &Request) -> Rules<'a> {
        let (proofs, handover) = (&snapshot.config.access.proofs, snapshot.handover().is_ok());
        Rules { proofs, handover, lab: lab::leave(&*self.store, snapshot, request) }
    }

    /// Who asks, and what the inventory has of that phone.
    fn who(
        &self,
        snapshot: &Snapshot,
        request: &Request,
        rules: Rules<'_>,
    ) -> (Identity, Result<Option<Phone>, StoreError>) {
        let mut identity = identify(request, &snapshot.firmware);
        let phone = identity.mac().map_or(Ok(None), |mac| self.store.phone(mac));
        if rules.proofs.contains(&ProofKind::Basic) {
            identity.password = self.password(request, &identity, phone.as_ref().ok().and_then(Option::as_ref));
        }
        (identity, phone)
    }

    fn password(&self, request: &Request, identity: &Identity, phone: Option<&Phone>) -> Password {
        let (Some(credentials), Some(mac), Some(nonces)) = (&identity.credentials, identity.mac(), &self.nonces) else {
            return Password::None;
        };
        Password::of(credentials, mac, phone, nonces, request)
    }

    /// What phones of some makers see instead of "not found", whatever the inventory says: the question for their
    /// password, or the public file of the same name.
    fn soften(
        &self,
        snapshot: &Snapshot,
        request: &Request,
        identity: &Identity,
        rules: Rules<'_>,
        outgoing: &mut Outgoing,
    ) {
        if policy::is_challenged(identity, rules, request.plane) {
            let nonce = self.nonces.as_ref().and_then(|nonces| nonces.issue(request.time).ok());
            let Some(nonce) = nonce else { return };
            outgoing.answer = Answer::unauthorized(credentials::challenges(&nonce, identity.password));
        } else if let Some((maker, template)) = policy::public_instead(identity)
            && let Ok(file) = public_file(snapshot, maker, template, &identity.file, request)
        {
            let public = Outgoing::public(file);
            outgoing.record =
                Record { outcome: Outcome::Bootstrap, rule: Some(Rule::Public), ..outgoing.record.clone() };
            outgoing.record.sha256 = public.record.sha256;
            outgoing.record.template_sha256 = public.record.template_sha256;
            outgoing.answer = public.answer;
        }
        outgoing.record.status = outgoing.answer.status;
        outgoing.record.bytes = outgoing.answer.body.length();
    }

    fn decide(
        &self,
        snapshot: &Snapshot,
        request: &Request,
        identity: &Identity,
        phone: Option<&Phone>,
        rules: Rules<'_>,
    ) -> Outgoing {
        let decision = policy::decide(identity, phone, rules, request.plane, request.peer, request.time);
        let rule = decision.rule().ok();
        let mut outgoing = self.carry_out(snapshot, request, identity, phone, decision);
        outgoing.record.rule = rule;
        outgoing
    }

    fn carry_out(
        &self,
        snapshot: &Snapshot,
        request: &Request,
        identity: &Identity,
        phone: Option<&Phone>,
        decision: Decision,
    ) -> Outgoing {
        match decision {
            Decision::Authority(form) => authority(snapshot, form),
            Decision::Firmware(path) => match snapshot.firmware.open(&path) {
                Ok(file) => Outgoing::bootstrap(Answer::firmware(file), None),
                Err(error) => {
                    Outgoing::fault(Answer::not_found(), Reason::NotAPhoneFile, format!("firmware {path}: {error}"))
                }
            },
            Decision::Public { maker, template } => {
                match public_file(snapshot, maker, template, &identity.file, request) {
                    Ok(file) => Outgoing::public(file),
                    Err(fault) => Outgoing::fault(Answer::not_found(), Reason::TemplateFault, fault.to_string()),
                }
            }
            Decision::Device(grant) => match phone {
                Some(phone) => self.give(snapshot, request, identity, phone, &grant),
                None => Outgoing::refused(Reason::UnknownDevice),
            },
            Decision::Refuse(Reason::IdentityChanged) => self.quarantine(request, identity),
            Decision::Refuse(reason) => {
                Outgoing::refused(self.count_failure(snapshot, request, identity, phone.is_some(), reason))
            }
        }
    }

    /// Another key than the phone is known by: nothing opens for it until an operator rebinds it (policy D7).
    fn quarantine(&self, request: &Request, identity: &Identity) -> Outgoing {
        let by =
            Actor { name: "ztpd".to_owned(), on_behalf_of: None, time: request.time, boot_ms: self.clock.boot_ms() };
        let done = identity.mac().map_or(Ok(()), |mac| self.store.quarantine(mac, Bar::IdentityChanged, &by).map(drop));
        match done {
            Ok(()) => Outgoing::refused(Reason::IdentityChanged),
            Err(error) => Outgoing::fault(Answer::not_found(), Reason::StoreFault, error.to_string()),
        }
    }

    /// A refusal that counts makes the source's next ones less worth remembering. Behind the exit of a network the
    /// others' failures are not this phone's, so what is known of it keeps its reason.
    fn count_failure(
        &self,
        snapshot: &Snapshot,
        request: &Request,
        identity: &Identity,
        known: bool,
        reason: Reason,
    ) -> Reason {
        let Some(mac) = identity.mac().filter(|_| policy::is_failure(identity, request.plane, reason)) else {
            return reason;
        };
        let phone = if known { Known::Yes } else { Known::No };
        let verdict = self.limits.failed(request.peer, mac, phone, snapshot.config.failures, request.time);
        self.metrics.failed(if verdict == Verdict::Within { "within" } else { "beyond" });
        let keeps = verdict == Verdict::Within || (known && self.is_nat_exit(request.peer));
        if keeps { reason } else { Reason::Limited }
    }

    /// Whether a site lists the address as a single host: the exit of a network behind NAT. Reads the store.
    pub fn is_nat_exit(&self, address: IpAddr) -> bool {
        self.nat_exits.contains(&*self.store, address)
    }

    /// Renders first: a fault begins no claim. Then the effect reaches the disk, and only then the file leaves.
    fn give(
        &self,
        snapshot: &Snapshot,
        request: &Request,
        identity: &Identity,
        phone: &Phone,
        grant: &Grant,
    ) -> Outgoing {
        // What cannot be recorded is not given (policy L2).
        if let Err(behind) = self.store.backlog().check() {
            return Outgoing::fault(Answer::failed(503), Reason::StoreFault, behind.to_string());
        }
        let mac = phone.device.value.mac;
        let asks_after = match grant.effect {
            Effect::AsksAfter { counted } => counted,
            Effect::Claim { counted } => counted && request.method == super::Method::Head,
            Effect::None | Effect::Pin { .. } | Effect::TokenShown(_) => false,
        };
        if asks_after && !self.limits.may_ask_after(request.peer, mac, request.time) {
            return Outgoing::refused(Reason::Limited);
        }
        let rendering = Instant::now();
        let made = device_file(&*self.store, snapshot, phone, grant.gate, &identity.file);
        if let Some(maker) = makers::by_id(phone.device.value.maker.as_str()) {
            self.metrics.rendered(maker.id(), rendering.elapsed());
        }
        let file = match made {
            Ok(file) => file,
            Err(fault @ RenderFault::Facts(FactsError::Store(_))) => {
                return Outgoing::fault(Answer::failed(503), Reason::StoreFault, fault.to_string());
            }
            Err(fault @ RenderFault::Template(RenderError::Busy(_))) => {
                return Outgoing::fault(Answer::failed(503), Reason::Limited, fault.to_string());
            }
            Err(fault) => return Outgoing::fault(Answer::failed(500), Reason::TemplateFault, fault.to_string()),
        };
        let done = match grant.effect {
            _ if request.method == super::Method::Head => Ok(None),
            Effect::AsksAfter { .. } | Effect::None => Ok(None),
            Effect::TokenShown(token) => self.store.token_shown(mac, &token).map(|()| None),
            Effect::Claim { counted } => self.claim(request, phone, counted),
            Effect::Pin { key, authority, replaces, shown } => {
                let pin = Pin { key, authority, since: request.time };
                let pinned = self.store.pin_key(mac, pin, replaces, shown.as_ref());
                pinned.map(|pinned| (!pinned).then_some(Reason::IdentityChanged))
            }
        };
        let noted = match done {
            Ok(None) => lab::note(&*self.store, &self.clock, request, mac, &identity.file, grant).map(|()| None),
            other => other,
        };
        match noted {
            Ok(None) => Outgoing::served(file, grant),
            Ok(Some(reason)) => Outgoing::refused(reason),
            Err(error) => Outgoing::fault(Answer::failed(503), Reason::StoreFault, error.to_string()),
        }
    }

    fn claim(&self, request: &Request, phone: &Phone, counted: bool) -> Result<Option<Reason>, StoreError> {
        let outcome = self.store.begin_claim(phone.device.value.mac, request.peer, request.time, counted)?;
        Ok(match outcome {
            ClaimOutcome::Yours => None,
            ClaimOutcome::Taken { .. } => Some(Reason::ClaimTaken),
            ClaimOutcome::Closed => Some(Reason::ClaimClosed),
            ClaimOutcome::TooMany => Some(Reason::Limited),
        })
    }

    /// A token that others could read on the way opens nothing any more (policy D2).
    fn guard_token(&self, request: &Request, identity: &Identity, rules: Rules<'_>) {
        let password = match &identity.credentials {
            Some(Credentials::Basic { password, .. }) => Some(password),
            _ => None,
        };
        let (Some(token), Plane::Http | Plane::Tftp) = (identity.token.as_ref().or(password), request.plane) else {
            return;
        };
        // In a lab it is known that others can read it.
        if rules.lab.secrets_in_clear {
            return;
        }
        let Ok(fresh) = Secret::token(TokenLength::Full) else { return };
        match self.store.revoke_token(token, fresh, request.time) {
            Ok(Some(mac)) => tracing::error!(
                %mac, address = %request.peer,
                "the phone's token was sent unencrypted and is revoked; run `ztpd device claim {mac}`, and look for who sends it there"
            ),
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "a token was sent unencrypted and could not be revoked"),
        }
    }

    /// Writes down what was decided. Of phones in no inventory nothing reaches the store (policy D14).
    fn remember(
        &self,
        request: &Request,
        identity: &Identity,
        phone: &Result<Option<Phone>, StoreError>,
        outgoing: &Outgoing,
        began: Instant,
    ) -> Result<(), StoreError> {
        let event = record::event(request, identity, &outgoing.record, &self.clock);
        self.metrics.answered(&event, began.elapsed());
        record::log(&event, &outgoing.record, &self.quiet);
        let Some(mac) = identity.mac() else {
            if event.decision == Outcome::Bootstrap {
                self.nameless.saw(event);
            }
            return Ok(());
        };
        let agent = identity.agent.as_ref().map(|(_, agent)| agent);
        // A phone whose secret was altered is in the inventory all the same.
        let known = matches!(phone, Ok(Some(_)) | Err(StoreError::Fault(StoreFault::Altered { .. })));
        if known {
            if outgoing.record.proof.is_none() && !self.limits.may_note(request.peer, request.time) {
                return Ok(());
            }
            let firmware = agent.and_then(|agent| agent.firmware.clone());
            return self.store.record(event, firmware).inspect_err(|error| {
                tracing::error!(%mac, %error, "the event could not be kept");
            });
        }
        // Whether it is in the inventory is not known.
        if phone.is_err() {
            return Ok(());
        }
        if outgoing.record.reason == Some(Reason::Limited) && !self.is_nat_exit(request.peer) {
            return Ok(());
        }
        self.pending.saw(PendingPhone {
            mac,
            maker: identity.maker().and_then(|maker| maker.maker_id()),
            model: agent.map(|agent| agent.model.clone()),
            address: Some(request.peer),
            plane: request.plane,
            first_seen: request.time,
            last_seen: request.time,
            requests: 1,
        });
        Ok(())
    }
}

/// What is remembered of a certificate; `changed`: what it changed, if anything.
fn note(certificate: &ClientCertificate, changed: Option<CertificateNote>) -> Option<CertificateNote> {
    match certificate {
        ClientCertificate::None => None,
        ClientCertificate::Good(_) => changed.or(Some(CertificateNote::Good)),
        ClientCertificate::OutOfDate(_) => Some(CertificateNote::OutOfDate),
        ClientCertificate::Rejected(fault) => Some(CertificateNote::Rejected(*fault)),
    }
}

fn authority(snapshot: &Snapshot, form: AuthorityForm) -> Outgoing {
    let Some(authority) = &snapshot.certificate.authority else { return Outgoing::refused(Reason::NotAPhoneFile) };
    let (content_type, octets) = match form {
        AuthorityForm::Der => ("application/pkix-cert", authority.der.clone()),
        AuthorityForm::Pem => ("application/x-pem-file", authority.pem.clone().into_bytes()),
    };
    let hash = sha256(&octets);
    Outgoing::bootstrap(Answer::public(content_type, octets), Some(hash))
}

impl Outgoing {
    fn new(answer: Answer, outcome: Outcome) -> Outgoing {
        let record = Record {
            outcome,
            reason: None,
            rule: None,
            proof: None,
            certificate: None,
            status: answer.status,
            bytes: answer.body.length(),
            sha256: None,
            template_sha256: None,
            detail: None,
        };
        Outgoing { answer, record }
    }

    fn bootstrap(answer: Answer, sha256: Option<String>) -> Outgoing {
        let mut outgoing = Outgoing::new(answer, Outcome::Bootstrap);
        outgoing.record.sha256 = sha256;
        outgoing
    }

    fn public(file: Rendered) -> Outgoing {
        let answer = Answer::public(file.content_type, file.text.into_bytes());
        let mut outgoing = Outgoing::bootstrap(answer, Some(file.sha256));
        outgoing.record.template_sha256 = file.template_sha256;
        outgoing
    }

    fn served(file: Rendered, grant: &Grant) -> Outgoing {
        let answer = Answer::secret(file.content_type, file.text.into_bytes());
        // A gate is not yet the phone's settings.
        let outcome = if grant.gate.is_some() { Outcome::Bootstrap } else { Outcome::Served };
        let mut outgoing = Outgoing::new(answer, outcome);
        outgoing.record.proof = Some(grant.proof);
        outgoing.record.certificate = match grant.effect {
            Effect::Pin { replaces: None, .. } => Some(CertificateNote::Pinned),
            Effect::Pin { replaces: Some(_), .. } => Some(CertificateNote::Renewed),
            _ => None,
        };
        outgoing.record.sha256 = Some(file.sha256);
        outgoing.record.template_sha256 = file.template_sha256;
        outgoing
    }

    fn refused(reason: Reason) -> Outgoing {
        let mut outgoing = Outgoing::new(Answer::not_found(), Outcome::Refused);
        outgoing.record.reason = Some(reason);
        outgoing
    }

    fn fault(answer: Answer, reason: Reason, detail: String) -> Outgoing {
        let mut outgoing = Outgoing::new(answer, Outcome::Failed);
        outgoing.record.reason = Some(reason);
        outgoing.record.detail = Some(detail);
        outgoing
    }
}

impl Body {
    /// The octets, for tests and for small files.
    pub fn octets(&self) -> Option<&[u8]> {
        match self {
            Body::File(_) => None,
            Body::Octets(octets) => Some(octets),
        }
    }
}
