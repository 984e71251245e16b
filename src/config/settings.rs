//! What does the file mean? Every value with its default, or every fault in the file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::Deserialize;

use super::file::{ConfigFault, ConfigFile};
use super::master_key::KeyPlace;
use super::proxy::ProxyAddress;
use super::public_url::PublicUrl;
use crate::inventory::audit::Retention;
use crate::inventory::period::Period;
use crate::inventory::sip::{Host, SipOverride};
use crate::inventory::site::Timezone;

/// What the daemon shall do.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whom a daemon started by root becomes; `None`: the user ztpd, if there is one.
    pub user: Option<String>,
    /// What phones are told; `None`: the first HTTPS address really bound.
    pub public_url: Option<PublicUrl>,
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// Where the master key is, unless systemd passes it.
    pub master_key: KeyPlace,
    /// Public files, served by name over every protocol.
    pub firmware_dir: PathBuf,
    /// Where HTTPS is spoken.
    pub https: Vec<SocketAddr>,
    /// Certificate chain and key, as PEM files; `None`: made by the daemon itself.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Where a proxy connects that speaks TLS with phones too old for ours.
    pub proxy: Vec<ProxyAddress>,
    /// Where plain HTTP is spoken.
    pub http: Vec<SocketAddr>,
    /// Where TFTP is spoken.
    pub tftp: Vec<SocketAddr>,
    /// From where TFTP is answered.
    pub tftp_networks: Vec<IpNet>,
    /// The socket administrators use.
    pub admin_socket: PathBuf,
    /// The group that may use it.
    pub admin_group: Option<String>,
    /// Where the admin API is spoken over TCP.
    pub admin: Vec<SocketAddr>,
    /// Certificate chain and key of the admin API, as PEM files; `None`: those of HTTPS.
    pub admin_certificate: Option<(PathBuf, PathBuf)>,
    /// The operator's templates.
    pub templates_dir: Option<PathBuf>,
    /// What lets a phone have its secrets.
    pub access: AccessRules,
    /// Connections at once, on all of HTTPS and HTTP together.
    pub connections: usize,
    /// Connections at once of one address that has shown no proof.
    pub unproven_per_address: usize,
    /// How often phones may fail to prove who they are.
    pub failures: FailureLimits,
    /// How much of what happened is kept.
    pub retention: Retention,
    /// Account-wide registrar.
    pub sip: SipOverride,
    /// Account-wide time servers.
    pub ntp: Vec<Host>,
    /// Account-wide time zone.
    pub timezone: Timezone,
    /// How the log is written.
    pub log_format: LogFormat,
    /// What is logged: error, warn, info, debug or trace.
    pub log_level: String,
}

/// What lets a phone have its secrets.
#[derive(Clone, Debug)]
pub struct AccessRules {
    /// The proofs that count.
    pub proofs: Vec<ProofKind>,
    /// How long a window stays open that opened by itself.
    pub claim_window: Period,
    /// How many devices one user may have.
    pub devices_per_user: usize,
}

/// How often phones may fail to prove who they are, before no more is remembered of it (policy D13).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FailureLimits {
    /// Failures a minute of one source, beyond the first ten.
    pub per_minute: u32,
    /// The distinct unknown phone within ten minutes for which a source is blocked: the eighth.
    pub unknown_macs: usize,
    /// Failures a minute of all sources together.
    pub global_per_minute: u32,
}

/// A proof of identity.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProofKind {
    /// MAC and token as user name and password, by Basic or Digest.
    Basic,
    /// The certificate the phone was made with.
    Certificate,
    /// An open claim window.
    Claim,
    /// The device's token.
    Token,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For the journal under systemd, else as text.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Every section and key there is.
const KNOWN: &[(&str, &[&str])] = &[
    ("access", &["claim_window", "devices_per_user", "proofs"]),
    ("admin", &["certificate", "group", "key", "listen", "socket"]),
    ("http", &["listen"]),
    ("https", &["certificate", "key", "listen", "proxy"]),
    (
        "limits",
        &["connections", "failures_per_minute", "global_failures_per_minute", "unknown_macs", "unproven_per_address"],
    ),
    ("log", &["format", "level"]),
    ("retention", &["audit", "events"]),
    ("server", &["data_dir", "firmware_dir", "master_key_file", "public_url", "user"]),
    ("sip", &["expires", "outbound_proxy", "port", "server", "transport"]),
    ("templates", &["dir"]),
    ("tftp", &["listen", "networks"]),
    ("time", &["ntp", "timezone"]),
];

