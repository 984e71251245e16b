//! Why does this phone not come up? What the network tells phones, and what they make of it.
//!
//! [`dhcp_options`] reads a message, [`frame`] finds it on the wire, [`capture`] in a file.

pub mod capture;
pub mod dhcp_options;
pub mod frame;
