//! The checks of the daemon and of `ztpd doctor`: on loopback, and on a LAN of real servers with one fault after another.

// A test that cannot set itself up shall fail loudly.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod api;
mod documents;
#[path = "../support/lab.rs"]
mod lab;
mod lan;
mod place;
mod sip;

const ZTPD: &str = env!("CARGO_BIN_EXE_ztpd");
