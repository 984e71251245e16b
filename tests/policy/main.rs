//! What the security policy promises and no other program of tests shows (docs/policy.md): the ground rules, the edges of the
//! device plane, secrets on the command line, one record a line, and the house itself.

// A test that cannot set itself up shall fail loudly.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod devices;
mod ground;
mod house;
mod people;
// Each of the programs that use them uses a part.
#[allow(dead_code)]
#[path = "../cli/support.rs"]
mod program;
#[allow(dead_code)]
#[path = "../boot/support.rs"]
mod support;
