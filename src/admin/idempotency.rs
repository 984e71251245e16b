//! What if the answer to a POST got lost? With an `Idempotency-Key` the same request may be sent again: it is carried
//! out once, and answered alike.
//!
//! Answers are kept in memory for a day, the newest thousand of them, each caller's apart; a restart forgets them.
//! Only success is kept, since a refusal changed nothing. An answer with a secret is not kept: the second request
//! is refused, and says why.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::ask::Ask;
use super::problem::Problem;

/// How many answers are kept.
const MOST: usize = 1000;
/// For how long, in seconds.
const LASTS: i64 = 86_400;
/// The longest key.
const LONGEST_KEY: usize = 255;
/// The longest answer that is kept.
const LONGEST_ANSWER: usize = 64 * 1024;

/// The answers that are kept.
#[derive(Debug, Default)]
pub struct Answers {
    kept: Mutex<BTreeMap<(String, String), Kept>>,
}

#[derive(Debug)]
struct Kept {
    since: Timestamp,
    asked: [u8; 32],
    answer: Option<Answer>,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// It is being carried out.
    Running,
    /// It was, and the answer is here unless it held a secret.
    Done,
}

#[derive(Clone, Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// Carries a POST out, once for each `Idempotency-Key`.
pub fn once(ask: &Ask, path: &str, serve: fn(&Ask) -> Result<Response, Problem>) -> Result<Response, Problem> {
    let Some(key) = ask.headers.get("idempotency-key") else { return serve(ask) };
    let key = key.to_str().ok().filter(|key| (1..=LONGEST_KEY).contains(&key.len())).ok_or_else(|| {
        let detail = format!("Idempotency-Key takes 1 to {LONGEST_KEY} visible ASCII characters");
        Problem::new(StatusCode::BAD_REQUEST, "malformed", detail)
    })?;
    let answers = &ask.plane.answers;
    let name = (ask.caller.who.to_string(), key.to_owned());
    let now = ask.plane.clock.now();
    if let Some(answer) = answers.begin(&name, fingerprint(ask, path), now)? {
        return Ok(answer);
    }
    let outcome = serve(ask).and_then(|response| answers.keep(&name, response));
    if outcome.is_err() {
        answers.forget(&name);
    }
    outcome
}

/// What makes two requests the same: what is asked, and the body.
fn fingerprint(ask: &Ask, path: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [path.as_bytes(), format!("{:?}", ask.query).as_bytes(), &ask.bytes] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

impl Answers {
    /// The answer given before, or nothing: then the request is the caller's to carry out.
    fn begin(&self, name: &(String, String), asked: [u8; 32], now: Timestamp) -> Result<Option<Response>, Problem> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, kept| now.as_second().saturating_sub(kept.since.as_second()) < LASTS);
        if let Some(before) = kept.get(name) {
            if before.asked != asked {
                let detail = "this Idempotency-Key came with another request before; use a new key for a new request";
                return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail));
            }
            return match (before.state, &before.answer) {
                (State::Running, _) => {
                    let detail = "the same request is being carried out; ask again in a moment";
                    Err(Problem::new(StatusCode::CONFLICT, "idempotency_in_progress", detail))
                }
                (State::Done, Some(answer)) => Ok(Some(answer.again())),
                (State::Done, None) => {
                    let detail = "this was done before, and its answer held what is shown only once or was too long \
                                  to keep; look at what there is, or remove it and ask with a new key";
                    Err(Problem::new(StatusCode::CONFLICT, "idempotency_not_kept", detail))
                }
            };
        }
        if kept.len() >= MOST {
            let done = kept.iter().filter(|(_, kept)| kept.state == State::Done);
            let oldest = done.min_by_key(|(_, kept)| kept.since).map(|(name, _)| name.clone());
            if let Some(oldest) = oldest {
                kept.remove(&oldest);
            }
        }
        kept.insert(name.clone(), Kept { since: now, asked, answer: None, state: State::Running });
        Ok(None)
    }

    /// Keeps an answer, and gives it on.
    fn keep(&self, name: &(String, String), response: Response) -> Result<Response, Problem> {
        let secret = response.headers().get(header::CACHE_CONTROL).is_some_and(|value| value == "no-store");
        let (parts, body) = response.into_parts();
        // All answers are made whole in memory: reading one waits for nothing.
        let body = futures_now(axum::body::to_bytes(body, usize::MAX))
            .ok_or_else(|| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "an answer was not whole"))?;
        let answer = Answer { status: parts.status, headers: parts.headers, body };
        let response = answer.first();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.get_mut(name) {
            kept.state = State::Done;
            kept.answer = (!secret && answer.body.len() <= LONGEST_ANSWER).then_some(answer);
        }
        Ok(response)
    }

    fn forget(&self, name: &(String, String)) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

impl Answer {
    fn first(&self) -> Response {
        let mut response = Response::new(self.body.clone().into());
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        response
    }

    fn again(&self) -> Response {
        let mut response = self.first();
        response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
        response
    }
}

/// What a future is that waits for nothing.
fn futures_now<T, E>(future: impl Future<Output = Result<T, E>>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(Ok(value)) => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;

    fn name(key: usize) -> (String, String) {
        ("uid 0".to_owned(), key.to_string())
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn answers_take_a_bounded_room_and_leave_after_a_day() {
        let answers = Answers::default();
        for key in 0..MOST + 9 {
            assert!(answers.begin(&name(key), [1; 32], at(i64::try_from(key).unwrap())).unwrap().is_none());
            answers.keep(&name(key), StatusCode::CREATED.into_response()).unwrap();
        }
        assert_eq!(answers.kept.lock().unwrap().len(), MOST);
        let again = answers.begin(&name(MOST), [1; 32], at(2000)).unwrap().unwrap();
        assert_eq!((again.status(), again.headers().len()), (StatusCode::CREATED, 1));
        assert!(answers.begin(&name(MOST), [2; 32], at(2000)).is_err());
        assert!(answers.begin(&name(MOST), [2; 32], at(2000 + LASTS)).unwrap().is_none());
    }

    #[test]
    fn a_request_under_way_is_not_begun_twice_and_a_failed_one_may_be_tried_again() {
        let answers = Answers::default();
        assert!(answers.begin(&name(1), [1; 32], at(0)).unwrap().is_none());
        assert!(answers.begin(&name(1), [1; 32], at(0)).is_err());
        answers.forget(&name(1));
        assert!(answers.begin(&name(1), [1; 32], at(0)).unwrap().is_none());
    }
}
