//! `backups`: the whole store in one file, sealed to a passphrase or to public keys, as the answer itself. Nothing of it
//! stays here; who took one when is in the audit trail.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use http_body::Frame;
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};

use super::ask::Ask;
use super::problem::Problem;
use super::route::{Gives, Route};
use crate::inventory::audit::{Act, AuditObject};
use crate::inventory::role::Permission;
use crate::inventory::secret::Secret;
use crate::store::backup::{BackUp, BackupFault, PublicKey, Recipient, check_recipients};

/// How long whoever takes a backup may be busy with what it got already.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many octets go at once, and how many such parts may be under way.
const PART: usize = 64 * 1024;
const PARTS: usize = 4;

/// How many may open one backup.
const MOST_RECIPIENTS: usize = 16;

/// The routes of this file. A backup is of the whole account.
pub fn routes() -> Vec<Route> {
    vec![
        Route::post("/backups", Permission::BackupsRun, take)
            .about("take a backup of everything, sealed to a passphrase, to public keys or both; it is recorded")
            .takes("NewBackup")
            .gives(200, Gives::Octets),
    ]
}

/// To whom it is sealed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewBackup {
    #[serde(default)]
    passphrase: Option<String>,
    #[serde(default)]
    recipients: Vec<String>,
}

fn take(ask: &Ask) -> Result<Response, Problem> {
    ask.require_account()?;
    let recipients = ask.body::<NewBackup>()?.read()?;
    let plane = &ask.plane;
    let now = plane.clock.now();
    // What was shown to nobody must not be missing from the trail: first the record, then the backup.
    plane.store.note(Act::new("create", AuditObject::new("backup", now)), &ask.actor())?;
    let (parts, body) = mpsc::channel(PARTS);
    let (begun, beginning) = oneshot::channel();
    let backups = Arc::clone(&plane.backups);
    let runtime = tokio::runtime::Handle::current();
    let pipe = Pipe { parts, part: Vec::with_capacity(PART), runtime };
    std::thread::spawn(move || write(&*backups, &recipients, now, begun, pipe));
    match beginning.blocking_recv() {
        Ok(Ok(())) => {}
        Ok(Err(fault)) => return Err(fault.into()),
        Err(_) => return Err(BackupFault::Unusable("the backup was not begun".to_owned()).into()),
    }
    let name = format!("attachment; filename=\"ztpd-{}.backup\"", now.strftime("%Y%m%dT%H%M%SZ"));
    let mut response = (StatusCode::OK, Body::new(Octets(body))).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

impl NewBackup {
    fn read(self) -> Result<Vec<Recipient>, Problem> {
        let mut recipients = Vec::new();
        if self.recipients.len() > MOST_RECIPIENTS {
            let message = format!("at most {MOST_RECIPIENTS} recipients");
            return Err(Problem::field("/recipients", "too_many", message));
        }
        for (index, pem) in self.recipients.iter().enumerate() {
            let key = PublicKey::from_pem(pem)
                .map_err(|fault| Problem::field(&format!("/recipients/{index}"), "invalid", fault.to_string()))?;
            recipients.push(Recipient::Key(key));
        }
        recipients.extend(self.passphrase.map(|passphrase| Recipient::Passphrase(Secret::new(passphrase))));
        check_recipients(&recipients)?;
        Ok(recipients)
    }
}

/// What the thread does that writes a backup: say whether it begins, then write it into the answer.
fn write(
    backups: &dyn BackUp,
    recipients: &[Recipient],
    now: jiff::Timestamp,
    begun: oneshot::Sender<Result<(), BackupFault>>,
    mut pipe: Pipe,
) {
    let mut begun = Some(begun);
    let mut begin = || {
        if let Some(begun) = begun.take() {
            drop(begun.send(Ok(())));
        }
    };
    let taken = backups.back_up(recipients, now, &mut begin, &mut pipe);
    let fault = match taken.and_then(|taken| Ok((taken, pipe.flush()?))) {
        Ok((taken, ())) => return tracing::info!(revision = taken.revision, "a backup was taken"),
        Err(fault) => fault,
    };
    match begun {
        Some(begun) => drop(begun.send(Err(fault))),
        None => {
            tracing::error!(%fault, "a backup broke off; what came of it opens nowhere");
            // Without its end the answer is no whole one for whoever reads it.
            drop(pipe.send(Err(io::Error::other(fault.to_string()))));
        }
    }
}

/// From the thread that writes a backup to the connection that takes it.
struct Pipe {
    parts: mpsc::Sender<io::Result<Bytes>>,
    part: Vec<u8>,
    runtime: tokio::runtime::Handle,
}

impl Pipe {
    fn send(&self, part: io::Result<Bytes>) -> io::Result<()> {
        let sent = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, self.parts.send(part)).await });
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(io::Error::new(io::ErrorKind::BrokenPipe, "whoever asked for the backup has gone")),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "whoever asked for the backup does not take it")),
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.part.extend_from_slice(octets);
        if self.part.len() >= PART {
            self.flush()?;
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let part = std::mem::take(&mut self.part);
        if part.is_empty() { Ok(()) } else { self.send(Ok(part.into())) }
    }
}

/// The backup as the body of the answer.
struct Octets(mpsc::Receiver<io::Result<Bytes>>);

impl http_body::Body for Octets {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.0.poll_recv(context).map(|part| part.map(|part| part.map(Frame::data)))
    }
}

impl From<BackupFault> for Problem {
    fn from(fault: BackupFault) -> Problem {
        let detail = fault.to_string();
        match fault {
            BackupFault::Busy => Problem::new(StatusCode::CONFLICT, "backup_running", detail),
            BackupFault::NoKey(_) => Problem::field("/recipients", "invalid", detail),
            BackupFault::PassphraseTooShort(_) => Problem::field("/passphrase", "too_short", detail),
            BackupFault::Recipientless => Problem::field("/passphrase", "missing", detail),
            _ => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "store_fault", detail),
        }
    }
}
