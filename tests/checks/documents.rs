//! What people look up must be there.

use std::path::Path;

use ztpd::diagnose::Code;

/// Each kind of finding stands in the manual's table, with its severity, and the table names none that there is not.
#[test]
fn every_kind_of_finding_is_in_the_manual() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/diagnosis.md");
    let text = std::fs::read_to_string(path).unwrap();
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    for code in Code::ALL {
        let row = rows.iter().find(|row| row[0] == format!("`{code}`")).unwrap_or_else(|| panic!("{code} is missing"));
        assert_eq!(row.len(), 4, "{row:?}");
        assert!(row[1].contains(&code.severity().to_string()), "{row:?}");
        assert!(!row[2].is_empty() && !row[3].is_empty(), "{row:?}");
    }
    assert_eq!(rows.len(), Code::ALL.len(), "the table has a kind that there is not, or one twice");
}
