//! Where are the data keys, and is this the master key they are sealed under? In one small file, written whole or not
//! at all, with a copy beside the journal. It is looked at before anything else of the store is opened, so that a wrong
//! master key touches nothing (policy K1).

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use super::StoreFault;
use super::disk::{io_at, make_file, make_folder, put_in_place};
use super::seal::{KeyId, Keyring, SealingKey};
use crate::inventory::master_key::{Fingerprint, MasterKey};

/// The version of the file's form.
const VERSION: u32 = 1;

/// The data keys of a store, and what they are sealed under.
#[derive(Debug)]
pub struct KeyFile {
    data_dir: PathBuf,
    master: MasterKey,
    form: Form,
    ring: Keyring,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Form {
    version: u32,
    /// Grows with every change: of two copies the higher one is the later.
    generation: u64,
    /// The master key the data keys are sealed under.
    master: Fingerprint,
    keys: BTreeMap<KeyId, String>,
}

impl KeyFile {
    /// Whether a store has data keys.
    pub fn exists(data_dir: &Path) -> bool {
        places(data_dir).iter().any(|place| place.exists())
    }

    /// The data keys of a store, opened with the master key. Changes nothing.
    pub fn open(data_dir: &Path, master: &MasterKey) -> Result<KeyFile, StoreFault> {
        let form = newest(data_dir)?;
        let found = master.fingerprint();
        if form.master != found {
            return Err(StoreFault::WrongKey { wanted: form.master, found });
        }
        let mut keys = BTreeMap::new();
        for (id, sealed) in &form.keys {
            keys.insert(*id, open(master, *id, sealed).ok_or_else(|| damaged(data_dir))?);
        }
        if keys.is_empty() {
            return Err(damaged(data_dir));
        }
        Ok(KeyFile { data_dir: data_dir.to_owned(), master: master.clone(), form, ring: Keyring::of(keys) })
    }

    /// A first data key for a store that has none.
    pub fn make(data_dir: &Path, master: &MasterKey) -> Result<KeyFile, StoreFault> {
        let form = Form { version: VERSION, generation: 0, master: master.fingerprint(), keys: BTreeMap::new() };
        let ring = Keyring::of(BTreeMap::new());
        let mut file = KeyFile { data_dir: data_dir.to_owned(), master: master.clone(), form, ring };
        file.add()?;
        Ok(file)
    }

    /// These data keys, under this master key, for a store that has none yet.
    pub fn with(
        data_dir: &Path,
        master: &MasterKey,
        keys: BTreeMap<KeyId, Zeroizing<[u8; 32]>>,
    ) -> Result<KeyFile, StoreFault> {
        let mut form = Form { version: VERSION, generation: 0, master: master.fingerprint(), keys: BTreeMap::new() };
        let mut ring = BTreeMap::new();
        for (id, octets) in keys {
            form.keys.insert(id, seal(master, id, &octets)?);
            ring.insert(id, SealingKey::new(&octets));
        }
        let (data_dir, master) = (data_dir.to_owned(), master.clone());
        let mut file = KeyFile { data_dir, master, form: form.clone(), ring: Keyring::of(ring) };
        file.write(form)?;
        Ok(file)
    }

    /// The data keys themselves, for a backup that is sealed.
    pub fn unsealed(&self) -> Result<BTreeMap<KeyId, Zeroizing<[u8; 32]>>, StoreFault> {
        let octets = |(id, sealed): (&KeyId, &String)| {
            let octets = unseal(&self.master, *id, sealed).ok_or_else(|| damaged(&self.data_dir))?;
            Ok((*id, Zeroizing::new(octets)))
        };
        self.form.keys.iter().map(octets).collect()
    }

    /// The keys, for sealing and opening.
    pub fn ring(&self) -> &Keyring {
        &self.ring
    }

    /// The master key's fingerprint.
    pub fn master(&self) -> &Fingerprint {
        &self.form.master
    }

    /// Adds a new data key, which seals from now on. It is on the disk before it seals anything.
    pub fn add(&mut self) -> Result<KeyId, StoreFault> {
        let id = KeyId(self.form.keys.last_key_value().map_or(0, |(id, _)| id.0).saturating_add(1));
        let mut octets = [0u8; 32];
        getrandom::fill(&mut octets).map_err(|_| StoreFault::NoRandomness)?;
        let sealed = seal(&self.master, id, &octets)?;
        let key = SealingKey::new(&octets);
        octets.zeroize();
        let mut form = self.form.clone();
        form.keys.insert(id, sealed);
        self.write(form)?;
        self.ring.add(id, key);
        Ok(id)
    }

    /// Drops a data key that nothing is sealed with any more.
    pub fn forget(&mut self, id: KeyId) -> Result<(), StoreFault> {
        let mut form = self.form.clone();
        form.keys.remove(&id);
        self.write(form)?;
        self.ring.forget(id);
        Ok(())
    }

    /// Seals the data keys under another master key; from then on only that one opens the store.
    pub fn reseal(&mut self, new: &MasterKey) -> Result<(), StoreFault> {
        let mut form = Form { master: new.fingerprint(), ..self.form.clone() };
        for (id, sealed) in &mut form.keys {
            let mut octets = unseal(&self.master, *id, sealed).ok_or_else(|| damaged(&self.data_dir))?;
            *sealed = seal(new, *id, &octets)?;
            octets.zeroize();
        }
        self.write(form)?;
        self.master = new.clone();
        Ok(())
    }

