//! The device plane: what phones connect to. Each listener is handed its bound socket, the pipeline and its end.

mod http;
mod limits;
mod patience;
mod phones_tftp;
mod sent;
pub mod tftp;
mod tls;

pub use http::{Listener, Security, serve};
pub use limits::{Connections, Seat};
pub use phones_tftp::PhoneFiles;
pub use tls::server_config;
