//! Many changes at once, from outside: files that are imported, planned, carried out, undone and exported again, with the
//! program as an operator has it and the API as a program has it.

// A test that cannot set itself up shall fail loudly.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod crowd;
mod files;
mod plans;
mod scope;
// Each of the programs that use it uses a part.
#[allow(dead_code)]
#[path = "../cli/support.rs"]
mod support;
