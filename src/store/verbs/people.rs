//! Users and common areas: both have an extension, a SIP password, phones, and what was bought for them.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::belongings::{self, Belongings};
use super::{Name, devices, extensions, packages, sites};
use crate::inventory::common_area::CommonArea;
use crate::inventory::device::Owner;
use crate::inventory::extension::Extension;
use crate::inventory::keys::Key;
use crate::inventory::package::PackageId;
use crate::inventory::secret::Secret;
use crate::inventory::site::{Site, SiteId};
use crate::inventory::user::{Status, User, UserId};
use crate::store::rows::owner_key;
use crate::store::txn::{Rows, Span, Txn, record};
use crate::store::{Actor, Conflict, Counts, Expected, Stored, Versioned, secrets};

/// One who can own phones.
pub trait Party: DeserializeOwned + Serialize {
    /// As phones refer to it.
    fn owner(&self) -> Owner;
    /// Where it belongs.
    fn site(&self) -> &SiteId;
    /// Its extension, or the wish for one.
    fn extension(&mut self) -> &mut Option<Extension>;
    /// Whether it is to have none.
    fn without_extension(&mut self) -> &mut bool;
    /// Whether it may telephone, or the wish to.
    fn status(&mut self) -> &mut Option<Status>;
    /// The keys of its phones.
    fn keys(&mut self) -> &mut Vec<Key>;
    /// What it has.
    fn belongings(&self) -> Belongings;
    /// Leaves it nothing that somebody else could have.
    fn let_go(&mut self);
    /// The number of its kind.
    fn number(counts: &mut Counts) -> &mut u64;
}

macro_rules! party {
    ($kind:ident, $owner:path, $counts:ident) => {
        impl Party for $kind {
            fn owner(&self) -> Owner {
                $owner(self.id.clone())
            }

            fn site(&self) -> &SiteId {
                &self.site
            }

            fn extension(&mut self) -> &mut Option<Extension> {
                &mut self.extension
            }

            fn without_extension(&mut self) -> &mut bool {
                &mut self.without_extension
            }

            fn status(&mut self) -> &mut Option<Status> {
                &mut self.status
            }

            fn keys(&mut self) -> &mut Vec<Key> {
                &mut self.keys
            }

            fn belongings(&self) -> Belongings {
                Belongings {
                    has_extension: self.extension.is_some(),
                    numbers: self.numbers.clone(),
                    caller_id: self.outbound_caller_id.clone(),
                    packages: self.packages.clone(),
                    is_seated: self.status != Some(Status::Inactive),
                    template: self.settings_template.clone(),
                    watched: self.keys.iter().filter_map(|key| key.owner.clone()).collect(),
                }
            }

            fn let_go(&mut self) {
                self.extension = None;
                self.numbers.clear();
                self.outbound_caller_id = None;
                self.packages.clear();
                self.settings_template = None;
            }

            fn number(counts: &mut Counts) -> &mut u64 {
                &mut counts.$counts
            }
        }
    };
}

party!(User, Owner::User, users);
party!(CommonArea, Owner::CommonArea, common_areas);

pub fn create<P: Party>(txn: &mut Txn<'_>, mut party: P, sip_password: &Secret) -> Stored<Versioned<P>> {
    let owner = party.owner();
    let key = owner_key(&owner);
    if txn.get(&key)?.is_some() {
        return Err(name(&owner).exists().into());
    }
    let site = sites::require(txn, party.site())?;
    settle_extension(txn, &mut party, &site, None)?;
    if party.status().is_none() {
        *party.status() = Some(first_status(txn, &party.belongings().packages)?);
    }
    belongings::settle(txn, &owner, (None, &Belongings::default()), (&site, &party.belongings()))?;
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
    let from = sites::require(txn, before.site())?;
    let had = before.belongings();
    let present = before.extension().take();
    settle_extension(txn, &mut party, &site, present.map(|present| (present, &from)))?;
    let status = before.status().unwrap_or(Status::Active);
    let wished = party.status().unwrap_or(status);
    // One who comes to an extension by a package is as new as one who is added with it.
    let has = party.belongings();
    let begins = !had.has_extension && has.has_extension && wished == status && status == Status::Active;
    let new: BTreeSet<_> = has.packages.difference(&had.packages).cloned().collect();
    *party.status() = Some(if begins { first_status(txn, &new)? } else { wished });
    belongings::settle(txn, &owner, (Some(&from), &had), (&site, &party.belongings()))?;
    if let Some(sip_password) = sip_password {
        secrets::put(txn, &secrets::of_owner(&owner), sip_password)?;
    }
    if from.id != site.id {
        txn.delete(&sites::use_by_owner(&from.id, &owner))?;
        txn.put(&sites::use_by_owner(&site.id, &owner), &())?;
    }
    Ok(txn.put_record(&key, party)?)
}

