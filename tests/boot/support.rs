//! A daemon with one site on loopback, and the clients that ask it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use ztpd::config::Config;
use ztpd::daemon::{Daemon, Sockets};
use ztpd::host::clock::Clock;
use ztpd::inventory::device::Owner;
use ztpd::inventory::period::Period;
use ztpd::inventory::secret::{Secret, TokenLength};
use ztpd::provision::Pipeline;
use ztpd::store::{Actor, DeviceSecrets, EnrolRules, Store, WindowPolicy};

/// A running daemon; ends when dropped.
pub struct Site {
    pub url: String,
    pub tftp: u16,
    pub admin: Option<u16>,
    pub http: u16,
    pub now: Timestamp,
    pub runtime: tokio::runtime::Runtime,
    pub store: Arc<dyn Store>,
    pub pipeline: Arc<Pipeline>,
    pub firmware: PathBuf,
    pub authority: PathBuf,
    pub socket: PathBuf,
    stop: CancellationToken,
    running: Option<tokio::task::JoinHandle<anyhow::Result<()>>>,
    dir: tempfile::TempDir,
}

impl Site {
    pub fn start() -> Site {
        Site::start_with("")
    }

    /// With further keys of `[server]`, or further sections.
    pub fn start_with(more: &str) -> Site {
        Site::start_in(tempfile::tempdir().unwrap(), more).furnished()
    }

    /// With a socket for a proxy.
    pub fn start_proxied(socket: &std::path::Path) -> Site {
        let https = format!("proxy = [\"unix:{}\"]\n", socket.display());
        Site::start_of(tempfile::tempdir().unwrap(), &https, "").furnished()
    }

    /// With a site and its main user.
    fn furnished(self) -> Site {
        let hq = r#"{"id": "hq", "name": "HQ", "networks": ["127.0.0.0/8"]}"#;
        self.store.create_site(serde_json::from_str(hq).unwrap(), &actor(self.now)).unwrap();
        let user = r#"{"id": "alice@example.com", "first_name": "Alice", "last_name": "Doe", "site": "hq"}"#;
        self.store
            .create_user(serde_json::from_str(user).unwrap(), Secret::password().unwrap(), &actor(self.now))
            .unwrap();
        self
    }

    /// Stops the daemon and starts another one on what it kept, on ports of its own.
    pub fn restart(self, more: &str) -> Site {
        self.restart_with(more, || ())
    }

    /// The same, with something done while it is stopped.
    pub fn restart_after(self, meanwhile: impl FnOnce()) -> Site {
        self.restart_with("", meanwhile)
    }

    fn restart_with(mut self, more: &str, meanwhile: impl FnOnce()) -> Site {
        self.stop();
        meanwhile();
        let dir = std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap());
        drop(self);
        Site::start_in(dir, more)
    }

    fn start_in(dir: tempfile::TempDir, more: &str) -> Site {
        Site::start_of(dir, "", more)
    }

    fn start_of(dir: tempfile::TempDir, https: &str, more: &str) -> Site {
        let text = format!(
            "[https]\nlisten = [\"127.0.0.1:0\"]\n{https}[http]\nlisten = [\"127.0.0.1:0\"]\n\
             [tftp]\nlisten = [\"127.0.0.1:0\"]\n[sip]\nserver = \"pbx.example.com\"\n\
             [time]\nntp = [\"ntp.example.com\"]\ntimezone = \"Europe/Berlin\"\n[server]\ndata_dir = {:?}\n\
             master_key_file = {:?}\n{more}",
            dir.path().join("data"),
            master_key(dir.path())
        );
        let config = Config::parse(&text).unwrap();
        let sockets = Sockets::bind(&config).unwrap();
        let port = |plane| sockets.addresses().iter().find(|(of, _)| *of == plane).unwrap().1.port();
        let (https, http, tftp) = (port("https"), port("http"), port("tftp"));
        let admin = sockets.addresses().iter().find(|(of, _)| *of == "admin").map(|(_, at)| at.port());
        let daemon = Daemon::prepare(config, None, sockets).unwrap();
        let (store, pipeline) = (daemon.store(), daemon.pipeline());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let stop = CancellationToken::new();
        let running = Some(runtime.spawn(daemon.run(stop.clone())));
        let authority = dir.path().join("data/tls/authority.crt");
        let socket = dir.path().join("data/admin.sock");
        let (url, now) = (format!("https://127.0.0.1:{https}"), Clock::start().now());
        let firmware = dir.path().join("data/firmware");
        Site { url, tftp, admin, http, now, runtime, store, pipeline, firmware, authority, socket, stop, running, dir }
    }

    fn stop(&mut self) {
        self.stop.cancel();
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running).unwrap().unwrap();
        }
    }

    /// Registers a phone of the main user's; the model as its maker spells it.
    pub fn enrol_of(&self, maker: &str, mac: &str, model: &str) {
        let model = &ztpd::makers::by_spelling(maker, model).unwrap_or_else(|| panic!("{maker} {model}")).model;
        self.enrol_device(maker, mac, model.as_str(), "alice@example.com", "hq");
    }

    pub fn enrol(&self, mac: &str, model: &str, user: &str) {
        self.enrol_device("yealink", mac, model, user, "hq");
    }

    pub fn enrol_device(&self, maker: &str, mac: &str, model: &str, user: &str, site: &str) {
        self.register(maker, mac, model, Some(Owner::User(user.parse().unwrap())), site);
    }

    /// A phone that nobody has.
    pub fn enrol_for_nobody(&self, mac: &str, model: &str) {
        self.register("yealink", mac, model, None, "hq");
    }

    fn register(&self, maker: &str, mac: &str, model: &str, owner: Option<Owner>, site: &str) {
        let device = format!(r#"{{"mac": "{mac}", "maker": "{maker}", "model": "{model}", "site": "{site}"}}"#);
        let mut device: ztpd::inventory::device::Device = serde_json::from_str(&device).unwrap();
        device.assignment = owner;
        let secrets = DeviceSecrets {
            token: Secret::token(TokenLength::Full).unwrap(),
            admin_password: Secret::admin_password().unwrap(),
        };
        let windows = WindowPolicy { now: self.now, lasts: Period::hours(24) };
        let rules = EnrolRules { devices_per_user: 10_000, windows };
        self.store.enrol(device, secrets, &rules, &actor(self.now)).unwrap();
    }
}

