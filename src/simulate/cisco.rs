//! A Cisco phone: multiplatform (68xx, 78xx, 88xx with 3PCC firmware) or of the SPA series, after the maker's provisioning guides.
//!
//! While `DHCP_Option_To_Use` lists an option that is offered, DHCP wins at every start: a base URL is asked for the path in
//! `Profile_Rule`, a whole URL is the rule. Then `_B`, `_C`, `_D`, each as the profiles before it left it. A profile is written to
//! flash as soon as it is read; a 404 is a failure, and a failure ends the sequence until the retry. The authority that
//! `Custom_CA_Rule` names is fetched after the rules.
//!
//! `[uncertain]` and acted out so: the factory rule differs by model (guides give several spellings); an emptied
//! `DHCP_Option_To_Use` switches DHCP off, except on the 7832, which is made to keep its default list so that both readings are
//! tested; where the rules failed on TLS and an authority was loaded after that, the retry of `Resync_Error_Retry_Delay` is part of
//! the same start, once. Conditions, encrypted profiles, firmware and EDOS are not acted out.

mod profile;
mod rule;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use self::profile::Charset;
use self::rule::{Macros, Rule};
use super::carrier::{Manner, ShowsCertificate, TlsStack};
use super::http::HttpVersion;
use super::network::DhcpOptions;
use super::phone::Firmware;
use super::report::{Account, Outcome, Password, Plane, Transport};
use super::startup::{Identity, Occasion, PowerCut, Startup};
use super::tftp_client::{LeadingSlash, TftpManner};
use super::tls::NameRule;
use super::trust::Authority;
use super::url::{Url, UrlFault, split_port};

/// What makes one model differ from the next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Blueprint {
    pub(super) name: &'static str,
    family: Family,
    /// `$PN` and `$PSN`.
    product: &'static str,
    short_product: &'static str,
    firmware: &'static str,
    /// `Profile_Rule` as it leaves the factory.
    factory_rule: &'static str,
    empty_list: EmptyList,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Family {
    Multiplatform,
    Spa,
}

/// What a firmware makes of an emptied `DHCP_Option_To_Use`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum EmptyList {
    KeepsDefault,
    SwitchesDhcpOff,
}

pub(super) const CP_6841: Blueprint = Blueprint {
    name: "CP-6841-3PCC",
    family: Family::Multiplatform,
    product: "CP-6841-3PCC",
    short_product: "6841-3PCC",
    firmware: "11.3.1",
    factory_rule: "/$PN.cfg",
    empty_list: EmptyList::SwitchesDhcpOff,
};
pub(super) const CP_7832: Blueprint = Blueprint {
    name: "CP-7832-3PCC",
    family: Family::Multiplatform,
    product: "CP-7832-3PCC",
    short_product: "7832-3PCC",
    firmware: "11.0.1",
    factory_rule: "/$PN.xml",
    empty_list: EmptyList::KeepsDefault,
};
pub(super) const CP_8841: Blueprint = Blueprint {
    name: "CP-8841-3PCC",
    family: Family::Multiplatform,
    product: "CP-8841-3PCC",
    short_product: "8841-3PCC",
    firmware: "11.0",
    factory_rule: "/$PSN.xml",
    empty_list: EmptyList::SwitchesDhcpOff,
};
pub(super) const SPA504G: Blueprint = Blueprint {
    name: "SPA504G",
    family: Family::Spa,
    product: "SPA504G",
    short_product: "504G",
    firmware: "7.4.4",
    factory_rule: "/spa$PSN.cfg",
    empty_list: EmptyList::SwitchesDhcpOff,
};

/// From this length on a first file overflows an SPA's TFTP buffer.
const SPA_BUFFER: usize = 4096;
const MAX_LINES: u16 = 16;
const RULES: [&str; 4] = ["Profile_Rule", "Profile_Rule_B", "Profile_Rule_C", "Profile_Rule_D"];

/// The phone's software and what it keeps.
pub(super) struct Software {
    blueprint: Blueprint,
    flash: Flash,
}

#[derive(Default)]
struct Flash {
    parameters: BTreeMap<String, String>,
    authorities: Vec<Authority>,
    /// The `Custom_CA_Rule` the authorities came from.
    authorities_from: Option<String>,
}

/// How a pass over the rules ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Resync {
    Done,
    Failed,
    /// Failed because the server was not believed.
    Distrusted,
}

impl Blueprint {
    pub(super) fn is_spa(&self) -> bool {
        self.family == Family::Spa
    }
}

