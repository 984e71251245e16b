//! `checks`: run what the daemon checks by itself, now.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;
use tokio::runtime::Handle;

use super::answer::json;
use super::ask::Ask;
use super::problem::Problem;
use super::route::{Gives, Route};
use crate::diagnose::checks::rounds::{Kind, Wish};
use crate::diagnose::ntp::TimeServer;
use crate::host::interfaces;
use crate::inventory::role::Permission;

/// The most time servers asked at once.
const MOST_SERVERS: usize = 8;

/// What a caller wishes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckRequest {
    kind: Kind,
    #[serde(default)]
    interface: Option<String>,
    #[serde(default)]
    servers: Vec<String>,
}

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    vec![
        Route::post("/checks", Permission::DevicesRun, run)
            .about("check now what is checked every diagnose.interval; may take a minute")
            .takes("CheckRequest")
            .gives(200, Gives::One("Checked")),
    ]
}

fn run(ask: &Ask) -> Result<Response, Problem> {
    ask.require_account()?;
    let wish = wish(ask.body()?)?;
    let Some(_turn) = ask.plane.checks.turn() else {
        let detail = "a check that somebody asked for is still running; try again when it is done";
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "check_running", detail));
    };
    let ran = Handle::current().block_on(ask.plane.checks.run(&wish))?;
    let findings: Vec<_> = ran.iter().flat_map(|ran| &ran.findings).map(json).collect::<Result<_, _>>()?;
    let checks = ran.iter().map(|ran| json!({"check": ran.check, "place": ran.place, "findings": ran.findings.len()}));
    let checks: Vec<_> = checks.collect();
    Ok((StatusCode::OK, axum::Json(json!({"kind": wish.kind, "checks": checks, "findings": findings}))).into_response())
}

fn wish(request: CheckRequest) -> Result<Wish, Problem> {
    let CheckRequest { kind, interface, servers } = request;
    if let Some(name) = &interface {
        if !matches!(kind, Kind::All | Kind::Dhcp) {
            return Err(Problem::field("/interface", "invalid", "only DHCP servers are asked on an interface"));
        }
        let known = interfaces::named(name).is_ok();
        if !known {
            let names = interfaces::names().unwrap_or_default().join(", ");
            let message = format!("there is no interface {name:?}; there are: {names}");
            return Err(Problem::field("/interface", "invalid", message));
        }
    }
    if !servers.is_empty() && kind != Kind::Ntp {
        return Err(Problem::field("/servers", "invalid", "only the kind ntp asks time servers that are named here"));
    }
    if servers.len() > MOST_SERVERS {
        return Err(Problem::field("/servers", "invalid", format!("at most {MOST_SERVERS} at once")));
    }
    let server = |(at, text): (usize, &String)| {
        text.parse::<TimeServer>()
            .map_err(|error| Problem::field(&format!("/servers/{at}"), "invalid", format!("{text:?} {error}")))
    };
    let servers = servers.iter().enumerate().map(server).collect::<Result<_, _>>()?;
    Ok(Wish { kind, interface, servers })
}
