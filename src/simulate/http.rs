//! One HTTP request as a phone makes it, and an answer only a phone would be content with: exact `Content-Length`, no chunks, no
//! redirect, no content coding (RFC 9112). Servers for phones learnt this the hard way; so a server that forgets it must be seen.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::url::Credentials;

/// Longer header blocks are given up.
const MAX_HEAD: usize = 16 * 1024;
/// Longer files are given up; firmware is not fetched here.
const MAX_BODY: usize = 4 * 1024 * 1024;

/// The protocol version a phone says it speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum HttpVersion {
    Http10,
    Http11,
}

/// One request.
pub(super) struct HttpRequest<'a> {
    pub(super) version: HttpVersion,
    pub(super) path: &'a str,
    pub(super) host: &'a str,
    pub(super) agent: &'a str,
    pub(super) credentials: Option<&'a Credentials>,
    /// What is sent up with PUT; nothing is a GET.
    pub(super) upload: Option<&'a [u8]>,
}

/// An answer that could be read whole.
#[derive(Debug, PartialEq)]
pub(super) struct HttpAnswer {
    pub(super) status: u16,
    pub(super) challenge: Option<String>,
    pub(super) body: Vec<u8>,
}

/// Why an answer is of no use to a phone.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpFault {
    #[error("chunked transfer coding")]
    Chunked,
    #[error("content coding {0:?}")]
    Encoded(String),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("malformed answer: {0}")]
    Malformed(&'static str),
    #[error("no Content-Length")]
    NoLength,
    #[error("status {0} redirects to {1:?}")]
    Redirect(u16, String),
    #[error("too long")]
    TooLong,
    #[error("cut short: {got} of {length} bytes")]
    Truncated { got: usize, length: usize },
}

/// Asks one question on a fresh connection and reads the answer.
pub(super) async fn exchange<S>(stream: &mut S, request: &HttpRequest<'_>) -> Result<HttpAnswer, HttpFault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(&request.bytes()).await?;
    stream.flush().await?;
    let (head, rest) = read_head(stream).await?;
    let head = Head::parse(&head)?;
    if (301..=308).contains(&head.status) {
        return Err(HttpFault::Redirect(head.status, head.header("location").unwrap_or_default().to_owned()));
    }
    let length = head.body_length()?;
    let body = read_body(stream, rest, length).await?;
    Ok(HttpAnswer { status: head.status, challenge: head.header("www-authenticate").map(str::to_owned), body })
}

impl HttpRequest<'_> {
    fn bytes(&self) -> Vec<u8> {
        let verb = if self.upload.is_some() { "PUT" } else { "GET" };
        let version = match self.version {
            HttpVersion::Http10 => "HTTP/1.0",
            HttpVersion::Http11 => "HTTP/1.1",
        };
        let path = if self.path.is_empty() { "/" } else { self.path };
        let path = path.replace(' ', "%20");
        let mut head = format!("{verb} {path} {version}\r\nHost: {}\r\nUser-Agent: {}\r\n", self.host, self.agent);
        head.push_str("Accept: */*\r\nConnection: close\r\n");
        if let Some(who) = self.credentials {
            let basic = STANDARD.encode(format!("{}:{}", who.user, who.password));
            head.push_str(&format!("Authorization: Basic {basic}\r\n"));
        }
        if let Some(body) = self.upload {
            head.push_str(&format!("Content-Type: application/octet-stream\r\nContent-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(self.upload.unwrap_or_default());
        bytes
    }
}

/// Status line and headers, names in lower case.
#[derive(Debug)]
struct Head {
    status: u16,
    headers: Vec<(String, String)>,
}

impl Head {
    fn parse(bytes: &[u8]) -> Result<Head, HttpFault> {
        let text = std::str::from_utf8(bytes).map_err(|_| HttpFault::Malformed("header is not text"))?;
        let mut lines = text.split("\r\n");
        let mut words = lines.next().unwrap_or_default().splitn(3, ' ');
        if !words.next().is_some_and(|version| version == "HTTP/1.1" || version == "HTTP/1.0") {
            return Err(HttpFault::Malformed("no HTTP/1 status line"));
        }
        let status = words.next().filter(|code| code.len() == 3).and_then(|code| code.parse().ok());
        let status = status.ok_or(HttpFault::Malformed("no status code"))?;
        let mut headers = Vec::new();
        for line in lines.filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').ok_or(HttpFault::Malformed("a header without a colon"))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(Head { status, headers })
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn body_length(&self) -> Result<usize, HttpFault> {
        if self.header("transfer-encoding").is_some() {
            return Err(HttpFault::Chunked);
        }
        if let Some(coding) = self.header("content-encoding").filter(|coding| *coding != "identity") {
            return Err(HttpFault::Encoded(coding.to_owned()));
        }
        if self.status == 204 || self.status == 304 {
            return Ok(0);
        }
        let lengths: Vec<&str> =
            self.headers.iter().filter(|(name, _)| name == "content-length").map(|(_, value)| value.as_str()).collect();
        match lengths.as_slice() {
            [] => Err(HttpFault::NoLength),
            [one] => one.parse().map_err(|_| HttpFault::Malformed("Content-Length is no number")),
            _ => Err(HttpFault::Malformed("several Content-Length")),
        }
    }
}

/// Reads up to the empty line; what came after it belongs to the body.
async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> Result<(Vec<u8>, Vec<u8>), HttpFault> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            bytes.truncate(end);
            return Ok((bytes, rest));
        }
        if bytes.len() > MAX_HEAD {
            return Err(HttpFault::TooLong);
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(HttpFault::Malformed("the connection closed before the answer"));
        }
    }
}

