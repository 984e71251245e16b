//! A LAN of network namespaces with real servers (`tests/lab`), for the tests that need one.

// Each test takes what it needs.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A LAN of network namespaces; gone when dropped.
pub struct Lab {
    prefix: String,
}

impl Lab {
    /// A LAN for one test, named by a letter; `None` where this machine has no root, namespaces or programs.
    pub fn up(test: char, programs: &[&str]) -> Option<Lab> {
        let missing = ["ip", "bash"].iter().chain(programs).find(|program| !is_there(program));
        if let Some(program) = missing {
            eprintln!("skipped: {program} is missing");
            return None;
        }
        let allowed = Command::new("unshare").args(["--net", "true"]).stderr(Stdio::null()).status();
        if !allowed.is_ok_and(|status| status.success()) {
            eprintln!("skipped: network namespaces need root, and a kernel that lets them be made");
            return None;
        }
        let lab = Lab { prefix: format!("{test}{:0>4}", base36(std::process::id() % 36u32.pow(4))) };
        lab.does(&["up"]);
        Some(lab)
    }

    fn script(&self) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/lab.sh"));
        command.env("ZTPD_LAB", &self.prefix).env("ZTPD_LAB_MAX", "120");
        command
    }

    /// What the script is told it must do.
    pub fn does(&self, arguments: &[&str]) {
        let output = self.script().args(arguments).output().unwrap();
        assert!(output.status.success(), "lab {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A program in one of the LAN's hosts.
    pub fn command(&self, host: &str, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &format!("{}-{host}", self.prefix), program]);
        command
    }

    pub fn state(&self, file: &str) -> PathBuf {
        std::env::temp_dir().join(format!("ztpd-lab-{}", self.prefix)).join(file)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.script().arg("down").output();
    }
}

fn base36(mut number: u32) -> String {
    let mut digits = Vec::new();
    while number > 0 {
        digits.push(char::from_digit(number % 36, 36).unwrap());
        number /= 36;
    }
    digits.into_iter().rev().collect()
}

fn is_there(program: &str) -> bool {
    ["/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/bin"].iter().any(|at| Path::new(at).join(program).exists())
}
