//! How are many octets sealed so that none can be changed, moved or cut off? In chunks, each authenticated with its place
//! and whether it is the last: the STREAM construction over XChaCha20-Poly1305.

use std::io::{self, BufRead, Read, Write};

use aead_stream::{DecryptorBE32, EncryptorBE32, Nonce, StreamBE32};
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::Payload;
use zeroize::Zeroizing;

/// How many octets are sealed at once, and how many more they are then.
const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;

/// A key that seals one file and no other.
pub type FileKey = Zeroizing<[u8; 32]>;

/// Seals what is written to it; nothing counts before [`SealingWriter::finish`].
pub struct SealingWriter<W> {
    sealer: EncryptorBE32<XChaCha20Poly1305>,
    bound: [u8; 32],
    chunk: Zeroizing<Vec<u8>>,
    out: W,
}

/// Opens what was sealed; every octet it gives was checked.
pub struct OpeningReader<R> {
    /// `None`: the last chunk was read.
    opener: Option<DecryptorBE32<XChaCha20Poly1305>>,
    bound: [u8; 32],
    chunk: Zeroizing<Vec<u8>>,
    read: usize,
    input: R,
}

/// Each key seals one file, so its nonce need not differ.
fn nonce() -> Nonce<XChaCha20Poly1305, StreamBE32<XChaCha20Poly1305>> {
    Nonce::<XChaCha20Poly1305, StreamBE32<XChaCha20Poly1305>>::default()
}

impl<W: Write> SealingWriter<W> {
    /// Seals under this key, bound to what precedes it in the file.
    pub fn new(key: &FileKey, bound: [u8; 32], out: W) -> SealingWriter<W> {
        let sealer = EncryptorBE32::new((&**key).into(), &nonce());
        SealingWriter { sealer, bound, chunk: Zeroizing::new(Vec::with_capacity(CHUNK)), out }
    }

    /// Seals the last chunk.
    pub fn finish(mut self) -> io::Result<()> {
        let payload = Payload { msg: &self.chunk, aad: &self.bound };
        let sealed = self.sealer.encrypt_last(payload).map_err(|_| unsealable())?;
        self.out.write_all(&sealed)?;
        self.out.flush()
    }
}

impl<W: Write> Write for SealingWriter<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        // A full chunk is sealed once there is more: only the last may be called the last.
        if self.chunk.len() >= CHUNK && !octets.is_empty() {
            let payload = Payload { msg: &self.chunk, aad: &self.bound };
            let sealed = self.sealer.encrypt_next(payload).map_err(|_| unsealable())?;
            self.out.write_all(&sealed)?;
            self.chunk.clear();
        }
        let room = CHUNK.saturating_sub(self.chunk.len()).min(octets.len());
        let (now, _) = octets.split_at(room);
        self.chunk.extend_from_slice(now);
        Ok(room)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<R: BufRead> OpeningReader<R> {
    /// Opens under this key, bound to what preceded it in the file.
    pub fn new(key: &FileKey, bound: [u8; 32], input: R) -> OpeningReader<R> {
        let opener = Some(DecryptorBE32::new((&**key).into(), &nonce()));
        OpeningReader { opener, bound, chunk: Zeroizing::new(Vec::new()), read: 0, input }
    }

    fn next_chunk(&mut self) -> io::Result<()> {
        let Some(mut opener) = self.opener.take() else { return Ok(()) };
        let mut sealed = Vec::with_capacity(CHUNK + TAG);
        let most = u64::try_from(CHUNK + TAG).unwrap_or(u64::MAX);
        self.input.by_ref().take(most).read_to_end(&mut sealed)?;
        let payload = Payload { msg: sealed.as_slice(), aad: &self.bound };
        let opened = if self.input.fill_buf()?.is_empty() {
            opener.decrypt_last(payload)
        } else {
            let opened = opener.decrypt_next(payload);
            self.opener = Some(opener);
            opened
        };
        self.chunk = Zeroizing::new(opened.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?);
        self.read = 0;
        Ok(())
    }
}

impl<R: BufRead> Read for OpeningReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.read >= self.chunk.len() && self.opener.is_some() {
            self.next_chunk()?;
        }
        let rest = self.chunk.get(self.read..).unwrap_or_default();
        let now = rest.len().min(into.len());
        let (from, _) = rest.split_at(now);
        let (to, _) = into.split_at_mut(now);
        to.copy_from_slice(from);
        self.read = self.read.saturating_add(now);
        Ok(now)
    }
}

/// Only a file of terabytes has no room for another chunk.
fn unsealable() -> io::Error {
    io::Error::other("the backup is too long to be sealed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = SealingWriter::new(&Zeroizing::new([7; 32]), [1; 32], &mut out);
        writer.write_all(plain).unwrap();
        writer.finish().unwrap();
        out
    }

    fn opened(sealed: &[u8]) -> io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        OpeningReader::new(&Zeroizing::new([7; 32]), [1; 32], sealed).read_to_end(&mut plain)?;
        Ok(plain)
    }

    #[test]
    fn what_was_sealed_opens_at_every_length_around_a_chunk() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 5] {
            let plain: Vec<u8> = (0..length).map(|place| u8::try_from(place % 251).unwrap()).collect();
            assert_eq!(opened(&sealed(&plain)).unwrap(), plain, "{length}");
        }
    }

    #[test]
    fn what_is_cut_changed_or_reordered_does_not_open() {
        let plain = vec![3u8; 2 * CHUNK + 10];
        let whole = sealed(&plain);
        for end in [0, 10, CHUNK, CHUNK + TAG, 2 * (CHUNK + TAG), whole.len() - 1] {
            assert_eq!(opened(&whole[..end]).unwrap_err().kind(), io::ErrorKind::InvalidData, "cut at {end}");
        }
        for place in [0, CHUNK + TAG, whole.len() - 1] {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            assert!(opened(&changed).is_err(), "changed at {place}");
        }
        let (first, rest) = whole.split_at(CHUNK + TAG);
        let (second, last) = rest.split_at(CHUNK + TAG);
        assert!(opened(&[second, first, last].concat()).is_err());
        assert!(opened(&[whole.as_slice(), b"x"].concat()).is_err());
        let other =
            OpeningReader::new(&Zeroizing::new([7; 32]), [2; 32], whole.as_slice()).read_to_end(&mut Vec::new());
        assert!(other.is_err(), "behind another header");
    }
}