/// Below this a busy morning would push out the evening before; above it the disk would be the store of record.
const FEWEST_KEPT: u64 = 1_000;
const MOST_KEPT: u64 = 5_000_000;

/// From where TFTP is answered unless the file says otherwise: private and local addresses (RFC 1918, 4193, 3927).
const PRIVATE: &[&str] =
    &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10", "127.0.0.0/8", "::1/128"];

/// The file that is read when none is named, if it is there.
pub fn default_config_path() -> Option<PathBuf> {
    let path = PathBuf::from("/etc/ztpd/ztpd.toml");
    path.exists().then_some(path)
}

/// `$XDG_STATE_HOME/ztpd`, where an unprivileged user's programs keep their state.
fn default_data_dir() -> PathBuf {
    let state = std::env::var_os("XDG_STATE_HOME").filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    state.or_else(home).unwrap_or_else(|| PathBuf::from("/tmp")).join("ztpd")
}

impl Config {
    /// What holds without a file: nothing privileged, nothing outside loopback.
    pub fn built_in() -> Config {
        // An empty file has no fault; the two cases cannot both be errors.
        let config = Config::parse("").unwrap_or_else(|_| Config::with_defaults(&mut ConfigFile::parse("")));
        Config { master_key: KeyPlace::usual(), ..config }
    }

    /// The meaning of a file's text, or every fault in it.
    pub fn parse(text: &str) -> Result<Config, Vec<ConfigFault>> {
        let mut file = ConfigFile::parse(text);
        let config = Config::with_defaults(&mut file);
        config.check(&mut file);
        let faults = file.finish(KNOWN);
        if faults.is_empty() { Ok(config) } else { Err(faults) }
    }

    /// Reads a file.
    pub fn read(path: &Path) -> Result<Config, Vec<ConfigFault>> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let message = format!("cannot read {}: {error}", path.display());
            vec![ConfigFault { line: None, message }]
        })?;
        Config::parse(&text)
    }

    fn with_defaults(file: &mut ConfigFile<'_>) -> Config {
        let data_dir = value(file, "server", "data_dir").unwrap_or_else(default_data_dir);
        let listen = |file: &mut ConfigFile<'_>, section: &str, usual: &[&str]| {
            let usual = || usual.iter().filter_map(|address| address.parse().ok()).collect();
            value(file, section, "listen").unwrap_or_else(usual)
        };
        let private = || PRIVATE.iter().filter_map(|network| network.parse().ok()).collect();
        let templates = PathBuf::from("/etc/ztpd/templates");
        let pools = || ["0.pool.ntp.org", "1.pool.ntp.org"].iter().filter_map(|host| host.parse().ok()).collect();
        Config {
            user: value(file, "server", "user"),
            public_url: value(file, "server", "public_url"),
            master_key: value(file, "server", "master_key_file").map_or(KeyPlace::Unnamed, KeyPlace::File),
            firmware_dir: value(file, "server", "firmware_dir").unwrap_or_else(|| data_dir.join("firmware")),
            https: listen(file, "https", &["127.0.0.1:8443", "[::1]:8443"]),
            certificate: pair(file, "https"),
            proxy: value(file, "https", "proxy").unwrap_or_default(),
            http: listen(file, "http", &[]),
            tftp: listen(file, "tftp", &["127.0.0.1:6969"]),
            tftp_networks: value(file, "tftp", "networks").unwrap_or_else(private),
            admin_socket: value(file, "admin", "socket").unwrap_or_else(|| data_dir.join("admin.sock")),
            admin_group: value(file, "admin", "group"),
            admin: listen(file, "admin", &[]),
            admin_certificate: pair(file, "admin"),
            templates_dir: value(file, "templates", "dir").or_else(|| templates.is_dir().then_some(templates)),
            access: access(file),
            connections: value(file, "limits", "connections").unwrap_or(512),
            unproven_per_address: value(file, "limits", "unproven_per_address").unwrap_or(16),
            failures: failures(file),
            retention: retention(file),
            sip: SipOverride {
                server: value(file, "sip", "server"),
                port: value(file, "sip", "port"),
                transport: value(file, "sip", "transport"),
                expires: value(file, "sip", "expires"),
                outbound_proxy: value(file, "sip", "outbound_proxy"),
            },
            ntp: value(file, "time", "ntp").unwrap_or_else(pools),
            timezone: value(file, "time", "timezone").unwrap_or_default(),
            log_format: value(file, "log", "format").unwrap_or(LogFormat::Auto),
            log_level: log_level(file),
            data_dir,
        }
    }

    /// What no single value shows: contradictions, and what cannot work.
    fn check(&self, file: &mut ConfigFile<'_>) {
        if self.https.is_empty() {
            file.fault(
                None,
                "https.listen is empty: phones get their settings over HTTPS only; name an address".into(),
            );
        }
        if self.public_url.is_none() && self.https.first().is_some_and(|address| address.ip().is_unspecified()) {
            let message = "server.public_url is needed when https.listen has a wildcard address: phones must be told a \
                           name, such as https://prov.example.com";
            file.fault(None, message.into());
        }
        if !self.data_dir.is_absolute() {
            file.fault(None, format!("server.data_dir: {} is no absolute path", self.data_dir.display()));
        }
        if let KeyPlace::File(path) = &self.master_key {
            if !path.is_absolute() {
                file.fault(None, format!("server.master_key_file: {} is no absolute path", path.display()));
            }
            if path.starts_with(&self.data_dir) {
                let message = "server.master_key_file lies in server.data_dir: whoever copies the one has the other; \
                               keep it elsewhere, such as /etc/ztpd/master.key";
                file.fault(None, message.into());
            }
        }
        if self.connections == 0 || self.unproven_per_address == 0 {
            file.fault(None, "limits: a limit of 0 would shut every phone out; use at least 1".into());
        }
    }
}

