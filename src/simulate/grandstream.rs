//! A Grandstream phone (GRP26xx, GXP21xx), after the maker's SIP device provisioning guide.
//!
//! DHCP 43, then 66, then the option P8337 names, while P145 allows it; else the configured server (P212, P237). The first file of
//! the series that works ends it, unless P8467 wants them all. Flash is written after each file.
//!
//! `[uncertain]` and acted out so: 43 wins over 66; a bare address is asked with the protocol of P212, which leaves the factory as
//! HTTPS on GRP and HTTP on GXP; P145 = 1 has no fallback, 2 has one; a changed server is asked at once (see `NewServer`); P194
//! leaves the factory as 0; own authorities are read from P2386 and count once P8502 is 1 or 2. Certificates are verified even
//! where P8463 would not ask for it. PnP, GAPS and GDMS are not acted out.

mod file;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use self::file::{read_binary, read_xml};
use super::carrier::{Manner, ShowsCertificate, TlsStack};
use super::http::HttpVersion;
use super::network::DhcpOptions;
use super::phone::Firmware;
use super::report::{Account, Password, Plane, Transport};
use super::startup::{NewServer, Occasion, PowerCut, Startup};
use super::tftp_client::{LeadingSlash, TftpManner};
use super::tls::NameRule;
use super::trust::Authority;
use super::url::{Credentials, Url, UrlFault, split_port};

/// What makes one model differ from the next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Blueprint {
    pub(super) name: &'static str,
    /// Model and hardware as the User-Agent spells them.
    agent: &'static str,
    firmware: &'static str,
    series: Series,
    /// P212 as it leaves the factory.
    protocol: &'static str,
}

/// Which names a firmware asks for, in which order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Series {
    Current,
    Older,
}

pub(super) const GRP2614: Blueprint =
    Blueprint { name: "GRP2614", agent: "GRP2614", firmware: "1.0.5.15", series: Series::Current, protocol: "2" };
pub(super) const GXP2170: Blueprint =
    Blueprint { name: "GXP2170", agent: "GXP2170 V1.2A", firmware: "1.0.9.132", series: Series::Older, protocol: "1" };

/// A phone that is sent on more often than this goes in circles.
const MAX_CYCLES: u32 = 5;
/// The configured server as it leaves the factory.
const FACTORY_SERVER: &str = "fm.grandstream.com/gs";
const MAX_LINES: u16 = 6;

/// The phone's software and what it keeps.
pub(super) struct Software {
    blueprint: Blueprint,
    flash: BTreeMap<String, String>,
}

/// A name in the series.
struct Candidate {
    name: String,
    form: Form,
    why: &'static str,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    Binary,
    Xml,
}

impl Software {
    pub(super) fn new(blueprint: Blueprint) -> Software {
        Software { blueprint, flash: BTreeMap::new() }
    }

    async fn provision(&mut self, startup: &mut Startup<'_>) -> Result<(), PowerCut> {
        match startup.occasion {
            Occasion::Poll if self.get("P194").unwrap_or("0") == "0" => {
                startup.trouble("no periodic provisioning is set");
                return Ok(());
            }
            Occasion::PowerOn if self.get("P238") == Some("2") => {
                startup.trouble("P238 says not to ask at boot");
                return Ok(());
            }
            Occasion::Poll | Occasion::PowerOn => {}
        }
        for _ in 0..MAX_CYCLES {
            let before = self.server_settings();
            for source in self.sources(startup.options()) {
                match source {
                    Ok(url) => {
                        if self.series(startup, &url).await? {
                            break;
                        }
                    }
                    Err(fault) => startup.trouble(fault),
                }
            }
            if before == self.server_settings() || startup.new_server == NewServer::NextPoll {
                return Ok(());
            }
        }
        startup.give_up("its files keep changing the server");
        Ok(())
    }

