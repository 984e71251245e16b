//! HTTPS and HTTP for phones: an accept loop of our own, so that every timer is ours to set (policy D15). Exact
//! `Content-Length`, never chunked, no redirect, HTTP/1.1 and 1.0.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::limits::{Connections, Most, Seat};
use crate::inventory::event::Plane;
use crate::provision::{Answer, Body, Method, Pipeline, Request};

const HANDSHAKE: Duration = Duration::from_secs(10);
const HEADER: Duration = Duration::from_secs(10);
const REQUEST: Duration = Duration::from_secs(30);
const HEADER_BLOCK: usize = 8 * 1024;

/// Whether a listener speaks TLS.
#[derive(Clone)]
pub enum Security {
    /// Plain HTTP: public files only.
    None,
    /// HTTPS, with the settings of the moment a connection comes in.
    Tls(Arc<ArcSwap<ServerConfig>>),
}

/// A listener of the device plane.
pub struct Listener {
    /// Its bound socket.
    pub socket: TcpListener,
    /// Whether it speaks TLS.
    pub security: Security,
    /// What answers.
    pub pipeline: Arc<Pipeline>,
    /// The connections of all listeners.
    pub connections: Arc<Connections>,
}

/// Serves until `shutdown`, then lets requests that are under way finish. Drop it to end these too.
pub async fn serve(listener: Listener, shutdown: CancellationToken) -> io::Result<()> {
    let Listener { socket, security, pipeline, connections } = listener;
    let mut tasks = JoinSet::new();
    loop {
        let (stream, peer) = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(_) = tasks.join_next() => continue,
            accepted = next_connection(&socket, &pipeline, &connections) => match accepted {
                Ok(accepted) => accepted,
                // Mostly for want of file descriptors: wait for some connection to end.
                Err(_) => { tokio::time::sleep(Duration::from_millis(50)).await; continue }
            },
        };
        let address = peer.ip().to_canonical();
        let config = &pipeline.snapshot.load().config;
        let most = Most { total: config.connections, unproven: config.unproven_per_address };
        let nat_exit = || is_nat_exit(&pipeline, address);
        let Some(seat) = connections.seat(address, most, nat_exit) else { continue };
        let Ok(local) = stream.local_addr() else { continue };
        let local = SocketAddr::new(local.ip().to_canonical(), local.port());
        let place = Place { pipeline: Arc::clone(&pipeline), seat: Arc::new(Mutex::new(seat)), peer: address, local };
        tasks.spawn(connection(stream, security.clone(), place, shutdown.clone()));
    }
    drop(socket);
    while tasks.join_next().await.is_some() {}
    Ok(())
}

/// The next connection, once there is room for one.
async fn next_connection(
    socket: &TcpListener,
    pipeline: &Pipeline,
    connections: &Connections,
) -> io::Result<(TcpStream, SocketAddr)> {
    let total = pipeline.snapshot.load().config.connections;
    connections.room(total).await;
    socket.accept().await
}

/// Whether a site lists the address as a single host: the exit of a network behind NAT.
fn is_nat_exit(pipeline: &Pipeline, address: IpAddr) -> bool {
    let page = crate::store::PageRequest { after: None, limit: 1000 };
    let single = |network: &ipnet::IpNet| network.prefix_len() == network.max_prefix_len() && network.addr() == address;
    pipeline.store.sites(&page).is_ok_and(|sites| sites.iter().any(|site| site.value.networks.iter().any(single)))
}

/// One connection's circumstances.
#[derive(Clone)]
struct Place {
    pipeline: Arc<Pipeline>,
    seat: Arc<Mutex<Seat>>,
    peer: IpAddr,
    local: SocketAddr,
}