impl Software {
    pub(super) fn new(blueprint: Blueprint) -> Software {
        Software { blueprint, flash: Flash::default() }
    }

    async fn provision(&mut self, startup: &mut Startup<'_>) -> Result<(), PowerCut> {
        let off = |name: &str| self.flash.get(name) == Some("No");
        if off("Provision_Enable") || (startup.occasion == Occasion::PowerOn && off("Resync_On_Reset")) {
            startup.trouble("its settings say not to ask");
            return Ok(());
        }
        if startup.occasion == Occasion::Poll && self.flash.get("Resync_Periodic") == Some("0") {
            startup.trouble("no periodic provisioning is set");
            return Ok(());
        }
        let first = self.resync(startup).await?;
        let learnt = self.load_authority(startup, first).await?;
        if first == Resync::Distrusted && learnt {
            self.resync(startup).await?;
        }
        Ok(())
    }

    /// All rules in turn, until one fails.
    async fn resync(&mut self, startup: &mut Startup<'_>) -> Result<Resync, PowerCut> {
        for name in RULES {
            let url = match self.target(name, startup) {
                Ok(None) => continue,
                Ok(Some(target)) => target,
                Err(fault) => {
                    startup.trouble(format!("{name}: {fault}"));
                    return Ok(Resync::Failed);
                }
            };
            let ended = self.fetch_profile(startup, name, &url).await?;
            if ended != Resync::Done {
                return Ok(ended);
            }
        }
        Ok(Resync::Done)
    }

    async fn fetch_profile(&mut self, startup: &mut Startup<'_>, name: &str, url: &Url) -> Result<Resync, PowerCut> {
        let answer = startup.fetch(&self.manner(startup.identity), url, &format!("{name} says so")).await?;
        if matches!(answer.outcome, Outcome::TlsFailed(_)) {
            return Ok(Resync::Distrusted);
        }
        let missing = answer.is_missing();
        let Some(bytes) = answer.file else {
            if missing && self.blueprint.is_spa() && url.plane == Plane::Tftp {
                self.try_call_manager(startup, url).await?;
            }
            let forgiven = missing && self.flash.get("Resync_Fails_On_FNF") == Some("No");
            return Ok(if forgiven { Resync::Done } else { Resync::Failed });
        };
        if self.blueprint.is_spa() && url.plane == Plane::Tftp && bytes.len() >= SPA_BUFFER {
            startup.trouble(format!("{url} is dropped: {} bytes overflow the buffer", bytes.len()));
            return Ok(Resync::Failed);
        }
        let charset = if self.blueprint.is_spa() { Charset::Latin1Too } else { Charset::Utf8 };
        match profile::read(&bytes, charset) {
            Ok(parameters) => {
                self.flash.parameters.extend(parameters);
                Ok(Resync::Done)
            }
            Err(fault) => {
                startup.trouble(format!("{url} is dropped: {fault}"));
                Ok(Resync::Failed)
            }
        }
    }

    /// An SPA5xx without a profile looks whether the server is a call manager.
    async fn try_call_manager(&self, startup: &mut Startup<'_>, url: &Url) -> Result<(), PowerCut> {
        let manner = self.manner(startup.identity);
        let mac = startup.identity.mac.upper();
        for name in [format!("CTLSEP{mac}.tlv"), format!("SEP{mac}.cnf.xml"), "XMLDefault.cnf.xml".to_owned()] {
            let url = url.with_path(&format!("/{name}"));
            startup.fetch(&manner, &url, "no profile: is it a call manager?").await?;
        }
        Ok(())
    }

    /// Fetches the authority the settings name, if it is a new one or the old one was of no help. Says whether one was learnt.
    async fn load_authority(&mut self, startup: &mut Startup<'_>, last: Resync) -> Result<bool, PowerCut> {
        let Some(text) = self.flash.get("Custom_CA_Rule").map(str::to_owned) else { return Ok(false) };
        if self.blueprint.is_spa() || (self.flash.authorities_from.as_ref() == Some(&text) && last == Resync::Done) {
            return Ok(false);
        }
        let general = |letter: char| self.flash.general(letter);
        let url = match Url::parse(&self.macros(startup.identity, &general).expand(&text)) {
            Ok(url) => url,
            Err(fault) => {
                startup.trouble(format!("Custom_CA_Rule: {fault}"));
                return Ok(false);
            }
        };
        let found = startup.fetch_authorities(&self.manner(startup.identity), &url, "Custom_CA_Rule says so").await?;
        if found.is_empty() {
            return Ok(false);
        }
        let learnt = found != self.flash.authorities;
        self.flash.authorities = found;
        self.flash.authorities_from = Some(text);
        Ok(learnt)
    }

