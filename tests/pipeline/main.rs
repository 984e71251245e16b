//! The six steps from memory, at any hour: what each phone's file says, byte for byte, and what its boot would meet.

// A test that cannot set itself up shall fail loudly.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod claims;
mod golden;
mod hostile;
mod names;
mod stage;
