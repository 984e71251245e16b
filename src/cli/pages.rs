//! A list is as long as it is: page after page until its end, or until the reader has enough.

use clap::Args;
use serde_json::Value;

use super::client::Ask;
use super::failure::Failure;
use super::path::query;
use super::session::Session;

/// The most the API gives in one answer.
const PAGE: usize = 500;

/// How much of a list is wanted.
#[derive(Args, Clone, Debug, Default)]
pub struct Paging {
    /// At most this many; without it, all.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub limit: Option<usize>,
    /// Go on behind this place: the `next_cursor` of a list that was cut short.
    #[arg(long, value_name = "CURSOR")]
    pub cursor: Option<String>,
}

/// A list, or the part of it that was asked for.
#[derive(Debug, Default)]
pub struct List {
    /// What it holds.
    pub items: Vec<Value>,
    /// Where it goes on, if it was cut short.
    pub next: Value,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "it is no number from 1 up".to_owned())
}

/// Reads a list; `filters` is a query with `&` before each part.
pub async fn pages(session: &Session, path: &str, filters: &str, paging: &Paging) -> Result<List, Failure> {
    let mut list = List { items: Vec::new(), next: paging.cursor.clone().map_or(Value::Null, Value::String) };
    loop {
        let wanted = paging.limit.map_or(PAGE, |limit| limit.saturating_sub(list.items.len()).min(PAGE));
        let place = query(&serde_json::json!({"cursor": list.next}))?;
        let answer = session.send(Ask::get(format!("{path}?limit={wanted}{filters}{place}"))).await?;
        let mut page = answer.json()?;
        let items = page.get_mut("items").map(Value::take);
        let Some(Value::Array(items)) = items else {
            return Err(Failure::Failed("the answer is no list: is it the admin API of ztpd?".into()));
        };
        let before =
            std::mem::replace(&mut list.next, page.get_mut("next_cursor").map(Value::take).unwrap_or_default());
        let nothing_new = items.is_empty() || list.next == before;
        list.items.extend(items);
        if list.next.is_null() || nothing_new || paging.limit.is_some_and(|limit| list.items.len() >= limit) {
            return Ok(list);
        }
    }
}
