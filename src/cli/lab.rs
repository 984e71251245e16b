//! `ztpd lab`: makes secrets easy to get for a while, in networks that are nobody else's (policy X1).

use clap::Subcommand;
use serde_json::{Value, json};

use super::client::Ask;
use super::confirm::{confirmed, is_person_there};
use super::failure::Failure;
use super::session::Session;
use super::text::words;

/// What can be done with lab mode.
#[derive(Debug, Subcommand)]
pub enum LabVerb {
    /// Makes weaker what `[lab]` of the settings says, until its end; asks first.
    Enable {
        /// It is meant; for where nobody is there to be asked.
        #[arg(long)]
        confirm: bool,
    },
    /// Ends it.
    Disable,
    /// Shows whether it is on, what is weaker in it and until when.
    Show,
}

impl LabVerb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            LabVerb::Enable { confirm } => enable(session, confirm).await,
            LabVerb::Disable => {
                let lab = session.send(Ask::post("lab/disable", json!({}))).await?.json()?;
                session.done(&lab, "lab mode is off")
            }
            LabVerb::Show => session.record(&session.send(Ask::get("lab")).await?),
        }
    }
}

async fn enable(session: &Session, mut confirm: bool) -> Result<(), Failure> {
    if !confirm && is_person_there() {
        let lab = session.send(Ask::get("lab")).await?.json()?;
        if let Some(settings) = lab.get("settings").filter(|settings| !settings.is_null()) {
            confirmed(&question(settings))?;
            confirm = true;
        }
    }
    let lab = session.send(Ask::post("lab/enable", json!({"confirm": confirm}))).await?.json()?;
    let until = lab.pointer("/settings/until").map(words).unwrap_or_default();
    session.done(&lab, &format!("lab mode is on until {until}; `ztpd lab disable` ends it"))
}

/// What is about to be given up, in so many words.
fn question(settings: &Value) -> String {
    let of = |field: &str| settings.get(field).map(words).unwrap_or_default();
    let on = |field: &str| settings.get(field) == Some(&Value::Bool(true));
    let given_up = [
        (on("allow_secrets_over_http"), "SIP passwords can be read on the way, over plain HTTP"),
        (on("allow_secrets_over_tftp"), "SIP passwords can be read on the way, over TFTP"),
        (on("mac_is_enough"), "whoever names a phone's MAC gets its SIP password"),
    ];
    let given_up: Vec<&str> = given_up.into_iter().filter(|(on, _)| *on).map(|(_, what)| what).collect();
    format!("From {} and until {}: {}. Are you sure?", of("networks"), of("until"), given_up.join("; "))
}
