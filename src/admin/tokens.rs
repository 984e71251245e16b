//! `tokens`: what programs show to use the API over the network. 256 random bits, shown once, kept as a hash, with an
//! end (policy A4).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::Value;

use super::answer::{page_of, shown_value, tag};
use super::ask::Ask;
use super::devices::no_randomness;
use super::problem::Problem;
use super::route::{Gives, Route};
use crate::inventory::account::{AdminToken, AdminTokenId};
use crate::inventory::period::Period;
use crate::inventory::role::Permission;
use crate::inventory::secret::{Secret, TokenLength};
use crate::inventory::sip::Label;

/// What a token begins with, so that it is known for one wherever it turns up.
pub const PREFIX: &str = "ztpd_";

/// The longest a token may last.
const LONGEST: Period = Period::days(366);

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    let (view, assign) = (Permission::RolesView, Permission::RolesAssign);
    vec![
        Route::get("/tokens", view, list)
            .about("the tokens, without what they are")
            .asks(&["limit", "cursor"])
            .gives(200, Gives::Page("Token")),
        Route::post("/tokens", assign, create)
            .about("make a token; this answer alone shows it")
            .takes("NewToken")
            .gives(201, Gives::One("ShownToken")),
        Route::get("/tokens/{id}", view, show).about("one of them").gives(200, Gives::One("Token")),
        Route::delete("/tokens/{id}", assign, remove).about("remove a token and its grants; it opens nothing any more"),
    ]
}

/// What a new token is made from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    name: Label,
    #[serde(default)]
    id: Option<AdminTokenId>,
    #[serde(default)]
    expires: Option<Period>,
}

fn list(ask: &Ask) -> Result<Response, Problem> {
    ask.require_account()?;
    let tokens = ask.plane.store.admin_tokens()?;
    page_of(ask, tokens.iter().map(|token| (token.id.to_string(), view(ask, token))).collect())
}

fn create(ask: &Ask) -> Result<Response, Problem> {
    ask.require_account()?;
    let wish: NewToken = ask.body()?;
    let lasts = wish.expires.unwrap_or(Period::days(90));
    if !(Period::seconds(1)..=LONGEST).contains(&lasts) {
        return Err(Problem::field("/expires", "invalid", format!("a token lasts from 1s to {LONGEST}")));
    }
    let made = AdminTokenId::from_name(wish.name.as_str());
    let none = || Problem::field("/id", "invalid", "give an id, or a name with letters or digits to make one from");
    let id = wish.id.or(made).ok_or_else(none)?;
    let random = Secret::token(TokenLength::Full).map_err(no_randomness)?;
    let secret = Secret::new(format!("{PREFIX}{}", random.reveal()));
    let created = ask.plane.clock.now();
    let expires = created.saturating_add(lasts.signed()).unwrap_or(created);
    let token = AdminToken { id, name: wish.name, hash: secret.hash().to_hex(), created, expires };
    ask.plane.store.create_admin_token(token.clone(), &ask.actor())?;
    let mut shown = view(ask, &token);
    if let Value::Object(fields) = &mut shown {
        fields.insert("token".to_owned(), secret.reveal().into());
    }
    let location = format!("/api/v1/tokens/{}", token.id);
    let mut response = shown_value(StatusCode::CREATED, &shown, Some(location));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn show(ask: &Ask) -> Result<Response, Problem> {
    Ok(shown_value(StatusCode::OK, &view(ask, &found(ask)?), None))
}

fn remove(ask: &Ask) -> Result<Response, Problem> {
    let token = found(ask)?;
    if ask.if_match()?.is_some_and(|expected| expected != tag(&view(ask, &token))) {
        return Err(Problem::stale());
    }
    ask.plane.store.remove_admin_token(&token.id, &ask.actor())?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn found(ask: &Ask) -> Result<AdminToken, Problem> {
    let tokens = ask.plane.store.admin_tokens()?;
    let token = tokens.into_iter().find(|token| token.id.as_str() == ask.id());
    // Tokens belong to no site: who administers some sites only has none to see.
    let token = token.ok_or_else(|| Problem::not_found("token", ask.id()))?;
    ask.require(&[], "token", ask.id())?;
    Ok(token)
}

fn view(ask: &Ask, token: &AdminToken) -> Value {
    let expired = token.expires <= ask.plane.clock.now();
    serde_json::json!({
        "id": token.id, "name": token.name, "created": token.created, "expires": token.expires, "expired": expired,
    })
}
