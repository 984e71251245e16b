//! Can what phones need be reached? Name, TCP and TLS, each step with its own fault and its own patience: towards the
//! makers' [`services`], towards [`own`] public URL, and the [`sip`] server's word that it is there.
//!
//! Only names and addresses that the operator or this program wrote are tried, never what a packet said (policy D26).

pub mod own;
pub mod services;
pub mod sip;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

pub use tls::{Shown, handshake};

use crate::host::resolver;

/// How long one address may take to answer.
const CONNECT: Duration = Duration::from_secs(3);
/// How many addresses of a name are tried.
const MOST_ADDRESSES: usize = 2;

/// A port of a host.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Place {
    /// Name or address, an IPv6 address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// The step that failed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Fault {
    /// The name leads nowhere.
    #[error("the name is not known here: {0}")]
    Name(String),
    /// No connection.
    #[error("no connection by TCP: {0}")]
    Tcp(String),
    /// Something answers, and does not speak TLS.
    #[error("no TLS: {0}")]
    Tls(String),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl Place {
    /// Its addresses.
    pub async fn addresses(&self) -> Result<Vec<SocketAddr>, Fault> {
        let mut found =
            resolver::lookup(&self.host, self.port).await.map_err(|error| Fault::Name(error.to_string()))?;
        found.truncate(MOST_ADDRESSES);
        Ok(found)
    }

    /// A connection, to the first address that gives one.
    pub async fn connect(&self) -> Result<TcpStream, Fault> {
        let mut why = String::new();
        for address in self.addresses().await? {
            match timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => why = refused(address, &error),
                Err(_) => why = format!("{address} does not answer within {} s", CONNECT.as_secs()),
            }
        }
        Err(Fault::Tcp(why))
    }
}

fn refused(address: SocketAddr, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => format!("{address} refuses: nothing listens there"),
        _ => format!("{address}: {error}"),
    }
}
