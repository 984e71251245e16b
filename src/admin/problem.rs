//! The error body: RFC 9457 `application/problem+json`, with a stable code and what to do.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::inventory::access::Bar;
use crate::inventory::account::AdminTokenId;
use crate::store::{Conflict, StoreError};

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

    /// Understood, but a field cannot be so.
    pub fn field(pointer: &str, code: &'static str, message: impl Into<String>) -> Problem {
        let message = message.into();
        let detail = if pointer.is_empty() { message.clone() } else { format!("{pointer}: {message}") };
        let mut problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail);
        problem.errors.push(FieldError { pointer: pointer.to_owned(), code, message });
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
        let (status, code) = match conflict {
            Conflict::Barred { reason: Bar::IdentityChanged, .. } => (StatusCode::CONFLICT, "identity_changed"),
            Conflict::Barred { reason: Bar::Operator, .. } => (StatusCode::CONFLICT, "quarantined"),
            Conflict::Barred { reason: Bar::Retired, .. } => (StatusCode::CONFLICT, "retired"),
            Conflict::CallerIdTaken { .. } => (StatusCode::CONFLICT, "caller_id_taken"),
            Conflict::DeviceLimit { .. } => (StatusCode::CONFLICT, "device_limit"),
            Conflict::Exists { .. } => (StatusCode::CONFLICT, "exists"),
            Conflict::ExtensionTaken { .. } => (StatusCode::CONFLICT, "extension_taken"),
            Conflict::ExtensionTooLong { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "extension_too_long"),
            Conflict::InUse { .. } => (StatusCode::CONFLICT, "in_use"),
            Conflict::LastSuperAdmin(_) => (StatusCode::CONFLICT, "last_super_admin"),
            Conflict::MacTaken { .. } => (StatusCode::CONFLICT, "mac_taken"),
            Conflict::MainSite(_) => (StatusCode::CONFLICT, "main_site"),
            Conflict::NoSeat { .. } => (StatusCode::CONFLICT, "no_seat"),
            Conflict::NoSiteCode(_) => (StatusCode::CONFLICT, "no_site_code"),
            Conflict::NumberLimit { .. } => (StatusCode::CONFLICT, "number_limit"),
            Conflict::NumberNeedsPlan { .. } => (StatusCode::CONFLICT, "number_needs_plan"),
            Conflict::NumberNotListed(_) => (StatusCode::UNPROCESSABLE_ENTITY, "number_not_listed"),
            Conflict::NumberPending(_) => (StatusCode::CONFLICT, "number_pending"),
            Conflict::NumberTaken { .. } => (StatusCode::CONFLICT, "number_taken"),
            Conflict::NumberTwice(_) => (StatusCode::UNPROCESSABLE_ENTITY, "number_twice"),
            Conflict::Package(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_package"),
            Conflict::PackageElsewhere { .. } => (StatusCode::CONFLICT, "package_elsewhere"),
            Conflict::RangeExhausted(_) => (StatusCode::CONFLICT, "range_exhausted"),
            Conflict::RangeTooLong { .. } => (StatusCode::CONFLICT, "extension_too_long"),
            Conflict::SiteCodeTaken { .. } => (StatusCode::CONFLICT, "site_code_taken"),
            Conflict::Stale { .. } => (StatusCode::PRECONDITION_FAILED, "stale"),
            Conflict::TemplateElsewhere { .. } => (StatusCode::CONFLICT, "template_elsewhere"),
            Conflict::Unknown { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "unknown_reference"),
            #[allow(unreachable_patterns)]
            _ => (StatusCode::CONFLICT, "conflict"),
        };
        Problem::new(status, code, detail)
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
