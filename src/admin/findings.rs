//! `findings`: what wants attention now, the worst first, each with what to do.

use axum::response::{IntoResponse as _, Response};

use super::answer::{json, page};
use super::ask::Ask;
use super::auth::Reach;
use super::problem::Problem;
use super::resource::Resource as _;
use super::route::{Gives, Route};
use crate::diagnose::{Code, Finding, Severity, Subject, findings, gather};
use crate::inventory::mac::MacAddr;
use crate::inventory::role::Permission;

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/findings", Permission::DevicesView, list)
            .about("what wants attention now, the worst first")
            .asks(&["limit", "cursor", "code", "mac", "severity"])
            .gives(200, Gives::Page("Finding")),
        Route::get("/findings/{id}", Permission::DevicesView, show)
            .about("one thing that wants attention, and what to do about it")
            .gives(200, Gives::One("Finding")),
    ]
}

fn list(ask: &Ask) -> Result<Response, Problem> {
    let asked = ask.page(|_| true)?;
    let code: Option<Code> = ask.asked_word("code", "the codes of findings")?;
    let severity: Option<Severity> = ask.asked_word("severity", "info, warning, error, critical")?;
    let phone = ask.asked_as::<MacAddr>("mac")?.map(Subject::Device);
    let wanted = |finding: &Finding| {
        code.is_none_or(|code| finding.code == code)
            && severity.is_none_or(|severity| finding.severity == severity)
            && phone.as_ref().is_none_or(|phone| finding.subject == *phone)
    };
    let found: Vec<Finding> = visible(ask)?.into_iter().filter(wanted).collect();
    // In the order of urgency; a page goes on behind the finding that the one before ended with.
    let begin = match &asked.after {
        Some(after) => found.iter().position(|finding| finding.id == *after).map_or(found.len(), |at| at + 1),
        None => 0,
    };
    let items = found.into_iter().skip(begin).take(asked.limit);
    let items: Result<_, Problem> = items.map(|finding| Ok((finding.id.clone(), json(&finding)?))).collect();
    Ok(page(&asked, items?))
}

fn show(ask: &Ask) -> Result<Response, Problem> {
    let finding = visible(ask)?.into_iter().find(|finding| finding.id == ask.id());
    let finding = finding.ok_or_else(|| Problem::not_found("finding", ask.id()))?;
    Ok(axum::Json(json(&finding)?).into_response())
}

/// What there is for the caller to see: of phones within reach, and of the daemon itself for the whole account.
fn visible(ask: &Ask) -> Result<Vec<Finding>, Problem> {
    // What a phone did just now is written within a second; who asks shall see it.
    ask.plane.store.flush()?;
    let situation = gather(&*ask.plane.store, &ask.plane.snapshot.load(), ask.plane.clock.now())?;
    let mut found = findings(&situation);
    found.extend(ask.plane.board.findings());
    found.sort_by(|one, other| other.severity.cmp(&one.severity).then_with(|| one.id.cmp(&other.id)));
    if ask.reach() == Reach::Account {
        return Ok(found);
    }
    let mut seen = Vec::new();
    for finding in found.drain(..) {
        let Subject::Device(mac) = &finding.subject else { continue };
        let Some(device) = ask.plane.store.device(*mac)? else { continue };
        if ask.may(&device.value.places(&ask.plane)?) {
            seen.push(finding);
        }
    }
    Ok(seen)
}
