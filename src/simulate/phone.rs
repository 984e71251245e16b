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

#[cfg(test)]
mod tests {
    use super::super::Power;
    use super::super::fake_server::{FakeServer, asked, leaf_only};
    use super::super::report::Plane;
    use super::*;

    /// Puts a file onto the server once the phone has had another one.
    struct Meanwhile<'s>(&'s FakeServer);

    impl Bystander for Meanwhile<'_> {
        fn answered<'a>(&'a mut self, seen: &'a Seen) -> Pin<Box<dyn Future<Output = Power> + Send + 'a>> {
            Box::pin(async {
                tokio::task::yield_now().await;
                if seen.url.ends_with("snomD735.htm") {
                    self.0.put(Plane::Tftp, "snomD735-000413AABBCC.htm", "<settings/>");
                }
                Power::Stays
            })
        }
    }

    fn phone() -> Phone {
        phone_of(Model::SNOM_D735)
    }

    #[tokio::test]
    async fn somebody_may_hold_a_phone_up_between_two_files() {
        let server = FakeServer::start().await;
        let boot = phone().boot_watched(&server.network(), &mut Meanwhile(&server)).await;
        assert_eq!(asked(&boot), ["tftp /snomD735.htm error1", "tftp /snomD735-000413AABBCC.htm ok"]);
    }

    #[tokio::test]
    async fn no_power_no_question() {
        let server = FakeServer::start().await;
        let boot = phone().boot_until(&server.network(), 0).await;
        assert_eq!((boot.requests.len(), boot.ended), (0, Ending::PowerCut));
    }

    #[tokio::test]
    async fn a_phone_without_an_interval_does_not_poll() {
        let server = FakeServer::start().await;
        for model in [Model::GRANDSTREAM_GRP2614, Model::POLY_VVX450, Model::SNOM_D735, Model::YEALINK_T46U] {
            let poll = phone_of(model).poll(&server.network()).await;
            assert!(poll.requests.is_empty(), "{model}");
        }
    }

    #[tokio::test]
    async fn phones_may_start_on_other_threads_and_all_at_once() {
        let server = FakeServer::start().await;
        let network = server.network();
        let mut starts = tokio::task::JoinSet::new();
        for model in Model::ALL {
            let network = network.clone();
            starts.spawn(async move { phone_of(model).boot(&network).await });
        }
        for boot in starts.join_all().await {
            assert!(boot.account.is_none() && !boot.requests.is_empty(), "{boot:?}");
        }
    }

    fn phone_of(model: Model) -> Phone {
        Phone::new(model, "000413aabbcc".parse().unwrap(), "")
    }

    #[test]
    fn an_operator_cannot_install_what_is_no_authority() {
        let refused = phone().install_authority(&leaf_only()).unwrap_err();
        assert!(refused.to_string().contains("not the certificate of an authority"), "{refused}");
    }
}
