//! How does a whole store go into one file that opens for its owner alone, and come back, here or elsewhere?
//!
//! In the file: a header that says to whom it is sealed ([`envelope`]), then everything as compressed lines ([`form`]) in
//! an authenticated stream ([`stream`]): the rows as they lie, with their secrets sealed under data keys; those data
//! keys; the files of `data_dir/tls`. Never the master key (policy K3): [`restore`] seals the data keys under that of the
//! machine it works on.

mod envelope;
mod fault;
mod form;
mod recipient;
pub mod restore;
mod stream;
mod taking;

#[cfg(test)]
mod tests;

pub use envelope::{Opener, Recipient, check as check_recipients};
pub use fault::BackupFault;
pub use form::Begin;
pub use recipient::{PrivateKey, PublicKey};
pub use restore::{Onto, Restored};
pub use taking::{BackUp, Taken};
