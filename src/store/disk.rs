//! Files and folders nobody else may read, written so that they are there after a power cut, and the lock that keeps
//! a second process out.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::StoreFault;

/// The lock on a data folder; held until dropped.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code, reason = "held, not used")] File);

impl Lock {
    /// Takes the lock, making the folder if it is not there.
    pub fn take(data_dir: &Path) -> Result<Lock, StoreFault> {
        make_folder(data_dir)?;
        let path = data_dir.join("store.lock");
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).write(true).mode(0o600).open(&path).map_err(io_at(&path))?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Lock(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(StoreFault::Held(data_dir.display().to_string())),
            Err(error) => Err(io_at(&path)(error.into())),
        }
    }
}

/// Says which file a system error is about.
pub fn io_at(path: &Path) -> impl FnOnce(io::Error) -> StoreFault + use<'_> {
    |error| StoreFault::Io { path: path.display().to_string(), error: error.to_string() }
}

/// Makes a folder only we may enter, and those above it.
pub fn make_folder(path: &Path) -> Result<(), StoreFault> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io_at(path))
}

/// Makes a new file only we may read, in place of any of that name.
pub fn make_file(path: &Path) -> Result<File, StoreFault> {
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true).mode(0o600).open(path).map_err(io_at(path))
}

/// Waits until the names in a folder are on the disk.
pub fn sync_folder(path: &Path) -> Result<(), StoreFault> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(io_at(path))
}

/// Puts a file that was written beside its place into its place, whole or not at all.
pub fn put_in_place(file: &File, written: &Path, place: &Path) -> Result<(), StoreFault> {
    file.sync_all().map_err(io_at(written))?;
    std::fs::rename(written, place).map_err(io_at(place))?;
    place.parent().map_or(Ok(()), sync_folder)
}

/// Moves a damaged folder out of the way, keeping it; where it is now.
pub fn move_aside(path: &Path) -> Result<PathBuf, StoreFault> {
    let mut count = 1u32;
    let aside = loop {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".damaged-{count}"));
        let aside = PathBuf::from(name);
        if !aside.exists() {
            break aside;
        }
        count = count.saturating_add(1);
    };
    std::fs::rename(path, &aside).map_err(io_at(path))?;
    path.parent().map_or(Ok(()), sync_folder)?;
    Ok(aside)
}
