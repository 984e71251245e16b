//! D15, D17, D18: slow and many connections, headers, and files that are none.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::connection::Connection;
use crate::support::{Site, admin, curl, tftp};

/// A connection from a source address on which nothing is said.
fn silent(site: &Site, source: [u8; 4]) -> TcpStream {
    let to: SocketAddr = site.url.trim_start_matches("https://").parse().unwrap();
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.into()
}

fn is_open(stream: &mut TcpStream, wait: Duration) -> bool {
    stream.set_read_timeout(Some(wait)).unwrap();
    matches!(stream.peek(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

#[test]
fn sec_d15_a_stranger_has_sixteen_connections_and_a_network_behind_nat_256() {
    let site = Site::start();
    let exit = r#"{"networks": ["127.0.0.9/32", "127.0.0.1/32"]}"#;
    if admin(&site, "PATCH", "sites/hq", exit, &[]).is_none() {
        return;
    }
    let mut held: Vec<TcpStream> = (0..16).map(|_| silent(&site, [127, 0, 0, 7])).collect();
    let mut one_more = silent(&site, [127, 0, 0, 7]);
    assert!(!is_open(&mut one_more, Duration::from_secs(5)), "the seventeenth is closed");
    assert!(held.iter_mut().all(|stream| is_open(stream, Duration::from_millis(1))));
    assert_eq!(curl(&site, "127.0.0.8", "y000000000108.cfg", &[]).unwrap().status, 200, "another address is served");
    held.extend((0..255).map(|_| silent(&site, [127, 0, 0, 9])));
    assert_eq!(curl(&site, "127.0.0.9", "y000000000108.cfg", &[]).unwrap().status, 200);
    held.push(silent(&site, [127, 0, 0, 9]));
    let mut one_more = silent(&site, [127, 0, 0, 9]);
    assert!(!is_open(&mut one_more, Duration::from_secs(5)), "the 257th is closed");
}

#[test]
fn sec_d15_there_is_a_limit_for_all_together_and_who_comes_later_waits() {
    let site = Site::start_with("[limits]\nconnections = 20\n");
    let mut held: Vec<TcpStream> = (0..20).map(|number| silent(&site, [127, 0, 1, number])).collect();
    assert!(held.iter_mut().all(|stream| is_open(stream, Duration::from_millis(1))));
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| curl(&site, "127.0.2.1", "y000000000108.cfg", &[]).map(|got| got.status));
        let mut silent = silent(&site, [127, 0, 2, 2]);
        assert!(is_open(&mut silent, Duration::from_millis(300)), "nobody is turned away");
        assert!(!waits.is_finished(), "and nobody is served");
        held.truncate(18);
        assert!(matches!(waits.join().unwrap(), None | Some(200)));
    });
}

#[test]
fn sec_d15_stalled_handshakes_slow_headers_and_idle_connections_end_in_their_time() {
    let site = Site::start();
    let mut stalled = silent(&site, [127, 0, 0, 3]);
    let Some(mut slow) = Connection::open(&site) else { return };
    let mut idle = Connection::open(&site).unwrap();
    assert_eq!(idle.get("y000000000108.cfg").status, 200);
    let began = Instant::now();
    slow.send("GET /y000000000108.cfg HTTP/1.1\r\nHo");
    let took = |name: &str, end: &mut dyn FnMut(), from: u64| {
        end();
        let took = began.elapsed();
        let expected = Duration::from_millis(from * 1000 - 1_500)..Duration::from_secs(from + 5);
        assert!(expected.contains(&took), "{name}: {took:?}");
    };
    took("handshake", &mut || assert!(!is_open(&mut stalled, Duration::from_secs(20))), 10);
    took("header", &mut || slow.wait_for_end(), 10);
    took("idle", &mut || idle.wait_for_end(), 15);
}

#[test]
fn sec_d15_a_header_block_has_eight_kibibytes_and_no_request_a_body() {
    let site = Site::start();
    let header = |length: usize| format!("X-Long: {}", "x".repeat(length));
    let ask = |options: &[&str]| curl(&site, "127.0.0.1", "y000000000108.cfg", options).map(|answer| answer.status);
    let Some(status) = ask(&["-H", &header(7_000)]) else { return };
    assert_eq!(status, 200);
    assert_eq!(ask(&["-H", &header(8_192)]), Some(431));
    assert_eq!(ask(&["-X", "GET", "-d", "x"]), Some(400));
    assert_eq!(ask(&["-X", "GET", "-H", "Transfer-Encoding: chunked", "-d", "x"]), Some(400));
}

#[test]
fn sec_d18_a_secret_is_kept_by_nobody_on_the_way() {
    let site = Site::start();
    site.enrol("80:5e:c0:11:22:33", "T46U", "alice@example.com");
    let Some(file) = curl(&site, "127.0.0.1", "805ec0112233.cfg", &[]) else { return };
    let headers = file.headers.to_lowercase();
    assert!(headers.contains("\r\ncache-control: no-store\r\n"), "{headers}");
    assert!(headers.contains(&format!("\r\ncontent-length: {}", file.body.len())), "{headers}");
    for absent in ["etag:", "last-modified:", "expires:", "transfer-encoding:", "set-cookie:", "server:"] {
        assert!(!headers.contains(absent), "{headers}");
    }
}

#[test]
fn sec_d17_only_files_of_the_firmware_folder_are_served_over_every_protocol() {
    let site = Site::start();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "outside").unwrap();
    std::fs::create_dir_all(site.firmware.join("lang")).unwrap();
    std::fs::write(site.firmware.join("t46u.rom"), "firmware").unwrap();
    std::fs::write(site.firmware.join("lang/de.txt"), "Deutsch").unwrap();
    std::os::unix::fs::symlink(outside.path().join("secret"), site.firmware.join("link.rom")).unwrap();
    std::os::unix::fs::symlink(outside.path(), site.firmware.join("out")).unwrap();
    let pipe = site.firmware.join("pipe.rom");
    if !std::process::Command::new("mkfifo").arg(&pipe).status().is_ok_and(|status| status.success()) {
        println!("skipped: mkfifo");
        return;
    }
    let site = site.restart("");
    let Some(found) = curl(&site, "127.0.0.1", "t46u.rom", &[]) else { return };
    assert_eq!((found.status, found.body.as_str()), (200, "firmware"));
    assert_eq!(curl(&site, "127.0.0.1", "lang/de.txt", &[]).unwrap().body, "Deutsch");
    assert_eq!(tftp(&site, "lang/de.txt"), Some(Some("Deutsch".to_owned())));
    let climb = "../".repeat(8);
    for path in [
        "link.rom",
        "out/secret",
        "pipe.rom",
        "lang",
        "lang/",
        "lang/../t46u.rom",
        "%2e%2e/journal",
        "..%2f..%2fetc%2fpasswd",
        &format!("{climb}etc/passwd"),
        &outside.path().join("secret").display().to_string(),
    ] {
        assert_eq!(curl(&site, "127.0.0.1", path, &["--path-as-is"]).unwrap().status, 404, "{path}");
        assert_eq!(tftp(&site, path), Some(None), "{path}");
    }
    // The index is made when settings are read; what becomes a link afterwards is not followed.
    std::fs::remove_file(site.firmware.join("t46u.rom")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("secret"), site.firmware.join("t46u.rom")).unwrap();
    assert_eq!(curl(&site, "127.0.0.1", "t46u.rom", &[]).unwrap().status, 404);
}
