//! This machine: its clock, its signals.

pub mod clock;
pub mod signals;
