//! Which phones' files would change, how, and would the phones start anew? Phones of one model for which the same fields
//! change are one group: the file of one of them is rendered as it is and as it would be, secrets masked, and compared.
//! A new phone has no file that could change.

use std::collections::{BTreeMap, BTreeSet};

use similar::{ChangeTag, TextDiff};

use super::draft::Draft;
use crate::config::Snapshot;
use crate::inventory::device::{Device, Owner};
use crate::inventory::mac::MacAddr;
use crate::inventory::plan::{FileChange, RecordChange, RecordDeed, RecordKind, Warning};
use crate::makers::{self, Maker, Meaning};
use crate::provision::masked_file;
use crate::store::{Store, StoreError};

/// How many groups are compared: what differs in more ways is no single thought any more.
const GROUPS: usize = 40;
/// How many lines of a difference are told.
const LINES: usize = 40;

/// The phones of a group.
#[derive(Debug)]
struct Group {
    phones: u64,
    example: MacAddr,
}

/// What makes phones alike: maker, model, template, and why their files may change.
type Likeness = (String, String, Option<String>, BTreeSet<String>);

/// The files that would change, and what keeps a file from being made.
pub fn files(
    store: &dyn Store,
    snapshot: &Snapshot,
    draft: &Draft,
) -> Result<(Vec<FileChange>, Vec<Warning>), StoreError> {
    let mut groups: BTreeMap<Likeness, Group> = BTreeMap::new();
    for (mac, why) in touched(store, draft)? {
        // One that is new, or gone by now, has no file to compare.
        let Some(device) = store.device(mac)? else { continue };
        let Device { maker, model, template, .. } = device.value;
        let likeness = (maker.to_string(), model.to_string(), template.map(|name| name.to_string()), why);
        let group = groups.entry(likeness).or_insert(Group { phones: 0, example: mac });
        group.phones = group.phones.saturating_add(1);
    }
    let (mut files, mut warnings) = (Vec::new(), Vec::new());
    if groups.len() > GROUPS {
        let message = format!("phones' files differ in {} ways, of which {GROUPS} are shown", groups.len());
        warnings.push(Warning { code: "files_not_compared".to_owned(), message, id: None, row: None });
    }
    for (likeness, group) in groups.into_iter().take(GROUPS) {
        match compared(store, snapshot, draft, &likeness, &group)? {
            Ok(Some(change)) => join(&mut files, change),
            Ok(None) => {}
            Err(message) => {
                let id = Some(group.example.to_string());
                warnings.push(Warning { code: "not_rendered".to_owned(), message, id, row: None });
            }
        }
    }
    Ok((files, warnings))
}

/// The phones whose files may change, and because of which fields.
fn touched(store: &dyn Store, draft: &Draft) -> Result<BTreeMap<MacAddr, BTreeSet<String>>, StoreError> {
    let mut touched: BTreeMap<MacAddr, BTreeSet<String>> = BTreeMap::new();
    for change in &draft.changes {
        let fields = fields(change);
        let mut touch = |mac: MacAddr, role: &str| {
            let why = fields.iter().map(|field| format!("{role} {field}"));
            touched.entry(mac).or_default().extend(why);
        };
        match owner(change) {
            None => {
                if let Ok(mac) = change.id.parse() {
                    touch(mac, "device");
                }
            }
            Some(owner) => {
                for mac in store.devices_of(&owner)? {
                    touch(mac, "owner's");
                }
                for mac in store.appearances_of(&owner)? {
                    touch(mac, "line's");
                }
                for watcher in store.watchers_of(&owner)? {
                    for mac in store.devices_of(&watcher)? {
                        touch(mac, "key's");
                    }
                }
            }
        }
    }
    Ok(touched)
}

fn owner(change: &RecordChange) -> Option<Owner> {
    match change.kind {
        RecordKind::CommonArea => change.id.parse().ok().map(Owner::CommonArea),
        RecordKind::Device | RecordKind::Number => None,
        RecordKind::User => change.id.parse().ok().map(Owner::User),
    }
}

fn fields(change: &RecordChange) -> Vec<String> {
    match &change.deed {
        RecordDeed::Change(edits) => edits.iter().map(|edit| edit.field.clone()).collect(),
        RecordDeed::Create(_) => vec!["new".to_owned()],
    }
}

