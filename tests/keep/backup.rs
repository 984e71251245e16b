//! From `ztpd backup` on one machine to a phone that is served by another.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::program::{FILE, PROGRAM, Place, has, token, told, value};

const PASSPHRASE: &str = "correct horse battery staple";

fn secrets(place: &Place) {
    std::fs::write(place.path("passphrase"), format!("{PASSPHRASE}\n")).unwrap();
}

#[test]
fn a_phone_is_served_by_the_restored_daemon_with_the_same_token_and_password() {
    let (old, new) = (Place::new(), Place::new());
    secrets(&old);
    let daemon = old.serve();
    old.furnish();
    let Some((200, given)) = old.phone(&daemon, FILE) else { return };
    let taken = old.done(&["backup", "today.backup", "--passphrase-file", "passphrase"]);
    assert!(taken.contains("today.backup"), "{taken}");
    let mode = std::fs::metadata(old.path("today.backup")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let key = std::fs::read_to_string(old.path("master.key")).unwrap();
    for text in ["alice", "yealink", PASSPHRASE, key.trim(), &token(&given), &value(&given, "account.1.password")] {
        assert!(!has(&old.path("today.backup"), text), "{text}");
    }
    let trail = old.done(&["audit", "list", "--json"]);
    assert!(trail.contains("\"backup\""), "{trail}");

    std::fs::copy(old.path("today.backup"), new.path("it")).unwrap();
    let checked = new.run(&["restore", "it", "--check", "--passphrase-file", "-"], PASSPHRASE);
    assert!(told(&checked).contains("whole"), "{}", told(&checked));
    let config = ["--config", "ztpd.toml"];
    let restored = new.run(&[&["restore", "it", "--passphrase-file", "-"][..], &config].concat(), PASSPHRASE);
    assert!(restored.status.success(), "{}", told(&restored));
    assert!(told(&restored).contains("1 sites, 1 users, 0 common areas, 1 devices"), "{}", told(&restored));
    let daemon = new.serve();
    let (status, again) = new.phone(&daemon, &format!("t/{}/{FILE}", token(&given))).unwrap();
    assert_eq!((status, again), (200, given));
    let verified = new.done(&["audit", "verify"]);
    assert!(!verified.contains("broken"), "{verified}");
    let trail = new.done(&["audit", "list", "--json"]);
    assert!(trail.contains("\"restore\""), "{trail}");
}

#[test]
fn a_backup_is_sealed_to_a_key_of_openssl_whose_private_half_is_elsewhere() {
    let (old, new) = (Place::new(), Place::new());
    let openssl = |arguments: &[&str]| Command::new("openssl").args(arguments).current_dir(old.path("")).status();
    let Ok(made) = openssl(&["genpkey", "-algorithm", "X25519", "-out", "backup.key"]) else {
        println!("skipped: openssl is missing");
        return;
    };
    assert!(made.success());
    assert!(openssl(&["pkey", "-in", "backup.key", "-pubout", "-out", "backup.pub"]).unwrap().success());
    let daemon = old.serve();
    old.furnish();
    old.done(&["backup", "today.backup", "--recipient", "backup.pub"]);
    daemon.stop();
    for name in ["today.backup", "backup.key"] {
        std::fs::copy(old.path(name), new.path(name)).unwrap();
    }
    secrets(&new);
    let config = ["--config", "ztpd.toml"];
    let wrong =
        new.refused(4, &[&["restore", "today.backup", "--passphrase-file", "passphrase"][..], &config].concat());
    assert!(wrong.contains("sealed to a public key"), "{wrong}");
    new.done(&[&["restore", "today.backup", "--key-file", "backup.key"][..], &config].concat());
    let again = new.refused(4, &[&["restore", "today.backup", "--key-file", "backup.key"][..], &config].concat());
    assert!(again.contains("--replace"), "{again}");
    let told = new.done(&[&["restore", "today.backup", "--key-file", "backup.key", "--replace"][..], &config].concat());
    assert!(told.contains("replaced-1"), "{told}");
}

#[test]
fn what_cannot_be_is_refused_with_its_remedy_and_leaves_no_file() {
    let place = Place::new();
    secrets(&place);
    let daemon = place.serve();
    std::fs::write(place.path("short"), "swordfish").unwrap();
    std::fs::write(place.path("pub"), "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n").unwrap();
    for (arguments, code, words) in [
        (&["backup", "it", "--passphrase-file", "short"][..], 4, "at least 12"),
        (&["backup", "it", "--recipient", "pub"], 4, "openssl genpkey"),
        (&["backup", "it"], 2, "--passphrase-file"),
        (&["backup", "nowhere/it", "--passphrase-file", "passphrase"], 1, "nowhere/it.part"),
        (&["restore", "passphrase", "--check", "--passphrase-file", "passphrase"], 1, "no backup of ztpd"),
        (&["restore", "gone", "--check", "--passphrase-file", "passphrase"], 1, "gone"),
        (&["restore", "it"], 2, "--passphrase-file"),
    ] {
        let said = place.refused(code, arguments);
        assert!(said.contains(words), "{words:?} in {said}");
        assert!(!place.path("it").exists() && !place.path("it.part").exists());
    }
    place.done(&["backup", "it", "--passphrase-file", "passphrase"]);
    let said = place.refused(4, &["backup", "it", "--passphrase-file", "passphrase"]);
    assert!(said.contains("exists already"), "{said}");
    let held = place.refused(4, &["restore", "it", "--passphrase-file", "passphrase", "--config", "ztpd.toml"]);
    assert!(held.contains("held by another process"), "{held}");
    daemon.stop();
    let whole = std::fs::read(place.path("it")).unwrap();
    std::fs::write(place.path("cut"), &whole[..whole.len() - 40]).unwrap();
    let cut = place.refused(1, &["restore", "cut", "--check", "--passphrase-file", "passphrase"]);
    assert!(cut.contains("cut short or was altered"), "{cut}");
    assert!(Command::new(PROGRAM).args(["backup", "--help"]).output().unwrap().status.success());
}
