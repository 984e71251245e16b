//! A Snom desk phone (D3xx, D7xx), after the maker's service pages.
//!
//! The sources in `provisioning_order`, until one that says `stop` worked; then the stored `setting_server`. A URL without a file
//! name is asked for `<model>.htm` and `<model>-<MAC>.htm`, each applied as it comes, later settings overriding earlier ones.
//! Authorities in base64 count at once; those named by URL are fetched after all XML. Flash is written after each file.
//!
//! A changed order starts provisioning over at once, unless the server changed too; what a changed server does is `[uncertain]`
//! (see `NewServer`). Also `[uncertain]` and acted out so: a bare address in option 66 means HTTP; option 43 is not read; an empty
//! order leaves only `setting_server`. The redirection service, PnP and TR-069 are not on this network: they never work.

mod file;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use self::file::{Key, SettingsFile};
use super::carrier::{Manner, ShowsCertificate, TlsStack};
use super::http::HttpVersion;
use super::network::DhcpOptions;
use super::phone::Firmware;
use super::report::{Account, Password, Transport};
use super::startup::{NewServer, Occasion, PowerCut, Startup};
use super::tftp_client::{LeadingSlash, TftpManner};
use super::tls::NameRule;
use super::trust::Authority;
use super::url::{Credentials, Url, split_port};

/// What makes one model differ from the next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Blueprint {
    pub(super) name: &'static str,
    /// Firmware and build as the User-Agent spells them; the build may have brackets of its own.
    firmware: &'static str,
    extensions: &'static str,
}

pub(super) const D345: Blueprint =
    Blueprint { name: "D345", firmware: "10.1.33.33 2010.12-00004-g9ba52f5", extensions: "SXM:0 UXM:0" };
pub(super) const D735: Blueprint = Blueprint {
    name: "D735",
    firmware: "10.1.169.16 2010.12-00001-gd311851f1 (Feb 25 2019 - 14:19:43)",
    extensions: "SXM:0 UXM:0 UXMC:0",
};
pub(super) const D785: Blueprint =
    Blueprint { name: "D785", firmware: "10.1.33.33 2010.12-00004-g9ba52f5", extensions: "SXM:0 UXM:0" };

/// A phone that is sent on more often than this goes in circles.
const MAX_CYCLES: u32 = 5;
/// Settings files that link to each other are followed no further.
const MAX_FILES: usize = 16;
const MAX_IDENTITIES: u16 = 12;

const FACTORY_SERVER: &str = "https://secure-provisioning.snom.com";
const FACTORY_ORDER: &str = "redirection:stop pnp:stop dhcp:stop tr69:stop";

/// The phone's software and what it keeps.
pub(super) struct Software {
    blueprint: Blueprint,
    flash: Flash,
}

#[derive(Default)]
struct Flash {
    settings: BTreeMap<Key, String>,
    authorities: Vec<Authority>,
}

/// What a source's name in the order is followed by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum AfterSuccess {
    Proceed,
    Stop,
}

impl Software {
    pub(super) fn new(blueprint: Blueprint) -> Software {
        Software { blueprint, flash: Flash::default() }
    }

    async fn provision(&mut self, startup: &mut Startup<'_>) -> Result<(), PowerCut> {
        if startup.occasion == Occasion::Poll && !self.flash.is_polling() {
            startup.trouble("no periodic provisioning is set");
            return Ok(());
        }
        for _ in 0..MAX_CYCLES {
            let (order, server) = (self.flash.order(), self.flash.server());
            self.cycle(startup).await?;
            let server_changed = self.flash.server() != server;
            if server_changed && startup.new_server == NewServer::NextPoll {
                return Ok(());
            }
            if !server_changed && self.flash.order() == order {
                return Ok(());
            }
        }
        startup.give_up("its files keep changing where it is provisioned from");
        Ok(())
    }

    /// One pass over the order, to its end, whatever the files change meanwhile.
    async fn cycle(&mut self, startup: &mut Startup<'_>) -> Result<(), PowerCut> {
        let mut served = false;
        for (source, after) in read_order(&self.flash.order()) {
            let url = match source.as_str() {
                "dhcp" => dhcp_url(startup.options()),
                _ => None,
            };
            let works = match url {
                None => false,
                Some(Ok(url)) => self.provision_from(startup, &url).await?,
                Some(Err(fault)) => {
                    startup.trouble(fault);
                    false
                }
            };
            served |= works;
            if works && after == AfterSuccess::Stop {
                return Ok(());
            }
        }
        if served {
            return Ok(());
        }
        match Url::parse(&self.flash.server()) {
            Ok(url) => self.provision_from(startup, &url).await.map(drop),
            Err(fault) => {
                startup.trouble(format!("setting_server: {fault}"));
                Ok(())
            }
        }
    }

