//! Why does this phone not come up? What the network tells phones, and what they make of it.
//!
//! [`dhcp_options`] reads a message, [`frame`] finds it on the wire, [`capture`] in a file. [`findings()`] says what
//! wants attention, from the [`facts()`] of the moment.

pub mod capture;
pub mod dhcp_options;
mod facts;
mod finding;
mod findings;
pub mod frame;

pub use facts::facts;
pub use finding::{Code, Finding, Seen, Severity, Subject};
pub use findings::{Facts, Parked, PhoneFacts, findings};
