//! Downloads by the clients people have: tftp-hpa, atftp, BusyBox and curl.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use sha2::{Digest, Sha256};
use ztpd::serve::tftp::{Ended, Rules};

use crate::support::{Event, Server};

/// Enough blocks of 512 bytes to wrap the block number.
const LARGE: u32 = 40_000_000;

/// Runs a client, or says that it is missing.
fn run(client: &mut Command, input: &str) -> Option<Output> {
    let name = client.get_program().to_string_lossy().into_owned();
    let child = client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("skipped: {name} is not installed");
            return None;
        }
        Err(error) => panic!("{name}: {error}"),
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Some(child.wait_with_output().unwrap())
}

/// All a client said.
fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn hpa(server: &Server, directory: &Path) -> Command {
    let mut command = Command::new("tftp");
    command.args(["127.0.0.1", &server.address.port().to_string()]).current_dir(directory);
    command
}

fn atftp(server: &Server, directory: &Path, file: &str, options: &[&str]) -> Command {
    let mut command = Command::new("atftp");
    for option in options {
        command.args(["--option", option]);
    }
    let port = server.address.port().to_string();
    command.args(["-g", "-r", file, "-l", "got", "127.0.0.1", &port]).current_dir(directory);
    command
}

fn busybox(server: &Server, directory: &Path, file: &str, block_size: &str) -> Command {
    let mut command = Command::new("busybox");
    let port = server.address.port().to_string();
    command.args(["tftp", "-g", "-b", block_size, "-r", file, "-l", "got", "127.0.0.1", &port]).current_dir(directory);
    command
}

fn curl(server: &Server, directory: &Path, file: &str, options: &[&str]) -> Command {
    let mut command = Command::new("curl");
    let url = format!("tftp://127.0.0.1:{}/{file}", server.address.port());
    command.args(["-sS", "-o", "got"]).args(options).arg(url).current_dir(directory);
    command
}

fn digest(path: &Path) -> Vec<u8> {
    Sha256::digest(std::fs::read(path).unwrap()).to_vec()
}

/// Lets one client fetch a file of 40 MB from disk.
fn fetches_a_large_file(client: impl Fn(&Server, &Path) -> Command) {
    let directory = tempfile::tempdir().unwrap();
    let path = Server::large_file(&directory, LARGE);
    let files = [("large", path.clone())];
    let server = Server::on("127.0.0.1:0", Rules::default(), &[], &files).unwrap();
    let Some(output) = run(&mut client(&server, directory.path()), "mode octet\nget large got\nquit\n") else { return };
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(digest(&directory.path().join("got")), digest(&path));
    let outcome = server.outcome();
    assert_eq!((outcome.ended, outcome.acknowledged), (Ended::Completed, u64::from(LARGE)));
}

#[test]
fn tftp_hpa_fetches_a_large_file() {
    fetches_a_large_file(hpa);
}

#[test]
fn curl_fetches_a_large_file_in_blocks_of_512() {
    fetches_a_large_file(|server, directory| curl(server, directory, "large", &["--tftp-blksize", "512"]));
}

#[test]
fn curl_fetches_a_large_file_in_blocks_of_1428() {
    fetches_a_large_file(|server, directory| curl(server, directory, "large", &["--tftp-blksize", "1428"]));
}

#[test]
fn busybox_fetches_a_large_file_in_blocks_of_512() {
    fetches_a_large_file(|server, directory| busybox(server, directory, "large", "512"));
}

#[test]
fn sec_d16_busybox_is_given_blocks_of_1428_when_it_wants_more() {
    fetches_a_large_file(|server, directory| busybox(server, directory, "large", "8000"));
}

#[test]
fn atftp_fetches_a_large_file_in_blocks_of_1428() {
    fetches_a_large_file(|server, directory| atftp(server, directory, "large", &["blksize 1428"]));
}

#[test]
fn atftp_fetches_a_large_file_in_windows() {
    let options = ["blksize 512", "windowsize 8", "tsize 0", "timeout 2"];
    fetches_a_large_file(|server, directory| atftp(server, directory, "large", &options));
}

