//! Which room may know of which: reads the `use crate::` lines of the source and holds them against the map in `lib.rs`.

// A test that cannot set itself up shall fail loudly.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each room and the rooms it may name.
const MAP: &[(&str, &[&str])] = &[
    ("admin", &["change", "config", "diagnose", "host", "inventory", "makers", "provision", "store", "templates"]),
    ("change", &["config", "inventory", "makers", "provision", "store", "templates"]),
    ("cli", &["admin", "change", "config", "daemon", "diagnose", "host", "inventory", "makers", "simulate", "store"]),
    ("config", &["inventory", "makers", "templates"]),
    (
        "daemon",
        &["admin", "config", "diagnose", "host", "inventory", "makers", "provision", "serve", "store", "templates"],
    ),
    ("diagnose", &["config", "host", "inventory", "makers", "provision", "store"]),
    ("host", &[]),
    ("inventory", &[]),
    ("makers", &["inventory"]),
    ("provision", &["config", "host", "inventory", "makers", "store", "templates"]),
    ("serve", &["config", "host", "inventory", "makers", "provision", "store", "tftp"]),
    ("simulate", &["host", "inventory", "tftp"]),
    ("store", &["inventory"]),
    ("templates", &["inventory", "makers"]),
    ("tftp", &[]),
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            files(&entry.path(), found);
        } else if entry.path().extension().is_some_and(|extension| extension == "rs") {
            found.push(entry.path());
        }
    }
}

fn source() -> Vec<(String, PathBuf, String)> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&top, &mut found);
    let room = |path: &Path| {
        let first = path.strip_prefix(&top).unwrap().components().next().unwrap();
        first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
    };
    found.into_iter().map(|path| (room(&path), path.clone(), std::fs::read_to_string(&path).unwrap())).collect()
}

#[test]
fn no_room_knows_more_than_the_map_allows() {
    for (room, path, text) in source() {
        let Some((_, allowed)) = MAP.iter().find(|(name, _)| *name == room) else {
            assert!(matches!(room.as_str(), "lib" | "main"), "{room} is not on the map");
            continue;
        };
        let named: BTreeSet<&str> = text
            .split("crate::")
            .skip(1)
            .filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next())
            .filter(|name| MAP.iter().any(|(room, _)| room == name))
            .collect();
        for name in named {
            assert!(name == room || allowed.contains(&name), "{} names {name}, which the map forbids", path.display());
        }
    }
}

/// `docs/architecture.md` has the map in its table of rooms, and the source's own front page names each room.
#[test]
fn the_documents_show_the_same_map() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(top.join("docs/architecture.md")).unwrap();
    let mut shown = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let named = cells[3].split(", ").filter(|name| *name != "none").collect::<BTreeSet<&str>>();
        shown.push((cells[1].trim_matches('`'), named));
    }
    let map: Vec<_> = MAP.iter().map(|(room, allowed)| (*room, allowed.iter().copied().collect())).collect();
    assert_eq!(shown, map, "docs/architecture.md and MAP differ");
    let front = std::fs::read_to_string(top.join("src/lib.rs")).unwrap();
    for (room, _) in MAP {
        assert!(front.contains(&format!("[`{room}`]")) && front.contains(&format!("pub mod {room};")), "{room}");
    }
}

#[test]
fn only_the_store_knows_its_engine_and_nothing_is_unsafe() {
    for (_, path, text) in source() {
        // The crate is `::sled`; `super::sled` and `store::sled` are our own file of that name.
        let engine = text.lines().any(|line| line.contains(" ::sled::") || line.contains("(::sled::"));
        assert!(!engine || path.ends_with("store/sled.rs"), "{} names the engine", path.display());
        // One call that no library offers; `deny(unsafe_code)` holds everywhere else too.
        let allowed = path.ends_with("host/packet_socket.rs");
        assert!(allowed || !text.contains(concat!("un", "safe ")), "{} has unsafe code", path.display());
    }
}

/// Data is never compiled as a template (policy D20): templates come from the program or the operator's folder alone.
#[test]
fn sec_d20_only_the_catalogue_compiles_templates() {
    for (_, path, text) in source() {
        let compiles = text.contains("add_raw_template") || text.contains("render_str") || text.contains("::one_off(");
        assert!(!compiles || path.ends_with("templates/engine.rs"), "{} compiles templates", path.display());
        assert!(!text.contains("render_str") && !text.contains("::one_off("), "{} compiles data", path.display());
    }
}
