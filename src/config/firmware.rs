//! Which public files are there? An index of `firmware_dir` by name, made when settings are loaded. A request names
//! an entry of the index, never a path (policy D17).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};

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
        let file = File::from(openat2(&dir, Path::new(name), flags, Mode::empty(), resolve)?);
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
}
