//! How do secrets lie in the store? Apart from the records, one row a field, and encoded only here: this is where
//! they are sealed and opened.

use super::StoreFault;
use super::rows::{Table, decode, encode};
use super::txn::{Rows, Txn};
use crate::inventory::device::Owner;
use crate::inventory::mac::MacAddr;
use crate::inventory::secret::Secret;
use crate::store::rows::owner_key;

/// The secret fields a record may have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Field {
    /// The password of a phone's own web page.
    AdminPassword,
    /// A phone's token before the current one.
    PreviousToken,
    /// An owner's password at the registrar.
    SipPassword,
    /// A phone's token.
    Token,
}

impl Field {
    fn name(self) -> &'static str {
        match self {
            Field::AdminPassword => "admin_password",
            Field::PreviousToken => "previous_token",
            Field::SipPassword => "sip_password",
            Field::Token => "token",
        }
    }
}

/// Where a phone's secret lies.
pub fn of_phone(mac: MacAddr, field: Field) -> String {
    format!("{}/{}", Table::Secret.key(&Table::Device.of(mac)), field.name())
}

/// Where an owner's SIP password lies.
pub fn of_owner(owner: &Owner) -> String {
    format!("{}/{}", Table::Secret.key(&owner_key(owner)), Field::SipPassword.name())
}

/// Keeps a secret.
pub fn put(txn: &mut Txn<'_>, key: &str, secret: &Secret) -> Result<(), StoreFault> {
    let text = encode(key, &secret.reveal())?;
    txn.put_text(key, text);
    Ok(())
}

/// A secret, if there is one.
pub fn read(rows: &dyn Rows, key: &str) -> Result<Option<Secret>, StoreFault> {
    let Some(text) = rows.get(key)? else { return Ok(None) };
    let secret: String = decode(key, &text)?;
    Ok(Some(Secret::new(secret)))
}

/// A secret that must be there.
pub fn require(rows: &dyn Rows, key: &str) -> Result<Secret, StoreFault> {
    read(rows, key)?.ok_or_else(|| StoreFault::Corrupt(format!("row {key} is missing")))
}
