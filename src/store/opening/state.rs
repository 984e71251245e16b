//! How did the last process leave the tables?

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::store::disk::{io_at, make_file};

/// A note beside the tables of how the last process left them. Only a hint: losing it costs time, not data.
#[derive(Debug)]
pub struct State {
    path: PathBuf,
    damaged: AtomicBool,
}

/// How the last process left the tables.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Left {
    /// In order.
    Closed,
    /// It found damage.
    Damaged,
    /// It ended while it had them open.
    Open,
    /// It ended while opening them.
    Opening,
    /// It ended while opening them, and so did the one before.
    OpeningAgain,
}

impl State {
    /// The note of the tables in this folder.
    pub fn beside(data_dir: &Path) -> State {
        State { path: data_dir.join("store.state"), damaged: AtomicBool::new(false) }
    }

    /// Damage showed: the next start is to make the tables again.
    pub fn damaged(&self) {
        self.damaged.store(true, Ordering::SeqCst);
        self.note(Left::Damaged);
    }

    /// All is written and nothing is open any more.
    pub fn closed(&self) {
        if !self.damaged.load(Ordering::SeqCst) {
            self.note(Left::Closed);
        }
    }

    pub(super) fn note(&self, left: Left) {
        let written = make_file(&self.path)
            .and_then(|mut file| file.write_all(left.word().as_bytes()).map_err(io_at(&self.path)));
        if let Err(fault) = written {
            tracing::warn!(%fault, "no note of the store's state could be left");
        }
    }

    pub(super) fn left(&self) -> Left {
        let word = std::fs::read_to_string(&self.path).unwrap_or_default();
        let all = [Left::Closed, Left::Damaged, Left::Open, Left::Opening, Left::OpeningAgain];
        all.into_iter().find(|left| left.word() == word).unwrap_or(Left::Open)
    }
}

impl Left {
    fn word(self) -> &'static str {
        match self {
            Left::Closed => "closed\n",
            Left::Damaged => "damaged\n",
            Left::Open => "open\n",
            Left::Opening => "opening\n",
            Left::OpeningAgain => "opening again\n",
        }
    }
}
