//! `users` and `common-areas`: whom phones belong to.

use axum::http::StatusCode;
use serde_json::{Map, Value};

use super::answer::json;
use super::problem::Problem;
use super::resource::Resource;
use super::sites::{id_from_name, main_site};
use super::{AdminPlane, Caller};
use crate::inventory::common_area::{CommonArea, CommonAreaId};
use crate::inventory::device::Owner;
use crate::inventory::extension::Extension;
use crate::inventory::secret::Secret;
use crate::inventory::user::{User, UserId};
use crate::store::{Expected, PageRequest, Versioned};

impl Resource for User {
    const KIND: &'static str = "user";
    const PATH: &'static str = "users";
    const KEY: &'static str = "id";
    const READ_ONLY: &'static [&'static str] = &["devices", "long_extension"];

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn page(plane: &AdminPlane, page: &PageRequest) -> Result<Vec<Versioned<User>>, Problem> {
        Ok(plane.store.users(page)?)
    }

    fn find(plane: &AdminPlane, id: &str) -> Result<Option<Versioned<User>>, Problem> {
        let Ok(id) = id.parse::<UserId>() else { return Ok(None) };
        Ok(plane.store.user(&id)?)
    }

    fn complete(plane: &AdminPlane, fields: &mut Map<String, Value>) -> Result<(), Problem> {
        main_site(plane, fields)
    }

    fn create(self, plane: &AdminPlane, password: Option<Secret>, caller: Caller) -> Result<Versioned<User>, Problem> {
        Ok(plane.store.create_user(self, password_or_new(password)?, &plane.actor(caller))?)
    }

    fn replace(
        self,
        plane: &AdminPlane,
        expected: Expected,
        password: Option<Secret>,
        caller: Caller,
    ) -> Result<Versioned<User>, Problem> {
        Ok(plane.store.replace_user(self, expected, password, &plane.actor(caller))?)
    }

    fn remove(&self, plane: &AdminPlane, expected: Expected, caller: Caller) -> Result<(), Problem> {
        Ok(plane.store.remove_user(&self.id, expected, &plane.actor(caller))?)
    }

    fn observed(&self, plane: &AdminPlane) -> Result<Map<String, Value>, Problem> {
        owned(plane, &Owner::User(self.id.clone()), self.extension.as_ref())
    }
}

impl Resource for CommonArea {
    const KIND: &'static str = "common area";
    const PATH: &'static str = "common-areas";
    const KEY: &'static str = "id";
    const READ_ONLY: &'static [&'static str] = &["devices", "long_extension"];

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn page(plane: &AdminPlane, page: &PageRequest) -> Result<Vec<Versioned<CommonArea>>, Problem> {
        Ok(plane.store.common_areas(page)?)
    }

    fn find(plane: &AdminPlane, id: &str) -> Result<Option<Versioned<CommonArea>>, Problem> {
        let Ok(id) = id.parse::<CommonAreaId>() else { return Ok(None) };
        Ok(plane.store.common_area(&id)?)
    }

    fn complete(plane: &AdminPlane, fields: &mut Map<String, Value>) -> Result<(), Problem> {
        id_from_name(fields)?;
        main_site(plane, fields)
    }

    fn create(
        self,
        plane: &AdminPlane,
        password: Option<Secret>,
        caller: Caller,
    ) -> Result<Versioned<CommonArea>, Problem> {
        Ok(plane.store.create_common_area(self, password_or_new(password)?, &plane.actor(caller))?)
    }

    fn replace(
        self,
        plane: &AdminPlane,
        expected: Expected,
        password: Option<Secret>,
        caller: Caller,
    ) -> Result<Versioned<CommonArea>, Problem> {
        Ok(plane.store.replace_common_area(self, expected, password, &plane.actor(caller))?)
    }

    fn remove(&self, plane: &AdminPlane, expected: Expected, caller: Caller) -> Result<(), Problem> {
        Ok(plane.store.remove_common_area(&self.id, expected, &plane.actor(caller))?)
    }

    fn observed(&self, plane: &AdminPlane) -> Result<Map<String, Value>, Problem> {
        owned(plane, &Owner::CommonArea(self.id.clone()), self.extension.as_ref())
    }
}

/// What is known of an owner besides what was written.
fn owned(plane: &AdminPlane, owner: &Owner, extension: Option<&Extension>) -> Result<Map<String, Value>, Problem> {
    let mut fields = Map::new();
    fields.insert("devices".to_owned(), json(&plane.store.devices_of(owner)?)?);
    fields.insert("long_extension".to_owned(), json(&extension)?);
    Ok(fields)
}

/// The password that was given, or a new one.
fn password_or_new(password: Option<Secret>) -> Result<Secret, Problem> {
    let failed = |error: crate::inventory::secret::NoRandomness| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no_randomness", error.to_string())
    };
    password.map_or_else(Secret::password, Ok).map_err(failed)
}
