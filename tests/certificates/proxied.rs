//! D11: behind a real HAProxy that speaks the TLS of old phones, the phone's own address decides, and no header does.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use crate::support::{Site, admin};

const MAC: &str = "80:5e:c0:11:22:33";
const FILE: &str = "805ec0112233.cfg";

/// A daemon with a socket for a proxy.
struct Behind {
    site: Site,
    dir: tempfile::TempDir,
}

/// HAProxy; ends when dropped.
struct Haproxy {
    process: Child,
    address: SocketAddr,
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// How a phone speaks with HAProxy.
#[derive(Clone, Copy, PartialEq)]
enum Speaks {
    Http,
    OldTls,
}

impl Behind {
    fn start() -> Behind {
        let dir = tempfile::tempdir().unwrap();
        let site = Site::start_proxied(&dir.path().join("proxy.sock"));
        site.enrol(MAC, "T46U", "alice@example.com");
        Behind { site, dir }
    }

    fn socket(&self) -> std::path::PathBuf {
        self.dir.path().join("proxy.sock")
    }

    /// The configuration of the manual, with paths and listener of this test. `None` where HAProxy is not installed.
    fn haproxy(&self, speaks: Speaks) -> Option<Haproxy> {
        let manual = include_str!("../../docs/old-phones.md");
        let config = manual.split("```haproxy\n").nth(1).unwrap().split("```").next().unwrap();
        let tls = self.site.authority.parent().unwrap();
        let both: String =
            ["leaf.crt", "leaf.key"].map(|file| std::fs::read_to_string(tls.join(file)).unwrap()).concat();
        let pem = self.dir.path().join("ztpd.pem");
        std::fs::write(&pem, both).unwrap();
        let config = config.replace("/etc/haproxy/ztpd.pem", pem.to_str().unwrap());
        let config = config.replace("/run/ztpd/proxy.sock", self.socket().to_str().unwrap());
        // HAProxy's user could not reach this test's folder.
        let config: Vec<&str> =
            config.lines().filter(|line| !["user ", "group "].iter().any(|key| line.trim().starts_with(key))).collect();
        let config = config.join("\n") + "\n";
        // The listener is bound here, so that clients can connect from now on.
        let bind = config.lines().find(|line| line.trim().starts_with("bind ")).unwrap();
        let config = match speaks {
            Speaks::Http => config.replace(bind, "    bind fd@0"),
            Speaks::OldTls => config.replace("bind :443 ", "bind fd@0 "),
        };
        let file = self.dir.path().join("haproxy.cfg");
        std::fs::write(&file, config).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut command = Command::new("haproxy");
        command.args(["-db", "-f"]).arg(&file).stdin(Stdio::from(OwnedFd::from(listener)));
        match command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
            Ok(process) => Some(Haproxy { process, address }),
            Err(error) => {
                println!("skipped: haproxy: {error}");
                None
            }
        }
    }

    fn last_event(&self) -> serde_json::Value {
        let (_, _, events) = admin(&self.site, "GET", &format!("devices/{MAC}/events?limit=1"), "", &[]).unwrap();
        events["items"][0].clone()
    }
}

