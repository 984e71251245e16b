//! HTTPS and HTTP for phones: an accept loop of our own, so that every timer is ours to set (policy D15). Exact
//! `Content-Length`, never chunked, no redirect, HTTP/1.1 and 1.0.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body::Body as HttpBody;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::service::{Service, service_fn};
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::challenges::{Challenges, PROTOCOL};
use super::client_certificate::Presented;
use super::handshake::{Ends, handshake};
use super::limits::{Connections, Most, Seat};
use super::patience::{Length, Patience, Watched};
use super::sent::Sent;
use super::tls::TlsInForce;
use crate::inventory::event::Plane;
use crate::inventory::secret::Secret;
use crate::provision::{Answer, Body, ClientCertificate, Method, Pipeline, Request};

/// How long a connection may take to say who it is for, and to agree on keys.
pub(super) const HANDSHAKE: Duration = Duration::from_secs(10);
const HEADER_BLOCK: usize = 8 * 1024;
/// Refusals, and what goes to a phone that names itself and shows nothing, leave at multiples of this, whatever was
/// looked up for them (policy D12).
const TICK: Duration = Duration::from_millis(5);

/// Whether a listener speaks TLS.
#[derive(Clone)]
pub enum Security {
    /// Plain HTTP: public files only, and what ACME servers are shown.
    None(Arc<Challenges>),
    /// HTTPS, with the settings of the moment a connection comes in.
    Tls(Arc<TlsInForce>),
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
        let Some(seat) = take_seat(&pipeline, &connections, address) else { continue };
        let Ok(local) = stream.local_addr() else { continue };
        let local = SocketAddr::new(local.ip().to_canonical(), local.port());
        let place = Place::new(Arc::clone(&pipeline), seat, address, local);
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

/// A place for a connection from that address, if the settings leave one.
pub(super) fn take_seat(pipeline: &Pipeline, connections: &Arc<Connections>, address: IpAddr) -> Option<Seat> {
    let config = &pipeline.snapshot.load().config;
    let most = Most { total: config.connections, unproven: config.unproven_per_address };
    connections.seat(address, most, || pipeline.is_nat_exit(address))
}

/// One connection's circumstances.
#[derive(Clone)]
pub(super) struct Place {
    pipeline: Arc<Pipeline>,
    seat: Arc<Mutex<Seat>>,
    peer: IpAddr,
    local: SocketAddr,
    tls: Option<PeerTls>,
    /// The TLS that a proxy speaks with the peer.
    pub(super) proxied_tls: Option<String>,
    /// What an ACME server is shown that asks here.
    challenges: Option<Arc<Challenges>>,
}

impl Place {
    /// A connection from `peer` to `local`, without a certificate.
    pub(super) fn new(pipeline: Arc<Pipeline>, seat: Seat, peer: IpAddr, local: SocketAddr) -> Place {
        Place {
            pipeline,
            seat: Arc::new(Mutex::new(seat)),
            peer,
            local,
            tls: None,
            proxied_tls: None,
            challenges: None,
        }
    }
}

/// The certificate a peer sent, and where it is told who vouches for phones.
#[derive(Clone)]
struct PeerTls {
    presented: Arc<Presented>,
    in_force: Arc<TlsInForce>,
}

async fn connection(stream: TcpStream, security: Security, mut place: Place, shutdown: CancellationToken) {
    // Phones send small requests and wait: what is written shall leave at once.
    let _ = stream.set_nodelay(true);
    match security {
        Security::None(challenges) => {
            place.challenges = Some(challenges);
            exchange(stream, Plane::Http, place, shutdown).await;
        }
        Security::Tls(in_force) => {
            let config = Arc::clone(&in_force.load().config);
            let ends = Ends { peer: place.peer, local: place.local.ip() };
            if let Some((stream, in_vain)) = handshake(stream, config, &place.pipeline, ends).await {
                // An ACME server has seen what it came for.
                if stream.get_ref().1.alpn_protocol() == Some(PROTOCOL) {
                    return;
                }
                let chain = stream.get_ref().1.peer_certificates().unwrap_or_default().to_vec();
                place.tls = Some(PeerTls { presented: Arc::new(Presented::new(chain)), in_force });
                let pipeline = Arc::clone(&place.pipeline);
                if exchange(stream, Plane::Https, place, shutdown).await == Asked::Nothing {
                    pipeline.saw_handshake(in_vain);
                }
            }
        }
    }
}

/// Whether anything was asked over a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Asked {
    Nothing,
    Something,
}

