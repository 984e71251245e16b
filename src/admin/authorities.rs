//! Makers' authorities: who vouches for whose phones. What an operator brings is recognised by its fingerprint; what is
//! not recognised, and what is weak, has to be asked for by name (policy A9).

use std::collections::BTreeSet;

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::AdminPlane;
use super::answer::{json, page_of, shown_value, tag};
use super::ask::Ask;
use super::problem::Problem;
use super::route::{Gives, Route};
use crate::inventory::certificate::{Authority, Der, Fingerprint, Weakness};
use crate::inventory::device::MakerId;
use crate::inventory::role::Permission;
use crate::makers::{self, MAKERS};
use crate::provision::authority::{Brought, NoAuthority, certificates};

/// The routes of this file. Whom we trust is a matter of the whole account.
pub fn routes() -> Vec<Route> {
    let (view, edit) = (Permission::SettingsView, Permission::SettingsEdit);
    vec![
        Route::get("/authorities", view, list)
            .about("who vouches for whose phones")
            .asks(&["limit", "cursor"])
            .gives(200, Gives::Page("Authority")),
        Route::post("/authorities", edit, add)
            .about("trust an authority's certificate for the phones of one maker")
            .takes("NewAuthority")
            .gives(201, Gives::One("Authority")),
        Route::post("/authorities/check", view, check)
            .about("which certificates a file has, and what is weak about them; changes nothing")
            .takes("AuthorityQuestion")
            .gives(200, Gives::Page("CheckedCertificate")),
        Route::get("/authorities/{sha256}", view, show).about("one of them").gives(200, Gives::One("Authority")),
        Route::delete("/authorities/{sha256}", edit, remove)
            .about("remove an authority; phones it vouched for go by their tokens again"),
    ]
}

/// What an operator brings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    maker: String,
    pem: String,
    #[serde(default)]
    tolerate: BTreeSet<Weakness>,
    #[serde(default)]
    confirm: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    pem: String,
}

/// An authority that was added.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    brought: &'a Brought,
    known: bool,
    maker: &'a MakerId,
    tolerate: &'a BTreeSet<Weakness>,
    added: Timestamp,
}

/// A certificate that was asked about.
#[derive(Serialize)]
struct Checked {
    #[serde(flatten)]
    brought: Brought,
    known: bool,
    maker: Option<&'static str>,
    must_be_tolerated: Vec<Weakness>,
    problem: Option<String>,
    added: bool,
}

fn list(ask: &Ask) -> Result<Response, Problem> {
    ask.require_account()?;
    let mut stored = ask.plane.store.authorities()?;
    stored.sort_by_key(|authority| authority.sha256.to_string());
    let shown = |authority: &Authority| Ok((authority.sha256.to_string(), view(&ask.plane, authority)?));
    page_of(ask, stored.iter().map(shown).collect::<Result<_, Problem>>()?)
}

fn show(ask: &Ask) -> Result<Response, Problem> {
    Ok(shown_value(StatusCode::OK, &view(&ask.plane, &found(ask)?)?, None))
}

fn add(ask: &Ask) -> Result<Response, Problem> {
    ask.require_account()?;
    let wish: Wish = ask.body()?;
    let now = ask.plane.clock.now();
    let maker = maker(&wish.maker)?;
    let brought = only_one(&wish.pem, now)?;
    accept(&brought, &wish, &maker)?;
    let (sha256, certificate) = (brought.sha256, brought.certificate);
    if ask.plane.store.authorities()?.iter().any(|authority| authority.sha256 == sha256) {
        let detail = format!("{} is there already; remove it first to change what it is tolerated", brought.name);
        return Err(Problem::new(StatusCode::CONFLICT, "exists", detail));
    }
    let authority = Authority { sha256, maker, tolerate: wish.tolerate, added: now, certificate };
    ask.plane.store.add_authority(authority.clone(), &ask.actor())?;
    (ask.plane.authorities_changed)();
    let location = format!("/api/v1/authorities/{sha256}");
    Ok(shown_value(StatusCode::CREATED, &view(&ask.plane, &authority)?, Some(location)))
}

