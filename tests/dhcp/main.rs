//! DHCP as phones see it: every capture against what is known to be in it, and the program on them.

// A test that cannot set itself up shall fail loudly.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod captures;
mod decode;
#[path = "../support/lab.rs"]
mod lab;
mod lan;
mod six;
