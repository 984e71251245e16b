//! What a full disk, a read-only one and a clock that is set do to a running daemon, and what it says of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{Daemon, FILE, MAC, PROGRAM, Place, token, told};

/// Public for all phones of the maker.
const COMMON: &str = "y000000000108.cfg";

/// Whether a tool is there; if not, says so.
fn tool(name: &str, arguments: &[&str], package: &str) -> bool {
    let there = Command::new(name).args(arguments).output().is_ok_and(|output| output.status.success());
    if !there {
        println!("skipped: {name} does not work here (package {package}, and root)");
    }
    there
}

/// The daemon with its `data_dir` on a file system of its own, which `mount` makes at `$0`, seen by nobody else.
fn on_its_own_disk(place: &Place, mount: &str) -> (Daemon, PathBuf) {
    let data = place.path("data");
    std::fs::create_dir_all(&data).unwrap();
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c"]);
    command.arg(format!("{mount} && exec \"$@\"")).arg(&data).arg(PROGRAM);
    let daemon = place.serve_by(command);
    let inside = seen_by(&daemon, &data);
    // Clients outside do not see that disk: they are given the authority.
    std::fs::create_dir_all(data.join("tls")).unwrap();
    std::fs::copy(inside.join("tls/authority.crt"), data.join("tls/authority.crt")).unwrap();
    (daemon, inside)
}

/// A path as the daemon sees it.
fn seen_by(daemon: &Daemon, path: &Path) -> PathBuf {
    PathBuf::from(format!("/proc/{}/root{}", daemon.child.id(), path.display()))
}

