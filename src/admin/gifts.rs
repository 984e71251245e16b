//! May the caller give what somebody would get? Numbers and packages come out of a stock that is not everybody's to give
//! from, and keys name others. What somebody has already is not asked about again.

use std::collections::BTreeSet;

use super::ask::{Ask, site_of};
use super::problem::Problem;
use crate::inventory::common_area::CommonArea;
use crate::inventory::device::Owner;
use crate::inventory::keys::Key;
use crate::inventory::number::PhoneNumber;
use crate::inventory::package::PackageId;
use crate::inventory::role::Permission;
use crate::inventory::site::SiteId;
use crate::inventory::user::User;
use crate::store::{Conflict, StoreError};

/// What somebody has of the common stock.
pub struct Gifts<'a> {
    site: &'a SiteId,
    numbers: BTreeSet<&'a PhoneNumber>,
    caller_id: Option<&'a PhoneNumber>,
    packages: &'a BTreeSet<PackageId>,
    keys: &'a [Key],
}

impl<'a> From<&'a User> for Gifts<'a> {
    fn from(user: &'a User) -> Gifts<'a> {
        Gifts {
            site: &user.site,
            numbers: user.numbers.iter().collect(),
            caller_id: user.outbound_caller_id.as_ref(),
            packages: &user.packages,
            keys: &user.keys,
        }
    }
}

impl<'a> From<&'a CommonArea> for Gifts<'a> {
    fn from(area: &'a CommonArea) -> Gifts<'a> {
        Gifts {
            site: &area.site,
            numbers: area.numbers.iter().collect(),
            caller_id: area.outbound_caller_id.as_ref(),
            packages: &area.packages,
            keys: &area.keys,
        }
    }
}

/// Refuses what the caller may not give to, or take from, the one who has `before` and is to have `after`.
pub fn check(ask: &Ask, before: Option<&Gifts<'_>>, after: &Gifts<'_>) -> Result<(), Problem> {
    let none = BTreeSet::new();
    let (numbers, packages) = before.map_or((BTreeSet::new(), &none), |has| (has.numbers.clone(), has.packages));
    if numbers != after.numbers {
        hold(ask, Permission::NumbersAssign, after.site)?;
    }
    if packages != after.packages {
        hold(ask, Permission::PackagesAssign, after.site)?;
    }
    let shown = before.and_then(|has| has.caller_id);
    let new = after.numbers.difference(&numbers).copied();
    for number in new.chain(after.caller_id.filter(|number| shown != Some(*number))) {
        check_number(ask, number)?;
    }
    let named = before.map(|has| has.keys).unwrap_or_default();
    for owner in after.keys.iter().filter_map(|key| key.owner.as_ref()) {
        if !named.iter().any(|key| key.owner.as_ref() == Some(owner)) {
            check_named(ask, owner)?;
        }
    }
    Ok(())
}

/// A number that the caller cannot see is not there for the caller.
fn check_number(ask: &Ask, number: &PhoneNumber) -> Result<(), Problem> {
    let Some(listed) = ask.plane.store.number(number)? else { return Ok(()) };
    let site = &listed.value.site;
    let seen = [Permission::NumbersAssign, Permission::NumbersView];
    if !seen.iter().any(|permission| ask.held.reach(*permission).has(site)) {
        return Err(StoreError::Conflict(Conflict::NumberNotListed(number.clone())).into());
    }
    hold(ask, Permission::NumbersAssign, site)
}

fn check_named(ask: &Ask, owner: &Owner) -> Result<(), Problem> {
    let Some(site) = site_of(&ask.plane, owner)? else { return Ok(()) };
    let (kind, id, view) = match owner {
        Owner::CommonArea(id) => ("common area", id.to_string(), Permission::CommonAreasView),
        Owner::User(id) => ("user", id.to_string(), Permission::UsersView),
    };
    if ask.reach().has(&site) || ask.held.reach(view).has(&site) {
        return Ok(());
    }
    Err(StoreError::Conflict(Conflict::Unknown { kind, id }).into())
}

fn hold(ask: &Ask, permission: Permission, site: &SiteId) -> Result<(), Problem> {
    if ask.held.reach(permission).has(site) {
        return Ok(());
    }
    Err(Problem::forbidden(format!("this needs {permission} at site {site}; who holds roles:assign can grant it")))
}
