//! `sites`: places with phones.

use serde_json::{Map, Value};

use super::problem::Problem;
use super::resource::Resource;
use super::{AdminPlane, Caller};
use crate::inventory::secret::Secret;
use crate::inventory::site::{Site, SiteId};
use crate::makers;
use crate::store::{Expected, PageRequest, Versioned};

impl Resource for Site {
    const KIND: &'static str = "site";
    const PATH: &'static str = "sites";
    const KEY: &'static str = "id";
    const READ_ONLY: &'static [&'static str] = &[];

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn page(plane: &AdminPlane, page: &PageRequest) -> Result<Vec<Versioned<Site>>, Problem> {
        Ok(plane.store.sites(page)?)
    }

    fn find(plane: &AdminPlane, id: &str) -> Result<Option<Versioned<Site>>, Problem> {
        let Ok(id) = id.parse::<SiteId>() else { return Ok(None) };
        Ok(plane.store.site(&id)?)
    }

    fn complete(_plane: &AdminPlane, fields: &mut Map<String, Value>) -> Result<(), Problem> {
        id_from_name(fields)
    }

    fn create(self, plane: &AdminPlane, _: Option<Secret>, caller: Caller) -> Result<Versioned<Site>, Problem> {
        Ok(plane.store.create_site(self, &plane.actor(caller))?)
    }

    fn replace(
        self,
        plane: &AdminPlane,
        expected: Expected,
        _: Option<Secret>,
        caller: Caller,
    ) -> Result<Versioned<Site>, Problem> {
        // Windows may open for phones of any maker.
        let mut windows = plane.rules().windows;
        windows.lasts = windows.lasts.max(makers::least_window_of_all());
        Ok(plane.store.replace_site(self, expected, &windows, &plane.actor(caller))?)
    }

    fn remove(&self, plane: &AdminPlane, expected: Expected, caller: Caller) -> Result<(), Problem> {
        Ok(plane.store.remove_site(&self.id, expected, &plane.actor(caller))?)
    }

    fn observed(&self, _plane: &AdminPlane) -> Result<Map<String, Value>, Problem> {
        Ok(Map::new())
    }
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
pub fn main_site(plane: &AdminPlane, fields: &mut Map<String, Value>) -> Result<(), Problem> {
    if fields.contains_key("site") {
        return Ok(());
    }
    let none = || Problem::field("/site", "unknown_site", "there is no site yet; add one first");
    let site = plane.store.main_site()?.ok_or_else(none)?;
    fields.insert("site".to_owned(), site.value.id.as_str().into());
    Ok(())
}
