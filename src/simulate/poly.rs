//! A Poly phone with UC Software or PVOS (VVX, CCX), after the maker's administrator guide.
//!
//! DHCP option 160, then 66, unless `device.dhcp.bootSrvUseOpt` says Static. The updater asks for the master file and the software
//! image, then the application for the master file again and for what it lists; the first file that defines a parameter wins.
//! `device.*` goes to flash and restarts the phone at once if it changed. Flash is written once all configuration files are read.
//!
//! `[uncertain]` and acted out so: the updater asks for the master file too and shows no client certificate; a listed file that is
//! missing is skipped; a malformed file is skipped; `caCertList1` unset means every custom authority counts; a parameter with an
//! empty value counts as unset. FTP, which a bare address means, is tried and never answered. ZTP is not acted out.

mod file;
mod flash;

use std::future::Future;
use std::pin::Pin;

use self::file::{Master, Variables};
use self::flash::Flash;
use super::carrier::{Manner, ShowsCertificate, TlsStack};
use super::http::HttpVersion;
use super::phone::Firmware;
use super::report::{Account, Password, Plane};
use super::startup::{Occasion, PowerCut, Startup};
use super::tftp_client::{LeadingSlash, TftpManner};
use super::tls::NameRule;
use super::url::{Credentials, Url};

/// What makes one model differ from the next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Blueprint {
    pub(super) name: &'static str,
    /// Brand and model as the User-Agent spells them.
    agent: &'static str,
    application: &'static str,
    updater: &'static str,
    part: &'static str,
}

pub(super) const CCX500: Blueprint = Blueprint {
    name: "CCX500",
    agent: "PolyCCX-CCX_500",
    application: "9.4.1.0508",
    updater: "8.0.2.3267",
    part: "3111-49710-001",
};
pub(super) const VVX450: Blueprint = Blueprint {
    name: "VVX450",
    agent: "PolycomVVX-VVX_450",
    application: "6.4.0.1234",
    updater: "5.9.1.0615",
    part: "3111-48450-001",
};

/// A phone that restarts more often than this goes in circles.
const MAX_STARTS: u32 = 5;
const MAX_LINES: u16 = 48;

/// The phone's software and what it keeps.
pub(super) struct Software {
    blueprint: Blueprint,
    flash: Flash,
}

/// The two programs of a phone, one after the other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Application,
    Updater,
}

/// Where a phone's files are.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Place {
    folder: Url,
    /// The master file, where the URL names one.
    master: Option<String>,
}

/// What the end of a start leads to.
#[derive(Debug, Eq, PartialEq)]
enum Then {
    Rest,
    Restart,
}

impl Software {
    pub(super) fn new(blueprint: Blueprint) -> Software {
        Software { blueprint, flash: Flash::default() }
    }

    async fn provision(&mut self, startup: &mut Startup<'_>) -> Result<(), PowerCut> {
        let polled = startup.occasion == Occasion::Poll;
        if polled && self.flash.config("prov.polling.enabled") != Some("1") {
            startup.trouble("no periodic provisioning is set");
            return Ok(());
        }
        for number in 0..MAX_STARTS {
            let Some(place) = self.place(startup) else { return Ok(()) };
            if !polled || number > 0 {
                self.update(startup, &place).await?;
            }
            if self.configure(startup, &place).await? == Then::Rest {
                return Ok(());
            }
        }
        startup.give_up("its files keep restarting it");
        Ok(())
    }

