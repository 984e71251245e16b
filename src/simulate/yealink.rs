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

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use self::file::{BootFile, ConfigFile, Overwrite, Value, known_key};
use super::carrier::{Manner, ShowsCertificate, TlsStack};
use super::http::HttpVersion;
use super::network::DhcpOptions;
use super::phone::Firmware;
use super::report::{Account, Outcome, Password, Transport};
use super::startup::{NewServer, Occasion, PowerCut, Startup, digest};
use super::tftp_client::{LeadingSlash, TftpManner};
use super::tls::NameRule;
use super::trust::Authority;
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

const SERVER: &str = "auto_provision.server.url";

/// The phone's software and what it keeps.
pub(super) struct Software {
    blueprint: Blueprint,
    flash: Flash,
}

#[derive(Default)]
struct Flash {
    /// Settings by the name this firmware knows them by.
    settings: BTreeMap<String, String>,
    /// The digest of each file as it was last applied.
    applied: BTreeMap<String, String>,
    authorities: Vec<Authority>,
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
        let mut next = Flash {
            settings: self.flash.settings.clone(),
            applied: self.flash.applied.clone(),
            authorities: self.flash.authorities.clone(),
        };
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

/// The URLs to try, best first: DHCP while it is switched on, then what is stored.
fn sources(flash: &Flash, options: &DhcpOptions) -> Vec<Result<Url, String>> {
    let mut found = Vec::new();
    if flash.get("auto_provision.dhcp_option.enable") != Some("0") {
        let own = flash.get("auto_provision.dhcp_option.list_user_options").unwrap_or_default();
        let numbers = own.split(',').filter_map(|number| number.trim().parse().ok()).chain([66, 43]);
        if let Some((number, text)) = numbers.filter_map(|number| Some((number, options.text(number)?))).next() {
            let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("tftp://{text}")) };
            found.push(url.map_err(|fault| format!("DHCP option {number}: {fault}")));
        }
    }
    if let Some(stored) = flash.get(SERVER).filter(|stored| !stored.is_empty()) {
        found.push(Url::parse(stored).map_err(|fault| format!("{SERVER}: {fault}")));
    }
    found
}

impl Flash {
    fn get(&self, key: &str) -> Option<&str> {
        self.settings.get(key).map(String::as_str)
    }

    /// Takes a file's settings; gives back the URL of an authority if the file names one.
    fn take(&mut self, major: u16, file: ConfigFile, startup: &mut Startup<'_>, name: &str) -> Option<String> {
        for line in file.odd {
            startup.trouble(format!("{name}: {line:?} is no setting"));
        }
        let mut authority = None;
        for (key, value) in file.settings {
            let Some(key) = known_key(major, &key) else { continue };
            match value {
                Value::Blank => {}
                Value::Null => {
                    self.settings.insert(key.to_owned(), String::new());
                }
                Value::Text(text) if key == "security.user_password" => {
                    // The one key that is meant to be repeated: a line for each web user.
                    if let Some((user, password)) = text.split_once(':') {
                        self.settings.insert(format!("{key}/{user}"), password.to_owned());
                    }
                }
                Value::Text(text) => {
                    if key == "trusted_certificates.url" {
                        authority = Some(text.clone());
                    }
                    self.settings.insert(key.to_owned(), text);
                }
            }
        }
        authority
    }

    async fn load_authority(
        &mut self,
        manner: &Manner,
        startup: &mut Startup<'_>,
        base: &Url,
        named: &str,
    ) -> Result<(), PowerCut> {
        let url = if named.contains("://") { Url::parse(named) } else { Ok(base.file(named)) };
        let url = match url {
            Ok(url) => url,
            Err(fault) => {
                startup.trouble(format!("trusted_certificates.url: {fault}"));
                return Ok(());
            }
        };
        let why = "authority to trust, named by its settings";
        for authority in startup.fetch_authorities(manner, &url, why).await? {
            if !self.authorities.contains(&authority) {
                self.authorities.push(authority);
            }
        }
        Ok(())
    }

    fn account(&self, line: u16) -> Option<Account> {
        let get = |name: &str| self.get(&format!("account.{line}.{name}")).filter(|value| !value.is_empty());
        if get("enable") != Some("1") {
            return None;
        }
        let user = get("user_name")?;
        let server = get("sip_server.1.address").or_else(|| get("sip_server_host"))?;
        let transport = match get("sip_server.1.transport_type").or_else(|| get("transport")) {
            Some("1") => Transport::Tcp,
            Some("2") => Transport::Tls,
            Some("3") => Transport::Dns,
            _ => Transport::Udp,
        };
        Some(Account {
            line,
            user: user.to_owned(),
            auth_user: get("auth_name").unwrap_or(user).to_owned(),
            password: Password::new(get("password")?),
            server: server.to_owned(),
            port: get("sip_server.1.port").and_then(|port| port.parse().ok()).unwrap_or(5060),
            transport,
            display_name: get("display_name").unwrap_or_default().to_owned(),
            label: get("label").map(str::to_owned),
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
        self.flash.get("security.user_password/admin").map(Password::new)
    }

    fn stored_server(&self) -> Option<String> {
        self.flash.get(SERVER).filter(|stored| !stored.is_empty()).map(str::to_owned)
    }
}
