//! `ztpd audit`: who changed what from what to what, and whether that record is as it was written.

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

use super::client::Ask;
use super::failure::Failure;
use super::pages::{Paging, pages};
use super::path::query;
use super::session::Session;
use super::text::{NOTHING, shown, words};

/// What can be done with the audit trail.
#[derive(Subcommand)]
pub enum AuditVerb {
    /// Lists what administrators did, newest first.
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        filters: Filters,
        #[command(flatten)]
        paging: Paging,
    },
    /// Verifies that what was recorded, of administrators and of phones, is as it was written.
    Verify,
}

/// Which acts.
#[derive(Args, Debug, Serialize)]
pub struct Filters {
    /// Those of this administrator.
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Those of this verb, such as create, replace or rotate_token.
    #[arg(long, value_name = "VERB")]
    action: Option<String>,
    /// Those done to things of this kind, such as site, user, common_area or device.
    #[arg(long)]
    kind: Option<String>,
    /// Those done to the thing of this name.
    #[arg(long)]
    id: Option<String>,
}

impl AuditVerb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            AuditVerb::List { filters, paging } => {
                let list = pages(session, "audit", &query(&filters)?, &paging).await?;
                if session.output.json {
                    return session.list(&[], list);
                }
                let titles = ["time", "actor", "action", "object", "changes"];
                session.output.rows(&titles, list.items.iter().map(row).collect())
            }
            AuditVerb::Verify => verify(session).await,
        }
    }
}

fn row(act: &Value) -> Vec<String> {
    let of = |pointer: &str| act.pointer(pointer).map_or_else(|| NOTHING.to_owned(), shown);
    let actor = match act.get("on_behalf_of").and_then(Value::as_str) {
        Some(_) => format!("{} for {}", of("/actor"), of("/on_behalf_of")),
        None => of("/actor"),
    };
    let object = format!("{} {}", of("/object/kind"), of("/object/id"));
    let changes = act.get("changes").and_then(Value::as_array).into_iter().flatten().map(change);
    let showed = act.get("shown").map(|fields| format!("showed {}", words(fields)));
    let detail = act.get("detail").map(words);
    let all: Vec<String> = changes.chain(showed).chain(detail).collect();
    vec![of("/time"), actor, of("/action"), object, if all.is_empty() { NOTHING.to_owned() } else { all.join("; ") }]
}

/// `site hq name: A → B`.
fn change(change: &Value) -> String {
    let of = |pointer: &str| change.pointer(pointer).map(words).unwrap_or_default();
    let whose = match change.get("object") {
        Some(_) => format!("{} {} ", of("/object/kind"), of("/object/id")),
        None => String::new(),
    };
    format!("{whose}{}: {} → {}", of("/field"), of("/from"), of("/to"))
}

async fn verify(session: &Session) -> Result<(), Failure> {
    let found = session.send(Ask::get("audit/verification")).await?.json()?;
    let (whole, broken) = verdicts(&found);
    if session.output.json {
        session.output.value(&found)?;
    } else {
        whole.iter().try_for_each(|sentence| session.output.line(sentence))?;
    }
    if broken.is_empty() { Ok(()) } else { Err(Failure::Failed(broken.join("\n"))) }
}

/// What is said of the chains that are whole, and of those that are not.
fn verdicts(found: &Value) -> (Vec<String>, Vec<String>) {
    let (mut whole, mut broken) = (Vec::new(), Vec::new());
    for (chain, whose) in [("administration", "administrators' acts"), ("devices", "phones' events")] {
        let of = |name: &str| found.pointer(&format!("/{chain}/{name}")).map(words).unwrap_or_default();
        match found.pointer(&format!("/{chain}/fault")) {
            Some(Value::Null) => {
                let (first, last, head) = (of("first"), of("last"), of("head"));
                whole.push(format!("{whose}: records {first} to {last} are as they were written; head {head}"));
            }
            _ => broken.push(format!("{whose}: record {}: {}", of("fault/id"), of("fault/what"))),
        }
    }
    (whole, broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_chain_is_named_with_its_record() {
        let whole = serde_json::json!({"first": 1, "last": 7, "head": "ab", "fault": null});
        let broken =
            serde_json::json!({"first": 1, "last": 7, "head": "ab", "fault": {"id": 3, "what": "was changed"}});
        let (fine, faults) = verdicts(&serde_json::json!({"administration": whole, "devices": broken}));
        assert_eq!(fine, ["administrators' acts: records 1 to 7 are as they were written; head ab"]);
        assert_eq!(faults, ["phones' events: record 3: was changed"]);
        // An answer that does not say so is no proof.
        assert_eq!(verdicts(&serde_json::json!({})).1.len(), 2);
    }

    #[test]
    fn a_change_says_from_what_to_what() {
        let act = serde_json::json!({"time": "2026-01-02T03:04:05.678Z", "actor": "uid 0", "action": "replace",
            "object": {"kind": "site", "id": "hq"}, "changes": [{"field": "name", "from": null, "to": "H\u{1b}Q"}]});
        assert_eq!(row(&act), ["2026-01-02T03:04:05Z", "uid 0", "replace", "site hq", "name: - → H\\u{1b}Q"]);
    }
}
