//! Whose are the phones in the end? From who shall have which phone, and whose each is now, to each phone's owner and
//! further lines. Looks at the end alone: one row may take the phone that another gives up.

use std::collections::{BTreeMap, BTreeSet};

use super::wish::{Fault, Phones};
use crate::inventory::device::{Appearance, Device, Owner};
use crate::inventory::mac::MacAddr;
use crate::inventory::site::SiteId;

/// Somebody whose phones are wished for.
#[derive(Clone, Debug)]
pub struct Holder {
    /// The origin of the wish.
    pub origin: usize,
    /// Who.
    pub owner: Owner,
    /// Where that one will be.
    pub site: SiteId,
    /// Which phones.
    pub phones: Phones,
}

/// Whose a phone will be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Holding {
    /// The origin of the wish that changes it.
    pub origin: usize,
    /// Its owner.
    pub owner: Option<Owner>,
    /// Its further lines.
    pub lines: Vec<Appearance>,
    /// Where its owner will be, if the owner is one whose phones are wished for.
    pub site: Option<SiteId>,
}

/// Each phone whose owner or lines are spoken of, as it will be. `present`: every phone that is named, or that one of the
/// holders has now.
pub fn settle(
    holders: &[Holder],
    present: &BTreeMap<MacAddr, Device>,
    faults: &mut Vec<Fault>,
) -> BTreeMap<MacAddr, Holding> {
    let of_owner: BTreeMap<&Owner, &Holder> = holders.iter().map(|holder| (&holder.owner, holder)).collect();
    let mut named: BTreeMap<MacAddr, Vec<&Holder>> = BTreeMap::new();
    for holder in holders {
        for mac in holder.phones.named() {
            named.entry(*mac).or_default().push(holder);
        }
    }
    let all: BTreeSet<MacAddr> = named.keys().chain(present.keys()).copied().collect();
    let mut settled = BTreeMap::new();
    for mac in all {
        let namers = named.get(&mac).map(Vec::as_slice).unwrap_or_default();
        let before = present.get(&mac);
        if let Some(holding) = settle_one(mac, namers, before, &of_owner, faults) {
            settled.insert(mac, holding);
        }
    }
    settled
}

/// One phone; `None`: nothing of it changes, or it cannot be.
fn settle_one(
    mac: MacAddr,
    namers: &[&Holder],
    before: Option<&Device>,
    holders: &BTreeMap<&Owner, &Holder>,
    faults: &mut Vec<Fault>,
) -> Option<Holding> {
    let now = before.and_then(|device| device.assignment.as_ref());
    let mut lines = before.map(|device| device.lines.clone()).unwrap_or_default();
    let has_line = |owner: &Owner| before.is_some_and(|device| device.lines.iter().any(|line| line.owner == *owner));
    let names = |owner: &Owner| namers.iter().any(|namer| namer.owner == *owner);
    let gives_up = |owner: &Owner| {
        !names(owner) && holders.get(owner).is_some_and(|holder| matches!(holder.phones, Phones::Exactly(_)))
    };
    let stays = now.filter(|owner| !gives_up(owner));
    let fresh: Vec<&&Holder> =
        namers.iter().filter(|namer| now != Some(&namer.owner) && !has_line(&namer.owner)).collect();
    if let (Some(owner), Some(first)) = (stays.filter(|owner| !names(owner)), fresh.first()) {
        let fault = Fault::new(first.origin, "mac", "mac_taken", taken(mac, owner));
        faults.push(fault.of_phone(mac).telling_of(owner));
        return None;
    }
    // A phone that was nobody's and has lines alone stays so until somebody new names it.
    let ownerless = before.is_some() && now.is_none();
    let next =
        if ownerless { fresh.first().map(|namer| &namer.owner) } else { namers.first().map(|namer| &namer.owner) };
    let owner = stays.or(next).cloned();
    let site = owner.as_ref().and_then(|owner| holders.get(owner)).map(|holder| holder.site.clone());
    for newcomer in fresh.iter().filter(|_| namers.len() > 1) {
        if let Some(other) = namers.iter().find(|namer| namer.site != newcomer.site) {
            let message = format!(
                "{mac} is to be shared with {}, who is at site {}, not {}; a shared phone has one site",
                other.owner, other.site, newcomer.site
            );
            faults.push(Fault::new(newcomer.origin, "mac", "shared_over_sites", message).of_phone(mac));
            return None;
        }
    }
    lines.retain(|line| !gives_up(&line.owner) && owner.as_ref() != Some(&line.owner));
    for namer in namers.iter().filter(|namer| owner.as_ref() != Some(&namer.owner)) {
        if !lines.iter().any(|line| line.owner == namer.owner) {
            let index = (2..=u8::MAX).find(|index| lines.iter().all(|line| line.index != *index)).unwrap_or(u8::MAX);
            lines.push(Appearance { index, owner: namer.owner.clone(), label: Default::default() });
        }
    }
    let unchanged = before.is_some_and(|device| device.assignment == owner && device.lines == lines);
    let loser = now.and_then(|owner| holders.get(owner)).map(|holder| holder.origin);
    let line_loser = before.into_iter().flat_map(|device| &device.lines).find_map(|line| holders.get(&line.owner));
    let origin = fresh.first().map(|namer| namer.origin).or(loser).or(line_loser.map(|holder| holder.origin))?;
    (!unchanged).then_some(Holding { origin, owner, lines, site })
}

