//! Which public files are there? An index of `firmware_dir` by name, made when settings are loaded. A request names
//! an entry of the index, never a path (policy D17).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

/// How deep folders may lie.
const DEPTH: usize = 4;

/// The files of `firmware_dir`, by their path below it in lower case.
#[derive(Debug, Default)]
pub struct Firmware {
    dir: PathBuf,
    files: BTreeMap<String, OsString>,
}

/// A public file, open.
#[derive(Debug)]
pub struct FirmwareFile {
    /// The file, at its beginning.
    pub file: File,
    /// Its length in octets.
    pub length: u64,
}

impl Firmware {
    /// Lists a folder; one that is not there has no files.
    pub fn index(dir: &Path) -> Firmware {
        let mut firmware = Firmware { dir: dir.to_owned(), files: BTreeMap::new() };
        firmware.collect(Path::new(""), DEPTH);
        firmware
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Whether there is such a file: by its path below the folder, letter case aside.
    pub fn contains(&self, path: &str) -> bool {
        self.files.contains_key(&path.to_lowercase())
    }

    /// Opens a file of the index, never leaving the folder and never through a symbolic link.
    pub fn open(&self, path: &str) -> io::Result<FirmwareFile> {
        let name = self.files.get(&path.to_lowercase()).ok_or(io::ErrorKind::NotFound)?;
        let dir = File::open(&self.dir)?;
        // What has become a pipe since it was listed must not keep a thread waiting for somebody to write to it.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let file = match openat2(&dir, Path::new(name), flags, Mode::empty(), resolve) {
            Err(Errno::NOSYS) => walk(dir.into(), Path::new(name), flags),
            opened => opened,
        };
        let file = File::from(file?);
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(FirmwareFile { file, length: metadata.len() })
    }

    fn collect(&mut self, below: &Path, depth: usize) {
        let Ok(entries) = std::fs::read_dir(self.dir.join(below)) else { return };
        for entry in entries.flatten() {
            let path = below.join(entry.file_name());
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && depth > 0 {
                self.collect(&path, depth - 1);
            } else if kind.is_file()
                && let Some(name) = path.to_str()
            {
                self.files.insert(name.to_lowercase(), path.clone().into_os_string());
            }
        }
    }
}

/// Opens a file where openat2 is not to be had, as under `RestrictSUIDSGID=` of systemd: folder by folder, downwards only
/// and through no link.
fn walk(dir: OwnedFd, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    let folder = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::DIRECTORY;
    let mut parts = path.components().peekable();
    let mut here = dir;
    while let Some(part) = parts.next() {
        let Component::Normal(name) = part else { return Err(Errno::XDEV) };
        let flags = if parts.peek().is_some() { folder } else { flags };
        here = openat(&here, Path::new(name), flags, Mode::empty())?;
    }
    Ok(here)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn only_files_of_the_index_are_opened() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("lang")).unwrap();
        std::fs::write(dir.path().join("T46U-108.rom"), b"firmware").unwrap();
        std::fs::write(dir.path().join("lang/de.xml"), b"language").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("passwd")).unwrap();
        let firmware = Firmware::index(dir.path());
        assert_eq!(firmware.len(), 2);
        let mut text = String::new();
        firmware.open("t46u-108.ROM").unwrap().file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "firmware");
        assert_eq!(firmware.open("lang/de.xml").unwrap().length, 8);
        for path in ["passwd", "../T46U-108.rom", "/etc/passwd", "", "lang"] {
            assert!(firmware.open(path).is_err(), "{path}");
        }
        std::fs::remove_file(dir.path().join("T46U-108.rom")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("T46U-108.rom")).unwrap();
        assert!(firmware.open("T46U-108.rom").is_err());
    }

    #[test]
    fn sec_d17_what_became_a_pipe_a_folder_or_leads_outside_is_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("a.rom"), b"outside").unwrap();
        std::fs::create_dir(dir.path().join("lang")).unwrap();
        for name in ["pipe.rom", "folder.rom", "lang/a.rom"] {
            std::fs::write(dir.path().join(name), b"firmware").unwrap();
        }
        let firmware = Firmware::index(dir.path());
        assert_eq!(firmware.len(), 3);
        std::fs::remove_file(dir.path().join("pipe.rom")).unwrap();
        let pipe = dir.path().join("pipe.rom");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        std::fs::remove_file(dir.path().join("folder.rom")).unwrap();
        std::fs::create_dir(dir.path().join("folder.rom")).unwrap();
        // The folder itself becomes a link that leads outside.
        std::fs::remove_dir_all(dir.path().join("lang")).unwrap();
        std::os::unix::fs::symlink(outside.path(), dir.path().join("lang")).unwrap();
        for name in ["pipe.rom", "folder.rom", "lang/a.rom"] {
            assert!(firmware.open(name).is_err(), "{name}");
        }
    }

    #[test]
    fn sec_d17_without_openat2_a_file_is_walked_to_and_no_link_is_followed() {
        let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::create_dir(dir.path().join("lang")).unwrap();
        std::fs::write(dir.path().join("lang/a.rom"), "firmware").unwrap();
        std::fs::write(outside.path().join("a.rom"), "elsewhere").unwrap();
        std::os::unix::fs::symlink(outside.path(), dir.path().join("link")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("a.rom"), dir.path().join("lang/b.rom")).unwrap();
        let walk = |path: &str| {
            walk(File::open(dir.path()).unwrap().into(), Path::new(path), OFlags::RDONLY | OFlags::NOFOLLOW)
        };
        let mut text = String::new();
        File::from(walk("lang/a.rom").unwrap()).read_to_string(&mut text).unwrap();
        assert_eq!(text, "firmware");
        for path in ["link/a.rom", "lang/b.rom", "../a.rom", "/etc/passwd", "lang/../link/a.rom"] {
            assert!(walk(path).is_err(), "{path}");
        }
    }
}
