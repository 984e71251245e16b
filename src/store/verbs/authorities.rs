//! The makers' authorities that vouch for their phones (policy D4, A9).

use super::{Name, access};
use crate::inventory::certificate::{Authority, Fingerprint};
use crate::store::rows::{Table, decode};
use crate::store::txn::{Rows, Span, Txn};
use crate::store::{StoreFault, Stored};

pub fn all(rows: &dyn Rows) -> Result<Vec<Authority>, StoreFault> {
    let rows = rows.scan(Span::all(Table::Authority.prefix()))?;
    rows.iter().map(|row| decode(&row.key, &row.value)).collect()
}

pub fn add(txn: &mut Txn<'_>, authority: &Authority) -> Stored<()> {
    let id = authority.sha256.to_string();
    let key = Table::Authority.key(&id);
    if txn.get(&key)?.is_some() {
        return Err(Name { kind: "authority", id: &id }.exists().into());
    }
    Ok(txn.put(&key, authority)?)
}

pub fn remove(txn: &mut Txn<'_>, sha256: &Fingerprint) -> Stored<()> {
    let id = sha256.to_string();
    let key = Table::Authority.key(&id);
    if txn.get(&key)?.is_none() {
        return Err(Name { kind: "authority", id: &id }.unknown().into());
    }
    access::forget_pins(txn, sha256)?;
    Ok(txn.delete(&key)?)
}
