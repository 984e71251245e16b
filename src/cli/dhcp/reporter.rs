//! `ztpd dhcp watch --report`: what passes by is handed in to the daemon, which keeps it, shows unknown phones and explains
//! known ones. Nothing is judged here: the one with the right to hear the network says what it heard, and no more.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::cli::client::{Ask, Client};
use crate::cli::failure::{Failure, Fault};
use crate::diagnose::frame::Datagram;
use crate::diagnose::observations::Observation;

/// How many messages wait while the daemon is away; of more, the oldest are forgotten.
const MOST_WAITING: usize = 1024;
/// How many are handed in at once, and how often at most.
const AT_ONCE: usize = 128;
const EVERY: Duration = Duration::from_secs(1);
/// How long the last ones may take at the end.
const LAST: Duration = Duration::from_secs(5);

/// Hands in what was heard.
pub(super) struct Reporter {
    client: Client,
    waiting: VecDeque<Observation>,
    due: tokio::time::Interval,
    away: Away,
}

/// Whether the daemon was there the last time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Away {
    No,
    /// It was not, and this has been said.
    Said,
}

impl Reporter {
    /// Must be called inside the runtime.
    pub(super) fn new(client: Client) -> Reporter {
        let mut due = interval(EVERY);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Reporter { client, waiting: VecDeque::new(), due, away: Away::No }
    }

    /// It waits to be handed in.
    pub(super) fn heard(&mut self, datagram: &Datagram, now: Timestamp) {
        if self.waiting.len() >= MOST_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.extend(Observation::of(datagram, now));
    }

    /// Waits until something may be handed in.
    pub(super) async fn is_due(&mut self) -> Instant {
        self.due.tick().await
    }

    /// Hands in what waits. While the daemon is away it goes on waiting; a refusal ends the watch, since nothing that comes
    /// later would be taken either.
    pub(super) async fn hand_in(&mut self) -> Result<(), Failure> {
        while !self.waiting.is_empty() {
            let batch: Vec<&Observation> = self.waiting.iter().take(AT_ONCE).collect();
            let count = batch.len();
            match self.client.send(Ask::post("observations", json!({ "messages": batch }))).await {
                Ok(_) => drop(self.waiting.drain(..count)),
                Err(Failure::Refused(refusal)) if refusal.fault == Fault::Wish => {
                    return Err(Failure::Refused(refusal));
                }
                Err(failure) => {
                    if self.away == Away::No {
                        eprintln!("ztpd: {failure}; what is heard meanwhile waits");
                    }
                    self.away = Away::Said;
                    return Ok(());
                }
            }
            if self.away == Away::Said {
                eprintln!("ztpd: the daemon is there again");
                self.away = Away::No;
            }
        }
        Ok(())
    }

    /// The last ones.
    pub(super) async fn end(mut self) -> Result<(), Failure> {
        timeout(LAST, self.hand_in()).await.unwrap_or(Ok(()))
    }
}
