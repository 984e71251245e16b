//! P1, P2 and the table of promises: what the project says of itself holds against its own files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    std::fs::read_to_string(top().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn sec_p1_who_finds_a_fault_is_told_where_to_and_by_when_it_is_disclosed() {
    let text = read("SECURITY.md").to_lowercase();
    for promise in ["report in private", "90 days", "ghsa", "cve", "rustsec", "supported versions"] {
        assert!(text.contains(promise), "{promise}");
    }
}

#[test]
fn sec_p2_every_check_of_a_change_is_run_and_every_exception_ends() {
    let run = read("tests/run");
    for check in [
        "cargo fmt --check",
        "cargo clippy --locked --all-targets --quiet -- -D warnings",
        "cargo deny --locked --offline check bans licenses sources",
        "cargo deny --locked --offline check advisories",
        "cargo test --locked --lib --bins --tests",
        "cargo +nightly fuzz run",
    ] {
        assert!(run.lines().any(|line| !line.trim_start().starts_with('#') && line.contains(check)), "{check}");
    }
    // The fuzz targets are those there are, and each has its property in the run of every day.
    let targets: BTreeSet<String> = std::fs::read_dir(top().join("fuzz/targets"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let (manifest, daily) = (read("fuzz/Cargo.toml"), read("tests/properties.rs"));
    for target in &targets {
        assert!(manifest.contains(&format!("name = \"{target}\"")), "{target}");
        assert!(daily.contains(&format!("properties::{target}(")), "{target}");
    }
    assert!(targets.len() >= 5, "{targets:?}");
    // An exception without its reason and its day is none.
    for line in read("deny.toml").lines().filter(|line| line.contains("id = \"RUSTSEC-")) {
        let day =
            line.split("until ").nth(1).and_then(|rest| rest.get(..10)).unwrap_or_else(|| panic!("no end: {line}"));
        assert!(day.parse::<jiff::civil::Date>().is_ok() && line.contains("reason = \""), "{line}");
    }
}

/// The tests there are, by the number of the promise that their name begins with: `d7` for `sec_d07_…`.
fn tests_by_promise() -> BTreeMap<String, BTreeSet<String>> {
    let mut files = vec![top().join("src"), top().join("tests")];
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(
                std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()).filter(|path| is_ours(path)),
            );
            continue;
        }
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let Some(name) = line.trim_start().trim_start_matches("async ").strip_prefix("fn sec_") else { continue };
            let name = name.split('(').next().unwrap();
            // A name may be of two promises: sec_d19_sec_d21_….
            for part in format!("sec_{name}").split("sec_").skip(1) {
                let number = part.split('_').next().unwrap();
                let (letter, digits) = number.split_at(1);
                let number = format!("{letter}{}", digits.trim_start_matches('0'));
                found.entry(number).or_default().insert(format!("sec_{name}"));
            }
        }
    }
    found
}

fn is_ours(path: &Path) -> bool {
    path.is_dir() || path.extension().is_some_and(|extension| extension == "rs")
}

/// `docs/policy.md`: each promise with the tests that show it, or with what keeps it from being shown.
#[test]
fn sec_p2_each_promise_of_the_policy_is_shown_by_the_tests_named_or_said_not_to_be() {
    let tests = tests_by_promise();
    let text = read("docs/policy.md");
    let mut promised = BTreeSet::new();
    for row in text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| No.")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [number, _, shown] = cells[..] else { panic!("{row}") };
        let key = number.to_lowercase();
        assert!(promised.insert(key.clone()), "{number} twice");
        let there = tests.get(&key);
        let named: Vec<&str> = shown.split('`').skip(1).step_by(2).filter(|name| name.starts_with("sec_")).collect();
        for name in &named {
            assert!(there.is_some_and(|there| there.contains(*name)), "{number}: no test {name}");
        }
        // Who shows what was not shown before need not wait for this table; what was shown must go on being shown.
        assert_ne!(named.is_empty(), !shown.starts_with("not shown"), "{number}: {shown}; there are {there:?}");
    }
    let unknown: Vec<&String> = tests.keys().filter(|number| !promised.contains(*number)).collect();
    assert!(unknown.is_empty(), "tests of promises that docs/policy.md does not have: {unknown:?}");
    assert!(promised.len() > 60, "{}", promised.len());
}
