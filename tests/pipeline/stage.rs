//! Three sites, their people and phones of every maker, all fixed, behind a pipeline on memory: what a phone is
//! answered at any moment, without sockets and without waiting.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine as _;
use jiff::{SignedDuration, Timestamp};
use ztpd::config::{AuthorityFile, Config, PublicUrl, Snapshot};
use ztpd::host::clock::Clock;
use ztpd::inventory::device::Device;
use ztpd::inventory::event::Plane;
use ztpd::inventory::mac::MacAddr;
use ztpd::inventory::period::Period;
use ztpd::inventory::secret::Secret;
use ztpd::makers;
use ztpd::provision::{ClientCertificate, Method, Pending, Pipeline, Request};
use ztpd::store::memory::MemoryStore;
use ztpd::store::{Actor, DeviceSecrets, EnrolRules, Store, WindowPolicy};

/// The hour every phone of these tests is registered.
pub const NOON: &str = "2026-11-25T12:00:00Z";

/// The authority of the golden files; nobody has its key any more.
const AUTHORITY: &str = include_str!("../golden/authority.pem");

const SETTINGS: &str =
    "[sip]\nserver = \"pbx.example.com\"\n[time]\nntp = [\"0.ntp.example.com\", \"1.ntp.example.com\"]\n";

/// Everything set; nothing set, in the southern hemisphere; no daylight saving time.
const SITES: [&str; 3] = [
    r#"{"id": "berlin", "name": "Berlin", "networks": ["10.1.0.0/16"], "timezone": "Europe/Berlin",
        "sip": {"outbound_proxy": "sbc.example.com"}, "settings": {"vlan.id": 20, "vlan.priority": 6,
        "syslog.server": "log.example.com", "syslog.level": 6, "refetch.interval": "12h"}}"#,
    r#"{"id": "sydney", "name": "Sydney", "networks": ["10.2.0.0/16"], "timezone": "Australia/Sydney",
        "ntp": ["192.0.2.123"], "sip": {"server": "2001:db8::5", "transport": "udp", "expires": "10m"}}"#,
    r#"{"id": "phoenix", "name": "Phoenix", "networks": ["10.3.0.0/16", "192.0.2.7/32"], "timezone": "America/Phoenix",
        "sip": {"server": "pbx-us.example.com", "port": 5070, "transport": "tcp"}}"#,
];

const USERS: [&str; 3] = [
    r#"{"id": "zoe@example.com", "first_name": "Zoë", "last_name": "O'Brien & <Söhne>", "site": "berlin",
        "extension": "1001", "locale": "de-DE", "keys": [
            {"position": 1, "kind": "line"}, {"position": 2, "kind": "blf", "value": "1002", "label": "Bob \"B\""},
            {"position": 4, "kind": "speed_dial", "value": "+4930123456", "label": "Taxi; Berlin", "line": 2}]}"#,
    r#"{"id": "bob@example.com", "first_name": "Bob", "last_name": "Ray", "site": "berlin", "extension": "1002",
        "sip": {"user": "bob.ray", "auth_user": "bob-auth"}}"#,
    r#"{"id": "carla@example.com", "first_name": "Carla", "last_name": "Sá", "site": "sydney", "extension": "2001"}"#,
];

const LOBBY: &str = r#"{"id": "lobby", "name": "Lobby", "site": "phoenix", "extension": "3000", "locale": "es"}"#;

