//! The TFTP server as phones see it: over loopback, spoken to by real clients and by hand-made packets.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod clients;
mod peers;
mod support;
