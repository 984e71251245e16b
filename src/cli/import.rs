//! `ztpd import` and `ztpd export`: many records at once, as files of comma-separated values.

use std::io::Read as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::client::Ask;
use super::confirm::is_person_there;
use super::failure::Failure;
use super::plan::{self, Extent};
use super::session::Session;
use super::waiting::Waiting;
use crate::change::csv::LONGEST_FILE;

/// How often a plan is made anew when others changed the inventory before it could be carried out.
const ATTEMPTS: u32 = 10;

/// The kinds of files.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Kind {
    /// People, with their phones.
    Users,
    /// Places with a phone of their own.
    CommonAreas,
    /// Phones, with whom they belong to.
    Devices,
    /// Telephone numbers.
    Numbers,
}

/// What an absent column means.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Mode {
    /// A blank cell: each record becomes what its row says.
    Exact,
    /// Nothing: the field stays as it is.
    Merge,
}

/// Plans what a file of comma-separated values says, and carries it out if told to.
///
/// The first row names the columns, as other systems' exports do. In mode exact each record that has a row becomes what
/// the row says: a blank cell clears the field, and so does a column that is not there. The plan says what would be
/// lost; without --apply nothing is changed.
#[derive(Args)]
pub struct Import {
    /// The file, `-` for standard input
    #[arg(value_name = "FILE.csv")]
    file: PathBuf,
    /// What its rows are; without it, as its columns say.
    #[arg(long)]
    kind: Option<Kind>,
    /// What an absent column means.
    #[arg(long, default_value = "exact")]
    mode: Mode,
    /// Carry the plan out; on a terminal, asks before anything is cleared.
    #[arg(long)]
    apply: bool,
    /// Let values be cleared without asking.
    #[arg(long, requires = "apply")]
    confirm_clears: bool,
}

/// Writes what there is as comma-separated values that can be imported again.
#[derive(Args)]
pub struct Export {
    /// What is written
    kind: Kind,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Kind::CommonAreas => "common-areas",
            Kind::Devices => "devices",
            Kind::Numbers => "numbers",
            Kind::Users => "users",
        }
    }
}

impl Import {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let octets = self.read()?;
        let (mut id, mut made) = self.plan(session, &octets).await?;
        if !self.apply {
            return plan::show(session, &made, Extent::Glance);
        }
        if !session.output.json {
            plan::show(session, &made, Extent::Glance)?;
        }
        let confirmed = self.confirm_clears || (is_person_there() && plan::may_clear(&made)?);
        let meant = made.get("losses").cloned();
        for _ in 1..ATTEMPTS {
            let waiting = Waiting::begin("carrying the plan out");
            let applied = session.try_send(plan::apply(&id, confirmed)).await;
            drop(waiting);
            match applied {
                Err(Failure::Refused(refusal)) if refusal.code() == Some("plan_stale") => {
                    // Somebody was quicker. What may be lost was agreed to, not more.
                    (id, made) = self.plan(session, &octets).await?;
                    if made.get("losses") != meant.as_ref() {
                        let sentence =
                            "the inventory changed meanwhile, and something else would be lost now; look again";
                        return Err(Failure::refused(sentence.to_owned()));
                    }
                }
                Err(failure) => return session.refused(failure),
                Ok(answer) => return self.done(session, made, &answer.json()?, &id),
            }
        }
        Err(Failure::refused("others change the inventory all the time; try again later".to_owned()))
    }

    /// What was planned and done, as one answer for machines.
    fn done(&self, session: &Session, mut made: Value, applied: &Value, id: &str) -> Result<(), Failure> {
        if let (Value::Object(made), Value::Object(applied)) = (&mut made, applied) {
            made.extend(applied.clone());
        }
        session.done(&made, &plan::carried_out(id))
    }

    async fn plan(&self, session: &Session, octets: &[u8]) -> Result<(String, Value), Failure> {
        let kind = self.kind.map(|kind| format!("&kind={}", kind.as_str())).unwrap_or_default();
        let mode = match self.mode {
            Mode::Exact => "exact",
            Mode::Merge => "merge",
        };
        let _waiting = Waiting::begin("working out what would change");
        let ask = Ask::upload(format!("plans?mode={mode}{kind}"), "text/csv", octets.to_vec()).patient();
        plan::read(&session.send(ask).await?)
    }

    fn read(&self) -> Result<Vec<u8>, Failure> {
        let mut octets = Vec::new();
        let most = u64::try_from(LONGEST_FILE).unwrap_or(u64::MAX).saturating_add(1);
        let path = self.file.display();
        let unreadable = |error: std::io::Error| Failure::Usage(format!("cannot read {path}: {error}"));
        if self.file.as_os_str() == "-" {
            std::io::stdin().lock().take(most).read_to_end(&mut octets).map_err(unreadable)?;
        } else {
            let file = std::fs::File::open(&self.file).map_err(unreadable)?;
            file.take(most).read_to_end(&mut octets).map_err(unreadable)?;
        }
        if octets.len() > LONGEST_FILE {
            let message = format!("{path} has more than {} MiB; split it", LONGEST_FILE / 1024 / 1024);
            return Err(Failure::refused(message));
        }
        Ok(octets)
    }
}

impl Export {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        if session.output.json {
            return Err(Failure::Usage("an export is comma-separated values, never JSON: leave --json out".into()));
        }
        let waiting = Waiting::begin("reading the inventory");
        let answer = session.send(Ask::get(format!("exports/{}", self.kind.as_str())).patient()).await?;
        drop(waiting);
        session.output.file(&answer.text())
    }
}