fn taken(mac: MacAddr, owner: &Owner) -> String {
    format!("{mac} belongs to {owner}, who does not give it up here; unassign it first, or say so in the same wish")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user(name: &str) -> Owner {
        Owner::User(format!("{name}@example.com").parse().unwrap())
    }

    fn mac(last: u8) -> MacAddr {
        MacAddr::new([0, 0x15, 0x65, 0, 0, last]).unwrap()
    }

    fn holder(origin: usize, name: &str, phones: Phones) -> Holder {
        Holder { origin, owner: user(name), site: "hq".parse().unwrap(), phones }
    }

    fn exactly(origin: usize, name: &str, macs: &[u8]) -> Holder {
        holder(origin, name, Phones::Exactly(macs.iter().map(|last| mac(*last)).collect()))
    }

    /// Phones as they are: the last octet, the owner, those with further lines.
    fn present(phones: &[(u8, Option<&str>, &[&str])]) -> BTreeMap<MacAddr, Device> {
        let device = |(last, owner, lines): &(u8, Option<&str>, &[&str])| {
            let line = |(index, name): (u8, &&str)| json!({"index": index, "user": format!("{name}@example.com")});
            let lines: Vec<_> = (2..).zip(*lines).map(line).collect();
            let device = json!({"mac": mac(*last), "maker": "yealink", "model": "T46U", "site": "hq",
                "assignment": owner.map(user), "lines": lines});
            (mac(*last), serde_json::from_value(device).unwrap())
        };
        phones.iter().map(device).collect()
    }

    fn settled(holders: &[Holder], before: &BTreeMap<MacAddr, Device>) -> (BTreeMap<MacAddr, Holding>, Vec<Fault>) {
        let mut faults = Vec::new();
        (settle(holders, before, &mut faults), faults)
    }

    #[test]
    fn one_row_may_take_the_phone_that_a_later_one_gives_up() {
        let before = present(&[(1, Some("alice"), &[]), (2, Some("bob"), &[])]);
        let (settled, faults) = settled(&[exactly(5, "alice", &[2]), exactly(9, "bob", &[1])], &before);
        assert_eq!(faults, []);
        assert_eq!(settled[&mac(1)].owner, Some(user("bob")));
        assert_eq!(settled[&mac(2)].owner, Some(user("alice")));
    }

    #[test]
    fn nobody_loses_a_phone_who_is_not_spoken_of() {
        let before = present(&[(1, Some("alice"), &[])]);
        let (settled, faults) = settled(&[exactly(3, "bob", &[1])], &before);
        assert!(settled.is_empty());
        assert_eq!((faults[0].origin, faults[0].code), (3, "mac_taken"));
        assert!(faults[0].message.contains("alice@example.com"), "{}", faults[0].message);
    }

    #[test]
    fn a_phone_that_is_not_named_any_more_belongs_to_nobody() {
        let before = present(&[(1, Some("alice"), &["bob"])]);
        let (gone, faults) = settled(&[exactly(3, "alice", &[])], &before);
        assert_eq!((gone[&mac(1)].owner.clone(), gone[&mac(1)].lines.len(), faults.len()), (None, 1, 0));
        let (kept, _) = settled(&[holder(3, "alice", Phones::AtLeast(vec![]))], &before);
        assert!(kept.is_empty());
    }

    #[test]
    fn who_names_a_phone_second_gets_a_line_on_it() {
        let (settled_new, faults) = settled(&[exactly(3, "alice", &[1]), exactly(4, "bob", &[1])], &BTreeMap::new());
        assert_eq!(faults, []);
        let holding = &settled_new[&mac(1)];
        assert_eq!((&holding.owner, holding.lines.len()), (&Some(user("alice")), 1));
        assert_eq!((holding.lines[0].index, &holding.lines[0].owner), (2, &user("bob")));
        // Said again, in whatever order, it changes nothing.
        let before = present(&[(1, Some("alice"), &["bob"])]);
        let (again, faults) = settled(&[exactly(4, "bob", &[1]), exactly(5, "alice", &[1])], &before);
        assert_eq!((again.len(), faults.len()), (0, 0));
        let (alone, faults) = settled(&[exactly(4, "bob", &[1])], &before);
        assert_eq!((alone.len(), faults.len()), (0, 0), "bob has his line already");
        let (gone, _) = settled(&[exactly(4, "bob", &[])], &before);
        assert_eq!((gone[&mac(1)].owner.clone(), gone[&mac(1)].lines.len()), (Some(user("alice")), 0));
    }

    #[test]
    fn a_phone_that_was_nobodys_stays_so_until_somebody_new_names_it() {
        let before = present(&[(1, None, &["bob"])]);
        assert!(settled(&[exactly(3, "bob", &[1])], &before).0.is_empty());
        let (now, _) = settled(&[exactly(3, "bob", &[1]), exactly(4, "alice", &[1])], &before);
        assert_eq!((now[&mac(1)].owner.clone(), now[&mac(1)].lines.len()), (Some(user("alice")), 1));
    }

    #[test]
    fn a_phone_is_shared_within_one_site() {
        let elsewhere = Holder { site: "lab".parse().unwrap(), ..exactly(4, "bob", &[1]) };
        let (settled, faults) = settled(&[exactly(3, "alice", &[1]), elsewhere], &BTreeMap::new());
        assert!(settled.is_empty());
        assert_eq!(faults[0].code, "shared_over_sites");
    }
}
