//! TFTP over UDP: requests come in at one socket, every download has a socket and a task of its own.

mod content;
mod datagram;
mod download;
mod files;
mod server;

pub use files::{Ask, Content, Ended, Files, Outcome, Refused, Rules, TurnedAway};
pub use server::serve;