/// What curl gets through HAProxy from a source address.
fn through(proxy: &Haproxy, speaks: Speaks, source: &str, path: &str, more: &[&str]) -> (u16, String) {
    let mut curl = Command::new("curl");
    // OpenSSL speaks the old TLS only if it is told to.
    curl.args(["-sS", "-k", "-i", "--interface", source, "--tlsv1.0", "--tls-max", "1.0"]);
    curl.args(["--ciphers", "DEFAULT@SECLEVEL=0"]).args(more);
    let scheme = if speaks == Speaks::OldTls { "https" } else { "http" };
    let output = curl.arg(format!("{scheme}://{}/{path}", proxy.address)).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn sec_d11_behind_a_proxy_the_address_of_the_phone_decides() {
    let behind = Behind::start();
    let Some(proxy) = behind.haproxy(Speaks::OldTls) else { return };
    // Straight on, the old TLS is not spoken.
    let direct = Command::new("curl")
        .args(["-sS", "-k", "--tlsv1.0", "--tls-max", "1.0", "--ciphers", "DEFAULT@SECLEVEL=0", &behind.site.url])
        .output()
        .unwrap();
    assert!(!direct.status.success());
    let get = |source: &str, path: &str, more: &[&str]| through(&proxy, Speaks::OldTls, source, path, more);
    assert_eq!(get("127.0.0.9", "y000000000108.cfg", &[]).0, 200);
    let (status, body) = get("127.0.0.9", FILE, &[]);
    assert_eq!(status, 200, "its claim");
    assert_eq!(behind.last_event()["address"], "127.0.0.9");
    assert_eq!(behind.last_event()["plane"], "https");
    assert_eq!(behind.last_event()["proxied_tls"], "TLSv1", "the record says how weak it was");
    // Another address, whatever it says of itself.
    for header in ["X-Forwarded-For: 127.0.0.9", "Forwarded: for=127.0.0.9", "X-Real-IP: 127.0.0.9"] {
        assert_eq!(get("127.0.0.10", FILE, &["-H", header]).0, 404, "{header}");
        let event = behind.last_event();
        assert_eq!((&event["reason"], &event["address"]), (&"claim_taken".into(), &"127.0.0.10".into()), "{header}");
    }
    for header in ["X-SSL-Client-CN: 805EC0112233", "X-SSL-Client-Verify: SUCCESS", "X-Client-Cert: x"] {
        assert_eq!(get("127.0.0.10", FILE, &["-H", header]).0, 404, "{header}");
    }
    let token = body.split("/t/").nth(1).unwrap().split(['/', '\n', '\r']).next().unwrap();
    assert_eq!(get("127.0.0.11", &format!("t/{token}/{FILE}"), &[]).0, 200, "a token counts from anywhere");
}

#[test]
fn sec_d11_a_proxy_that_spoke_no_tls_gets_public_files_only() {
    let behind = Behind::start();
    let Some(proxy) = behind.haproxy(Speaks::Http) else { return };
    assert_eq!(through(&proxy, Speaks::Http, "127.0.0.9", "y000000000108.cfg", &[]).0, 200);
    assert_eq!(through(&proxy, Speaks::Http, "127.0.0.9", FILE, &[]).0, 404);
    let event = behind.last_event();
    assert_eq!((&event["plane"], &event["reason"]), (&"http".into(), &"insecure_channel".into()));
}

#[test]
fn sec_d11_a_phone_that_writes_a_proxys_header_itself_gets_nothing() {
    let behind = Behind::start();
    let Some(proxy) = behind.haproxy(Speaks::Http) else { return };
    let request = format!("GET /{FILE} HTTP/1.1\r\nHost: x\r\n\r\n");
    for spoofed in [over_tls([127, 0, 0, 9]), b"PROXY TCP4 127.0.0.9 127.0.0.1 49153 443\r\n".to_vec()] {
        let mut stream = TcpStream::connect(proxy.address).unwrap();
        let _ = stream.write_all(&spoofed).and_then(|()| stream.write_all(request.as_bytes()));
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    let (_, _, events) = admin(&behind.site, "GET", &format!("devices/{MAC}/events"), "", &[]).unwrap();
    assert_eq!(events["items"], serde_json::json!([]), "nothing was asked in the phone's name");
}

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Addresses and ports over IPv4, as a header has them.
fn v4(peer: [u8; 4]) -> Vec<u8> {
    [&peer[..], &[127, 0, 0, 1, 0xc0, 1, 1, 0xbb]].concat()
}

/// The header of `send-proxy-v2-ssl` for a client that spoke TLS.
fn over_tls(peer: [u8; 4]) -> Vec<u8> {
    let rest = [&v4(peer)[..], &[0x20, 0, 15, 1, 0, 0, 0, 0, 0x21, 0, 7], b"TLSv1.1"].concat();
    [SIGNATURE, &[0x21, 0x11, 0, u8::try_from(rest.len()).unwrap()], &rest].concat()
}

#[test]
fn sec_d11_without_a_header_of_the_proxy_nothing_is_answered() {
    let behind = Behind::start();
    let request = format!("GET /{FILE} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let answer = |before: &[u8]| {
        let mut stream = UnixStream::connect(behind.socket()).unwrap();
        // The daemon may have hung up already.
        let _ = stream.write_all(before).and_then(|()| stream.write_all(request.as_bytes()));
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    let of = |start: &[u8], rest: &[u8]| [SIGNATURE, start, rest].concat();
    let mut endless = of(&[0x21, 0x11, 0xff, 0xff], &v4([127, 0, 0, 9]));
    endless.resize(16 + 0xffff, 0);
    for (what, before) in [
        ("nothing", Vec::new()),
        ("version 1", b"PROXY TCP4 127.0.0.9 127.0.0.1 49153 443\r\n".to_vec()),
        ("the proxy for itself", of(&[0x20, 0, 0, 0], &[])),
        ("no address", of(&[0x21, 0, 0, 0], &[])),
        ("too short", of(&[0x21, 0x11, 0, 4], &[1, 2, 3, 4])),
        ("too long", endless),
        ("more said than there is", of(&[0x21, 0x11, 0, 15], &[&v4([127, 0, 0, 9])[..], &[0x20, 0, 9]].concat())),
    ] {
        assert_eq!(answer(&before), "", "{what}");
    }
    let twice = answer(&[over_tls([127, 0, 0, 9]), over_tls([127, 0, 0, 10])].concat());
    assert!(!twice.starts_with("HTTP/1.1 200"), "twice: {twice}");
    // A proxy that does not say that it speaks TLS with the phone gets no secret.
    let silent = answer(&of(&[0x21, 0x11, 0, 12], &v4([127, 0, 0, 9])));
    assert!(silent.starts_with("HTTP/1.1 404"), "{silent}");
    let spoken = answer(&over_tls([127, 0, 0, 9]));
    assert!(spoken.starts_with("HTTP/1.1 200"), "the usual header: {spoken}");
    assert_eq!(behind.last_event()["proxied_tls"], "TLSv1.1");
}
