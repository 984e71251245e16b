//! Which bytes make up this block? Small files are in memory, large ones are read in pieces, away from the async workers.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;

use crate::serve::tftp::Content;
use crate::tftp::transfer::Block;

/// What is read from a file at once, at least one block of the largest size.
const PIECE: usize = 64 * 1024;

/// A file that is being sent.
pub(super) struct Source {
    length: u64,
    file: Option<Arc<File>>,
    /// The part of the file that is in memory, and where it begins.
    piece: Bytes,
    piece_at: u64,
}

impl Source {
    /// How many bytes there are to send.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// The bytes of one block; an error if the file has become shorter or cannot be read.
    pub(super) async fn block(&mut self, block: Block) -> io::Result<&[u8]> {
        if self.place_of(block).is_none()
            && let Some(file) = &self.file
        {
            let left = self.length.saturating_sub(block.offset);
            let wanted = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            let (file, at) = (Arc::clone(file), block.offset);
            let read = tokio::task::spawn_blocking(move || read_piece(&file, at, wanted));
            self.piece = read.await.map_err(io::Error::other)??;
            self.piece_at = at;
        }
        let place = self.place_of(block).ok_or(io::ErrorKind::UnexpectedEof)?;
        self.piece.get(place).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Where in the piece this block is, if all of it is there.
    fn place_of(&self, block: Block) -> Option<std::ops::Range<usize>> {
        let start = usize::try_from(block.offset.checked_sub(self.piece_at)?).ok()?;
        let end = start.checked_add(block.length)?;
        (end <= self.piece.len()).then_some(start..end)
    }
}

impl From<Content> for Source {
    fn from(content: Content) -> Source {
        match content {
            Content::Bytes(bytes) => {
                let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                Source { length, file: None, piece: bytes, piece_at: 0 }
            }
            Content::File { file, length } => {
                Source { length, file: Some(Arc::new(file)), piece: Bytes::new(), piece_at: 0 }
            }
        }
    }
}

fn read_piece(file: &File, at: u64, wanted: usize) -> io::Result<Bytes> {
    let mut piece = vec![0; wanted];
    file.read_exact_at(&mut piece, at)?;
    Ok(piece.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn source(bytes: &[u8], length: u64) -> Source {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Content::File { file, length }.into()
    }

    async fn read(source: &mut Source, offset: usize, length: usize) -> io::Result<Vec<u8>> {
        source.block(Block { number: 0, offset: offset as u64, length }).await.map(<[u8]>::to_vec)
    }

    #[tokio::test]
    async fn blocks_across_pieces_and_steps_back_are_read_right() {
        let bytes: Vec<u8> = (0..200_000u32).map(|n| (n / 7) as u8).collect();
        let mut source = source(&bytes, 200_000);
        for offset in [0, 1000, 65_000, 65_535, 131_000, 60_000, 198_572, 0] {
            assert_eq!(read(&mut source, offset, 1428).await.unwrap(), bytes[offset..offset + 1428], "{offset}");
        }
        assert_eq!(read(&mut source, 199_990, 10).await.unwrap(), bytes[199_990..]);
        assert_eq!(read(&mut source, 200_000, 0).await.unwrap(), b"");
    }

    #[tokio::test]
    async fn a_file_that_has_become_shorter_is_an_error() {
        let mut source = source(&[1; 1000], 2000);
        assert_eq!(read(&mut source, 0, 512).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn bytes_in_memory_need_no_file() {
        let mut source = Source::from(Content::Bytes(Bytes::from_static(b"SEP001122334455")));
        assert_eq!(source.length(), 15);
        assert_eq!(read(&mut source, 3, 4).await.unwrap(), b"0011");
        assert!(read(&mut source, 10, 6).await.is_err());
    }
}
