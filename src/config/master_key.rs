//! Where does the master key come from? From systemd, from a file nobody else may read, or, where no operator has set
//! anything up, from one made for an empty store (policy K1). It never lies in `data_dir`.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::inventory::master_key::{MasterKey, NoMasterKey};
use crate::inventory::secret::NoRandomness;

/// The name of the systemd credential.
const CREDENTIAL: &str = "master-key";

/// Longer than any way to write a key.
const LONGEST: u64 = 4096;

/// Where to look for the master key when systemd passes none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum KeyPlace {
    /// Where the operator says.
    File(PathBuf),
    /// Where one is made for an empty store: nothing was set up.
    Own(PathBuf),
    /// The operator's file names none.
    Unnamed,
}

/// Why there is no master key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MasterKeyFault {
    /// The file is not there, and the store needs just this key.
    #[error(
        "{0}: the master key is not there, and what the store has opens with no other: put it back. Nothing was touched"
    )]
    Gone(PathBuf),
    /// The file is not there, and there is no store yet.
    #[error("{path}: the master key is not there; make one: ztpd keys new {path}", path = .0.display())]
    Missing(PathBuf),
    /// It cannot be made where something is already.
    #[error("{0}: there is a file already, and a master key is never overwritten")]
    Exists(PathBuf),
    /// The content is no key.
    #[error("{path} {fault}; make one: ztpd keys new FILE", path = .path.display())]
    NoKey {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        fault: NoMasterKey,
    },
    /// No randomness for a new one.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// Others may read it.
    #[error("{path}: others may read the master key (mode {mode:04o}); run: chmod 600 {path}", path = .path.display())]
    Readable {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is somebody else's.
    #[error("{path}: the master key belongs to uid {owner}; run: chown {wanted} {path}", path = .path.display())]
    SomebodyElses {
        /// Which file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Whose it should be.
        wanted: u32,
    },
    /// The system refuses.
    #[error("{path}: {error}", path = .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: String,
    },
    /// Nothing says where it is.
    #[error(
        "no master key: secrets are kept sealed, and the key must lie apart from data_dir. Make one and name it:\n\
         \x20   ztpd keys new /etc/ztpd/master.key\n\
         \x20   [server] master_key_file = \"/etc/ztpd/master.key\"\n\
         or pass it as the systemd credential master-key"
    )]
    Unnamed,
}

impl KeyPlace {
    /// Where one is made when nothing was set up: `$XDG_CONFIG_HOME/ztpd/master.key`.
    pub fn usual() -> KeyPlace {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let config = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")));
        config.map_or(KeyPlace::Unnamed, |config| KeyPlace::Own(config.join("ztpd/master.key")))
    }

    /// Where ztpd made the master key by itself, if that is the one in use: the operator should know.
    pub fn own(&self) -> Option<&Path> {
        match self {
            KeyPlace::Own(path) if credential().is_none_or(|credential| !credential.exists()) => Some(path),
            _ => None,
        }
    }

    /// The master key as only root may read it, before root is left. `None`: nobody is root, or the key is the account's
    /// that serves, and is found once that account is taken.
    pub fn find_as_root(&self, empty: bool) -> Result<Option<MasterKey>, MasterKeyFault> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        match self.find(empty) {
            Err(MasterKeyFault::SomebodyElses { .. }) => Ok(None),
            found => found.map(Some),
        }
    }

    /// The master key; `empty`: there is no store yet that would need a certain one.
    pub fn find(&self, empty: bool) -> Result<MasterKey, MasterKeyFault> {
        if let Some(path) = credential().filter(|path| path.exists()) {
            // systemd alone decides who may read it.
            return read(&path, open(&path)?);
        }
        match self {
            KeyPlace::File(path) | KeyPlace::Own(path) if path.exists() => checked(path),
            KeyPlace::File(path) | KeyPlace::Own(path) if !empty => Err(MasterKeyFault::Gone(path.clone())),
            KeyPlace::File(path) => Err(MasterKeyFault::Missing(path.clone())),
            KeyPlace::Own(path) => make(path),
            KeyPlace::Unnamed => Err(MasterKeyFault::Unnamed),
        }
    }
}

