//! The words of the trade: no I/O, no async.

pub mod mac;
