//! Whom does a phone belong to?

use clap::Args;
use serde::Serialize;

use super::{Failure, Session, Which};
use crate::cli::client::Ask;
use crate::cli::path::path;
use crate::cli::text::words;

/// A user, a common area, or neither. In a merge patch the one takes the place of the other.
#[derive(Args, Debug, Serialize)]
pub struct Owner {
    /// The user it belongs to.
    #[arg(long, value_name = "EMAIL", group = "owner", conflicts_with = "common_area")]
    user: Option<String>,
    /// The common area it belongs to.
    #[arg(long, value_name = "ID", group = "owner")]
    common_area: Option<String>,
}

/// `ztpd device assign`.
#[derive(Args, Debug)]
pub struct Assign {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    owner: Owner,
    /// Only if it still has this ETag (`show` prints it).
    #[arg(long, value_name = "ETAG")]
    if_match: Option<String>,
}

/// `ztpd device unassign`.
#[derive(Args, Debug)]
pub struct Unassign {
    #[command(flatten)]
    which: Which,
    /// Only if it still has this ETag (`show` prints it).
    #[arg(long, value_name = "ETAG")]
    if_match: Option<String>,
}

impl Owner {
    /// Whether nobody is named.
    pub fn is_none(&self) -> bool {
        self.user.is_none() && self.common_area.is_none()
    }
}

impl Assign {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        let owner = match (self.owner.user, self.owner.common_area) {
            (Some(user), _) => serde_json::json!({"user": user}),
            (None, Some(area)) => serde_json::json!({"common_area": area}),
            (None, None) => return Err(Failure::Usage("say whom it shall belong to: --user or --common-area".into())),
        };
        let mac = self.which.mac.to_string();
        let ask = Ask::put(path(&["devices", &mac, "assignment"]), owner).if_match(self.if_match.as_deref());
        let device = session.send(ask).await?.json()?;
        let owner = device.get("assignment").map(words).unwrap_or_default();
        session.done(&device, &format!("device {mac} belongs to {owner}"))
    }
}

impl Unassign {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        let mac = self.which.mac.to_string();
        let ask = Ask::delete(path(&["devices", &mac, "assignment"])).if_match(self.if_match.as_deref());
        let device = session.send(ask).await?.json()?;
        session.done(&device, &format!("device {mac} belongs to nobody"))
    }
}
