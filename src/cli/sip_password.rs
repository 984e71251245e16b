//! `sip-password`: a new one for whom phones belong to.

use std::marker::PhantomData;

use clap::Args;
use serde_json::{Map, Value};

use super::client::Ask;
use super::failure::Failure;
use super::flags::secret;
use super::noun::Noun;
use super::session::Session;
use crate::inventory::secret::Secret;

/// `sip-password` of a noun.
#[derive(Args)]
#[command(about = format!("Gives {} a new SIP password", N::one()))]
pub struct SipPassword<N: Noun> {
    #[arg(value_name = N::ID, value_parser = N::id, help = format!("Which {}", N::KIND))]
    id: String,
    /// File with the new password, `-` for standard input; without it, one is made.
    #[arg(long, value_name = "FILE", value_parser = secret)]
    password_file: Option<Secret>,
    /// Only if it still has this ETag (`show` prints it).
    #[arg(long, value_name = "ETAG")]
    if_match: Option<String>,
    #[arg(skip)]
    noun: PhantomData<fn() -> N>,
}

impl<N: Noun> SipPassword<N> {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let mut body = Map::new();
        if let Some(password) = &self.password_file {
            body.insert("password".to_owned(), password.reveal().into());
        }
        let place = format!("{}/sip-password", N::place(&self.id));
        let ask = Ask::post(place, Value::Object(body)).if_match(self.if_match.as_deref());
        let answer = session.send(ask).await?.json()?;
        let next = "phones learn it with their next fetch, the registrar must be told";
        session.done(&answer, &format!("{} {} has a new SIP password: {next}", N::KIND, self.id))
    }
}
