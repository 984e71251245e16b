//! A daemon that is told to get its certificate from a server, that server, and a phone that stays connected.

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use ztpd::config::Certificate;
use ztpd::host::clock::Clock;

pub const NAME: &str = "prov.example.com";
const PROGRAM: &str = env!("CARGO_BIN_EXE_ztpd");
/// Longer than anything takes that works.
const LONG: Duration = Duration::from_secs(120);

/// A running `ztpd serve`; ended when dropped.
pub struct Ztpd {
    child: Child,
    said: Receiver<String>,
    unheard: RefCell<Vec<String>>,
    dir: PathBuf,
    pub https: u16,
    pub http: Option<u16>,
}

impl Ztpd {
    /// With a certificate from `pebble`, whether it is there or not, and more keys of `[acme]`.
    pub fn start(dir: &Path, pebble: &Ports, http: &str, more: &str) -> Ztpd {
        configure(dir, pebble, http, more);
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--config"]).arg(dir.join("ztpd.toml")).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let (tell, said) = channel();
        std::thread::spawn(move || log.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        let mut ztpd = Ztpd { child, said, unheard: RefCell::default(), dir: dir.to_owned(), https: 0, http: None };
        ztpd.says("serving url=");
        let status = ztpd.admin("/api/v1/status").expect("curl");
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        let port = |plane: &str| {
            let listener = status["listeners"].as_array().unwrap().iter().find(|one| one["plane"] == plane)?;
            Some(listener["address"].as_str().unwrap().rsplit_once(':').unwrap().1.parse().unwrap())
        };
        (ztpd.https, ztpd.http) = (port("https").unwrap(), port("http"));
        ztpd
    }

    /// Waits until it has said so; what it said. Each line counts once, however early it came.
    pub fn says(&self, word: &str) -> String {
        let mut unheard = self.unheard.borrow_mut();
        if let Some(said) = unheard.iter().position(|line| line.contains(word)) {
            return unheard.remove(said);
        }
        loop {
            match self.said.recv_timeout(LONG) {
                Ok(line) if line.contains(word) => return line,
                Ok(line) => unheard.push(line),
                Err(error) => panic!("it never said {word:?} ({error}), but: {unheard:#?}"),
            }
        }
    }

    /// Has it read its settings again.
    pub fn reload(&self) {
        let told = Command::new("kill").args(["-s", "HUP", &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
    }

    /// Of the admin plane, as curl hears it.
    pub fn admin(&self, path: &str) -> Option<String> {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--unix-socket"]).arg(self.dir.join("data/admin.sock")).arg(format!("http://ztpd{path}"));
        Some(String::from_utf8(found(&mut curl)?.stdout).unwrap())
    }

    /// The status of a public file over HTTPS, for who trusts this authority alone.
    pub fn public_file(&self, authority: &Path) -> Option<String> {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "--cacert"]).arg(authority);
        curl.args(["--resolve", &format!("{NAME}:{}:127.0.0.1", self.https)]);
        let output = found(curl.arg(format!("https://{NAME}:{}/y000000000108.cfg", self.https)))?;
        Some(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    }

    /// What openssl says of the certificate that is shown.
    pub fn certificate(&self, what: &[&str]) -> String {
        let mut client = Command::new("openssl");
        client.args(["s_client", "-servername", NAME, "-connect", &format!("127.0.0.1:{}", self.https)]);
        let mut client = client.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let shown = Command::new("openssl")
            .args(["x509", "-noout"])
            .args(what)
            .stdin(client.stdout.take().unwrap())
            .output()
            .unwrap();
        client.wait().unwrap();
        String::from_utf8(shown.stdout).unwrap()
    }
}

impl Drop for Ztpd {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-s", "TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

/// Writes the settings.
pub fn configure(dir: &Path, pebble: &Ports, http: &str, more: &str) {
    let key = dir.join("master.key");
    if !key.exists() {
        ztpd::config::master_key::make(&key).unwrap();
    }
    let text = format!(
        "[server]\npublic_url = \"https://{NAME}\"\ndata_dir = {:?}\nmaster_key_file = {key:?}\n[https]\n\
         listen = [\"127.0.0.1:0\"]\n[http]\nlisten = [{http}]\n[tftp]\nlisten = []\n[acme]\n\
         directory = \"https://127.0.0.1:{}/dir\"\nauthority = {:?}\nterms_agreed = true\n\
         contact = [\"noc@example.com\"]\n{more}",
        dir.join("data"),
        pebble.acme,
        pebble.authority(),
    );
    std::fs::write(dir.join("ztpd.toml"), text).unwrap();
}

/// Where a Pebble is or will be, and how it proves itself.
pub struct Ports {
    dir: PathBuf,
    acme: u16,
    management: u16,
    names: u16,
    names_management: u16,
}

impl Ports {
    pub fn new(dir: &Path) -> Ports {
        let dir = dir.join("pebble");
        let now = Clock::start().now();
        Certificate::own(&dir, "localhost", &["localhost".to_owned(), "127.0.0.1".to_owned()], now).unwrap();
        let held: Vec<TcpListener> = (0..4).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports: Vec<u16> = held.iter().map(|held| held.local_addr().unwrap().port()).collect();
        let [acme, management, names, names_management] = ports[..] else { panic!() };
        Ports { dir, acme, management, names, names_management }
    }

    fn authority(&self) -> PathBuf {
        self.dir.join("authority.crt")
    }
}

/// An ACME server and the name server it asks; ended when dropped.
pub struct Pebble {
    server: Child,
    names: Child,
    root: PathBuf,
}

impl Pebble {
    /// Asks phones' ports of this daemon, unless others are given; its certificates live so many seconds. `None` where it
    /// is not installed.
    pub fn start(ports: &Ports, http: u16, tls: u16, seconds: u64) -> Option<Pebble> {
        let settings = serde_json::json!({"pebble": {
            "listenAddress": format!("127.0.0.1:{}", ports.acme),
            "managementListenAddress": format!("127.0.0.1:{}", ports.management),
            "certificate": ports.dir.join("leaf.crt"), "privateKey": ports.dir.join("leaf.key"),
            "httpPort": http, "tlsPort": tls, "ocspResponderURL": "", "externalAccountBindingRequired": false,
            "certificateValidityPeriod": seconds,
        }});
        let file = ports.dir.join("pebble.json");
        std::fs::write(&file, settings.to_string()).unwrap();
        let quiet = |command: &mut Command| command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut names = Command::new("pebble-challtestsrv");
        names.args(["-dns01", &format!("127.0.0.1:{}", ports.names), "-http01", "", "-https01", "", "-tlsalpn01", ""]);
        names.args(["-management", &format!("127.0.0.1:{}", ports.names_management), "-defaultIPv6", ""]);
        let names = match quiet(&mut names) {
            Ok(names) => names,
            Err(error) => {
                println!("skipped: pebble: {error}");
                return None;
            }
        };
        let mut server = Command::new("pebble");
        server.arg("-config").arg(&file).args(["-dnsserver", &format!("127.0.0.1:{}", ports.names)]);
        server.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_WFE_NONCEREJECT", "5");
        let pebble = Pebble { server: quiet(&mut server).unwrap(), names, root: ports.dir.join("root.pem") };
        // curl waits until they answer.
        let waits = ["-sSk", "--fail", "--retry", "60", "--retry-connrefused", "--retry-delay", "1"];
        let asked = |port: u16, path: &str, scheme: &str| {
            let url = format!("{scheme}://127.0.0.1:{port}{path}");
            let output = Command::new("curl").args(waits).arg(url).output().unwrap();
            assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
            output.stdout
        };
        std::fs::write(&pebble.root, asked(ports.management, "/roots/0", "https")).unwrap();
        asked(ports.acme, "/dir", "https");
        Some(pebble)
    }

    /// The authority behind what it issues.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        for child in [&mut self.server, &mut self.names] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A phone whose connection stays open.
pub struct Phone {
    client: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Phone {
    pub fn connect(ztpd: &Ztpd) -> Phone {
        let mut client = Command::new("openssl");
        client.args(["s_client", "-quiet", "-connect", &format!("127.0.0.1:{}", ztpd.https)]);
        let mut client = client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (to, from) = (client.stdin.take().unwrap(), BufReader::new(client.stdout.take().unwrap()));
        Phone { client, to, from }
    }

    /// Asks for a public file; the status.
    pub fn asks(&mut self) -> u16 {
        self.to.write_all(b"GET /y000000000108.cfg HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            assert!(self.from.read_line(&mut line).unwrap() > 0, "the connection was dropped");
            let line = line.trim().to_lowercase();
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest.split(' ').next().unwrap().parse().unwrap();
            } else if let Some(rest) = line.strip_prefix("content-length: ") {
                length = rest.parse().unwrap();
            } else if line.is_empty() {
                break;
            }
        }
        self.from.read_exact(&mut vec![0; length]).unwrap();
        status
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

/// Runs a client, unless it is not installed.
pub fn found(command: &mut Command) -> Option<std::process::Output> {
    match command.output() {
        Ok(output) => Some(output),
        Err(error) => {
            println!("skipped: {}: {error}", command.get_program().display());
            None
        }
    }
}
