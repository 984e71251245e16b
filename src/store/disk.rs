//! Files and folders nobody else may read, written so that they are there after a power cut, and the lock that keeps
//! a second process out.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::FlockOperation;

use super::StoreFault;

/// How often, and after which pause, a lock that is being let go of is tried again: five seconds in all.
const FREE_TRIES: u32 = 500;
const FREE_PAUSE: Duration = Duration::from_millis(10);

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

/// Waits a little until nobody holds a lock on a file any more, if there is such a file.
pub fn wait_until_free(path: &Path) -> Result<(), StoreFault> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
        Err(error) => return Err(io_at(path)(error)),
    };
    for _ in 0..FREE_TRIES {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(FREE_PAUSE),
            Err(error) => return Err(io_at(path)(error.into())),
        }
    }
    Err(StoreFault::Held(path.display().to_string()))
}

/// How much room is left free: sled, once a write of its own has failed, does nothing more until it is opened again, so
/// it must never come to that.
pub const RESERVE: u64 = 64 << 20;

/// Whether the disk of a folder takes changes.
pub fn takes_changes(folder: &Path) -> Result<(), StoreFault> {
    let found = rustix::fs::statvfs(folder).map_err(|error| io_at(folder)(error.into()))?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    if free < RESERVE {
        return Err(StoreFault::NoSpace { path: folder.display().to_string(), free_mib: free >> 20 });
    }
    // A file system that found itself damaged need not say that it is read-only: only a new name shows it.
    let probe = folder.join("store.probe");
    let made = make_file(&probe).map(drop);
    let removed = std::fs::remove_file(&probe).map_err(|error| unwritable(folder, &error));
    made.and(removed)
}

/// What it means that something could not be written.
pub fn unwritable(path: &Path, error: &io::Error) -> StoreFault {
    let path = path.display().to_string();
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => StoreFault::ReadOnly(path),
        _ => StoreFault::Io { path, error: error.to_string() },
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
    options.create(true).write(true).truncate(true).mode(0o600).open(path).map_err(|error| unwritable(path, &error))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_let_go_of_is_waited_for() {
        let folder = tempfile::TempDir::new().unwrap();
        assert_eq!(wait_until_free(&folder.path().join("db")), Ok(()), "nothing to wait for");
        let lock = Lock::take(folder.path()).unwrap();
        let waiting = folder.path().join("store.lock");
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| wait_until_free(&waiting));
            drop(lock);
            assert_eq!(waiter.join().unwrap(), Ok(()));
        });
        assert!(Lock::take(folder.path()).is_ok(), "it is not kept");
    }
}
