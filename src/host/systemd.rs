//! How do we speak with the service manager? The sockets it passes by name (`sd_listen_fds(3)`), and what it is told of
//! our state (`sd_notify(3)`). Without one, no socket is passed and nobody is told.

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;
use std::time::Duration;

use listenfd::ListenFd;
use sd_notify::NotifyState;

/// A socket the service manager has bound for us.
#[derive(Debug)]
pub struct PassedSocket {
    /// Its `FileDescriptorName=`.
    pub name: String,
    /// The socket, non-blocking.
    pub socket: Socket,
}

/// What kind of socket it is.
#[derive(Debug)]
pub enum Socket {
    /// UDP.
    Udp(UdpSocket),
    /// TCP, listening.
    Tcp(TcpListener),
    /// A Unix stream socket, listening.
    Unix(UnixListener),
}

/// Why a passed socket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PassedSocketError {
    /// One that nothing can be accepted from.
    #[error("the socket passed as {0:?} does not listen: its unit must have Accept=no")]
    NotListening(String),
    /// Neither TCP nor UDP nor a Unix stream.
    #[error(
        "the socket passed as {0:?} is neither TCP nor UDP nor a Unix stream socket: its unit must have ListenStream= or \
         ListenDatagram="
    )]
    OtherKind(String),
    /// The system refused something.
    #[error("the socket passed as {name:?} cannot be used: {error}")]
    System {
        /// Its name.
        name: String,
        /// What the system said.
        error: io::Error,
    },
    /// They cannot be told apart.
    #[error(
        "{sockets} sockets were passed with {names} names: each socket unit must have FileDescriptorName= (LISTEN_FDNAMES)"
    )]
    Unnamed {
        /// How many sockets.
        sockets: usize,
        /// How many names.
        names: usize,
    },
}

/// The sockets passed to this process; a second call finds none.
pub fn passed_sockets() -> Result<Vec<PassedSocket>, PassedSocketError> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let names: Vec<&str> = names.split(':').filter(|name| !name.is_empty()).collect();
    let mut passed = ListenFd::from_env();
    if passed.len() == 0 {
        return Ok(Vec::new());
    }
    if passed.len() != names.len() {
        return Err(PassedSocketError::Unnamed { sockets: passed.len(), names: names.len() });
    }
    let taken = names.iter().enumerate().map(|(index, name)| {
        let name = (*name).to_owned();
        let socket = take(&mut passed, index, &name)?;
        Ok(PassedSocket { name, socket })
    });
    taken.collect()
}

fn take(passed: &mut ListenFd, index: usize, name: &str) -> Result<Socket, PassedSocketError> {
    let system = |error| PassedSocketError::System { name: name.to_owned(), error };
    let listening = |socket: socket2::SockRef<'_>| match socket.is_listener() {
        Ok(true) => socket.set_nonblocking(true).map_err(system),
        Ok(false) => Err(PassedSocketError::NotListening(name.to_owned())),
        Err(error) => Err(system(error)),
    };
    if let Ok(Some(socket)) = passed.take_tcp_listener(index) {
        listening((&socket).into())?;
        return Ok(Socket::Tcp(socket));
    }
    if let Ok(Some(socket)) = passed.take_unix_listener(index) {
        listening((&socket).into())?;
        return Ok(Socket::Unix(socket));
    }
    if let Ok(Some(socket)) = passed.take_udp_socket(index) {
        socket.set_nonblocking(true).map_err(system)?;
        return Ok(Socket::Udp(socket));
    }
    Err(PassedSocketError::OtherKind(name.to_owned()))
}

/// Everything is bound and read; requests are answered from now on.
pub fn tell_ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
}

/// The settings are being read again; [`tell_ready`] ends it, whatever came of it.
pub fn tell_reloading() {
    // systemd 253 and later take the reload for one of theirs by its time.
    let time = NotifyState::monotonic_usec_now().unwrap_or(NotifyState::MonotonicUsec(0));
    tell(&[NotifyState::Reloading, time, NotifyState::Status("reading the settings again")]);
}

/// The end has begun.
pub fn tell_stopping(status: &str) {
    tell(&[NotifyState::Stopping, NotifyState::Status(&one_line(status))]);
}

/// The watchdog need not worry.
pub fn tell_alive() {
    tell(&[NotifyState::Watchdog]);
}

/// Within which time the service manager wants to hear [`tell_alive`], if it does.
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|within| !within.is_zero())
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager could not be told of our state");
    }
}

/// A line break would end the status and begin another message.
fn one_line(text: &str) -> String {
    text.split(['\r', '\n']).map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_stays_one_line() {
        assert_eq!(one_line("line 3: bad\nMAINPID=1\r\n"), "line 3: bad; MAINPID=1");
    }
}
