//! `ztpd finding`: what wants attention now, the worst first, and what to do about it.

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

use super::client::Ask;
use super::failure::Failure;
use super::noun::Noun;
use super::output::Column;
use super::pages::{Paging, pages};
use super::path::query;
use super::session::Session;
use super::text::{escaped_lines, shown, words};
use crate::diagnose::Code;

/// What can be done with findings.
#[derive(Subcommand)]
pub enum FindingVerb {
    /// Lists what wants attention now, the worst first.
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        filters: FindingFilters,
        #[command(flatten)]
        paging: Paging,
    },
    /// Shows what is the matter, what shows it, and what to do.
    Show {
        /// Which finding, as `ztpd finding list` names it
        #[arg(value_name = "ID", value_parser = Finding::id)]
        id: String,
    },
}

/// The noun.
pub enum Finding {}

/// Which findings.
#[derive(Args, Debug, Serialize)]
pub struct FindingFilters {
    /// Those of this kind.
    #[arg(long, value_parser = codes())]
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// Those of this phone, in any usual spelling.
    #[arg(long, value_name = "MAC")]
    #[serde(skip_serializing_if = "Option::is_none")]
    mac: Option<crate::inventory::mac::MacAddr>,
    /// Those that are so bad.
    #[arg(long, value_parser = ["info", "warning", "error", "critical"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<String>,
}

fn codes() -> clap::builder::PossibleValuesParser {
    let hidden = |code: &Code| clap::builder::PossibleValue::new(code.as_str()).hide(true);
    clap::builder::PossibleValuesParser::new(Code::ALL.iter().map(hidden))
}

impl Noun for Finding {
    const KIND: &'static str = "finding";
    const PATH: &'static str = "findings";
    const KEY: &'static str = "id";
    const ID: &'static str = "ID";
    const COLUMNS: &'static [Column] = &[
        Column::of("id", "/id"),
        Column::of("severity", "/severity"),
        Column::of("phones", "/phones"),
        Column::of("last_seen", "/last_seen"),
        Column::of("summary", "/summary"),
    ];
    type Filters = FindingFilters;
}

impl FindingVerb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            FindingVerb::List { filters, paging } => {
                let list = pages(session, Finding::PATH, &query(&filters)?, &paging).await?;
                session.list(Finding::COLUMNS, list)
            }
            FindingVerb::Show { id } => {
                let finding = session.send(Ask::get(Finding::place(&id))).await?.json()?;
                if session.output.json {
                    return session.output.value(&finding);
                }
                session.output.write(&page(&finding))
            }
        }
    }
}

/// A finding as a colleague would tell it; what is to be pasted stands by itself, to be copied whole.
fn page(finding: &Value) -> String {
    let of = |pointer: &str| finding.pointer(pointer).map(words).unwrap_or_default();
    let mut page = format!("{} ({}), since {}", of("/summary"), of("/severity"), shown_at(finding, "/first_seen"));
    if finding.pointer("/phones").and_then(Value::as_u64).is_some_and(|phones| phones > 1) {
        page += &format!(", {} phones", of("/phones"));
    }
    page.push('\n');
    for evidence in finding.get("evidence").and_then(Value::as_array).into_iter().flatten() {
        page += &format!("  seen: {}\n", words(evidence));
    }
    page += &format!("  do:   {}\n", of("/fix"));
    for (system, lines) in finding.get("paste").and_then(Value::as_object).into_iter().flatten() {
        page += &format!("\nFor {}:\n\n", words(&Value::from(system.as_str())));
        for line in escaped_lines(lines.as_str().unwrap_or_default()).lines() {
            page += &format!("    {line}\n");
        }
    }
    page
}

fn shown_at(finding: &Value, pointer: &str) -> String {
    finding.pointer(pointer).map(shown).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_told_with_what_to_do_and_no_control_character() {
        let finding = serde_json::json!({"summary": "it \u{1b}[2J asks", "severity": "error", "phones": 2,
            "first_seen": "2026-01-02T03:04:05.678Z", "evidence": ["asked from 10.0.0.1"], "fix": "ztpd device claim X",
            "paste": {"dnsmasq": "dhcp-option=66,x\ndhcp-option=67,y"}});
        let told = page(&finding);
        assert!(told.starts_with("it \\u{1b}[2J asks (error), since 2026-01-02T03:04:05Z, 2 phones\n"), "{told}");
        assert!(told.contains("  seen: asked from 10.0.0.1\n  do:   ztpd device claim X\n"), "{told}");
        assert!(told.ends_with("For dnsmasq:\n\n    dhcp-option=66,x\n    dhcp-option=67,y\n"), "{told}");
    }
}
