//! What does a lab give away (policy X1, X2)? Asked for each request, so that it ends to the second; and whatever it
//! gives away is written down before it leaves.

use super::policy::Grant;
use super::request::{Method, Request};
use crate::config::Snapshot;
use crate::host::clock::Clock;
use crate::inventory::audit::{Act, AuditObject};
use crate::inventory::event::{Plane, Proof};
use crate::inventory::lab::{Clear, Leave, in_force};
use crate::inventory::mac::MacAddr;
use crate::store::{Actor, Store, StoreError};

/// What this request may have besides what phones may have anyway.
pub fn leave(store: &dyn Store, snapshot: &Snapshot, request: &Request) -> Leave {
    let Some(wished) = &snapshot.config.lab else { return Leave::default() };
    let clear = match request.plane {
        Plane::Http => Some(Clear::Http),
        Plane::Tftp => Some(Clear::Tftp),
        Plane::Admin | Plane::Dhcp | Plane::Https => None,
    };
    let confirmed = match store.lab() {
        Ok(confirmed) => confirmed,
        Err(error) => {
            tracing::error!(%error, "whether lab mode is on cannot be read; it counts as off");
            return Leave::default();
        }
    };
    in_force(Some(wished), confirmed.as_ref(), request.time)
        .map_or_else(|_| Leave::default(), |lab| lab.leave(request.peer, clear))
}

/// Writes down that a file leaves which would not outside a lab. What is not is a matter of course.
pub fn note(
    store: &dyn Store,
    clock: &Clock,
    request: &Request,
    mac: MacAddr,
    file: &str,
    grant: &Grant,
) -> Result<(), StoreError> {
    let way = match request.plane {
        Plane::Http => "in clear over HTTP",
        Plane::Tftp => "in clear over TFTP",
        Plane::Https if grant.proof == Proof::Mac => "over HTTPS",
        Plane::Admin | Plane::Dhcp | Plane::Https => return Ok(()),
    };
    if request.method == Method::Head {
        return Ok(());
    }
    let proof = match grant.proof {
        Proof::Basic => "for its password",
        Proof::Mac => "for its MAC alone",
        Proof::Certificate => "for its certificate",
        Proof::Claim => "for its claim",
        Proof::Token => "for its token",
    };
    let mut act = Act::new("give_in_lab", AuditObject::new("device", mac));
    act.detail = Some(format!("{file} {way} to {}, {proof}", request.peer));
    let by = Actor { name: "ztpd".to_owned(), on_behalf_of: None, time: request.time, boot_ms: clock.boot_ms() };
    store.note(act, &by)
}