/// A master key in a file of its own; the one that is there already.
pub fn master_key(dir: &Path) -> PathBuf {
    let path = dir.join("master.key");
    if !path.exists() {
        ztpd::config::master_key::make(&path).unwrap();
    }
    path
}

pub fn actor(time: Timestamp) -> Actor {
    Actor { name: "test".to_owned(), on_behalf_of: None, time, boot_ms: 0 }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What a client got.
#[derive(Debug)]
pub struct Client {
    pub status: u16,
    pub headers: String,
    pub body: String,
}

impl Client {
    /// The value of a `key = value` line.
    pub fn value(&self, key: &str) -> String {
        let start = format!("{key} = ");
        self.body.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_else(|| panic!("{key}")).to_owned()
    }

    pub fn headers_without_date(&self) -> Vec<&str> {
        self.headers.lines().filter(|line| !line.to_lowercase().starts_with("date:")).collect()
    }
}

/// curl from a source address, verifying our certificate; `None` where curl is not installed.
pub fn curl(site: &Site, source: &str, path: &str, options: &[&str]) -> Option<Client> {
    let mut command = Command::new("curl");
    command.args(["-sS", "-i", "--interface", source, "--cacert"]).arg(&site.authority).args(options);
    command.arg(format!("{}/{path}", site.url));
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            println!("skipped: curl: {error}");
            return None;
        }
    };
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
    let (headers, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = headers.split(' ').nth(1).unwrap().parse().unwrap();
    Some(Client { status, headers: headers.to_owned(), body: body.to_owned() })
}

/// tftp-hpa; the outer `None` where it is not installed, the inner where the file is not there.
pub fn tftp(site: &Site, file: &str) -> Option<Option<String>> {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new("tftp");
    command.current_dir(dir.path()).args([
        "-m",
        "octet",
        "127.0.0.1",
        &site.tftp.to_string(),
        "-c",
        "get",
        file,
        "got",
    ]);
    if let Err(error) = command.output() {
        println!("skipped: tftp: {error}");
        return None;
    }
    let text = std::fs::read_to_string(dir.path().join("got")).unwrap_or_default();
    Some((!text.is_empty()).then_some(text))
}

/// The admin API over its socket, with curl: status, headers and JSON.
pub fn admin(
    site: &Site,
    method: &str,
    path: &str,
    body: &str,
    headers: &[&str],
) -> Option<(u16, String, serde_json::Value)> {
    let mut command = Command::new("curl");
    command.args(["-sS", "-i", "-X", method, "--unix-socket"]).arg(&site.socket);
    for header in headers {
        command.args(["-H", header]);
    }
    if !body.is_empty() {
        command.args(["-H", "Content-Type: application/json", "-d", body]);
    }
    command.arg(format!("http://ztpd/api/v1/{path}"));
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            println!("skipped: curl: {error}");
            return None;
        }
    };
    assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let (headers, body) = text.split_once("\r\n\r\n").unwrap();
    let status = headers.split(' ').nth(1).unwrap().parse().unwrap();
    Some((status, headers.to_owned(), serde_json::from_str(body).unwrap_or_default()))
}

/// The body of an admin answer that is no JSON.
pub fn admin_text(site: &Site, path: &str) -> Option<String> {
    let mut command = Command::new("curl");
    command.args(["-sS", "--fail", "--unix-socket"]).arg(&site.socket).arg(format!("http://ztpd/api/v1/{path}"));
    let output = command.output().ok()?;
    assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).ok()
}

/// The octets behind any URL of the device plane, by curl, which speaks TFTP too; `None` where there are none.
pub fn fetch(site: &Site, url: &str, agent: &str) -> Option<Vec<u8>> {
    let mut command = Command::new("curl");
    command.args(["-sS", "--fail", "-A", agent, "--cacert"]).arg(&site.authority).arg(url);
    let output = command.output().ok()?;
    output.status.success().then_some(output.stdout)
}
