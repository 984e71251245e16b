//! How does the store come by a new data key without ever being unable to open a secret? First the new key is written
//! down beside the old one and seals whatever is written from then on; then every secret is sealed anew, some hundred in
//! a change; only then is the old key forgotten. Cut short anywhere, both keys are there and the rest is done later.

use super::backend::Backend;
use super::ledger::Ledger;
use super::secrets;
use super::{Actor, KeyRotation, StoreFault, Stored};
use crate::inventory::audit::{Act, AuditObject};

/// How many secrets one change seals anew.
const BATCH: usize = 500;

impl<B: Backend> Ledger<B> {
    /// Begins a rotation, unless one is under way, and finishes it.
    pub(super) fn rotate(&self, by: &Actor) -> Stored<KeyRotation> {
        let _alone = self.rotating();
        if self.backend().keys().ids().len() < 2 {
            self.append(Act::new("rotate", AuditObject::new("data_key", "")), by)?;
            self.backend().add_key()?;
        }
        self.seal_anew()
    }

    /// Finishes a rotation that was cut short.
    pub(super) fn finish_rotation(&self) -> Stored<Option<KeyRotation>> {
        let _alone = self.rotating();
        if self.backend().keys().ids().len() < 2 { Ok(None) } else { self.seal_anew().map(Some) }
    }

    fn seal_anew(&self) -> Stored<KeyRotation> {
        let mut after: Option<String> = None;
        loop {
            let from = after.take();
            after = self.change(move |txn| Ok(secrets::reseal(txn, from.as_deref(), BATCH)?))?;
            if after.is_none() {
                break;
            }
        }
        let mut forgotten = self.backend().keys().ids();
        let key = forgotten.pop().ok_or_else(|| StoreFault::Corrupt("there is no data key".to_owned()))?;
        for old in &forgotten {
            self.backend().drop_key(*old)?;
        }
        Ok(KeyRotation { forgotten, key })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tempfile::TempDir;

    use super::*;
    use crate::inventory::master_key::MasterKey;
    use crate::store::Store as _;
    use crate::store::seal::KeyId;
    use crate::store::sled::SledStore;
    use crate::store::tests::{by, device, enrol, observable, site};

    fn open(folder: &Path, master: &MasterKey) -> SledStore {
        SledStore::open(folder, master).unwrap().0
    }

    #[test]
    fn sec_k03_a_rotation_changes_nothing_but_the_key() {
        let (folder, master) = (TempDir::new().unwrap(), MasterKey::new().unwrap());
        let store = open(folder.path(), &master);
        store.create_site(site("hq"), &by()).unwrap();
        (1..=5).for_each(|number| enrol(&store, device(number, "hq")).unwrap());
        let before = observable(&store);
        let without_revision = |text: &str| text.trim_end().rsplit_once('\n').unwrap().0.to_owned();
        for round in 1..=3 {
            let done = store.rotate_keys(&by()).unwrap();
            assert_eq!(done, KeyRotation { forgotten: vec![KeyId(round)], key: KeyId(round + 1) });
            assert_eq!(without_revision(&observable(&store)), without_revision(&before));
        }
        drop(store);
        assert_eq!(without_revision(&observable(&open(folder.path(), &master))), without_revision(&before));
        std::fs::remove_dir_all(folder.path().join("sled")).unwrap();
        assert_eq!(without_revision(&observable(&open(folder.path(), &master))), without_revision(&before));
    }

    /// Whatever a process that was killed left: the new key and any part of the secrets sealed with it.
    #[test]
    fn sec_k03_a_rotation_cut_short_anywhere_is_finished_at_the_next_start() {
        let master = MasterKey::new().unwrap();
        for done in 0..=12 {
            let folder = TempDir::new().unwrap();
            let store = open(folder.path(), &master);
            store.create_site(site("hq"), &by()).unwrap();
            (1..=4).for_each(|number| enrol(&store, device(number, "hq")).unwrap());
            store.backend().add_key().unwrap();
            if done > 0 {
                store.change(move |txn| Ok(secrets::reseal(txn, None, done)?)).unwrap();
            }
            enrol(&store, device(9, "hq")).unwrap();
            let before = observable(&store);
            drop(store);
            let store = open(folder.path(), &master);
            assert_eq!(store.keys(), [KeyId(2)], "after {done} secrets");
            let text = |text: &str| text.lines().rev().skip(1).map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(text(&observable(&store)), text(&before));
        }
    }
}
