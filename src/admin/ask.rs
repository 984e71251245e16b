//! One request as a handler sees it: who asks, what, and where its permission holds. A handler that names a record by
//! way of the request gets only what the caller may touch.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::AdminPlane;
use super::answer::from_value;
use super::auth::{Caller, Held, Place, Reach};
use super::problem::Problem;
use crate::inventory::device::Owner;
use crate::inventory::role::Permission;
use crate::inventory::site::SiteId;
use crate::store::{Actor, Conflict, Expected, PageRequest, StoreError};

/// How many entries a list has that names no limit, and at most.
const USUAL: usize = 50;
const MOST: usize = 500;

/// One request of the admin API.
pub struct Ask {
    /// What it is asked of.
    pub plane: Arc<AdminPlane>,
    /// Who asks.
    pub caller: Caller,
    /// Everything the caller holds.
    pub held: Held,
    /// What the route needs; `None`: to be somebody we know.
    pub permission: Option<Permission>,
    /// The parts of the path that vary, in order.
    pub params: Vec<String>,
    /// What stands behind the question mark, each name once and known to the route.
    pub query: Vec<(String, String)>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub bytes: Bytes,
}

impl Ask {
    /// The first part of the path that varies: mostly an id.
    pub fn id(&self) -> &str {
        self.param(0)
    }

    /// A part of the path that varies.
    pub fn param(&self, index: usize) -> &str {
        self.params.get(index).map_or("", String::as_str)
    }

    /// A value of the query.
    pub fn asked(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A value of the query that must have a certain form.
    pub fn asked_as<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Problem>
    where
        T::Err: std::fmt::Display,
    {
        let parsed = |text: &str| text.parse().map_err(|error| bad_query(name, &format!("{text:?} {error}")));
        self.asked(name).map(parsed).transpose()
    }

    /// A value of the query that is one of some words.
    pub fn asked_word<T: DeserializeOwned>(&self, name: &str, words: &str) -> Result<Option<T>, Problem> {
        let word = |text: &str| {
            serde_json::from_value(Value::from(text))
                .map_err(|_| bad_query(name, &format!("{text:?} is none of {words}")))
        };
        self.asked(name).map(word).transpose()
    }

    /// Where a list begins and how long it may be, one more than is shown, to know whether there is more. `cursor` says
    /// whether a text can be one.
    pub fn page(&self, cursor: impl Fn(&str) -> bool) -> Result<PageRequest, Problem> {
        let limit = match self.asked("limit") {
            None => USUAL,
            Some(text) => match text.parse() {
                Ok(limit) if (1..=MOST).contains(&limit) => limit,
                _ => return Err(bad_query("limit", &format!("{text:?} is no number from 1 to {MOST}"))),
            },
        };
        let after = self.asked("cursor").map(str::to_owned);
        match after {
            Some(text) if !cursor(&text) => {
                Err(bad_query("cursor", &format!("{text:?} is none; use next_cursor of the page before")))
            }
            after => Ok(PageRequest { after, limit: limit.saturating_add(1) }),
        }
    }

    /// The JSON body, naming the field that is wrong.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        self.body_of(&["application/json"])
    }

