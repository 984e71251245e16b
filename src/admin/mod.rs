//! The admin plane: what people and their programs use, over a Unix socket and, if wished, over TCP. JSON in and out;
//! every refusal says what to do and changed nothing.
//!
//! Everything that can be asked is in one table ([`table`]); each route in it names the permission it needs.

mod account;
mod answer;
mod ask;
mod audit;
mod auth;
mod authorities;
mod backups;
mod catalogue;
mod checks;
mod claims;
mod connection;
mod devices;
mod door;
mod events;
mod explain;
mod exports;
mod files;
mod findings;
mod gifts;
mod grants;
mod idempotency;
mod keys;
mod lab;
mod lifecycle;
mod metrics;
mod numbers;
mod observations;
mod openapi;
mod packages;
mod pending;
mod people;
mod plans;
mod problem;
mod readiness;
mod resource;
mod roles;
mod route;
mod settings;
mod settings_templates;
mod sites;
pub mod socket;
mod status;
pub mod tcp;
mod templates;
mod tokens;

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::routing::get;

pub use route::{Gives, Route};

use crate::config::Snapshot;
use crate::diagnose::checks::rounds::Checks;
use crate::diagnose::observations::Observations;
use crate::host::clock::Clock;
use crate::inventory::common_area::CommonArea;
use crate::inventory::device::Device;
use crate::inventory::event::Event;
use crate::inventory::handshake::Handshake;
use crate::inventory::number::Number;
use crate::inventory::package::Package;
use crate::inventory::settings_template::SettingsTemplate;
use crate::inventory::site::Site;
use crate::inventory::user::User;
use crate::makers::Maker;
use crate::metrics::Metrics;
use crate::provision::{Limits, Pending, Pipeline, Recent};
use crate::store::backup::BackUp;
use crate::store::{EnrolRules, Store, WindowPolicy};

/// What the admin plane works on.
pub struct AdminPlane {
    /// Everything that is kept.
    pub store: Arc<dyn Store>,
    /// Everything that a reload replaces.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// Phones nobody knows.
    pub pending: Arc<Pending>,
    /// How phones' connections began of late.
    pub handshakes: Arc<Recent<Handshake>>,
    /// What was fetched of late in no phone's name.
    pub nameless: Arc<Recent<Event>>,
    /// What the DHCP watcher saw of late.
    pub observations: Arc<Observations>,
    /// What is counted while phones are served.
    pub metrics: Metrics,
    /// What is remembered of sources that failed.
    pub limits: Arc<Limits>,
    /// The time.
    pub clock: Clock,
    /// What is listened on, by plane.
    pub listeners: Vec<(&'static str, String)>,
    /// The checks, and what they found.
    pub checks: Arc<Checks>,
    /// To be called when authorities came or went: connections from then on ask by the new list.
    pub authorities_changed: Box<dyn Fn() + Send + Sync>,
    /// What backups are taken of.
    pub backups: Arc<dyn BackUp>,
    readiness: readiness::Readiness,
    answers: idempotency::Answers,
    strangers: door::Strangers,
}

/// How a connection came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Peer {
    /// Over TCP.
    Tcp {
        /// From where.
        from: SocketAddr,
        /// To which of our addresses.
        to: SocketAddr,
    },
    /// Over the Unix socket, by a user of this machine.
    Unix {
        /// Its number, as the kernel says.
        uid: u32,
    },
}

/// Everything that can be asked, below `/api/v1`.
pub fn table() -> Vec<Route> {
    let mut table = vec![];
    table.extend(resource::routes::<Site>());
    table.extend(resource::routes::<User>());
    table.extend(resource::routes::<CommonArea>());
    table.extend(resource::routes::<Device>());
    table.extend(resource::routes::<Number>());
    table.extend(resource::routes::<Package>());
    table.extend(resource::routes::<SettingsTemplate>());
    table.extend(account::routes());
    table.extend(audit::routes());
    table.extend(authorities::routes());
    table.extend(backups::routes());
    table.extend(catalogue::routes());
    table.extend(checks::routes());
    table.extend(claims::routes());
    table.extend(devices::routes());
    table.extend(events::routes());
    table.extend(exports::routes());
    table.extend(files::routes());
    table.extend(explain::routes());
    table.extend(findings::routes());
    table.extend(grants::routes());
    table.extend(keys::routes());
    table.extend(lab::routes());
    table.extend(lifecycle::routes());
    table.extend(observations::routes());
    table.extend(openapi::routes());
    table.extend(pending::routes());
    table.extend(people::routes());
    table.extend(plans::routes());
    table.extend(roles::routes());
    table.extend(sites::routes());
    table.extend(status::routes());
    table.extend(templates::routes());
    table.extend(tokens::routes());
    table
}

/// The admin plane's router; every connection adds its [`Peer`].
pub fn router(plane: Arc<AdminPlane>) -> Router {
    let known = axum::middleware::from_fn_with_state(Arc::clone(&plane), door::known);
    let api = route::router(table(), &plane).fallback(nothing).layer(known);
    let beside = axum::middleware::from_fn_with_state(Arc::clone(&plane), door::unknown_too);
    let near = Router::new()
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/metrics", get(metrics::metrics))
        .route("/readyz", get(status::readyz))
        .layer(beside)
        .with_state(Arc::clone(&plane));
    let host = axum::middleware::from_fn_with_state(plane, door::host);
    near.nest("/api/v1", api).fallback(nothing).method_not_allowed_fallback(door::not_allowed).layer(host)
}

async fn nothing() -> problem::Problem {
    problem::Problem::not_found("route", "of this path; /api/v1/openapi.json lists them all")
}

impl AdminPlane {
    /// An admin plane over these and what the pipeline remembers; `listeners` is what is listened on, by plane.
    pub fn new(
        store: Arc<dyn Store>,
        snapshot: Arc<ArcSwap<Snapshot>>,
        pipeline: &Pipeline,
        listeners: Vec<(&'static str, String)>,
        authorities_changed: Box<dyn Fn() + Send + Sync>,
        checks: Arc<Checks>,
        backups: Arc<dyn BackUp>,
    ) -> AdminPlane {
        let (answers, readiness, strangers) = Default::default();
        AdminPlane {
            store,
            snapshot,
            pending: Arc::clone(&pipeline.pending),
            handshakes: Arc::clone(&pipeline.handshakes),
            nameless: Arc::clone(&pipeline.nameless),
            observations: Arc::clone(&checks.observations),
            metrics: pipeline.metrics.clone(),
            limits: Arc::clone(&pipeline.limits),
            clock: pipeline.clock,
            listeners,
            authorities_changed,
            readiness,
            checks,
            backups,
            answers,
            strangers,
        }
    }

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

    /// Why nothing can be written down now, if so: then no secret is given and no change taken (policy L2).
    fn behind(&self) -> Option<String> {
        let behind = self.store.backlog().check().err()?;
        Some(format!("no secrets are given and no changes taken: {behind}"))
    }

    /// That lab mode is on, if so (policy X2). May wait for the disk.
    fn in_lab(&self) -> Option<String> {
        match self.lab() {
            Ok(lab) => lab.map(|lab| format!("lab mode is on: {lab}; `ztpd lab disable` ends it")),
            Err(error) => Some(format!("whether lab mode is on cannot be read: {error}")),
        }
    }
}
