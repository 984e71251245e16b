//! This machine: its clock, signals, service manager and sockets.

pub mod clock;
