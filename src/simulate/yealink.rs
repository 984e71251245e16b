//! A Yealink phone (T4x, T5x), after the maker's auto provisioning guide for V81 and later and what is known of V80.
//!
//! DHCP wins at every start while `dhcp_option.enable` is 1: own options, then 66, then 43; without an answer there the stored URL
//! is asked. Boot files first (V81+), a missing file three times; everything is downloaded before anything is applied, and flash
//! is written once for all files and the authorities they name.
//!
//! `[uncertain]` and acted out so: a bare address in DHCP means TFTP; a new `server.url` is asked at once (see `NewServer`); an
//! invalid boot file still keeps the usual files from being asked; `overwrite_mode` counts only where a boot file came;
//! `trust_certificates = 0` is reported and certificates are verified all the same. RPS and PnP are not acted out.

mod file;
mod flash;

use std::future::Future;
use std::pin::Pin;

use self::file::{BootFile, ConfigFile, Overwrite};
use self::flash::{Flash, SERVER, sources};
use super::carrier::{Manner, ShowsCertificate, TlsStack};
use super::http::HttpVersion;
use super::phone::Firmware;
use super::report::{Account, Outcome, Password};
use super::startup::{NewServer, Occasion, PowerCut, Startup, digest};
use super::tftp_client::{LeadingSlash, TftpManner};
use super::tls::NameRule;
use super::url::{Credentials, Url};

/// What makes one model differ from the next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Blueprint {
    pub(super) name: &'static str,
    firmware: &'static str,
    /// The second number of the firmware: 86 for V86.
    major: u16,
    /// The number of its common file.
    common: u16,
}

pub(super) const T42S: Blueprint = Blueprint { name: "T42S", firmware: "66.80.0.15", major: 80, common: 67 };
pub(super) const T46U: Blueprint = Blueprint { name: "T46U", firmware: "108.86.0.45", major: 86, common: 108 };
pub(super) const T54W: Blueprint = Blueprint { name: "T54W", firmware: "96.86.0.23", major: 86, common: 96 };

/// How often a file that is not there is asked for.
const TRIES: u32 = 3;
/// A phone that is sent on more often than this goes in circles.
const MAX_CYCLES: u32 = 5;
/// More lines than any desk phone of the maker has.
const MAX_LINES: u16 = 16;

/// The phone's software and what it keeps.
pub(super) struct Software {
    blueprint: Blueprint,
    flash: Flash,
}

/// What one pass over the server brought.
#[derive(Debug, PartialEq)]
enum Download {
    Files {
        files: Vec<(String, Vec<u8>)>,
        overwrite: Overwrite,
    },
    /// The server has nothing for this phone.
    Nothing,
    /// The server cannot be spoken to.
    NoServer,
}

enum Fetched {
    File(Vec<u8>),
    NoServer,
    None,
}

impl Software {
    pub(super) fn new(blueprint: Blueprint) -> Software {
        Software { blueprint, flash: Flash::default() }
    }

