//! What shall the daemon do? The operator's file, what it means, and everything built from it that is swapped as one.

mod certificate;
mod file;
mod firmware;
pub mod master_key;
mod proxy;
mod public_url;
mod settings;
mod snapshot;

pub use certificate::{AuthorityFile, Certificate, CertificateError};
pub use file::ConfigFault;
pub use firmware::{Firmware, FirmwareFile};
pub use master_key::{KeyPlace, MasterKeyFault};
pub use proxy::{ProxyAddress, ProxyAddressError};
pub use public_url::{Parked, PublicUrl, PublicUrlError, is_ours};
pub use settings::{AccessRules, Config, FailureLimits, LogFormat, ProofKind, default_config_path};
pub use snapshot::{Snapshot, SnapshotError};
