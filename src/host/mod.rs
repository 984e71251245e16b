//! This machine: its clock, its signals, its accounts, its service manager, its interfaces.

pub mod clock;
pub mod interfaces;
pub mod privilege;
pub mod signals;
pub mod systemd;
