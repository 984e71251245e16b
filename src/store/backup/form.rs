//! What is in a backup, line by line? JSON, compressed, each line with its kind; the last one says that it is whole.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::BackupFault;
use super::stream::{OpeningReader, SealingWriter};
use crate::store::chain::Ends;
use crate::store::rows::SCHEMA;
use crate::store::seal::KeyId;

/// The version of the lines below.
const FORM: u32 = 1;

/// The longest line that is read.
const LONGEST: u64 = 64 * 1024 * 1024;

/// One line.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// What it is; the first line.
    Begin(Begin),
    /// An acknowledged change after the rows.
    Change(u64, Vec<(String, Option<String>)>),
    /// It is whole, up to this change; the last line.
    End(u64),
    /// Which events there are; after all of them.
    Events(Ends),
    /// A file of `data_dir/tls`.
    File {
        /// Its path below `data_dir`.
        path: String,
        /// Its content, in base64.
        octets: Octets,
    },
    /// The data keys, in base64.
    Keys(BTreeMap<KeyId, Octets>),
    /// A row of what was observed.
    Observed(String, String),
    /// An acknowledged row.
    Row(String, String),
}

/// What a backup says of itself.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Begin {
    /// The version of the lines.
    form: u32,
    /// The schema of the rows.
    pub schema: u32,
    /// The change the rows are as of; changes follow.
    pub base: u64,
    /// Which ztpd made it.
    pub version: String,
    /// When.
    pub time: Timestamp,
}

/// Octets as text, wiped when dropped.
#[derive(Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
pub struct Octets(pub String);

/// Writes lines; nothing counts before [`LineWriter::finish`].
pub struct LineWriter<W: Write>(BufWriter<GzEncoder<SealingWriter<W>>>);

/// Reads lines.
pub struct LineReader<R: BufRead> {
    lines: BufReader<GzDecoder<OpeningReader<R>>>,
    ended: bool,
}

impl Begin {
    /// Of the present program.
    pub fn now(base: u64, time: Timestamp) -> Begin {
        Begin { form: FORM, schema: SCHEMA, base, version: env!("CARGO_PKG_VERSION").to_owned(), time }
    }
}

impl<W: Write> LineWriter<W> {
    /// Lines into this envelope.
    pub fn new(envelope: SealingWriter<W>) -> LineWriter<W> {
        LineWriter(BufWriter::new(GzEncoder::new(envelope, Compression::default())))
    }

    /// Writes a line.
    pub fn put(&mut self, line: &Line) -> Result<(), BackupFault> {
        let mut text = serde_json::to_vec(line).map_err(|error| BackupFault::Unusable(error.to_string()))?;
        text.push(b'\n');
        let written = self.0.write_all(&text);
        if matches!(line, Line::Keys(_) | Line::File { .. }) {
            text.zeroize();
        }
        Ok(written?)
    }

    /// Seals what is left.
    pub fn finish(self) -> Result<(), BackupFault> {
        let compressed = self.0.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        Ok(compressed.finish()?.finish()?)
    }
}

impl<R: BufRead> LineReader<R> {
    /// The lines of this envelope; and what it is.
    pub fn new(envelope: OpeningReader<R>) -> Result<(LineReader<R>, Begin), BackupFault> {
        let mut reader = LineReader { lines: BufReader::new(GzDecoder::new(envelope)), ended: false };
        // Even where the lines are of a later form, the first says by whom and when it was written.
        let Some(Line::Begin(begin)) = reader.next()? else { return Err(BackupFault::Damaged) };
        if begin.form > FORM || begin.schema > SCHEMA {
            return Err(BackupFault::TooNew { version: begin.version, time: begin.time });
        }
        Ok((reader, begin))
    }

    /// The next line; none after the last, which must have come.
    pub fn next(&mut self) -> Result<Option<Line>, BackupFault> {
        let mut text = Vec::new();
        self.lines.by_ref().take(LONGEST).read_until(b'\n', &mut text)?;
        if text.is_empty() {
            return if self.ended { Ok(None) } else { Err(BackupFault::Damaged) };
        }
        let line = serde_json::from_slice(&text);
        text.zeroize();
        let line: Line = line.map_err(|_| BackupFault::Damaged)?;
        if self.ended {
            return Err(BackupFault::Damaged);
        }
        self.ended = matches!(line, Line::End(_));
        Ok(Some(line))
    }
}
