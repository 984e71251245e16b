//! `ztpd top`: phones as they arrive. On a terminal the phones seen last, again and again; in a pipe a line a request.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::client::Ask;
use super::failure::Failure;
use super::output::{Column, Drawing, Output, Terminal};
use super::session::Session;
use super::text::json_line;
use crate::inventory::period::Period;

/// The most events that are asked for at once.
const PAGE: usize = 500;
/// The most phones that are remembered: more than a screen has lines.
const MOST: usize = 256;

const COLUMNS: &[Column] = &[
    Column::of("time", "/time"),
    Column::of("mac", "/mac"),
    Column::of("maker", "/maker"),
    Column::of("address", "/address"),
    Column::of("plane", "/plane"),
    Column::of("file", "/file"),
    Column::of("decision", "/decision"),
    Column::of("reason", "/reason"),
];

/// `ztpd top`.
#[derive(Args, Debug)]
#[command(after_help = "Ctrl-C ends it. In a pipe: a line a request, from now on; with --json, an object a line.")]
pub struct Top {
    /// How often to look, from 1s up.
    #[arg(long, value_name = "PERIOD", default_value = "1s", value_parser = interval)]
    interval: Duration,
}

fn interval(text: &str) -> Result<Duration, String> {
    let period: Period = text.parse().map_err(|error| format!("it {error}"))?;
    if period < Period::seconds(1) { Err("it is less than 1s".to_owned()) } else { Ok(period.duration()) }
}

impl Top {
    /// Does it, until a signal or until nobody reads any more.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let watching = async {
            match session.output.terminal {
                Some(terminal) if terminal.drawing == Drawing::Full && !session.output.json => {
                    self.screen(session).await
                }
                _ => self.lines(session).await,
            }
        };
        tokio::select! {
            ended = watching => ended,
            _ = tokio::signal::ctrl_c() => Ok(()),
        }
    }

    async fn lines(&self, session: &Session) -> Result<(), Failure> {
        let mut last = newest(session, None).await?.first().map_or(0, id);
        if !session.output.json {
            let titles: Vec<&str> = COLUMNS.iter().map(|column| column.title()).collect();
            session.output.write(&format!("{}\n", titles.join("  ").to_uppercase()))?;
        }
        loop {
            for event in newest(session, Some(last)).await?.iter().rev() {
                last = last.max(id(event));
                if session.output.json {
                    session.output.write(&format!("{}\n", json_line(event)))?;
                } else {
                    let cells: Vec<String> = COLUMNS.iter().map(|column| column.cell(event)).collect();
                    session.output.write(&format!("{}\n", cells.join("  ")))?;
                }
            }
            tokio::time::sleep(self.interval).await;
        }
    }

    async fn screen(&self, session: &Session) -> Result<(), Failure> {
        let mut last = None;
        let mut phones: BTreeMap<String, Value> = BTreeMap::new();
        loop {
            for event in newest(session, last).await?.into_iter().rev() {
                last = last.max(Some(id(&event)));
                if let Some(mac) = event.get("mac").and_then(Value::as_str) {
                    phones.insert(mac.to_owned(), event);
                }
            }
            let mut rows: Vec<&Value> = phones.values().collect();
            rows.sort_by_key(|event| std::cmp::Reverse(id(event)));
            rows.truncate(MOST);
            session.output.write(&screenful(&rows, Terminal::found()))?;
            let oldest = rows.last().map_or(0, |event| id(event));
            phones.retain(|_, event| id(event) >= oldest);
            tokio::time::sleep(self.interval).await;
        }
    }
}

/// As much of the table as the terminal shows now, drawn over what was there before.
fn screenful(rows: &[&Value], terminal: Terminal) -> String {
    let cells = rows.iter().map(|event| COLUMNS.iter().map(|column| column.cell(event)).collect());
    let titles: Vec<&str> = COLUMNS.iter().map(|column| column.title()).collect();
    let output = Output { json: false, terminal: Some(terminal) };
    let table = output.drawn(&titles, cells.collect());
    let head = "ztpd top: phones by their last request; Ctrl-C ends";
    let lines = std::iter::once(head).chain(table.lines()).take(usize::from(terminal.height.saturating_sub(1)).max(1));
    let lines: Vec<&str> = lines.collect();
    // Home, and clear from there.
    format!("\u{1b}[H\u{1b}[2J{}\n", lines.join("\n"))
}

/// The events after `last`, newest first; without `last`, one page of the newest.
async fn newest(session: &Session, last: Option<u64>) -> Result<Vec<Value>, Failure> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let mut page = session.send(Ask::get(format!("events?limit={PAGE}{cursor}"))).await?.json()?;
        let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) else {
            return Err(Failure::Failed("the answer is no list: is it the admin API of ztpd?".into()));
        };
        let whole_page = items.len() == PAGE;
        let fresh: Vec<Value> = items.into_iter().filter(|event| last.is_none_or(|last| id(event) > last)).collect();
        let more = whole_page && fresh.len() == PAGE && last.is_some();
        found.extend(fresh);
        match found.last().map(id).filter(|_| more) {
            Some(id) => cursor = format!("&cursor={id}"),
            None => return Ok(found),
        }
    }
}

fn id(event: &Value) -> u64 {
    event.get("id").and_then(Value::as_u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screenful_is_no_higher_than_the_screen() {
        let event = serde_json::json!({"id": 1, "mac": "80:5e:c0:11:22:33", "file": "\u{1b}[2J".repeat(20)});
        for height in [1, 2, 10, 24] {
            let terminal = Terminal { width: 60, height, drawing: Drawing::Full };
            let screen = screenful(&[&event; 300], terminal);
            assert!(screen.lines().count() <= usize::from(height), "{height}: {screen}");
            assert_eq!(screen.matches('\u{1b}').count(), 2, "{screen:?}");
        }
    }
}
