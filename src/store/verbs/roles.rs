//! Roles that administrators made, and who holds which role where. What keeps an account from losing its last super
//! admin is decided here, in the change itself.

use jiff::Timestamp;

use super::{Name, account, sites};
use crate::inventory::role::{Grant, GrantId, Role, RoleId, SUPER_ADMIN, Scope, Subject};
use crate::inventory::site::SiteId;
use crate::store::rows::Table;
use crate::store::txn::{Rows, Span, Txn, records};
use crate::store::{Conflict, Expected, StoreFault, Stored, Versioned};

pub fn roles(rows: &dyn Rows) -> Result<Vec<Versioned<Role>>, StoreFault> {
    records(rows, Span::all(Table::Role.prefix()))
}

pub fn create_role(txn: &mut Txn<'_>, role: Role) -> Stored<Versioned<Role>> {
    let key = Table::Role.key(role.id.as_str());
    if role.id.is_shipped() || txn.get(&key)?.is_some() {
        return Err(role_name(&role.id).exists().into());
    }
    Ok(txn.put_record(&key, role)?)
}

pub fn replace_role(txn: &mut Txn<'_>, role: Role, expected: Expected) -> Stored<Versioned<Role>> {
    let key = Table::Role.key(role.id.as_str());
    role_name(&role.id).require::<Role>(txn, &key, expected)?;
    Ok(txn.put_record(&key, role)?)
}

pub fn remove_role(txn: &mut Txn<'_>, id: &RoleId, expected: Expected) -> Stored<()> {
    let key = Table::Role.key(id.as_str());
    role_name(id).require::<Role>(txn, &key, expected)?;
    if let Some(grant) = grants(txn)?.into_iter().find(|grant| grant.value.role == *id) {
        return Err(role_name(id).in_use(format!("grant {}", grant.value.id)).into());
    }
    Ok(txn.delete(&key)?)
}

pub fn grants(rows: &dyn Rows) -> Result<Vec<Versioned<Grant>>, StoreFault> {
    records(rows, Span::all(Table::Grant.prefix()))
}

pub fn create_grant(txn: &mut Txn<'_>, grant: Grant) -> Stored<Versioned<Grant>> {
    let key = Table::Grant.key(grant.id.as_str());
    if txn.get(&key)?.is_some() {
        return Err(grant_name(&grant.id).exists().into());
    }
    if !grant.role.is_shipped() && txn.get(&Table::Role.key(grant.role.as_str()))?.is_none() {
        return Err(role_name(&grant.role).unknown().into());
    }
    if let Subject::Token(id) = &grant.subject
        && txn.get(&Table::AdminToken.key(id.as_str()))?.is_none()
    {
        return Err(Name { kind: "token", id: id.as_str() }.unknown().into());
    }
    if let Scope::Sites(named) = &grant.scope {
        for site in named {
            sites::require(txn, site)?;
        }
    }
    Ok(txn.put_record(&key, grant)?)
}

pub fn remove_grant(txn: &mut Txn<'_>, id: &GrantId, expected: Expected, now: Timestamp) -> Stored<()> {
    let key = Table::Grant.key(id.as_str());
    let grant = grant_name(id).require::<Grant>(txn, &key, expected)?.value;
    // One whose token is over gave nobody anything any more.
    let counted = is_super_admin(&grant) && lives(txn, &grant.subject, now)?;
    txn.delete(&key)?;
    if counted && !super_admin_is_left(txn, now)? {
        return Err(Conflict::LastSuperAdmin(id.clone()).into());
    }
    Ok(())
}

/// A grant that names a site, if one does.
pub fn naming_site(rows: &dyn Rows, site: &SiteId) -> Result<Option<GrantId>, StoreFault> {
    let names = |grant: &Grant| matches!(&grant.scope, Scope::Sites(sites) if sites.contains(site));
    Ok(grants(rows)?.into_iter().map(|grant| grant.value).find(names).map(|grant| grant.id))
}

fn is_super_admin(grant: &Grant) -> bool {
    grant.role.as_str() == SUPER_ADMIN && grant.scope == Scope::Account
}

/// Whether somebody holds super_admin for the whole account who can still show it.
fn super_admin_is_left(rows: &dyn Rows, now: Timestamp) -> Result<bool, StoreFault> {
    for grant in grants(rows)?.iter().filter(|grant| is_super_admin(&grant.value)) {
        if lives(rows, &grant.value.subject, now)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Tokens end; users of the machine are there for all we know.
fn lives(rows: &dyn Rows, subject: &Subject, now: Timestamp) -> Result<bool, StoreFault> {
    let Subject::Token(id) = subject else { return Ok(true) };
    Ok(account::admin_tokens(rows)?.iter().any(|token| token.id == *id && now < token.expires))
}

fn role_name(id: &RoleId) -> Name<'_> {
    Name { kind: "role", id: id.as_str() }
}

fn grant_name(id: &GrantId) -> Name<'_> {
    Name { kind: "grant", id: id.as_str() }
}
