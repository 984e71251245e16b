//! Who is at the door? Before a request reaches the table: which host it means, that no web page sent it (policy A3),
//! and whom we know its sender to be (A1, A4).
//!
//! Over TCP a request must name, as its `Host`, the address it came to, the host of `server.public_url`, or
//! `localhost` where it came over loopback; any port. Else 421: some name leads here that should not.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;

use super::auth::{Caller, Founder, Unix, Who};
use super::problem::Problem;
use super::{AdminPlane, Peer};
use crate::inventory::audit::{Act, AuditObject};
use crate::inventory::secret::TokenHash;
use crate::inventory::text::is_forbidden;
use crate::store::Actor;

/// How many wrong tokens a source may show in a minute.
const WRONG_A_MINUTE: u32 = 10;
/// How many sources are told apart.
const SOURCES: usize = 1024;
/// How many are written down in a minute, from wherever they come: strangers must not push out what was recorded.
const NOTED_A_MINUTE: u32 = 10;

/// Sources that showed wrong tokens.
#[derive(Debug, Default)]
pub struct Strangers {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    sources: HashMap<IpAddr, Minute>,
    noted: Minute,
}

/// How often something happened in the minute that began then.
#[derive(Clone, Copy, Debug, Default)]
struct Minute {
    since: Timestamp,
    count: u32,
}

impl Minute {
    fn is_over(&self, now: Timestamp) -> bool {
        now.as_second().saturating_sub(self.since.as_second()) >= 60
    }

    /// Counts once more; how often it was in this minute.
    fn count(&mut self, now: Timestamp) -> u32 {
        if self.is_over(now) {
            *self = Minute { since: now, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count
    }
}

/// What a wrong token leads to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Turned {
    /// Away.
    Away,
    /// Away, and written down: the first of this source in a while.
    AwayAndNoted,
    /// Away, and asked to wait.
    AwayForAWhile,
}

/// Turns away what came by a name that is not ours, and what a web page sent.
pub async fn host(
    State(plane): State<Arc<AdminPlane>>,
    Extension(peer): Extension<Peer>,
    request: Request,
    next: Next,
) -> Response {
    if let Peer::Tcp { to, .. } = peer
        && let Err(problem) = check_host(&plane, to, request.headers())
    {
        return problem.into_response();
    }
    next.run(request).await
}

/// Turns away who is nobody we know.
pub async fn known(
    State(plane): State<Arc<AdminPlane>>,
    Extension(peer): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let headers = request.headers().clone();
    let found = tokio::task::spawn_blocking(move || identify(&plane, peer, &headers)).await;
    match found {
        Ok(Ok(caller)) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Ok(Err(problem)) => problem.into_response(),
        Err(_) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "the daemon is stopping").into_response(),
    }
}

/// Lets everybody pass, known or not.
pub async fn unknown_too(
    State(plane): State<Arc<AdminPlane>>,
    Extension(peer): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let headers = request.headers().clone();
    let bare = matches!(peer, Peer::Tcp { .. }) && !headers.contains_key(header::AUTHORIZATION);
    if !bare && let Ok(Ok(caller)) = tokio::task::spawn_blocking(move || identify(&plane, peer, &headers)).await {
        request.extensions_mut().insert(caller);
    }
    next.run(request).await
}

/// The answer to another method than the one that is possible beside the table.
pub async fn not_allowed(method: Method) -> Problem {
    let detail = format!("{method} is not possible here; possible: GET, HEAD");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}

fn check_host(plane: &AdminPlane, to: SocketAddr, headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if text("origin").is_some() || text("sec-fetch-site").is_some_and(|site| site != "none" && site != "same-origin") {
        return Err(Problem::forbidden("web pages may not use this API: send no Origin header".to_owned()));
    }
    let hosts: Vec<_> = headers.get_all(header::HOST).iter().collect();
    let [host] = hosts.as_slice() else {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "malformed", "send one Host header"));
    };
    let host = host.to_str().unwrap_or_default();
    if is_ours(without_port(host), to.ip().to_canonical(), plane.snapshot.load().public_url.host()) {
        return Ok(());
    }
    let detail = format!("{host:?} is no name of this API: use the address of admin.listen or the host of public_url");
    Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "misdirected", detail))
}

fn is_ours(host: &str, to: IpAddr, public: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    address.is_some_and(|address| address.to_canonical() == to)
        || host.eq_ignore_ascii_case(public)
        || (to.is_loopback() && host.eq_ignore_ascii_case("localhost"))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => {
            if name.contains(':') && !name.ends_with(']') { host } else { name }
        }
        _ => host,
    }
}

/// Whom we know the sender to be.
fn identify(plane: &AdminPlane, peer: Peer, headers: &HeaderMap) -> Result<Caller, Problem> {
    let who = match peer {
        Peer::Unix { uid } => Who::Unix(user(plane, uid)),
        Peer::Tcp { from, .. } => token(plane, from.ip().to_canonical(), headers)?,
    };
    Ok(Caller { who, on_behalf_of: on_behalf_of(headers)? })
}

/// A user of this machine, as the system's lists have it.
fn user(plane: &AdminPlane, uid: u32) -> Unix {
    let found = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid)).ok().flatten();
    let snapshot = plane.snapshot.load();
    let founder = match &snapshot.config.admin_group {
        None => uid == nix::unistd::geteuid().as_raw(),
        Some(group) => found.as_ref().is_some_and(|user| is_member(user, group)),
    };
    let founder = if founder { Founder::Yes } else { Founder::No };
    Unix { uid, name: found.map(|user| user.name), founder }
}

