//! `audit`: what administrators did, and whether it is still as it was written.

use axum::http::StatusCode;
use axum::response::Response;

use super::answer::{json, page, shown_value};
use super::ask::Ask;
use super::problem::Problem;
use super::route::{Gives, Route};
use crate::inventory::role::Permission;
use crate::store::AuditQuery;

/// The routes of this file. Acts are of the whole account: who administers some sites only does not read them.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/audit", Permission::AuditView, list)
            .about("what administrators did, newest first")
            .asks(&["limit", "cursor", "actor", "action", "kind", "id"])
            .gives(200, Gives::Page("AuditEntry")),
        Route::get("/audit/verification", Permission::AuditView, verify)
            .about("whether what was recorded is as it was written")
            .gives(200, Gives::One("Verification")),
    ]
}

fn list(ask: &Ask) -> Result<Response, Problem> {
    ask.require_account()?;
    let asked = ask.page(|text| text.parse::<u64>().is_ok())?;
    let before = asked.after.as_ref().and_then(|after| after.parse().ok());
    let of = |name| ask.asked(name).map(str::to_owned);
    let (actor, action, kind, id) = (of("actor"), of("action"), of("kind"), of("id"));
    let found = ask.plane.store.audit(&AuditQuery { before, limit: asked.limit, actor, action, kind, id })?;
    let items = found.iter().map(|entry| Ok((entry.record.id.to_string(), json(entry)?)));
    Ok(page(&asked, items.collect::<Result<_, Problem>>()?))
}

fn verify(ask: &Ask) -> Result<Response, Problem> {
    ask.require_account()?;
    let found = ask.plane.store.verify_audit()?;
    let mut answer = json(&found)?;
    if let Some(fields) = answer.as_object_mut() {
        fields.insert("ok".to_owned(), found.is_whole().into());
    }
    Ok(shown_value(StatusCode::OK, &answer, None))
}
