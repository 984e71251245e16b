//! Whom do we become once the ports are bound, and can it be undone? Supplementary groups, then gid, then uid, then no
//! capability and no new privileges (`capabilities(7)`, `PR_SET_NO_NEW_PRIVS`), then the proof that there is no way back.
//!
//! All of this concerns one thread: it is done before there is a second one.

use std::ffi::CString;
use std::fmt;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid, User};
use rustix::thread::{CapabilitySet, CapabilitySets};

/// Whom a daemon started by root becomes when nobody is named.
pub const USUAL_USER: &str = "ztpd";

/// An account of this machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Account {
    /// Its name, or its number where it has none.
    pub name: String,
    /// Its number.
    pub uid: Uid,
    /// Its first group.
    pub gid: Gid,
    /// All its groups.
    pub groups: Vec<Gid>,
}

/// Who serves.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Server {
    /// This account, which root becomes.
    Other(Account),
    /// root, since there is nobody else, or since it is wished.
    Root {
        /// Whether the settings say so.
        wished: bool,
    },
    /// Whoever started the process, an ordinary account.
    Starter,
}

/// Why nobody can serve.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// A folder of somebody else.
    #[error("{path} belongs to {owner}, not to {user}, who serves: `chown -R {user}: {path}`, or set server.user to its owner", path = path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// Whose it is.
        owner: String,
        /// Who serves.
        user: String,
    },
    /// A folder that cannot be made or looked at.
    #[error("{path}: {error}", path = path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Only root becomes somebody else.
    #[error("server.user is {0:?}, but only root can become somebody else: start as root, or remove the key")]
    NotRoot(String),
    /// No such account.
    #[error("server.user: there is no user {0:?} on this machine: `useradd --system --shell /usr/sbin/nologin {0}`")]
    NoSuchUser(String),
    /// The system refused a step.
    #[error("{step} failed: {error}")]
    Step {
        /// Which.
        step: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// Something of root is left. Nothing may be served.
    #[error("privileges are not gone: {0}")]
    Undone(&'static str),
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (uid {}, gid {})", self.name, self.uid, self.gid)
    }
}

/// Who shall serve: the decision. `find` knows the accounts of this machine.
pub fn who_serves(
    starter: Uid,
    wished: Option<&str>,
    find: impl Fn(&str) -> io::Result<Option<Account>>,
) -> Result<Server, PrivilegeError> {
    let step = |error| PrivilegeError::Step { step: "looking up the account that serves", error };
    let Some(name) = wished else {
        let usual = if starter.is_root() { find(USUAL_USER).map_err(step)? } else { None };
        return Ok(match usual.filter(|account| !account.uid.is_root()) {
            Some(account) => Server::Other(account),
            None if starter.is_root() => Server::Root { wished: false },
            None => Server::Starter,
        });
    };
    let account = find(name).map_err(step)?.ok_or_else(|| PrivilegeError::NoSuchUser(name.to_owned()))?;
    match (starter.is_root(), account.uid.is_root()) {
        (true, true) => Ok(Server::Root { wished: true }),
        (true, false) => Ok(Server::Other(account)),
        (false, _) if account.uid == starter => Ok(Server::Starter),
        (false, _) => Err(PrivilegeError::NotRoot(name.to_owned())),
    }
}

/// The account of a name or number.
pub fn find_account(name: &str) -> io::Result<Option<Account>> {
    let number = name.parse().ok().map(Uid::from_raw);
    let found = match number {
        Some(uid) => User::from_uid(uid)?,
        None => User::from_name(name)?,
    };
    let Some(user) = found else {
        // A container may know numbers only.
        return Ok(number.map(|uid| numbered(uid, Gid::from_raw(uid.as_raw()))));
    };
    let groups = nix::unistd::getgrouplist(&CString::new(user.name.as_str())?, user.gid)?;
    Ok(Some(Account { name: user.name, uid: user.uid, gid: user.gid, groups }))
}

fn numbered(uid: Uid, gid: Gid) -> Account {
    Account { name: uid.to_string(), uid, gid, groups: vec![gid] }
}