    /// Fetches and applies what a URL leads to. Says whether any file came.
    async fn provision_from(&mut self, startup: &mut Startup<'_>, base: &Url) -> Result<bool, PowerCut> {
        let mut waiting: Vec<(Url, &str)> = self.files(startup, base);
        waiting.reverse();
        let mut certificate_urls = Vec::new();
        let mut served = false;
        for _ in 0..MAX_FILES {
            let Some((url, why)) = waiting.pop() else { break };
            let answer = startup.fetch(&self.manner(startup), &url, why).await?;
            if answer.is_no_server() {
                break;
            }
            let Some(bytes) = answer.file else { continue };
            let file = match SettingsFile::read(&bytes) {
                Ok(file) => file,
                Err(fault) => {
                    startup.trouble(format!("{url} is dropped: {fault}"));
                    continue;
                }
            };
            served = true;
            for link in file.linked.iter().rev() {
                match Url::parse(&self.fill_in(startup, link)) {
                    Ok(url) => waiting.push((url, "linked by a settings file")),
                    Err(fault) => startup.trouble(format!("setting-files: {fault}")),
                }
            }
            certificate_urls.extend(file.certificate_urls.iter().cloned());
            self.flash.take(startup, &url, file);
        }
        for text in certificate_urls {
            match Url::parse(&text) {
                Ok(url) => {
                    let manner = self.manner(startup);
                    let why = "authority to trust, named by its settings";
                    let found = startup.fetch_authorities(&manner, &url, why).await?;
                    self.flash.trust(found);
                }
                Err(fault) => startup.trouble(format!("certificate: {fault}")),
            }
        }
        Ok(served)
    }

    /// The files behind a URL: as named, or of the model and of the phone.
    fn files(&self, startup: &Startup<'_>, base: &Url) -> Vec<(Url, &'static str)> {
        let (model, mac) = (format!("snom{}", self.blueprint.name), startup.identity.mac.upper());
        let name = base.file_name().to_owned();
        if name.is_empty() {
            return vec![
                (base.file(&format!("{model}.htm")), "settings for its model"),
                (base.file(&format!("{model}-{mac}.htm")), "settings of its own"),
            ];
        }
        let named = base.with_path(&self.fill_in(startup, &base.path));
        if base.path.contains("{mac}") {
            return vec![(named, "settings its URL names")];
        }
        let own = match named.path.rsplit_once('.') {
            Some((stem, ending)) if !ending.contains('/') => format!("{stem}-{mac}.{ending}"),
            _ => format!("{}-{mac}", named.path),
        };
        let own = base.with_path(&own);
        vec![(named, "settings its URL names"), (own, "settings of its own beside those its URL names")]
    }

    fn fill_in(&self, startup: &Startup<'_>, text: &str) -> String {
        text.replace("{mac}", &startup.identity.mac.upper())
            .replace("{phone_type}", &format!("snom{}", self.blueprint.name))
    }

    fn manner(&self, startup: &Startup<'_>) -> Manner {
        let Blueprint { name, firmware, extensions } = self.blueprint;
        let mac = startup.identity.mac.upper();
        let user = self.flash.get("http_client_user");
        Manner {
            agent: format!("Mozilla/4.0 (compatible; snom{name}-SIP {firmware} {mac} {extensions})"),
            http: HttpVersion::Http11,
            tftp: TftpManner { slash: LeadingSlash::Dropped, block_size: None, ports: None },
            tls: TlsStack::Present,
            names: NameRule::AlternativeName,
            certificate: ShowsCertificate::Yes,
            loaded: self.flash.authorities.clone(),
            credentials: user.map(|user| Credentials {
                user: user.to_owned(),
                password: self.flash.get("http_client_pass").unwrap_or_default().to_owned(),
            }),
        }
    }
}

/// Options 66 and 67 as one URL.
fn dhcp_url(options: &DhcpOptions) -> Option<Result<Url, String>> {
    let text = options.text(66)?;
    let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("http://{text}")) };
    let url = url.map(|url| match options.text(67) {
        Some(name) if url.file_name().is_empty() => url.file(name),
        _ => url,
    });
    Some(url.map_err(|fault| format!("DHCP option 66: {fault}")))
}

