//! To which addresses does a name lead? Asked of the system's resolver, which may wait long for a server that is gone: two
//! questions at a time, so that it never takes the threads that serve phones.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::sync::Semaphore;

/// How many names are looked up at once.
const AT_ONCE: usize = 2;
/// How long a name may take.
const PATIENCE: Duration = Duration::from_secs(5);

static TURNS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(AT_ONCE)));

/// The addresses of a name or an address, sorted, each once; never none.
pub async fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let turn = Arc::clone(&TURNS).acquire_owned().await.map_err(io::Error::other)?;
    let host = host.to_owned();
    // The turn lasts as long as the thread does, which may be longer than we wait for it.
    let asked = tokio::task::spawn_blocking(move || {
        let found = (host.as_str(), port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
        drop(turn);
        found
    });
    let late = || io::Error::new(io::ErrorKind::TimedOut, "no name server answered in time");
    let mut found = tokio::time::timeout(PATIENCE, asked).await.map_err(|_| late())???;
    found.sort();
    found.dedup();
    if found.is_empty() { Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address")) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_is_not_looked_up_and_an_unknown_name_is_an_error() {
        assert_eq!(lookup("10.0.0.1", 53).await.unwrap(), ["10.0.0.1:53".parse().unwrap()]);
        assert_eq!(lookup("2001:db8::1", 53).await.unwrap(), ["[2001:db8::1]:53".parse().unwrap()]);
        assert!(lookup("no-such-host.invalid", 53).await.is_err());
    }
}