async fn read_body<S: AsyncRead + Unpin>(stream: &mut S, begun: Vec<u8>, length: usize) -> Result<Vec<u8>, HttpFault> {
    if length > MAX_BODY {
        return Err(HttpFault::TooLong);
    }
    let mut body = begun;
    while body.len() < length {
        if stream.read_buf(&mut body).await? == 0 {
            return Err(HttpFault::Truncated { got: body.len(), length });
        }
    }
    if body.len() > length {
        return Err(HttpFault::Malformed("more bytes than Content-Length"));
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(answer: &[u8]) -> Result<HttpAnswer, HttpFault> {
        let (mut phone, mut server) = tokio::io::duplex(64 * 1024);
        server.write_all(answer).await.unwrap();
        server.shutdown().await.unwrap();
        let request = HttpRequest {
            version: HttpVersion::Http11,
            path: "/x.cfg",
            host: "h:1",
            agent: "A",
            credentials: None,
            upload: None,
        };
        exchange(&mut phone, &request).await
    }

    #[tokio::test]
    async fn a_plain_answer_is_read() {
        let answer = ask(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Type: text/plain\r\n\r\nabc").await.unwrap();
        assert_eq!(answer, HttpAnswer { status: 200, challenge: None, body: b"abc".to_vec() });
        assert_eq!(ask(b"HTTP/1.0 404 No\r\ncontent-length: 0\r\n\r\n").await.unwrap().status, 404);
    }

    #[tokio::test]
    async fn what_phones_dislike_is_refused() {
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        assert!(matches!(ask(chunked).await, Err(HttpFault::Chunked)));
        assert!(matches!(ask(b"HTTP/1.1 200 OK\r\n\r\nabc").await, Err(HttpFault::NoLength)));
        let moved = b"HTTP/1.1 302 Found\r\nLocation: https://x/\r\nContent-Length: 0\r\n\r\n";
        assert!(matches!(ask(moved).await, Err(HttpFault::Redirect(302, to)) if to == "https://x/"));
        let short = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc";
        assert!(matches!(ask(short).await, Err(HttpFault::Truncated { got: 3, length: 9 })));
        let packed = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n";
        assert!(matches!(ask(packed).await, Err(HttpFault::Encoded(_))));
        assert!(matches!(ask(b"SSH-2.0\r\n\r\n").await, Err(HttpFault::Malformed(_))));
        assert!(matches!(ask(b"").await, Err(HttpFault::Malformed(_))));
    }

    #[test]
    fn credentials_and_uploads_are_spelt_as_http_wants_them() {
        let who = Credentials { user: "Aladdin".into(), password: "open sesame".into() };
        let request = HttpRequest {
            version: HttpVersion::Http10,
            path: "",
            host: "h",
            agent: "A",
            credentials: Some(&who),
            upload: Some(b"log"),
        };
        let text = String::from_utf8(request.bytes()).unwrap();
        assert!(text.starts_with("PUT / HTTP/1.0\r\nHost: h\r\nUser-Agent: A\r\n"), "{text}");
        assert!(text.contains("Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
        assert!(text.ends_with("Content-Length: 3\r\n\r\nlog"));
    }
}
