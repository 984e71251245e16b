//! The certificates phones are made with: what they prove, and what they do not (policy D4, D6, D7, D10, A9).

// A test that cannot set itself up shall fail loudly.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod authorities;
mod chains;
mod handshakes;
#[path = "../support/lookalike.rs"]
mod lookalike;
mod phones;
mod proxied;
// Each of the programs that use it uses a part.
#[allow(dead_code)]
#[path = "../boot/support.rs"]
mod support;
