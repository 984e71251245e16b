//! The command line: one noun per file, each spoken over the admin API; `serve`, `demo` and the care of files beside
//! them. Arguments in ([`run`]), exit code out; tables, columns or JSON in between.

mod arguments;
mod audit;
mod client;
mod common_area;
mod confirm;
mod demo;
mod device;
mod dhcp;
mod encrypted;
mod failure;
mod flags;
mod keys;
mod local;
mod manual;
mod noun;
mod output;
mod pages;
mod path;
mod reach;
mod record;
mod session;
mod site;
mod status;
mod text;
mod top;
mod user;

pub use arguments::run;
