//! What each phone of the demo asked, what it was given and why it asked: a row a request, its account at the end.

use super::Booted;
use crate::cli::text::escaped;
use crate::simulate::{Account, Expect, Outcome, Seen};

/// The columns.
pub const TITLES: &[&str] = &["phone", "what it asked", "what it was given", "why it asked"];

/// The rows of all phones, an empty one between two.
pub fn rows(phones: &[Booted]) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for phone in phones {
        if !rows.is_empty() {
            rows.push(vec![String::new(); TITLES.len()]);
        }
        rows.extend(rows_of(phone));
    }
    rows
}

/// The phone's name runs down the first column, beside its requests.
fn rows_of(phone: &Booted) -> Vec<Vec<String>> {
    let mut name = [
        format!("{} {}", phone.maker, phone.model),
        phone.mac.to_string(),
        phone.assignee.clone(),
        format!("at {}", phone.site),
    ]
    .into_iter();
    let mut row = |asked: String, given: String, why: String| {
        vec![name.next().unwrap_or_default(), escaped(&asked), escaped(&given), escaped(&why)]
    };
    let mut rows = Vec::new();
    for (boot, requests) in [("first boot", &phone.requests), ("second boot", &phone.second)] {
        rows.push(row(format!("{boot}:"), String::new(), String::new()));
        for (seen, times) in repeated(requests) {
            let again = if times > 1 { format!(" (×{times})") } else { String::new() };
            rows.push(row(format!("{}{again}", asked(&seen.url)), outcome(&seen.outcome), seen.why.clone()));
        }
    }
    let (account, registrar) = account(phone);
    rows.push(row("its account:".to_owned(), account, registrar));
    rows
}

/// The protocol and the file; all phones of the demo ask the same host.
fn asked(url: &str) -> String {
    match url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('/')?.1))) {
        Some((scheme, file)) => format!("{} {file}", scheme.to_uppercase()),
        None => url.to_owned(),
    }
}

/// The account it came up with, and where it registers.
fn account(phone: &Booted) -> (String, String) {
    match (&phone.account, phone.expect) {
        (Some(Account { user, display_name, server, port, transport, .. }), _) => {
            let transport = format!("{transport:?}").to_uppercase();
            (format!("{user} ({display_name})"), format!("at {server}:{port} over {transport}"))
        }
        (None, Expect::BootstrapOnly) => ("none, as expected".to_owned(), "its TLS is too old".to_owned()),
        (None, Expect::Account) => ("NONE".to_owned(), String::new()),
    }
}

/// Requests that follow each other and are alike, once, with how often.
fn repeated(requests: &[Seen]) -> Vec<(&Seen, usize)> {
    let mut rows: Vec<(&Seen, usize)> = Vec::new();
    for seen in requests {
        match rows.last_mut() {
            Some((last, times)) if last.url == seen.url && outcome(&last.outcome) == outcome(&seen.outcome) => {
                *times += 1
            }
            _ => rows.push((seen, 1)),
        }
    }
    rows
}

fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Accepted => "accepted".to_owned(),
        Outcome::Served { bytes, .. } => format!("served, {bytes} octets"),
        Outcome::Status(status) => format!("HTTP {status}"),
        Outcome::TftpError(1) => "TFTP: not found".to_owned(),
        Outcome::TftpError(code) => format!("TFTP error {code}"),
        Outcome::TlsFailed(_) => "TLS refused".to_owned(),
        Outcome::Unreachable(_) => "unreachable".to_owned(),
        Outcome::Unusable(_) => "unusable".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_shown_by_its_protocol_and_file() {
        assert_eq!(asked("tftp://127.0.0.1:69/y000000000108.cfg"), "TFTP y000000000108.cfg");
        assert_eq!(asked("https://localhost:8443/t/***/a.cfg"), "HTTPS t/***/a.cfg");
        assert_eq!(asked("odd"), "odd");
    }
}
