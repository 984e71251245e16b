//! One question to the daemon and its answer: HTTP/1.1 over the Unix socket or over TCP with TLS.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, HOST, IF_MATCH};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::encrypted;
use super::failure::{Failure, Refusal};
use super::reach::{Endpoint, Scheme, Tcp};

/// How long it may take to reach the daemon.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer, or the next part of a long one, may take.
const ANSWER: Duration = Duration::from_secs(60);
/// How long the answer to much work may take.
const LONG_ANSWER: Duration = Duration::from_secs(600);
/// The most octets an answer has.
const MOST: usize = 256 << 20;

/// Speaks to one daemon.
#[derive(Debug)]
pub struct Client {
    endpoint: Endpoint,
}

/// A question.
#[derive(Debug)]
pub struct Ask {
    method: Method,
    path: String,
    body: Option<Body>,
    if_match: Option<String>,
    patience: Duration,
}

/// What is sent along.
#[derive(Debug)]
struct Body {
    kind: &'static str,
    octets: Vec<u8>,
}

/// An answer that is no refusal.
#[derive(Debug)]
pub struct Answer {
    /// The revision of what it shows.
    pub etag: Option<String>,
    /// What is weaker while lab mode is on.
    pub lab: Option<String>,
    /// Its body.
    pub body: Bytes,
}

impl Ask {
    /// Shows something. The path is that below `/api/v1/`.
    pub fn get(path: impl Into<String>) -> Ask {
        Ask { method: Method::GET, path: path.into(), body: None, if_match: None, patience: ANSWER }
    }

    /// Removes something.
    pub fn delete(path: impl Into<String>) -> Ask {
        Ask { method: Method::DELETE, ..Ask::get(path) }
    }

    /// Makes or does something.
    pub fn post(path: impl Into<String>, body: Value) -> Ask {
        Ask { method: Method::POST, body: Some(Body::json(&body)), ..Ask::get(path) }
    }

    /// Replaces something.
    pub fn put(path: impl Into<String>, body: Value) -> Ask {
        Ask { method: Method::PUT, body: Some(Body::json(&body)), ..Ask::get(path) }
    }

    /// Changes something: RFC 7396.
    pub fn patch(path: impl Into<String>, body: Value) -> Ask {
        Ask { method: Method::PATCH, body: Some(Body::json(&body)), ..Ask::get(path) }
    }

    /// Sends a file.
    pub fn upload(path: impl Into<String>, kind: &'static str, octets: Vec<u8>) -> Ask {
        Ask { method: Method::POST, body: Some(Body { kind, octets }), ..Ask::get(path) }
    }

    /// Waits as long as much work may take.
    pub fn patient(self) -> Ask {
        Ask { patience: LONG_ANSWER, ..self }
    }

    /// Only if it still has this revision; quotation marks may be left out.
    pub fn if_match(mut self, tag: Option<&str>) -> Ask {
        self.if_match =
            tag.map(|tag| if tag == "*" { tag.to_owned() } else { format!("\"{}\"", tag.trim_matches('"')) });
        self
    }
}

