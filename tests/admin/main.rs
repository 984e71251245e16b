//! The admin API from outside: over its Unix socket and over TCP, by curl and by a client that keeps its connection.

// A test that cannot set itself up shall fail loudly.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod bad_input;
mod client;
mod document;
mod lists;
mod network;
mod people;
mod roles;
// Each of the programs that use it uses a part.
#[allow(dead_code)]
#[path = "../boot/support.rs"]
mod support;
mod things;
