//! The table of routes: each with its method, its path, the permission it needs and what the API document says of it.
//! A route cannot be made without saying who may use it, and what is in the table is all there is.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use http_body::Body as _;

use super::AdminPlane;
use super::answer::waiting;
use super::ask::{Ask, bad_query};
use super::auth::{Caller, held};
use super::problem::Problem;
use crate::change::csv::LONGEST_FILE;
use crate::inventory::role::Permission;

/// The longest body that is read.
const LONGEST_BODY: usize = 1024 * 1024;

/// One thing that can be asked.
#[derive(Clone)]
pub struct Route {
    /// How.
    pub method: Method,
    /// Of what, below `/api/v1`.
    pub path: String,
    /// Who may: holders of this permission at the place in question; `None`: everybody we know.
    pub needs: Option<Permission>,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// What may stand behind the question mark.
    pub query: &'static [&'static str],
    /// The schema of the body it takes.
    pub takes: Option<&'static str>,
    /// Whether the body may be a file of comma-separated values instead.
    pub takes_csv: bool,
    /// The status of success and the schema of what comes with it.
    pub gives: (u16, Gives),
    serve: fn(&Ask) -> Result<Response, Problem>,
}

/// What comes with success.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Gives {
    /// Nothing.
    Nothing,
    /// Octets.
    Octets,
    /// One of this schema.
    One(&'static str),
    /// A page of them.
    Page(&'static str),
    /// Comma-separated values.
    Csv,
    /// A text.
    Text,
}

impl Route {
    /// A route that shows something.
    pub fn get(path: &str, needs: Permission, serve: fn(&Ask) -> Result<Response, Problem>) -> Route {
        Route::new(Method::GET, path, Some(needs), serve)
    }

    /// A route that shows something to everybody we know.
    pub fn open(path: &str, serve: fn(&Ask) -> Result<Response, Problem>) -> Route {
        Route::new(Method::GET, path, None, serve)
    }

    /// A route that makes or does something.
    pub fn post(path: &str, needs: Permission, serve: fn(&Ask) -> Result<Response, Problem>) -> Route {
        Route::new(Method::POST, path, Some(needs), serve)
    }

    /// A route that replaces something.
    pub fn put(path: &str, needs: Permission, serve: fn(&Ask) -> Result<Response, Problem>) -> Route {
        Route::new(Method::PUT, path, Some(needs), serve)
    }

    /// A route that changes something by a merge patch.
    pub fn patch(path: &str, needs: Permission, serve: fn(&Ask) -> Result<Response, Problem>) -> Route {
        Route::new(Method::PATCH, path, Some(needs), serve)
    }

    /// A route that removes something.
    pub fn delete(path: &str, needs: Permission, serve: fn(&Ask) -> Result<Response, Problem>) -> Route {
        let route = Route::new(Method::DELETE, path, Some(needs), serve);
        Route { gives: (204, Gives::Nothing), ..route }
    }

    fn new(
        method: Method,
        path: &str,
        needs: Option<Permission>,
        serve: fn(&Ask) -> Result<Response, Problem>,
    ) -> Route {
        let gives = (200, Gives::Nothing);
        Route {
            method,
            path: path.to_owned(),
            needs,
            summary: "",
            query: &[],
            takes: None,
            takes_csv: false,
            gives,
            serve,
        }
    }

    /// What it does, in a few words.
    pub fn about(self, summary: &'static str) -> Route {
        Route { summary, ..self }
    }

    /// What may stand behind the question mark.
    pub fn asks(self, query: &'static [&'static str]) -> Route {
        Route { query, ..self }
    }

    /// The schema of the body.
    pub fn takes(self, schema: &'static str) -> Route {
        Route { takes: Some(schema), ..self }
    }

    /// A file of comma-separated values, or a body of this schema.
    pub fn takes_csv_or(self, schema: &'static str) -> Route {
        Route { takes: Some(schema), takes_csv: true, ..self }
    }

    /// The longest body that is read.
    fn longest(&self) -> usize {
        if self.takes_csv { LONGEST_FILE } else { LONGEST_BODY }
    }

    /// The status of success and what comes with it.
    pub fn gives(self, status: u16, gives: Gives) -> Route {
        Route { gives: (status, gives), ..self }
    }
}

