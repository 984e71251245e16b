//! What has been seen of phones, known and unknown.

use clap::Args;

use super::{Column, Failure, Session, Which};
use crate::cli::pages::{Paging, pages};
use crate::cli::path::path;

/// What is shown of an event of one phone.
const EVENT_COLUMNS: &[Column] = &[
    Column::of("time", "/time"),
    Column::of("plane", "/plane"),
    Column::of("address", "/address"),
    Column::of("file", "/file"),
    Column::of("decision", "/decision"),
    Column::of("reason", "/reason"),
    Column::of("proof", "/proof"),
    Column::of("status", "/status"),
    Column::of("bytes", "/bytes"),
];

const PENDING_COLUMNS: &[Column] = &[
    Column::of("mac", "/mac"),
    Column::of("maker", "/maker"),
    Column::of("model", "/model"),
    Column::of("address", "/address"),
    Column::of("plane", "/plane"),
    Column::of("first_seen", "/first_seen"),
    Column::of("last_seen", "/last_seen"),
    Column::of("requests", "/requests"),
];

/// `ztpd device events`.
#[derive(Args, Debug)]
pub struct Events {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    paging: Paging,
}

/// `ztpd device pending`.
#[derive(Args, Debug)]
pub struct Pending {
    #[command(flatten)]
    paging: Paging,
}

impl Events {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        let path = path(&["devices", &self.which.mac.to_string(), "events"]);
        session.list(EVENT_COLUMNS, pages(session, &path, "", &self.paging).await?)
    }
}

impl Pending {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        session.list(PENDING_COLUMNS, pages(session, "pending", "", &self.paging).await?)
    }
}
