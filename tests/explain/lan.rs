//! The whole way on a LAN: a real DHCP server, the real watcher, a phone that gets an address and then asks. That the
//! handshake was this phone's is known from the lease that the watcher overheard.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::lab::Lab;

const ZTPD: &str = env!("CARGO_BIN_EXE_ztpd");
/// The Yealink of the lab (tests/lab/README.md), and the Poly.
const YEALINK: &str = "00:15:65:00:00:01";
const POLY: &str = "64:16:7f:00:00:02";

/// A program that runs until it is dropped, once it has said something.
struct Running(Child);

impl Running {
    fn says(mut command: Command, word: &str) -> Running {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains(word) {
            said.clear();
            assert!(log.read_line(&mut said).unwrap() > 0, "it ended before it said {word}");
        }
        // Whoever writes must not find the pipe full.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Running(child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// A daemon in the lab's `srv`, and the watcher on some host.
struct Lan {
    lab: Lab,
    socket: PathBuf,
    authority: PathBuf,
    _daemon: Running,
    _watcher: Running,
    _folder: tempfile::TempDir,
}

impl Lan {
    fn up(letter: char, watcher: &str, programs: &[&str]) -> Option<Lan> {
        let lab = Lab::up(letter, programs)?;
        let folder = tempfile::tempdir().unwrap();
        let (data, key, config) =
            (folder.path().join("data"), folder.path().join("master.key"), folder.path().join("ztpd.toml"));
        ztpd::config::master_key::make(&key).unwrap();
        // Nobody drops privileges here: the folder is root's.
        let text = format!(
            "[server]\npublic_url = \"https://10.77.0.2:8443\"\ndata_dir = {data:?}\nmaster_key_file = {key:?}\nuser = \
             \"root\"\n[https]\nlisten = [\"10.77.0.2:8443\"]\n[tftp]\nlisten = [\"10.77.0.2:69\"]\n[sip]\nserver = \
             \"pbx.example.com\"\n[admin]\nsocket = {:?}\n",
            folder.path().join("admin.sock")
        );
        std::fs::write(&config, text).unwrap();
        let mut daemon = lab.command("srv", ZTPD);
        daemon.args(["serve", "--config"]).arg(&config);
        let daemon = Running::says(daemon, "serving");
        let socket = folder.path().join("admin.sock");
        let mut listens = lab.command(watcher, ZTPD);
        listens.args(["dhcp", "watch", "--interface", "eth0", "--report", "--socket"]).arg(&socket);
        let watcher = Running::says(listens, "listening");
        let authority = data.join("tls/authority.crt");
        let lan = Lan { lab, socket, authority, _daemon: daemon, _watcher: watcher, _folder: folder };
        lan.ztpd(&["site", "add", "hq", "--networks", "10.77.0.0/24"]);
        lan.ztpd(&["user", "add", "alice@example.com", "--first-name", "Alice", "--site", "hq"]);
        Some(lan)
    }

    fn ztpd(&self, arguments: &[&str]) -> Value {
        let output =
            Command::new(ZTPD).args(arguments).args(["--json", "--socket"]).arg(&self.socket).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    fn add(&self, mac: &str, maker: &str, model: &str) {
        self.ztpd(&["device", "add", mac, "--maker", maker, "--model", model, "--user", "alice@example.com"]);
    }

    /// The explanation once it names this cause: the watcher hands in within about a second.
    fn names(&self, mac: &str, cause: &str) -> Value {
        let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
        loop {
            let explanation = self.ztpd(&["device", "explain", mac]);
            if explanation["cause"] == cause {
                return explanation;
            }
            assert!(std::time::Instant::now() < until, "not {cause}: {explanation:#}");
        }
    }

    /// A phone gets an address, as busybox does.
    fn leases(&self, host: &str, class: &str) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/dhcp/udhcpc-dump.sh");
        let mut client = self.lab.command(host, "busybox");
        client.args(["udhcpc", "-f", "-q", "-n", "-t", "5", "-T", "2", "-i", "eth0", "-V", class, "-O", "66", "-s"]);
        assert!(client.arg(script).output().unwrap().status.success());
    }

    /// Takes the address that it was given.
    fn takes(&self, host: &str, explanation: &Value) -> String {
        let steps = explanation["steps"].as_array().unwrap();
        let address = steps.iter().find_map(|step| step["address"].as_str()).unwrap().to_owned();
        let mut command = self.lab.command(host, "ip");
        command.args(["addr", "add", &format!("{address}/24"), "dev", "eth0"]);
        assert!(command.status().unwrap().success());
        address
    }
}

#[test]
fn a_phone_from_its_first_question_to_its_settings() {
    let Some(lan) = Lan::up('p', "dhcp", &["dnsmasq", "busybox", "openssl", "curl"]) else { return };
    lan.lab.does(&["dhcp", "dnsmasq", "right"]);
    lan.add(YEALINK, "yealink", "T46U");
    lan.names(YEALINK, "never_seen");
    lan.leases("phone1", "yealink");
    let seen = lan.names(YEALINK, "dhcp_only");
    let step = &seen["steps"][0];
    assert!(step["summary"].as_str().unwrap().contains("tftp://10.77.0.2/001565000001.boot (here)"), "{step:#}");
    let address = lan.takes("phone1", &seen);
    // The common file names no phone; that it was this one is known from the lease.
    let folder = tempfile::tempdir().unwrap();
    let mut first = lan.lab.command("phone1", "busybox");
    first.current_dir(folder.path()).args(["tftp", "-g", "-r", "y000000000108.cfg", "10.77.0.2"]);
    assert!(first.output().unwrap().status.success());
    lan.names(YEALINK, "bootstrap_only");
    // Old as it is, it gets no further than the handshake, which names nobody.
    let mut old = lan.lab.command("phone1", "openssl");
    old.args(["s_client", "-connect", "10.77.0.2:8443", "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]);
    old.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    let failed = lan.names(YEALINK, "tls_old_version");
    assert!(failed["summary"].as_str().unwrap().contains(&address), "{failed:#}");
    // With new firmware it is served.
    let mut new = lan.lab.command("phone1", "curl");
    new.args(["-sS", "--fail", "--cacert"]).arg(&lan.authority).arg("https://10.77.0.2:8443/001565000001.cfg");
    assert!(new.output().unwrap().status.success());
    lan.names(YEALINK, "provisioned");
}

#[test]
fn a_phone_of_no_inventory_that_is_led_astray_and_then_home() {
    let Some(lan) = Lan::up('q', "phone1", &["dnsmasq", "busybox"]) else { return };
    lan.lab.does(&["rogue"]);
    lan.leases("phone1", "yealink");
    lan.names(YEALINK, "not_in_inventory");
    lan.ztpd(&["device", "adopt", YEALINK, "--model", "T46U"]);
    let astray = lan.names(YEALINK, "sent_elsewhere");
    let summary = astray["summary"].as_str().unwrap();
    assert!(summary.contains("option 66 of 10.77.0.4") && summary.contains("10.77.0.4"), "{summary}");
    lan.lab.does(&["stop", "rogue"]);
    lan.lab.does(&["dhcp", "dnsmasq", "right"]);
    lan.leases("phone1", "yealink");
    lan.names(YEALINK, "dhcp_only");
}

#[test]
fn a_watcher_that_hears_the_questions_alone_says_so() {
    let Some(lan) = Lan::up('t', "srv", &["dnsmasq", "busybox"]) else { return };
    lan.lab.does(&["dhcp", "dnsmasq", "right"]);
    lan.add(YEALINK, "yealink", "T46U");
    lan.leases("phone1", "yealink");
    let seen = lan.names(YEALINK, "dhcp_only");
    let summary = seen["summary"].as_str().unwrap();
    assert!(summary.contains("an address of 10.77.0.3") && summary.contains("was not heard"), "{summary}");
}

#[test]
fn two_servers_and_none() {
    let Some(lan) = Lan::up('r', "dhcp", &["dnsmasq"]) else { return };
    lan.add(POLY, "poly", "VVX450");
    // It asks, and takes nothing: which of both it would believe is chance.
    let asks = || {
        let arguments = ["dhcp", "probe", "--interface", "eth0", "--maker", "poly", "--wait", "2s"];
        lan.lab.command("phone2", ZTPD).args(arguments).output().unwrap();
    };
    asks();
    lan.names(POLY, "dhcp_no_answer");
    lan.lab.does(&["dhcp", "dnsmasq", "right"]);
    lan.lab.does(&["rogue"]);
    asks();
    let rogue = lan.names(POLY, "rogue_dhcp");
    let summary = rogue["summary"].as_str().unwrap();
    assert!(summary.contains("10.77.0.3") && summary.contains("10.77.0.4"), "{summary}");
    assert!(rogue["fix"].as_str().unwrap().contains("switch 10.77.0.4 off"), "{rogue:#}");
}
