//! Would the program understand this command? It is asked for its help with the very words: unknown commands and flags
//! are refused before help is given. And: are the clients that a page uses here?

use std::process::Command;

use crate::page::{Block, Deed};

/// Whether the program knows every command and flag of this line, whatever the values are.
pub fn understood(line: &str) -> Result<(), String> {
    let words = line.split_whitespace().skip(1).filter(|word| !matches!(*word, "…" | "..."));
    // `add|list`, `[FILE]` and the like are about the commands, not commands.
    let words: Vec<&str> = words.take_while(|word| !word.contains(['|', '[', '<'])).collect();
    let asked = Command::new(env!("CARGO_BIN_EXE_ztpd")).args(&words).arg("--help").output().unwrap();
    let said = String::from_utf8_lossy(&asked.stderr);
    let unknown = ["unexpected argument", "unrecognized subcommand"].iter().any(|fault| said.contains(fault));
    if unknown { Err(said.lines().next().unwrap_or("").to_owned()) } else { Ok(()) }
}

/// Clients that the page's commands begin with and that are not installed.
pub fn missing(blocks: &[Block]) -> Vec<&'static str> {
    let commands = blocks.iter().filter_map(|block| match &block.deed {
        Deed::Run(commands) => Some(commands),
        Deed::Leave { .. } | Deed::Put { .. } | Deed::Write { .. } => None,
    });
    let text: String = commands.flatten().map(|command| format!("{}\n", command.text)).collect();
    let named = |client: &&&str| text.split(|c: char| !c.is_alphanumeric() && c != '-').any(|word| word == **client);
    let here = |client: &str| {
        Command::new("sh").args(["-c", &format!("command -v {client}")]).output().unwrap().status.success()
    };
    ["curl", "jq", "openssl", "tcpdump"].iter().filter(named).filter(|client| !here(client)).copied().collect()
}

#[test]
fn a_command_or_flag_that_is_not_there_is_not_understood() {
    assert_eq!(understood("ztpd device claim MAC --for 15m"), Ok(()));
    assert_eq!(understood("ztpd site add|list"), Ok(()));
    assert!(understood("ztpd device clam 80:5e:c0:11:22:33").is_err());
    assert!(understood("ztpd device claim 80:5e:c0:11:22:33 --fro 10.0.0.0/8").is_err());
}
