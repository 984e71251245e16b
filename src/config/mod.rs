//! What shall the daemon do? The operator's file, what it means, and everything built from it that is swapped as one.

mod acme;
mod certificate;
mod file;
mod firmware;
mod issued;
mod lab;
pub mod master_key;
mod proxy;
mod public_url;
mod settings;
mod snapshot;

pub use acme::{Acme, Challenge, Directory, DirectoryError, KeyKind};
pub use certificate::{AuthorityFile, Certificate, CertificateError, Presented, write_private};
pub use file::ConfigFault;
pub use firmware::{Firmware, FirmwareFile};
pub use master_key::{KeyPlace, MasterKeyFault};
pub use proxy::{ProxyAddress, ProxyAddressError};
pub use public_url::{Parked, PublicUrl, PublicUrlError, is_ours};
pub use settings::{AccessRules, Config, DiagnoseRules, FailureLimits, LogFormat, ProofKind, default_config_path};
pub use snapshot::{Snapshot, SnapshotError, Unrenewed};
