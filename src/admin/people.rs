//! `users` and `common-areas`: whom phones belong to.

use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::AdminPlane;
use super::answer::{has_words, json};
use super::ask::Ask;
use super::auth::Place;
use super::devices::no_randomness;
use super::gifts::{self, Gifts};
use super::numbers::spell_out;
use super::problem::Problem;
use super::resource::{Filter, Needs, Resource, checked_password, found, shown};
use super::route::{Gives, Route};
use super::sites::{asked_site, id_from_name, main_site};
use crate::inventory::common_area::{CommonArea, CommonAreaId};
use crate::inventory::device::Owner;
use crate::inventory::extension::Extension;
use crate::inventory::role::Permission;
use crate::inventory::secret::Secret;
use crate::inventory::site::SiteId;
use crate::inventory::user::{User, UserId};
use crate::store::{AtSite, Expected, PageRequest, Versioned};

/// The routes that only people and places have.
pub fn routes() -> Vec<Route> {
    vec![
        Route::post("/users/{id}/rename", Permission::UsersEdit, rename)
            .about("give the user another address; phones, lines, extension and password come along")
            .takes("Rename")
            .gives(200, Gives::One("User")),
        Route::post("/users/{id}/sip-password", Permission::CredentialsEdit, new_password_of_user)
            .about("give the user a new SIP password")
            .takes("NewPassword")
            .gives(200, Gives::One("User")),
        Route::post("/common-areas/{id}/sip-password", Permission::CredentialsEdit, new_password_of_area)
            .about("give the common area a new SIP password")
            .takes("NewPassword")
            .gives(200, Gives::One("CommonArea")),
    ]
}

impl Resource for User {
    const KIND: &'static str = "user";
    const PATH: &'static str = "users";
    const KEY: &'static str = "id";
    const SCHEMA: &'static str = "User";
    const READ_ONLY: &'static [&'static str] = &["devices", "entitlements", "long_extension"];
    const FILTERS: &'static [&'static str] = &["limit", "cursor", "site", "q"];
    const INDEX: Option<AtSite> = Some(AtSite::Users);
    const NEEDS: Needs =
        Needs { view: Permission::UsersView, edit: Permission::UsersEdit, delete: Permission::UsersDelete };

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn is_key(text: &str) -> bool {
        text.parse::<UserId>().is_ok()
    }

    fn places(&self, _: &AdminPlane) -> Result<Vec<Place>, Problem> {
        Ok(vec![Place::at(&self.site)])
    }

    fn filter(ask: &Ask) -> Result<Filter<'_, User>, Problem> {
        let site = asked_site(ask)?;
        Ok(Filter::new(move |user: &User| {
            let extension = user.extension.as_ref().map_or("", Extension::as_str);
            let words = [user.id.as_str(), &user.display_name(), extension];
            Ok(is_at(site.as_ref(), &user.site) && has_words(ask, &words))
        }))
    }

    fn page(plane: &AdminPlane, page: &PageRequest) -> Result<Vec<Versioned<User>>, Problem> {
        Ok(plane.store.users(page)?)
    }

    fn find(plane: &AdminPlane, id: &str) -> Result<Option<Versioned<User>>, Problem> {
        let Ok(id) = id.parse::<UserId>() else { return Ok(None) };
        Ok(plane.store.user(&id)?)
    }

    fn spell_out(plane: &AdminPlane, fields: &mut Map<String, Value>) -> Result<(), Problem> {
        ask_for_extension(fields);
        spell_out(plane, fields)
    }

    fn complete(ask: &Ask, fields: &mut Map<String, Value>) -> Result<(), Problem> {
        main_site(ask, fields)
    }

    fn create(self, ask: &Ask, password: Option<Secret>) -> Result<Versioned<User>, Problem> {
        gifts::check(ask, None, &Gifts::from(&self))?;
        ask.veiled(ask.plane.store.create_user(self, password_or_new(password)?, &ask.actor()))
    }

    fn replace(self, ask: &Ask, expected: Expected, password: Option<Secret>) -> Result<Versioned<User>, Problem> {
        let before = ask.plane.store.user(&self.id)?.map(|user| user.value);
        gifts::check(ask, before.as_ref().map(Gifts::from).as_ref(), &Gifts::from(&self))?;
        ask.veiled(ask.plane.store.replace_user(self, expected, password, &ask.actor()))
    }

    fn remove(&self, ask: &Ask, expected: Expected) -> Result<(), Problem> {
        ask.veiled(ask.plane.store.remove_user(&self.id, expected, &ask.actor()))
    }

    fn observed(&self, plane: &AdminPlane) -> Result<Map<String, Value>, Problem> {
        owned(plane, &Owner::User(self.id.clone()), self.extension.as_ref(), &self.site)
    }
}

