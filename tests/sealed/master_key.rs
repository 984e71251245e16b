//! Where the master key comes from, and what happens without it.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_ztpd");

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        Place { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn config(&self, more: &str) -> PathBuf {
        let path = self.path("ztpd.toml");
        let text = format!(
            "[server]\ndata_dir = {:?}\n{more}\n[https]\nlisten = [\"127.0.0.1:0\"]\n[tftp]\nlisten = [\"127.0.0.1:0\"]\n",
            self.path("data")
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    fn with_key_file(&self, name: &str) -> PathBuf {
        self.config(&format!("master_key_file = {:?}", self.path(name)))
    }

    fn new_key(&self, name: &str) -> Output {
        Command::new(PROGRAM).args(["keys", "new"]).arg(self.path(name)).output().unwrap()
    }

    /// Every file of the store with its octets.
    fn store(&self) -> Vec<(PathBuf, Vec<u8>)> {
        fn below(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    below(&path, found);
                } else if let Ok(octets) = std::fs::read(&path) {
                    found.push((path, octets));
                }
            }
        }
        let mut found = Vec::new();
        below(&self.path("data"), &mut found);
        found.sort();
        found
    }
}

/// Starts the daemon, waits until it serves, stops it; what it said and whether it served.
fn serve(config: &Path, credentials: Option<&Path>) -> (bool, Option<i32>, String) {
    let mut command = Command::new(PROGRAM);
    command.args(["serve", "--config"]).arg(config).stderr(Stdio::piped()).env_remove("CREDENTIALS_DIRECTORY");
    if let Some(folder) = credentials {
        command.env("CREDENTIALS_DIRECTORY", folder);
    }
    let mut child = command.spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let (mut said, mut served) = (String::new(), false);
    loop {
        let mut line = String::new();
        if log.read_line(&mut line).unwrap() == 0 {
            break;
        }
        if line.contains("serving") && !served {
            served = true;
            let stopped = Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status().unwrap();
            assert!(stopped.success());
        }
        said += &line;
    }
    (served, child.wait().unwrap().code(), said)
}

fn refused(config: &Path, words: &[&str]) {
    let (served, code, said) = serve(config, None);
    assert_eq!((served, code), (false, Some(4)), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} in {said}");
    }
}

fn served(config: &Path) {
    let (served, code, said) = serve(config, None);
    assert_eq!((served, code), (true, Some(0)), "{said}");
}

#[test]
fn sec_k01_with_a_settings_file_and_no_key_the_start_is_refused_with_the_command_that_helps() {
    let place = Place::new();
    refused(&place.config(""), &["ztpd keys new", "master_key_file"]);
    refused(&place.with_key_file("master.key"), &["master.key", "ztpd keys new"]);
    assert!(!place.path("data/sled").exists() && !place.path("data/journal").exists());
    let made = place.new_key("master.key");
    assert!(made.status.success());
    served(&place.with_key_file("master.key"));
    let again = place.new_key("master.key");
    assert_eq!(again.status.code(), Some(4), "a key is never overwritten");
}

#[test]
fn sec_k01_without_its_key_or_with_another_one_a_store_is_not_touched() {
    let place = Place::new();
    place.new_key("master.key");
    place.new_key("other.key");
    served(&place.with_key_file("master.key"));
    let before = place.store();
    refused(&place.with_key_file("other.key"), &["fingerprint", "master_key_file"]);
    refused(&place.with_key_file("gone.key"), &["gone.key", "put it back"]);
    refused(&place.config(""), &["no master key"]);
    let mut rebuild = Command::new(PROGRAM);
    rebuild.args(["store", "rebuild", "--config"]).arg(place.with_key_file("other.key"));
    let rebuild = rebuild.output().unwrap();
    assert_eq!(rebuild.status.code(), Some(4));
    assert_eq!(place.store(), before);
    served(&place.with_key_file("master.key"));
}