fn value<T: serde::de::DeserializeOwned>(file: &mut ConfigFile<'_>, section: &str, key: &str) -> Option<T> {
    file.take(section, key).map(|given| given.value)
}

/// Certificate and key, which come together.
fn pair(file: &mut ConfigFile<'_>, section: &str) -> Option<(PathBuf, PathBuf)> {
    let certificate = file.take::<PathBuf>(section, "certificate");
    let key = file.take::<PathBuf>(section, "key");
    match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate.value, key.value)),
        (None, None) => None,
        (Some(one), None) => {
            file.fault(Some(one.line), format!("{section}.certificate needs {section}.key beside it"));
            None
        }
        (None, Some(one)) => {
            file.fault(Some(one.line), format!("{section}.key needs {section}.certificate beside it"));
            None
        }
    }
}

fn access(file: &mut ConfigFile<'_>) -> AccessRules {
    let mut proofs = vec![ProofKind::Certificate, ProofKind::Token, ProofKind::Claim];
    if let Some(given) = file.take::<Vec<String>>("access", "proofs") {
        proofs.clear();
        for name in &given.value {
            match name.as_str() {
                "basic" => proofs.push(ProofKind::Basic),
                "certificate" => proofs.push(ProofKind::Certificate),
                "claim" => proofs.push(ProofKind::Claim),
                "token" => proofs.push(ProofKind::Token),
                _ => {
                    let message = format!(
                        "access.proofs: {name:?} is no proof; known: certificate, token, claim, and basic if wanted"
                    );
                    file.fault(Some(given.line), message);
                }
            }
        }
        if !proofs.contains(&ProofKind::Token) {
            let message = "access.proofs must have \"token\": it is how a phone comes back after its claim";
            file.fault(Some(given.line), message.into());
        }
    }
    let claim_window = file.take::<Period>("access", "claim_window");
    if let Some(given) = &claim_window
        && !(Period::minutes(10)..=Period::days(30)).contains(&given.value)
    {
        file.fault(Some(given.line), "access.claim_window: from 10m to 30d".into());
    }
    let devices_per_user = file.take::<usize>("access", "devices_per_user");
    if let Some(given) = &devices_per_user
        && !(1..=100).contains(&given.value)
    {
        file.fault(Some(given.line), "access.devices_per_user: from 1 to 100".into());
    }
    AccessRules {
        proofs,
        claim_window: claim_window.map_or(Period::hours(24), |given| given.value),
        devices_per_user: devices_per_user.map_or(9, |given| given.value),
    }
}

