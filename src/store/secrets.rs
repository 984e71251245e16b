//! How do secrets lie in the store? Apart from the records, one row a field, and sealed: only here are they sealed and
//! opened, so that nothing above ever writes one down and nothing below ever sees one.

use super::StoreFault;
use super::rows::{Table, decode, encode, owner_key};
use super::seal::{KeyId, Keyring};
use super::txn::{Rows, Span, Txn};
use crate::inventory::device::Owner;
use crate::inventory::mac::MacAddr;
use crate::inventory::secret::Secret;

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

const FIELDS: &[Field] = &[Field::AdminPassword, Field::PreviousToken, Field::SipPassword, Field::Token];

impl Field {
    fn name(self) -> &'static str {
        match self {
            Field::AdminPassword => "admin_password",
            Field::PreviousToken => "previous_token",
            Field::SipPassword => "sip_password",
            Field::Token => "token",
        }
    }

    /// What helps when it does not open any more.
    fn cure(self) -> &'static str {
        match self {
            Field::AdminPassword => "remove the device and add it again: it is given a new one",
            Field::PreviousToken | Field::Token => "open a claim window for the device: it is given a new one",
            Field::SipPassword => "set a new one",
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
    let text = sealed(txn.keys(), key, secret)?;
    txn.put_text(key, text);
    Ok(())
}

/// The row of a secret.
pub fn sealed(keys: &Keyring, key: &str, secret: &Secret) -> Result<String, StoreFault> {
    encode(key, &keys.seal(key, secret)?)
}

/// A secret, if there is one.
pub fn read(rows: &dyn Rows, key: &str) -> Result<Option<Secret>, StoreFault> {
    let Some(text) = rows.get(key)? else { return Ok(None) };
    let opened = decode::<String>(key, &text).ok().and_then(|sealed| rows.keys().open(key, &sealed).ok());
    opened.map(Some).ok_or_else(|| altered(key))
}

/// A secret, if there is one that opens.
pub fn readable(rows: &dyn Rows, key: &str) -> Result<Option<Secret>, StoreFault> {
    match read(rows, key) {
        Err(StoreFault::Altered { .. }) => Ok(None),
        other => other,
    }
}

/// A secret that must be there.
pub fn require(rows: &dyn Rows, key: &str) -> Result<Secret, StoreFault> {
    read(rows, key)?.ok_or_else(|| StoreFault::Corrupt(format!("row {key} is missing")))
}

/// Seals a batch of secrets after `after` anew that are not sealed with the newest key; the last it looked at, or
/// `None` when there are no more. What does not open stays as it is: no key opens it.
pub fn reseal(txn: &mut Txn<'_>, after: Option<&str>, batch: usize) -> Result<Option<String>, StoreFault> {
    let newest = txn.keys().ids().last().copied();
    let rows = txn.scan(Span { prefix: Table::Secret.prefix(), after, limit: batch })?;
    for row in &rows {
        if key_of(&row.value) == newest {
            continue;
        }
        match read(txn, &row.key) {
            Ok(Some(secret)) => put(txn, &row.key, &secret)?,
            Ok(None) => {}
            Err(StoreFault::Altered { .. }) => tracing::error!("{}", altered(&row.key)),
            Err(fault) => return Err(fault),
        }
    }
    Ok(rows.last().map(|row| row.key.clone()))
}

/// Which key a secret's row was sealed with.
fn key_of(text: &str) -> Option<KeyId> {
    decode::<String>("", text).ok().and_then(|sealed| Keyring::sealed_with(&sealed))
}

fn altered(key: &str) -> StoreFault {
    let name = key.strip_prefix(Table::Secret.prefix()).unwrap_or(key);
    let (of, field) = name.rsplit_once('/').unwrap_or((name, ""));
    let field = FIELDS.iter().copied().find(|known| known.name() == field);
    let whose = match of.split_once('/') {
        Some((kind, id)) => {
            let id = MacAddr::from_plain(id).map_or_else(|_| id.to_owned(), |mac| mac.to_string());
            format!("{} {id}", kind.replace('_', " "))
        }
        None => of.to_owned(),
    };
    let field = field.unwrap_or(Field::Token);
    StoreFault::Altered { field: field.name(), whose, cure: field.cure() }
}
