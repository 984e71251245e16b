//! Nobody gets what is not theirs: the life of a device, claims, tokens and limits, seen by real clients.

// A test that cannot set itself up shall fail loudly.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod connection;
mod connections;
mod findings;
mod lifecycle;
mod limits;
mod passwords;
mod tokens;
mod uploads;
// Each of the programs that use it uses a part.
#[allow(dead_code)]
#[path = "../boot/support.rs"]
mod support;
