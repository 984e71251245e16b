//! `numbers`: the telephone numbers the company has. Whose one is follows from its owner's `numbers`.

use serde_json::{Map, Value};

use super::AdminPlane;
use super::answer::{has_words, json};
use super::ask::{Ask, bad_query};
use super::auth::Place;
use super::people::is_at;
use super::problem::Problem;
use super::resource::{Filter, Needs, Resource};
use super::sites::{asked_site, main_site};
use crate::inventory::country::Country;
use crate::inventory::number::{Number, NumberKind, PhoneNumber};
use crate::inventory::role::Permission;
use crate::inventory::secret::Secret;
use crate::inventory::site::SiteId;
use crate::store::{AtSite, Expected, PageRequest, Versioned};

impl Resource for Number {
    const KIND: &'static str = "number";
    const PATH: &'static str = "numbers";
    const KEY: &'static str = "number";
    const SCHEMA: &'static str = "Number";
    const READ_ONLY: &'static [&'static str] = &["assignment"];
    const FILTERS: &'static [&'static str] = &["limit", "cursor", "site", "number_kind", "assignment", "q"];
    const INDEX: Option<AtSite> = Some(AtSite::Numbers);
    const NEEDS: Needs =
        Needs { view: Permission::NumbersView, edit: Permission::NumbersEdit, delete: Permission::NumbersDelete };

    fn key(&self) -> String {
        self.number.to_string()
    }

    fn is_key(text: &str) -> bool {
        text.parse::<PhoneNumber>().is_ok()
    }

    fn places(&self, _: &AdminPlane) -> Result<Vec<Place>, Problem> {
        Ok(vec![Place::at(&self.site)])
    }

    fn filter(ask: &Ask) -> Result<Filter<'_, Number>, Problem> {
        let site = asked_site(ask)?;
        let kind: Option<NumberKind> = ask.asked_word("number_kind", "toll, tollfree")?;
        let unassigned = match ask.asked("assignment") {
            None => false,
            Some("none") => true,
            Some(other) => return Err(bad_query("assignment", &format!("{other:?}: only none can be asked for"))),
        };
        Ok(Filter::new(move |number: &Number| {
            let plain = is_at(site.as_ref(), &number.site)
                && kind.is_none_or(|kind| kind == number.kind)
                && has_words(ask, &[number.number.as_str(), number.source.as_str()]);
            Ok(plain && !(unassigned && ask.plane.store.number_owner(&number.number)?.is_some()))
        }))
    }

    fn page(plane: &AdminPlane, page: &PageRequest) -> Result<Vec<Versioned<Number>>, Problem> {
        Ok(plane.store.numbers(page)?)
    }

    fn find(plane: &AdminPlane, id: &str) -> Result<Option<Versioned<Number>>, Problem> {
        let Ok(number) = id.parse::<PhoneNumber>() else { return Ok(None) };
        Ok(plane.store.number(&number)?)
    }

    fn spell_out(plane: &AdminPlane, fields: &mut Map<String, Value>) -> Result<(), Problem> {
        spell_out(plane, fields)
    }

    fn complete(ask: &Ask, fields: &mut Map<String, Value>) -> Result<(), Problem> {
        main_site(ask, fields)
    }

    fn create(self, ask: &Ask, _: Option<Secret>) -> Result<Versioned<Number>, Problem> {
        Ok(ask.plane.store.create_number(self, &ask.actor())?)
    }

    fn replace(self, ask: &Ask, expected: Expected, _: Option<Secret>) -> Result<Versioned<Number>, Problem> {
        ask.veiled(ask.plane.store.replace_number(self, expected, &ask.actor()))
    }

    fn remove(&self, ask: &Ask, expected: Expected) -> Result<(), Problem> {
        ask.veiled(ask.plane.store.remove_number(&self.number, expected, &ask.actor()))
    }

    fn observed(&self, plane: &AdminPlane) -> Result<Map<String, Value>, Problem> {
        let owner = plane.store.number_owner(&self.number)?;
        Ok(Map::from_iter([("assignment".to_owned(), json(&owner)?)]))
    }
}

/// Numbers as they are dialled at the site become those the world dials; what is none is left for its type to refuse.
pub fn spell_out(plane: &AdminPlane, fields: &mut Map<String, Value>) -> Result<(), Problem> {
    let site = fields.get("site").and_then(Value::as_str).and_then(|site| site.parse::<SiteId>().ok());
    let Some(site) = site.map(|site| plane.store.site(&site)).transpose()?.flatten() else { return Ok(()) };
    let Some(country) = site.value.country else { return Ok(()) };
    for name in ["number", "outbound_caller_id"] {
        if let Some(value) = fields.get_mut(name) {
            dialled(value, country);
        }
    }
    if let Some(Value::Array(numbers)) = fields.get_mut("numbers") {
        numbers.iter_mut().for_each(|number| dialled(number, country));
    }
    Ok(())
}

fn dialled(value: &mut Value, country: Country) {
    let dialled = value.as_str().and_then(|text| PhoneNumber::read(text, Some(country)).ok());
    if let Some(dialled) = dialled.filter(|dialled| dialled.extension.is_none()) {
        *value = dialled.number.as_str().into();
    }
}
