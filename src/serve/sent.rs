//! The body of an answer: octets or a file, of known length, so that nothing is ever sent chunked.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Bytes;
use tokio::io::{AsyncRead as _, ReadBuf};

/// How much of a file is read at once.
const CHUNK: usize = 64 * 1024;

/// A body of known length.
pub enum Sent {
    /// A file, read while it is sent.
    File {
        /// The file.
        file: tokio::fs::File,
        /// Octets still to send.
        left: u64,
    },
    /// Octets, until they are sent.
    Octets(Option<Bytes>),
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Sent::Octets(octets) => Poll::Ready(octets.take().map(|octets| Ok(Frame::data(octets)))),
            Sent::File { left: 0, .. } => Poll::Ready(None),
            Sent::File { file, left } => {
                let mut chunk = vec![0; usize::try_from(*left).unwrap_or(usize::MAX).min(CHUNK)];
                let mut buffer = ReadBuf::new(&mut chunk);
                match Pin::new(file).poll_read(cx, &mut buffer) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(Err(error)) => Poll::Ready(Some(Err(error))),
                    Poll::Ready(Ok(())) => {
                        let read = buffer.filled().len();
                        if read == 0 {
                            return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
                        }
                        *left = left.saturating_sub(read as u64);
                        chunk.truncate(read);
                        Poll::Ready(Some(Ok(Frame::data(chunk.into()))))
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Sent::Octets(None) | Sent::File { left: 0, .. })
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Sent::File { left, .. } => SizeHint::with_exact(*left),
            Sent::Octets(octets) => SizeHint::with_exact(octets.as_ref().map_or(0, |octets| octets.len() as u64)),
        }
    }
}
