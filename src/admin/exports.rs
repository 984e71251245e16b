//! `exports`: the inventory as files that can be read again. They hold no secret.

use axum::http::header;
use axum::response::{IntoResponse as _, Response};

use super::ask::Ask;
use super::problem::Problem;
use super::route::{Gives, Route};
use crate::change::csv::{FileKind, export};
use crate::inventory::plan::RecordKind;
use crate::inventory::role::Permission;
use crate::inventory::site::SiteId;

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/exports/common-areas", Permission::CommonAreasView, |ask| file(ask, FileKind::CommonAreas))
            .about("every common area with its phones, as comma-separated values")
            .gives(200, Gives::Csv),
        Route::get("/exports/devices", Permission::DevicesView, |ask| file(ask, FileKind::Devices))
            .about("every phone with whom it belongs to, as comma-separated values")
            .gives(200, Gives::Csv),
        Route::get("/exports/numbers", Permission::NumbersView, |ask| file(ask, FileKind::Numbers))
            .about("every telephone number of the inventory, as comma-separated values")
            .gives(200, Gives::Csv),
        Route::get("/exports/users", Permission::UsersView, |ask| file(ask, FileKind::Users))
            .about("every user with the phones, as comma-separated values")
            .gives(200, Gives::Csv),
    ]
}

/// What the caller may see of it.
fn file(ask: &Ask, kind: FileKind) -> Result<Response, Problem> {
    let (reach, devices) = (ask.reach(), ask.held.reach(Permission::DevicesView));
    let sees = |kind: RecordKind, site: &SiteId| match kind {
        RecordKind::Device => devices.has(site),
        RecordKind::CommonArea | RecordKind::Number | RecordKind::User => reach.has(site),
    };
    let octets = export(&*ask.plane.store, kind, &sees)?;
    let name = format!("attachment; filename=\"{}.csv\"", kind.as_str());
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present"),
        (header::CONTENT_DISPOSITION, name.as_str()),
    ];
    Ok((headers, octets).into_response())
}
