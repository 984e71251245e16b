//! This machine: its clock, its signals, its interfaces.

pub mod clock;
pub mod interfaces;
pub mod signals;