/// Changes are refused and secrets held back with this reason, everywhere it is told; what is public is served.
fn holds_back(place: &Place, daemon: &Daemon, token: &str, reason: &str) {
    let (status, said) = place.api("POST", "api/v1/sites", r#"{"id": "new", "name": "New"}"#).unwrap();
    assert_eq!(status, 503, "{said}");
    assert!(said["detail"].as_str().unwrap().contains(reason), "{said}");
    let said = place.refused(1, &["site", "add", "new"]);
    assert!(said.contains(reason), "{said}");
    let (_, ready) = place.api("GET", "readyz", "").unwrap();
    assert!(ready.as_str().unwrap().contains(reason), "{ready}");
    assert_eq!(place.api("GET", "healthz", "").unwrap().0, 200);
    let (status, device) = place.api("GET", &format!("api/v1/devices/{MAC}"), "").unwrap();
    assert_eq!((status, &device["model"]), (200, &"T46U".into()), "what there is can be read");
    assert_eq!(place.phone(daemon, COMMON).unwrap().0, 200, "phones are led on");
    assert_eq!(
        place.phone(daemon, &format!("t/{token}/{FILE}")).unwrap().0,
        503,
        "nobody could write down that it was given"
    );
}

/// The phone is given its file for the first time; its token.
fn claimed(place: &Place, daemon: &Daemon) -> Option<String> {
    place.furnish();
    let (status, file) = place.phone(daemon, FILE)?;
    assert_eq!(status, 200, "{file}");
    Some(token(&file))
}

#[test]
fn on_a_full_disk_phones_are_led_on_changes_wait_with_the_reason_and_go_on_once_there_is_room() {
    if !tool("unshare", &["--mount", "true"], "util-linux") || !tool("fallocate", &["--version"], "util-linux") {
        return;
    }
    let place = Place::new();
    let (mut daemon, inside) = on_its_own_disk(&place, "mount -t tmpfs -o size=160m,mode=700 none \"$0\"");
    let Some(token) = claimed(&place, &daemon) else { return };
    let ballast = inside.join("ballast");
    let filled = Command::new("fallocate").args(["--length", "130M"]).arg(&ballast).output().unwrap();
    assert!(filled.status.success(), "{}", told(&filled));
    holds_back(&place, &daemon, &token, "make room");
    assert!(daemon.says("takes no changes for now").contains("make room"));
    std::fs::remove_file(&ballast).unwrap();
    let (status, said) = place.api("POST", "api/v1/sites", r#"{"id": "new", "name": "New"}"#).unwrap();
    assert_eq!(status, 201, "{said}");
    daemon.says("takes changes again");
    assert_eq!(place.phone(&daemon, &format!("t/{token}/{FILE}")).unwrap().0, 200);
    let (_, ready) = place.api("GET", "readyz", "").unwrap();
    assert!(!ready.as_str().unwrap().contains("make room"), "{ready}");
    daemon.stop();
}

#[test]
fn on_a_disk_that_turned_read_only_the_same_and_nothing_acknowledged_is_lost() {
    let image = Place::new();
    let (disk, block) = (image.path("disk"), image.path("disk").display().to_string());
    std::fs::File::create(&disk).unwrap().set_len(200 << 20).unwrap();
    if !tool("mkfs.ext4", &["-q", "-m", "0", &block], "e2fsprogs")
        || !tool("unshare", &["--mount", "true"], "util-linux")
    {
        return;
    }
    let mount = format!("mount -o loop,errors=remount-ro {block} \"$0\"");
    let tried = Command::new("unshare").args(["--mount", "sh", "-c", &mount, "/mnt"]).output().unwrap();
    if !tried.status.success() {
        println!("skipped: no loop device can be mounted: {}", told(&tried));
        return;
    }
    let place = Place::new();
    let (mut daemon, inside) = on_its_own_disk(&place, &mount);
    let Some(token) = claimed(&place, &daemon) else { return };
    let mounts = std::fs::read_to_string(format!("/proc/{}/mounts", daemon.child.id())).unwrap();
    let data = place.path("data").display().to_string();
    let device = mounts.lines().find(|line| line.split(' ').nth(1) == Some(&data)).unwrap().split(' ').next().unwrap();
    let trigger = format!("/sys/fs/ext4/{}/trigger_fs_error", device.trim_start_matches("/dev/"));
    if let Err(error) = std::fs::write(&trigger, "a disk that breaks") {
        println!("skipped: {trigger}: {error}");
        return;
    }
    assert!(std::fs::write(inside.join("new"), "").is_err(), "the disk is still writable");
    holds_back(&place, &daemon, &token, "read-only");
    daemon.says("takes no changes for now");
    drop(daemon);
    // As an operator does: the disk is mended, the daemon started.
    let mended = Command::new("fsck.ext4").args(["-y", &block]).output().unwrap();
    assert!(mended.status.code().is_some_and(|code| code <= 1), "{}", told(&mended));
    std::fs::remove_dir_all(place.path("data")).unwrap();
    let (daemon, _) = on_its_own_disk(&place, &mount);
    assert_eq!(place.phone(&daemon, &format!("t/{token}/{FILE}")).unwrap().0, 200);
    assert_eq!(place.api("POST", "api/v1/sites", r#"{"id": "new", "name": "New"}"#).unwrap().0, 201);
}

/// Sets the clock of a daemon that runs under libfaketime.
fn set_clock(place: &Place, step: &str) {
    std::fs::write(place.path("clock.new"), format!("{step}\n")).unwrap();
    std::fs::rename(place.path("clock.new"), place.path("clock")).unwrap();
}

#[test]
fn sec_d27_a_clock_that_is_set_opens_no_window_again_and_shuts_none() {
    let library =
        ["x86_64", "aarch64"].map(|machine| format!("/usr/lib/{machine}-linux-gnu/faketime/libfaketime.so.1"));
    let Some(library) = library.iter().find(|path| Path::new(path).exists()) else {
        println!("skipped: libfaketime is missing (package faketime)");
        return;
    };
    let place = Place::new();
    let under = || {
        let mut command = Command::new(PROGRAM);
        command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", place.path("clock"));
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("DONT_FAKE_MONOTONIC", "1");
        command
    };
    set_clock(&place, "+0");
    let daemon = place.serve_by(under());
    place.furnish();
    // The window is open for a day: neither step ends it.
    for step in ["+10d", "-10d"] {
        set_clock(&place, step);
        let Some((status, _)) = place.phone(&daemon, FILE) else { return };
        assert_eq!(status, 200, "after a step of {step}");
    }
    // A window that ended stays shut, whatever the clock says at the next start.
    let (late, its_file) = ("80:5e:c0:00:00:02", "805ec0000002.cfg");
    place.done(&["site", "add", "lab"]);
    place.done(&["device", "add", late, "--maker", "yealink", "--model", "T46U", "--site", "lab"]);
    place.done(&["device", "claim", late, "--from", "127.0.0.0/8", "--for", "1s"]);
    let ended = (0..1000).any(|_| place.done(&["device", "show", late, "--json"]).contains("\"access\": \"known\""));
    assert!(ended, "the window of one second did not end");
    assert_eq!(place.phone(&daemon, its_file).unwrap().0, 404);
    daemon.stop();
    let daemon = place.serve_by(under());
    assert!(daemon.said.contains("the wall clock is behind"), "{}", daemon.said);
    assert_eq!(place.phone(&daemon, its_file).unwrap().0, 404);
}
