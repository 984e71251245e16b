//! What did the checks find that is still so? One open finding per kind and subject, from the first time it was seen until
//! the check passes again. Kept over a restart, so that "since when" stays true.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::finding::Finding;

/// The file open findings are kept in.
const FILE: &str = "findings.json";

/// What looks for findings, again and again.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// What DHCP tells phones.
    Dhcp,
    /// Whether time servers are right.
    Ntp,
    /// Whether phones can reach what they need.
    Reachability,
    /// What was heard while phones boot.
    Watch,
}

/// A check in one place, and what it found there the last time.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Entry {
    check: Check,
    place: String,
    at: Timestamp,
    findings: Vec<Finding>,
}

/// Every open finding.
#[derive(Debug, Default)]
pub struct Board {
    entries: Mutex<Vec<Entry>>,
    kept_in: Option<PathBuf>,
}

impl Check {
    /// The word it is written with.
    pub fn as_str(self) -> &'static str {
        match self {
            Check::Dhcp => "dhcp",
            Check::Ntp => "ntp",
            Check::Reachability => "reachability",
            Check::Watch => "watch",
        }
    }
}

impl Board {
    /// The board of this folder, as it was left. What cannot be read is found again soon.
    pub fn open(folder: &Path) -> Board {
        let path = folder.join(FILE);
        let entries = match std::fs::read(&path) {
            Ok(octets) => serde_json::from_slice(&octets)
                .inspect_err(|error| tracing::warn!(%error, "{FILE} cannot be read; findings begin anew"))
                .unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        Board { entries: Mutex::new(entries), kept_in: Some(path) }
    }

    /// Takes what a check found in one place: what was there before and is found again keeps its beginning, what is not
    /// found any more is gone. Writes to the disk.
    pub fn settle(&self, check: Check, place: &str, mut found: Vec<Finding>, now: Timestamp) {
        let mut entries = self.lock();
        for finding in &mut found {
            finding.last_seen = now;
            let known = entries.iter().flat_map(|entry| &entry.findings).filter(|known| known.id == finding.id);
            finding.first_seen = known.map(|known| known.first_seen).min().unwrap_or(now);
        }
        entries.retain(|entry| entry.check != check || entry.place != place);
        entries.push(Entry { check, place: place.to_owned(), at: now, findings: found });
        self.keep(&entries);
    }

    /// Forgets what a check found in other places than these: they are not looked at any more.
    pub fn leave_only(&self, check: Check, places: &[&str]) {
        let mut entries = self.lock();
        let before = entries.len();
        entries.retain(|entry| entry.check != check || places.contains(&entry.place.as_str()));
        if entries.len() != before {
            self.keep(&entries);
        }
    }

    /// Every open finding, one per kind and subject.
    pub fn findings(&self) -> Vec<Finding> {
        let mut open: BTreeMap<String, Finding> = BTreeMap::new();
        for finding in self.lock().iter().flat_map(|entry| &entry.findings) {
            match open.get_mut(&finding.id) {
                Some(known) => known.absorb(finding),
                None => drop(open.insert(finding.id.clone(), finding.clone())),
            }
        }
        open.into_values().collect()
    }

    /// When each check last ended, where.
    pub fn ran(&self) -> Vec<(Check, String, Timestamp)> {
        self.lock().iter().map(|entry| (entry.check, entry.place.clone(), entry.at)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whole or not at all. A disk that is full takes no finding away from who asks.
    fn keep(&self, entries: &[Entry]) {
        let Some(path) = &self.kept_in else { return };
        let fresh = path.with_extension("json.new");
        let written = serde_json::to_vec(entries).map_err(std::io::Error::other);
        let written =
            written.and_then(|text| std::fs::write(&fresh, text)).and_then(|()| std::fs::rename(&fresh, path));
        if let Err(error) = written {
            tracing::warn!(%error, "open findings cannot be written down");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::Fact;
    use super::super::finding::Subject;
    use super::super::remedy::Advice;
    use super::super::{Code, Severity};
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
    }

    fn found(code: Code, server: &str) -> Finding {
        let fact = Fact::new(code, Subject::Server(server.to_owned()), "so it is");
        Advice::default().findings(vec![fact], at(0)).remove(0)
    }

    #[test]
    fn a_finding_keeps_its_beginning_and_is_gone_when_the_check_passes_again() {
        let board = Board::default();
        board.settle(Check::Ntp, "", vec![found(Code::NtpSilent, "a"), found(Code::NtpSilent, "b")], at(1));
        board.settle(Check::Ntp, "", vec![found(Code::NtpSilent, "a")], at(2));
        let open = board.findings();
        assert_eq!((open.len(), open[0].first_seen, open[0].last_seen), (1, at(1), at(2)));
        board.settle(Check::Dhcp, "eth0", vec![found(Code::LedElsewhere, "c")], at(3));
        board.settle(Check::Ntp, "", Vec::new(), at(3));
        assert_eq!(board.findings().iter().map(|finding| finding.code).collect::<Vec<_>>(), [Code::LedElsewhere]);
        board.settle(Check::Ntp, "", vec![found(Code::NtpSilent, "a")], at(4));
        assert_eq!(board.findings()[1].first_seen, at(4));
    }

    #[test]
    fn what_two_places_show_is_one_finding_and_a_place_that_is_left_takes_its_findings_along() {
        let board = Board::default();
        board.settle(Check::Dhcp, "eth0", vec![found(Code::LedElsewhere, "c")], at(1));
        let worse = Finding { severity: Severity::Critical, phones: 9, ..found(Code::LedElsewhere, "c") };
        board.settle(Check::Dhcp, "eth1", vec![worse], at(2));
        let open = board.findings();
        assert_eq!((open.len(), open[0].severity, open[0].phones), (1, Severity::Critical, 9));
        assert_eq!((open[0].first_seen, open[0].last_seen), (at(1), at(2)));
        board.leave_only(Check::Dhcp, &["eth0"]);
        assert_eq!(board.findings()[0].severity, Severity::Error);
    }

    #[test]
    fn open_findings_outlive_the_daemon_and_a_broken_file_costs_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        Board::open(folder.path()).settle(Check::Ntp, "", vec![found(Code::NtpSilent, "a")], at(1));
        let again = Board::open(folder.path());
        again.settle(Check::Ntp, "", vec![found(Code::NtpSilent, "a")], at(9));
        assert_eq!(again.findings()[0].first_seen, at(1));
        std::fs::write(folder.path().join(FILE), "[{").unwrap();
        assert_eq!(Board::open(folder.path()).findings(), []);
    }
}
