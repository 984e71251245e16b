//! What a service manager does with the program, done by hand: passing sockets by name, listening to what it is told.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Daemon, PROGRAM, config};

/// `ztpd serve` with these sockets as descriptors 3 and on, as `sd_listen_fds(3)` describes it.
fn activated(config: &Path, sockets: &[(&str, &dyn AsFd)], names: Option<&str>) -> Option<Command> {
    if Command::new("bash").arg("--version").output().is_err() {
        println!("skipped: bash is missing, which hands descriptors over");
        return None;
    }
    let mut script = format!("export LISTEN_PID=$$ LISTEN_FDS={};", sockets.len());
    let list: Vec<&str> = sockets.iter().map(|(name, _)| *name).collect();
    if let Some(names) = names.map(str::to_owned).or_else(|| Some(list.join(":"))).filter(|names| !names.is_empty()) {
        script.push_str(&format!("export LISTEN_FDNAMES={names};"));
    }
    // First to high numbers, so that none is overwritten before it is handed over.
    let mut moves = String::new();
    for (index, (_, socket)) in sockets.iter().enumerate() {
        let fd = socket.as_fd();
        rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::empty()).unwrap();
        script.push_str(&format!("exec {}<&{};", 200 + index, fd.as_raw_fd()));
        moves.push_str(&format!("exec {}<&{};", 3 + index, 200 + index));
    }
    script.push_str(&moves);
    script.push_str("exec \"$0\" serve --config \"$1\"");
    let mut command = Command::new("bash");
    command.arg("-c").arg(script).arg(PROGRAM).arg(config).stderr(Stdio::piped());
    Some(command)
}

fn fetched(url: &str, options: &[&str]) -> Option<String> {
    let output = Command::new("curl").args(["-sSk", "--max-time", "20"]).args(options).arg(url).output();
    let Ok(output) = output else {
        println!("skipped: curl is missing");
        return None;
    };
    assert!(output.status.success(), "{url}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

fn fetched_by_tftp(address: SocketAddr, file: &str) -> Option<Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new("tftp");
    let port = address.port().to_string();
    command.current_dir(dir.path()).args(["-m", "octet", &address.ip().to_string(), &port, "-c", "get", file, "got"]);
    let Ok(output) = command.output() else {
        println!("skipped: tftp-hpa is missing");
        return None;
    };
    Some(std::fs::read(dir.path().join("got")).unwrap_or_else(|error| panic!("{error}: {output:?}")))
}

#[test]
fn passed_sockets_replace_the_listen_keys_and_serve_all_planes() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    // What the file says to listen on is in use: nobody may try to bind it.
    let path = config(dir.path(), &format!("[http]\nlisten = [\"{}\"]\n", taken.local_addr().unwrap()));
    let (first, second) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let (http, tftp) = (TcpListener::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let admin = UnixListener::bind(dir.path().join("passed.sock")).unwrap();
    let sockets: &[(&str, &dyn AsFd)] =
        &[("https", &first), ("tftp", &tftp), ("admin", &admin), ("https", &second), ("http", &http)];
    let Some(command) = activated(&path, sockets, None) else { return };
    let mut daemon = Daemon::start_as(command);
    for (scheme, socket) in [("https", &first), ("https", &second), ("http", &http)] {
        let url = format!("{scheme}://{}/ztpd-ca.pem", socket.local_addr().unwrap());
        let Some(authority) = fetched(&url, &[]) else { return };
        assert!(authority.contains("BEGIN CERTIFICATE"), "{url}: {authority}");
    }
    let passed = dir.path().join("passed.sock");
    let alive = fetched("http://ztpd/healthz", &["--unix-socket", passed.to_str().unwrap()]).unwrap();
    assert_eq!(alive, "alive\n");
    assert!(!dir.path().join("data/admin.sock").exists(), "a second administrators' socket was made");
    if let Some(authority) = fetched_by_tftp(tftp.local_addr().unwrap(), "ztpd-ca.pem") {
        assert!(String::from_utf8(authority).unwrap().contains("BEGIN CERTIFICATE"));
    }
    daemon.signal("TERM");
    daemon.says("stopped");
    assert_eq!(daemon.child.wait().unwrap().code(), Some(0));
}

#[test]
fn sec_d11_a_passed_socket_for_a_proxy_takes_its_header_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    // What the file says of proxies does not count, or the start would fail: that folder cannot be made.
    let path = config(dir.path(), "");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("[https]\n", "[https]\nproxy = [\"unix:/proc/1/no/proxy.sock\"]\n")).unwrap();
    let (https, here) = (TcpListener::bind("127.0.0.1:0").unwrap(), dir.path().join("proxy.sock"));
    let proxy = UnixListener::bind(&here).unwrap();
    let sockets: &[(&str, &dyn AsFd)] = &[("https", &https), ("proxy", &proxy)];
    let Some(command) = activated(&path, sockets, None) else { return };
    let _daemon = Daemon::start_as(command);
    let answer = |before: &[u8]| {
        let mut stream = UnixStream::connect(&here).unwrap();
        let asked = b"GET /ztpd-ca.pem HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let _ = stream.write_all(before).and_then(|()| stream.write_all(asked));
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    let header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\x7f\0\0\x09\x7f\0\0\x01\xc0\x01\x01\xbb";
    assert!(answer(header).contains("BEGIN CERTIFICATE"));
    assert_eq!(answer(b""), "");
    let said = fetched("http://ztpd/readyz", &["--unix-socket", dir.path().join("data/admin.sock").to_str().unwrap()]);
    let Some(said) = said else { return };
    assert!(said.contains("TLS older than 1.2"), "{said}");
}

