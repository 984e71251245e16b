//! `packages`: what is bought for people and places. The catalogue is the whole account's; who may see packages anywhere
//! sees all of it.

use serde_json::{Map, Value};

use super::AdminPlane;
use super::answer::{has_words, json};
use super::ask::Ask;
use super::auth::Place;
use super::problem::Problem;
use super::resource::{Filter, Needs, Resource, Shared};
use super::sites::id_from_name;
use crate::inventory::package::{Package, PackageId};
use crate::inventory::role::Permission;
use crate::inventory::secret::Secret;
use crate::store::{Expected, PageRequest, Versioned};

impl Resource for Package {
    const KIND: &'static str = "package";
    const PATH: &'static str = "packages";
    const KEY: &'static str = "id";
    const SCHEMA: &'static str = "Package";
    const READ_ONLY: &'static [&'static str] = &["seats_taken"];
    const FILTERS: &'static [&'static str] = &["limit", "cursor", "q"];
    const NEEDS: Needs =
        Needs { view: Permission::PackagesView, edit: Permission::PackagesEdit, delete: Permission::PackagesDelete };
    const SHARED: Shared = Shared::Yes;

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn is_key(text: &str) -> bool {
        text.parse::<PackageId>().is_ok()
    }

    fn places(&self, _: &AdminPlane) -> Result<Vec<Place>, Problem> {
        Ok(Vec::new())
    }

    fn filter(ask: &Ask) -> Result<Filter<'_, Package>, Problem> {
        Ok(Filter::new(|package: &Package| Ok(has_words(ask, &[package.id.as_str(), package.name.as_str()]))))
    }

    fn page(plane: &AdminPlane, page: &PageRequest) -> Result<Vec<Versioned<Package>>, Problem> {
        Ok(plane.store.packages(page)?)
    }

    fn find(plane: &AdminPlane, id: &str) -> Result<Option<Versioned<Package>>, Problem> {
        let Ok(id) = id.parse::<PackageId>() else { return Ok(None) };
        Ok(plane.store.package(&id)?)
    }

    fn complete(_: &Ask, fields: &mut Map<String, Value>) -> Result<(), Problem> {
        id_from_name(fields)
    }

    fn create(self, ask: &Ask, _: Option<Secret>) -> Result<Versioned<Package>, Problem> {
        Ok(ask.plane.store.create_package(self, &ask.actor())?)
    }

    fn replace(self, ask: &Ask, expected: Expected, _: Option<Secret>) -> Result<Versioned<Package>, Problem> {
        Ok(ask.plane.store.replace_package(self, expected, &ask.actor())?)
    }

    fn remove(&self, ask: &Ask, expected: Expected) -> Result<(), Problem> {
        Ok(ask.plane.store.remove_package(&self.id, expected, &ask.actor())?)
    }

    fn observed(&self, plane: &AdminPlane) -> Result<Map<String, Value>, Problem> {
        Ok(Map::from_iter([("seats_taken".to_owned(), json(&plane.store.seats_taken(&self.id)?)?)]))
    }
}
