//! Zero-touch provisioning for SIP desk phones.

pub mod config;
pub mod daemon;
pub mod host;
pub mod inventory;
pub mod makers;
pub mod provision;
pub mod serve;
pub mod simulate;
pub mod store;
pub mod templates;
pub mod tftp;
