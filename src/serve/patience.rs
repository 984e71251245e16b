//! How long may a connection take for what it is doing (policy D15)? The HTTP library watches the header alone, and not
//! by our rules; so every connection has a [`Patience`] that hears what happens and ends when it takes too long.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// A whole header, from its first octet; of the first request, from the beginning of the connection.
const HEADER: Duration = Duration::from_secs(10);
/// A request, from its header to the last octet of its answer; of a firmware file, to its next octet.
const REQUEST: Duration = Duration::from_secs(30);
/// Silence between an answer and the next request.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What a connection is doing, and since when; shared by all that hear of it.
#[derive(Clone, Debug)]
pub struct Patience(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Clone, Copy, Debug)]
struct State {
    doing: Doing,
    since: Instant,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Doing {
    /// The request is being answered: deciding and rendering, then sending.
    Answering(Length),
    /// The body has been handed over; its last octets are on their way.
    Ending(Length),
    /// A header has begun.
    Header,
    /// Nothing, between two requests.
    Idle,
}

/// How long an answer takes by its nature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Length {
    /// A file of any size over a line of any speed: it must only go on.
    Long,
    /// Settings and refusals: it must be over.
    Short,
}

/// A stream that tells what passes through it.
pub struct Watched<S> {
    stream: S,
    patience: Patience,
}

/// A body that tells when it has been handed over.
pub struct WatchedBody<B> {
    body: B,
    patience: Patience,
}

impl Patience {
    /// The patience with a new connection.
    pub fn new() -> Patience {
        let state = State { doing: Doing::Header, since: Instant::now() };
        Patience(Arc::new(Shared { state: Mutex::new(state), changed: Notify::new() }))
    }

    /// Returns when the connection has taken too long, and says for what.
    pub async fn ended(&self) -> &'static str {
        loop {
            let state = *self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
            tokio::select! {
                () = self.0.changed.notified() => {}
                () = sleep_until(state.since + state.doing.limit()) => return state.doing.name(),
            }
        }
    }

    /// A stream this patience hears of.
    pub fn watch<S>(&self, stream: S) -> Watched<S> {
        Watched { stream, patience: self.clone() }
    }

    /// A whole header has come.
    pub fn answering(&self) {
        self.turn(|_| Some(Doing::Answering(Length::Short)));
    }

    /// The answer is known and is about to be sent.
    pub fn sending<B>(&self, body: B, length: Length) -> WatchedBody<B> {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.doing = Doing::Answering(length);
        drop(state);
        WatchedBody { body, patience: self.clone() }
    }

    fn turn(&self, to: impl FnOnce(Doing) -> Option<Doing>) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(doing) = to(state.doing) else { return };
        *state = State { doing, since: Instant::now() };
        drop(state);
        self.0.changed.notify_one();
    }

    fn heard(&self) {
        self.turn(|doing| (doing == Doing::Idle).then_some(Doing::Header));
    }

    fn wrote(&self) {
        let is_long = |doing| matches!(doing, Doing::Answering(Length::Long) | Doing::Ending(Length::Long));
        self.turn(|doing| is_long(doing).then_some(doing));
    }

    fn flushed(&self) {
        self.turn(|doing| matches!(doing, Doing::Ending(_)).then_some(Doing::Idle));
    }

    fn handed_over(&self) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Doing::Answering(length) = state.doing {
            state.doing = Doing::Ending(length);
        }
    }
}

impl Doing {
    fn limit(self) -> Duration {
        match self {
            Doing::Answering(_) | Doing::Ending(_) => REQUEST,
            Doing::Header => HEADER,
            Doing::Idle => KEEP_ALIVE,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Doing::Answering(_) | Doing::Ending(_) => "the answer was not taken in time",
            Doing::Header => "the header took too long",
            Doing::Idle => "no further request came",
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            this.patience.heard();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, octets);
        if matches!(written, Poll::Ready(Ok(1..))) {
            this.patience.wrote();
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        if matches!(flushed, Poll::Ready(Ok(()))) {
            this.patience.flushed();
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl<B: Body + Unpin> Body for WatchedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for WatchedBody<B> {
    fn drop(&mut self) {
        self.patience.handed_over();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    async fn seconds_until_ended(patience: &Patience) -> u64 {
        let began = Instant::now();
        patience.ended().await;
        began.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn sec_d15_a_connection_that_says_nothing_ends_after_ten_seconds() {
        assert_eq!(seconds_until_ended(&Patience::new()).await, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn sec_d15_a_header_that_trickles_ends_ten_seconds_after_it_began() {
        let patience = Patience::new();
        let (mut phone, ours) = duplex(64);
        let mut ours = patience.watch(ours);
        let trickle = async {
            loop {
                phone.write_all(b"x").await.unwrap();
                ours.read_u8().await.unwrap();
                tokio::time::sleep(Duration::from_secs(3)).await;
            }
        };
        tokio::select! {
            () = trickle => unreachable!(),
            seconds = seconds_until_ended(&patience) => assert_eq!(seconds, 10),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn sec_d15_between_requests_there_are_fifteen_seconds_and_then_ten_for_the_header() {
        let patience = Patience::new();
        let (mut phone, ours) = duplex(64);
        let mut ours = patience.watch(ours);
        patience.answering();
        drop(patience.sending((), Length::Short));
        ours.flush().await.unwrap();
        assert_eq!(seconds_until_ended(&patience).await, 15);
        phone.write_all(b"G").await.unwrap();
        ours.read_u8().await.unwrap();
        assert_eq!(seconds_until_ended(&patience).await, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn sec_d15_a_short_answer_that_is_not_taken_ends_after_thirty_seconds() {
        let patience = Patience::new();
        let (mut phone, ours) = duplex(4);
        let mut ours = patience.watch(ours);
        patience.answering();
        drop(patience.sending((), Length::Short));
        let take = async {
            loop {
                phone.read_u8().await.unwrap();
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        };
        tokio::select! {
            _ = ours.write_all(&[0; 1000]) => unreachable!(),
            () = take => unreachable!(),
            seconds = seconds_until_ended(&patience) => assert_eq!(seconds, 30),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn sec_d15_a_long_answer_lasts_as_long_as_it_goes_on() {
        let patience = Patience::new();
        let (mut phone, ours) = duplex(4);
        let mut ours = patience.watch(ours);
        patience.answering();
        let body = patience.sending((), Length::Long);
        let take = async {
            for _ in 0..50 {
                phone.read_u8().await.unwrap();
                tokio::time::sleep(Duration::from_secs(20)).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            _ = ours.write_all(&[0; 1000]) => unreachable!(),
            () = take => unreachable!(),
            seconds = seconds_until_ended(&patience) => assert_eq!(seconds, 49 * 20 + 30),
        }
        drop(body);
    }
}
