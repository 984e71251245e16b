//! A draft as a plan that can be kept, and what a plan holds on to besides the inventory.

use sha2::{Digest as _, Sha256};

use super::draft::Draft;
use super::losses::counts;
use crate::config::Snapshot;
use crate::inventory::plan::{FileChange, Plan, PlanHead, PlanId, PlanState, Warning};
use crate::store::Actor;

/// A plan that has no number yet. `source`: what it was made from, in a few words.
pub fn plan(
    draft: Draft,
    warnings: Vec<Warning>,
    files: Vec<FileChange>,
    source: String,
    basis: String,
    by: &Actor,
) -> Plan {
    let head = PlanHead {
        id: PlanId(0),
        source,
        state: PlanState::Open,
        revision: draft.revision,
        basis,
        made: by.time,
        by: by.name.clone(),
        counts: counts(&draft.changes),
        sites: draft.sites,
        applied: None,
        undone: None,
    };
    Plan { head, changes: draft.changes, warnings, files }
}

/// The settings and templates of which phones' files are made, as a digest: a plan for other ones is stale.
pub fn basis(snapshot: &Snapshot) -> String {
    let config = &snapshot.config;
    let mut digest = Sha256::new();
    digest.update(snapshot.templates.digest());
    let settings = (&config.sip, &config.ntp, &config.timezone, config.access.devices_per_user);
    digest.update(format!("{settings:?} {}", snapshot.public_url));
    digest.finalize().iter().take(16).map(|octet| format!("{octet:02x}")).collect()
}