fn failures(file: &mut ConfigFile<'_>) -> FailureLimits {
    let mut limit = |key: &str, usual: u32, most: u32| {
        let Some(given) = file.take::<u32>("limits", key) else { return usual };
        if !(1..=most).contains(&given.value) {
            file.fault(Some(given.line), format!("limits.{key}: from 1 to {most}"));
        }
        given.value
    };
    FailureLimits {
        per_minute: limit("failures_per_minute", 10, 10_000),
        // So many are remembered of each source.
        unknown_macs: usize::try_from(limit("unknown_macs", 8, 64)).unwrap_or(64),
        global_per_minute: limit("global_failures_per_minute", 100, 100_000),
    }
}

fn retention(file: &mut ConfigFile<'_>) -> Retention {
    let mut most = |key: &str, usual: u64| {
        let Some(given) = file.take::<u64>("retention", key) else { return usual };
        if !(FEWEST_KEPT..=MOST_KEPT).contains(&given.value) {
            file.fault(Some(given.line), format!("retention.{key}: from {FEWEST_KEPT} to {MOST_KEPT} records"));
        }
        given.value
    };
    let usual = Retention::default();
    Retention { acts: most("audit", usual.acts), events: most("events", usual.events) }
}

fn log_level(file: &mut ConfigFile<'_>) -> String {
    let Some(given) = file.take::<String>("log", "level") else { return "info".to_owned() };
    let levels = ["error", "warn", "info", "debug", "trace"];
    if !levels.contains(&given.value.as_str()) {
        file.fault(Some(given.line), format!("log.level: {:?} is no level; known: {}", given.value, levels.join(", ")));
    }
    given.value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_much_is_kept_has_bounds() {
        let config = Config::parse("[retention]\nevents = 5000\n").unwrap();
        assert_eq!(config.retention, Retention { events: 5_000, ..Retention::default() });
        for text in ["events = 999", "audit = 5000001", "audit = -1", "events = \"30d\"", "days = 30"] {
            assert_eq!(Config::parse(&format!("[retention]\n{text}\n")).unwrap_err()[0].line, Some(2), "{text}");
        }
    }

    #[test]
    fn without_a_file_nothing_leaves_this_machine() {
        let config = Config::built_in();
        assert!(config.https.iter().chain(&config.tftp).all(|address| address.ip().is_loopback()));
        assert!(config.http.is_empty());
        assert_eq!(config.access.devices_per_user, 9);
    }

    #[test]
    fn the_example_has_no_fault_and_what_it_calls_a_default_is_one() {
        let example = include_str!("../../systemd/ztpd.toml");
        let uncommented = example.lines().map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')));
        let all: Vec<&str> = example.lines().zip(uncommented).map(|(line, rest)| rest.unwrap_or(line)).collect();
        let shown = all.join("\n");
        assert!(shown.lines().count() == example.lines().count() && shown != example);
        let parsed = |text: &str| format!("{:#?}", Config::parse(text).unwrap());
        assert_eq!(parsed(&shown), parsed(example));
    }

    #[test]
    fn faults_come_with_their_lines_and_all_at_once() {
        let text = "[https]\nlisten = [\"[::]:443\"]\ncertificate = \"/x\"\n[access]\nproofs = [\"pigeon\"]\n\
                    claim_window = \"1 day\"\n[time]\ntimezone = \"Mars\"\nntp = [\"a b\"]\n[sip]\nprot = 1\n";
        let faults = Config::parse(text).unwrap_err();
        let text: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let lines: Vec<Option<usize>> = faults.iter().map(|fault| fault.line).collect();
        assert_eq!(lines, [Some(3), Some(5), Some(5), Some(6), Some(8), Some(9), Some(11), None], "{text:#?}");
        assert!(text[6].contains("did you mean \"port\""), "{text:#?}");
    }

    #[test]
    fn certificates_count_unless_the_operator_says_otherwise_and_passwords_if_he_says_so() {
        assert!(Config::built_in().access.proofs.contains(&ProofKind::Certificate));
        let without = Config::parse("[access]\nproofs = [\"token\"]").unwrap();
        assert_eq!(without.access.proofs, [ProofKind::Token]);
        assert!(!Config::built_in().access.proofs.contains(&ProofKind::Basic));
        let with = Config::parse("[access]\nproofs = [\"token\", \"basic\"]").unwrap();
        assert_eq!(with.access.proofs, [ProofKind::Token, ProofKind::Basic]);
    }
}
