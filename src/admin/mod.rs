//! The admin plane: what people and their programs use, over a Unix socket. JSON in and out; every refusal says what
//! to do and changed nothing.

mod answer;
mod audit;
mod devices;
mod keys;
mod lifecycle;
mod observed;
mod people;
mod problem;
mod resource;
mod sites;
pub mod socket;

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::routing::get;

use crate::config::Snapshot;
use crate::host::clock::Clock;
use crate::inventory::common_area::CommonArea;
use crate::inventory::device::Device;
use crate::inventory::site::Site;
use crate::inventory::user::User;
use crate::makers::Maker;
use crate::provision::Pending;
use crate::store::{Actor, EnrolRules, Store, WindowPolicy};

/// What the admin plane works on.
pub struct AdminPlane {
    /// Everything that is kept.
    pub store: Arc<dyn Store>,
    /// Everything that a reload replaces.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// Phones nobody knows.
    pub pending: Arc<Pending>,
    /// The time.
    pub clock: Clock,
}

/// Who speaks; put beside the request by whoever accepted the connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Caller {
    /// The user at the other end of the socket.
    pub uid: u32,
}

/// The admin plane's routes.
pub fn router(plane: Arc<AdminPlane>) -> Router {
    let api = Router::new()
        .merge(resource::routes::<Site>())
        .merge(resource::routes::<User>())
        .merge(resource::routes::<CommonArea>())
        .merge(resource::routes::<Device>())
        .merge(devices::routes())
        .merge(lifecycle::routes())
        .merge(observed::routes())
        .merge(audit::routes())
        .merge(keys::routes());
    Router::new()
        .nest("/api/v1", api)
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(observed::readyz))
        .fallback(|| async { problem::Problem::not_found("route", "this path") })
        .with_state(plane)
}

impl AdminPlane {
    /// The rules for registering and moving devices, as they are now.
    fn rules(&self) -> EnrolRules {
        let snapshot = self.snapshot.load();
        let access = &snapshot.config.access;
        let windows = WindowPolicy { now: self.clock.now(), lasts: access.claim_window };
        EnrolRules { devices_per_user: access.devices_per_user, windows }
    }

    /// The same for a phone of this maker, whose window must outlast its polls (Z10).
    fn rules_for(&self, maker: &'static dyn Maker) -> EnrolRules {
        let mut rules = self.rules();
        rules.windows.lasts = rules.windows.lasts.max(maker.least_window());
        rules
    }

    /// Who makes a change, for the history.
    fn actor(&self, caller: Caller) -> Actor {
        let name = format!("uid {}", caller.uid);
        Actor { name, on_behalf_of: None, time: self.clock.now(), boot_ms: self.clock.boot_ms() }
    }
}
