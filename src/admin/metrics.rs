//! `/metrics`: how it goes, in figures (OpenMetrics 1.0). Counters come from where things are counted; the rest is looked at
//! when somebody asks.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::extract::{Extension, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::AdminPlane;
use super::answer::waiting;
use super::auth::{Caller, Reach, held};
use super::problem::Problem;
use super::readiness::Looked;
use crate::inventory::role::Permission;

/// What the format calls itself.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Figure = Gauge<f64, AtomicU64>;

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Build {
    version: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Kind {
    kind: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Access {
    access: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Found {
    code: &'static str,
    severity: String,
}

/// All figures, for who may see what there is in the whole account.
pub async fn metrics(State(plane): State<Arc<AdminPlane>>, caller: Option<Extension<Caller>>) -> Response {
    let caller = caller.map(|Extension(caller)| caller);
    waiting(move || {
        may_see(&plane, caller.as_ref())?;
        Ok(([(header::CONTENT_TYPE, OPEN_METRICS)], figures(&plane)?).into_response())
    })
    .await
}

fn may_see(plane: &AdminPlane, caller: Option<&Caller>) -> Result<(), Problem> {
    let Some(caller) = caller else { return Err(Problem::unauthenticated()) };
    let view = Permission::SitesView;
    match held(&*plane.store, &caller.who)?.reach(view) {
        Reach::Account => Ok(()),
        Reach::Sites(_) => Err(Problem::forbidden(format!("to see all figures needs {view} for the whole account"))),
    }
}

fn figures(plane: &AdminPlane) -> Result<String, Problem> {
    let mut registry = Registry::with_prefix("ztpd");
    plane.metrics.register(&mut registry);
    let build = Family::<Build, Gauge>::default();
    build.get_or_create(&Build { version: env!("CARGO_PKG_VERSION") }).set(1);
    registry.register("build_info", "The program that runs", build);
    of_the_moment(plane, &mut registry);
    of_the_store(plane, &mut registry);
    looked_at(&plane.readiness.look(plane), &mut registry);
    let mut text = String::new();
    encode(&mut text, &registry)
        .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "figures", error.to_string()))?;
    Ok(text)
}

fn gauge(registry: &mut Registry, name: &str, help: &str, unit: Option<Unit>, value: f64) {
    let figure = Figure::default();
    figure.set(value);
    match unit {
        Some(unit) => registry.register_with_unit(name, help, unit, figure),
        None => registry.register(name, help, figure),
    }
}

/// What is known without asking the disk.
fn of_the_moment(plane: &AdminPlane, registry: &mut Registry) {
    let now = plane.clock.now();
    let snapshot = plane.snapshot.load();
    if let Some(ends) = snapshot.certificate.ends() {
        let left = (ends - now.as_second()) as f64 / 86_400.0;
        gauge(registry, "certificate_days_left", "Days until the certificate that phones see ends", None, left);
    }
    let parked = f64::from(u8::from(snapshot.handover().is_err()));
    gauge(registry, "bootstrap_parked", "Whether new phones are not sent to the public URL", None, parked);
    let read = snapshot.read_at.as_second() as f64;
    gauge(registry, "settings_read_timestamp", "When the settings in force were read", Some(Unit::Seconds), read);
    let pending = plane.pending.list(now).len() as f64;
    gauge(registry, "pending_phones", "Phones that asked and are not in the inventory", None, pending);
    let limiter = plane.limits.figures(now);
    gauge(registry, "limiter_sources", "Sources that are remembered for failures", None, limiter.sources as f64);
    let help = "Sources that are shut out for sweeping through phones";
    gauge(registry, "limiter_blocked_sources", help, None, limiter.blocked as f64);
}

fn of_the_store(plane: &AdminPlane, registry: &mut Registry) {
    let help = "How long changes and events took to reach the disk";
    registry.register_with_unit("store_commit", help, Unit::Seconds, plane.store.commit_times());
    let bytes = size(&plane.snapshot.load().config.data_dir) as f64;
    gauge(registry, "store", "What is kept: store, journal and snapshots", Some(Unit::Bytes), bytes);
    let backlog = plane.store.backlog();
    gauge(registry, "events_waiting", "Events that are not on the disk yet", None, backlog.waiting as f64);
    let help = "Events lost because more came than could be written";
    registry.register("events_lost", help, ConstCounter::new(backlog.lost));
    let fault = f64::from(u8::from(backlog.check().is_err()));
    gauge(registry, "store_behind", "Whether no secret leaves, since nothing can be written down", None, fault);
    let Ok(counts) = plane.store.counts() else { return };
    let records = Family::<Kind, Gauge>::default();
    for (kind, number) in [
        ("common_area", counts.common_areas),
        ("device", counts.devices),
        ("site", counts.sites),
        ("user", counts.users),
    ] {
        records.get_or_create(&Kind { kind }).set(i64::try_from(number).unwrap_or(i64::MAX));
    }
    registry.register("records", "What is in the inventory", records);
}

fn looked_at(looked: &Looked, registry: &mut Registry) {
    let ready = f64::from(u8::from(looked.reasons.is_empty()));
    gauge(registry, "ready", "Whether phones are served as they should be", None, ready);
    let devices = Family::<Access, Gauge>::default();
    for (access, number) in &looked.devices {
        devices.get_or_create(&Access { access: access.clone() }).set(i64::try_from(*number).unwrap_or(i64::MAX));
    }
    registry.register("devices", "Phones of the inventory, by what they have been given", devices);
    let findings = Family::<Found, Gauge>::default();
    for ((code, severity), number) in &looked.findings {
        let labels = Found { code, severity: severity.clone() };
        findings.get_or_create(&labels).set(i64::try_from(*number).unwrap_or(i64::MAX));
    }
    registry.register("findings", "What wants attention", findings);
}

/// The octets of all files below a folder; what cannot be read counts for nothing.
fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let of = |entry: std::fs::DirEntry| match entry.metadata() {
        // Firmware is no part of what is kept for phones.
        Ok(found) if found.is_dir() && entry.file_name() != "firmware" => size(&entry.path()),
        Ok(found) if found.is_file() => found.len(),
        _ => 0,
    };
    entries.map(of).sum()
}