impl Body {
    fn json(value: &Value) -> Body {
        Body { kind: "application/json", octets: value.to_string().into_bytes() }
    }
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Result<Value, Failure> {
        serde_json::from_slice(&self.body)
            .map_err(|_| Failure::Failed("the answer is no JSON: is it the admin API of ztpd?".into()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    /// Speaks to this daemon. Nothing is sent yet.
    pub fn new(endpoint: Endpoint) -> Client {
        Client { endpoint }
    }

    /// Asks and waits for the answer; a refusal is a failure.
    pub async fn send(&self, ask: Ask) -> Result<Answer, Failure> {
        self.answered(ask, None).await
    }

    /// Asks and writes what comes, however much it is, into a file.
    pub async fn fetch(&self, ask: Ask, into: &mut File) -> Result<Answer, Failure> {
        self.answered(ask, Some(into)).await
    }

    async fn answered(&self, ask: Ask, into: Option<&mut File>) -> Result<Answer, Failure> {
        let patience = ask.patience;
        let request = self.request(ask)?;
        let answered = match &self.endpoint {
            Endpoint::Socket(path) => exchange(connect_unix(path).await?, request, into, patience).await,
            Endpoint::Tcp(tcp) => {
                let stream = connect_tcp(tcp).await?;
                match tcp.scheme {
                    Scheme::Http => exchange(stream, request, into, patience).await,
                    Scheme::Https => exchange(encrypted::over(stream, tcp).await?, request, into, patience).await,
                }
            }
        };
        let (status, answer) = answered?;
        if status.is_success() {
            Ok(answer)
        } else {
            Err(Failure::Refused(Refusal::read(status.as_u16(), &answer.body)))
        }
    }

    fn request(&self, ask: Ask) -> Result<Request<Full<Bytes>>, Failure> {
        let mut request = Request::builder().method(ask.method).uri(format!("/api/v1/{}", ask.path));
        request = match &self.endpoint {
            Endpoint::Socket(_) => request.header(HOST, "ztpd"),
            Endpoint::Tcp(tcp) => {
                request.header(HOST, tcp.authority()).header(AUTHORIZATION, format!("Bearer {}", tcp.token.reveal()))
            }
        };
        if let Some(tag) = ask.if_match {
            request = request.header(IF_MATCH, tag);
        }
        let body = match ask.body {
            Some(body) => {
                request = request.header(CONTENT_TYPE, body.kind);
                Bytes::from(body.octets)
            }
            None => Bytes::new(),
        };
        request
            .body(Full::new(body))
            .map_err(|_| Failure::Usage("a token, an ETag or a host with characters that fit in no HTTP header".into()))
    }
}

async fn exchange<S>(
    stream: S,
    request: Request<Full<Bytes>>,
    into: Option<&mut File>,
    patience: Duration,
) -> Result<(StatusCode, Answer), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let broken = |error: hyper::Error| Failure::Failed(format!("the connection to the daemon broke: {error}"));
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let spoken = async {
        let response = within(patience, sender.send_request(request)).await?.map_err(broken)?;
        let status = response.status();
        let text = |name: &str| response.headers().get(name).and_then(|text| text.to_str().ok()).map(str::to_owned);
        let (etag, lab) = (text(ETAG.as_str()), text("ztpd-lab"));
        let body = match into {
            Some(file) if status.is_success() => written(response.into_body(), file, patience).await?,
            _ => {
                let body = within(patience, Limited::new(response.into_body(), MOST).collect()).await?;
                body.map_err(|error| Failure::Failed(format!("the answer broke off: {error}")))?.to_bytes()
            }
        };
        Ok((status, Answer { etag, lab, body }))
    };
    tokio::pin!(connection);
    tokio::pin!(spoken);
    tokio::select! {
        answer = &mut spoken => answer,
        // The connection may be done with before its last octets were looked at.
        _ = &mut connection => spoken.await,
    }
}

/// Writes a body into a file, part by part.
async fn written(mut body: Incoming, file: &mut File, patience: Duration) -> Result<Bytes, Failure> {
    while let Some(frame) = within(patience, body.frame()).await? {
        let frame = frame.map_err(|error| Failure::Failed(format!("the answer broke off: {error}")))?;
        let Ok(octets) = frame.into_data() else { continue };
        file.write_all(&octets).map_err(|error| Failure::Failed(format!("what came cannot be written: {error}")))?;
    }
    Ok(Bytes::new())
}

/// What the daemon says, if it says so in time.
async fn within<T>(patience: Duration, said: impl Future<Output = T>) -> Result<T, Failure> {
    let late = |_| Failure::Failed(format!("the daemon gave no answer within {} seconds", patience.as_secs()));
    tokio::time::timeout(patience, said).await.map_err(late)
}

async fn connect_unix(path: &Path) -> Result<UnixStream, Failure> {
    let connecting = tokio::time::timeout(CONNECT, UnixStream::connect(path)).await;
    let error = match connecting {
        Ok(Ok(stream)) => return Ok(stream),
        Ok(Err(error)) => error,
        Err(_) => std::io::ErrorKind::TimedOut.into(),
    };
    let path = path.display();
    Err(match error.kind() {
        std::io::ErrorKind::PermissionDenied => Failure::refused(format!(
            "you may not use {path}: `ls -l` names the group that may; become a member of it, or its owner"
        )),
        std::io::ErrorKind::NotFound => Failure::Unreachable(format!(
            "no daemon at {path}: there is no such socket; start one with `ztpd serve`, or name its socket with \
             --socket or ZTPD_SOCKET"
        )),
        std::io::ErrorKind::ConnectionRefused => Failure::Unreachable(format!(
            "no daemon at {path}: nobody listens there any more; start it again with `ztpd serve`"
        )),
        _ => Failure::Unreachable(format!("no daemon at {path}: {error}")),
    })
}

async fn connect_tcp(tcp: &Tcp) -> Result<TcpStream, Failure> {
    let connecting = tokio::time::timeout(CONNECT, TcpStream::connect((tcp.host.as_str(), tcp.port))).await;
    let error = match connecting {
        Ok(Ok(stream)) => return Ok(stream),
        Ok(Err(error)) => error,
        Err(_) => std::io::ErrorKind::TimedOut.into(),
    };
    let advice = "is it the address of `[admin] listen`, and does a firewall let us through?";
    Err(Failure::Unreachable(format!("no daemon at {}: {error}; {advice}", tcp.authority())))
}

impl Tcp {
    /// `host:port`, as URLs and `Host` have it.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}