    /// The URL a rule leads to now; none for a blank rule.
    fn target(&self, name: &str, startup: &Startup<'_>) -> Result<Option<Url>, String> {
        let text = match self.flash.parameters.get(name) {
            Some(text) => text.as_str(),
            None if name == "Profile_Rule" => self.blueprint.factory_rule,
            None => "",
        };
        let general = |letter: char| self.flash.general(letter);
        let macros = self.macros(startup.identity, &general);
        let told = self.told(startup.options(), &macros).transpose().map_err(|fault| fault.to_string())?;
        if name == "Profile_Rule"
            && let Some(url) = &told
        {
            if !url.file_name().is_empty() {
                return Ok(Some(url.clone()));
            }
            let path = if text.starts_with('/') || text.is_empty() { text } else { self.blueprint.factory_rule };
            return Ok((!path.is_empty()).then(|| url.file(&macros.expand(path))));
        }
        if text.trim().is_empty() {
            return Ok(None);
        }
        let rule = Rule::read(text, &macros).map_err(|fault| fault.to_string())?;
        let url = match (&told, rule.target.strip_prefix('/')) {
            (Some(server), Some(path)) => Ok(server.with_path(&format!("/{path}"))),
            (None, Some(_)) => return Err("it is a path, and no server is known".to_owned()),
            (_, None) => self.with_protocol(&rule.target),
        };
        let mut url = url.map_err(|fault| fault.to_string())?;
        url.credentials = rule.credentials.or(url.credentials);
        Ok(Some(url))
    }

    /// The first option of the list that is offered, as a URL.
    fn told(&self, options: &DhcpOptions, macros: &Macros<'_>) -> Option<Result<Url, UrlFault>> {
        let default = if self.blueprint.is_spa() { "66,160,159,150" } else { "66,160,159,150,60,43,125" };
        let list = match self.flash.parameters.get("DHCP_Option_To_Use").map(|list| list.trim()) {
            None => default,
            Some("") if self.blueprint.empty_list == EmptyList::KeepsDefault => default,
            Some(list) => list,
        };
        let offered = |number: u8| if number == 150 { options.first_tftp_server() } else { options.text(number) };
        let text = list.split(',').filter_map(|number| number.trim().parse().ok()).find_map(offered)?;
        Some(self.with_protocol(&macros.expand(text)))
    }

    /// Text without a scheme is fetched with `Transport_Protocol`.
    fn with_protocol(&self, text: &str) -> Result<Url, UrlFault> {
        if text.contains("://") {
            return Url::parse(text);
        }
        Url::parse(&format!("{}://{text}", self.flash.get("Transport_Protocol").unwrap_or("tftp")))
    }

    fn macros<'a>(&self, identity: &Identity, general: &'a dyn Fn(char) -> String) -> Macros<'a> {
        let names = vec![
            ("MA", identity.mac.plain()),
            ("MAU", identity.mac.upper()),
            ("MAC", identity.mac.to_string()),
            ("PN", self.blueprint.product.to_owned()),
            ("PSN", self.blueprint.short_product.to_owned()),
            ("SN", identity.serial.clone()),
            ("SWVER", self.blueprint.firmware.to_owned()),
        ];
        Macros { names, general }
    }

    fn manner(&self, identity: &Identity) -> Manner {
        let Blueprint { family, product, firmware, .. } = self.blueprint;
        let spa = family == Family::Spa;
        let agent = match family {
            Family::Multiplatform => format!("Cisco-{product}/{firmware} ({})", identity.mac.plain()),
            Family::Spa => format!("Cisco/{product}-{firmware} ({})({})", identity.mac.upper(), identity.serial),
        };
        Manner {
            agent,
            http: if spa { HttpVersion::Http10 } else { HttpVersion::Http11 },
            tftp: TftpManner {
                slash: LeadingSlash::Kept,
                block_size: (!spa).then_some(1428),
                ports: (!spa).then_some(53240..=53245),
            },
            tls: if spa { TlsStack::Old } else { TlsStack::Present },
            names: NameRule::CommonNameToo,
            certificate: ShowsCertificate::Yes,
            loaded: self.flash.authorities.clone(),
            credentials: None,
        }
    }
}

