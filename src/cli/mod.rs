//! The command line: one noun per file, each spoken over the admin API; `serve`, `demo` and the care of files beside
//! them. Arguments in ([`run`]), exit code out; tables, columns or JSON in between.

// A verb is made once in the life of the process: its size is nobody's concern.
#![allow(clippy::large_enum_variant)]

mod account;
mod arguments;
mod audit;
mod authority;
mod backup;
mod catalogue;
mod client;
mod common_area;
mod confirm;
mod demo;
mod device;
mod dhcp;
mod doctor;
mod encrypted;
mod failure;
mod finding;
mod flags;
mod grant;
mod import;
mod keys;
mod lab;
mod local;
mod manual;
mod noun;
mod ntp;
mod number;
mod output;
mod package;
mod pages;
mod path;
mod plan;
mod reach;
mod record;
mod restore;
mod role;
mod session;
mod settings_template;
mod sip_password;
mod site;
mod status;
mod template;
mod text;
mod token;
mod top;
mod user;
mod waiting;

pub use arguments::run;
