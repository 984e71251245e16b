//! What may somebody have? Numbers, packages and a settings template, decided together with the extension and written in
//! one transaction with the indexes that keep each number with one owner and each record that is used in its place.

use std::collections::BTreeSet;

use super::{numbers, packages, people, settings_templates};
use crate::inventory::device::Owner;
use crate::inventory::number::PhoneNumber;
use crate::inventory::package::{Licence, PackageId};
use crate::inventory::settings_template::SettingsTemplateId;
use crate::inventory::site::Site;
use crate::store::rows::{Table, owner_key, owner_of};
use crate::store::txn::{Rows, Span, Txn};
use crate::store::{Conflict, StoreFault, Stored};

/// What somebody has or wishes to have.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Belongings {
    /// Whether there is an extension.
    pub has_extension: bool,
    /// Telephone numbers.
    pub numbers: Vec<PhoneNumber>,
    /// The number the called see.
    pub caller_id: Option<PhoneNumber>,
    /// What was bought.
    pub packages: BTreeSet<PackageId>,
    /// Whether the packages take seats.
    pub is_seated: bool,
    /// Settings shared with others.
    pub template: Option<SettingsTemplateId>,
    /// Those whose keys are on the phones.
    pub watched: BTreeSet<Owner>,
}

/// Makes what somebody had what is wished, or refuses it.
pub fn settle(
    txn: &mut Txn<'_>,
    owner: &Owner,
    (from, before): (Option<&Site>, &Belongings),
    (site, after): (&Site, &Belongings),
) -> Stored<()> {
    let moved = from.is_none_or(|from| from.id != site.id);
    settle_packages(txn, before, after)?;
    for id in after.packages.iter().filter(|id| moved || !before.packages.contains(*id)) {
        packages::check_region(txn, id, site)?;
    }
    if let Some(template) = &after.template {
        settings_templates::check(txn, template, &site.id)?;
    }
    settle_numbers(txn, owner, before, after)?;
    check_numbers(txn, owner, after)?;
    for watched in &after.watched {
        people::require(txn, watched)?;
    }
    settle_uses(txn, &uses(owner, before), &uses(owner, after))
}

/// Takes everything away from one who goes.
pub fn take_all(txn: &mut Txn<'_>, owner: &Owner, before: &Belongings) -> Stored<()> {
    let nothing = Belongings::default();
    settle_packages(txn, before, &nothing)?;
    settle_numbers(txn, owner, before, &nothing)?;
    settle_uses(txn, &uses(owner, before), &BTreeSet::new())
}

/// What somebody has belongs to the same one by another name.
pub fn rename(txn: &mut Txn<'_>, (from, had): (&Owner, &Belongings), (to, has): (&Owner, &Belongings)) -> Stored<()> {
    for number in &has.numbers {
        txn.put(&Table::NumberOwner.key(number.as_str()), to)?;
    }
    settle_uses(txn, &uses(from, had), &uses(to, has))
}

/// The keys on somebody's phones point elsewhere.
pub fn repoint(txn: &mut Txn<'_>, owner: &Owner, had: &Belongings, has: &Belongings) -> Stored<()> {
    settle_uses(txn, &uses(owner, had), &uses(owner, has))
}

/// Refuses what one who has a package may no longer have.
pub fn check_holder(txn: &Txn<'_>, owner: &Owner) -> Stored<()> {
    let Some((site, has)) = people::belongings_of(txn, owner)? else { return Ok(()) };
    for id in &has.packages {
        packages::check_region(txn, id, &site)?;
    }
    check_numbers(txn, owner, &has)
}

/// The key that says that somebody uses a record: a package, a settings template, a number that is not their own, or
/// one whose key is on their phones.
pub fn use_by(used: &str, by: &str) -> String {
    format!("{}/{by}", Table::Use.key(used))
}

/// Those who use a record.
pub fn users_of(rows: &dyn Rows, used: &str) -> Result<Vec<Owner>, StoreFault> {
    let prefix = use_by(used, "");
    let rows = rows.scan(Span::all(&prefix))?;
    Ok(rows.iter().filter_map(|row| row.key.strip_prefix(&prefix)).filter_map(owner_of).collect())
}

/// Seats that are given up are free for who comes.
fn settle_packages(txn: &mut Txn<'_>, before: &Belongings, after: &Belongings) -> Stored<()> {
    let none = BTreeSet::new();
    let seats = |has: &Belongings| if has.is_seated { has.packages.clone() } else { none.clone() };
    let (old, new) = (seats(before), seats(after));
    for id in old.difference(&new) {
        packages::leave_seat(txn, id)?;
    }
    for id in new.difference(&old) {
        packages::take_seat(txn, id)?;
    }
    Ok(())
}

fn settle_numbers(txn: &mut Txn<'_>, owner: &Owner, before: &Belongings, after: &Belongings) -> Stored<()> {
    let old: BTreeSet<&PhoneNumber> = before.numbers.iter().collect();
    let mut new = BTreeSet::new();
    for number in &after.numbers {
        if !new.insert(number) {
            return Err(Conflict::NumberTwice(number.clone()).into());
        }
    }
    for number in old.difference(&new) {
        numbers::take_back(txn, number)?;
    }
    for number in new.difference(&old) {
        numbers::give(txn, number, owner)?;
    }
    match &after.caller_id {
        Some(number) => numbers::check_shown(txn, number, owner),
        None => Ok(()),
    }
}

/// Numbers come with a plan, and only so many.
fn check_numbers(rows: &dyn Rows, owner: &Owner, has: &Belongings) -> Stored<()> {
    let entitled = packages::entitlements(rows, has.has_extension, &has.packages)?;
    let count = has.numbers.len();
    if count > 0 && entitled.state != Licence::Licensed {
        return Err(Conflict::NumberNeedsPlan { owner: owner.clone(), state: entitled.state }.into());
    }
    let limit = entitled.did_limit;
    if u32::try_from(count).is_ok_and(|count| count <= limit) {
        return Ok(());
    }
    Err(Conflict::NumberLimit { owner: owner.clone(), count, limit }.into())
}

fn uses(owner: &Owner, has: &Belongings) -> BTreeSet<String> {
    let by = owner_key(owner);
    let mut used: Vec<String> = has.packages.iter().map(packages::key).collect();
    used.extend(has.template.iter().map(settings_templates::key));
    used.extend(has.caller_id.iter().filter(|number| !has.numbers.contains(number)).map(numbers::key));
    used.extend(has.watched.iter().filter(|watched| *watched != owner).map(owner_key));
    used.iter().map(|used| use_by(used, &by)).collect()
}

fn settle_uses(txn: &mut Txn<'_>, before: &BTreeSet<String>, after: &BTreeSet<String>) -> Stored<()> {
    for key in before.difference(after) {
        txn.delete(key)?;
    }
    for key in after.difference(before) {
        txn.put(key, &())?;
    }
    Ok(())
}