impl Flash {
    fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn general(&self, letter: char) -> String {
        self.get(&format!("GPP_{letter}")).unwrap_or_default().to_owned()
    }

    fn account(&self, line: u16) -> Option<Account> {
        let get = |name: &str| self.get(&format!("{name}_{line}_"));
        if get("Line_Enable") == Some("No") {
            return None;
        }
        let user = get("User_ID")?;
        let (server, port) = split_port(get("Proxy")?).ok()?;
        let transport = match get("SIP_Transport") {
            Some("TCP") => Transport::Tcp,
            Some("TLS") => Transport::Tls,
            _ => Transport::Udp,
        };
        let own_name = get("Auth_ID").filter(|_| get("Use_Auth_ID") == Some("Yes"));
        Some(Account {
            line,
            user: user.to_owned(),
            auth_user: own_name.unwrap_or(user).to_owned(),
            password: Password::new(get("Password")?),
            server: server.to_owned(),
            port: port.unwrap_or(if transport == Transport::Tls { 5061 } else { 5060 }),
            transport,
            display_name: get("Display_Name").unwrap_or_default().to_owned(),
            label: self.get(&format!("Short_Name_{line}_")).map(str::to_owned),
        })
    }
}

impl Firmware for Software {
    fn start<'a>(
        &'a mut self,
        startup: &'a mut Startup<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<(), PowerCut>> + Send + 'a>> {
        Box::pin(self.provision(startup))
    }

    fn reset(&mut self) {
        self.flash = Flash::default();
    }

    fn accounts(&self) -> Vec<Account> {
        (1..=MAX_LINES).filter_map(|line| self.flash.account(line)).collect()
    }

    fn admin_password(&self) -> Option<Password> {
        let name = if self.blueprint.is_spa() { "Admin_Passwd" } else { "Admin_Password" };
        self.flash.get(name).map(Password::new)
    }

