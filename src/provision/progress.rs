//! How far is a phone? From what it was last given and what it would be given now.
//!
//! Only a phone that has its own file is looked at closely: the file is rendered again, about a quarter of a
//! millisecond each, so that a page of 500 costs about an eighth of a second. Nothing is kept of it: any change of the
//! inventory, a setting or a template may make any phone's file another one.

use serde::{Deserialize, Serialize};

use super::render::device_file;
use crate::config::Snapshot;
use crate::inventory::event::Sighting;
use crate::inventory::mac::MacAddr;
use crate::store::{Phone, Store, StoreError, StoreFault};

/// How far a phone is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Provisioning {
    /// It was led to us, and has not got its own file.
    Bootstrap,
    /// It has what it would be given now.
    Current,
    /// It got nothing because something of ours failed, or would get nothing now.
    Failed,
    /// It was never seen.
    Never,
    /// What it has is not what it would be given now.
    Outdated,
}

/// How far the phone with this MAC is. One with an altered secret would get nothing.
pub fn how_far(
    store: &dyn Store,
    snapshot: &Snapshot,
    mac: MacAddr,
    sighting: &Sighting,
) -> Result<Provisioning, StoreError> {
    match store.phone(mac) {
        Ok(Some(phone)) => Ok(provisioning(store, snapshot, &phone, sighting)),
        Ok(None) => Ok(Provisioning::Never),
        Err(StoreError::Fault(StoreFault::Altered { .. })) => Ok(Provisioning::Failed),
        Err(error) => Err(error),
    }
}

/// How far this phone is.
pub fn provisioning(store: &dyn Store, snapshot: &Snapshot, phone: &Phone, sighting: &Sighting) -> Provisioning {
    match (&sighting.served_file, &sighting.served_sha256) {
        _ if sighting.failed => Provisioning::Failed,
        (Some(file), Some(has)) => match device_file(store, snapshot, phone, None, file) {
            Ok(now) if now.sha256 == *has => Provisioning::Current,
            Ok(_) => Provisioning::Outdated,
            Err(_) => Provisioning::Failed,
        },
        _ if sighting.bootstrapped => Provisioning::Bootstrap,
        _ => Provisioning::Never,
    }
}
