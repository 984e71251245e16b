//! `ztpd status`: does it serve as it should?

use clap::Args;

use super::client::Ask;
use super::failure::Failure;
use super::session::Session;

/// `ztpd status`.
#[derive(Args, Debug)]
pub struct Status {}

impl Status {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        session.record(&session.send(Ask::get("status")).await?)
    }
}
