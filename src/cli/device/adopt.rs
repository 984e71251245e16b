//! A phone that asked comes into the inventory.

use clap::Args;
use serde_json::Value;

use super::{Device, DeviceFields, Failure, Record as _, Session, Which};
use crate::cli::client::Ask;
use crate::cli::path::path;
use crate::cli::record::{object, without_nothing};

/// `ztpd device adopt`.
#[derive(Args, Debug)]
#[command(after_help = "Maker, model and site are as the phone was seen, unless they are named.")]
pub struct Adopt {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    fields: DeviceFields,
}

impl Adopt {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        let mac = self.which.mac.to_string();
        let fields = without_nothing(object(&self.fields)?);
        let ask = Ask::post(path(&["pending", &mac, "adopt"]), Value::Object(fields));
        let added = session.send(ask).await?.json()?;
        session.done(&added, &format!("added device {mac}{}", Device::told(&added)))
    }
}
