//! Certificates from an ACME server, with one that others wrote (Pebble): issued, renewed, and asked for in vain.

// A test that cannot set itself up shall fail loudly.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod issuing;
mod support;
