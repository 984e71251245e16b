//! Users and common areas: both have one extension of the same number space, a SIP password and phones.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Name, devices, extensions, sites};
use crate::inventory::common_area::CommonArea;
use crate::inventory::device::Owner;
use crate::inventory::extension::Extension;
use crate::inventory::secret::Secret;
use crate::inventory::site::SiteId;
use crate::inventory::user::{User, UserId};
use crate::store::rows::{Table, owner_key};
use crate::store::txn::{Rows, Span, Txn};
use crate::store::{Actor, Counts, Expected, Stored, Versioned, secrets};

/// One who can own phones.
pub trait Party: DeserializeOwned + Serialize {
    /// As phones refer to it.
    fn owner(&self) -> Owner;
    /// Where it belongs.
    fn site(&self) -> &SiteId;
    /// Its extension, or the wish for one.
    fn extension(&mut self) -> &mut Option<Extension>;
    /// The number of its kind.
    fn number(counts: &mut Counts) -> &mut u64;
}

impl Party for User {
    fn owner(&self) -> Owner {
        Owner::User(self.id.clone())
    }

    fn site(&self) -> &SiteId {
        &self.site
    }

    fn extension(&mut self) -> &mut Option<Extension> {
        &mut self.extension
    }

    fn number(counts: &mut Counts) -> &mut u64 {
        &mut counts.users
    }
}

impl Party for CommonArea {
    fn owner(&self) -> Owner {
        Owner::CommonArea(self.id.clone())
    }

    fn site(&self) -> &SiteId {
        &self.site
    }

    fn extension(&mut self) -> &mut Option<Extension> {
        &mut self.extension
    }

    fn number(counts: &mut Counts) -> &mut u64 {
        &mut counts.common_areas
    }
}

pub fn create<P: Party>(txn: &mut Txn<'_>, mut party: P, sip_password: &Secret) -> Stored<Versioned<P>> {
    let owner = party.owner();
    let key = owner_key(&owner);
    if txn.get(&key)?.is_some() {
        return Err(name(&owner).exists().into());
    }
    let site = sites::require(txn, party.site())?;
    let extension = extensions::take(txn, party.extension().take(), &site, &owner)?;
    *party.extension() = Some(extension);
    secrets::put(txn, &secrets::of_owner(&owner), sip_password)?;
    txn.put(&sites::use_by_owner(&site.id, &owner), &())?;
    txn.count(|counts| *P::number(counts) += 1)?;
    Ok(txn.put_record(&key, party)?)
}

pub fn replace<P: Party>(
    txn: &mut Txn<'_>,
    mut party: P,
    expected: Expected,
    sip_password: Option<&Secret>,
) -> Stored<Versioned<P>> {
    let owner = party.owner();
    let key = owner_key(&owner);
    let mut before = name(&owner).require::<P>(txn, &key, expected)?.value;
    let site = sites::require(txn, party.site())?;
    let present = before.extension().take();
    let wish = party.extension().take().or_else(|| present.clone());
    let extension = extensions::take(txn, wish, &site, &owner)?;
    if let Some(present) = present.filter(|present| *present != extension) {
        extensions::release(txn, &present, &owner)?;
    }
    *party.extension() = Some(extension);
    if let Some(sip_password) = sip_password {
        secrets::put(txn, &secrets::of_owner(&owner), sip_password)?;
    }
    if before.site() != party.site() {
        txn.delete(&sites::use_by_owner(before.site(), &owner))?;
        txn.put(&sites::use_by_owner(party.site(), &owner), &())?;
    }
    Ok(txn.put_record(&key, party)?)
}

pub fn remove<P: Party>(txn: &mut Txn<'_>, owner: &Owner, expected: Expected, by: &Actor) -> Stored<()> {
    let key = owner_key(owner);
    let mut party = name(owner).require::<P>(txn, &key, expected)?.value;
    if let Some(mac) = devices::appearances_of(txn, owner)?.first() {
        return Err(name(owner).in_use(format!("a line of device {mac}")).into());
    }
    for mac in devices::devices_of(txn, owner)? {
        devices::assign(txn, mac, None, Expected::Any, 0, by)?;
    }
    if let Some(extension) = party.extension().take() {
        extensions::release(txn, &extension, owner)?;
    }
    txn.delete(&secrets::of_owner(owner))?;
    txn.delete(&sites::use_by_owner(party.site(), owner))?;
    txn.count(|counts| *P::number(counts) = P::number(counts).saturating_sub(1))?;
    Ok(txn.delete(&key)?)
}

/// Gives a user another address; phones, lines, extension and password come along.
pub fn rename(txn: &mut Txn<'_>, from: &UserId, to: UserId, expected: Expected, by: &Actor) -> Stored<Versioned<User>> {
    let (old, new) = (Owner::User(from.clone()), Owner::User(to.clone()));
    let found = name(&old).require::<User>(txn, &owner_key(&old), expected)?;
    if *from == to {
        return Ok(found);
    }
    if txn.get(&owner_key(&new))?.is_some() {
        return Err(name(&new).exists().into());
    }
    let user = User { id: to, ..found.value };
    let password = secrets::require(txn, &secrets::of_owner(&old))?;
    secrets::put(txn, &secrets::of_owner(&new), &password)?;
    txn.delete(&secrets::of_owner(&old))?;
    txn.delete(&sites::use_by_owner(&user.site, &old))?;
    txn.put(&sites::use_by_owner(&user.site, &new), &())?;
    if let Some(extension) = &user.extension {
        txn.put(&Table::Extension.key(extension.as_str()), &new)?;
    }
    let mut phones = devices::devices_of(txn, &old)?;
    phones.extend(devices::appearances_of(txn, &old)?);
    for mac in phones.into_iter().collect::<BTreeSet<_>>() {
        devices::rename_owner(txn, mac, &old, &new, by)?;
    }
    txn.delete(&owner_key(&old))?;
    Ok(txn.put_record(&owner_key(&new), user)?)
}

pub fn set_sip_password(txn: &mut Txn<'_>, owner: &Owner, password: &Secret) -> Stored<()> {
    require(txn, owner)?;
    Ok(secrets::put(txn, &secrets::of_owner(owner), password)?)
}

/// Refuses an owner that is not there.
pub fn require(rows: &dyn Rows, owner: &Owner) -> Stored<()> {
    match rows.get(&owner_key(owner))? {
        Some(_) => Ok(()),
        None => Err(name(owner).unknown().into()),
    }
}

/// How many phones an owner has, counted no further than `most`.
pub fn phones(rows: &dyn Rows, owner: &Owner, most: usize) -> Stored<usize> {
    let owned = devices::owned(owner);
    Ok(rows.scan(Span { limit: most, ..Span::all(&owned) })?.len())
}

/// What an owner is called when it is refused.
pub fn name(owner: &Owner) -> Name<'_> {
    match owner {
        Owner::CommonArea(id) => Name { kind: "common area", id: id.as_str() },
        Owner::User(id) => Name { kind: "user", id: id.as_str() },
    }
}