    async fn provision(&mut self, startup: &mut Startup<'_>) -> Result<(), PowerCut> {
        if startup.occasion == Occasion::Poll && self.flash.get("auto_provision.repeat.enable") != Some("1") {
            startup.trouble("no periodic provisioning is set");
            return Ok(());
        }
        for source in sources(&self.flash, startup.options()) {
            match source {
                Err(fault) => startup.trouble(fault),
                Ok(url) => {
                    if self.follow(startup, url).await? {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Provisions from `url`, and from wherever the settings lead from there. Says whether `url` had anything.
    async fn follow(&mut self, startup: &mut Startup<'_>, mut url: Url) -> Result<bool, PowerCut> {
        let mut served = false;
        for _ in 0..MAX_CYCLES {
            let before = self.stored_server();
            match self.download(startup, &url).await? {
                Download::Files { files, overwrite } => self.apply(startup, &url, files, overwrite).await?,
                Download::Nothing | Download::NoServer => return Ok(served),
            }
            served = true;
            let Some(stored) = self.stored_server().filter(|stored| before.as_ref() != Some(stored)) else {
                return Ok(true);
            };
            if startup.new_server == NewServer::NextPoll {
                return Ok(true);
            }
            match Url::parse(&stored) {
                Ok(next) => url = next,
                Err(fault) => {
                    startup.trouble(format!("{SERVER}: {fault}"));
                    return Ok(true);
                }
            }
        }
        startup.give_up("its files keep changing the provisioning server");
        Ok(true)
    }

    async fn download(&self, startup: &mut Startup<'_>, base: &Url) -> Result<Download, PowerCut> {
        let mac = startup.mac();
        if self.blueprint.major >= 81 {
            for (name, why) in [
                (format!("{mac}.boot"), "boot file of its own"),
                ("y000000000000.boot".to_owned(), "boot file for all phones"),
            ] {
                match self.fetch(startup, &self.place(base, &name), why).await? {
                    Fetched::File(bytes) => return self.download_included(startup, base, &name, &bytes).await,
                    Fetched::NoServer => return Ok(Download::NoServer),
                    Fetched::None => {}
                }
            }
        }
        let common = format!("y{:012}.cfg", self.blueprint.common);
        let mut wanted = vec![(common, "common file of its model"), (format!("{mac}.cfg"), "file of its own")];
        if self.flash.get("auto_provision.custom.sync") == Some("1") {
            wanted.push((format!("{mac}-local.cfg"), "settings its user made"));
        }
        let mut files = Vec::new();
        for (name, why) in wanted {
            match self.fetch(startup, &self.place(base, &name), why).await? {
                Fetched::File(bytes) => files.push((name, bytes)),
                Fetched::NoServer => return Ok(Download::NoServer),
                Fetched::None => {}
            }
        }
        if files.is_empty() {
            return Ok(Download::Nothing);
        }
        Ok(Download::Files { files, overwrite: Overwrite::No })
    }

    async fn download_included(
        &self,
        startup: &mut Startup<'_>,
        base: &Url,
        boot_name: &str,
        bytes: &[u8],
    ) -> Result<Download, PowerCut> {
        let boot = match BootFile::read(bytes) {
            Ok(boot) => boot,
            Err(fault) => {
                startup.trouble(format!("{boot_name} is dropped: {fault}"));
                return Ok(Download::Nothing);
            }
        };
        let mut files = Vec::new();
        for name in boot.includes {
            let url = if name.contains("://") { Url::parse(&name) } else { Ok(self.place(base, &name)) };
            let Ok(url) = url else {
                startup.trouble(format!("{boot_name} includes {name:?}, which is no URL"));
                continue;
            };
            if let Fetched::File(bytes) = self.fetch(startup, &url, "included by the boot file").await? {
                files.push((name, bytes));
            }
        }
        Ok(Download::Files { files, overwrite: boot.overwrite })
    }

    /// Asks for a file, again and again where it is not there.
    async fn fetch(&self, startup: &mut Startup<'_>, url: &Url, why: &str) -> Result<Fetched, PowerCut> {
        let manner = self.manner(startup);
        for attempt in 1..=TRIES {
            let why = if attempt == 1 { why.to_owned() } else { format!("{why}, try {attempt}") };
            let answer = startup.fetch(&manner, url, &why).await?;
            if answer.is_no_server() {
                return Ok(Fetched::NoServer);
            }
            if answer.outcome == Outcome::Status(401) {
                startup.trouble(format!("{url}: the phone asks its user for a password"));
                return Ok(Fetched::None);
            }
            if let Some(bytes) = answer.file {
                return Ok(Fetched::File(bytes));
            }
        }
        Ok(Fetched::None)
    }

    /// Applies what changed since last time and writes flash once.
    async fn apply(
        &mut self,
        startup: &mut Startup<'_>,
        base: &Url,
        files: Vec<(String, Vec<u8>)>,
        overwrite: Overwrite,
    ) -> Result<(), PowerCut> {
        let mut next = self.flash.clone();
        let changed: Vec<_> =
            files.iter().filter(|(name, bytes)| self.flash.applied.get(name) != Some(&digest(bytes))).collect();
        if changed.is_empty() {
            return Ok(());
        }
        if overwrite == Overwrite::Yes {
            next.settings.clear();
        }
        let to_apply = if overwrite == Overwrite::Yes { files.iter().collect() } else { changed };
        let mut authority = None;
        for (name, bytes) in to_apply {
            next.applied.insert(name.clone(), digest(bytes));
            match ConfigFile::read(bytes) {
                Ok(file) => authority = next.take(self.blueprint.major, file, startup, name).or(authority),
                Err(fault) => startup.trouble(format!("{name} is dropped: {fault}")),
            }
        }
        if let Some(named) = authority {
            next.load_authority(&self.manner(startup), startup, base, &named).await?;
        }
        self.flash = next;
        if self.flash.get("security.trust_certificates") == Some("0") {
            startup.trouble("the settings switch certificate verification off; it is verified all the same");
        }
        Ok(())
    }

    /// The URL of a file. Firmware up to V80 puts a slash between, whether or not the URL ends in one.
    fn place(&self, base: &Url, name: &str) -> Url {
        if self.blueprint.major >= 81 { base.file(name) } else { base.with_path(&format!("{}/{name}", base.path)) }
    }

    fn manner(&self, startup: &Startup<'_>) -> Manner {
        let trusts_own = self.flash.get("security.ca_cert").is_none_or(|choice| choice == "1" || choice == "2");
        let user = self.flash.get("auto_provision.server.username").filter(|user| !user.is_empty());
        Manner {
            agent: self.agent(startup),
            http: HttpVersion::Http11,
            tftp: TftpManner { slash: LeadingSlash::Dropped, block_size: None, ports: None },
            tls: TlsStack::Present,
            names: NameRule::AlternativeName,
            certificate: ShowsCertificate::Yes,
            loaded: if trusts_own { self.flash.authorities.clone() } else { Vec::new() },
            credentials: user.map(|user| Credentials {
                user: user.to_owned(),
                password: self.flash.get("auto_provision.server.password").unwrap_or_default().to_owned(),
            }),
        }
    }

    fn agent(&self, startup: &Startup<'_>) -> String {
        let Blueprint { name, firmware, .. } = self.blueprint;
        if self.flash.get("auto_provision.user_agent_mac.enable") == Some("0") {
            return format!("Yealink SIP-{name} {firmware}");
        }
        format!("Yealink SIP-{name} {firmware} {}", startup.identity.mac)
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
        self.flash.get("security.user_password/admin").map(Password::new)
    }

    fn stored_server(&self) -> Option<String> {
        self.flash.get(SERVER).filter(|stored| !stored.is_empty()).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake_server::{FakeServer, asked};
    use super::super::report::Transport;
    use super::super::{Ending, Model, Phone, Plane};
    use super::*;

    const OWN: &str = "805ec0112233";

    fn phone(model: Model) -> Phone {
        Phone::new(model, OWN.parse().unwrap(), "3113019112345678")
    }

    fn hand_over(server: &FakeServer) -> String {
        format!(
            "#!version:1.0.0.1\nstatic.trusted_certificates.url = tftp://127.0.0.1:{}/ztpd-ca.pem\n\
             static.security.ca_cert = 2\nstatic.auto_provision.server.url = https://{}/\n\
             static.auto_provision.dhcp_option.enable = 0\nstatic.auto_provision.repeat.enable = 1\n",
            server.tftp,
            server.https_host()
        )
    }

    fn own_file(server: &FakeServer) -> String {
        format!(
            "#!version:1.0.0.1\nstatic.auto_provision.server.url = https://{}/t/tok/\n\
             static.auto_provision.dhcp_option.enable = 0\nauto_provision.server.url = https://wrong/\n\
             static.security.user_password = admin:adm#1\nstatic.security.user_password = user:u\n\
             account.1.enable = 1\naccount.1.user_name = 201\naccount.1.auth_name = 201a\naccount.1.password = pw=1\n\
             account.1.sip_server.1.address = pbx.example.com\naccount.1.sip_server.1.port = 5061\n\
             account.1.sip_server.1.transport_type = 2\naccount.1.display_name = Alice Doe\naccount.2.enable = 0\n",
            server.https_host()
        )
    }

    async fn server() -> FakeServer {
        let server = FakeServer::start().await;
        server.put(Plane::Tftp, "y000000000108.cfg", hand_over(&server));
        server.put(Plane::Tftp, "ztpd-ca.pem", server.authority.pem());
        for folder in ["", "/t/tok"] {
            server.put(Plane::Https, &format!("{folder}/y000000000108.cfg"), "#!version:1.0.0.1\n");
            server.put(Plane::Https, &format!("{folder}/{OWN}.cfg"), own_file(&server));
        }
        server
    }

    #[tokio::test]
    async fn it_goes_from_tftp_over_its_new_authority_to_its_account_and_stays_there() {
        let server = server().await;
        let mut phone = phone(Model::YEALINK_T46U);
        let boot = phone.boot(&server.network()).await;
        let boots = |plane: &str, folder: &str, answer: &str| {
            let mut asked = vec![format!("{plane} {folder}/{OWN}.boot {answer}"); 3];
            asked.extend(vec![format!("{plane} {folder}/y000000000000.boot {answer}"); 3]);
            asked
        };
        let mut expected = boots("tftp", "", "error1");
        expected.push("tftp /y000000000108.cfg ok".to_owned());
        expected.extend(vec![format!("tftp /{OWN}.cfg error1"); 3]);
        expected.push("tftp /ztpd-ca.pem ok".to_owned());
        for folder in ["", "/t/tok"] {
            expected.extend(boots("https", folder, "404"));
            expected.push(format!("https {folder}/y000000000108.cfg ok"));
            expected.push(format!("https {folder}/{OWN}.cfg ok"));
        }
        assert_eq!(asked(&boot), expected);
        assert_eq!(boot.requests[10].user_agent, None);
        assert_eq!(boot.requests[11].user_agent.as_deref(), Some("Yealink SIP-T46U 108.86.0.45 80:5e:c0:11:22:33"));
        let account = boot.account.unwrap();
        assert_eq!((account.user.as_str(), account.auth_user.as_str(), account.port), ("201", "201a", 5061));
        assert_eq!((account.password.reveal(), account.transport), ("pw=1", Transport::Tls));
        assert_eq!(boot.admin_password.unwrap().reveal(), "adm#1");
        assert_eq!((boot.ended, boot.trouble), (Ending::Stable, Vec::<String>::new()));

        let again = phone.boot(&server.network()).await;
        assert!(asked(&again).iter().all(|line| line.starts_with("https /t/tok/")), "{:?}", asked(&again));
        assert_eq!(again.account.unwrap().user, "201");
    }

    #[tokio::test]
    async fn while_dhcp_is_on_it_goes_back_to_what_dhcp_says() {
        let server = server().await;
        let without = |text: String| text.replace("static.auto_provision.dhcp_option.enable = 0\n", "");
        server.put(Plane::Tftp, "y000000000108.cfg", without(hand_over(&server)));
        server.put(Plane::Https, &format!("/{OWN}.cfg"), without(own_file(&server)));
        server.put(Plane::Https, &format!("/t/tok/{OWN}.cfg"), without(own_file(&server)));
        let mut phone = phone(Model::YEALINK_T46U);
        phone.boot(&server.network()).await;
        assert!(asked(&phone.boot(&server.network()).await)[0].starts_with("tftp "));
    }

    #[tokio::test]
    async fn a_power_cut_leaves_flash_as_it_was_before_the_files_were_complete() {
        let server = server().await;
        for answers in 1..=11 {
            let mut phone = phone(Model::YEALINK_T46U);
            let cut = phone.boot_until(&server.network(), answers).await;
            assert_eq!((cut.ended, cut.requests.len(), cut.stored_server), (Ending::PowerCut, answers, None));
            assert!(phone.boot(&server.network()).await.account.is_some(), "after {answers} answers");
        }
    }

    #[tokio::test]
    async fn a_phone_that_waits_for_its_poll_comes_up_with_it() {
        let server = server().await;
        let mut phone = phone(Model::YEALINK_T54W);
        server.put(Plane::Tftp, "y000000000096.cfg", hand_over(&server));
        phone.take_new_server(NewServer::NextPoll);
        assert!(phone.boot(&server.network()).await.account.is_none());
        assert_eq!(phone.poll(&server.network()).await.account.unwrap().user, "201");
    }

    #[tokio::test]
    async fn a_boot_file_keeps_the_usual_files_from_being_asked() {
        let server = server().await;
        server.put(Plane::Tftp, &format!("{OWN}.boot"), "");
        let boot = phone(Model::YEALINK_T46U).boot(&server.network()).await;
        assert_eq!(asked(&boot), [format!("tftp /{OWN}.boot ok")]);
        assert!(boot.trouble[0].contains("first line"), "{:?}", boot.trouble);
        let included = "#!version:1.0.0.1\ninclude:config <y000000000108.cfg>\noverwrite_mode = 1\n";
        server.put(Plane::Tftp, &format!("{OWN}.boot"), included);
        let boot = phone(Model::YEALINK_T46U).boot(&server.network()).await;
        assert_eq!(asked(&boot)[1], "tftp /y000000000108.cfg ok");
        assert!(boot.account.is_some());
    }

    #[tokio::test]
    async fn without_the_authority_no_https_server_is_believed_until_an_operator_helps() {
        let server = server().await;
        server.remove(Plane::Tftp, "ztpd-ca.pem");
        let mut phone = phone(Model::YEALINK_T46U);
        let boot = phone.boot(&server.network()).await;
        assert!(matches!(boot.requests.last().unwrap().outcome, Outcome::TlsFailed(_)), "{:?}", asked(&boot));
        assert!(boot.account.is_none());
        phone.install_authority(&server.authority.der()).unwrap();
        assert!(phone.boot(&server.network()).await.account.is_some());
        phone.factory_reset();
        assert!(phone.boot(&server.network()).await.account.is_none());
    }

    #[tokio::test]
    async fn a_phone_whose_clock_was_never_set_believes_nobody() {
        let server = server().await;
        let mut network = server.network();
        network.now = jiff::Timestamp::UNIX_EPOCH;
        let boot = phone(Model::YEALINK_T46U).boot(&network).await;
        assert!(asked(&boot).last().unwrap().ends_with(" tls"), "{:?}", asked(&boot));
    }

    #[tokio::test]
    async fn a_bootstrap_of_another_host_fails_on_the_name() {
        let server = server().await;
        let other = hand_over(&server).replace("localhost", "127.0.0.1");
        server.put(Plane::Tftp, "y000000000108.cfg", other);
        let boot = phone(Model::YEALINK_T46U).boot(&server.network()).await;
        assert!(
            matches!(&boot.requests.last().unwrap().outcome, Outcome::TlsFailed(text) if text.contains("not valid for name")),
            "{:?}",
            boot.requests.last()
        );
    }

    #[tokio::test]
    async fn firmware_v80_knows_no_boot_files_and_doubles_the_slash() {
        let server = server().await;
        server.put(Plane::Tftp, "/y000000000067.cfg", hand_over(&server));
        let boot = phone(Model::YEALINK_T42S).boot(&server.network()).await;
        assert_eq!(asked(&boot)[..2], ["tftp //y000000000067.cfg ok", &format!("tftp //{OWN}.cfg error1")]);
    }
}