    /// Writes both copies. Only when both are there does the change count as made: until then either copy opens.
    fn write(&mut self, mut form: Form) -> Result<(), StoreFault> {
        form.generation = form.generation.saturating_add(1);
        let mut text = serde_json::to_vec_pretty(&form).map_err(|error| StoreFault::Corrupt(error.to_string()))?;
        text.push(b'\n');
        for place in places(&self.data_dir) {
            if let Some(folder) = place.parent() {
                make_folder(folder)?;
            }
            let beside = place.with_extension("new");
            let mut file = make_file(&beside)?;
            file.write_all(&text).map_err(io_at(&beside))?;
            put_in_place(&file, &beside, &place)?;
        }
        self.form = form;
        Ok(())
    }
}

fn places(data_dir: &Path) -> [PathBuf; 2] {
    [data_dir.join("keys.json"), data_dir.join("keys").join("copy.json")]
}

/// The later of the copies that can be read.
fn newest(data_dir: &Path) -> Result<Form, StoreFault> {
    let mut forms = Vec::new();
    for place in places(data_dir) {
        match std::fs::read(&place) {
            Ok(text) => forms.extend(serde_json::from_slice::<Form>(&text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(io_at(&place)(error)),
        }
    }
    let newest = forms.into_iter().max_by_key(|form| form.generation).ok_or_else(|| damaged(data_dir))?;
    if newest.version > VERSION {
        return Err(StoreFault::Schema { found: newest.version, known: VERSION });
    }
    Ok(newest)
}

fn seal(master: &MasterKey, id: KeyId, octets: &[u8; 32]) -> Result<String, StoreFault> {
    Ok(STANDARD_NO_PAD.encode(SealingKey::new(master.octets()).seal(octets, &bound(id))?))
}

fn unseal(master: &MasterKey, id: KeyId, sealed: &str) -> Option<[u8; 32]> {
    let sealed = STANDARD_NO_PAD.decode(sealed).ok()?;
    let mut opened = SealingKey::new(master.octets()).open(&sealed, &bound(id)).ok()?;
    let octets = <[u8; 32]>::try_from(opened.as_slice()).ok();
    opened.zeroize();
    octets
}

fn open(master: &MasterKey, id: KeyId, sealed: &str) -> Option<SealingKey> {
    let mut octets = unseal(master, id, sealed)?;
    let key = SealingKey::new(&octets);
    octets.zeroize();
    Some(key)
}

fn bound(id: KeyId) -> Vec<u8> {
    format!("ztpd data key\n{VERSION}\n{}", id.0).into_bytes()
}

fn damaged(data_dir: &Path) -> StoreFault {
    StoreFault::KeysLost(data_dir.display().to_string())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::inventory::secret::Secret;

    fn opens(folder: &Path, master: &MasterKey, sealed: &str) -> bool {
        KeyFile::open(folder, master).unwrap().ring().open("row", sealed).is_ok()
    }

    #[test]
    fn keys_are_found_again_with_their_master_key_only() {
        let folder = TempDir::new().unwrap();
        let (master, other) = (MasterKey::new().unwrap(), MasterKey::new().unwrap());
        assert!(!KeyFile::exists(folder.path()));
        let file = KeyFile::make(folder.path(), &master).unwrap();
        let sealed = file.ring().seal("row", &Secret::new("sesame".into())).unwrap();
        assert!(opens(folder.path(), &master, &sealed));
        let wrong = KeyFile::open(folder.path(), &other).unwrap_err();
        assert_eq!(wrong, StoreFault::WrongKey { wanted: master.fingerprint(), found: other.fingerprint() });
    }

    #[test]
    fn either_copy_suffices_and_the_later_one_counts() {
        let folder = TempDir::new().unwrap();
        let master = MasterKey::new().unwrap();
        let mut file = KeyFile::make(folder.path(), &master).unwrap();
        let [first, second] = places(folder.path());
        let before = fs::read(&first).unwrap();
        file.add().unwrap();
        let sealed = file.ring().seal("row", &Secret::new("sesame".into())).unwrap();
        fs::write(&first, before).unwrap();
        assert!(opens(folder.path(), &master, &sealed), "cut short between the copies");
        fs::write(&first, "garbage").unwrap();
        assert!(opens(folder.path(), &master, &sealed));
        fs::remove_file(&first).unwrap();
        assert!(opens(folder.path(), &master, &sealed));
        fs::remove_file(&second).unwrap();
        assert_eq!(KeyFile::open(folder.path(), &master).map(|_| ()), Err(damaged(folder.path())));
    }

    #[test]
    fn sec_k03_another_master_key_opens_the_same_secrets() {
        let folder = TempDir::new().unwrap();
        let (old, new) = (MasterKey::new().unwrap(), MasterKey::new().unwrap());
        let mut file = KeyFile::make(folder.path(), &old).unwrap();
        let sealed = file.ring().seal("row", &Secret::new("sesame".into())).unwrap();
        file.add().unwrap();
        file.reseal(&new).unwrap();
        assert!(opens(folder.path(), &new, &sealed));
        assert!(matches!(KeyFile::open(folder.path(), &old), Err(StoreFault::WrongKey { .. })));
        file.forget(KeyId(1)).unwrap();
        assert!(!opens(folder.path(), &new, &sealed));
    }

    #[test]
    fn keys_that_were_altered_open_nothing() {
        let folder = TempDir::new().unwrap();
        let master = MasterKey::new().unwrap();
        KeyFile::make(folder.path(), &master).unwrap().add().unwrap();
        for place in places(folder.path()) {
            let mut form: Form = serde_json::from_slice(&fs::read(&place).unwrap()).unwrap();
            let (first, second) = (form.keys[&KeyId(1)].clone(), form.keys[&KeyId(2)].clone());
            form.keys = [(KeyId(1), second), (KeyId(2), first)].into();
            fs::write(&place, serde_json::to_vec(&form).unwrap()).unwrap();
        }
        assert_eq!(KeyFile::open(folder.path(), &master).map(|_| ()), Err(damaged(folder.path())));
    }
}
