//! `ztpd dhcp decode FILE`: a capture that somebody else took.

use std::fs::File;
use std::path::Path;

use super::View;
use crate::cli::failure::Failure;
use crate::diagnose::capture::{self, CaptureError};
use crate::diagnose::dhcp_report::report;
use crate::diagnose::sightings::Sightings;

/// Reads, judges, shows.
pub(super) fn run(path: &Path, view: &View) -> Result<(), Failure> {
    let here = view.here()?;
    let failed = |why: &dyn std::fmt::Display| Failure::Failed(format!("{} {why}", path.display()));
    let file = File::open(path).map_err(|error| failed(&format_args!("cannot be opened: {error}")))?;
    let mut seen = Sightings::default();
    let read = capture::read(file, |frame| {
        seen.frame(frame.time, frame.link, &frame.octets);
    });
    // What came before a cut is worth more than nothing.
    let cut = match read {
        Ok(()) => None,
        Err(cut @ CaptureError::Cut(_)) => Some(failed(&cut)),
        Err(error) => return Err(failed(&error)),
    };
    if seen.is_empty() {
        return Err(cut.unwrap_or_else(|| {
            failed(&"has no DHCP in it: capture ports 67 and 68 (546 and 547 over IPv6) while a phone boots")
        }));
    }
    let shown = view.show(&report(&seen, &view.families(), &here), &here);
    cut.map_or(shown, Err)
}