#[test]
fn sec_k01_a_key_file_that_others_may_read_is_refused() {
    let place = Place::new();
    place.new_key("master.key");
    let config = place.with_key_file("master.key");
    let mode = |mode| {
        std::fs::set_permissions(place.path("master.key"), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    for open in [0o644, 0o640, 0o666] {
        mode(open);
        refused(&config, &["chmod 600", &format!("{open:04o}")]);
    }
    mode(0o600);
    served(&config);
}

#[test]
fn sec_k01_the_key_of_systemd_comes_before_the_file() {
    let place = Place::new();
    std::fs::create_dir(place.path("credentials")).unwrap();
    place.new_key("credentials/master-key");
    let config = place.with_key_file("gone.key");
    let (served, code, said) = serve(&config, Some(&place.path("credentials")));
    assert_eq!((served, code), (true, Some(0)), "{said}");
    refused(&config, &["put it back"]);
}

#[test]
fn sec_k01_a_key_made_by_openssl_is_as_good() {
    let place = Place::new();
    let made = |arguments: &[&str], name: &str| {
        let made = match Command::new("openssl").args(arguments).output() {
            Ok(made) => made.stdout,
            Err(error) => {
                println!("skipped: openssl: {error}");
                return false;
            }
        };
        std::fs::write(place.path(name), made).unwrap();
        std::fs::set_permissions(place.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
        true
    };
    for (form, arguments) in
        [("raw", &["rand", "32"][..]), ("hex", &["rand", "-hex", "32"]), ("64", &["rand", "-base64", "32"])]
    {
        if !made(arguments, form) {
            return;
        }
        let _ = std::fs::remove_dir_all(place.path("data"));
        served(&place.with_key_file(form));
    }
    std::fs::write(place.path("64"), "swordfish\n").unwrap();
    refused(&place.with_key_file("64"), &["32 random octets"]);
}

#[test]
fn sec_k01_a_key_beside_what_it_opens_is_refused() {
    let place = Place::new();
    let (served, code, said) = serve(&place.with_key_file("data/master.key"), None);
    assert_eq!((served, code), (false, Some(1)), "{said}");
    assert!(said.contains("lies in server.data_dir"), "{said}");
}

#[test]
fn sec_k03_the_master_key_is_changed_while_the_daemon_is_stopped() {
    let place = Place::new();
    place.new_key("old.key");
    place.new_key("new.key");
    served(&place.with_key_file("old.key"));
    let rotate = || {
        let mut command = Command::new(PROGRAM);
        command.args(["keys", "rotate", "--new-master-key-file"]).arg(place.path("new.key"));
        command.arg("--config").arg(place.with_key_file("old.key")).output().unwrap()
    };
    for _ in 0..2 {
        let rotated = rotate();
        assert!(rotated.status.success(), "{}", String::from_utf8_lossy(&rotated.stderr));
    }
    refused(&place.with_key_file("old.key"), &["fingerprint"]);
    served(&place.with_key_file("new.key"));
}

#[test]
fn sec_k01_where_nothing_was_set_up_a_key_is_made_and_readyz_says_where() {
    let mut child = Command::new(PROGRAM)
        .args(["demo", "--json"])
        .env_remove("CREDENTIALS_DIRECTORY")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let (mut text, mut line) = (String::new(), String::new());
    while line != "}\n" {
        line.clear();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "{text}");
        text += &line;
    }
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    let socket = PathBuf::from(report["socket"].as_str().unwrap());
    let ready = Command::new("curl").args(["-sS", "--unix-socket"]).arg(&socket).arg("http://ztpd/readyz").output();
    let key = socket.with_file_name("master.key");
    let mode = std::fs::metadata(&key).unwrap().permissions().mode() & 0o777;
    let stopped = Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status().unwrap();
    child.wait().unwrap();
    assert!(stopped.success());
    assert_eq!(mode, 0o600);
    assert!(!key.exists(), "the demo leaves nothing behind");
    match ready {
        Ok(ready) => {
            let said = String::from_utf8(ready.stdout).unwrap();
            assert!(said.contains("master key") && said.contains(key.to_str().unwrap()), "{said}");
        }
        Err(error) => println!("skipped: curl: {error}"),
    }
}
