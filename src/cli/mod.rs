//! The command line: one noun per file.

pub mod demo;
pub mod dhcp;
