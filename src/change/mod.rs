//! The one way many things are changed at once: a wish and the inventory as it is give a plan; the plan says what would
//! change and what would be lost, is carried out whole or not at all, and can be taken back.
//!
//! [`draft`] knows nothing of files: CSV ([`csv`]) is its first client. What is written, and whether it may be, is the
//! store's own rule for many records; a draft is a rehearsal of it.

pub mod apply;
pub mod csv;
mod draft;
mod files;
mod losses;
mod merge;
mod models;
mod near;
mod phones;
mod plan;
mod wish;

#[cfg(test)]
mod tests;

pub use draft::{Draft, Ground, draft, present};
pub use files::files;
pub use losses::{counts, losses};
pub use merge::merge;
pub use models::{ModelFault, catalogued};
pub use plan::{basis, plan};
pub use wish::{Fault, Phones, Wanted, Wish};