/// Somebody who gives up, until replaced or removed within the same change, all that somebody else could have; unless
/// `wish`, if there is one, has the same of it anyhow.
pub fn let_go<P: Party + Clone>(txn: &mut Txn<'_>, before: &P, wish: Option<&P>) -> Stored<()> {
    let same = |wish: &P| {
        let (mut one, mut other) = (before.clone(), wish.clone());
        one.site() == other.site() && one.extension() == other.extension() && one.belongings() == other.belongings()
    };
    if wish.is_some_and(same) {
        return Ok(());
    }
    let owner = before.owner();
    let site = sites::require(txn, before.site())?;
    // Who asks for no certain extension keeps the present one, or says why not, when it is decided.
    let stays = wish.is_some_and(|wish| wish.clone().extension().is_none());
    let present = before.clone().extension().take();
    let mut bare = before.clone();
    bare.let_go();
    *bare.extension() = present.clone().filter(|_| stays);
    belongings::settle(txn, &owner, (Some(&site), &before.belongings()), (&site, &bare.belongings()))?;
    if let Some(extension) = present.filter(|_| !stays) {
        extensions::release(txn, &extension, &site)?;
    }
    txn.put_record(&owner_key(&owner), bare)?;
    Ok(())
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
    belongings::take_all(txn, owner, &party.belongings())?;
    for watcher in belongings::users_of(txn, &key)? {
        point_keys(txn, &watcher, owner, None)?;
    }
    let site = sites::require(txn, party.site())?;
    if let Some(extension) = party.extension().take() {
        extensions::release(txn, &extension, &site)?;
    }
    txn.delete(&secrets::of_owner(owner))?;
    txn.delete(&sites::use_by_owner(party.site(), owner))?;
    txn.count(|counts| *P::number(counts) = P::number(counts).saturating_sub(1))?;
    Ok(txn.delete(&key)?)
}

