//! The units of `systemd/` as systemd sees them, and the daemon under them: a systemd of its own, booted in a throw-away
//! copy of this machine, runs the scripts of `tests/lab/`. The package has the program as the tests are built, unoptimised.

// A test that cannot set itself up shall fail loudly.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Whether the lab can be had; if not, says what is missing.
fn lab() -> bool {
    let check = Command::new("sh").arg(top().join("tests/lab/systemd.sh")).arg("check").output().unwrap();
    if !check.status.success() {
        println!("skipped: {}", String::from_utf8_lossy(&check.stdout).trim());
    }
    check.status.success()
}

/// The package of the program as the tests have it, as this version; nothing where Debian's tools are missing.
fn package(out: &Path, version: &str) -> Option<PathBuf> {
    for tool in ["dpkg-deb", "dpkg-shlibdeps", "strip", "python3"] {
        if Command::new(tool).arg("--version").output().is_err() {
            println!("skipped: {tool} is missing (packages dpkg-dev, binutils, python3-minimal)");
            return None;
        }
    }
    let mut command = Command::new(top().join("package/build-deb"));
    command.args(["--fast", "--version", version, "--program", env!("CARGO_BIN_EXE_ztpd"), "--out"]).arg(out);
    let built = command.output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Some(PathBuf::from(String::from_utf8(built.stdout).unwrap().trim()))
}

/// Runs a script of the lab beside these files.
fn in_the_lab(script: &str, files: &[PathBuf]) {
    let lab = top().join("tests/lab");
    let mut command = Command::new("sh");
    command.env("MAX", "400").arg(lab.join("systemd.sh")).arg("run").arg(lab.join(script));
    let output = command.arg(lab.join("tools.bash")).args(files).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.ends_with("all held\n"));
}

#[test]
fn sec_u5_what_the_unit_exposes_is_at_most_what_the_policy_allows() {
    let mut command = Command::new("systemd-analyze");
    command
        .args(["security", "--offline=true", "--no-pager", "--threshold=12"])
        .arg(top().join("systemd/ztpd.service"));
    let Ok(output) = command.output() else {
        println!("skipped: systemd-analyze is missing (package systemd)");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn sec_u6_the_package_lives_and_ends_under_systemd_as_the_manual_says() {
    let out = tempfile::tempdir().unwrap();
    let (true, Some(first)) = (lab(), package(out.path(), "0.1.0")) else { return };
    let next = package(out.path(), "9.0").unwrap();
    let (named, later) = (out.path().join("ztpd.deb"), out.path().join("ztpd-next.deb"));
    std::fs::rename(first, &named).unwrap();
    std::fs::rename(next, &later).unwrap();
    let source = ["systemd", "templates/yealink/bootstrap.cfg"].map(|file| top().join(file));
    in_the_lab("service.bash", &[&[named, later][..], &source].concat());
}

#[test]
fn the_package_is_as_debian_wants_it() {
    let out = tempfile::tempdir().unwrap();
    let Some(package) = package(out.path(), "0.1.0") else { return };
    let Ok(output) =
        Command::new("lintian").args(["--fail-on", "error", "--no-tag-display-limit"]).arg(&package).output()
    else {
        println!("skipped: lintian is missing (package lintian)");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let listed = Command::new("dpkg-deb").arg("-c").arg(&package).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    for path in [
        "./etc/ztpd/ztpd.toml",
        "./etc/ztpd/templates/README.md",
        "./usr/bin/ztpd",
        "./usr/lib/systemd/system/ztpd.service",
        "./usr/lib/sysusers.d/ztpd.conf",
        "./usr/lib/tmpfiles.d/ztpd.conf",
        "./usr/share/bash-completion/completions/ztpd",
        "./usr/share/doc/ztpd/certs/README.md",
        "./usr/share/doc/ztpd/copyright",
        "./usr/share/man/man1/ztpd-device-add.1.gz",
    ] {
        assert!(listed.lines().any(|line| line.ends_with(path)), "{path} is not in {listed}");
    }
}
