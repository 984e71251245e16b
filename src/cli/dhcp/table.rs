//! How a report on DHCP is shown to people.

use std::fmt::Write as _;

use crate::cli::output::Output;
use crate::diagnose::dhcp_choice::Choice;
use crate::diagnose::dhcp_report::{PhoneRow, Report, ServerRow};
use crate::diagnose::here::Verdict;

/// The report as text.
pub(super) fn text(output: &Output, report: &Report, nobody: bool) -> String {
    let mut text = String::new();
    // What was asked by ourselves stands in the servers' tables.
    let seen: Vec<&PhoneRow> = report.phones.iter().filter(|phone| !phone.probe).collect();
    if !seen.is_empty() {
        let _ = writeln!(text, "Phones\n{}\n", phones(output, &seen));
    }
    for server in &report.servers {
        let _ = writeln!(text, "{}\n", answer(output, server));
    }
    for fact in &report.facts {
        let _ = writeln!(text, "{} {}: {} ({})", fact.severity, fact.subject, fact.summary, fact.code);
    }
    if nobody && !report.servers.is_empty() {
        let _ = writeln!(text, "Whether it leads here is not judged: name your server with --server or --config.");
    }
    if !report.facts.iter().any(crate::diagnose::facts::Fact::is_finding) {
        let _ = writeln!(text, "Nothing is wrong in what was seen.");
    }
    text
}

fn shown(part: Option<impl ToString>) -> String {
    part.map_or_else(|| "-".to_owned(), |part| part.to_string())
}

fn phones(output: &Output, phones: &[&PhoneRow]) -> String {
    let titles = ["mac", "family", "class", "vlan", "server", "address", "option", "asks for", "here"];
    let mut rows = Vec::new();
    for phone in phones {
        let vlans = phone.vlans.iter().map(ToString::to_string).collect::<Vec<_>>().join(".");
        let start = || {
            let vlans = (!vlans.is_empty()).then_some(&vlans);
            vec![phone.mac.to_string(), shown(phone.family), shown(phone.class.as_ref()), shown(vlans)]
        };
        if phone.told.is_empty() {
            rows.push([start(), vec!["no answer".to_owned()], vec![shown(None::<String>); 4]].concat());
        }
        for told in &phone.told {
            let took = if phone.took == Some(told.server) && phone.told.len() > 1 { " (taken)" } else { "" };
            let through = told.relay.as_ref().map(|relay| match &relay.circuit {
                Some(circuit) => format!(" via {} port {circuit}", relay.address),
                None => format!(" via {}", relay.address),
            });
            let server = format!("{}{took}{}", told.server, through.unwrap_or_default());
            let server = vec![server, told.address.to_string()];
            rows.push([start(), server, choice(told.choice.as_ref())].concat());
        }
    }
    output.drawn(&titles, rows)
}

/// Option, first request, whether that is here.
fn choice(choice: Option<&Choice>) -> Vec<String> {
    let Some(choice) = choice else { return vec!["-".to_owned(), "-".to_owned(), "-".to_owned()] };
    let here = match choice.verdict {
        Verdict::Here if choice.faults.is_empty() => "yes",
        Verdict::Here => "yes, but see below",
        Verdict::Elsewhere => "no",
        Verdict::OtherName => "another name",
        Verdict::Unknown => "-",
    };
    let asks = choice.first_request.clone();
    vec![shown(choice.option), shown(asks), here.to_owned()]
}

fn answer(output: &Output, server: &ServerRow) -> String {
    let mut text = format!("Server {}", server.server);
    if server.source != server.server {
        let _ = write!(text, " (from {})", server.source);
    }
    for option in &server.options {
        let name = option.name().map(|name| format!(" ({name})"));
        let _ = write!(text, "\n  option {}{}: {}", option.code, name.unwrap_or_default(), option.value);
    }
    if server.options.is_empty() {
        text.push_str("\n  no option that leads phones");
    }
    for (field, value) in [("sname", &server.sname), ("file", &server.file)] {
        if !value.is_empty() {
            let _ = write!(text, "\n  field {field}: {value}");
        }
    }
    let row = |made: &Choice| [vec![made.family.to_owned()], choice(Some(made))].concat();
    let rows: Vec<Vec<String>> = server.choices.iter().map(row).collect();
    let _ = write!(text, "\n{}", output.drawn(&["with it", "option", "ask first for", "here"], rows));
    for (note, families) in notes(&server.choices) {
        let _ = write!(text, "\n  {}: {note}", families.join(", "));
    }
    text
}

/// What is to be known besides, said once for all it is true of.
fn notes(choices: &[Choice]) -> Vec<(&str, Vec<&str>)> {
    let mut notes: Vec<(&str, Vec<&str>)> = Vec::new();
    for choice in choices {
        for note in &choice.notes {
            match notes.iter_mut().find(|(known, _)| known == note) {
                Some((_, families)) => families.push(choice.family),
                None => notes.push((note, vec![choice.family])),
            }
        }
    }
    notes
}