async fn connection(stream: TcpStream, security: Security, place: Place, shutdown: CancellationToken) {
    // Phones send small requests and wait: what is written shall leave at once.
    let _ = stream.set_nodelay(true);
    match security {
        Security::None => exchange(stream, Plane::Http, place, shutdown).await,
        Security::Tls(config) => {
            let acceptor = TlsAcceptor::from(config.load_full());
            match timeout(HANDSHAKE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => exchange(stream, Plane::Https, place, shutdown).await,
                Ok(Err(error)) => tracing::info!(address = %place.peer, %error, "TLS handshake failed"),
                Err(_) => tracing::debug!(address = %place.peer, "TLS handshake took too long"),
            }
        }
    }
}

async fn exchange<S>(stream: S, plane: Plane, place: Place, shutdown: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let peer = place.peer;
    let service = service_fn(move |request| respond(request, plane, place.clone()));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER)
        .max_buf_size(HEADER_BLOCK)
        .max_headers(64)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(address = %peer, %error, "connection ended early");
    }
}

async fn respond(request: hyper::Request<Incoming>, plane: Plane, place: Place) -> Result<Response<Sent>, Infallible> {
    let method = match *request.method() {
        hyper::Method::GET => Method::Get,
        hyper::Method::HEAD => Method::Head,
        _ => return Ok(refused(StatusCode::METHOD_NOT_ALLOWED)),
    };
    if request.body().size_hint().exact() != Some(0) {
        return Ok(refused(StatusCode::BAD_REQUEST));
    }
    let agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let asked = Request {
        plane,
        method,
        target: request.uri().path().to_owned(),
        user_agent: agent,
        peer: place.peer,
        local: place.local,
        time: place.pipeline.clock.now(),
    };
    let pipeline = Arc::clone(&place.pipeline);
    let answered = tokio::task::spawn_blocking(move || pipeline.answer(&asked));
    let Ok(Ok(answer)) = timeout(REQUEST, answered).await else {
        return Ok(refused(StatusCode::SERVICE_UNAVAILABLE));
    };
    if answer.proven {
        place.seat.lock().unwrap_or_else(PoisonError::into_inner).prove();
    }
    Ok(response(answer))
}

fn response(answer: Answer) -> Response<Sent> {
    let length = answer.body.length();
    let body = match answer.body {
        Body::File(file) => Sent::File { file: tokio::fs::File::from_std(file.file), left: length },
        Body::Octets(octets) => Sent::Octets(Some(octets.into())),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if answer.secret {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

/// Nothing to read here: the connection ends, so that a body nobody wanted is not read either.
fn refused(status: StatusCode) -> Response<Sent> {
    let mut response = Response::new(Sent::Octets(None));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

/// A body of known length.
pub enum Sent {
    /// A file, read while it is sent.
    File {
        /// The file.
        file: tokio::fs::File,
        /// Octets still to send.
        left: u64,
    },
    /// Octets, until they are sent.
    Octets(Option<Bytes>),
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Sent::Octets(octets) => Poll::Ready(octets.take().map(|octets| Ok(Frame::data(octets)))),
            Sent::File { left: 0, .. } => Poll::Ready(None),
            Sent::File { file, left } => {
                let mut chunk = vec![0; usize::try_from(*left).unwrap_or(usize::MAX).min(64 * 1024)];
                let mut buffer = ReadBuf::new(&mut chunk);
                match Pin::new(file).poll_read(cx, &mut buffer) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(Err(error)) => Poll::Ready(Some(Err(error))),
                    Poll::Ready(Ok(())) => {
                        let read = buffer.filled().len();
                        if read == 0 {
                            return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
                        }
                        *left = left.saturating_sub(read as u64);
                        chunk.truncate(read);
                        Poll::Ready(Some(Ok(Frame::data(chunk.into()))))
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Sent::Octets(None) | Sent::File { left: 0, .. })
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Sent::File { left, .. } => SizeHint::with_exact(*left),
            Sent::Octets(octets) => SizeHint::with_exact(octets.as_ref().map_or(0, |octets| octets.len() as u64)),
        }
    }
}