fn read_order(order: &str) -> Vec<(String, AfterSuccess)> {
    let read = |word: &str| match word.split_once(':') {
        Some((source, "proceed")) => (source.to_owned(), AfterSuccess::Proceed),
        Some((source, _)) => (source.to_owned(), AfterSuccess::Stop),
        None => (word.to_owned(), AfterSuccess::Stop),
    };
    order.split_ascii_whitespace().map(read).collect()
}

impl Flash {
    fn get(&self, name: &str) -> Option<&str> {
        self.identity(0, name)
    }

    fn identity(&self, index: u16, name: &str) -> Option<&str> {
        let value = self.settings.get(&Key { name: name.to_owned(), index })?;
        (!value.is_empty()).then_some(value.as_str())
    }

    fn server(&self) -> String {
        self.get("setting_server").unwrap_or(FACTORY_SERVER).to_owned()
    }

    fn order(&self) -> String {
        let key = Key { name: "provisioning_order".to_owned(), index: 0 };
        self.settings.get(&key).cloned().unwrap_or_else(|| FACTORY_ORDER.to_owned())
    }

    fn is_polling(&self) -> bool {
        let timer = self.get("settings_refresh_timer").and_then(|seconds| seconds.parse().ok()).unwrap_or(0u32);
        self.get("prov_polling_enabled") == Some("on") || timer > 0
    }

    fn take(&mut self, startup: &mut Startup<'_>, url: &Url, file: SettingsFile) {
        for name in file.unknown_sections {
            startup.trouble(format!("{url}: section <{name}> is not known"));
        }
        for text in file.certificates {
            let found = startup.believe(&url.to_string(), Authority::from_base64(&text).map(|one| vec![one]));
            self.trust(found);
        }
        self.settings.extend(file.settings);
    }

    fn trust(&mut self, found: Vec<Authority>) {
        for authority in found {
            if !self.authorities.contains(&authority) {
                self.authorities.push(authority);
            }
        }
    }