    fn stored_server(&self) -> Option<String> {
        let rule = self.flash.get("Profile_Rule").filter(|rule| rule.contains("://"));
        rule.or_else(|| self.flash.get("Profile_Rule_B")).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake_server::{FakeServer, asked};
    use super::super::{Ending, Model, Phone};
    use super::*;

    const OWN: &str = "00562b043615";

    fn hand_over(server: &FakeServer) -> String {
        format!(
            "<flat-profile><Profile_Rule_B>https://{}/t/$A/$MA.xml</Profile_Rule_B>\
             <Custom_CA_Rule>tftp://127.0.0.1:{}/ztpd-ca.pem</Custom_CA_Rule></flat-profile>",
            server.https_host(),
            server.tftp
        )
    }

    async fn server() -> FakeServer {
        let server = FakeServer::start().await;
        for name in ["/8841-3PCC.xml", "/CP-7832-3PCC.xml", "/CP-6841-3PCC.cfg", "/spa504G.cfg"] {
            server.put(Plane::Tftp, name, hand_over(&server));
        }
        server.put(Plane::Tftp, "/ztpd-ca.pem", server.authority.pem());
        let own = format!(
            "<flat-profile><GPP_A>tok</GPP_A><Profile_Rule>https://{}/t/$A/$MA.xml</Profile_Rule><Profile_Rule_B/>\
             <DHCP_Option_To_Use/><Line_Enable_1_>Yes</Line_Enable_1_><User_ID_1_>201</User_ID_1_>\
             <Use_Auth_ID_1_>Yes</Use_Auth_ID_1_><Auth_ID_1_>201a</Auth_ID_1_><Password_1_>pw</Password_1_>\
             <Proxy_1_>pbx.example.com:5061</Proxy_1_><SIP_Transport_1_>TLS</SIP_Transport_1_>\
             <Display_Name_1_>Alice</Display_Name_1_><Admin_Password>adm</Admin_Password></flat-profile>",
            server.https_host()
        );
        for folder in ["/t/", "/t/tok"] {
            server.put(Plane::Https, &format!("{folder}/{OWN}.xml"), own.clone());
        }
        server
    }

    fn phone(model: Model) -> Phone {
        Phone::new(model, OWN.parse().unwrap(), "CBT141100HR")
    }

    #[tokio::test]
    async fn the_retry_after_its_new_authority_brings_the_account() {
        let server = server().await;
        let mut phone = phone(Model::CISCO_8841);
        let boot = phone.boot(&server.network()).await;
        let expected = [
            "tftp /8841-3PCC.xml ok".to_owned(),
            format!("https /t//{OWN}.xml tls"),
            "tftp /ztpd-ca.pem ok".to_owned(),
            "tftp /8841-3PCC.xml ok".to_owned(),
            format!("https /t//{OWN}.xml ok"),
        ];
        assert_eq!(asked(&boot), expected);
        assert_eq!(boot.requests[4].user_agent.as_deref(), Some("Cisco-CP-8841-3PCC/11.0 (00562b043615)"));
        let account = boot.account.unwrap();
        assert_eq!((account.auth_user.as_str(), account.password.reveal(), account.port), ("201a", "pw", 5061));
        assert_eq!((account.transport, boot.ended), (Transport::Tls, Ending::Stable));
        assert_eq!(boot.admin_password.unwrap().reveal(), "adm");
        let again = phone.boot(&server.network()).await;
        assert_eq!(asked(&again), [format!("https /t/tok/{OWN}.xml ok")]);
    }

    #[tokio::test]
    async fn where_dhcp_wins_at_every_start_its_token_survives() {
        let server = server().await;
        let mut phone = phone(Model::CISCO_7832);
        assert!(phone.boot(&server.network()).await.account.is_some());
        for _ in 0..20 {
            let again = phone.boot(&server.network()).await;
            assert_eq!(asked(&again), ["tftp /CP-7832-3PCC.xml ok".to_owned(), format!("https /t/tok/{OWN}.xml ok")]);
            assert!(again.account.is_some());
        }
    }

    #[tokio::test]
    async fn a_missing_profile_is_a_failure_and_ends_the_sequence() {
        let server = server().await;
        server.remove(Plane::Tftp, "/8841-3PCC.xml");
        let boot = phone(Model::CISCO_8841).boot(&server.network()).await;
        assert_eq!(asked(&boot), ["tftp /8841-3PCC.xml error1"]);
    }

    #[tokio::test]
    async fn an_spa_ends_at_the_bootstrap_because_of_its_tls() {
        let server = server().await;
        let boot = phone(Model::CISCO_SPA504G).boot(&server.network()).await;
        assert_eq!(asked(&boot), ["tftp /spa504G.cfg ok".to_owned(), format!("https /t//{OWN}.xml tls")]);
        let Outcome::TlsFailed(text) = &boot.requests[1].outcome else { panic!("{:?}", boot.requests[1]) };
        assert!(text.contains("alert"), "{text}");
        assert_eq!(boot.requests[1].user_agent.as_deref(), Some("Cisco/SPA504G-7.4.4 (00562B043615)(CBT141100HR)"));
        assert!(boot.account.is_none());
    }

    #[tokio::test]
    async fn an_spa_chokes_on_a_long_first_file_and_without_one_looks_for_a_call_manager() {
        let server = server().await;
        let long = hand_over(&server).replace("</flat-profile>", &format!("{}</flat-profile>", " ".repeat(4096)));
        server.put(Plane::Tftp, "/spa504G.cfg", long);
        let boot = phone(Model::CISCO_SPA504G).boot(&server.network()).await;
        assert_eq!(boot.requests.len(), 1);
        assert!(boot.trouble[0].contains("overflow"), "{:?}", boot.trouble);
        server.remove(Plane::Tftp, "/spa504G.cfg");
        let boot = phone(Model::CISCO_SPA504G).boot(&server.network()).await;
        assert_eq!(asked(&boot)[1], "tftp /CTLSEP00562B043615.tlv error1");
    }

    #[tokio::test]
    async fn power_may_go_after_any_answer() {
        let server = server().await;
        for answers in 1..=5 {
            let mut phone = phone(Model::CISCO_6841);
            assert_eq!(phone.boot_until(&server.network(), answers).await.ended, Ending::PowerCut);
            assert!(phone.boot(&server.network()).await.account.is_some(), "after {answers} answers");
        }
    }

    #[tokio::test]
    async fn a_whole_url_in_dhcp_is_the_rule() {
        let server = server().await;
        let mut network = server.network();
        network.options.option_66 = Some(format!("http://127.0.0.1:{}/x/spa$PSN.cfg\0", server.http));
        server.put(Plane::Http, "/x/spa504G.cfg", "<flat-profile/>");
        let boot = phone(Model::CISCO_SPA504G).boot(&network).await;
        assert_eq!(asked(&boot), ["http /x/spa504G.cfg ok"]);
    }
}
