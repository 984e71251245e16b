//! HTTPS whose TLS a proxy speaks for us, for phones too old for TLS 1.2 (docs/old-phones.md): HTTP behind a header that
//! must come first. Only a Unix socket or a loopback address is listened on, since whoever reaches it is believed whom
//! it speaks for; identity headers count for nothing (policy D11). What the proxy says of client certificates counts for
//! nothing either: a phone behind it is known by its token or by a claim. Secrets go through old TLS (policy D3) only
//! here, where the operator has asked for it, and every event says through which.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::http::{HANDSHAKE, Place, exchange, take_seat};
use super::limits::Connections;
use super::proxy_header::{FIXED, HeaderError, Passed, passed, rest_length};
use crate::inventory::event::Plane;
use crate::provision::Pipeline;

/// Where a proxy connects.
pub enum ProxySocket {
    /// A loopback address.
    Tcp(TcpListener),
    /// A Unix socket.
    Unix(UnixListener),
}

/// A listener for a proxy.
pub struct ProxyListener {
    /// Its bound socket.
    pub socket: ProxySocket,
    /// What answers.
    pub pipeline: Arc<Pipeline>,
    /// The connections of all listeners.
    pub connections: Arc<Connections>,
}

/// Serves until `shutdown`, then lets requests that are under way finish. Drop it to end these too.
pub async fn serve_proxied(listener: ProxyListener, shutdown: CancellationToken) -> io::Result<()> {
    let ProxyListener { socket, pipeline, connections } = listener;
    let mut tasks = JoinSet::new();
    loop {
        let total = pipeline.snapshot.load().config.connections;
        let stream = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(_) = tasks.join_next() => continue,
            // Who has not said whom it speaks for has no place yet, but there are not more of them than places.
            accepted = async { connections.room(total).await; socket.accept().await }, if tasks.len() < total => match accepted {
                Ok(stream) => stream,
                // Mostly for want of file descriptors: wait for some connection to end.
                Err(_) => { tokio::time::sleep(Duration::from_millis(50)).await; continue }
            },
        };
        tasks.spawn(connection(stream, Arc::clone(&pipeline), Arc::clone(&connections), shutdown.clone()));
    }
    drop(socket);
    while tasks.join_next().await.is_some() {}
    Ok(())
}

impl ProxySocket {
    async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            ProxySocket::Tcp(socket) => {
                let (stream, _) = socket.accept().await?;
                // Phones send small requests and wait: what is written shall leave at once.
                let _ = stream.set_nodelay(true);
                Box::new(stream)
            }
            ProxySocket::Unix(socket) => Box::new(socket.accept().await?.0),
        })
    }
}

/// What both kinds of connections are.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

async fn connection(
    mut stream: Box<dyn Stream>,
    pipeline: Arc<Pipeline>,
    connections: Arc<Connections>,
    shutdown: CancellationToken,
) {
    let said = match timeout(HANDSHAKE, header(&mut stream)).await {
        Ok(Ok(said)) => said,
        Ok(Err(HeaderFault::Header(HeaderError::Local))) => return,
        Ok(Err(error)) => return tracing::warn!("the proxy in front of https.proxy is not understood: {error}"),
        Err(_) => return tracing::debug!("no PROXY header came in time"),
    };
    let address = said.peer.ip();
    let Some(seat) = take_seat(&pipeline, &connections, address) else { return };
    // Only where the proxy says that it speaks TLS with the phone is this a channel for secrets.
    let plane = if said.tls.is_some() { Plane::Https } else { Plane::Http };
    let mut place = Place::new(pipeline, seat, address, said.local);
    place.proxied_tls = said.tls;
    _ = exchange(stream, plane, place, shutdown).await;
}

#[derive(Debug, thiserror::Error)]
enum HeaderFault {
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads the header and not an octet more.
async fn header(stream: &mut (impl AsyncRead + Unpin)) -> Result<Passed, HeaderFault> {
    let mut fixed = [0; FIXED];
    stream.read_exact(&mut fixed).await?;
    let mut rest = vec![0; rest_length(&fixed)?];
    stream.read_exact(&mut rest).await?;
    Ok(passed(&fixed, &rest)?)
}
