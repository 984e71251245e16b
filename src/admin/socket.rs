//! The Unix socket of the admin plane: who may connect is a matter of the file's owner and group, who does is told by
//! the kernel (policy A1).

use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Caller;

const HEADER: Duration = Duration::from_secs(10);

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
                    tasks.spawn(connection(stream, router.clone(), shutdown.clone()));
                }
                // Mostly for want of file descriptors: wait for some connection to end.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    }
    while tasks.join_next().await.is_some() {}
    Ok(())
}

async fn connection(stream: UnixStream, router: Router, shutdown: CancellationToken) {
    let Ok(peer) = stream.peer_cred() else { return };
    let router = router.layer(axum::Extension(Caller { uid: peer.uid() }));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(uid = peer.uid(), %error, "admin connection ended early");
    }
}