/// The group of a name.
pub fn find_group(name: &str) -> io::Result<Option<Gid>> {
    Ok(nix::unistd::Group::from_name(name)?.map(|group| group.gid))
}

/// Makes a folder that only `account` may enter, or makes sure that it is theirs. An empty one of root is handed over;
/// one with something in it is the operator's to hand over, since it may hold links that lead elsewhere.
pub fn own_folder(path: &Path, account: &Account, mode: u32) -> Result<(), PrivilegeError> {
    let at = |error: io::Error| PrivilegeError::Folder { path: path.to_owned(), error };
    let found = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(above) = path.parent() {
                std::fs::create_dir_all(above).map_err(at)?;
            }
            std::fs::DirBuilder::new().mode(mode).create(path).map_err(at)?;
            std::fs::symlink_metadata(path)
        }
        found => found,
    };
    let found = found.map_err(at)?;
    // A link is looked through once, by name: what it leads to is the operator's choice.
    let found = if found.is_symlink() { std::fs::metadata(path).map_err(at)? } else { found };
    if found.uid() == account.uid.as_raw() {
        return Ok(());
    }
    let empty = found.is_dir() && std::fs::read_dir(path).map_err(at)?.next().is_none();
    if found.uid() != 0 || !empty {
        let owner = User::from_uid(Uid::from_raw(found.uid())).ok().flatten();
        let owner = owner.map_or_else(|| format!("uid {}", found.uid()), |user| user.name);
        return Err(PrivilegeError::Foreign { path: path.to_owned(), owner, user: account.name.clone() });
    }
    std::os::unix::fs::chown(path, Some(account.uid.as_raw()), Some(account.gid.as_raw())).map_err(at)
}

/// Becomes `account`, for good.
pub fn become_account(account: &Account) -> Result<(), PrivilegeError> {
    nix::unistd::setgroups(&account.groups).map_err(step("giving up supplementary groups"))?;
    nix::unistd::setresgid(account.gid, account.gid, account.gid).map_err(step("giving up the group root"))?;
    nix::unistd::setresuid(account.uid, account.uid, account.uid).map_err(step("giving up the user root"))?;
    renounce()?;
    prove(account)
}

/// Whoever it is: no capability from now on, and none from any program that is started.
pub fn renounce() -> Result<(), PrivilegeError> {
    let none = CapabilitySet::empty();
    let none = CapabilitySets { effective: none, permitted: none, inheritable: none };
    // Kernels without ambient capabilities have none to clear.
    match rustix::thread::clear_ambient_capability_set() {
        Ok(()) | Err(rustix::io::Errno::INVAL) => {}
        Err(error) => return Err(step("clearing ambient capabilities")(error)),
    }
    rustix::thread::set_capabilities(None, none).map_err(step("clearing capabilities"))?;
    rustix::thread::set_no_new_privs(true).map_err(step("forbidding new privileges"))?;
    let left = rustix::thread::capabilities(None).map_err(step("reading capabilities"))?;
    if left != none {
        return Err(PrivilegeError::Undone("capabilities are left"));
    }
    Ok(())
}

/// The owner of a folder, where root works on what an ordinary account keeps there.
pub fn owner_of(folder: &Path) -> Option<Account> {
    let found = std::fs::metadata(folder).ok()?;
    let account = numbered(Uid::from_raw(found.uid()), Gid::from_raw(found.gid()));
    (Uid::effective().is_root() && !account.uid.is_root()).then_some(account)
}

