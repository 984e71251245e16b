//! The Unix socket of the admin plane: who may connect is a matter of the file's owner and group, who does is told by
//! the kernel (policy A1).

use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use axum::Router;
use tokio::net::UnixListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Peer, connection};

/// Binds the socket, for its owner and `group` only. A socket that nobody listens on any more is replaced.
pub fn bind(path: &Path, group: Option<&str>) -> io::Result<std::os::unix::net::UnixListener> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    if let Ok(found) = std::fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file of that name that is no socket"));
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another daemon listens there"));
        }
        std::fs::remove_file(path)?;
    }
    // Until the mode is set only the owner may connect: that takes the right to write, which a usual umask keeps back.
    let listener = std::os::unix::net::UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    if let Some(group) = group {
        let found = nix::unistd::Group::from_name(group)?;
        let found =
            found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("there is no group {group}")))?;
        std::os::unix::fs::chown(path, None, Some(found.gid.as_raw()))?;
    }
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves until `shutdown`, then lets requests that are under way finish.
pub async fn serve(listener: UnixListener, router: Router, shutdown: CancellationToken) -> io::Result<()> {
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(_) = tasks.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let Ok(who) = stream.peer_cred() else { continue };
                    let peer = Peer::Unix { uid: who.uid() };
                    tasks.spawn(connection::serve(stream, peer, router.clone(), shutdown.clone()));
                }
                // Mostly for want of file descriptors: wait for some connection to end.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    }
    while tasks.join_next().await.is_some() {}
    Ok(())
}
