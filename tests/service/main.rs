//! The units of `systemd/` as systemd sees them, and the daemon under them: a systemd of its own, booted in a throw-away
//! copy of this machine, runs the scripts of `tests/lab/`.

// A test that cannot set itself up shall fail loudly.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a script of the lab beside the program, the units and these files of the source.
fn in_the_lab(script: &str, files: &[&str]) {
    let lab = top().join("tests/lab");
    let check = Command::new("sh").arg(lab.join("systemd.sh")).arg("check").output().unwrap();
    if !check.status.success() {
        println!("skipped: {}", String::from_utf8_lossy(&check.stdout).trim());
        return;
    }
    let mut command = Command::new("sh");
    command.arg(lab.join("systemd.sh")).arg("run").arg(lab.join(script));
    command.args([PathBuf::from(env!("CARGO_BIN_EXE_ztpd")), lab.join("tools.bash"), top().join("systemd")]);
    let output = command.args(files.iter().map(|file| top().join(file))).output().unwrap();
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
    in_the_lab("dhcpwatch.bash", &[]);
}

#[test]
fn sec_u6_the_daemon_lives_and_ends_under_its_unit_as_the_manual_says() {
    in_the_lab("service.bash", &["templates/yealink/bootstrap.cfg"]);
}
