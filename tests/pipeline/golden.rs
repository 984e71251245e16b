//! What phones receive, held against `tests/golden/`. A wanted change is taken over with
//! `ZTPD_RENEW_GOLDEN=1 cargo test --test pipeline golden` and read in `git diff` before it is committed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use similar::TextDiff;
use ztpd::inventory::event::Plane;
use ztpd::inventory::mac::MacAddr;
use ztpd::makers;

use crate::stage::{OWNERS, PHONES, PUBLIC, Stage, by_token, later, noon};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Holds a text against its file, or writes it there if that is wished.
fn assert_golden(name: &str, text: &str) {
    let path = folder().join(name);
    if std::env::var_os("ZTPD_RENEW_GOLDEN").is_some_and(|wish| wish == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    if golden != text {
        let diff = TextDiff::from_lines(golden.as_str(), text);
        let diff = diff.unified_diff().context_radius(2).header("golden", "rendered").to_string();
        panic!(
            "{name} is not what phones get now:\n{diff}\nIf that is wanted: ZTPD_RENEW_GOLDEN=1 cargo test --test pipeline golden"
        );
    }
}

/// Every file of every phone: `(name of the golden file, MAC, what the phone calls it)`.
fn own_files(stage: &Stage) -> Vec<(String, MacAddr, String)> {
    let mut files = Vec::new();
    for (maker, model, mac, owner) in PHONES {
        let (site, owner) = OWNERS[*owner];
        let mac = stage.enrol(maker, model, mac, site, owner);
        let model = makers::by_spelling(maker, model).unwrap();
        for file in makers::by_id(maker).unwrap().files(mac, model) {
            let (name, extension) = file.rsplit_once('.').unwrap();
            let is_gate = *maker == "poly" && !name.contains("-user") && extension == "cfg";
            let golden = format!("{maker}/{}{}.{extension}", model.model, if is_gate { "-master" } else { "" });
            files.push((golden, mac, file));
        }
    }
    files
}

#[test]
fn golden_files_of_every_maker_are_what_phones_get() {
    let stage = Stage::new();
    let mut known = BTreeSet::from([folder().join("authority.pem")]);
    for (golden, mac, file) in own_files(&stage) {
        let got = stage.ask(Plane::Https, &by_token(mac, &file), "10.9.9.9", noon());
        assert_eq!(got.status, 200, "{golden}: {:?}", stage.last_reason(mac));
        assert_golden(&golden, &got.text);
        known.insert(folder().join(golden));
    }
    for (maker, file, name) in PUBLIC {
        for (plane, form) in [(Plane::Tftp, "hand-over"), (Plane::Https, "neutral")] {
            let got = stage.ask(plane, &format!("/{file}"), "10.9.9.9", noon());
            // An OBi's only file is its own: without proof it is not there.
            let Some(text) = (got.status == 200).then_some(got.text) else { continue };
            let golden = format!("{maker}/{form}-{name}");
            assert_golden(&golden, &text);
            known.insert(folder().join(golden));
        }
    }
    for maker in std::fs::read_dir(folder()).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        for file in std::fs::read_dir(maker.path()).unwrap().flatten() {
            assert!(known.contains(&file.path()), "{} belongs to no phone of this test", file.path().display());
        }
    }
}

#[test]
fn the_same_phone_gets_the_same_bytes_at_any_hour_and_from_another_daemon() {
    let (one, other) = (Stage::new(), Stage::new());
    let files = own_files(&one);
    own_files(&other);
    for (golden, mac, file) in files {
        let path = by_token(mac, &file);
        let first = one.ask(Plane::Https, &path, "10.9.9.9", noon());
        assert_eq!(one.ask(Plane::Https, &path, "10.9.9.8", later(60 * 24 * 90)), first, "{golden}");
        assert_eq!(other.ask(Plane::Https, &path, "10.9.9.9", later(1)), first, "{golden}");
    }
}

/// Secrets have one way out: HTTPS with a proof.
#[test]
fn sec_d01_public_files_have_nothing_of_any_phone_in_them() {
    let stage = Stage::new();
    own_files(&stage);
    for (maker, file, _) in PUBLIC {
        for plane in [Plane::Tftp, Plane::Http, Plane::Https] {
            let got = stage.ask(plane, &format!("/{file}"), "10.1.0.1", noon());
            for secret in ["token-of", "admin-", "sip-", "1001", "O'Brien"] {
                assert!(!got.text.contains(secret), "{maker} {file} over {plane:?} has {secret}");
            }
        }
    }
}
