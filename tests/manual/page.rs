//! What does a page ask its reader to do?
//!
//! A block marked `sh` is commands; one marked `console` is commands after `$ ` and what they say below. What is shown
//! must be said, line by line in this order; `…` stands for anything. A command has to end with 0, or the next one is
//! `echo $?`, which shows how it ended. A comment in front of a block says what else is to be done with it:
//! `<!-- not run: REASON -->` leaves it to its reader, `<!-- file: PATH -->` makes it that file, `<!-- in: PATH -->` puts
//! its tables into that file, in place of those of the same name.

use std::process::{Command as Process, Stdio};

/// A fenced block that is to be acted upon.
#[derive(Debug)]
pub struct Block {
    /// Where it begins.
    pub line: usize,
    pub deed: Deed,
}

/// What is to be done with a block.
#[derive(Debug)]
pub enum Deed {
    /// Left to the reader; what it says of `ztpd` is still read as the program would.
    Leave { reason: String, commands: Vec<String> },
    /// Carried out.
    Run(Vec<Command>),
    /// Tables of settings, put into a file in place of those of the same name.
    Put { path: String, text: String },
    /// Written to a file.
    Write { path: String, text: String },
}

/// A command, and what its reader is told to expect.
#[derive(Debug)]
pub struct Command {
    pub line: usize,
    pub text: String,
    pub shown: Vec<String>,
    /// Whether `echo $?` comes next.
    pub asks_how_it_ended: bool,
}

/// The blocks of a page, in order.
pub fn blocks(text: &str) -> Result<Vec<Block>, String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let Some((indent, language)) = lines[at].split_once("```").filter(|(indent, _)| indent.trim().is_empty())
        else {
            at += 1;
            continue;
        };
        let length = lines[at + 1..].iter().position(|line| line.trim() == "```");
        let length = length.ok_or_else(|| format!("{}: a block without an end", at + 1))?;
        let body = lines[at + 1..at + 1 + length].iter().map(|line| line.strip_prefix(indent).unwrap_or(line));
        let body: Vec<&str> = body.collect();
        let before = lines[..at].iter().rev().find(|line| !line.trim().is_empty());
        let mark = before.and_then(|line| line.trim().strip_prefix("<!--")?.strip_suffix("-->")).map(str::trim);
        let deed = deed(language.trim(), mark, at + 2, &body)?;
        found.extend(deed.map(|deed| Block { line: at + 1, deed }));
        at += length + 2;
    }
    Ok(found)
}

fn deed(language: &str, mark: Option<&str>, line: usize, body: &[&str]) -> Result<Option<Deed>, String> {
    if let Some(path) = mark.and_then(|mark| mark.strip_prefix("file:")) {
        return Ok(Some(Deed::Write { path: path.trim().to_owned(), text: body.join("\n") + "\n" }));
    }
    if let Some(path) = mark.and_then(|mark| mark.strip_prefix("in:")) {
        return Ok(Some(Deed::Put { path: path.trim().to_owned(), text: body.join("\n") + "\n" }));
    }
    let commands = match language {
        "console" => console(line, body)?,
        "sh" => script(line, body),
        "bash" | "shell" => return Err(format!("{line}: it says {language}: `sh` or `console`, so that it is run")),
        _ => return Ok(None),
    };
    let Some(reason) = mark.and_then(|mark| mark.strip_prefix("not run:")) else {
        return Ok(Some(Deed::Run(commands)));
    };
    let commands = commands.iter().flat_map(|command| spoken_to_ztpd(&command.text)).collect();
    Ok(Some(Deed::Leave { reason: reason.trim().to_owned(), commands }))
}

/// Commands after `$ `, each with what is shown below it.
fn console(line: usize, body: &[&str]) -> Result<Vec<Command>, String> {
    let mut found: Vec<Command> = Vec::new();
    let mut at = 0;
    while at < body.len() {
        if let Some(first) = body[at].strip_prefix("$ ") {
            let (text, taken) = whole(first, &body[at + 1..]);
            found.push(Command { line: line + at, text, shown: Vec::new(), asks_how_it_ended: false });
            at += taken;
        } else if let Some(command) = found.last_mut() {
            command.shown.push(body[at].to_owned());
        } else {
            return Err(format!("{}: said before any command", line + at));
        }
        at += 1;
    }
    for at in 1..found.len() {
        found[at - 1].asks_how_it_ended = found[at].text.trim() == "echo $?";
    }
    Ok(found)
}

/// Commands, one after the other.
fn script(line: usize, body: &[&str]) -> Vec<Command> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < body.len() {
        let (text, taken) = whole(body[at], &body[at + 1..]);
        let nothing = text.trim().is_empty() || text.trim_start().starts_with('#');
        if !nothing {
            found.push(Command { line: line + at, text, shown: Vec::new(), asks_how_it_ended: false });
        }
        at += taken + 1;
    }
    found
}