/// How the file of a group's example changes: not at all, so, or that there would be none.
fn compared(
    store: &dyn Store,
    snapshot: &Snapshot,
    draft: &Draft,
    (maker, model, ..): &Likeness,
    group: &Group,
) -> Result<Result<Option<FileChange>, String>, StoreError> {
    let mac = group.example;
    let (Some(before), Some(after)) = (store.phone(mac)?, draft.after.phone(mac)?) else { return Ok(Ok(None)) };
    let Some(known) = makers::by_id(maker) else { return Ok(Ok(None)) };
    let Some(file) = device_file(known, &after.device.value) else { return Ok(Ok(None)) };
    let new = match masked_file(&*draft.after, snapshot, &after, None, &file) {
        Ok(new) => new.text,
        Err(error) => {
            let phones = if group.phones == 1 { "phone".to_owned() } else { format!("{} phones", group.phones) };
            return Ok(Err(format!("{maker} {model}, {phones} such as {mac}, would be given nothing: {error}")));
        }
    };
    // What could not be made before is new as a whole.
    let old = masked_file(store, snapshot, &before, None, &file).map(|old| old.text).unwrap_or_default();
    let (diff, restarts) = difference(known, &old, &new);
    let (maker, model) = (maker.clone(), model.clone());
    let change = FileChange { maker, model, phones: group.phones, example: mac, file, diff, restarts };
    Ok(Ok((!change.diff.is_empty()).then_some(change)))
}

/// The name of a phone's own file with its account.
fn device_file(maker: &'static dyn Maker, device: &Device) -> Option<String> {
    let model = makers::model(maker.id(), &device.model)?;
    let is_device =
        |file: &String| maker.reading(file).is_some_and(|reading| matches!(reading.meaning, Meaning::Device { .. }));
    maker.files(device.mac, model).into_iter().find(is_device)
}

/// The lines that differ, and whether the phone starts anew because of one of them.
fn difference(maker: &dyn Maker, old: &str, new: &str) -> (String, Option<bool>) {
    let diff = TextDiff::from_lines(old, new);
    let (mut text, mut restarts, mut lines) = (String::new(), Some(false), 0usize);
    for change in diff.iter_all_changes() {
        let sign = match change.tag() {
            ChangeTag::Equal => continue,
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
        };
        let line = change.value().trim_end_matches(['\r', '\n']);
        restarts = match (restarts, maker.restarts(line.trim())) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        };
        lines = lines.saturating_add(1);
        if lines <= LINES {
            text.push_str(&format!("{sign}{line}\n"));
        }
    }
    if lines > LINES {
        text.push_str(&format!("… and {} more lines\n", lines.saturating_sub(LINES)));
    }
    (text, restarts)
}

/// Puts phones whose files change by the same lines together, whatever the reason.
fn join(files: &mut Vec<FileChange>, change: FileChange) {
    let same = |known: &&mut FileChange| {
        known.maker == change.maker && known.model == change.model && known.diff == change.diff
    };
    match files.iter_mut().find(same) {
        Some(known) => known.phones = known.phones.saturating_add(change.phones),
        None => files.push(change),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_says_whether_the_phone_starts_anew() {
        let yealink = makers::by_id("yealink").unwrap();
        let (text, restarts) = difference(yealink, "a = 1\naccount.1.label = A\n", "a = 1\naccount.1.label = B\n");
        assert_eq!((text.as_str(), restarts), ("-account.1.label = A\n+account.1.label = B\n", Some(false)));
        let vlan = "static.network.vlan.internet_port_vid = 20\n";
        assert_eq!(difference(yealink, "", vlan).1, Some(true));
        assert_eq!(difference(makers::by_id("snom").unwrap(), "<a>1</a>\n", "<a>2</a>\n").1, None);
        assert_eq!(difference(yealink, vlan, vlan), (String::new(), Some(false)));
    }

    #[test]
    fn a_long_difference_is_cut_short() {
        let new: String = (0..100).map(|number| format!("account.1.x{number} = 1\n")).collect();
        let (text, _) = difference(makers::by_id("yealink").unwrap(), "", &new);
        assert_eq!(text.lines().count(), LINES + 1);
        assert!(text.ends_with("… and 60 more lines\n"), "{text}");
    }
}