#[test]
fn a_passed_socket_that_does_not_fit_ends_the_start_with_the_cure() {
    let dir = tempfile::tempdir().unwrap();
    let path = config(dir.path(), "");
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let connected = std::net::TcpStream::connect(tcp.local_addr().unwrap()).unwrap();
    let refused = |sockets: &[(&str, &dyn AsFd)], names: Option<&str>, cure: &str| {
        let Some(mut command) = activated(&path, sockets, names) else { return };
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(cure), "{cure}: {said}");
        assert!(!dir.path().join("data/sled").exists());
    };
    refused(&[("https", &tcp), ("sip", &udp)], None, "must be one of");
    refused(&[("https", &tcp), ("tftp", &tcp)], None, "ListenDatagram=");
    refused(&[("tftp", &udp)], None, "none as \"https\"");
    let open = TcpListener::bind("0.0.0.0:0").unwrap();
    refused(&[("https", &tcp), ("proxy", &open)], None, "a loopback address");
    refused(&[("https", &connected)], None, "Accept=no");
    refused(&[("https", &tcp), ("tftp", &udp)], Some(""), "FileDescriptorName=");
    refused(&[("https", &tcp), ("tftp", &udp)], Some("https"), "2 sockets were passed with 1 names");
}

#[test]
fn a_wildcard_socket_without_a_public_url_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = config(dir.path(), "");
    let everywhere = TcpListener::bind("0.0.0.0:0").unwrap();
    let Some(mut command) = activated(&path, &[("https", &everywhere)], None) else { return };
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("server.public_url is needed"), "{said}");
}

/// A service manager's end of `sd_notify(3)`.
struct Manager(UnixDatagram);

impl Manager {
    /// Waits for a message that has this line; what it says in all.
    fn hears(&self, line: &str) -> Vec<String> {
        loop {
            let mut message = [0; 4096];
            let length = self.0.recv(&mut message).unwrap_or_else(|error| panic!("no {line}: {error}"));
            let lines: Vec<String> =
                std::str::from_utf8(&message[..length]).unwrap().lines().map(str::to_owned).collect();
            if lines.iter().any(|said| said == line) {
                return lines;
            }
            assert_eq!(lines, ["WATCHDOG=1"], "something else came before {line}");
        }
    }
}

#[test]
fn the_service_manager_is_told_of_every_turn_in_the_daemons_life() {
    let dir = tempfile::tempdir().unwrap();
    let path = config(dir.path(), "");
    let manager = Manager(UnixDatagram::bind(dir.path().join("notify")).unwrap());
    manager.0.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut command = Command::new(PROGRAM);
    command.args(["serve", "--config"]).arg(&path).stderr(Stdio::piped());
    command.env("NOTIFY_SOCKET", dir.path().join("notify")).env("WATCHDOG_USEC", "200000");
    let mut daemon = Daemon::start_as(command);
    let ready = manager.hears("READY=1");
    assert!(ready.iter().any(|line| line.starts_with("STATUS=serving https://127.0.0.1:")), "{ready:?}");
    for _ in 0..3 {
        manager.hears("WATCHDOG=1");
    }
    daemon.signal("HUP");
    let reloading = manager.hears("RELOADING=1");
    assert!(reloading.iter().any(|line| {
        line.strip_prefix("MONOTONIC_USEC=").is_some_and(|time| time.parse::<u64>().is_ok_and(|time| time > 0))
    }));
    manager.hears("READY=1");
    config(dir.path(), "[htps]\n");
    daemon.signal("HUP");
    manager.hears("RELOADING=1");
    let ready = manager.hears("READY=1");
    assert!(ready.iter().any(|line| line.contains("old settings") && line.contains("line 7")), "{ready:?}");
    daemon.signal("TERM");
    manager.hears("STOPPING=1");
    daemon.says("stopped");
}
