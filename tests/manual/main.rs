//! The manual, run: every command of `README.md` and `docs/*.md` is carried out, page by page and in order, against a
//! real daemon on loopback, and has to do and say what the page shows. `page.rs` says how a page is read, `stage.rs`
//! what stands in for the reader's machine, `contents.rs` which pages there are.

// A test that cannot set itself up shall fail loudly.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod contents;
mod page;
mod shell;
mod stage;
mod words;

use std::path::Path;

use page::{Block, Command, Deed};
use stage::Stage;

/// How many pages are carried out beside each other, each with a daemon of its own.
const AT_ONCE: usize = 3;

#[test]
fn every_page_does_what_it_says() {
    let pages = contents::pages();
    // One page alone, while it is written: MANUAL=docs/phones.md cargo test --test manual
    let wanted = std::env::var("MANUAL").ok();
    let left: Vec<String> =
        pages.into_iter().filter(|page| wanted.as_ref().is_none_or(|wanted| wanted == page)).collect();
    assert!(!left.is_empty());
    let left = std::sync::Mutex::new(left);
    let next = || left.lock().unwrap().pop();
    let carry_out = || {
        let fault = |page: String| run(&page).err().map(|fault| format!("{page}:{fault}"));
        std::iter::from_fn(next).filter_map(fault).collect::<Vec<String>>()
    };
    let faults: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(carry_out)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

/// A page of the project, as text.
fn read(page: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Carries out a page, from its first block to its last.
fn run(page: &str) -> Result<(), String> {
    let text = read(page);
    let blocks = page::blocks(&text)?;
    for (line, words) in page::mentioned(&text) {
        words::understood(&words).map_err(|wrong| format!("{line}: `{words}`: {wrong}"))?;
    }
    let missing = words::missing(&blocks);
    if !missing.is_empty() {
        println!("skipped: {page}: {missing:?} not installed");
        return Ok(());
    }
    let mut stage = Stage::new(!serves(&blocks));
    blocks.iter().try_for_each(|block| carry_out(&mut stage, page, block))
}

/// Whether the page itself starts the daemon.
fn serves(blocks: &[Block]) -> bool {
    let starts = |command: &Command| stage::starts_the_daemon(&command.text);
    blocks.iter().any(|block| match &block.deed {
        Deed::Run(commands) => commands.iter().any(starts),
        Deed::Leave { .. } | Deed::Put { .. } | Deed::Write { .. } => false,
    })
}

fn carry_out(stage: &mut Stage, page: &str, block: &Block) -> Result<(), String> {
    let line = block.line;
    match &block.deed {
        Deed::Leave { reason, commands } => {
            println!("skipped: {page}:{line}: {reason}");
            let understood =
                |words: &String| words::understood(words).map_err(|wrong| format!("{line}: `{words}`: {wrong}"));
            commands.iter().try_for_each(understood)
        }
        Deed::Put { path, text } => stage.put(path, text),
        Deed::Write { path, text } => stage.write(path, text),
        Deed::Run(commands) => commands.iter().try_for_each(|command| do_as_shown(stage, command)),
    }
}

fn do_as_shown(stage: &mut Stage, command: &Command) -> Result<(), String> {
    let Command { line, text, shown, asks_how_it_ended } = command;
    let said = stage.run(text).map_err(|fault| format!("{line}: {text}\n{fault}"))?;
    if said.code != 0 && !asks_how_it_ended {
        return Err(format!("{line}: {text}\nended with {}:\n{}", said.code, said.text));
    }
    let missing = page::first_not_said(shown, &said.text);
    missing.map_or(Ok(()), |missing| Err(format!("{line}: {text}\nnot said: {missing:?}\nbut:\n{}", said.text)))
}