/// A command with the lines below it that belong to it: after `\`, to the end of a here-document, or until a shell finds
/// it whole.
fn whole(first: &str, below: &[&str]) -> (String, usize) {
    let mut text = first.to_owned();
    for (taken, next) in below.iter().enumerate() {
        if is_whole(&text) {
            return (text, taken);
        }
        text += "\n";
        text += next.strip_prefix("> ").unwrap_or(next);
    }
    (text, below.len())
}

fn is_whole(text: &str) -> bool {
    if let Some((_, after)) = text.split_once("<<") {
        let word: String =
            after.trim_start_matches(['-', '\'', '"']).chars().take_while(|c| c.is_alphanumeric()).collect();
        return text.lines().skip(1).any(|line| line.trim() == word);
    }
    if text.ends_with('\\') {
        return false;
    }
    let read = Process::new("bash").args(["-n", "-c", text]).stderr(Stdio::null()).status();
    read.is_ok_and(|status| status.success())
}

/// What in a command is said to `ztpd`: from its name to the end of the simple command.
fn spoken_to_ztpd(text: &str) -> Vec<String> {
    let text = text.replace("\\\n", " ");
    let parts = text.split(['|', ';', '&', '\n', '(', ')']);
    let ours = |part: &str| {
        let part = part.split(" #").next().unwrap_or(part);
        let part = part.split(['<', '>']).next().unwrap_or(part);
        let before = |word: &&str| matches!(*word, "$" | "exec" | "sudo") || word.contains('=');
        let mut words: Vec<&str> = part.split_whitespace().skip_while(before).collect();
        if words.first() == Some(&"systemd-run") {
            words = words.into_iter().skip_while(|word| !is_ztpd(word)).collect();
        }
        let (first, rest) = words.split_first()?;
        is_ztpd(first).then(|| [&["ztpd"], rest].concat().join(" "))
    };
    parts.filter_map(ours).collect()
}

fn is_ztpd(word: &str) -> bool {
    matches!(word, "ztpd" | "target/release/ztpd" | "/usr/bin/ztpd" | "/ztpd")
}

/// Commands that the text mentions, in `code`, each with its line.
pub fn mentioned(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            let code = line.split('`').skip(1).step_by(2).filter(|code| code.starts_with("ztpd "));
            found.extend(code.map(|code| (at + 1, code.to_owned())));
        }
    }
    found
}

/// The first line of what is shown that was not said, if there is one. Blanks count as one: tables are as wide as what
/// is in them.
pub fn first_not_said(shown: &[String], said: &str) -> Option<String> {
    let mut said = said.lines().map(squeezed);
    for line in shown {
        let wanted = squeezed(line);
        if matches!(wanted.as_str(), "" | "…") {
            continue;
        }
        if !said.by_ref().any(|line| matches(&wanted, &line)) {
            return Some(line.clone());
        }
    }
    None
}

fn squeezed(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a line is what is shown, `…` being anything.
fn matches(shown: &str, said: &str) -> bool {
    let parts: Vec<&str> = shown.split('…').map(str::trim).collect();
    let (first, last) = (parts[0], parts[parts.len() - 1]);
    if parts.len() == 1 {
        return shown == said;
    }
    let Some(mut rest) = said.strip_prefix(first) else { return false };
    for part in &parts[1..parts.len() - 1] {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn a_page_is_read_as_its_reader_would() {
    let page = "text `ztpd status`\n\n```console\n$ a \\\n  b\nshown …\n$ c\n$ echo $?\n4\n```\n<!-- file: /x -->\n```toml\nk = 1\n```\n\
                <!-- not run: why -->\n```sh\n# note\nsudo ztpd site list | head   # end\n```\n```json\n{}\n```\n1. x\n\n   ```sh\n   ls\n   ```\n";
    let found = blocks(page).unwrap();
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(matches!(&found[3].deed, Deed::Run(commands) if commands[0].text == "ls"), "{found:?}");
    assert!(blocks("```sh\nls\n").is_err() && blocks("```console\nls\n```\n").is_err());
    let Deed::Run(commands) = &found[0].deed else { panic!("{found:?}") };
    let texts: Vec<&str> = commands.iter().map(|command| command.text.as_str()).collect();
    assert_eq!(texts, ["a \\\n  b", "c", "echo $?"]);
    assert_eq!((commands[0].shown[0].as_str(), commands[1].asks_how_it_ended), ("shown …", true));
    assert!(matches!(&found[1].deed, Deed::Write { path, text } if path == "/x" && text == "k = 1\n"));
    assert!(matches!(&found[2].deed, Deed::Leave { commands, .. } if commands[..] == ["ztpd site list"]), "{found:?}");
    assert_eq!(mentioned(page), [(1, "ztpd status".to_owned())]);
}

#[test]
fn what_is_shown_has_to_be_said_in_this_order() {
    let shown = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    let said = "id   name\nhq   Head office\netag \"7\"";
    assert_eq!(first_not_said(&shown(&["id name", "…", "etag \"…\""]), said), None);
    assert_eq!(first_not_said(&shown(&["etag …", "id name"]), said), Some("id name".to_owned()));
    assert_eq!(first_not_said(&shown(&["hq"]), said), Some("hq".to_owned()));
}
