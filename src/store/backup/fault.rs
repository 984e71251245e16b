//! Why was nothing backed up, or nothing restored?

use std::io;

use jiff::Timestamp;

use crate::store::{StoreError, StoreFault};

/// Why a backup could not be taken or restored. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum BackupFault {
    /// Another backup, or a rotation of keys, is under way.
    #[error("another backup or a rotation of keys is under way; try again when it is done")]
    Busy,
    /// What was sealed does not open as it was written.
    #[error("the backup is cut short or was altered; use another copy")]
    Damaged,
    /// The folder has a store already.
    #[error(
        "there is a store in {0} already; to put the backup in its place run it again with --replace: what is there is \
         kept beside it"
    )]
    NotEmpty(String),
    /// It begins like no backup.
    #[error("this is no backup of ztpd: it does not begin like one")]
    NotOne,
    /// A key that is none.
    #[error(
        "{0}; `openssl genpkey -algorithm X25519` makes a private key, `openssl pkey -pubout` the public one to it"
    )]
    NoKey(&'static str),
    /// A passphrase that can be guessed.
    #[error("the passphrase has {0} characters; use at least {least}", least = super::envelope::SHORTEST)]
    PassphraseTooShort(usize),
    /// Nobody could open it.
    #[error("a backup is sealed: say to whom, by a passphrase or a recipient's public key")]
    Recipientless,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// Written by a newer program.
    #[error(
        "the backup was made by ztpd {version} on {time}, whose form this ztpd does not know; use that version or later"
    )]
    TooNew {
        /// Which version made it.
        version: String,
        /// When.
        time: Timestamp,
    },
    /// It cannot be written or read.
    #[error("{0}")]
    Unusable(String),
    /// Sealed to somebody else.
    #[error("the backup does not open with what was given; it is sealed to {0}")]
    WrongKey(String),
}

impl From<StoreError> for BackupFault {
    fn from(error: StoreError) -> BackupFault {
        match error {
            StoreError::Fault(fault) => BackupFault::Store(fault),
            StoreError::Conflict(conflict) => BackupFault::Unusable(conflict.to_string()),
        }
    }
}

impl From<io::Error> for BackupFault {
    fn from(error: io::Error) -> BackupFault {
        match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
                BackupFault::Damaged
            }
            _ => BackupFault::Unusable(error.to_string()),
        }
    }
}
