//! This machine: its clock, its signals, its accounts, its service manager.

pub mod clock;
pub mod privilege;
pub mod signals;
pub mod systemd;