/// The router of a table.
pub fn router(table: Vec<Route>, plane: &Arc<AdminPlane>) -> Router {
    let mut paths: BTreeMap<String, Vec<Route>> = BTreeMap::new();
    for route in table {
        paths.entry(route.path.clone()).or_default().push(route);
    }
    let mut router = Router::new();
    for (path, routes) in paths {
        let (plane, routes) = (Arc::clone(plane), Arc::<[Route]>::from(routes));
        router = router.route(
            &path,
            any(async move |params: Result<RawPathParams, RawPathParamsRejection>, request: Request| {
                let params = match params {
                    Ok(params) => params.iter().map(|(_, value)| value.to_owned()).collect(),
                    Err(error) => return malformed_path(&error).into_response(),
                };
                dispatch(plane, &routes, params, request).await.unwrap_or_else(Problem::into_response)
            }),
        );
    }
    router
}

/// From a request to the route's answer: the method, the permission, the query, the body, and then the work itself
/// where a thread may wait.
async fn dispatch(
    plane: Arc<AdminPlane>,
    routes: &[Route],
    params: Vec<String>,
    request: Request,
) -> Result<Response, Problem> {
    let method = if request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
    let Some(route) = routes.iter().find(|route| route.method == method) else {
        return Ok(not_allowed(routes, request.method()));
    };
    let caller = request.extensions().get::<Caller>().cloned().ok_or_else(Problem::unauthenticated)?;
    let query = query(request.uri().query().unwrap_or_default(), route.query)?;
    let path = request.uri().path().to_owned();
    let (parts, body) = request.into_parts();
    let longest = route.longest();
    let too_large = || {
        let detail = format!("the body is longer than {longest} octets, or its end did not come");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
    };
    // Who asks first whether to send it (`Expect: 100-continue`) need not send it in vain.
    if body.size_hint().lower() > longest as u64 {
        return Err(too_large());
    }
    let bytes = axum::body::to_bytes(body, longest).await.map_err(|_| too_large())?;
    let (needs, serve, headers) = (route.needs, route.serve, parts.headers);
    Ok(waiting(move || {
        let held = held(&*plane.store, &caller.who)?;
        if let Some(permission) = needs
            && !held.reach(permission).is_anywhere()
        {
            let who = &caller.who;
            let detail = format!("{who} does not hold {permission}; who holds roles:assign can grant it");
            return Err(Problem::forbidden(detail));
        }
        let ask = Ask { plane, caller, held, permission: needs, params, query, headers, bytes };
        let done = if method == Method::POST { super::idempotency::once(&ask, &path, serve) } else { serve(&ask) };
        done.map(|response| super::lab::mark(&ask.plane, response))
    })
    .await)
}

fn malformed_path(error: &RawPathParamsRejection) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "malformed", format!("the path cannot be read: {error}"))
}

fn not_allowed(routes: &[Route], method: &Method) -> Response {
    let mut allowed: Vec<&str> = routes.iter().map(|route| route.method.as_str()).collect();
    if allowed.contains(&"GET") {
        allowed.push("HEAD");
    }
    let allowed = allowed.join(", ");
    let detail = format!("{method} is not possible here; possible: {allowed}");
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail);
    ([(header::ALLOW, allowed)], problem.into_response()).into_response()
}

/// The query's names and values: each known, each once.
fn query(text: &str, known: &[&str]) -> Result<Vec<(String, String)>, Problem> {
    let mut found: Vec<(String, String)> = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = |part: &str| {
            let part = part.replace('+', " ");
            let decoded = percent_encoding::percent_decode_str(&part).decode_utf8();
            decoded.map(|part| part.into_owned()).map_err(|_| bad_query(pair, "is not UTF-8"))
        };
        let name = decoded(name)?;
        if !known.contains(&name.as_str()) {
            let names = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(bad_query(&name, &format!("there is no such parameter here; known: {names}")));
        }
        if found.iter().any(|(present, _)| *present == name) {
            return Err(bad_query(&name, "is given twice"));
        }
        found.push((name, decoded(value)?));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_has_known_names_each_once() {
        let known = &["q", "site"];
        let asked = query("q=a%20b+c&site=", known).unwrap();
        assert_eq!(asked, [("q".to_owned(), "a b c".to_owned()), ("site".to_owned(), String::new())]);
        for text in ["x=1", "q=1&q=2", "q=%ff", "%71=1&q=2"] {
            assert!(query(text, known).is_err(), "{text}");
        }
        assert!(query("&&", known).unwrap().is_empty());
    }
}
