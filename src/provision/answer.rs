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
        Answer { status: 200, content_type, body: Body::Octets(octets), secret: false, proven: false }
    }

    /// A firmware file.
    pub fn firmware(file: FirmwareFile) -> Answer {
        let body = Body::File(file);
        Answer { status: 200, content_type: "application/octet-stream", body, secret: false, proven: false }
    }

    /// A phone's own file.
    pub fn secret(content_type: &'static str, octets: Vec<u8>) -> Answer {
        Answer { status: 200, content_type, body: Body::Octets(octets), secret: true, proven: true }
    }

    /// The one refusal there is.
    pub fn not_found() -> Answer {
        Answer::short(404, b"not found\n")
    }

    /// Told to a proven phone only: something of ours failed; come again.
    pub fn failed(status: u16) -> Answer {
        Answer { proven: true, ..Answer::short(status, b"temporarily unavailable\n") }
    }

    fn short(status: u16, text: &'static [u8]) -> Answer {
        let body = Body::Octets(text.to_vec());
        Answer { status, content_type: "text/plain", body, secret: false, proven: false }
    }
}
