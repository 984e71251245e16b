//! Who serves, and who works on the store? The order: folders are made for whoever serves, then privileges go, and only
//! then is anything opened, read or answered, so that a reload needs nothing that start-up did not have.

use nix::unistd::Uid;

use crate::config::Config;
use crate::host::privilege::{self, PrivilegeError, Server};

/// Gives up every privilege, with all ports bound and before there is a second thread.
pub fn drop_privileges(config: &Config) -> Result<(), PrivilegeError> {
    let wished = config.user.as_deref();
    match privilege::who_serves(Uid::effective(), wished, privilege::find_account)? {
        Server::Other(mut account) => {
            privilege::own_folder(&config.data_dir, &account, 0o700)?;
            if let Some(folder) = config.admin_socket.parent().filter(|folder| *folder != config.data_dir)
                && !folder.exists()
            {
                privilege::own_folder(folder, &account, 0o755)?;
            }
            // The administrators' socket is given to their group by its owner, who must be of it.
            let group = config.admin_group.as_deref().and_then(|name| privilege::find_group(name).ok().flatten());
            account.groups.extend(group);
            privilege::become_account(&account)?;
            tracing::info!(user = %account, "ports are bound and privileges are gone");
        }
        Server::Root { wished } => {
            privilege::renounce()?;
            if wished {
                tracing::info!("running as root, without capabilities, as server.user says");
            } else {
                let usual = privilege::USUAL_USER;
                tracing::warn!(
                    "running as root, without capabilities: there is no user {usual} to become. Make one, \
                     `useradd --system --shell /usr/sbin/nologin {usual}`, or name one in server.user"
                );
            }
        }
        Server::Starter => privilege::renounce()?,
    }
    Ok(())
}

/// Works on the store as whoever keeps it, or will: the folder may be new.
pub fn become_keeper_of_store(config: &Config) -> Result<(), PrivilegeError> {
    if config.data_dir.exists() {
        return become_owner_of_store(config);
    }
    match privilege::who_serves(Uid::effective(), config.user.as_deref(), privilege::find_account)? {
        Server::Other(account) => {
            privilege::own_folder(&config.data_dir, &account, 0o700)?;
            privilege::become_account(&account)
        }
        Server::Root { .. } | Server::Starter => Ok(()),
    }
}

/// Works on the store as its owner: what root would write, the daemon could not read.
pub fn become_owner_of_store(config: &Config) -> Result<(), PrivilegeError> {
    match privilege::owner_of(&config.data_dir) {
        Some(owner) => privilege::become_account(&owner),
        None => Ok(()),
    }
}
