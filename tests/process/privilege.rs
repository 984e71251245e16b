//! Started by root, the program serves as somebody else, for good: as the kernel tells it, not as the program does.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Daemon, PROGRAM, run};

/// Neither name nor files of this machine belong to it.
const NOBODY_ELSE: u32 = 461_234;

fn root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("skipped: only root has privileges to drop");
    }
    root
}

/// A folder the other account may pass through, and a loopback address of this test's own.
fn stage(number: u8) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let [.., high, low] = std::process::id().to_be_bytes();
    (dir, format!("127.{}.{high}.{low}", 100 + number))
}

fn config(dir: &Path, address: &str, user: &str) -> PathBuf {
    let path = dir.join("ztpd.toml");
    let text = format!(
        "[server]\ndata_dir = {:?}\nmaster_key_file = {:?}\nuser = {user:?}\n[https]\nlisten = [\"{address}:443\"]\n[http]\n\
         listen = [\"{address}:80\"]\n[tftp]\nlisten = [\"{address}:69\"]\n[admin]\nsocket = {:?}\n",
        dir.join("state/data"),
        super::master_key(dir),
        dir.join("run/admin.sock")
    );
    std::fs::write(&path, text).unwrap();
    path
}

fn field(status: &str, name: &str) -> Vec<String> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn sec_u1_started_by_root_nothing_of_root_is_left_and_low_ports_are_served() {
    if !root() {
        return;
    }
    let (dir, address) = stage(0);
    let path = config(dir.path(), &address, &NOBODY_ELSE.to_string());
    // With groups to lose, as a login of root has them.
    let mut command = Command::new("setpriv");
    command.args(["--groups", "0,4,24", PROGRAM, "serve", "--config"]).arg(&path).stderr(Stdio::piped());
    let daemon = Daemon::start_as(command);
    let mut threads = 0;
    for task in std::fs::read_dir(format!("/proc/{}/task", daemon.child.id())).unwrap() {
        let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        let other = NOBODY_ELSE.to_string();
        assert_eq!(field(&status, "Uid"), [other.as_str(); 4]);
        assert_eq!(field(&status, "Gid"), [other.as_str(); 4]);
        assert_eq!(field(&status, "Groups"), [other.as_str()]);
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(field(&status, set), ["0000000000000000"], "{set}");
        }
        assert_eq!(field(&status, "NoNewPrivs"), ["1"]);
        threads += 1;
    }
    assert!(threads > 1, "only the first thread was looked at");
    let data = std::fs::metadata(dir.path().join("state/data")).unwrap();
    assert_eq!((data.uid(), data.mode() & 0o777), (NOBODY_ELSE, 0o700));
    for url in [format!("https://{address}/ztpd-ca.pem"), format!("http://{address}/ztpd-ca.pem")] {
        let Ok(got) = Command::new("curl").args(["-sSkf", "--max-time", "20", &url]).output() else {
            println!("skipped: curl is missing");
            return;
        };
        assert!(got.status.success() && got.stdout.starts_with(b"-----BEGIN"), "{url}: {got:?}");
    }
    let mut tftp = Command::new("tftp");
    tftp.current_dir(dir.path()).args(["-m", "octet", &address, "-c", "get", "ztpd-ca.pem"]);
    if tftp.output().is_ok() {
        assert!(std::fs::read(dir.path().join("ztpd-ca.pem")).unwrap().starts_with(b"-----BEGIN"));
    }
    let socket = dir.path().join("run/admin.sock");
    let alive = Command::new("curl").args(["-sS", "http://ztpd/healthz", "--unix-socket"]).arg(&socket).output();
    assert_eq!(alive.unwrap().stdout, b"alive\n");
}

#[test]
fn it_starts_again_and_reloads_as_that_user() {
    if !root() {
        return;
    }
    let (dir, address) = stage(1);
    let path = config(dir.path(), &address, &NOBODY_ELSE.to_string());
    for _ in 0..2 {
        let mut daemon = Daemon::start(&path);
        daemon.signal("HUP");
        daemon.says("read again");
        daemon.signal("TERM");
        daemon.says("stopped");
        assert_eq!(daemon.child.wait().unwrap().code(), Some(0));
    }
    // What root does to the store stays the user's.
    let (output, said) = run(&["store", "rebuild"], &path);
    assert_eq!(output.status.code(), Some(0), "{said}");
    Daemon::start(&path);
}

#[test]
fn a_store_of_somebody_else_and_an_unknown_user_are_refused_with_the_cure() {
    if !root() {
        return;
    }
    let (dir, address) = stage(2);
    let data = dir.path().join("state/data");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("something"), "kept").unwrap();
    let (output, said) = run(&["serve"], &config(dir.path(), &address, &NOBODY_ELSE.to_string()));
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("chown -R {NOBODY_ELSE}: {}", data.display())), "{said}");
    assert_eq!(std::fs::read_dir(&data).unwrap().count(), 1);
    let (output, said) = run(&["serve"], &config(dir.path(), &address, "no-such-user-here"));
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("useradd --system"), "{said}");
}

#[test]
fn root_that_stays_root_has_no_capability_either() {
    if !root() {
        return;
    }
    let (dir, address) = stage(3);
    let daemon = Daemon::start(&config(dir.path(), &address, "root"));
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.child.id())).unwrap();
    assert_eq!(field(&status, "Uid"), ["0"; 4]);
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(field(&status, set), ["0000000000000000"], "{set}");
    }
}
