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
    // The watcher may hear all networks, as root of none of them: that alone counts for three.
    for (unit, most) in [("ztpd.service", 12), ("ztpd-dhcpwatch.service", 15)] {
        let mut command = Command::new("systemd-analyze");
        command.args(["security", "--offline=true", "--no-pager", &format!("--threshold={most}")]);
        let Ok(output) = command.arg(top().join("systemd").join(unit)).output() else {
            println!("skipped: systemd-analyze is missing (package systemd)");
            return;
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn sec_u2_the_watcher_hears_dhcp_hands_it_in_and_may_do_nothing_else() {
    let out = tempfile::tempdir().unwrap();
    let (true, Some(built)) = (lab(), package(out.path(), "0.1.0")) else { return };
    let named = out.path().join("ztpd.deb");
    std::fs::rename(built, &named).unwrap();
    in_the_lab("dhcpwatch.bash", &[named, top().join("systemd")]);
}

#[test]
fn sec_u3_sec_u4_sec_u6_the_package_lives_and_ends_under_systemd_as_the_manual_says() {
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
        "./usr/share/doc/ztpd/monitoring/grafana-dashboard.json",
        "./usr/share/doc/ztpd/monitoring/ztpd.rules.yml",
        "./usr/share/man/man1/ztpd-device-add.1.gz",
    ] {
        assert!(listed.lines().any(|line| line.ends_with(path)), "{path} is not in {listed}");
    }
}

/// What a unit sets, by key; a key may come more than once.
fn unit(name: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(top().join("systemd").join(name)).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('=')).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn assert_sets(name: &str, expected: &[(&str, &str)]) {
    let set = unit(name);
    for (key, value) in expected {
        let found: Vec<&str> = set.iter().filter(|(known, _)| known == key).map(|(_, value)| value.as_str()).collect();
        assert!(found.contains(value), "{name}: {key}={value}, not {found:?}");
    }
}

/// Which socket is passed under which name; the names are those the daemon takes, and no other socket is passed to it.
#[test]
fn sec_u1_each_socket_is_passed_under_its_name() {
    let mut named = Vec::new();
    for entry in std::fs::read_dir(top().join("systemd")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if name.ends_with(".socket") && unit(&name).contains(&("Service".to_owned(), "ztpd.service".to_owned())) {
            let set = unit(&name);
            let of = |key: &str| set.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone());
            let place = of("ListenStream").or_else(|| of("ListenDatagram")).unwrap();
            named.push((of("FileDescriptorName").unwrap(), place));
        }
    }
    named.sort();
    for (name, place) in [("admin", "/run/ztpd/admin.sock"), ("http", "80"), ("https", "443"), ("tftp", "69")] {
        assert!(named.contains(&(name.to_owned(), place.to_owned())), "{name} {place}: {named:?}");
    }
    let known = ["admin", "dhcp", "http", "https", "proxy", "tftp"];
    assert!(named.iter().all(|(name, _)| known.contains(&name.as_str())), "{named:?}");
    assert_sets("ztpd-admin.socket", &[("SocketMode", "0660"), ("SocketGroup", "ztpd-admin")]);
}

#[test]
fn sec_u3_the_unit_has_a_user_folders_credentials_and_limits_of_its_own() {
    assert_sets(
        "ztpd.service",
        &[
            ("DynamicUser", "yes"),
            ("StateDirectory", "ztpd"),
            ("StateDirectoryMode", "0700"),
            ("RuntimeDirectoryMode", "0700"),
            ("ConfigurationDirectory", "ztpd"),
            ("LoadCredential", "tls.crt:ztpd.tls.crt"),
            ("LoadCredential", "tls.key:ztpd.tls.key"),
            ("LoadCredentialEncrypted", "master-key:ztpd.master-key"),
            ("UMask", "0077"),
            ("LimitCORE", "0"),
            ("TasksMax", "64"),
            ("MemoryMax", "512M"),
            ("WatchdogSec", "30"),
        ],
    );
}

#[test]
fn sec_u4_the_unit_shuts_every_door_of_the_sandbox() {
    let yes = [
        "NoNewPrivileges",
        "ProtectHome",
        "PrivateTmp",
        "PrivateDevices",
        "PrivateMounts",
        "ProtectKernelLogs",
        "ProtectKernelModules",
        "ProtectKernelTunables",
        "ProtectClock",
        "ProtectHostname",
        "ProtectControlGroups",
        "RestrictNamespaces",
        "RestrictRealtime",
        "RestrictSUIDSGID",
        "RemoveIPC",
        "LockPersonality",
        "MemoryDenyWriteExecute",
    ];
    let yes: Vec<(&str, &str)> = yes.iter().map(|key| (*key, "yes")).collect();
    assert_sets("ztpd.service", &yes);
    assert_sets(
        "ztpd.service",
        &[
            ("CapabilityBoundingSet", ""),
            ("AmbientCapabilities", ""),
            ("ProtectSystem", "strict"),
            ("ProtectProc", "invisible"),
            ("ProcSubset", "pid"),
            ("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6"),
            ("SystemCallArchitectures", "native"),
            ("SystemCallFilter", "@system-service"),
            ("SystemCallFilter", "~@privileged @resources"),
            ("DevicePolicy", "closed"),
            ("KeyringMode", "private"),
            ("SocketBindDeny", "any"),
            ("SocketBindAllow", "udp"),
        ],
    );
}
