//! Telephone numbers: the inventory lists them, and each is at most one owner's.

use super::{Name, sites};
use crate::inventory::device::Owner;
use crate::inventory::number::{Number, NumberStatus, PhoneNumber};
use crate::store::rows::Table;
use crate::store::txn::{Rows, Txn, read, record};
use crate::store::{Conflict, Expected, StoreFault, Stored, Versioned};

pub fn create(txn: &mut Txn<'_>, number: Number) -> Stored<Versioned<Number>> {
    let key = key(&number.number);
    if txn.get(&key)?.is_some() {
        return Err(name(&number.number).exists().into());
    }
    sites::require(txn, &number.site)?;
    txn.put(&sites::use_by(&number.site, &key), &())?;
    Ok(txn.put_record(&key, number)?)
}

pub fn replace(txn: &mut Txn<'_>, number: Number, expected: Expected) -> Stored<Versioned<Number>> {
    let key = key(&number.number);
    let before = name(&number.number).require::<Number>(txn, &key, expected)?.value;
    sites::require(txn, &number.site)?;
    if number.status != NumberStatus::Active {
        refuse_in_use(txn, &number.number)?;
    }
    if before.site != number.site {
        txn.delete(&sites::use_by(&before.site, &key))?;
        txn.put(&sites::use_by(&number.site, &key), &())?;
    }
    Ok(txn.put_record(&key, number)?)
}

pub fn remove(txn: &mut Txn<'_>, number: &PhoneNumber, expected: Expected) -> Stored<()> {
    let key = key(number);
    let before = name(number).require::<Number>(txn, &key, expected)?.value;
    refuse_in_use(txn, number)?;
    txn.delete(&sites::use_by(&before.site, &key))?;
    Ok(txn.delete(&key)?)
}

/// Whose number it is.
pub fn owner(rows: &dyn Rows, number: &PhoneNumber) -> Result<Option<Owner>, StoreFault> {
    read(rows, &Table::NumberOwner.key(number.as_str()))
}

/// Makes the number this owner's.
pub fn give(txn: &mut Txn<'_>, number: &PhoneNumber, to: &Owner) -> Stored<()> {
    let listed: Option<Versioned<Number>> = record(txn, &key(number))?;
    let listed = listed.ok_or_else(|| Conflict::NumberNotListed(number.clone()))?.value;
    if listed.status != NumberStatus::Active {
        return Err(Conflict::NumberPending(number.clone()).into());
    }
    if let Some(owner) = owner(txn, number)?.filter(|owner| owner != to) {
        return Err(Conflict::NumberTaken { number: number.clone(), owner }.into());
    }
    if matches!(to, Owner::User(_))
        && let Some(other) = shown_by(txn, number)?.into_iter().find(|other| other != to)
    {
        return Err(name(number).in_use(shows(&other)).into());
    }
    Ok(txn.put(&Table::NumberOwner.key(number.as_str()), to)?)
}

/// Makes the number nobody's.
pub fn take_back(txn: &mut Txn<'_>, number: &PhoneNumber) -> Result<(), StoreFault> {
    txn.delete(&Table::NumberOwner.key(number.as_str()))
}

/// Refuses a number that this owner may not show to the called: one that is not listed, or another person's.
pub fn check_shown(rows: &dyn Rows, number: &PhoneNumber, by: &Owner) -> Stored<()> {
    if rows.get(&key(number))?.is_none() {
        return Err(Conflict::NumberNotListed(number.clone()).into());
    }
    match owner(rows, number)? {
        Some(other @ Owner::User(_)) if other != *by => {
            Err(Conflict::CallerIdTaken { number: number.clone(), owner: other }.into())
        }
        _ => Ok(()),
    }
}

/// The key of a number's record.
pub fn key(number: &PhoneNumber) -> String {
    Table::Number.key(number.as_str())
}

fn refuse_in_use(rows: &dyn Rows, number: &PhoneNumber) -> Stored<()> {
    if let Some(owner) = owner(rows, number)? {
        return Err(name(number).in_use(owner.to_string()).into());
    }
    match shown_by(rows, number)?.first() {
        Some(other) => Err(name(number).in_use(shows(other)).into()),
        None => Ok(()),
    }
}

/// Those who show the number to the called and do not have it.
fn shown_by(rows: &dyn Rows, number: &PhoneNumber) -> Result<Vec<Owner>, StoreFault> {
    super::belongings::users_of(rows, &key(number))
}

fn shows(owner: &Owner) -> String {
    format!("{owner} as outbound caller id")
}

fn name(number: &PhoneNumber) -> Name<'_> {
    Name { kind: "number", id: number.as_str() }
}
