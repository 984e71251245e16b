//! What would be lost? Every value that was there and would be nowhere any more, the grave ones first; and how much is
//! changed at all.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::inventory::plan::{Action, FieldEdit, KindCounts, Loss, RecordChange, RecordDeed, RecordKind};

/// Fields whose loss hurts: somebody could not be called any more, or had no phone.
const GRAVE: &[&str] = &["assignment", "lines", "numbers", "packages"];

/// What would be lost, the grave losses first.
pub fn losses(changes: &[RecordChange]) -> Vec<Loss> {
    let mut losses = Vec::new();
    for change in changes {
        let RecordDeed::Change(edits) = &change.deed else { continue };
        for edit in edits {
            losses.extend(lost(change.kind, edit).into_iter().map(|value| Loss {
                kind: change.kind,
                id: change.id.clone(),
                field: edit.field.clone(),
                value,
                grave: GRAVE.contains(&edit.field.as_str()),
            }));
        }
    }
    losses.sort_by_key(|loss| !loss.grave);
    losses
}

/// What one field loses. Lists lose their members one by one; a value that another one replaces is not lost.
fn lost(kind: RecordKind, edit: &FieldEdit) -> Vec<Value> {
    match (&edit.from, &edit.to, edit.action(kind)) {
        (Value::Array(from), Value::Array(to), _) => {
            from.iter().filter(|member| !to.iter().any(|kept| same(member, kept))).cloned().collect()
        }
        (Value::Array(from), _, _) => from.clone(),
        (from, _, Action::Clear | Action::Unassign) => vec![from.clone()],
        _ => Vec::new(),
    }
}

/// Whether two members of a list are the same thing, though perhaps told of differently.
fn same(one: &Value, other: &Value) -> bool {
    let named = |value: &Value| {
        let of = |name: &str| value.get(name).cloned().unwrap_or_default();
        (of("user"), of("common_area"), of("position"))
    };
    if one.is_object() && other.is_object() { named(one) == named(other) } else { one == other }
}

/// How many records and fields of each kind are changed.
pub fn counts(changes: &[RecordChange]) -> BTreeMap<RecordKind, KindCounts> {
    let mut counts: BTreeMap<RecordKind, KindCounts> = BTreeMap::new();
    for change in changes {
        let kind = counts.entry(change.kind).or_default();
        kind.records = kind.records.saturating_add(1);
        for action in change.actions() {
            let counter = match action {
                Action::Change => &mut kind.change,
                Action::Clear => &mut kind.clear,
                Action::Create => &mut kind.create,
                Action::Unassign => &mut kind.unassign,
            };
            *counter = counter.saturating_add(1);
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn change(kind: RecordKind, field: &str, from: Value, to: Value) -> RecordChange {
        let deed = RecordDeed::Change(vec![FieldEdit { field: field.into(), from, to }]);
        RecordChange { kind, id: "x".into(), deed }
    }

    #[test]
    fn numbers_are_lost_one_by_one_and_come_before_names() {
        let changes = [
            change(RecordKind::User, "last_name", json!("Doe"), json!("")),
            change(RecordKind::User, "numbers", json!(["+491", "+492"]), json!(["+492", "+493"])),
            change(RecordKind::User, "first_name", json!("Ann"), json!("Anne")),
        ];
        let lost: Vec<(String, Value, bool)> =
            losses(&changes).into_iter().map(|loss| (loss.field, loss.value, loss.grave)).collect();
        assert_eq!(lost, [("numbers".into(), json!("+491"), true), ("last_name".into(), json!("Doe"), false)]);
    }

    #[test]
    fn a_phone_that_goes_to_somebody_else_is_not_lost_and_one_that_goes_to_nobody_is() {
        let moved = change(RecordKind::Device, "assignment", json!({"user": "a@b"}), json!({"user": "c@d"}));
        assert_eq!(losses(&[moved]), []);
        let gone = change(RecordKind::Device, "assignment", json!({"user": "a@b"}), Value::Null);
        assert_eq!(losses(std::slice::from_ref(&gone)).len(), 1);
        assert_eq!(counts(&[gone]).get(&RecordKind::Device).unwrap().unassign, 1);
    }
}