/// Gives a user another address; phones, lines, extension, password and all else come along.
pub fn rename(txn: &mut Txn<'_>, from: &UserId, to: UserId, expected: Expected, by: &Actor) -> Stored<Versioned<User>> {
    let (old, new) = (Owner::User(from.clone()), Owner::User(to.clone()));
    let found = name(&old).require::<User>(txn, &owner_key(&old), expected)?;
    if *from == to {
        return Ok(found);
    }
    if txn.get(&owner_key(&new))?.is_some() {
        return Err(name(&new).exists().into());
    }
    let mut user = User { id: to, ..found.value };
    let password = secrets::require(txn, &secrets::of_owner(&old))?;
    secrets::put(txn, &secrets::of_owner(&new), &password)?;
    txn.delete(&secrets::of_owner(&old))?;
    txn.delete(&sites::use_by_owner(&user.site, &old))?;
    txn.put(&sites::use_by_owner(&user.site, &new), &())?;
    if let Some(extension) = &user.extension {
        let site = sites::require(txn, &user.site)?;
        extensions::rename(txn, extension, &site, &new)?;
    }
    let had = user.belongings();
    for key in user.keys.iter_mut().filter(|key| key.owner.as_ref() == Some(&old)) {
        key.owner = Some(new.clone());
    }
    belongings::rename(txn, (&old, &had), (&new, &user.belongings()))?;
    txn.delete(&owner_key(&old))?;
    let renamed = txn.put_record(&owner_key(&new), user)?;
    for watcher in belongings::users_of(txn, &owner_key(&old))? {
        point_keys(txn, &watcher, &old, Some(&new))?;
    }
    let mut phones = devices::devices_of(txn, &old)?;
    phones.extend(devices::appearances_of(txn, &old)?);
    for mac in phones.into_iter().collect::<BTreeSet<_>>() {
        devices::rename_owner(txn, mac, &old, &new, by)?;
    }
    Ok(renamed)
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

/// Where an owner is and what it has.
pub fn belongings_of(rows: &dyn Rows, owner: &Owner) -> Stored<Option<(Site, Belongings)>> {
    fn of<P: Party>(rows: &dyn Rows, owner: &Owner) -> Stored<Option<(Site, Belongings)>> {
        let Some(found) = record::<P>(rows, &owner_key(owner))? else { return Ok(None) };
        Ok(Some((sites::require(rows, found.value.site())?, found.value.belongings())))
    }
    match owner {
        Owner::CommonArea(_) => of::<CommonArea>(rows, owner),
        Owner::User(_) => of::<User>(rows, owner),
    }
}

/// The extension of an owner.
pub fn extension_of(rows: &dyn Rows, owner: &Owner) -> Stored<Option<Extension>> {
    Ok(match owner {
        Owner::CommonArea(_) => record::<CommonArea>(rows, &owner_key(owner))?.and_then(|found| found.value.extension),
        Owner::User(_) => record::<User>(rows, &owner_key(owner))?.and_then(|found| found.value.extension),
    })
}

/// How many phones an owner has, counted no further than `most`.
pub fn phones(rows: &dyn Rows, owner: &Owner, most: usize) -> Stored<usize> {
    let owned = devices::owned(owner);
    Ok(rows.scan(Span { limit: most, ..Span::all(&owned) })?.len())
}

/// Gives the extension that is wished, keeps the present one, or finds a free one; none where none is to be, unless a plan
/// comes with one.
fn settle_extension<P: Party>(
    txn: &mut Txn<'_>,
    party: &mut P,
    site: &Site,
    present: Option<(Extension, &Site)>,
) -> Stored<()> {
    let owner = party.owner();
    let named = party.extension().take();
    let kept = present.as_ref().map(|(present, _)| present.clone());
    let is_new = named.is_some() && named != kept;
    let without = *party.without_extension() && !is_new;
    let planned = without && packages::have_plan(txn, &party.belongings().packages)?;
    if planned && kept.is_some() {
        return Err(Conflict::PlanNeedsExtension(owner).into());
    }
    let wish = if without && !planned { None } else { Some(named.or_else(|| kept.clone())) };
    if let Some((present, from)) = present
        && (from.id != site.id || wish != Some(Some(present.clone())))
    {
        extensions::release(txn, &present, from)?;
    }
    let given = wish.map(|wish| extensions::take(txn, wish, site, &owner)).transpose()?;
    *party.without_extension() = given.is_none();
    *party.extension() = given;
    Ok(())
}

/// A new one waits for an administrator if one of the packages says so.
fn first_status(rows: &dyn Rows, packages: &BTreeSet<PackageId>) -> Stored<Status> {
    for id in packages {
        if packages::waits(rows, id)? {
            return Ok(Status::Pending);
        }
    }
    Ok(Status::Active)
}

/// Keys that point to somebody point to the same one by another name, or are gone with them.
fn point_keys(txn: &mut Txn<'_>, whose: &Owner, from: &Owner, to: Option<&Owner>) -> Stored<()> {
    fn point<P: Party>(txn: &mut Txn<'_>, whose: &Owner, from: &Owner, to: Option<&Owner>) -> Stored<()> {
        let Some(found) = record::<P>(txn, &owner_key(whose))? else { return Ok(()) };
        let mut party = found.value;
        let had = party.belongings();
        match to {
            Some(to) => {
                for key in party.keys().iter_mut().filter(|key| key.owner.as_ref() == Some(from)) {
                    key.owner = Some(to.clone());
                }
            }
            None => party.keys().retain(|key| key.owner.as_ref() != Some(from)),
        }
        belongings::repoint(txn, whose, &had, &party.belongings())?;
        txn.put_record(&owner_key(whose), party)?;
        Ok(())
    }
    match whose {
        Owner::CommonArea(_) => point::<CommonArea>(txn, whose, from, to),
        Owner::User(_) => point::<User>(txn, whose, from, to),
    }
}

/// What an owner is called when it is refused.
pub fn name(owner: &Owner) -> Name<'_> {
    match owner {
        Owner::CommonArea(id) => Name { kind: "common area", id: id.as_str() },
        Owner::User(id) => Name { kind: "user", id: id.as_str() },
    }
}
