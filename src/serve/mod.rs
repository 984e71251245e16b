//! The device plane: what phones connect to. Each listener is handed its bound socket, the pipeline and its end.

mod client_certificate;
mod handshake;
mod http;
mod limits;
mod patience;
mod phones_tftp;
mod proxied;
mod proxy_header;
mod sent;
pub mod tftp;
mod tls;

pub use client_certificate::{Authorities, Judged, Presented};
pub use http::{Listener, Security, serve};
pub use limits::{Connections, Seat};
pub use phones_tftp::PhoneFiles;
pub use proxied::{ProxyListener, ProxySocket, serve_proxied};
pub use tls::{Tls, TlsError, TlsInForce, server_config};
