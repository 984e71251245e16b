//! The account-wide settings, and the tokens of the programs that administer it.

use jiff::Timestamp;

use super::{Name, dial_plan, roles};
use crate::inventory::account::{Account, AdminToken, AdminTokenId};
use crate::inventory::role::Subject;
use crate::store::rows::{ACCOUNT, Table, decode};
use crate::store::txn::{Rows, Span, Txn, record};
use crate::store::{Expected, StoreFault, Stored, Versioned};

pub fn account(rows: &dyn Rows) -> Stored<Versioned<Account>> {
    let untouched = || Versioned { revision: 0, value: Account::default() };
    Ok(record(rows, ACCOUNT)?.unwrap_or_else(untouched))
}

pub fn set_account(txn: &mut Txn<'_>, value: Account, expected: Expected) -> Stored<Versioned<Account>> {
    let before = account(txn)?;
    Name { kind: "account", id: "" }.check(expected, before.revision)?;
    let renumbered = before.value.site_codes != value.site_codes;
    let written = txn.put_record(ACCOUNT, value)?;
    if renumbered {
        dial_plan::renumber_all(txn)?;
    }
    Ok(written)
}

pub fn create_admin_token(txn: &mut Txn<'_>, token: &AdminToken) -> Stored<()> {
    let key = Table::AdminToken.key(token.id.as_str());
    if txn.get(&key)?.is_some() {
        return Err(Name { kind: "token", id: token.id.as_str() }.exists().into());
    }
    Ok(txn.put(&key, token)?)
}

pub fn admin_tokens(rows: &dyn Rows) -> Result<Vec<AdminToken>, StoreFault> {
    let rows = rows.scan(Span::all(Table::AdminToken.prefix()))?;
    rows.iter().map(|row| decode(&row.key, &row.value)).collect()
}

/// Removes a token with the grants it has.
pub fn remove_admin_token(txn: &mut Txn<'_>, id: &AdminTokenId, now: Timestamp) -> Stored<()> {
    let key = Table::AdminToken.key(id.as_str());
    if txn.get(&key)?.is_none() {
        return Err(Name { kind: "token", id: id.as_str() }.unknown().into());
    }
    for grant in roles::grants(txn)? {
        if grant.value.subject == Subject::Token(id.clone()) {
            roles::remove_grant(txn, &grant.value.id, Expected::Any, now)?;
        }
    }
    Ok(txn.delete(&key)?)
}
