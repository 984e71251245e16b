//! Why does this phone not come up? What the network tells phones, and what they make of it.
//!
//! [`dhcp_options`] reads a message, [`frame`] finds it on the wire, [`capture`] in a file. [`dhcp_choice`] says which
//! option wins for a maker's phones and which [`target`] it leads to, [`here`] whether that is this server.
//! [`sightings`] gathers what passes by, [`dhcp_report`] says what is wrong with it, as [`facts`].
//! [`dhcp_probe`] asks as phones do. [`observations`] is what the watcher saw of late, [`explain`] what all of it says of
//! one phone.
//! [`ntp`] asks time servers. [`findings()`] says what wants attention in the situation that [`gather()`] finds.
//! [`remedy`] makes findings of facts, which stay on the [`board`] until the check passes again.

pub mod board;
pub mod capture;
mod code;
pub mod dhcp_choice;
pub mod dhcp_options;
pub mod dhcp_probe;
pub mod dhcp_report;
pub mod explain;
pub mod facts;
mod finding;
mod findings;
pub mod frame;
mod gather;
pub mod here;
mod near_miss;
pub mod ntp;
pub mod observations;
mod paste;
pub mod remedy;
pub mod sightings;
pub mod target;

pub use code::Code;
pub use finding::{Finding, Seen, Severity, Subject};
pub use findings::{Parked, PhoneFacts, Situation, findings};
pub use gather::gather;
