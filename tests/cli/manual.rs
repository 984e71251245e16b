//! Completion scripts and man pages that shells and man really take.

use std::process::Command;

use crate::support::{bare, found, said};

#[test]
fn bash_loads_the_completions_and_knows_every_word() {
    let dir = tempfile::tempdir().unwrap();
    let script = said(bare().args(["completions", "bash"]), "");
    assert_eq!(script.code, 0);
    let file = dir.path().join("ztpd.bash");
    std::fs::write(&file, script.out).unwrap();
    let Some(output) = found(Command::new("bash").arg("-n").arg(&file)) else { return };
    assert!(output.status.success(), "{output:?}");
    for (line, word, expected) in [
        ("ztpd dev", "dev", "device"),
        ("ztpd device rot", "rot", "rotate-token"),
        ("ztpd site set --sip-s", "--sip-s", "--sip-server"),
    ] {
        let words: Vec<String> = line.split(' ').map(|word| format!("'{word}'")).collect();
        let last = words.len() - 1;
        let before = line.split(' ').nth(last - 1).unwrap();
        let ask = format!(
            "source {file:?}; COMP_WORDS=({}); COMP_CWORD={last}; _ztpd ztpd '{word}' '{before}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words.join(" ")
        );
        let output = Command::new("bash").args(["-c", &ask]).output().unwrap();
        let answer = String::from_utf8_lossy(&output.stdout);
        assert!(answer.lines().any(|line| line.trim() == expected), "{line}: {answer} {output:?}");
    }
}

#[test]
fn every_shell_gets_a_script() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let said = said(bare().args(["completions", shell]), "");
        assert_eq!((said.code, said.out.contains("rotate-token")), (0, true), "{shell}");
    }
    assert_eq!(said(bare().args(["completions", "csh"]), "").code, 2);
}

#[test]
fn every_man_page_is_written_and_read_without_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let pages = dir.path().join("man/man1");
    let written = said(bare().args(["man", "--dir"]).arg(&pages), "");
    assert_eq!((written.code, written.err.as_str()), (0, ""));
    for name in ["ztpd.1", "ztpd-device.1", "ztpd-device-add.1", "ztpd-site-set.1"] {
        assert!(pages.join(name).exists(), "{name}");
    }
    let page = said(bare().args(["man", "device", "add"]), "");
    assert_eq!(page.out, std::fs::read_to_string(pages.join("ztpd-device-add.1")).unwrap());
    assert!(said(bare().arg("man"), "").out.contains(".SH NAME"));
    for page in std::fs::read_dir(&pages).unwrap().flatten() {
        let Some(output) = found(Command::new("groff").args(["-man", "-Tutf8", "-ww", "-z"]).arg(page.path())) else {
            return;
        };
        let warned = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && warned.is_empty(), "{}: {warned}", page.path().display());
    }
    let full = said(bare().args(["man", "--dir", "/dev/null/x"]), "");
    assert_eq!((full.code, full.err.contains("/dev/null/x")), (1, true), "{full:?}");
}
