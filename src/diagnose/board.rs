//! What did the checks find that is still so? One open finding per kind and subject, from the first time it was seen until
//! the check passes again. Kept over a restart, so that "since when" stays true.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::code::Code;
use super::finding::{Finding, Subject};
use super::observations::LASTS;

/// The place of what a watcher showed before the daemon started: what it saw is not remembered, and so not looked at again.
const BEFORE: &str = "before";
/// The file open findings are kept in.
const FILE: &str = "findings.json";

/// What looks for findings, again and again.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// What DHCP tells phones.
    Dhcp,
    /// What a watcher saw DHCP tell phones.
    DhcpWatch,
    /// Whether time servers are right.
    Ntp,
    /// Whether phones can reach what they need.
    Reachability,
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
            Check::DhcpWatch => "dhcp_watch",
            Check::Ntp => "ntp",
            Check::Reachability => "reachability",
        }
    }
}

impl Entry {
    fn is_watched(&self) -> bool {
        self.check == Check::DhcpWatch
    }
}

fn watched(entries: &[Entry]) -> Vec<Finding> {
    entries.iter().filter(|entry| entry.is_watched()).flat_map(|entry| entry.findings.clone()).collect()
}

impl Board {
    /// The board of this folder, as it was left. What cannot be read is found again soon.
    pub fn open(folder: &Path) -> Board {
        let path = folder.join(FILE);
        let mut entries: Vec<Entry> = match std::fs::read(&path) {
            Ok(octets) => serde_json::from_slice(&octets)
                .inspect_err(|error| tracing::warn!(%error, "{FILE} cannot be read; findings begin anew"))
                .unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        entries.iter_mut().filter(|entry| entry.is_watched()).for_each(|entry| BEFORE.clone_into(&mut entry.place));
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

    /// Takes what a watcher's observations show now, each with its own times. What they showed before a restart stays until
    /// it is as old as observations become.
    pub fn observe(&self, mut found: Vec<Finding>, now: Timestamp) {
        let mut entries = self.lock();
        let before = watched(&entries);
        for finding in &mut found {
            let known = entries.iter().flat_map(|entry| &entry.findings).filter(|known| known.id == finding.id);
            let first = known.map(|known| known.first_seen).min();
            finding.first_seen = first.map_or(finding.first_seen, |first| first.min(finding.first_seen));
        }
        let is_young = |known: &Finding| now.as_second().saturating_sub(known.last_seen.as_second()) < LASTS;
        entries.retain(|entry| !entry.is_watched() || entry.place == BEFORE);
        for entry in entries.iter_mut().filter(|entry| entry.is_watched()) {
            entry.findings.retain(|known| is_young(known) && found.iter().all(|finding| finding.id != known.id));
        }
        entries.push(Entry { check: Check::DhcpWatch, place: String::new(), at: now, findings: found });
        entries.retain(|entry| !entry.is_watched() || !entry.findings.is_empty());
        if watched(&entries) != before {
            self.keep(&entries);
        }
    }

    /// Whether anything that a watcher showed is open.
    pub fn is_watched(&self) -> bool {
        self.lock().iter().any(Entry::is_watched)
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
        let entries = self.lock();
        // A probe knows which network it is in, and a watcher does not: what both show of one is the probe's.
        let of_network = |finding: &&Finding| matches!(finding.subject, Subject::Network(_));
        let probed: Vec<Code> = entries
            .iter()
            .filter(|entry| entry.check == Check::Dhcp)
            .flat_map(|entry| entry.findings.iter().filter(of_network).map(|finding| finding.code))
            .collect();
        let said = |entry: &Entry, finding: &Finding| {
            entry.is_watched() && of_network(&finding) && probed.contains(&finding.code)
        };
        let all = entries.iter().flat_map(|entry| entry.findings.iter().map(move |finding| (entry, finding)));
        for (_, finding) in all.filter(|(entry, finding)| !said(entry, finding)) {
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
    use super::super::Severity;
    use super::super::facts::Fact;
    use super::super::finding::Subject;
    use super::super::remedy::Advice;
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
    fn what_a_watcher_showed_outlives_a_restart_by_a_day_and_is_not_said_twice() {
        let folder = tempfile::tempdir().unwrap();
        let (led, refused) = (found(Code::LedElsewhere, "c"), found(Code::DhcpRefused, "d"));
        Board::open(folder.path()).observe(vec![led.clone(), refused], at(0));
        let board = Board::open(folder.path());
        let open = |board: &Board| board.findings().iter().map(|finding| finding.code).collect::<Vec<_>>();
        board.observe(vec![Finding { last_seen: at(9), first_seen: at(9), ..led }], at(9));
        assert_eq!(open(&board), [Code::DhcpRefused, Code::LedElsewhere]);
        assert_eq!((board.findings()[1].first_seen, board.findings()[1].last_seen), (at(0), at(9)));
        // What this daemon saw itself is gone when it is not seen any more; the rest a day after it was last true.
        board.observe(Vec::new(), at(10));
        assert_eq!(open(&board), [Code::DhcpRefused]);
        board.observe(Vec::new(), at(24 * 60));
        assert!(open(&board).is_empty() && !board.is_watched());
        let differ = |network: &str| {
            let fact = Fact::new(Code::DhcpServersDiffer, Subject::Network(network.to_owned()), "they do");
            Advice::default().findings(vec![fact], at(0))
        };
        board.observe(differ("dhcp"), at(11));
        board.settle(Check::Dhcp, "eth0", differ("eth0"), at(11));
        assert_eq!(
            board.findings().iter().map(|finding| finding.id.as_str()).collect::<Vec<_>>(),
            ["dhcp-servers-differ-eth0"]
        );
        board.settle(Check::Dhcp, "eth0", Vec::new(), at(12));
        assert_eq!(open(&board), [Code::DhcpServersDiffer]);
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