    /// Asks for the series at one server. Says whether a file worked.
    async fn series(&mut self, startup: &mut Startup<'_>, base: &Url) -> Result<bool, PowerCut> {
        let mut worked = false;
        for Candidate { name, form, why } in self.candidates(startup) {
            let answer = startup.fetch(&self.manner(startup), &base.file(&name), why).await?;
            if answer.is_no_server() {
                break;
            }
            let Some(bytes) = answer.file else { continue };
            let own = startup.identity.mac;
            let read = match form {
                Form::Binary => read_binary(&bytes, own),
                Form::Xml => read_xml(&bytes, own),
            };
            match read {
                Ok(values) => self.take(startup, values),
                Err(fault) => {
                    startup.trouble(format!("{name} is not used: {fault}"));
                    continue;
                }
            }
            worked = true;
            if self.get("P8467") != Some("1") {
                break;
            }
        }
        Ok(worked)
    }

    fn candidates(&self, startup: &Startup<'_>) -> Vec<Candidate> {
        let mac = startup.mac();
        let (prefix, postfix) = (self.get("P234").unwrap_or_default(), self.get("P235").unwrap_or_default());
        let candidate = |name: String, form, why| Candidate { name: format!("{prefix}{name}{postfix}"), form, why };
        let own = candidate(format!("cfg{mac}.xml"), Form::Xml, "file of its own");
        let common = candidate("cfg.xml".to_owned(), Form::Xml, "file for all phones");
        match self.blueprint.series {
            Series::Current => {
                let model = format!("cfg{}.xml", self.blueprint.name.to_ascii_lowercase());
                let model = candidate(model, Form::Xml, "file of its model");
                vec![candidate(format!("cfg{mac}.bin"), Form::Binary, "binary file of its own"), own, model, common]
            }
            Series::Older => {
                vec![candidate(format!("cfg{mac}"), Form::Binary, "binary file of its own"), own, common]
            }
        }
    }

    fn take(&mut self, startup: &mut Startup<'_>, values: BTreeMap<String, String>) {
        if let Some(pem) = values.get("P2386").filter(|pem| !pem.is_empty()) {
            startup.believe("P2386", Authority::from_pem(pem));
        }
        self.flash.extend(values);
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.flash.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    fn protocol(&self) -> &str {
        self.get("P212").unwrap_or(self.blueprint.protocol)
    }

    /// The settings that decide where the phone asks.
    fn server_settings(&self) -> [String; 3] {
        [self.protocol(), self.get("P237").unwrap_or(FACTORY_SERVER), self.get("P145").unwrap_or("1")]
            .map(str::to_owned)
    }

    /// The servers to try, best first.
    fn sources(&self, options: &DhcpOptions) -> Vec<Result<Url, String>> {
        let more = match self.get("P8337") {
            Some("1") => Some(150),
            Some("2") => Some(160),
            _ => None,
        };
        let told =
            [Some(43), Some(66), more].into_iter().flatten().find_map(|option| Some((option, options.text(option)?)));
        let policy = self.get("P145").unwrap_or("1");
        let configured = self.url(self.get("P237").unwrap_or(FACTORY_SERVER)).map_err(|fault| format!("P237: {fault}"));
        let Some((option, text)) = told.filter(|_| policy != "0") else { return vec![configured] };
        let url = if text.contains("://") { Url::parse(text) } else { self.url(text) };
        let url = url.map_err(|fault| format!("DHCP option {option}: {fault}"));
        if policy == "2" { vec![url, configured] } else { vec![url] }
    }

    /// A server path, which has no scheme: P212 is the scheme.
    fn url(&self, path: &str) -> Result<Url, UrlFault> {
        let plane = match self.protocol() {
            "0" => Plane::Tftp,
            "1" => Plane::Http,
            "2" => Plane::Https,
            _ => Plane::Ftp,
        };
        Url::with_plane(plane, path)
    }

    fn manner(&self, startup: &Startup<'_>) -> Manner {
        let Blueprint { agent, firmware, .. } = self.blueprint;
        let trusts_own = matches!(self.get("P8502"), Some("1" | "2"));
        let own = self.get("P2386").filter(|_| trusts_own).map(Authority::from_pem);
        Manner {
            agent: format!("Grandstream Model HW {agent} SW {firmware} DevId {}", startup.mac()),
            http: HttpVersion::Http11,
            tftp: TftpManner { slash: LeadingSlash::Dropped, block_size: None, ports: None },
            tls: TlsStack::Present,
            names: NameRule::AlternativeName,
            certificate: ShowsCertificate::Yes,
            loaded: own.and_then(Result::ok).unwrap_or_default(),
            credentials: self.get("P1360").map(|user| Credentials {
                user: user.to_owned(),
                password: self.get("P1361").unwrap_or_default().to_owned(),
            }),
        }
    }

    fn account(&self, line: u16) -> Option<Account> {
        let keys = Keys::of(line);
        let get = |key: u16| self.get(&format!("P{key}"));
        let active = get(keys.active);
        if active == Some("0") || (line > 1 && active != Some("1")) {
            return None;
        }
        let user = get(keys.user)?;
        let (server, port) = split_port(get(keys.server)?).ok()?;
        let transport = match get(keys.transport) {
            Some("1") => Transport::Tcp,
            Some("2") => Transport::Tls,
            _ => Transport::Udp,
        };
        Some(Account {
            line,
            user: user.to_owned(),
            auth_user: get(keys.auth).unwrap_or(user).to_owned(),
            password: Password::new(get(keys.password)?),
            server: server.to_owned(),
            port: port.unwrap_or(if transport == Transport::Tls { 5061 } else { 5060 }),
            transport,
            display_name: get(keys.display).unwrap_or_default().to_owned(),
            label: get(keys.label).map(str::to_owned),
        })
    }
}

/// The P-values of an account: a series of their own for the first, hundreds from 400 on for the others.
struct Keys {
    active: u16,
    label: u16,
    server: u16,
    user: u16,
    auth: u16,
    password: u16,
    display: u16,
    transport: u16,
}

impl Keys {
    fn of(line: u16) -> Keys {
        if line == 1 {
            return Keys {
                active: 271,
                label: 270,
                server: 47,
                user: 35,
                auth: 36,
                password: 34,
                display: 3,
                transport: 130,
            };
        }
        let base = (line + 2) * 100;
        Keys {
            active: base + 1,
            label: base + 17,
            server: base + 2,
            user: base + 4,
            auth: base + 5,
            password: base + 6,
            display: base + 7,
            transport: base + 48,
        }
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
        self.flash.clear();
    }

