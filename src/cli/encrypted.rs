//! TLS towards the daemon: whom do we believe to be it?

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::failure::Failure;
use super::reach::Tcp;

/// A connection to the daemon that nobody else reads or speaks for.
pub async fn over(stream: TcpStream, tcp: &Tcp) -> Result<TlsStream<TcpStream>, Failure> {
    let name = ServerName::try_from(tcp.host.clone())
        .map_err(|_| Failure::Usage(format!("{:?} is no name a certificate could have", tcp.host)))?;
    let connector = TlsConnector::from(Arc::new(configuration(tcp.cacert.as_deref())?));
    let shaking = tokio::time::timeout(std::time::Duration::from_secs(10), connector.connect(name, stream)).await;
    let error = match shaking {
        Ok(Ok(stream)) => return Ok(stream),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it did not answer the TLS handshake".to_owned(),
    };
    let advice = "with an authority of your own, --cacert or ZTPD_CACERT names its certificate";
    Err(Failure::Unreachable(format!("no daemon we trust at {}: {error}; {advice}", tcp.authority())))
}

fn configuration(cacert: Option<&Path>) -> Result<ClientConfig, Failure> {
    let mut roots = RootCertStore::empty();
    match cacert {
        Some(path) => {
            let unreadable =
                |error: &dyn std::fmt::Display| Failure::Usage(format!("--cacert {}: {error}", path.display()));
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(&error))? {
                let certificate = certificate.map_err(|error| unreadable(&error))?;
                roots.add(certificate).map_err(|error| unreadable(&error))?;
            }
            if roots.is_empty() {
                return Err(unreadable(&"it has no certificate in PEM form"));
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::Failed(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