    fn account(&self, index: u16) -> Option<Account> {
        let get = |name: &str| self.identity(index, name);
        if get("user_active") == Some("off") {
            return None;
        }
        let user = get("user_name")?;
        let (registrar, port) = split_port(get("user_host")?).ok()?;
        let outbound = get("user_outbound").unwrap_or_default();
        let (place, parameters) = outbound.split_once(';').unwrap_or((outbound, ""));
        let (_, outbound_port) = split_port(place).ok()?;
        let transport = match parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("transport=")) {
            Some("tcp") => Transport::Tcp,
            Some("tls") => Transport::Tls,
            _ => Transport::Udp,
        };
        let usual_port = if transport == Transport::Tls { 5061 } else { 5060 };
        Some(Account {
            line: index,
            user: user.to_owned(),
            auth_user: get("user_pname").unwrap_or(user).to_owned(),
            password: Password::new(get("user_pass")?),
            server: registrar.to_owned(),
            port: port.or(outbound_port).unwrap_or(usual_port),
            transport,
            display_name: get("user_realname").unwrap_or_default().to_owned(),
            label: get("user_idle_text").map(str::to_owned),
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
        (1..=MAX_IDENTITIES).filter_map(|index| self.flash.account(index)).collect()
    }

    fn admin_password(&self) -> Option<Password> {
        ["webserver_admin_password", "http_pass", "admin_mode_password"]
            .iter()
            .find_map(|name| self.flash.get(name))
            .map(Password::new)
    }

    fn stored_server(&self) -> Option<String> {
        self.flash.get("setting_server").map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::super::fake_server::{FakeServer, asked};
    use super::super::{Ending, Model, Phone, Plane};
    use super::*;

    const OWN: &str = "000413922D24";

    async fn server() -> FakeServer {
        let server = FakeServer::start().await;
        let hand_over = format!(
            "<settings><phone-settings><setting_server perm=''>https://{}/</setting_server>\
             <provisioning_order perm=''>tr69:stop</provisioning_order><prov_polling_enabled>on</prov_polling_enabled>\
             </phone-settings><certificates><certificate type='base64'>{}</certificate></certificates></settings>",
            server.https_host(),
            STANDARD.encode(server.authority.der())
        );
        server.put(Plane::Tftp, "snomD785.htm", hand_over);
        let own = format!(
            "<settings><phone-settings><setting_server>https://{}/t/tok/</setting_server>\
             <user_active idx='1'>on</user_active><user_name idx='1'>1001</user_name><user_pname idx='1'>1001a</user_pname>\
             <user_pass idx='1'>p&amp;w</user_pass><user_host idx='1'>pbx.example.com</user_host>\
             <user_outbound idx='1'>pbx.example.com:5061;transport=tls</user_outbound>\
             <user_realname idx='1'>Alice</user_realname><user_active idx='2'>off</user_active>\
             <http_pass>adm</http_pass></phone-settings></settings>",
            server.https_host()
        );
        for folder in ["", "/t/tok"] {
            server.put(Plane::Https, &format!("{folder}/snomD785.htm"), "<settings><phone-settings/></settings>");
            server.put(Plane::Https, &format!("{folder}/snomD785-{OWN}.htm"), own.clone());
        }
        server
    }

    fn phone() -> Phone {
        Phone::new(Model::SNOM_D785, OWN.parse().unwrap(), "")
    }

    #[tokio::test]
    async fn its_new_authority_counts_at_once_and_leads_to_its_account() {
        let server = server().await;
        let mut phone = phone();
        let boot = phone.boot(&server.network()).await;
        let expected = [
            "tftp /snomD785.htm ok".to_owned(),
            format!("tftp /snomD785-{OWN}.htm error1"),
            "https /snomD785.htm ok".to_owned(),
            format!("https /snomD785-{OWN}.htm ok"),
            "https /t/tok/snomD785.htm ok".to_owned(),
            format!("https /t/tok/snomD785-{OWN}.htm ok"),
        ];
        assert_eq!(asked(&boot), expected);
        assert_eq!(
            boot.requests[2].user_agent.as_deref(),
            Some("Mozilla/4.0 (compatible; snomD785-SIP 10.1.33.33 2010.12-00004-g9ba52f5 000413922D24 SXM:0 UXM:0)")
        );
        let account = boot.account.unwrap();
        assert_eq!((account.auth_user.as_str(), account.password.reveal(), account.port), ("1001a", "p&w", 5061));
        assert_eq!((account.transport, boot.other_lines.len()), (Transport::Tls, 0));
        assert_eq!((boot.admin_password.unwrap().reveal(), boot.ended), ("adm", Ending::Stable));
        assert_eq!(asked(&phone.boot(&server.network()).await), expected[4..]);
    }

    #[tokio::test]
    async fn an_html_answer_is_a_fault() {
        let server = server().await;
        server.put(Plane::Tftp, "snomD785.htm", "<html><body>Not found</body></html>");
        let boot = phone().boot(&server.network()).await;
        assert!(boot.account.is_none());
        assert!(boot.trouble[0].contains("HTML"), "{:?}", boot.trouble);
    }

    #[tokio::test]
    async fn a_changed_server_may_wait_for_the_poll() {
        let server = server().await;
        let mut phone = phone();
        phone.take_new_server(NewServer::NextPoll);
        assert!(phone.boot(&server.network()).await.account.is_none());
        assert!(phone.poll(&server.network()).await.account.is_some());
    }

    #[tokio::test]
    async fn power_may_go_after_any_answer() {
        let server = server().await;
        for answers in 1..=6 {
            let mut phone = phone();
            assert_eq!(phone.boot_until(&server.network(), answers).await.ended, Ending::PowerCut);
            assert!(phone.boot(&server.network()).await.account.is_some(), "after {answers} answers");
        }
    }

    #[test]
    fn the_order_is_read_with_its_words() {
        let order = read_order("redirection:stop dhcp:proceed tr69");
        let expected =
            [("redirection", AfterSuccess::Stop), ("dhcp", AfterSuccess::Proceed), ("tr69", AfterSuccess::Stop)];
        assert_eq!(order, expected.map(|(name, after)| (name.to_owned(), after)));
        assert!(read_order("").is_empty());
    }

    #[test]
    fn options_66_and_67_make_one_url() {
        let options = DhcpOptions {
            option_66: Some("10.0.0.1".into()),
            option_67: Some("{mac}.xml".into()),
            ..DhcpOptions::default()
        };
        assert_eq!(dhcp_url(&options).unwrap().unwrap().to_string(), "http://10.0.0.1/{mac}.xml");
        assert!(dhcp_url(&DhcpOptions::default()).is_none());
    }
}
