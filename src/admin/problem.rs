//! The error body: RFC 9457 `application/problem+json`, with a stable code and what to do.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::change::Fault;
use crate::change::csv::{self, CsvFault, CsvFaults};
use crate::inventory::account::AdminTokenId;
use crate::store::{Conflict, Refusal, StoreError};

/// A refusal.
#[derive(Debug, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: String,
    status: u16,
    code: &'static str,
    detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

/// One field that cannot be as it was given.
#[derive(Debug, Serialize)]
pub struct FieldError {
    /// Which, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What kind of fault.
    pub code: &'static str,
    /// What is wrong with it.
    pub message: String,
    /// Where in a file it is.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub cell: Option<Cell>,
}

/// A cell of a file.
#[derive(Debug, Serialize)]
pub struct Cell {
    /// Its row, as a spreadsheet counts; 0: the file as a whole.
    pub row: u64,
    /// Its column; empty: the row as a whole.
    pub column: String,
    /// What it says.
    pub value: String,
}

impl Problem {
    /// A refusal with a status, a code and what to do.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Problem {
        let kind = format!("urn:ztpd:problem:{code}");
        Problem { kind, status: status.as_u16(), code, detail: detail.into(), errors: Vec::new() }
    }

    /// There is no such thing.
    pub fn not_found(kind: &str, id: &str) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not_found", format!("there is no {kind} {id}"))
    }

    /// Known, but not entitled.
    pub fn forbidden(detail: String) -> Problem {
        Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// The same refusal in other words.
    pub fn saying(self, detail: &str) -> Problem {
        Problem { detail: detail.to_owned(), errors: Vec::new(), ..self }
    }

    /// It was changed since it was read.
    pub fn stale() -> Problem {
        let detail = "it was changed meanwhile; read it again and repeat the change";
        Problem::new(StatusCode::PRECONDITION_FAILED, "stale", detail)
    }

    /// Nobody we know.
    pub fn unauthenticated() -> Problem {
        let detail =
            "send a token that is valid: `Authorization: Bearer …`; `ztpd token add` makes one over the socket";
        Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
    }

    /// A token that was good once.
    pub fn expired(id: &AdminTokenId) -> Problem {
        let detail = format!("token {id} has expired; make another one: `ztpd token add` over the socket");
        Problem::new(StatusCode::UNAUTHORIZED, "token_expired", detail)
    }

    /// Changes that cannot be made, each by its place in the list.
    pub fn of_changes(faults: &[Fault]) -> Problem {
        let detail = match faults {
            [fault] => fault.message.clone(),
            several => format!("{} faults; nothing was planned or changed", several.len()),
        };
        let mut problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_changes", detail);
        let error = |fault: &Fault| {
            let field = fault.field.replace(['.', '['], "/").replace(']', "");
            let field = if field.is_empty() { field } else { format!("/fields/{field}") };
            let pointer = format!("/changes/{}{field}", fault.origin);
            FieldError { pointer, code: fault.code, message: fault.message.clone(), cell: None }
        };
        problem.errors = faults.iter().take(csv::MOST_FAULTS).map(error).collect();
        problem
    }

    /// What to do, for people.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Understood, but a field cannot be so.
    pub fn field(pointer: &str, code: &'static str, message: impl Into<String>) -> Problem {
        let message = message.into();
        let detail = if pointer.is_empty() { message.clone() } else { format!("{pointer}: {message}") };
        let mut problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail);
        problem.errors.push(FieldError { pointer: pointer.to_owned(), code, message, cell: None });
        problem
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        let detail = error.to_string();
        let conflict = match error {
            StoreError::Conflict(conflict) => conflict,
            StoreError::Fault(_) => return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "store_fault", detail),
        };
        let status = match conflict {
            Conflict::ExtensionTooLong { .. }
            | Conflict::NumberNotListed(_)
            | Conflict::NumberTwice(_)
            | Conflict::Package(_)
            | Conflict::Unknown { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Conflict::Stale { .. } => StatusCode::PRECONDITION_FAILED,
            _ => StatusCode::CONFLICT,
        };
        let mut problem = Problem::new(status, conflict.code(), detail);
        if let Conflict::Together(refused) = conflict {
            problem.errors = refused.iter().map(FieldError::from).collect();
        }
        problem
    }
}

/// Everything that is wrong with a file, by row and column.
impl From<CsvFaults> for Problem {
    fn from(faults: CsvFaults) -> Problem {
        let shown = faults.shown.len();
        let many = match faults.count {
            1 => "the file has a fault".to_owned(),
            count if count > shown => format!("the file has {count} faults, of which these are the first {shown}"),
            count => format!("the file has {count} faults"),
        };
        let detail = format!("{many}; nothing was planned or changed");
        let mut problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "csv_faults", detail);
        problem.errors = faults.shown.into_iter().map(FieldError::from).collect();
        problem
    }
}

impl From<CsvFault> for FieldError {
    fn from(fault: CsvFault) -> FieldError {
        let column = fault.column.replace('~', "~0").replace('/', "~1");
        let pointer = if column.is_empty() { format!("/{}", fault.row) } else { format!("/{}/{column}", fault.row) };
        let cell = Cell { row: fault.row, column: fault.column, value: fault.value };
        FieldError { pointer, code: fault.code, message: fault.message, cell: Some(cell) }
    }
}

impl From<&Refusal> for FieldError {
    fn from(refusal: &Refusal) -> FieldError {
        FieldError {
            pointer: format!("/changes/{}", refusal.step),
            code: refusal.why.code(),
            message: refusal.to_string(),
            cell: None,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let kind = HeaderValue::from_static("application/problem+json");
        let mut response = (status, [(header::CONTENT_TYPE, kind)], body).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer realm=\"ztpd\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
        }
        response
    }
}