    /// The updater: master file and software image.
    async fn update(&self, startup: &mut Startup<'_>, place: &Place) -> Result<(), PowerCut> {
        let manner = self.manner(startup, Stage::Updater);
        let Some(master) = self.fetch_master(startup, place, &manner).await? else { return Ok(()) };
        if master.application.is_empty() {
            return Ok(());
        }
        let of_part = format!("{}.{}", self.blueprint.part, master.application);
        for (name, why) in [(of_part, "software for its part number"), (master.application, "software")] {
            let answer = startup.fetch(&manner, &place.folder.file(&name), why).await?;
            if !answer.is_missing() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The application: everything the master file lists, overrides, and what depends on nothing.
    async fn configure(&mut self, startup: &mut Startup<'_>, place: &Place) -> Result<Then, PowerCut> {
        let manner = self.manner(startup, Stage::Application);
        let Some(master) = self.fetch_master(startup, place, &manner).await? else { return Ok(Then::Rest) };
        let mac = startup.mac();
        let mut listed = Vec::new();
        for name in &master.config_files {
            let url = if name.contains("://") { Url::parse(name) } else { Ok(place.folder.file(name)) };
            let url = match url {
                Ok(url) => url,
                Err(fault) => {
                    startup.trouble(format!("CONFIG_FILES: {fault}"));
                    continue;
                }
            };
            let answer = startup.fetch(&manner, &url, "listed by the master file").await?;
            if answer.is_no_server() {
                startup.trouble(format!("{url}: no server; the configuration stays as it was"));
                return Ok(Then::Rest);
            }
            match answer.file {
                Some(bytes) => listed.push((name.clone(), bytes)),
                None => startup.trouble(format!("{url}: listed by the master file, but not there")),
            }
        }
        let mut files = Vec::new();
        for (suffix, why) in [("phone", "settings its user made"), ("web", "settings made by its web page")] {
            let name = format!("{mac}-{suffix}.cfg");
            let answer = startup.fetch(&manner, &place.folder.file(&name), why).await?;
            files.extend(answer.file.map(|bytes| (name, bytes)));
        }
        files.extend(listed);
        if self.flash.take(startup, files) {
            return Ok(Then::Restart);
        }
        self.finish(startup, place).await?;
        Ok(Then::Rest)
    }

    /// What is asked once the configuration stands, with whatever it says of names and trust.
    async fn finish(&self, startup: &mut Startup<'_>, place: &Place) -> Result<(), PowerCut> {
        let manner = self.manner(startup, Stage::Application);
        let mac = startup.mac();
        for (own, shared, why) in [
            (format!("{mac}-license.cfg"), Some("000000000000-license.cfg"), "licence"),
            (format!("{mac}-directory.xml"), Some("000000000000-directory.xml"), "contact directory"),
            (format!("{mac}-calls.xml"), None, "call lists"),
        ] {
            let answer = startup.fetch(&manner, &place.folder.file(&own), why).await?;
            if let Some(shared) = shared.filter(|_| answer.is_missing()) {
                startup.fetch(&manner, &place.folder.file(shared), &format!("{why} for all phones")).await?;
            }
        }
        let log = match startup.occasion {
            Occasion::Poll => format!("{mac}-app.log"),
            Occasion::PowerOn => format!("{mac}-boot.log"),
        };
        startup.upload(&manner, &place.folder.file(&log), b"0000000000|cfg|3|00|start\n", "log").await?;
        Ok(())
    }

    async fn fetch_master(
        &self,
        startup: &mut Startup<'_>,
        place: &Place,
        manner: &Manner,
    ) -> Result<Option<Master>, PowerCut> {
        let mac = startup.mac();
        let names = match &place.master {
            Some(name) => vec![(name.clone(), "master file named by the URL")],
            None => vec![
                (format!("{mac}.cfg"), "master file of its own"),
                ("000000000000.cfg".to_owned(), "master file for all phones"),
            ],
        };
        for (name, why) in names {
            let answer = startup.fetch(manner, &place.folder.file(&name), why).await?;
            if let Some(bytes) = answer.file {
                let variables = Variables { mac: &mac, model: self.blueprint.name, part: self.blueprint.part };
                let read = Master::read(&bytes, &variables);
                return Ok(read.map_err(|fault| startup.trouble(format!("{name} is dropped: {fault}"))).ok());
            }
            if !answer.is_missing() {
                break;
            }
        }
        Ok(None)
    }

    fn place(&self, startup: &mut Startup<'_>) -> Option<Place> {
        match self.flash.server(startup.options()) {
            Ok(Some(url)) => {
                if url.plane == Plane::Ftp {
                    startup.trouble("an address without a scheme means FTP to this phone");
                }
                Some(Place::new(url))
            }
            Ok(None) => {
                startup.trouble("neither DHCP nor flash names a server");
                None
            }
            Err(fault) => {
                startup.trouble(format!("provisioning server: {fault}"));
                None
            }
        }
    }

    fn manner(&self, startup: &Startup<'_>, stage: Stage) -> Manner {
        let Blueprint { agent, application, updater, .. } = self.blueprint;
        let (version, kind) = match stage {
            Stage::Application => (application, "Application"),
            Stage::Updater => (updater, "Updater"),
        };
        let tagged = self.flash.device("device.prov.tagSerialNo") == Some("1");
        let serial = if tagged { format!(" (SN:{})", startup.mac()) } else { String::new() };
        let user = self.flash.device("device.prov.user");
        Manner {
            agent: format!("FileTransport {agent}-UA/{version}{serial} Type/{kind}"),
            http: HttpVersion::Http11,
            tftp: TftpManner { slash: LeadingSlash::Dropped, block_size: Some(1428), ports: None },
            tls: TlsStack::Present,
            names: NameRule::AlternativeName,
            certificate: if stage == Stage::Updater { ShowsCertificate::No } else { ShowsCertificate::Yes },
            loaded: self.flash.authorities(),
            credentials: user.map(|user| Credentials {
                user: user.to_owned(),
                password: self.flash.device("device.prov.password").unwrap_or_default().to_owned(),
            }),
        }
    }
}

impl Place {
    /// A URL that ends in a file of at least five characters with `.cfg` names the master file.
    fn new(url: Url) -> Place {
        let name = url.file_name();
        if name.len() < 5 || !name.ends_with(".cfg") {
            return Place { folder: url, master: None };
        }
        let folder = url.path.strip_suffix(name).unwrap_or_default();
        Place { folder: url.with_path(folder), master: Some(name.to_owned()) }
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
        self.flash.device("device.auth.localAdminPassword").map(Password::new)
    }

    fn stored_server(&self) -> Option<String> {
        let name = self.flash.device("device.prov.serverName")?;
        Some(format!("{}://{name}", self.flash.protocol()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake_server::{FakeServer, asked};
    use super::super::report::Transport;
    use super::super::{Ending, Model, Phone};
    use super::*;

    const OWN: &str = "64167f9f4c90";

    fn hand_over(server: &FakeServer) -> String {
        format!(
            r#"<polycomConfig><device device.set="1" device.sec.TLS.customCaCert1.set="1" device.sec.TLS.customCaCert1="{}"
                 device.prov.serverType.set="1" device.prov.serverType="HTTPS" device.prov.serverName.set="1"
                 device.prov.serverName="{}" device.dhcp.bootSrvUseOpt.set="1" device.dhcp.bootSrvUseOpt="Static"
                 device.prov.tagSerialNo.set="1" device.prov.tagSerialNo="1"/>
                 <p prov.polling.enabled="1"/></polycomConfig>"#,
            server.authority.pem(),
            server.https_host()
        )
    }

    async fn server() -> FakeServer {
        let server = FakeServer::start().await;
        let master = r#"<APPLICATION APP_FILE_PATH="sip.ld" CONFIG_FILES="ztpd-poly.cfg"/>"#;
        server.put(Plane::Tftp, "000000000000.cfg", master);
        server.put(Plane::Tftp, "ztpd-poly.cfg", hand_over(&server));
        let own = format!(
            r#"<c device.set="1" device.prov.serverName.set="1" device.prov.serverName="{}/t/tok" reg.1.address="201"
                reg.1.auth.userId="201a" reg.1.auth.password="pw" reg.1.server.1.address="pbx.example.com"
                reg.1.server.1.port="5061" reg.1.server.1.transport="TLS" reg.1.displayName="Alice Doe" reg.2.address=""
                device.auth.localAdminPassword.set="1" device.auth.localAdminPassword="adm"/>"#,
            server.https_host()
        );
        let master = r#"<APPLICATION CONFIG_FILES="[PHONE_MAC_ADDRESS]-user.cfg, ztpd-poly.cfg"/>"#;
        for folder in ["", "/t/tok"] {
            server.put(Plane::Https, &format!("{folder}/{OWN}.cfg"), master);
            server.put(Plane::Https, &format!("{folder}/{OWN}-user.cfg"), own.clone());
            server.put(Plane::Https, &format!("{folder}/ztpd-poly.cfg"), "<c prov.polling.enabled='1'/>");
        }
        server
    }

    #[tokio::test]
    async fn it_restarts_into_https_and_comes_up_with_its_account() {
        let server = server().await;
        let mut phone = Phone::new(Model::POLY_CCX500, OWN.parse().unwrap(), OWN);
        let boot = phone.boot(&server.network()).await;
        let lines = asked(&boot);
        let tftp = [
            format!("tftp /{OWN}.cfg error1"),
            "tftp /000000000000.cfg ok".to_owned(),
            "tftp /3111-49710-001.sip.ld error1".to_owned(),
            "tftp /sip.ld error1".to_owned(),
            format!("tftp /{OWN}.cfg error1"),
            "tftp /000000000000.cfg ok".to_owned(),
            "tftp /ztpd-poly.cfg ok".to_owned(),
            format!("tftp /{OWN}-phone.cfg error1"),
            format!("tftp /{OWN}-web.cfg error1"),
            format!("https /{OWN}.cfg ok"),
        ];
        assert_eq!(lines[..10], tftp);
        assert_eq!(lines.last().unwrap(), &format!("https /t/tok/{OWN}-boot.log 405"));
        assert_eq!(
            boot.requests.last().unwrap().user_agent.as_deref(),
            Some("FileTransport PolyCCX-CCX_500-UA/9.4.1.0508 (SN:64167f9f4c90) Type/Application")
        );
        let account = boot.account.unwrap();
        assert_eq!(
            (account.user.as_str(), account.password.reveal(), account.transport),
            ("201", "pw", Transport::Tls)
        );
        assert_eq!((boot.other_lines.len(), boot.ended), (0, Ending::Stable));
        assert_eq!(boot.admin_password.unwrap().reveal(), "adm");
        assert_eq!(boot.trouble, Vec::<String>::new());

        let again = phone.boot(&server.network()).await;
        assert!(asked(&again).iter().all(|line| line.starts_with("https /t/tok/")), "{:?}", asked(&again));
        assert!(again.account.is_some());
        assert!(asked(&phone.poll(&server.network()).await)[0].starts_with(&format!("https /t/tok/{OWN}.cfg")));
    }

    #[tokio::test]
    async fn a_malformed_own_file_costs_the_account_and_nothing_else() {
        let server = server().await;
        server.put(Plane::Https, &format!("/{OWN}-user.cfg"), "<c reg.1.address='1' reg.1.address='2'/>");
        let boot = Phone::new(Model::POLY_VVX450, OWN.parse().unwrap(), OWN).boot(&server.network()).await;
        assert!(boot.account.is_none());
        assert!(boot.trouble.iter().any(|line| line.contains("-user.cfg is dropped")), "{:?}", boot.trouble);
    }

    #[tokio::test]
    async fn two_servers_that_send_it_back_and_forth_are_found_out() {
        let server = server().await;
        let back = hand_over(&server).replace(&server.https_host(), &format!("{}/b", server.https_host()));
        server.put(Plane::Https, &format!("/{OWN}.cfg"), "<APPLICATION CONFIG_FILES='back.cfg'/>");
        server.put(Plane::Https, "/back.cfg", back);
        server.put(Plane::Https, &format!("/b/{OWN}.cfg"), "<APPLICATION CONFIG_FILES='forth.cfg'/>");
        server.put(Plane::Https, "/b/forth.cfg", hand_over(&server));
        let boot = Phone::new(Model::POLY_VVX450, OWN.parse().unwrap(), OWN).boot(&server.network()).await;
        assert_eq!(boot.ended, Ending::Restless);
    }

    #[test]
    fn a_url_may_name_the_master_file() {
        let place = Place::new(Url::parse("http://h:8667/d/000000000000.cfg").unwrap());
        assert_eq!((place.folder.path.as_str(), place.master.as_deref()), ("/d/", Some("000000000000.cfg")));
        assert_eq!(Place::new(Url::parse("http://h/d").unwrap()).master, None);
    }
}
