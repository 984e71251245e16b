//! Are these names ours? The answers that an ACME server is given to that, while an order is open: a text over plain HTTP
//! (RFC 8555 §8.3) or a certificate over TLS (RFC 8737). Without an order there are none.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::sign::CertifiedKey;

/// The path of a text, up to its token.
pub const PATH: &str = "/.well-known/acme-challenge/";

/// The protocol a server asks for a certificate by (RFC 8737 §6.2).
pub const PROTOCOL: &[u8] = b"acme-tls/1";

/// What is shown to an ACME server.
#[derive(Debug, Default)]
pub struct Challenges {
    shown: Mutex<Shown>,
}

#[derive(Debug, Default)]
struct Shown {
    /// By token.
    texts: BTreeMap<String, String>,
    /// By name.
    certificates: BTreeMap<String, Arc<CertifiedKey>>,
}

/// Something that is shown as long as this lives.
#[derive(Debug)]
pub struct Showing {
    challenges: Arc<Challenges>,
    what: What,
}

#[derive(Debug)]
enum What {
    Certificate(String),
    Text(String),
}

impl Challenges {
    /// Shows a text to whoever names its token.
    pub fn show_text(self: &Arc<Challenges>, token: &str, text: &str) -> Showing {
        self.lock().texts.insert(token.to_owned(), text.to_owned());
        Showing { challenges: Arc::clone(self), what: What::Text(token.to_owned()) }
    }

    /// Shows a certificate to whoever asks by [`PROTOCOL`] for a name.
    pub fn show_certificate(self: &Arc<Challenges>, name: &str, certificate: Arc<CertifiedKey>) -> Showing {
        let name = name.to_ascii_lowercase();
        self.lock().certificates.insert(name.clone(), certificate);
        Showing { challenges: Arc::clone(self), what: What::Certificate(name) }
    }

    /// The text of a path, if it is one.
    pub fn text(&self, path: &str) -> Option<String> {
        self.lock().texts.get(path.strip_prefix(PATH)?).cloned()
    }

    /// The certificate for a name.
    pub fn certificate(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        self.lock().certificates.get(&name.to_ascii_lowercase()).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Showing {
    fn drop(&mut self) {
        let mut shown = self.challenges.lock();
        match &self.what {
            What::Certificate(name) => drop(shown.certificates.remove(name)),
            What::Text(token) => drop(shown.texts.remove(token)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_shown_as_long_as_its_order_is_open_and_to_nobody_else() {
        let challenges = Arc::new(Challenges::default());
        let showing = challenges.show_text("tok", "tok.thumb");
        assert_eq!(challenges.text("/.well-known/acme-challenge/tok").as_deref(), Some("tok.thumb"));
        for path in ["/.well-known/acme-challenge/", "/.well-known/acme-challenge/other", "/tok", "tok"] {
            assert_eq!(challenges.text(path), None, "{path}");
        }
        drop(showing);
        assert_eq!(challenges.text("/.well-known/acme-challenge/tok"), None);
    }
}