    fn accounts(&self) -> Vec<Account> {
        (1..=MAX_LINES).filter_map(|line| self.account(line)).collect()
    }

    fn admin_password(&self) -> Option<Password> {
        self.get("P2").map(Password::new)
    }

    fn stored_server(&self) -> Option<String> {
        let path = self.get("P237")?;
        self.url(path).ok().map(|url| url.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake_server::{FakeServer, asked};
    use super::super::{Ending, Model, Phone};
    use super::*;

    const OWN: &str = "c074ad0b63ee";

    fn provision(values: &str) -> String {
        format!("<gs_provision version=\"1\"><config version=\"1\">{values}</config></gs_provision>")
    }

    async fn server() -> FakeServer {
        let server = FakeServer::start().await;
        let hand_over = format!(
            "<P212>2</P212><P237>{}</P237><P145>0</P145><P2386>{}</P2386><P8502>2</P8502><P194>1</P194><P193>60</P193>",
            server.https_host(),
            server.authority.pem()
        );
        server.put(Plane::Tftp, "cfg.xml", provision(&hand_over));
        let own = format!(
            "<P212>2</P212><P237>{}/t/tok</P237><P145>0</P145><P271>1</P271><P47>pbx.example.com:5061</P47><P35>201</P35>\
             <P36>201a</P36><P34>p&lt;w</P34><P3>Alice Doe</P3><P130>2</P130><P401>0</P401><P2>adm</P2>",
            server.https_host()
        );
        for folder in ["", "/t/tok"] {
            server.put(Plane::Https, &format!("{folder}/cfg{OWN}.xml"), provision(&own));
        }
        server
    }

    fn phone(model: Model) -> Phone {
        Phone::new(model, OWN.parse().unwrap(), "")
    }

    #[tokio::test]
    async fn the_file_for_all_phones_leads_to_its_own() {
        let server = server().await;
        let mut phone = phone(Model::GRANDSTREAM_GRP2614);
        let boot = phone.boot(&server.network()).await;
        let expected = [
            format!("tftp /cfg{OWN}.bin error1"),
            format!("tftp /cfg{OWN}.xml error1"),
            "tftp /cfggrp2614.xml error1".to_owned(),
            "tftp /cfg.xml ok".to_owned(),
            format!("https /cfg{OWN}.bin 404"),
            format!("https /cfg{OWN}.xml ok"),
            format!("https /t/tok/cfg{OWN}.bin 404"),
            format!("https /t/tok/cfg{OWN}.xml ok"),
        ];
        assert_eq!(asked(&boot), expected);
        assert_eq!(
            boot.requests[4].user_agent.as_deref(),
            Some("Grandstream Model HW GRP2614 SW 1.0.5.15 DevId c074ad0b63ee")
        );
        let account = boot.account.unwrap();
        assert_eq!((account.auth_user.as_str(), account.password.reveal(), account.port), ("201a", "p<w", 5061));
        assert_eq!((account.transport, boot.other_lines.len()), (Transport::Tls, 0));
        assert_eq!((boot.admin_password.unwrap().reveal(), boot.ended), ("adm", Ending::Stable));
        assert_eq!(asked(&phone.boot(&server.network()).await), expected[6..]);
    }

    #[tokio::test]
    async fn all_files_means_that_the_one_for_all_phones_comes_last() {
        let server = server().await;
        let first = provision("<P8467>1</P8467><P212>0</P212>");
        server.put(Plane::Tftp, &format!("cfg{OWN}.xml"), first);
        let mut phone = phone(Model::GRANDSTREAM_GXP2170);
        let boot = phone.boot(&server.network()).await;
        assert_eq!(
            asked(&boot)[..3].iter().map(|line| line.split(' ').next_back().unwrap()).collect::<Vec<_>>(),
            ["error1", "ok", "ok"]
        );
        assert!(asked(&boot)[3].starts_with("https /cfg"), "{:?}", asked(&boot));
    }

    #[tokio::test]
    async fn a_file_for_another_phone_is_passed_over() {
        let server = server().await;
        let other = provision("<P47>x</P47>").replace("<config", "<mac>c074ad000000</mac><config");
        server.put(Plane::Tftp, &format!("cfg{OWN}.xml"), other);
        let boot = phone(Model::GRANDSTREAM_GXP2170).boot(&server.network()).await;
        assert!(boot.trouble[0].contains("for the phone c074ad000000"), "{:?}", boot.trouble);
        assert!(boot.account.is_some());
    }

    #[tokio::test]
    async fn an_authority_does_not_count_while_only_built_in_ones_do() {
        let server = server().await;
        let hand_over = provision(&format!(
            "<P212>2</P212><P237>{}</P237><P145>0</P145><P2386>{}</P2386>",
            server.https_host(),
            server.authority.pem()
        ));
        server.put(Plane::Tftp, "cfg.xml", hand_over);
        let boot = phone(Model::GRANDSTREAM_GRP2614).boot(&server.network()).await;
        assert!(asked(&boot).last().unwrap().ends_with(" tls"), "{:?}", asked(&boot));
    }

    #[test]
    fn dhcp_is_asked_as_far_as_p145_allows() {
        let mut software = Software::new(GRP2614);
        let told = |text: &str| Some(text.to_owned());
        let options = DhcpOptions { option_43: told("10.0.0.1/x"), option_66: told("tftp://a/"), ..Default::default() };
        let urls = |software: &Software| {
            software.sources(&options).into_iter().map(|url| url.unwrap().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(urls(&software), ["https://10.0.0.1/x"]);
        software.flash.insert("P145".into(), "2".into());
        assert_eq!(urls(&software), ["https://10.0.0.1/x", "https://fm.grandstream.com/gs"]);
        software.flash.insert("P145".into(), "0".into());
        software.flash.insert("P212".into(), "1".into());
        assert_eq!(urls(&software), ["http://fm.grandstream.com/gs"]);
    }

    #[test]
    fn the_second_account_has_hundreds_of_its_own() {
        let keys = [Keys::of(2), Keys::of(3)].map(|keys| (keys.active, keys.server, keys.password, keys.transport));
        assert_eq!(keys, [(401, 402, 406, 448), (501, 502, 506, 548)]);
    }
}
