//! Which templates has the operator? The files of `[templates] dir`, one folder a maker, if nobody else may change them.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::process::{getegid, geteuid};

use super::catalogue::TemplateFault;
use crate::inventory::device::TemplateName;
use crate::makers;

/// The operator's files below `dir`, `<maker>/<file>`, with their paths and texts. What starts with a dot or ends with
/// `~` is none.
pub(super) fn collect(
    dir: &Path,
    files: &mut BTreeMap<TemplateName, (PathBuf, String)>,
    faults: &mut Vec<TemplateFault>,
) {
    for folder in entries(dir, faults).into_iter().filter(|path| path.is_dir()) {
        let maker = name_of(&folder);
        for path in entries(&folder, faults) {
            let file = name_of(&path);
            if file.starts_with('.') || file.ends_with('~') || path.is_dir() {
                continue;
            }
            let name = format!("{maker}/{file}").parse::<TemplateName>();
            let (Ok(name), true) = (name, makers::by_id(&maker).is_some()) else {
                faults.push(TemplateFault::Misplaced(path));
                continue;
            };
            match guarded(&path).and_then(|()| std::fs::read_to_string(&path).map_err(|error| unreadable(&path, error)))
            {
                Ok(text) => {
                    files.insert(name, (path, text));
                }
                Err(fault) => faults.push(fault),
            }
        }
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What lies in a folder, if nobody else may put anything there.
fn entries(dir: &Path, faults: &mut Vec<TemplateFault>) -> Vec<PathBuf> {
    let listed = guarded(dir).and_then(|()| std::fs::read_dir(dir).map_err(|error| unreadable(dir, error)));
    match listed {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(fault) => {
            faults.push(fault);
            Vec::new()
        }
    }
}

fn unreadable(path: &Path, error: io::Error) -> TemplateFault {
    TemplateFault::Unreadable { path: path.to_owned(), error: error.to_string() }
}

/// A template decides over what every phone is told: only root and the daemon's own user may write it (policy D20). The
/// daemon's own group may, since many systems give each user a group of one.
fn guarded(path: &Path) -> Result<(), TemplateFault> {
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(path, error))?;
    let is_ours = |id, ours| id == 0 || id == ours;
    let by_owner = is_ours(metadata.uid(), geteuid().as_raw());
    let by_group = metadata.mode() & 0o020 == 0 || is_ours(metadata.gid(), getegid().as_raw());
    let by_others = metadata.mode() & 0o002 == 0;
    if by_owner && by_group && by_others { Ok(()) } else { Err(TemplateFault::Exposed(path.to_owned())) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn sec_d20_a_template_that_others_may_change_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("yealink");
        let file = folder.join("mine.cfg");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(&file, "x = 1\n").unwrap();
        let faults = || {
            let (mut files, mut faults) = (BTreeMap::new(), Vec::new());
            collect(dir.path(), &mut files, &mut faults);
            assert_eq!(files.len() + faults.len(), 1);
            faults
        };
        assert_eq!(faults(), []);
        for (path, closed) in [(&file, 0o644), (&folder, 0o755), (&dir.path().to_owned(), 0o700)] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(closed | 0o002)).unwrap();
            assert_eq!(faults(), [TemplateFault::Exposed(path.clone())]);
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(closed)).unwrap();
        }
        assert_eq!(faults(), []);
    }
}