#[test]
fn files_of_whole_blocks_and_empty_ones_arrive() {
    let directory = tempfile::tempdir().unwrap();
    let got = directory.path().join("got");
    let server = Server::with(&[("0", b""), ("512", &[1; 512]), ("1428", &[2; 1428]), ("4284", &[3; 4284])]);
    for (name, length) in [("0", 0), ("512", 512), ("1428", 1428), ("4284", 4284)] {
        let clients = [
            curl(&server, directory.path(), name, &["--tftp-no-options"]),
            // curl refuses an OACK with a size of 0.
            curl(
                &server,
                directory.path(),
                name,
                if length == 0 { &["--tftp-no-options"] } else { &["--tftp-blksize", "1428"] },
            ),
            atftp(&server, directory.path(), name, &["blksize 1428", "windowsize 3"]),
            busybox(&server, directory.path(), name, "1428"),
        ];
        for mut client in clients {
            let _ = std::fs::remove_file(&got);
            let Some(output) = run(&mut client, "") else { continue };
            assert!(output.status.success(), "{client:?}: {}", said(&output));
            assert_eq!(std::fs::metadata(&got).map_or(0, |file| file.len()), length, "{client:?}");
            server.completed();
        }
    }
}

#[test]
fn tftp_hpa_fetches_hundreds_of_files_in_one_session() {
    let directory = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..200).map(|number| format!("phone-{number}.cfg")).collect();
    let bodies: Vec<Vec<u8>> = (0..200).map(|number: usize| vec![b'x'; number * 13]).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(String::as_str).zip(bodies.iter().map(Vec::as_slice)).collect();
    let server = Server::with(&files);
    let mut session = "mode octet\n".to_owned();
    for name in &names {
        // The same name twice running: a request that is no repetition.
        write!(session, "get {name} {name}\nget {name} {name}.again\nget missing missing\n").unwrap();
    }
    let Some(output) = run(&mut hpa(&server, directory.path()), &session) else { return };
    for (name, body) in &files {
        assert_eq!(std::fs::read(directory.path().join(name)).unwrap(), *body, "{name}");
        assert_eq!(std::fs::read(directory.path().join(format!("{name}.again"))).unwrap(), *body, "{name}");
    }
    assert_eq!(said(&output).matches("Error code 1: File not found").count(), 200);
    let mut peers = Vec::new();
    let mut completed = 0;
    while completed < 400 {
        match server.event() {
            Event::Asked(ask) => peers.push(ask.peer),
            Event::Finished(_, outcome) => {
                assert_eq!(outcome.ended, Ended::Completed);
                completed += 1;
            }
            Event::TurnedAway(_, why) => panic!("{why:?}"),
        }
    }
    assert!(peers.iter().all(|peer| *peer == peers[0]), "one session has one source port");
}

#[test]
fn a_missing_file_is_said_to_be_missing() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::with(&[]);
    let clients = [
        hpa(&server, directory.path()),
        atftp(&server, directory.path(), "missing", &[]),
        busybox(&server, directory.path(), "missing", "512"),
        curl(&server, directory.path(), "missing", &[]),
    ];
    for mut client in clients {
        let Some(output) = run(&mut client, "mode octet\nget missing got\nquit\n") else { continue };
        // curl 7.88 loses the words, but ends with CURLE_TFTP_NOTFOUND.
        let told = said(&output).contains("File not found") || output.status.code() == Some(68);
        assert!(told, "{client:?}: {}", said(&output));
    }
}

#[test]
fn sec_d16_nothing_can_be_left_here() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("mine"), "mine").unwrap();
    let server = Server::with(&[]);
    let Some(output) = run(&mut hpa(&server, directory.path()), "mode octet\nput mine theirs\nquit\n") else { return };
    assert!(said(&output).contains("Error code 2: Read only"), "{}", said(&output));
}

#[test]
fn sec_d16_text_mode_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::with(&[("text", b"a\nb\n")]);
    let session = "mode netascii\nget text got\nquit\n";
    let Some(output) = run(&mut hpa(&server, directory.path()), session) else { return };
    assert!(said(&output).contains("Error code 0: Octet mode only"), "{}", said(&output));
    let Some(output) = run(&mut curl(&server, directory.path(), "text", &["--use-ascii"]), "") else { return };
    assert!(!output.status.success());
}
