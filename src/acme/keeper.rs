//! The keeper of our certificate: looks whether a new one is due, orders it, and says what came of it. A failure is the
//! operator's to know, in the log, in `/readyz` and among the findings; phones go on with the certificate there is.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::due::{due, pause};
use super::issue::{IssueError, issue};
use crate::config::{Acme, Certificate, Challenge, Snapshot};
use crate::host::clock::Clock;
use crate::serve::Challenges;

/// How often it is looked at, at least: nothing tells of a suspended machine.
const LOOK: Duration = Duration::from_secs(3600);
/// How soon, at most.
const SOON: Duration = Duration::from_secs(1);

/// How often an order is begun that fails for nothing.
const TRIES: u32 = 3;

/// The most characters of what a server says.
const LONGEST: usize = 512;

/// Whether plain HTTP is listened on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PlainHttp {
    /// It is.
    Heard,
    /// It is not, so that no server can ask us there.
    Silent,
}

/// Keeps the certificate of the settings in force.
pub struct Keeper {
    /// The settings, and where the operator hears of a failure.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// What ACME servers are shown.
    pub challenges: Arc<Challenges>,
    /// Whether they can be shown it over plain HTTP.
    pub http: PlainHttp,
    /// The time.
    pub clock: Clock,
    /// Told when there is a new certificate.
    pub renewed: mpsc::Sender<()>,
    /// Tells that the settings were read again: whatever failed is tried anew.
    pub again: Arc<Notify>,
}

impl Keeper {
    /// Keeps it until `stop`.
    pub async fn run(self, stop: CancellationToken) -> io::Result<()> {
        let mut failures = 0;
        loop {
            let wait = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                wait = self.look(&mut failures) => wait,
            };
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = self.again.notified() => failures = 0,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Renews the certificate if it is time; how long to wait before the next look.
    async fn look(&self, failures: &mut u32) -> Duration {
        let snapshot = self.snapshot.load_full();
        let Some(wish) = &snapshot.config.acme else { return LOOK };
        let folder = snapshot.config.acme_folder();
        if let Some(left) = self.left(wish, &folder) {
            return left.min(LOOK);
        }
        let host = wish.names.first().map_or("", String::as_str);
        match self.renew(wish, &folder).await {
            Ok(()) => {
                *failures = 0;
                tracing::info!(names = wish.names.join(", "), directory = %wish.directory, "a new certificate was issued");
                // The end of the daemon is the only one who does not want to know.
                let _ = self.renewed.send(()).await;
                self.left(wish, &folder).unwrap_or(SOON).clamp(SOON, LOOK)
            }
            Err(error) => {
                *failures = failures.saturating_add(1);
                let wait = pause(*failures);
                let (minutes, cause) = (wait.as_secs().div_euclid(60), one_line(&error.to_string()));
                tracing::error!(
                    directory = %wish.directory,
                    "no new certificate for {host}: {cause}; tried again in {minutes} minutes, or at once after a reload"
                );
                self.snapshot.load().set_unrenewed(&cause, self.clock.now());
                wait
            }
        }
    }

    async fn renew(&self, wish: &Acme, folder: &Path) -> Result<(), IssueError> {
        if wish.challenge == Challenge::Http01 && self.http == PlainHttp::Silent {
            return Err(IssueError::NoHttp);
        }
        for _ in 1..TRIES {
            match issue(wish, folder, &self.challenges).await {
                Err(error) if error.is_fleeting() => tracing::debug!(%error, "the order is begun anew"),
                done => return done,
            }
        }
        issue(wish, folder, &self.challenges).await
    }

    /// How long the certificate there is need not be renewed; `None`: there is none of this server for these names, or
    /// it is time.
    fn left(&self, wish: &Acme, folder: &Path) -> Option<Duration> {
        let (begins, ends) = Certificate::issued(folder, &wish.directory.to_string(), &wish.names)?.life()?;
        let left = due(begins, ends).duration_since(self.clock.now());
        Duration::try_from(left).ok().filter(|left| !left.is_zero())
    }
}

/// What a server says, as far as a log or a terminal can bear it.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_l03_what_a_server_says_stays_one_line_of_bounded_length() {
        assert_eq!(one_line("no\r\nINFO all is well\u{1b}[2J"), "no\u{fffd}\u{fffd}INFO all is well\u{fffd}[2J");
        assert_eq!(one_line(&"x".repeat(100_000)).len(), LONGEST);
    }
}
