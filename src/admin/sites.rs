//! `sites`: places with phones.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value};

use super::AdminPlane;
use super::answer::has_words;
use super::ask::{Ask, bad_query};
use super::auth::{Place, Reach};
use super::claims::{ClaimBody, window};
use super::problem::Problem;
use super::resource::{Filter, Needs, Resource, found};
use super::route::{Gives, Route};
use crate::inventory::role::Permission;
use crate::inventory::secret::Secret;
use crate::inventory::site::{Site, SiteId};
use crate::makers;
use crate::store::{Expected, PageRequest, Versioned};

/// The routes that only sites have.
pub fn routes() -> Vec<Route> {
    vec![
        Route::post("/sites/{id}/claims", Permission::DevicesRun, claim)
            .about("open a claim window for every phone of the site that was never given anything")
            .takes("ClaimRequest")
            .gives(201, Gives::One("SiteClaim")),
    ]
}

impl Resource for Site {
    const KIND: &'static str = "site";
    const PATH: &'static str = "sites";
    const KEY: &'static str = "id";
    const SCHEMA: &'static str = "Site";
    const READ_ONLY: &'static [&'static str] = &[];
    const FILTERS: &'static [&'static str] = &["limit", "cursor", "q"];
    const NEEDS: Needs =
        Needs { view: Permission::SitesView, edit: Permission::SitesEdit, delete: Permission::SitesDelete };

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn is_key(text: &str) -> bool {
        text.parse::<SiteId>().is_ok()
    }

    fn places(&self, _: &AdminPlane) -> Result<Vec<Place>, Problem> {
        Ok(vec![Place::at(&self.id)])
    }

    fn filter(ask: &Ask) -> Result<Filter<'_, Site>, Problem> {
        Ok(Filter::new(|site: &Site| Ok(has_words(ask, &[site.id.as_str(), site.name.as_str()]))))
    }

    fn page(plane: &AdminPlane, page: &PageRequest) -> Result<Vec<Versioned<Site>>, Problem> {
        Ok(plane.store.sites(page)?)
    }

    fn find(plane: &AdminPlane, id: &str) -> Result<Option<Versioned<Site>>, Problem> {
        let Ok(id) = id.parse::<SiteId>() else { return Ok(None) };
        Ok(plane.store.site(&id)?)
    }

    fn complete(ask: &Ask, fields: &mut Map<String, Value>) -> Result<(), Problem> {
        // A new site is in nobody's scope but that of the whole account.
        ask.require_account()?;
        id_from_name(fields)
    }

    fn create(self, ask: &Ask, _: Option<Secret>) -> Result<Versioned<Site>, Problem> {
        Ok(ask.plane.store.create_site(self, &ask.actor())?)
    }

    fn replace(self, ask: &Ask, expected: Expected, _: Option<Secret>) -> Result<Versioned<Site>, Problem> {
        // The rank of main site is taken from another site.
        if self.main && ask.reach() != Reach::Account && !is_main(&ask.plane, &self.id)? {
            return Err(ask.forbidden("for the whole account, to make another site the main one"));
        }
        // Windows may open for phones of any maker.
        let mut windows = ask.plane.rules().windows;
        windows.lasts = windows.lasts.max(makers::least_window_of_all());
        ask.veiled(ask.plane.store.replace_site(self, expected, &windows, &ask.actor()))
    }

    fn remove(&self, ask: &Ask, expected: Expected) -> Result<(), Problem> {
        Ok(ask.plane.store.remove_site(&self.id, expected, &ask.actor())?)
    }

    fn observed(&self, _plane: &AdminPlane) -> Result<Map<String, Value>, Problem> {
        Ok(Map::new())
    }
}

fn is_main(plane: &AdminPlane, id: &SiteId) -> Result<bool, Problem> {
    Ok(plane.store.main_site()?.is_some_and(|main| main.value.id == *id))
}

fn claim(ask: &Ask) -> Result<Response, Problem> {
    let site = found::<Site>(ask)?.value;
    let wish: ClaimBody = ask.body()?;
    let mut windows = Vec::new();
    for mac in ask.plane.store.devices_at(&site.id)? {
        let Some(device) = ask.plane.store.device(mac)? else { continue };
        windows.push((mac, window(ask, &wish, &device.value)?));
    }
    if wish.from.is_empty() && site.networks.is_empty() {
        return Err(super::claims::no_networks(&site));
    }
    let opened = ask.plane.store.open_unclaimed(windows, &site.id, &ask.actor())?;
    let answer = serde_json::json!({"site": site.id, "opened": opened});
    Ok(super::answer::shown_value(StatusCode::CREATED, &answer, None))
}

/// The site that a list is asked for.
pub fn asked_site(ask: &Ask) -> Result<Option<SiteId>, Problem> {
    let Some(text) = ask.asked("site") else { return Ok(None) };
    text.parse().map(Some).map_err(|error| bad_query("site", &format!("{text:?} {error}")))
}

/// Without an id, one is made from the name.
pub fn id_from_name(fields: &mut Map<String, Value>) -> Result<(), Problem> {
    if fields.contains_key("id") {
        return Ok(());
    }
    let name = fields.get("name").and_then(Value::as_str).unwrap_or_default();
    let none = || Problem::field("/id", "invalid", "give an id, or a name with letters or digits to make one from");
    let id = SiteId::from_name(name).ok_or_else(none)?;
    fields.insert("id".to_owned(), id.as_str().into());
    Ok(())
}

/// Without a site, the main one.
pub fn main_site(ask: &Ask, fields: &mut Map<String, Value>) -> Result<(), Problem> {
    if fields.contains_key("site") {
        return Ok(());
    }
    let none = || Problem::field("/site", "unknown_site", "there is no site yet; add one first");
    let site = ask.plane.store.main_site()?.ok_or_else(none)?;
    if !ask.reach().has(&site.value.id) {
        return Err(Problem::field("/site", "required", "say at which site; the main one is out of your scope"));
    }
    fields.insert("site".to_owned(), site.value.id.as_str().into());
    Ok(())
}
