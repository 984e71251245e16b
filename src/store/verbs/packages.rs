//! The catalogue of packages, and the seats that are taken: counted in the same transaction that gives or takes one.

use std::collections::BTreeSet;

use super::Name;
use super::belongings::{self, users_of};
use crate::inventory::device::Owner;
use crate::inventory::package::{Entitlements, Licence, Package, PackageId, PackageKind};
use crate::inventory::site::Site;
use crate::store::rows::Table;
use crate::store::txn::{Rows, Span, Txn, read, record};
use crate::store::{Conflict, Expected, StoreFault, Stored, Versioned};

pub fn create(txn: &mut Txn<'_>, package: Package) -> Stored<Versioned<Package>> {
    let key = key(&package.id);
    if txn.get(&key)?.is_some() {
        return Err(name(&package.id).exists().into());
    }
    check(txn, &package)?;
    for part in &package.includes {
        txn.put(&use_by_bundle(part, &package.id), &())?;
    }
    Ok(txn.put_record(&key, package)?)
}

pub fn replace(txn: &mut Txn<'_>, package: Package, expected: Expected) -> Stored<Versioned<Package>> {
    let key = key(&package.id);
    let before = name(&package.id).require::<Package>(txn, &key, expected)?.value;
    check(txn, &package)?;
    if package.kind == PackageKind::Bundle
        && let Some(bundle) = bundles_with(txn, &package.id)?.first()
    {
        return Err(name(&package.id).in_use(format!("the bundle {bundle}")).into());
    }
    check_seats(&package, taken(txn, &package.id)?)?;
    for part in before.includes.difference(&package.includes) {
        txn.delete(&use_by_bundle(part, &package.id))?;
    }
    for part in package.includes.difference(&before.includes) {
        txn.put(&use_by_bundle(part, &package.id), &())?;
    }
    let gives_less = package.did_limit < before.did_limit
        || package.kind != before.kind
        || package.includes != before.includes
        || package.regions != before.regions;
    let id = package.id.clone();
    let written = txn.put_record(&key, package)?;
    if gives_less {
        for owner in holders(txn, &id)? {
            belongings::check_holder(txn, &owner)?;
        }
    }
    Ok(written)
}

pub fn remove(txn: &mut Txn<'_>, id: &PackageId, expected: Expected) -> Stored<()> {
    let key = key(id);
    let package = name(id).require::<Package>(txn, &key, expected)?.value;
    if let Some(bundle) = bundles_with(txn, id)?.first() {
        return Err(name(id).in_use(format!("the bundle {bundle}")).into());
    }
    if let Some(owner) = users_of(txn, &key)?.first() {
        return Err(name(id).in_use(owner.to_string()).into());
    }
    for part in &package.includes {
        txn.delete(&use_by_bundle(part, id))?;
    }
    Ok(txn.delete(&key)?)
}

/// How many seats of a package are taken.
pub fn taken(rows: &dyn Rows, id: &PackageId) -> Result<u32, StoreFault> {
    Ok(read(rows, &Table::Seats.key(id.as_str()))?.unwrap_or_default())
}

/// Takes a seat of the package.
pub fn take_seat(txn: &mut Txn<'_>, id: &PackageId) -> Stored<()> {
    let package = require(txn, id)?;
    let taken = taken(txn, id)?.saturating_add(1);
    check_seats(&package, taken)?;
    Ok(txn.put(&Table::Seats.key(id.as_str()), &taken)?)
}

/// Gives a seat of the package back.
pub fn leave_seat(txn: &mut Txn<'_>, id: &PackageId) -> Result<(), StoreFault> {
    let key = Table::Seats.key(id.as_str());
    match taken(txn, id)?.saturating_sub(1) {
        0 => txn.delete(&key),
        left => txn.put(&key, &left),
    }
}

/// What the packages entitle to.
pub fn entitlements(rows: &dyn Rows, has_extension: bool, packages: &BTreeSet<PackageId>) -> Stored<Entitlements> {
    let mut found = Vec::new();
    for id in packages {
        let package = require(rows, id)?;
        let parts = package.includes.iter().map(|part| require(rows, part)).collect::<Stored<Vec<_>>>()?;
        found.push((package, parts));
    }
    Ok(Entitlements::of(has_extension, found.iter().map(|(package, parts)| (package, parts.iter().collect()))))
}

/// Whether one of the packages is a plan.
pub fn have_plan(rows: &dyn Rows, packages: &BTreeSet<PackageId>) -> Stored<bool> {
    Ok(entitlements(rows, true, packages)?.state == Licence::Licensed)
}

/// Refuses a package that cannot be given at this site.
pub fn check_region(rows: &dyn Rows, id: &PackageId, site: &Site) -> Stored<()> {
    let package = require(rows, id)?;
    let fits = package.regions.is_empty() || site.country.is_some_and(|country| package.regions.contains(&country));
    if fits {
        return Ok(());
    }
    let regions = package.regions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Err(Conflict::PackageElsewhere { package: package.id, site: site.id.clone(), regions }.into())
}

/// Whether one who gets the package waits for an administrator.
pub fn waits(rows: &dyn Rows, id: &PackageId) -> Stored<bool> {
    Ok(!require(rows, id)?.auto_provision)
}

/// The key of a package's record.
pub fn key(id: &PackageId) -> String {
    Table::Package.key(id.as_str())
}

fn require(rows: &dyn Rows, id: &PackageId) -> Stored<Package> {
    let found: Option<Versioned<Package>> = record(rows, &key(id))?;
    Ok(found.ok_or_else(|| name(id).unknown())?.value)
}

fn check(rows: &dyn Rows, package: &Package) -> Stored<()> {
    let mut kinds = std::collections::BTreeMap::new();
    for part in &package.includes {
        if *part != package.id {
            kinds.insert(part.clone(), require(rows, part)?.kind);
        }
    }
    Ok(package.check(|id| kinds.get(id).copied()).map_err(Conflict::Package)?)
}

fn check_seats(package: &Package, taken: u32) -> Result<(), Conflict> {
    match package.seats {
        Some(seats) if taken > seats => Err(Conflict::NoSeat { package: package.id.clone(), seats, taken }),
        _ => Ok(()),
    }
}

/// Everybody who has the package, also by way of a bundle.
fn holders(rows: &dyn Rows, id: &PackageId) -> Result<BTreeSet<Owner>, StoreFault> {
    let mut holders: BTreeSet<Owner> = users_of(rows, &key(id))?.into_iter().collect();
    for bundle in bundles_with(rows, id)? {
        holders.extend(users_of(rows, &Table::Package.key(&bundle))?);
    }
    Ok(holders)
}

fn use_by_bundle(part: &PackageId, bundle: &PackageId) -> String {
    belongings::use_by(&key(part), &key(bundle))
}

/// The names of the bundles that include the package.
fn bundles_with(rows: &dyn Rows, id: &PackageId) -> Result<Vec<String>, StoreFault> {
    let prefix = belongings::use_by(&key(id), Table::Package.prefix());
    let rows = rows.scan(Span::all(&prefix))?;
    Ok(rows.iter().filter_map(|row| row.key.strip_prefix(&prefix)).map(str::to_owned).collect())
}

fn name(id: &PackageId) -> Name<'_> {
    Name { kind: "package", id: id.as_str() }
}