fn check(ask: &Ask) -> Result<Response, Problem> {
    ask.require_account()?;
    let question: Question = ask.body()?;
    let stored: BTreeSet<Fingerprint> = ask.plane.store.authorities()?.iter().map(|one| one.sha256).collect();
    let found =
        certificates(&question.pem).map_err(|error| Problem::field("/pem", "no_certificate", error.to_string()))?;
    let mut items = Vec::new();
    for (place, certificate) in found.iter().enumerate() {
        let (brought, fault) = read(certificate, place.saturating_add(1), ask.plane.clock.now())?;
        items.push(Checked {
            maker: brought.known().map(|known| known.maker.as_str()),
            must_be_tolerated: brought.must_be_tolerated().collect(),
            problem: fault.map(|fault| fault.to_string()),
            added: stored.contains(&brought.sha256),
            known: brought.known().is_some(),
            brought,
        });
    }
    Ok(axum::Json(serde_json::json!({"items": items, "next_cursor": null})).into_response())
}

fn remove(ask: &Ask) -> Result<Response, Problem> {
    let authority = found(ask)?;
    if ask.if_match()?.is_some_and(|expected| view(&ask.plane, &authority).is_ok_and(|view| expected != tag(&view))) {
        return Err(Problem::stale());
    }
    ask.plane.store.remove_authority(&authority.sha256, &ask.actor())?;
    (ask.plane.authorities_changed)();
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn maker(name: &str) -> Result<MakerId, Problem> {
    let maker = makers::by_id(name).filter(|maker| maker.certificate().is_some()).and_then(|maker| maker.maker_id());
    maker.ok_or_else(|| {
        let known: Vec<&str> = MAKERS.iter().filter(|maker| maker.certificate().is_some()).map(|m| m.id()).collect();
        let message = format!("there is no use for an authority of {name:?} yet; known: {}", known.join(", "));
        Problem::field("/maker", "unknown_maker", message)
    })
}

/// The certificate of a file that has one.
fn only_one(pem: &str, now: Timestamp) -> Result<Brought, Problem> {
    let no_certificate = |message: String| Problem::field("/pem", "no_certificate", message);
    let found = certificates(pem).map_err(|error| no_certificate(error.to_string()))?;
    let [certificate] = found.as_slice() else {
        return Err(no_certificate(format!("there are {} certificates in it: add each by itself", found.len())));
    };
    let (brought, fault) = read(certificate, 1, now)?;
    match fault {
        Some(fault) => Err(Problem::field("/pem", "not_an_authority", fault.to_string())),
        None => Ok(brought),
    }
}

fn read(certificate: &Der, place: usize, now: Timestamp) -> Result<(Brought, Option<NoAuthority>), Problem> {
    Brought::read(certificate, place, now).map_err(|error| Problem::field("/pem", "no_certificate", error.to_string()))
}

/// Refuses what was not asked for by name: another maker's, an unknown one, a weak one.
fn accept(brought: &Brought, wish: &Wish, maker: &MakerId) -> Result<(), Problem> {
    match brought.known() {
        Some(known) if known.maker != maker.as_str() => {
            let message = format!("this is {} of {}, not of {}", known.name, known.maker, wish.maker);
            return Err(Problem::field("/maker", "authority_of_another_maker", message));
        }
        None if !wish.confirm => {
            let message = format!(
                "{} ({}) is none of the authorities that makers are known by; if you are sure that {} signs its \
                 phones' certificates with it, confirm",
                brought.name, brought.sha256, wish.maker
            );
            return Err(Problem::field("/confirm", "authority_unknown", message));
        }
        _ => {}
    }
    let missing: Vec<String> =
        brought.must_be_tolerated().filter(|one| !wish.tolerate.contains(one)).map(|one| one.to_string()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!(
        "{} is weak ({}, {}, version {}, until {}): to trust it all the same, tolerate {}",
        brought.name,
        brought.key,
        brought.signature,
        brought.version,
        brought.not_after,
        missing.join(", ")
    );
    Err(Problem::field("/tolerate", "authority_weak", message))
}

fn found(ask: &Ask) -> Result<Authority, Problem> {
    let unknown = || Problem::not_found("authority", ask.id());
    let wanted: Fingerprint = ask.id().parse().map_err(|_| unknown())?;
    let stored = ask.plane.store.authorities()?;
    let authority = stored.into_iter().find(|authority| authority.sha256 == wanted).ok_or_else(unknown)?;
    ask.require(&[], "authority", ask.id())?;
    Ok(authority)
}

/// A stored authority, with what its certificate says.
fn view(plane: &AdminPlane, authority: &Authority) -> Result<Value, Problem> {
    let (brought, _) = read(&authority.certificate, 1, plane.clock.now())?;
    let known = brought.known().is_some();
    let Authority { maker, tolerate, added, .. } = authority;
    json(&Shown { brought: &brought, known, maker, tolerate, added: *added })
}
