//! Does a phone of this maker really come up? Phones as their makers' guides say they boot: DHCP option to URL, files in the
//! maker's order, over TFTP, HTTP and HTTPS on real sockets, certificates verified, settings parsed, flash kept.
//!
//! File names, User-Agents and formats are spelt here a second time on purpose, with parsers of their own: a mistake made in the
//! daemon is not repeated by the phone that tests it. Where a guide is silent or two disagree, the module says which reading it
//! acts out and marks it `[uncertain]`.

mod carrier;
mod cisco;
mod grandstream;
mod http;
mod model;
mod network;
mod phone;
mod poly;
mod report;
mod snom;
mod startup;
mod tftp_client;
mod tls;
mod trust;
mod url;
mod xml;
mod yealink;

#[cfg(test)]
mod fake_server;

pub use model::{Expect, Maker, Model};
pub use network::{DhcpOptions, Network};
pub use phone::{AuthorityRefused, Phone};
pub use report::{Account, Boot, Ending, Outcome, Password, Plane, Seen, Transport, Verb};
pub use startup::{Bystander, NewServer, Power};
pub use tls::FactoryCertificate;