fn is_member(user: &nix::unistd::User, group: &str) -> bool {
    let Ok(Some(group)) = nix::unistd::Group::from_name(group) else { return false };
    user.gid == group.gid || group.mem.contains(&user.name)
}

/// The token that was shown, if it is one of ours and not over.
fn token(plane: &AdminPlane, from: IpAddr, headers: &HeaderMap) -> Result<Who, Problem> {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|text| text.split_once(' '));
    let Some((_, shown)) = shown.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) else {
        return Err(Problem::unauthenticated());
    };
    let hash = TokenHash::of(shown.trim());
    let now = plane.clock.now();
    for token in plane.store.admin_tokens()? {
        if hash.is_hex(&token.hash) {
            return if now < token.expires { Ok(Who::Token(token.id)) } else { Err(Problem::expired(&token.id)) };
        }
    }
    match plane.strangers.showed_a_wrong_token(from, now) {
        Turned::Away => {}
        Turned::AwayAndNoted => note(plane, from),
        Turned::AwayForAWhile => {
            let detail = "too many wrong tokens came from this address; wait a minute";
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "limited", detail));
        }
    }
    Err(Problem::unauthenticated())
}

/// Writes down who was turned away. Who is turned away anyhow need not wait for a store that fails.
fn note(plane: &AdminPlane, from: IpAddr) {
    let (name, clock) = (format!("stranger at {from}"), &plane.clock);
    let by = Actor { name, on_behalf_of: None, time: clock.now(), boot_ms: clock.boot_ms() };
    let act = Act::new("turn_away", AuditObject::new("token", ""));
    if let Err(error) = plane.store.note(act, &by) {
        tracing::error!(address = %from, plane = "admin", %error, "a wrong token could not be recorded");
    }
    tracing::warn!(address = %from, plane = "admin", reason = "wrong_token", "refused");
}

/// For whom the caller says to act: short and printable, or refused.
fn on_behalf_of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("ztpd-on-behalf-of") else { return Ok(None) };
    let text = std::str::from_utf8(value.as_bytes()).ok().map(str::trim);
    let fits = |text: &&str| (1..=128).contains(&text.chars().count()) && !text.chars().any(is_forbidden);
    text.filter(fits).map(|text| Some(text.to_owned())).ok_or_else(|| {
        let detail = "Ztpd-On-Behalf-Of takes 1 to 128 characters without control characters";
        Problem::new(StatusCode::BAD_REQUEST, "malformed", detail)
    })
}

impl Strangers {
    /// Counts a wrong token. A right one is always let in: only who shows wrong ones waits.
    fn showed_a_wrong_token(&self, from: IpAddr, now: Timestamp) -> Turned {
        let source = source(from);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.sources.len() >= SOURCES && !seen.sources.contains_key(&source) {
            seen.sources.retain(|_, minute| !minute.is_over(now));
            let oldest = seen.sources.iter().min_by_key(|(_, minute)| minute.since).map(|(source, _)| *source);
            if let Some(oldest) = oldest.filter(|_| seen.sources.len() >= SOURCES) {
                seen.sources.remove(&oldest);
            }
        }
        match seen.sources.entry(source).or_default().count(now) {
            1 if seen.noted.count(now) <= NOTED_A_MINUTE => Turned::AwayAndNoted,
            ..=WRONG_A_MINUTE => Turned::Away,
            _ => Turned::AwayForAWhile,
        }
    }
}

/// What counts as one source: an IPv4 address, or the network of 64 bits that an IPv6 address is from.
fn source(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn sec_a03_only_our_own_names_are_answered_to() {
        let (loopback, other) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([10, 0, 0, 1]));
        for (host, to, ours) in [
            ("127.0.0.1", loopback, true),
            ("127.0.0.1:8444", loopback, true),
            ("localhost:1", loopback, true),
            ("LOCALHOST", loopback, true),
            ("localhost", other, false),
            ("10.0.0.1", other, true),
            ("10.0.0.2", other, false),
            ("prov.example.com:8444", other, true),
            ("prov.example.com.evil.example", other, false),
            ("evil.example", loopback, false),
            ("", loopback, false),
            ("[::ffff:10.0.0.1]:9", other, true),
            ("[::1]:9", "::1".parse().unwrap(), true),
            ("::1", "::1".parse().unwrap(), true),
        ] {
            assert_eq!(is_ours(without_port(host), to, "prov.example.com"), ours, "{host} {to}");
        }
    }

    #[test]
    fn sec_a04_who_shows_wrong_tokens_waits_and_nobody_else() {
        let strangers = Strangers::default();
        let wrong = |from: &str, second| strangers.showed_a_wrong_token(from.parse().unwrap(), at(second));
        assert_eq!(wrong("2001:db8::1", 1000), Turned::AwayAndNoted);
        for _ in 1..WRONG_A_MINUTE {
            assert_eq!(wrong("2001:db8::1", 1000), Turned::Away);
        }
        assert_eq!(wrong("2001:db8::ffff:2", 1059), Turned::AwayForAWhile);
        assert_eq!(wrong("2001:db8:0:1::1", 1059), Turned::AwayAndNoted);
        assert_eq!(wrong("2001:db8::1", 1060), Turned::AwayAndNoted);
        let mut noted = 0;
        for source in 0..4 * SOURCES {
            let from = IpAddr::from(u32::try_from(source).unwrap().to_be_bytes());
            noted += u32::from(strangers.showed_a_wrong_token(from, at(1061)) == Turned::AwayAndNoted);
        }
        assert_eq!((noted, strangers.seen.lock().unwrap().sources.len()), (NOTED_A_MINUTE - 1, SOURCES));
    }
}
