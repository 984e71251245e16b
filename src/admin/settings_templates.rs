//! `settings-templates`: settings that many people and places share. One without a site is the whole account's.

use serde_json::{Map, Value};

use super::AdminPlane;
use super::answer::has_words;
use super::ask::Ask;
use super::auth::Place;
use super::people::is_at;
use super::problem::Problem;
use super::resource::{Filter, Needs, Resource, Shared};
use super::sites::{asked_site, id_from_name};
use crate::inventory::role::Permission;
use crate::inventory::secret::Secret;
use crate::inventory::settings_template::{SettingsTemplate, SettingsTemplateId};
use crate::store::{Expected, PageRequest, Versioned};

impl Resource for SettingsTemplate {
    const KIND: &'static str = "settings template";
    const PATH: &'static str = "settings-templates";
    const KEY: &'static str = "id";
    const SCHEMA: &'static str = "SettingsTemplate";
    const READ_ONLY: &'static [&'static str] = &[];
    const FILTERS: &'static [&'static str] = &["limit", "cursor", "site", "q"];
    const NEEDS: Needs =
        Needs { view: Permission::SettingsView, edit: Permission::SettingsEdit, delete: Permission::SettingsEdit };
    const SHARED: Shared = Shared::Yes;

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn is_key(text: &str) -> bool {
        text.parse::<SettingsTemplateId>().is_ok()
    }

    fn places(&self, _: &AdminPlane) -> Result<Vec<Place>, Problem> {
        Ok(self.site.iter().map(Place::at).collect())
    }

    /// Those that people of the site asked for may name.
    fn filter(ask: &Ask) -> Result<Filter<'_, SettingsTemplate>, Problem> {
        let site = asked_site(ask)?;
        Ok(Filter::new(move |template: &SettingsTemplate| {
            let there = template.site.as_ref().is_none_or(|there| is_at(site.as_ref(), there));
            Ok(there && has_words(ask, &[template.id.as_str(), template.name.as_str()]))
        }))
    }

    fn page(plane: &AdminPlane, page: &PageRequest) -> Result<Vec<Versioned<SettingsTemplate>>, Problem> {
        Ok(plane.store.settings_templates(page)?)
    }

    fn find(plane: &AdminPlane, id: &str) -> Result<Option<Versioned<SettingsTemplate>>, Problem> {
        let Ok(id) = id.parse::<SettingsTemplateId>() else { return Ok(None) };
        Ok(plane.store.settings_template(&id)?)
    }

    fn complete(_: &Ask, fields: &mut Map<String, Value>) -> Result<(), Problem> {
        id_from_name(fields)
    }

    fn create(self, ask: &Ask, _: Option<Secret>) -> Result<Versioned<SettingsTemplate>, Problem> {
        Ok(ask.plane.store.create_settings_template(self, &ask.actor())?)
    }

    fn replace(self, ask: &Ask, expected: Expected, _: Option<Secret>) -> Result<Versioned<SettingsTemplate>, Problem> {
        ask.veiled(ask.plane.store.replace_settings_template(self, expected, &ask.actor()))
    }

    fn remove(&self, ask: &Ask, expected: Expected) -> Result<(), Problem> {
        ask.veiled(ask.plane.store.remove_settings_template(&self.id, expected, &ask.actor()))
    }

    fn observed(&self, _: &AdminPlane) -> Result<Map<String, Value>, Problem> {
        Ok(Map::new())
    }
}
