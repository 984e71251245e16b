//! Many records in one change: first everything lets go of what it gives up, then everything takes what it shall have.
//! So the order of the records never matters, and each single rule is the one that holds for single changes.

use std::collections::BTreeMap;

use super::{Name, devices, numbers, people, sites};
use crate::inventory::access::Access;
use crate::inventory::common_area::CommonArea;
use crate::inventory::device::{Device, Owner};
use crate::inventory::extension::Extension;
use crate::inventory::plan::{AccessChange, Entry};
use crate::inventory::user::User;
use crate::store::change_set::{ChangeSet, Deed, Made, NewSecrets, Refusal, Step};
use crate::store::rows::{Table, owner_key};
use crate::store::txn::{Rows, Txn, read, record};
use crate::store::{Actor, Conflict, Expected, StoreError, StoreFault, Stored, Versioned};

/// A change set on its way into the rows.
struct Making<'a, 't> {
    txn: &'a mut Txn<'t>,
    set: &'a ChangeSet,
    by: &'a Actor,
    /// What was there before, by step.
    before: Vec<Option<Entry>>,
    made: Made,
    refused: BTreeMap<usize, Refusal>,
}

/// Writes them all, or refuses with everything that stands in the way.
pub fn make(txn: &mut Txn<'_>, set: &ChangeSet, by: &Actor) -> Stored<Made> {
    let many = set.steps.len();
    let made = Made { entries: vec![None; many], access: Vec::new() };
    let mut making = Making { txn, set, by, before: vec![None; many], made, refused: BTreeMap::new() };
    making.each(Making::let_go)?;
    making.each(Making::number)?;
    // Who asks for a certain extension comes before who takes the next free one.
    making.each(|making, index, step| making.owner(index, step, true))?;
    making.each(|making, index, step| making.owner(index, step, false))?;
    making.each(Making::device)?;
    making.each(Making::take_back_device)?;
    making.each(Making::take_back_owner)?;
    making.each(Making::take_back_number)?;
    making.windows_back()?;
    if making.refused.is_empty() {
        return Ok(making.made);
    }
    Err(Conflict::Together(making.refused.into_values().collect()).into())
}

