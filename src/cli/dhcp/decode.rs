//! `ztpd dhcp decode FILE`: a capture that somebody else took.

use std::fs::File;
use std::path::Path;

use anyhow::Context as _;

use super::View;
use crate::diagnose::capture::{self, CaptureError};
use crate::diagnose::dhcp_report::report;
use crate::diagnose::frame::datagram;
use crate::diagnose::sightings::Sightings;

/// Reads, judges, prints; `true` if nothing is wrong.
pub(super) fn run(path: &Path, view: &View) -> anyhow::Result<bool> {
    let here = view.here()?;
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let mut seen = Sightings::default();
    let read = capture::read(file, |frame| {
        if let Some(found) = datagram(frame.link, &frame.octets) {
            seen.take(frame.time, found);
        }
    });
    match &read {
        Ok(()) => {}
        // What came before the cut is worth more than nothing.
        Err(cut @ CaptureError::Cut(_)) => eprintln!("ztpd: {} {cut}", path.display()),
        Err(error) => anyhow::bail!("{} {error}", path.display()),
    }
    anyhow::ensure!(
        seen.messages > 0 || !seen.dropped.is_empty() || !seen.unreadable.is_empty(),
        "{} has no DHCP in it: capture ports 67 and 68 while a phone boots",
        path.display()
    );
    let clean = view.print(&report(&seen, &view.families(), &here), &here)?;
    Ok(clean && read.is_ok())
}
