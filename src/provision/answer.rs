//! What does the phone see? Decision or fault into status, content type and body. Everything a phone may not have
//! looks like a file that does not exist (policy D12).

use crate::config::FirmwareFile;

/// What goes back to the phone.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status; TFTP turns 404 into ERROR 1 and 5xx into ERROR 0.
    pub status: u16,
    /// What HTTP calls the body.
    pub content_type: &'static str,
    /// The body, whole.
    pub body: Body,
    /// Whether the body has secrets: nobody on the way may keep it (policy D18).
    pub secret: bool,
    /// Whether it came with a proof: such a connection is not one of a stranger.
    pub proven: bool,
    /// Whether it leaves at a time that tells nothing of what was looked up for it (policy D12).
    pub paced: bool,
    /// What the phone is asked for instead (401): values of `WWW-Authenticate`.
    pub challenges: Vec<String>,
}

/// A body of known length.
#[derive(Debug)]
pub enum Body {
    /// A public file, read while it is sent.
    File(FirmwareFile),
    /// Octets.
    Octets(Vec<u8>),
}

impl Body {
    /// Its length in octets.
    pub fn length(&self) -> u64 {
        match self {
            Body::File(file) => file.length,
            Body::Octets(octets) => octets.len() as u64,
        }
    }
}

impl Answer {
    /// A file for everybody.
    pub fn public(content_type: &'static str, octets: Vec<u8>) -> Answer {
        Answer::new(200, content_type, Body::Octets(octets))
    }

    /// A firmware file.
    pub fn firmware(file: FirmwareFile) -> Answer {
        Answer::new(200, "application/octet-stream", Body::File(file))
    }

    /// A phone's own file.
    pub fn secret(content_type: &'static str, octets: Vec<u8>) -> Answer {
        Answer { secret: true, proven: true, ..Answer::new(200, content_type, Body::Octets(octets)) }
    }

    /// The one refusal there is.
    pub fn not_found() -> Answer {
        Answer::short(404, b"not found\n")
    }

    /// The same refusal for phones of makers that show a password only when asked for it (policy D12).
    pub fn unauthorized(challenges: Vec<String>) -> Answer {
        Answer { challenges, ..Answer::short(401, b"unauthorized\n") }
    }

    /// Told to a proven phone only: something of ours failed; come again.
    pub fn failed(status: u16) -> Answer {
        Answer { proven: true, ..Answer::short(status, b"temporarily unavailable\n") }
    }

    fn short(status: u16, text: &'static [u8]) -> Answer {
        Answer { paced: true, ..Answer::new(status, "text/plain", Body::Octets(text.to_vec())) }
    }

    fn new(status: u16, content_type: &'static str, body: Body) -> Answer {
        Answer { status, content_type, body, secret: false, proven: false, paced: false, challenges: Vec::new() }
    }
}