    /// The JSON body of a merge patch (RFC 7396), which may be called plain JSON.
    pub fn patch<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        self.body_of(&["application/json", "application/merge-patch+json"])
    }

    fn body_of<T: DeserializeOwned>(&self, kinds: &[&str]) -> Result<T, Problem> {
        let kind = self.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kinds.iter().any(|known| kind.eq_ignore_ascii_case(known)) {
            let detail = format!("send JSON, with the header Content-Type: {}", kinds.join(" or "));
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", detail));
        }
        let value: Value = serde_json::from_slice(&self.bytes).map_err(|error| {
            Problem::new(StatusCode::BAD_REQUEST, "malformed", format!("the body is no JSON: {error}"))
        })?;
        from_value(value)
    }

    /// The revision that `If-Match` expects.
    pub fn expected(&self) -> Result<Expected, Problem> {
        let Some(text) = self.if_match()? else { return Ok(Expected::Any) };
        let revision = text.trim_matches('"').parse();
        revision.map(Expected::Revision).map_err(|_| Problem::stale())
    }

    /// What `If-Match` names, quotes included; nothing if any will do.
    pub fn if_match(&self) -> Result<Option<&str>, Problem> {
        let Some(given) = self.headers.get(header::IF_MATCH) else { return Ok(None) };
        let text = given.to_str().unwrap_or_default().trim();
        let quoted = text.len() > 2 && text.starts_with('"') && text.ends_with('"') && text.matches('"').count() == 2;
        match text {
            "*" => Ok(None),
            _ if quoted => Ok(Some(text)),
            _ => {
                let detail = "If-Match takes the ETag of the resource, quotes included, such as \"17\"";
                Err(Problem::new(StatusCode::BAD_REQUEST, "malformed", detail))
            }
        }
    }

    /// Where the permission of the route holds.
    pub fn reach(&self) -> Reach {
        self.permission.map_or(Reach::Account, |permission| self.held.reach(permission))
    }

    /// Whether a thing at these places is within the route's permission: to see it, one place is enough.
    pub fn may(&self, places: &[Place]) -> bool {
        match self.permission.map(Permission::action) {
            None | Some("view") => self.reach().touches(places),
            Some(_) => self.reach().covers(places),
        }
    }

    /// Lets pass who may do this with a thing at these places. What cannot even be seen is not there.
    pub fn require(&self, places: &[Place], kind: &str, id: &str) -> Result<(), Problem> {
        if self.may(places) {
            return Ok(());
        }
        let seen = self.permission.is_some_and(|permission| self.held.view(permission).touches(places));
        if seen { Err(self.forbidden("at all of its sites")) } else { Err(Problem::not_found(kind, id)) }
    }

    /// Lets pass a wish whose places are all within the route's permission; else says of what is out of it that it is
    /// not there.
    pub fn require_wished(&self, places: &[Place]) -> Result<(), Problem> {
        match self.reach().misses(places) {
            None => Ok(()),
            Some(place) => {
                Err(StoreError::Conflict(Conflict::Unknown { kind: place.kind, id: place.id.clone() }).into())
            }
        }
    }

    /// Lets pass who holds the route's permission for the whole account.
    pub fn require_account(&self) -> Result<(), Problem> {
        if self.reach() == Reach::Account { Ok(()) } else { Err(self.forbidden("for the whole account")) }
    }

    /// What the store answered, without telling of things that are out of the caller's scope.
    pub fn veiled<T>(&self, outcome: Result<T, StoreError>) -> Result<T, Problem> {
        let reach = self.reach();
        let error = match outcome {
            Ok(value) => return Ok(value),
            Err(error) if reach == Reach::Account => return Err(error.into()),
            Err(error) => error,
        };
        let owner = match &error {
            StoreError::Conflict(
                Conflict::CallerIdTaken { owner, .. }
                | Conflict::ExtensionTaken { owner, .. }
                | Conflict::NumberTaken { owner, .. },
            ) => Some(owner),
            StoreError::Conflict(Conflict::MacTaken { site, .. }) if !reach.has(site) => None,
            StoreError::Conflict(Conflict::InUse { .. }) => None,
            _ => return Err(error.into()),
        };
        if let Some(owner) = owner
            && site_of(&self.plane, owner)?.is_some_and(|site| reach.has(&site))
        {
            return Err(error.into());
        }
        Err(Problem::from(error).saying("it is taken or used by something that is out of your scope"))
    }

    /// The refusal of who holds too little.
    pub fn forbidden(&self, place: &str) -> Problem {
        let permission = self.permission.map_or("", Permission::as_str);
        Problem::forbidden(format!("this needs {permission} {place}; who holds roles:assign can grant it"))
    }

    /// Who makes a change, for the history.
    pub fn actor(&self) -> Actor {
        let clock = &self.plane.clock;
        let (name, on_behalf_of) = (self.caller.who.to_string(), self.caller.on_behalf_of.clone());
        Actor { name, on_behalf_of, time: clock.now(), boot_ms: clock.boot_ms() }
    }
}

/// Where the one is whom a phone may belong to.
pub fn site_of(plane: &AdminPlane, owner: &Owner) -> Result<Option<SiteId>, Problem> {
    Ok(match owner {
        Owner::CommonArea(id) => plane.store.common_area(id)?.map(|area| area.value.site),
        Owner::User(id) => plane.store.user(id)?.map(|user| user.value.site),
    })
}

/// A part of the query that cannot be so.
pub fn bad_query(name: &str, message: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad_query", format!("{name}: {message}"))
}