/// Makes a key in a new file that only its owner may read.
pub fn make(path: &Path) -> Result<MasterKey, MasterKeyFault> {
    let key = MasterKey::new()?;
    let text = Zeroizing::new(format!("{}\n", key.to_hex()));
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unreadable(folder))?;
    let mut file =
        OpenOptions::new().create_new(true).write(true).mode(0o600).open(path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => MasterKeyFault::Exists(path.to_owned()),
            _ => unreadable(path)(error),
        })?;
    // Before anything is sealed with it, it must outlive a power cut.
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(unreadable(path))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unreadable(folder))?;
    Ok(key)
}

/// The key in a file that nobody but its owner may read.
pub fn checked(path: &Path) -> Result<MasterKey, MasterKeyFault> {
    let file = open(path)?;
    let data = file.metadata().map_err(unreadable(path))?;
    let (owner, wanted) = (data.uid(), rustix::process::geteuid().as_raw());
    if owner != wanted && owner != 0 {
        return Err(MasterKeyFault::SomebodyElses { path: path.to_owned(), owner, wanted });
    }
    let mode = data.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(MasterKeyFault::Readable { path: path.to_owned(), mode });
    }
    read(path, file)
}

fn credential() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").map(|folder| PathBuf::from(folder).join(CREDENTIAL))
}

fn open(path: &Path) -> Result<File, MasterKeyFault> {
    File::open(path).map_err(unreadable(path))
}

fn read(path: &Path, file: File) -> Result<MasterKey, MasterKeyFault> {
    let mut content = Zeroizing::new(Vec::with_capacity(LONGEST as usize));
    file.take(LONGEST).read_to_end(&mut content).map_err(unreadable(path))?;
    MasterKey::read(&content).map_err(|fault| MasterKeyFault::NoKey { path: path.to_owned(), fault })
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> MasterKeyFault + use<'_> {
    |error| MasterKeyFault::Unreadable { path: path.to_owned(), error: error.to_string() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn sec_k01_a_key_others_may_read_is_refused_with_its_cure() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("etc/master.key");
        let made = make(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(checked(&path).unwrap().fingerprint(), made.fingerprint());
        for open in [0o644, 0o640, 0o604, 0o660, 0o602] {
            mode(&path, open);
            let refused = KeyPlace::File(path.clone()).find(true).unwrap_err();
            assert_eq!(refused, MasterKeyFault::Readable { path: path.clone(), mode: open });
            assert!(refused.to_string().contains("chmod 600"), "{refused}");
        }
        mode(&path, 0o400);
        assert!(checked(&path).is_ok());
        assert_eq!(make(&path).map(|_| ()), Err(MasterKeyFault::Exists(path)));
    }

    #[test]
    fn sec_k01_a_key_is_made_for_an_empty_store_only_and_where_nothing_was_set_up() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("master.key");
        let find = |place: KeyPlace, empty| place.find(empty).map(|_| ());
        assert_eq!(find(KeyPlace::Unnamed, true), Err(MasterKeyFault::Unnamed));
        assert_eq!(find(KeyPlace::File(path.clone()), true), Err(MasterKeyFault::Missing(path.clone())));
        assert_eq!(find(KeyPlace::Own(path.clone()), false), Err(MasterKeyFault::Gone(path.clone())));
        assert!(!path.exists());
        assert_eq!(find(KeyPlace::Own(path.clone()), true), Ok(()));
        assert_eq!(find(KeyPlace::File(path.clone()), false), Ok(()));
        std::fs::write(&path, "secret\n").unwrap();
        assert!(matches!(find(KeyPlace::File(path), false), Err(MasterKeyFault::NoKey { .. })));
    }
}
