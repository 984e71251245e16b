//! Zero-touch provisioning for SIP desk phones.
//!
//! A request of a phone goes six steps, over whichever protocol it came:
//!
//! ```text
//! request → identify → policy → facts → render → answer → record
//!            pure      pure     store    pure     pure     store
//! ```
//!
//! The rooms, and what each may know of the others:
//!
//! - [`inventory`]: the words of the trade; no I/O. [`host`]: this machine. [`tftp`]: the protocol, without sockets.
//!   These import none of ours.
//! - [`makers`]: how each maker spells it → inventory. [`store`]: everything that is kept → inventory.
//! - [`metrics`]: what is counted while phones are served → inventory.
//! - [`templates`]: from a template and facts to text → inventory, makers.
//! - [`config`]: what the operator wrote and what it means → inventory, makers, templates.
//! - [`provision`]: the six steps → all above; of the store its trait.
//! - [`change`]: many things changed at once, planned first → inventory, makers, templates, config, store, provision.
//! - [`serve`]: what phones connect to → inventory, makers, config, provision, host, tftp.
//! - [`acme`]: where our certificate comes from, if a server gives it → config, host, serve.
//! - [`admin`]: what people and programs use → all above but serve and acme.
//! - [`diagnose`]: why a phone does not come up, and the checks that find it → inventory, makers, config, store, host, provision.
//! - [`simulate`]: a phone of each maker → inventory, host, tftp; never makers, templates or provision, since it spells
//!   file names and formats a second time, on purpose.
//! - [`daemon`]: the order of life → everything but cli; alone names the store's own form.
//! - [`cli`]: the command line → everything it speaks of.

pub mod acme;
pub mod admin;
pub mod change;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod diagnose;
pub mod host;
pub mod inventory;
pub mod makers;
pub mod metrics;
pub mod provision;
pub mod serve;
pub mod simulate;
pub mod store;
pub mod templates;
pub mod tftp;
