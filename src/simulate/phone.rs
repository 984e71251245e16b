//! A phone with its flash memory: plugged in, polled, reset, its power cut.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::inventory::mac::MacAddr;

use super::carrier::Carrier;
use super::model::Model;
use super::network::Network;
use super::report::{Account, Boot, Ending, Password, Seen};
use super::startup::{Bystander, CutsPowerAfter, Identity, NewServer, Nobody, Occasion, PowerCut, Startup};
use super::tls::FactoryCertificate;
use super::trust::Authority;

/// One phone.
pub struct Phone {
    model: Model,
    identity: Identity,
    firmware: Box<dyn Firmware>,
    certificate: Option<FactoryCertificate>,
    installed: Vec<Authority>,
    new_server: NewServer,
}

/// What a maker's software does, and what it keeps in flash.
pub(super) trait Firmware: Send + Sync {
    /// Provisions itself: on power-on, or because the poll interval passed.
    fn start<'a>(
        &'a mut self,
        startup: &'a mut Startup<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<(), PowerCut>> + Send + 'a>>;

    /// Back to what left the factory.
    fn reset(&mut self);

    /// The accounts of its lines as flash has them now.
    fn accounts(&self) -> Vec<Account>;

    /// The administrator's password, if it was provisioned.
    fn admin_password(&self) -> Option<Password>;

    /// The provisioning URL in flash.
    fn stored_server(&self) -> Option<String>;
}

/// An authority was refused by the phone: no X.509, or no authority's certificate.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the phone refuses the authority: it {0}")]
pub struct AuthorityRefused(String);

impl Phone {
    /// A phone as it comes out of its box.
    pub fn new(model: Model, mac: MacAddr, serial: &str) -> Phone {
        Phone {
            model,
            identity: Identity { mac, serial: serial.to_owned() },
            firmware: model.firmware(),
            certificate: None,
            installed: Vec::new(),
            new_server: NewServer::default(),
        }
    }

    /// What it is.
    pub fn model(&self) -> Model {
        self.model
    }

    /// Its hardware address.
    pub fn mac(&self) -> MacAddr {
        self.identity.mac
    }

    /// Builds in a certificate, as the maker's factory does; a reset does not remove it.
    pub fn build_in_certificate(&mut self, certificate: FactoryCertificate) {
        self.certificate = Some(certificate);
    }

    /// Has an operator put an authority into the phone by hand (DER). A reset removes it.
    pub fn install_authority(&mut self, der: &[u8]) -> Result<(), AuthorityRefused> {
        let authority = Authority::from_der(der).map_err(|fault| AuthorityRefused(fault.to_string()))?;
        self.installed.push(authority);
        Ok(())
    }

    /// Chooses between the readings of a maker's silence: see [`NewServer`].
    pub fn take_new_server(&mut self, reading: NewServer) {
        self.new_server = reading;
    }

    /// Plugs the phone in: one whole start, with every further cycle that what it learns sets off at once. It ends when the phone
    /// has nothing more to ask.
    pub async fn boot(&mut self, network: &Network) -> Boot {
        self.boot_watched(network, &mut Nobody).await
    }

    /// Plugs the phone in and cuts its power the moment the `answers`-th answer has arrived: that answer is lost, and flash holds
    /// what the maker's software had written by then.
    pub async fn boot_until(&mut self, network: &Network, answers: usize) -> Boot {
        if answers == 0 {
            return self.report(Vec::new(), Vec::new(), Ending::PowerCut);
        }
        self.boot_watched(network, &mut CutsPowerAfter(answers)).await
    }

    /// Plugs the phone in while somebody watches.
    pub async fn boot_watched(&mut self, network: &Network, bystander: &mut dyn Bystander) -> Boot {
        self.start(network, Occasion::PowerOn, bystander).await
    }

    /// Lets the poll interval pass, without waiting for it. A phone that was told no interval asks nothing.
    pub async fn poll(&mut self, network: &Network) -> Boot {
        self.start(network, Occasion::Poll, &mut Nobody).await
    }

    /// Takes the phone back to what left the factory.
    pub fn factory_reset(&mut self) {
        self.firmware.reset();
        self.installed.clear();
    }

    async fn start(&mut self, network: &Network, occasion: Occasion, bystander: &mut dyn Bystander) -> Boot {
        let mut startup = Startup {
            identity: &self.identity,
            carrier: Carrier { network, certificate: self.certificate.as_ref(), installed: &self.installed },
            occasion,
            new_server: self.new_server,
            bystander,
            requests: Vec::new(),
            trouble: Vec::new(),
            restless: false,
        };
        let ended = match self.firmware.start(&mut startup).await {
            Err(PowerCut) => Ending::PowerCut,
            Ok(()) if startup.restless => Ending::Restless,
            Ok(()) => Ending::Stable,
        };
        let (requests, trouble) = (startup.requests, startup.trouble);
        self.report(requests, trouble, ended)
    }

    fn report(&self, requests: Vec<Seen>, trouble: Vec<String>, ended: Ending) -> Boot {
        let mut accounts = self.firmware.accounts().into_iter();
        Boot {
            requests,
            account: accounts.next(),
            other_lines: accounts.collect(),
            admin_password: self.firmware.admin_password(),
            stored_server: self.firmware.stored_server(),
            trouble,
            ended,
        }
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.model, self.identity.mac)
    }
}
