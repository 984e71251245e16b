//! The command line from outside: the real program against a real daemon, on a socket of its own.

// A test that cannot set itself up shall fail loudly.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod access;
mod administrators;
mod audit;
mod catalogue;
mod keys;
mod manual;
mod network;
mod nouns;
mod output;
mod people;
mod reach;
mod refusals;
mod support;
mod top;
