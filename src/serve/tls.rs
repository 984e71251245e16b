//! How do phones speak TLS with us? TLS 1.2 and 1.3 with AEAD suites; HTTP/1.1 and 1.0, never HTTP/2.

use std::sync::Arc;

use rustls::ServerConfig;

use crate::config::Certificate;

/// The TLS settings of the HTTPS listener for a certificate.
pub fn server_config(certificate: &Certificate) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificate.chain.clone(), certificate.key.clone_key())?;
    config.alpn_protocols = vec![b"http/1.1".to_vec(), b"http/1.0".to_vec()];
    Ok(Arc::new(config))
}
