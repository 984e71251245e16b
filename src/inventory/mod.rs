//! The words of the trade: phones, the people and places they belong to, and what each is called. No I/O, no async.
//! Every type is valid by construction: what can be deserialised may be stored and shown on a phone.

pub mod access;
pub mod account;
pub mod audit;
pub mod certificate;
pub mod common_area;
pub mod country;
pub mod daylight;
pub mod device;
pub mod event;
pub mod extension;
pub mod handshake;
pub mod keys;
pub mod lab;
pub mod mac;
pub mod master_key;
pub mod number;
pub mod package;
pub mod period;
pub mod plan;
pub mod role;
pub mod secret;
pub mod settings;
pub mod settings_template;
pub mod sip;
pub mod site;
pub mod text;
pub mod user;