/// The requests of one connection, one after the other, until it ends or takes too long.
pub(super) async fn exchange<S>(stream: S, plane: Plane, place: Place, shutdown: CancellationToken) -> Asked
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let peer = place.peer;
    let patience = Patience::new();
    let answering = patience.clone();
    let asked = CancellationToken::new();
    let (first, ever) = (asked.clone(), asked.clone());
    let service = service_fn(move |request| {
        first.cancel();
        let (place, patience) = (place.clone(), answering.clone());
        async move {
            patience.answering();
            let response = respond(request, plane, place).await;
            Ok::<_, Infallible>(response.map(|body| {
                let length = if matches!(body, Sent::File { .. }) { Length::Long } else { Length::Short };
                patience.sending(body, length)
            }))
        }
    });
    // Who came in at the last moment still gets an answer to the request that is on its way.
    let stop = async move { ((), ()) = (shutdown.cancelled().await, asked.cancelled().await) };
    converse(patience.watch(stream), service, &patience, peer, stop).await;
    if ever.is_cancelled() { Asked::Something } else { Asked::Nothing }
}

/// HTTP/1.1 and 1.0 over a stream, within the patience there is.
async fn converse<S, F, B>(
    stream: Watched<S>,
    service: F,
    patience: &Patience,
    peer: IpAddr,
    stop: impl Future<Output = ()>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Service<hyper::Request<Incoming>, Response = Response<B>, Error = Infallible>,
    B: HttpBody<Error = io::Error> + 'static,
{
    let connection = hyper::server::conn::http1::Builder::new()
        .header_read_timeout(None)
        .max_buf_size(HEADER_BLOCK)
        .max_headers(64)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        why = patience.ended() => {
            tracing::debug!(address = %peer, why, "connection cut off");
            return;
        }
        () = stop => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection.as_mut() => ended,
                _ = patience.ended() => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(address = %peer, %error, "connection ended early");
    }
}

/// When a refusal leaves: at the next tick since the request came, so that its time tells nothing of the work it took.
async fn at_next_tick(came: Instant) {
    let took = came.elapsed().as_micros();
    let ticks = took.div_euclid(TICK.as_micros()).saturating_add(1);
    sleep_until(came + TICK.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX))).await;
}

async fn respond(request: hyper::Request<Incoming>, plane: Plane, place: Place) -> Response<Sent> {
    let came = Instant::now();
    let method = match *request.method() {
        hyper::Method::GET => Method::Get,
        hyper::Method::HEAD => Method::Head,
        _ => return refused(StatusCode::METHOD_NOT_ALLOWED),
    };
    if request.body().size_hint().exact() != Some(0) {
        return refused(StatusCode::BAD_REQUEST);
    }
    if let Some(text) = place.challenges.as_ref().and_then(|challenges| challenges.text(request.uri().path())) {
        return response(Answer::public("application/octet-stream", text.into_bytes()));
    }
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let tls = place.tls.clone();
    let mut asked = Request {
        plane,
        method,
        target: request.uri().path().to_owned(),
        user_agent: text(header::USER_AGENT),
        authorization: text(header::AUTHORIZATION).map(Secret::new),
        peer: place.peer,
        local: place.local,
        time: place.pipeline.clock.now(),
        certificate: ClientCertificate::None,
        proxied_tls: place.proxied_tls.clone(),
    };
    let pipeline = Arc::clone(&place.pipeline);
    let answered = tokio::task::spawn_blocking(move || {
        if let Some(tls) = tls {
            asked.certificate = tls.presented.at(&tls.in_force.load().authorities, asked.time);
        }
        pipeline.answer(&asked)
    });
    let Ok(answer) = answered.await else {
        return refused(StatusCode::SERVICE_UNAVAILABLE);
    };
    if answer.proven {
        place.seat.lock().unwrap_or_else(PoisonError::into_inner).prove();
    } else if answer.paced {
        at_next_tick(came).await;
    }
    response(answer)
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
    for challenge in answer.challenges.iter().filter_map(|challenge| HeaderValue::from_str(challenge).ok()) {
        headers.append(header::WWW_AUTHENTICATE, challenge);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn sec_d12_a_refusal_leaves_at_the_same_time_whatever_work_it_took() {
        for micros in [0, 10, 900, 3_000, 4_900] {
            let came = Instant::now();
            tokio::time::advance(Duration::from_micros(micros)).await;
            at_next_tick(came).await;
            let left = came.elapsed().as_millis();
            assert!((5..=6).contains(&left), "{left} ms, after {micros} microseconds of work");
        }
        let came = Instant::now();
        tokio::time::advance(Duration::from_micros(7_300)).await;
        at_next_tick(came).await;
        assert!((10..=11).contains(&came.elapsed().as_millis()));
    }
}
