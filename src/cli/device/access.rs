//! What lets a phone have its secrets.

use clap::Args;
use serde_json::{Map, Value};

use super::{Failure, Session, Which};
use crate::cli::client::Ask;
use crate::cli::flags::network;
use crate::cli::path::path;
use crate::cli::text::shown;

/// `ztpd device claim`.
#[derive(Args, Debug)]
pub struct Claim {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    window: Window,
    /// Close the window instead.
    #[arg(long, conflicts_with_all = ["from", "lasts"])]
    close: bool,
}

/// From where and for how long.
#[derive(Args, Debug)]
pub struct Window {
    /// A network it may ask from; without one, the networks of its site; repeat for more.
    #[arg(long, value_name = "CIDR", value_parser = network)]
    from: Vec<String>,
    /// For how long, such as 15m or 24h; without it, long enough for its maker's phones to ask.
    #[arg(long = "for", value_name = "PERIOD", id = "lasts")]
    lasts: Option<String>,
}

/// `ztpd device rotate-token`.
#[derive(Args, Debug)]
pub struct RotateToken {
    #[command(flatten)]
    which: Which,
}

impl Claim {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        let mac = self.which.mac.to_string();
        let claims = path(&["devices", &mac, "claims"]);
        if self.close {
            session.send(Ask::delete(claims)).await?;
            return session.told(&format!("the claim window of {mac} is closed"));
        }
        let opened = session.send(Ask::post(claims, self.window.body())).await?.json()?;
        let of = |pointer: &str| opened.pointer(pointer).map(shown).unwrap_or_default();
        let from = match opened.pointer("/window/from") {
            Some(Value::Array(networks)) if networks.is_empty() => "the networks of its site".to_owned(),
            _ => of("/window/from"),
        };
        let (closes, within) = (of("/window/closes"), of("/phone_expected_within"));
        let sentence = format!("{mac} may fetch its settings from {from} until {closes}; expect it within {within}");
        session.done(&opened, &sentence)
    }
}

impl Window {
    /// As the API has it.
    pub fn body(self) -> Value {
        let mut body = Map::new();
        if !self.from.is_empty() {
            body.insert("from".to_owned(), self.from.into());
        }
        if let Some(lasts) = self.lasts {
            body.insert("for".to_owned(), lasts.into());
        }
        Value::Object(body)
    }
}

impl RotateToken {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        let mac = self.which.mac.to_string();
        let ask = Ask::post(path(&["devices", &mac, "token-rotations"]), Value::Object(Map::new()));
        let device = session.send(ask).await?.json()?;
        session.done(&device, &format!("device {mac} has a new token and learns it with its next fetch"))
    }
}
