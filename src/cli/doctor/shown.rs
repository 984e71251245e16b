//! How a diagnosis is shown to people: what was checked, what was found, what to do.

use std::fmt::Write as _;

use serde_json::Value;

use super::Diagnosis;
use crate::cli::text::escaped;
use crate::diagnose::Finding;
use crate::inventory::mac::MacAddr;

/// The diagnosis as text.
pub(super) fn text(found: &Diagnosis, mac: Option<MacAddr>) -> String {
    let mut text = String::new();
    if !found.daemon {
        let _ = writeln!(text, "No daemon is running here: checked from this machine alone, without an inventory.");
    }
    for ran in &found.checks {
        let what = match ran.place.as_str() {
            "" => ran.check.clone(),
            place => format!("{} on {}", ran.check, escaped(place)),
        };
        let came = match ran.findings {
            0 => "nothing to say".to_owned(),
            1 => "1 finding".to_owned(),
            count => format!("{count} findings"),
        };
        let _ = writeln!(text, "checked {what}: {came}");
    }
    for finding in &found.findings {
        text.push_str(&one(finding));
    }
    if let (Some(mac), Some(explain)) = (mac, &found.explain) {
        text.push_str(&explained(mac, explain));
    }
    if let (Some(mac), None) = (mac, &found.explain) {
        let _ = writeln!(text, "\nWhat happened to {mac} is known to its daemon alone: ztpd device explain {mac}");
    }
    if found.ok {
        let _ = writeln!(text, "No check found anything wrong.");
    }
    text
}

fn one(finding: &Finding) -> String {
    let phones = match finding.phones {
        0 => String::new(),
        1 => ", 1 phone".to_owned(),
        count => format!(", {count} phones"),
    };
    let mut text =
        format!("\n{} {} ({}{phones})\n", finding.severity, escaped(&finding.subject.to_string()), finding.code);
    let _ = writeln!(text, "  {}", escaped(&finding.summary));
    for line in finding.evidence.iter().filter(|line| **line != finding.summary) {
        let _ = writeln!(text, "  - {}", escaped(line));
    }
    let _ = writeln!(text, "  what to do: {}", escaped(&finding.fix));
    for (system, lines) in &finding.paste {
        let _ = writeln!(text, "  for {system}:");
        for line in lines.lines() {
            let _ = writeln!(text, "    {}", escaped(line));
        }
    }
    text
}

fn explained(mac: MacAddr, explain: &Value) -> String {
    let field = |name: &str| escaped(explain.get(name).and_then(Value::as_str).unwrap_or_default());
    format!("\n{mac}: {}\n  {}\n  what to do: {}\n", field("cause"), field("summary"), field("fix"))
}
