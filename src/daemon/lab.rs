//! Is this a lab (policy X2)? Said at every start and reload; and a confirmation whose time is over is put away. It has
//! opened nothing since: that is decided at each request.

use crate::config::Snapshot;
use crate::host::clock::Clock;
use crate::inventory::lab::in_force;
use crate::store::{Actor, Store, StoreError};

/// Says whether lab mode is on, where anybody wishes it to be.
pub fn tell(store: &dyn Store, snapshot: &Snapshot, clock: &Clock) {
    let Some(wished) = &snapshot.config.lab else { return };
    match store.lab().map(|confirmed| in_force(Some(wished), confirmed.as_ref(), clock.now()).cloned()) {
        Ok(Ok(lab)) => tracing::warn!("LAB MODE IS ON: {lab}"),
        Ok(Err(off)) => tracing::info!("server.mode is \"lab\", but nothing is weaker: {off}"),
        Err(error) => tracing::error!(%error, "whether lab mode is on cannot be read; it counts as off"),
    }
}

/// Forgets a confirmation whose time is over.
pub fn put_away(store: &dyn Store, clock: &Clock) {
    if let Err(error) = end(store, clock) {
        tracing::error!(%error, "the end of lab mode could not be written down");
    }
}

fn end(store: &dyn Store, clock: &Clock) -> Result<(), StoreError> {
    let now = clock.now();
    let Some(confirmed) = store.lab()?.filter(|confirmed| confirmed.lab.until <= now) else { return Ok(()) };
    tracing::warn!(until = %confirmed.lab.until, "lab mode is over");
    let by = Actor { name: "ztpd".to_owned(), on_behalf_of: None, time: now, boot_ms: clock.boot_ms() };
    store.set_lab(None, &by)
}