/// Who has a phone, and where it stands.
pub const OWNERS: [(&str, &str); 3] = [
    ("berlin", r#"{"user": "zoe@example.com"}"#),
    ("sydney", r#"{"user": "carla@example.com"}"#),
    ("phoenix", r#"{"common_area": "lobby"}"#),
];

/// Maker, model, MAC and which of the three owners has it.
pub const PHONES: &[(&str, &str, &str, usize)] = &[
    ("cisco", "CP-8841-3PCC", "d0:ec:35:00:00:01", 0),
    ("cisco", "CP-6841-3PCC", "d0:ec:35:00:00:02", 1),
    ("cisco", "SPA504G", "00:26:99:00:00:03", 2),
    ("cisco", "ATA192", "d0:ec:35:00:00:04", 2),
    ("gigaset", "N870 IP PRO", "7c:2f:80:00:00:01", 0),
    ("gigaset", "N610 IP PRO", "58:9e:c6:00:00:02", 1),
    ("grandstream", "GXP2170", "00:0b:82:00:00:01", 0),
    ("grandstream", "GRP2614", "c0:74:ad:00:00:02", 1),
    ("grandstream", "HT802", "c0:74:ad:00:00:03", 2),
    ("poly", "VVX450", "64:16:7f:00:00:01", 0),
    ("poly", "CCX500", "64:16:7f:00:00:02", 1),
    ("poly", "OBi202", "9c:ad:ef:00:00:03", 2),
    ("snom", "D785", "00:04:13:00:00:01", 0),
    ("snom", "D735", "00:04:13:00:00:02", 1),
    ("snom", "M900", "00:04:13:00:00:03", 2),
    ("yealink", "T46U", "80:5e:c0:00:00:01", 0),
    ("yealink", "T42S", "80:5e:c0:00:00:02", 1),
    ("yealink", "W70B", "80:5e:c0:00:00:03", 2),
];

/// Maker, public file, and the name of its two forms here.
pub const PUBLIC: &[(&str, &str, &str)] = &[
    ("cisco", "8841-3PCC.xml", "mpp.xml"),
    ("cisco", "spa504G.cfg", "spa.xml"),
    ("cisco", "ata192.cfg", "ata.xml"),
    ("gigaset", "provisioning.xml", "provisioning.xml"),
    ("grandstream", "cfg.xml", "cfg.xml"),
    ("poly", "000000000000.cfg", "zero-master.cfg"),
    ("poly", "ztpd-poly.cfg", "ztpd-poly.cfg"),
    ("poly", "9CADEF000003.xml", "obi.xml"),
    ("snom", "snomD785.htm", "snom.xml"),
    ("yealink", "y000000000108.cfg", "y.cfg"),
];

/// A pipeline on memory.
pub struct Stage {
    pub pipeline: Pipeline,
    pub store: Arc<dyn Store>,
    _dir: tempfile::TempDir,
}

/// What came back.
#[derive(Clone, Eq, PartialEq)]
pub struct Got {
    pub status: u16,
    pub text: String,
}

impl std::fmt::Debug for Got {
    /// A failed test shall be read, not scrolled through.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} with {} octets: {:.60?}", self.status, self.text.len(), self.text)
    }
}

pub fn noon() -> Timestamp {
    NOON.parse().unwrap()
}

pub fn later(minutes: i64) -> Timestamp {
    noon() + SignedDuration::from_mins(minutes)
}

/// Whoever changes the inventory here.
pub fn by() -> Actor {
    Actor { name: "test".to_owned(), on_behalf_of: None, time: noon(), boot_ms: 0 }
}

impl Stage {
    pub fn new() -> Stage {
        Stage::with_templates(None)
    }

    /// With a folder of the operator's templates.
    pub fn with_templates(templates: Option<&std::path::Path>) -> Stage {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::parse(SETTINGS).unwrap();
        config.data_dir = dir.path().to_owned();
        config.templates_dir = templates.map(std::path::Path::to_owned);
        config.public_url = Some(PublicUrl::of("prov.example.com", 443));
        let mut snapshot = Snapshot::build(config, ([127, 0, 0, 1], 8443).into(), noon()).unwrap();
        let base64: String = AUTHORITY.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = base64::engine::general_purpose::STANDARD.decode(base64).unwrap();
        snapshot.certificate.authority = Some(AuthorityFile { pem: AUTHORITY.to_owned(), der });
        // The name leads nowhere in a test; phones are sent there all the same.
        let _ = snapshot.set_handover(Ok(()));
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        for site in SITES {
            store.create_site(serde_json::from_str(site).unwrap(), &by()).unwrap();
        }
        for user in USERS {
            let user: ztpd::inventory::user::User = serde_json::from_str(user).unwrap();
            let password = format!("sip-{}-#&<1>", user.extension.as_ref().unwrap());
            store.create_user(user, Secret::new(password), &by()).unwrap();
        }
        store
            .create_common_area(serde_json::from_str(LOBBY).unwrap(), Secret::new("sip-lobby".to_owned()), &by())
            .unwrap();
        let snapshot = Arc::new(ArcSwap::from_pointee(snapshot));
        let pipeline = Pipeline::new(Arc::clone(&store), snapshot, Arc::new(Pending::default()), Clock::start());
        Stage { pipeline, store, _dir: dir }
    }

    /// Registers a phone whose token and password are made from its address; returns the MAC.
    pub fn enrol(&self, maker: &str, model: &str, mac: &str, site: &str, owner: &str) -> MacAddr {
        let maker = makers::by_id(maker).unwrap();
        let model = makers::by_spelling(maker.id(), model).unwrap_or_else(|| panic!("no model {model}"));
        let mac: MacAddr = mac.parse().unwrap();
        let mut device = serde_json::json!({
            "mac": mac, "maker": maker.id(), "model": model.model, "site": site, "name": "desk & chair",
            "assignment": serde_json::from_str::<serde_json::Value>(owner).unwrap(),
        });
        if site == "berlin" {
            device["lines"] = serde_json::json!([
                {"index": 2, "user": "bob@example.com", "label": "Bob's"}, {"index": 5, "common_area": "lobby"},
            ]);
        }
        let device: Device = serde_json::from_value(device).unwrap();
        let secrets = DeviceSecrets {
            token: Secret::new(format!("token-of-{}", mac.plain())),
            admin_password: Secret::new(format!("admin-{}", mac.plain())),
        };
        let windows = WindowPolicy { now: noon(), lasts: Period::hours(24) };
        self.store.enrol(device, secrets, &EnrolRules { devices_per_user: 99, windows }, &by()).unwrap();
        mac
    }

    /// One request.
    pub fn ask(&self, plane: Plane, target: &str, peer: &str, time: Timestamp) -> Got {
        self.ask_as(plane, target, peer, time, None, Method::Get)
    }

    pub fn ask_as(
        &self,
        plane: Plane,
        target: &str,
        peer: &str,
        time: Timestamp,
        agent: Option<&str>,
        method: Method,
    ) -> Got {
        let peer: IpAddr = peer.parse().unwrap();
        let port = match plane {
            Plane::Tftp => 69,
            Plane::Http => 80,
            Plane::Admin | Plane::Dhcp | Plane::Https => 443,
        };
        let local = ([10, 0, 0, 1], port).into();
        let user_agent = agent.map(str::to_owned);
        let certificate = ClientCertificate::None;
        let target = target.to_owned();
        let request = Request {
            plane,
            method,
            target,
            user_agent,
            peer,
            local,
            time,
            certificate,
            authorization: None,
            proxied_tls: None,
        };
        let answer = self.pipeline.answer(&request);
        let text = answer.body.octets().map(|octets| String::from_utf8(octets.to_vec()).unwrap()).unwrap_or_default();
        Got { status: answer.status, text }
    }

    /// The reason of the last event of a phone.
    pub fn last_reason(&self, mac: MacAddr) -> Option<String> {
        self.store.flush().unwrap();
        let events = self.store.events(Some(mac), None, 1).unwrap();
        let reason = events.first()?.reason?;
        Some(serde_json::to_value(reason).unwrap().as_str().unwrap().to_owned())
    }

    /// The first phone of each maker, registered in Berlin, with the paths of its own files in its order; the last has
    /// its settings.
    pub fn one_of_each_maker(&self) -> Vec<(MacAddr, Vec<String>)> {
        let first = |entry: &&(&str, &str, &str, usize)| entry.3 == 0;
        let enrolled = PHONES.iter().filter(first).map(|(maker, model, mac, _)| {
            let mac = self.enrol(maker, model, mac, "berlin", OWNERS[0].1);
            let model = makers::by_spelling(maker, model).unwrap();
            let files = makers::by_id(maker).unwrap().files(mac, model);
            (mac, files.into_iter().map(|file| format!("/{file}")).collect())
        });
        enrolled.collect()
    }
}

/// The token URL's path of a file of a phone.
pub fn by_token(mac: MacAddr, file: &str) -> String {
    format!("/t/token-of-{}/{file}", mac.plain())
}
