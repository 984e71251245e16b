//! `ztpd device explain`: what happened to a phone, why, and what to do. One page.

use serde_json::Value;

use super::{Failure, Session, Which};
use crate::cli::client::Ask;
use crate::cli::output::Output;
use crate::cli::path::path;
use crate::cli::text::{shown, words};

/// Asks and shows.
pub(super) async fn run(which: Which, session: &Session) -> Result<(), Failure> {
    let ask = Ask::get(path(&["devices", &which.mac.to_string(), "explain"]));
    let explanation = session.send(ask).await?.json()?;
    let output = &session.output;
    if output.json { output.value(&explanation) } else { output.write(&page(output, &explanation)) }
}

fn page(output: &Output, explanation: &Value) -> String {
    let of = |pointer: &str| explanation.pointer(pointer).map(words).unwrap_or_default();
    let mut page = format!("{}  {}\n", of("/mac"), who(explanation));
    page += &format!("\ncause  {}\n       {}\nfix    {}\n", of("/cause"), of("/summary"), of("/fix"));
    let steps = explanation.get("steps").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if steps.is_empty() {
        page += "\nnothing was seen of it in the last day\n";
    } else {
        page += &format!("\n{}\n", output.drawn(&["time", "what", "address", "what happened", ""], rows(steps)));
    }
    let findings = explanation.get("findings").and_then(Value::as_array).into_iter().flatten();
    for finding in findings {
        let of = |name: &str| finding.get(name).map(words).unwrap_or_default();
        page += &format!("\n{} {}: {}\n  fix: {}\n", of("severity"), of("code"), of("summary"), of("fix"));
    }
    page
}

/// Who the phone is, in a line.
fn who(explanation: &Value) -> String {
    let of = |name: &str| explanation.get("phone")?.get(name).filter(|value| !value.is_null()).map(words);
    let is_registered = explanation.pointer("/phone/registered").and_then(Value::as_bool).unwrap_or_default();
    let kind = [of("maker"), of("model")].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let mut parts = vec![if kind.is_empty() { "a phone of no known maker".to_owned() } else { kind }];
    if is_registered {
        parts.extend(of("site").map(|site| format!("at {site}")));
        parts.push(of("assignment").unwrap_or_else(|| "belongs to nobody".to_owned()));
        parts.extend(of("access"));
        parts.extend(of("provisioning"));
        parts.extend(of("firmware").map(|firmware| format!("firmware {firmware}")));
    } else {
        parts.push("not in the inventory".to_owned());
    }
    parts.join(", ")
}

fn rows(steps: &[Value]) -> Vec<Vec<String>> {
    let row = |step: &Value| {
        let of = |name: &str| step.get(name).map_or_else(|| words(&Value::Null), shown);
        let is_broken = step.get("broken").and_then(Value::as_bool).unwrap_or_default();
        let mark = if is_broken { "<- here" } else { "" };
        vec![of("time"), of("kind"), of("address"), of("summary"), mark.to_owned()]
    };
    steps.iter().map(row).collect()
}
