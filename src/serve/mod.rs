//! The device plane: what phones connect to.

pub mod tftp;
