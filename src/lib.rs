//! Zero-touch provisioning for SIP desk phones.

pub mod host;
pub mod inventory;
pub mod serve;
pub mod tftp;