/// Asks the system who we are, and tries to get back what was given up.
fn prove(account: &Account) -> Result<(), PrivilegeError> {
    let uids = nix::unistd::getresuid().map_err(step("reading the user"))?;
    let gids = nix::unistd::getresgid().map_err(step("reading the group"))?;
    let groups = nix::unistd::getgroups().map_err(step("reading the groups"))?;
    if [uids.real, uids.effective, uids.saved] != [account.uid; 3] {
        return Err(PrivilegeError::Undone("the user is another one"));
    }
    if [gids.real, gids.effective, gids.saved] != [account.gid; 3] {
        return Err(PrivilegeError::Undone("the group is another one"));
    }
    if groups.iter().any(|group| !account.groups.contains(group)) {
        return Err(PrivilegeError::Undone("a supplementary group is left"));
    }
    let root = (Uid::from_raw(0), Gid::from_raw(0));
    if nix::unistd::setresuid(root.0, root.0, root.0).is_ok() || nix::unistd::seteuid(root.0).is_ok() {
        return Err(PrivilegeError::Undone("the way back to the user root is open"));
    }
    if account.gid != root.1 && nix::unistd::setresgid(root.1, root.1, root.1).is_ok() {
        return Err(PrivilegeError::Undone("the way back to the group root is open"));
    }
    if nix::unistd::setgroups(&[root.1]).is_ok() {
        return Err(PrivilegeError::Undone("supplementary groups can still be taken"));
    }
    Ok(())
}

fn step<E: Into<io::Error>>(step: &'static str) -> impl FnOnce(E) -> PrivilegeError {
    move |error| PrivilegeError::Step { step, error: error.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: Uid = Uid::from_raw(0);
    const ALICE: Uid = Uid::from_raw(1000);

    fn account(name: &str, uid: u32) -> Account {
        Account { name: name.to_owned(), ..numbered(Uid::from_raw(uid), Gid::from_raw(uid)) }
    }

    fn machine(name: &str) -> io::Result<Option<Account>> {
        let accounts = [account("root", 0), account("alice", 1000), account("ztpd", 990)];
        Ok(accounts.into_iter().find(|account| account.name == name))
    }

    fn without_ztpd(name: &str) -> io::Result<Option<Account>> {
        machine(name).map(|found| found.filter(|account| account.name != "ztpd"))
    }

    #[test]
    fn root_becomes_the_usual_user_or_the_one_that_is_named() {
        assert_eq!(who_serves(ROOT, None, machine).unwrap(), Server::Other(account("ztpd", 990)));
        assert_eq!(who_serves(ROOT, Some("alice"), machine).unwrap(), Server::Other(account("alice", 1000)));
    }

    #[test]
    fn root_stays_root_only_where_there_is_nobody_else_or_where_it_is_wished() {
        assert_eq!(who_serves(ROOT, None, without_ztpd).unwrap(), Server::Root { wished: false });
        assert_eq!(who_serves(ROOT, Some("root"), machine).unwrap(), Server::Root { wished: true });
        assert!(matches!(who_serves(ROOT, Some("bob"), machine), Err(PrivilegeError::NoSuchUser(_))));
    }

    #[test]
    fn an_ordinary_user_serves_as_himself_and_becomes_nobody_else() {
        assert_eq!(who_serves(ALICE, None, machine).unwrap(), Server::Starter);
        assert_eq!(who_serves(ALICE, Some("alice"), machine).unwrap(), Server::Starter);
        for other in ["ztpd", "root"] {
            assert!(matches!(who_serves(ALICE, Some(other), machine), Err(PrivilegeError::NotRoot(_))), "{other}");
        }
    }

    #[test]
    fn a_number_is_an_account_even_where_it_has_no_name() {
        let found = find_account("4294900000").unwrap().unwrap();
        assert_eq!((found.uid.as_raw(), found.groups.as_slice()), (4_294_900_000, &[found.gid][..]));
        assert_eq!(find_account("no-such-user-here").unwrap(), None);
    }

    #[test]
    fn a_folder_with_somebody_elses_things_is_not_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        let owner = std::fs::metadata(dir.path()).unwrap().uid();
        std::fs::write(dir.path().join("file"), "").unwrap();
        let stranger = account("stranger", owner + 1);
        let said = own_folder(dir.path(), &stranger, 0o700).unwrap_err().to_string();
        assert!(said.contains("chown -R stranger:"), "{said}");
        own_folder(dir.path(), &account("owner", owner), 0o700).unwrap();
    }
}
