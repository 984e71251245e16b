//! What does the service manager want: go on with new settings, or stop?

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals a daemon heeds.
pub struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wish {
    /// SIGHUP: read the settings again.
    Reload,
    /// SIGTERM or SIGINT: finish and stop.
    Stop,
}

impl Signals {
    /// Begins to listen; from now on the signals do not end the process.
    pub fn listen() -> std::io::Result<Signals> {
        Ok(Signals {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.hangup.recv() => Wish::Reload,
            _ = self.interrupt.recv() => Wish::Stop,
            _ = self.terminate.recv() => Wish::Stop,
        }
    }
}
