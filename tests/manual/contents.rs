//! Which pages does the manual have? Those `docs/SUMMARY.md` lists, and the README. Does every link of theirs lead
//! somewhere, and is every page listed?

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use crate::read;

const SUMMARY: &str = "docs/SUMMARY.md";

/// The pages that are carried out, by their names from the top of the project.
pub fn pages() -> Vec<String> {
    let listed = links(SUMMARY).into_iter().filter(|page| page.ends_with(".md"));
    std::iter::once("README.md".to_owned()).chain(listed).collect::<BTreeSet<_>>().into_iter().collect()
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The pages there are in a folder.
fn written(folder: &str) -> Vec<String> {
    let names = std::fs::read_dir(top().join(folder)).unwrap().flatten();
    let names = names.map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".md")).map(|name| format!("{folder}/{name}")).collect()
}

/// Where the links of a page lead, seen from the top of the project; what is elsewhere left out.
fn links(page: &str) -> Vec<String> {
    let text = read(page);
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let local = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
    local.map(|target| from_top(page, target.split('#').next().unwrap_or(target))).collect()
}

/// A link of a page, seen from the top of the project.
fn from_top(page: &str, target: &str) -> String {
    let mut path = PathBuf::from(page);
    path.pop();
    for part in Path::new(target).components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    path.display().to_string()
}

#[test]
fn pages_that_stand_in_no_summary_are_named() {
    let listed = pages();
    assert!(listed.len() > 10, "{listed:?}");
    for page in written("docs").into_iter().chain(written("docs/decisions")) {
        if page != SUMMARY && !listed.contains(&page) {
            println!("skipped: {page}: not in {SUMMARY}, so nobody runs its commands");
        }
    }
}

#[test]
fn every_link_leads_to_a_page_and_every_page_named_is_there() {
    for page in pages().into_iter().chain([SUMMARY.to_owned()]) {
        for target in links(&page) {
            assert!(top().join(&target).exists(), "{page} links to {target}");
        }
        let text = read(&page);
        let words = text.split(|c: char| c.is_whitespace() || "`()[],;:".contains(c));
        for named in words.map(|word| word.trim_end_matches('.')) {
            if named.starts_with("docs/") && named.ends_with(".md") && !named.contains('*') {
                assert!(top().join(named).exists(), "{page} names {named}");
            }
        }
    }
}

#[test]
fn the_readme_is_short_and_leads_to_the_manual() {
    let readme = read("README.md");
    assert!(readme.lines().count() <= 120, "{} lines", readme.lines().count());
    assert!(links("README.md").contains(&SUMMARY.to_owned()));
}