impl<'a, 't> Making<'a, 't> {
    /// Takes every step that was not refused yet a bit further.
    fn each(&mut self, further: impl Fn(&mut Making<'a, 't>, usize, &'a Step) -> Stored<()>) -> Stored<()> {
        let set = self.set;
        for (index, step) in set.steps.iter().enumerate() {
            if self.refused.contains_key(&index) {
                continue;
            }
            match further(self, index, step) {
                Ok(()) => {}
                Err(StoreError::Conflict(why)) => {
                    let (kind, id) = (step.entry.kind(), step.entry.id());
                    self.refused.insert(index, Refusal { step: index, kind, id, why: Box::new(why) });
                }
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    /// What is there is as expected, and gives up what it shall not have any more.
    fn let_go(&mut self, index: usize, step: &Step) -> Stored<()> {
        let before = match (&step.entry, expected(&step.deed)) {
            (Entry::Device(device), None) => return absent_device(self.txn, device),
            // A number has nothing to let go of; whether it is there, its own step says.
            (Entry::Number(_), _) => return Ok(()),
            (entry, None) => return absent_owner(self.txn, entry),
            (Entry::Device(device), Some(expected)) => {
                let before = devices::require(self.txn, device.mac, expected)?;
                let goes = matches!(step.deed, Deed::TakeBack(_));
                if goes || before.assignment != device.assignment || before.lines != device.lines {
                    devices::let_go(self.txn, &before)?;
                }
                Entry::Device(before)
            }
            (entry, Some(expected)) => {
                let before = present(self.txn, entry, expected)?;
                let stays = !matches!(step.deed, Deed::TakeBack(_));
                match (&before, entry) {
                    (Entry::CommonArea(before), Entry::CommonArea(wish)) => {
                        people::let_go(self.txn, before, stays.then_some(wish))?;
                    }
                    (Entry::User(before), Entry::User(wish)) => {
                        people::let_go(self.txn, before, stays.then_some(wish))?;
                    }
                    _ => {}
                }
                before
            }
        };
        if let Some(place) = self.before.get_mut(index) {
            *place = Some(before);
        }
        Ok(())
    }

    /// People and places; `asking`: those that ask for a certain extension.
    fn owner(&mut self, index: usize, step: &Step, asking: bool) -> Stored<()> {
        if extension(&step.entry).is_some() != asking {
            return Ok(());
        }
        let txn = &mut *self.txn;
        let entry = match (&step.entry, &step.deed) {
            (Entry::User(user), Deed::Add(NewSecrets::Owner(password))) => {
                Entry::User(people::create(txn, user.clone(), password)?.value)
            }
            (Entry::User(user), Deed::Replace(_)) => {
                Entry::User(people::replace(txn, user.clone(), Expected::Any, None)?.value)
            }
            (Entry::CommonArea(area), Deed::Add(NewSecrets::Owner(password))) => {
                Entry::CommonArea(people::create(txn, area.clone(), password)?.value)
            }
            (Entry::CommonArea(area), Deed::Replace(_)) => {
                Entry::CommonArea(people::replace(txn, area.clone(), Expected::Any, None)?.value)
            }
            _ => return Ok(()),
        };
        self.keep(index, entry);
        Ok(())
    }

    fn device(&mut self, index: usize, step: &Step) -> Stored<()> {
        let Entry::Device(device) = &step.entry else { return Ok(()) };
        let rules = self.set.rules_for(&device.maker);
        let kept = match &step.deed {
            Deed::Add(NewSecrets::Device(secrets)) => {
                devices::enrol(self.txn, device.clone(), secrets, &rules, self.by)?
            }
            Deed::Replace(_) => {
                let Some(Some(Entry::Device(before))) = self.before.get(index).cloned() else { return Ok(()) };
                let key = Table::Access.of(device.mac);
                let was: Access = read(self.txn, &key)?.unwrap_or_default();
                let kept = devices::replace_after(self.txn, &before, device.clone(), &rules, self.by)?;
                let is: Access = read(self.txn, &key)?.unwrap_or_default();
                if was != is {
                    self.made.access.push(AccessChange { mac: device.mac, was, is });
                }
                kept
            }
            _ => return Ok(()),
        };
        self.keep(index, Entry::Device(kept.value));
        Ok(())
    }

    fn number(&mut self, index: usize, step: &Step) -> Stored<()> {
        let Entry::Number(number) = &step.entry else { return Ok(()) };
        let kept = match &step.deed {
            Deed::Add(_) => numbers::create(self.txn, number.clone())?,
            Deed::Replace(expected) => numbers::replace(self.txn, number.clone(), *expected)?,
            Deed::TakeBack(_) => return Ok(()),
        };
        self.keep(index, Entry::Number(kept.value));
        Ok(())
    }

    fn take_back_number(&mut self, _: usize, step: &Step) -> Stored<()> {
        match (&step.entry, &step.deed) {
            (Entry::Number(number), Deed::TakeBack(expected)) => numbers::remove(self.txn, &number.number, *expected),
            _ => Ok(()),
        }
    }

    fn take_back_device(&mut self, _: usize, step: &Step) -> Stored<()> {
        let (Entry::Device(device), Deed::TakeBack(_)) = (&step.entry, &step.deed) else { return Ok(()) };
        let given: Access = read(self.txn, &Table::Access.of(device.mac))?.unwrap_or_default();
        if given.bound || given.claim.is_some() {
            let id = device.mac.to_string();
            return Err(Name { kind: "device", id: &id }
                .in_use("the phone, which was given its settings since".into())
                .into());
        }
        devices::remove(self.txn, device.mac, Expected::Any)
    }

    fn take_back_owner(&mut self, _: usize, step: &Step) -> Stored<()> {
        let (Some(owner), Deed::TakeBack(_)) = (step.entry.owner(), &step.deed) else { return Ok(()) };
        if let Some(mac) = devices::devices_of(self.txn, &owner)?.first() {
            return Err(people::name(&owner).in_use(format!("device {mac}")).into());
        }
        match &step.entry {
            Entry::User(_) => people::remove::<User>(self.txn, &owner, Expected::Any, self.by),
            _ => people::remove::<CommonArea>(self.txn, &owner, Expected::Any, self.by),
        }
    }

    /// A window that an earlier change opened by the way is shut again; what the phone did since stays.
    fn windows_back(&mut self) -> Stored<()> {
        for change in &self.set.windows_back {
            let key = Table::Access.of(change.mac);
            if read::<Access>(self.txn, &key)?.as_ref() == Some(&change.is) {
                self.txn.put(&key, &change.was)?;
            }
        }
        Ok(())
    }

    fn keep(&mut self, index: usize, entry: Entry) {
        if let Some(place) = self.made.entries.get_mut(index) {
            *place = Some(entry);
        }
    }
}

/// The revision a record must have; `None`: it must not be there.
fn expected(deed: &Deed) -> Option<Expected> {
    match deed {
        Deed::Add(_) => None,
        Deed::Replace(expected) | Deed::TakeBack(expected) => Some(*expected),
    }
}

fn extension(entry: &Entry) -> Option<&Extension> {
    match entry {
        Entry::CommonArea(area) => area.extension.as_ref(),
        Entry::Device(_) | Entry::Number(_) => None,
        Entry::User(user) => user.extension.as_ref(),
    }
}

fn absent_device(rows: &dyn Rows, device: &Device) -> Stored<()> {
    match record::<Device>(rows, &Table::Device.of(device.mac))? {
        None => Ok(()),
        Some(Versioned { value, .. }) => {
            Err(Conflict::MacTaken { mac: device.mac, site: value.site, owner: value.assignment }.into())
        }
    }
}

fn absent_owner(rows: &dyn Rows, entry: &Entry) -> Stored<()> {
    let Some(owner) = entry.owner() else { return Ok(()) };
    sites::require(rows, entry.site())?;
    match rows.get(&owner_key(&owner))? {
        None => Ok(()),
        Some(_) => Err(people::name(&owner).exists().into()),
    }
}

/// The record that is there, at the expected revision.
fn present(rows: &dyn Rows, entry: &Entry, expected: Expected) -> Stored<Entry> {
    Ok(match entry.owner() {
        Some(owner @ Owner::User(_)) => {
            Entry::User(people::name(&owner).require::<User>(rows, &owner_key(&owner), expected)?.value)
        }
        Some(owner @ Owner::CommonArea(_)) => {
            Entry::CommonArea(people::name(&owner).require::<CommonArea>(rows, &owner_key(&owner), expected)?.value)
        }
        None => entry.clone(),
    })
}

/// Whether records can be written without faults of the store itself: conflicts are an answer, faults are not.
pub fn answered(made: Stored<Made>) -> Result<Result<Made, Vec<Refusal>>, StoreFault> {
    match made {
        Ok(made) => Ok(Ok(made)),
        Err(StoreError::Conflict(Conflict::Together(refused))) => Ok(Err(refused)),
        Err(StoreError::Conflict(other)) => Err(StoreFault::Corrupt(other.to_string())),
        Err(StoreError::Fault(fault)) => Err(fault),
    }
}
