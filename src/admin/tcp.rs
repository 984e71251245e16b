//! The admin plane over TCP: with TLS, except that on loopback a client may do without (policy A2).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{Peer, connection};

const HANDSHAKE: Duration = Duration::from_secs(10);
/// How many connections there may be at once.
const MOST: usize = 64;
/// What a TLS connection begins with: the content type of a handshake (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 22;

/// Serves until `shutdown`, then lets requests that are under way finish.
pub async fn serve(
    listener: TcpListener,
    tls: Arc<ArcSwap<ServerConfig>>,
    router: Router,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let seats = Arc::new(Semaphore::new(MOST));
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(_) = tasks.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => {
                    let Ok(seat) = Arc::clone(&seats).try_acquire_owned() else { continue };
                    let (tls, router, shutdown) = (tls.load_full(), router.clone(), shutdown.clone());
                    tasks.spawn(async move {
                        serve_one(stream, from, tls, router, shutdown).await;
                        drop(seat);
                    });
                }
                // Mostly for want of file descriptors: wait for some connection to end.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    }
    drop(listener);
    while tasks.join_next().await.is_some() {}
    Ok(())
}

async fn serve_one(
    stream: TcpStream,
    from: SocketAddr,
    tls: Arc<ServerConfig>,
    router: Router,
    shutdown: CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    let Ok(to) = stream.local_addr() else { return };
    let peer = Peer::Tcp { from, to };
    let mut first = [0u8; 1];
    let Ok(Ok(1)) = timeout(HANDSHAKE, stream.peek(&mut first)).await else { return };
    let local = to.ip().to_canonical().is_loopback();
    if local && first != [TLS_HANDSHAKE] {
        return connection::serve(stream, peer, router, shutdown).await;
    }
    match timeout(HANDSHAKE, TlsAcceptor::from(tls).accept(stream)).await {
        Ok(Ok(stream)) => connection::serve(stream, peer, router, shutdown).await,
        Ok(Err(error)) => tracing::debug!(address = %from, %error, "TLS handshake of the admin plane failed"),
        Err(_) => tracing::debug!(address = %from, "TLS handshake of the admin plane took too long"),
    }
}
