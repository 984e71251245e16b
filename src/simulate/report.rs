//! What did a phone do while it started, and what did it become? Everything a table, a test or a JSON reader wants to know.

use std::fmt;

use serde::Serialize;
use zeroize::ZeroizeOnDrop;

/// One start or one poll of a phone, from its first question until it was quiet again.
#[derive(Clone, Debug, Serialize)]
pub struct Boot {
    /// Every question the phone asked, in order, with what it got.
    pub requests: Vec<Seen>,
    /// The account of its first line that has one, as it stands in flash now.
    pub account: Option<Account>,
    /// The accounts of its further lines.
    pub other_lines: Vec<Account>,
    /// The administrator's password of the phone, if one was provisioned.
    #[serde(skip)]
    pub admin_password: Option<Password>,
    /// The provisioning URL the phone has stored now; it may hold a token.
    pub stored_server: Option<String>,
    /// What a technician would read in the phone's log: dropped files, refused certificates, odd answers.
    pub trouble: Vec<String>,
    /// How it ended.
    pub ended: Ending,
}

/// How a start ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The power was cut; the phone has what was in flash by then.
    PowerCut,
    /// It was sent round and round and was given up.
    Restless,
    /// It has nothing more to ask until its next poll or boot.
    Stable,
}

/// One question of a phone.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Seen {
    /// The protocol it used.
    pub plane: Plane,
    /// Whether it fetched or sent something.
    pub verb: Verb,
    /// The whole URL, without a password that stood in it. A token in its path is shown: tests and the demo follow it.
    pub url: String,
    /// The `User-Agent` it sent; none over TFTP.
    pub user_agent: Option<String>,
    /// What came of it.
    pub outcome: Outcome,
    /// Why the phone asked, in plain words.
    pub why: String,
}

/// The protocols phones fetch their files with.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Plane {
    /// FTP, which some phones try with a bare address; never answered here.
    Ftp,
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
    /// TFTP.
    Tftp,
}

/// The direction of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// From the server to the phone.
    Fetch,
    /// From the phone to the server.
    Upload,
}

/// What came of one question.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The server took an upload.
    Accepted,
    /// A file came, whole.
    Served {
        /// Its length.
        bytes: usize,
        /// Its SHA-256 in lower-case hexadecimal digits.
        sha256: String,
    },
    /// HTTP said something else than 200.
    Status(u16),
    /// TFTP said ERROR with this code (RFC 1350, section 5).
    TftpError(u16),
    /// The TLS handshake failed, or the certificate was not believed.
    TlsFailed(String),
    /// An answer came that phones cannot digest: chunked, redirected, cut short, without a length.
    Unusable(String),
    /// Nobody answered.
    Unreachable(String),
}

/// What a phone registers with.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    /// Which line of the phone, from 1.
    pub line: u16,
    /// The user part of its address of record.
    pub user: String,
    /// The name it authenticates with.
    pub auth_user: String,
    /// Its SIP password.
    #[serde(skip)]
    pub password: Password,
    /// The registrar.
    pub server: String,
    /// The registrar's port; 0 where the phone asks DNS for it.
    pub port: u16,
    /// How it speaks SIP.
    pub transport: Transport,
    /// The name others see.
    pub display_name: String,
    /// What the phone's own screen says, where the maker has a setting of its own for that.
    pub label: Option<String>,
}

/// SIP transports.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// DNS decides (NAPTR, SRV).
    Dns,
    /// TCP.
    Tcp,
    /// TLS.
    Tls,
    /// UDP.
    Udp,
}

/// A password a phone was given: no `Display`, no serialisation, `Debug` prints `***`.
#[derive(Clone, Eq, PartialEq, ZeroizeOnDrop)]
pub struct Password(String);

impl Password {
    pub(super) fn new(text: &str) -> Password {
        Password(text.to_owned())
    }

    /// The password itself, for a test that compares it with what the registrar was told.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Plane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Plane::Ftp => "ftp",
            Plane::Http => "http",
            Plane::Https => "https",
            Plane::Tftp => "tftp",
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Accepted => f.write_str("accepted"),
            Outcome::Served { bytes, .. } => write!(f, "{bytes} bytes"),
            Outcome::Status(status) => write!(f, "status {status}"),
            Outcome::TftpError(code) => write!(f, "TFTP error {code}"),
            Outcome::TlsFailed(text) => write!(f, "TLS failed: {text}"),
            Outcome::Unusable(text) => write!(f, "unusable answer: {text}"),
            Outcome::Unreachable(text) => write!(f, "unreachable: {text}"),
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Transport::Dns => "dns",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
            Transport::Udp => "udp",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_neither_printed_nor_serialised() {
        let account = Account {
            line: 1,
            user: "201".into(),
            auth_user: "201".into(),
            password: Password::new("hunter2"),
            server: "pbx.example.com".into(),
            port: 5061,
            transport: Transport::Tls,
            display_name: "Alice Doe".into(),
            label: None,
        };
        assert!(!format!("{account:?}").contains("hunter2"));
        assert!(!serde_json::to_string(&account).unwrap().contains("hunter2"));
        assert_eq!(account.password.reveal(), "hunter2");
    }

    #[test]
    fn outcomes_read_well_in_json() {
        let json = |outcome: &Outcome| serde_json::to_string(outcome).unwrap();
        assert_eq!(json(&Outcome::Status(404)), r#"{"status":404}"#);
        assert_eq!(json(&Outcome::TftpError(1)), r#"{"tftp_error":1}"#);
        let served = Outcome::Served { bytes: 3, sha256: "ab".into() };
        assert_eq!(json(&served), r#"{"served":{"bytes":3,"sha256":"ab"}}"#);
    }
}
