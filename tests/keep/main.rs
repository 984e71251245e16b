//! A store is kept: backed up and restored, brought forward from older versions, through faults of disk and clock. The
//! real program, real clients.

// A test that cannot set itself up shall fail loudly.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod backup;
mod faults;
mod older;
mod program;
