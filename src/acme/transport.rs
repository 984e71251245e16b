//! How is an ACME server spoken with? HTTP/1.1 over TLS, a connection a request, with an end to every wait: whoever is
//! slow costs patience, never the daemon.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How long one answer may take, from the name to its last octet.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most octets an answer has.
const MOST: usize = 1 << 20;

/// Speaks with an ACME server.
#[derive(Clone)]
pub struct Transport {
    tls: TlsConnector,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The file with its authority.
    #[error("acme.authority: {0}: {1}")]
    Authority(String, String),
    /// It broke off.
    #[error("{0}: {1}")]
    Broken(String, String),
    /// It took too long.
    #[error("{0}: no answer within {after} seconds", after = PATIENCE.as_secs())]
    Slow(String),
    /// What it names is no place to ask.
    #[error("{0} is no https:// URL")]
    Url(String),
}

impl Transport {
    /// Believes servers that this authority vouches for, as PEM; without one, those that public ones do.
    pub fn new(authority: Option<&Path>) -> Result<Transport, TransportError> {
        let mut roots = RootCertStore::empty();
        match authority {
            Some(path) => {
                let unusable =
                    |error: &dyn ToString| TransportError::Authority(path.display().to_string(), error.to_string());
                for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unusable(&error))? {
                    let certificate = certificate.map_err(|error| unusable(&error))?;
                    roots.add(certificate).map_err(|error| unusable(&error))?;
                }
                if roots.is_empty() {
                    return Err(unusable(&"it has no certificate in PEM form"));
                }
            }
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TransportError::Authority(String::new(), error.to_string()))?;
        let config = builder.with_root_certificates(roots).with_no_client_auth();
        Ok(Transport { tls: TlsConnector::from(Arc::new(config)) })
    }

    async fn send(self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, TransportError> {
        let uri = request.uri().clone();
        let place = Place::of(&uri).ok_or_else(|| TransportError::Url(uri.to_string()))?;
        let broken = |error: &dyn ToString| TransportError::Broken(place.host.clone(), error.to_string());
        let stream = TcpStream::connect((place.host.as_str(), place.port)).await.map_err(|error| broken(&error))?;
        let name = ServerName::try_from(place.host.clone()).map_err(|error| broken(&error))?;
        let stream = self.tls.connect(name, stream).await.map_err(|error| broken(&error))?;
        let shaken = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = shaken.map_err(|error| broken(&error))?;
        let spoken = async {
            let response = sender.send_request(place.ask(request)).await.map_err(|error| broken(&error))?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, MOST).collect().await.map_err(|error| broken(&error))?.to_bytes();
            Ok(BytesResponse::from(Response::from_parts(parts, Full::new(body))))
        };
        tokio::pin!(spoken, connection);
        tokio::select! {
            answer = &mut spoken => answer,
            // The connection may be done with before its last octets were looked at.
            _ = &mut connection => spoken.await,
        }
    }
}

impl HttpClient for Transport {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let sending = timeout(PATIENCE, self.clone().send(request));
        Box::pin(async move {
            let answered = sending.await.unwrap_or_else(|_| Err(TransportError::Slow(host)));
            answered.map_err(|error| Error::Other(Box::new(error)))
        })
    }
}

/// Where a URL leads.
struct Place {
    host: String,
    port: u16,
    authority: HeaderValue,
}

impl Place {
    fn of(uri: &Uri) -> Option<Place> {
        if uri.scheme_str() != Some("https") {
            return None;
        }
        let authority = uri.authority()?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(443);
        Some(Place { host, port, authority: HeaderValue::from_str(authority.as_str()).ok()? })
    }

    /// The request as this server is asked it: its path alone, and whom it is for.
    fn ask(&self, mut request: Request<BodyWrapper<Bytes>>) -> Request<BodyWrapper<Bytes>> {
        request.headers_mut().insert(HOST, self.authority.clone());
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).parse();
        if let Ok(path) = path {
            *request.uri_mut() = path;
        }
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_server_that_never_answers_costs_half_a_minute() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/directory", silent.local_addr().unwrap());
        let transport = Transport::new(None).unwrap();
        let begun = tokio::time::Instant::now();
        let request = Request::builder().uri(&url).body(BodyWrapper::default()).unwrap();
        let Err(error) = transport.request(request).await else { panic!("an answer") };
        assert_eq!(
            (begun.elapsed().as_secs(), error.to_string()),
            (30, "127.0.0.1: no answer within 30 seconds".into())
        );
    }

    #[tokio::test]
    async fn what_cannot_be_asked_or_believed_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let empty = dir.path().join("empty.pem");
        std::fs::write(&empty, "").unwrap();
        for path in [empty, dir.path().join("none.pem")] {
            let Err(error) = Transport::new(Some(&path)) else { panic!("{path:?}") };
            assert!(error.to_string().starts_with("acme.authority: "), "{error}");
        }
        let request = Request::builder().uri("http://127.0.0.1/").body(BodyWrapper::default()).unwrap();
        let Err(error) = Transport::new(None).unwrap().request(request).await else { panic!("an answer") };
        assert_eq!(error.to_string(), "http://127.0.0.1/ is no https:// URL");
    }
}
