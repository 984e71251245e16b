//! Nothing secret is readable in what the daemon leaves on the disk, and without its master key it opens nothing
//! (policy K1–K3): the real program, real clients, and `grep` as the thief.

// A test that cannot set itself up shall fail loudly.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod at_rest;
mod killed;
mod master_key;
// Each of the programs that use it uses a part.
#[allow(dead_code)]
#[path = "../boot/support.rs"]
mod support;