impl Resource for CommonArea {
    const KIND: &'static str = "common area";
    const PATH: &'static str = "common-areas";
    const KEY: &'static str = "id";
    const SCHEMA: &'static str = "CommonArea";
    const READ_ONLY: &'static [&'static str] = &["devices", "entitlements", "long_extension"];
    const FILTERS: &'static [&'static str] = &["limit", "cursor", "site", "q"];
    const INDEX: Option<AtSite> = Some(AtSite::CommonAreas);
    const NEEDS: Needs = Needs {
        view: Permission::CommonAreasView,
        edit: Permission::CommonAreasEdit,
        delete: Permission::CommonAreasDelete,
    };

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn is_key(text: &str) -> bool {
        text.parse::<CommonAreaId>().is_ok()
    }

    fn places(&self, _: &AdminPlane) -> Result<Vec<Place>, Problem> {
        Ok(vec![Place::at(&self.site)])
    }

    fn filter(ask: &Ask) -> Result<Filter<'_, CommonArea>, Problem> {
        let site = asked_site(ask)?;
        Ok(Filter::new(move |area: &CommonArea| {
            let extension = area.extension.as_ref().map_or("", Extension::as_str);
            let words = [area.id.as_str(), area.name.as_str(), extension];
            Ok(is_at(site.as_ref(), &area.site) && has_words(ask, &words))
        }))
    }

    fn page(plane: &AdminPlane, page: &PageRequest) -> Result<Vec<Versioned<CommonArea>>, Problem> {
        Ok(plane.store.common_areas(page)?)
    }

    fn find(plane: &AdminPlane, id: &str) -> Result<Option<Versioned<CommonArea>>, Problem> {
        let Ok(id) = id.parse::<CommonAreaId>() else { return Ok(None) };
        Ok(plane.store.common_area(&id)?)
    }

    fn spell_out(plane: &AdminPlane, fields: &mut Map<String, Value>) -> Result<(), Problem> {
        ask_for_extension(fields);
        spell_out(plane, fields)
    }

    fn complete(ask: &Ask, fields: &mut Map<String, Value>) -> Result<(), Problem> {
        id_from_name(fields)?;
        main_site(ask, fields)
    }

    fn create(self, ask: &Ask, password: Option<Secret>) -> Result<Versioned<CommonArea>, Problem> {
        gifts::check(ask, None, &Gifts::from(&self))?;
        ask.veiled(ask.plane.store.create_common_area(self, password_or_new(password)?, &ask.actor()))
    }

    fn replace(
        self,
        ask: &Ask,
        expected: Expected,
        password: Option<Secret>,
    ) -> Result<Versioned<CommonArea>, Problem> {
        let before = ask.plane.store.common_area(&self.id)?.map(|area| area.value);
        gifts::check(ask, before.as_ref().map(Gifts::from).as_ref(), &Gifts::from(&self))?;
        ask.veiled(ask.plane.store.replace_common_area(self, expected, password, &ask.actor()))
    }

    fn remove(&self, ask: &Ask, expected: Expected) -> Result<(), Problem> {
        ask.veiled(ask.plane.store.remove_common_area(&self.id, expected, &ask.actor()))
    }

    fn observed(&self, plane: &AdminPlane) -> Result<Map<String, Value>, Problem> {
        owned(plane, &Owner::CommonArea(self.id.clone()), self.extension.as_ref(), &self.site)
    }
}

/// Who is to have whatever extension is free is to have one.
fn ask_for_extension(fields: &mut Map<String, Value>) {
    if matches!(fields.get("extension").and_then(Value::as_str).map(str::trim), Some("" | "0")) {
        fields.insert("without_extension".to_owned(), false.into());
    }
}

/// Whether something at a site is asked for.
pub fn is_at(asked: Option<&SiteId>, site: &SiteId) -> bool {
    asked.is_none_or(|asked| asked == site)
}

/// What is known of an owner besides what was written.
fn owned(
    plane: &AdminPlane,
    owner: &Owner,
    extension: Option<&Extension>,
    site: &SiteId,
) -> Result<Map<String, Value>, Problem> {
    let long = extension.map(|extension| plane.store.long_extension(extension, site)).transpose()?;
    let mut fields = Map::new();
    fields.insert("devices".to_owned(), json(&plane.store.devices_of(owner)?)?);
    fields.insert("entitlements".to_owned(), json(&plane.store.entitlements(owner)?)?);
    fields.insert("long_extension".to_owned(), json(&long)?);
    Ok(fields)
}

/// The password that was given, or a new one.
fn password_or_new(password: Option<Secret>) -> Result<Secret, Problem> {
    password.map_or_else(Secret::password, Ok).map_err(no_randomness)
}

/// The new address.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rename {
    id: UserId,
}

fn rename(ask: &Ask) -> Result<Response, Problem> {
    let user = found::<User>(ask)?.value;
    let wish: Rename = ask.body()?;
    let renamed = ask.plane.store.rename_user(&user.id, wish.id, ask.expected()?, &ask.actor())?;
    shown(ask, StatusCode::OK, &renamed)
}

/// The new password, if it is not to be made here.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    #[serde(default)]
    password: Option<Value>,
}

fn new_password_of_user(ask: &Ask) -> Result<Response, Problem> {
    let user = found::<User>(ask)?;
    set_password(ask, &Owner::User(user.value.id.clone()), &user)
}

fn new_password_of_area(ask: &Ask) -> Result<Response, Problem> {
    let area = found::<CommonArea>(ask)?;
    set_password(ask, &Owner::CommonArea(area.value.id.clone()), &area)
}

/// The password is not shown: it reaches the phones with their next fetch, and the registrar with its export.
fn set_password<R: Resource>(ask: &Ask, owner: &Owner, shows: &Versioned<R>) -> Result<Response, Problem> {
    let wish: NewPassword = ask.body()?;
    let given = wish.password.map(|password| checked_password(&password, "/password")).transpose()?;
    if let Expected::Revision(expected) = ask.expected()?
        && expected != shows.revision
    {
        return Err(Problem::stale());
    }
    ask.plane.store.set_sip_password(owner, password_or_new(given)?, &ask.actor())?;
    shown(ask, StatusCode::OK, shows)
}
