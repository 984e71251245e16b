//! Why does this phone not come up? What the network tells phones, and what they make of it.
//!
//! [`dhcp_options`] reads a message, [`frame`] finds it on the wire, [`capture`] in a file. [`findings()`] says what
//! wants attention, in the situation that [`gather()`] finds.

pub mod capture;
pub mod dhcp_options;
mod finding;
mod findings;
pub mod frame;
mod gather;

pub use finding::{Code, Finding, Seen, Severity, Subject};
pub use findings::{Parked, PhoneFacts, Situation, findings};
pub use gather::gather;
