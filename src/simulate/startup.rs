//! One start of one phone: asks its questions, writes down what came of each, and is the place where the power may go. What to ask
//! and what to make of an answer is the makers' business.

use std::future::Future;
use std::pin::Pin;

use sha2::{Digest, Sha256};

use crate::inventory::mac::MacAddr;

use super::carrier::{Carrier, Manner};
use super::network::DhcpOptions;
use super::report::{Outcome, Plane, Seen, Verb};
use super::trust::{Authority, AuthorityFault};
use super::url::Url;

/// Somebody who watches a phone start and may hold it up between two files (firmware, a reboot) or cut its power.
pub trait Bystander: Send {
    /// Called after every answer, before the phone makes anything of it.
    fn answered<'a>(&'a mut self, seen: &'a Seen) -> Pin<Box<dyn Future<Output = Power> + Send + 'a>>;
}

/// What becomes of the phone's power.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Power {
    /// It is cut: the answer that just came is lost.
    Cut,
    /// It stays.
    Stays,
}

/// Nobody watches.
pub(super) struct Nobody;

impl Bystander for Nobody {
    fn answered<'a>(&'a mut self, _: &'a Seen) -> Pin<Box<dyn Future<Output = Power> + Send + 'a>> {
        Box::pin(std::future::ready(Power::Stays))
    }
}

/// Cuts the power after so many answers.
pub(super) struct CutsPowerAfter(pub(super) usize);

impl Bystander for CutsPowerAfter {
    fn answered<'a>(&'a mut self, _: &'a Seen) -> Pin<Box<dyn Future<Output = Power> + Send + 'a>> {
        self.0 = self.0.saturating_sub(1);
        Box::pin(std::future::ready(if self.0 == 0 { Power::Cut } else { Power::Stays }))
    }
}

/// The power went. Whatever was not yet in flash is lost.
#[derive(Debug)]
pub(super) struct PowerCut;

/// Why a phone starts its provisioning.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Occasion {
    /// Its poll interval passed.
    Poll,
    /// It was plugged in.
    PowerOn,
}

/// How a firmware takes a new provisioning server that a file gave it. Makers' documents are silent for some families, so both
/// readings can be acted out.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum NewServer {
    /// It asks there at once.
    #[default]
    AtOnce,
    /// It waits for its next poll or boot.
    NextPoll,
}

/// What a phone knows of itself.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) mac: MacAddr,
    pub(super) serial: String,
}

/// What came of a question, and the file if there is one.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) outcome: Outcome,
    pub(super) file: Option<Vec<u8>>,
}

/// One start, from the first question to the last.
pub(super) struct Startup<'a> {
    pub(super) identity: &'a Identity,
    pub(super) carrier: Carrier<'a>,
    pub(super) occasion: Occasion,
    pub(super) new_server: NewServer,
    pub(super) bystander: &'a mut dyn Bystander,
    pub(super) requests: Vec<Seen>,
    pub(super) trouble: Vec<String>,
    /// Set when a start was given up because it would not settle.
    pub(super) restless: bool,
}

impl Answer {
    /// The server is there and has no such file.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self.outcome, Outcome::Status(404 | 410) | Outcome::TftpError(1))
    }

    /// There is no talking to this server at all.
    pub(super) fn is_no_server(&self) -> bool {
        matches!(self.outcome, Outcome::Unreachable(_) | Outcome::TlsFailed(_))
    }
}

impl Startup<'_> {
    /// Fetches a file.
    pub(super) async fn fetch(&mut self, manner: &Manner, url: &Url, why: &str) -> Result<Answer, PowerCut> {
        let carried = self.carrier.carry(manner, url, None).await;
        self.note(Verb::Fetch, manner, url, why, carried).await
    }

    /// Sends a file up. Servers for phones refuse that by default, and phones go on.
    pub(super) async fn upload(
        &mut self,
        manner: &Manner,
        url: &Url,
        bytes: &[u8],
        why: &str,
    ) -> Result<Answer, PowerCut> {
        let carried = self.carrier.carry(manner, url, Some(bytes)).await;
        self.note(Verb::Upload, manner, url, why, carried).await
    }

    /// Fetches authorities a setting names; what is none is reported and left.
    pub(super) async fn fetch_authorities(
        &mut self,
        manner: &Manner,
        url: &Url,
        why: &str,
    ) -> Result<Vec<Authority>, PowerCut> {
        let Some(file) = self.fetch(manner, url, why).await?.file else {
            self.trouble(format!("{url}: no authority could be loaded"));
            return Ok(Vec::new());
        };
        Ok(self.believe(&url.to_string(), Authority::from_file(&file)))
    }

    /// The authorities, or a line in the log.
    pub(super) fn believe(&mut self, from: &str, read: Result<Vec<Authority>, AuthorityFault>) -> Vec<Authority> {
        read.unwrap_or_else(|fault| {
            self.trouble(format!("{from}: {fault}"));
            Vec::new()
        })
    }

    /// Writes a line into the phone's log.
    pub(super) fn trouble(&mut self, text: impl Into<String>) {
        self.trouble.push(text.into());
    }

    /// Gives this start up: it goes round in circles.
    pub(super) fn give_up(&mut self, text: &str) {
        self.restless = true;
        self.trouble(text);
    }

    /// What DHCP told the phone.
    pub(super) fn options(&self) -> &DhcpOptions {
        &self.carrier.network.options
    }

    /// The MAC as most files are named: lower case, no separators.
    pub(super) fn mac(&self) -> String {
        self.identity.mac.plain()
    }

    async fn note(
        &mut self,
        verb: Verb,
        manner: &Manner,
        url: &Url,
        why: &str,
        carried: (Outcome, Option<Vec<u8>>),
    ) -> Result<Answer, PowerCut> {
        let (outcome, file) = carried;
        let named = matches!(url.plane, Plane::Http | Plane::Https);
        let seen = Seen {
            plane: url.plane,
            verb,
            url: url.to_string(),
            user_agent: named.then(|| manner.agent.clone()),
            outcome: outcome.clone(),
            why: why.to_owned(),
        };
        if let Outcome::Unusable(text) | Outcome::TlsFailed(text) = &outcome {
            self.trouble(format!("{url}: {text}"));
        }
        let power = self.bystander.answered(&seen).await;
        self.requests.push(seen);
        match power {
            Power::Cut => Err(PowerCut),
            Power::Stays => Ok(Answer { outcome, file }),
        }
    }
}

/// SHA-256 in lower-case hexadecimal digits. Phones remember MD5 or nothing; the purpose is the same.
pub(super) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
