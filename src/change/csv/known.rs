//! What must be known to understand a row: the sites by their names, and for places with a phone of their own the places
//! by theirs. What is out of the scope of who asks is not known.

use std::collections::{BTreeMap, BTreeSet};

use super::super::draft::Ground;
use super::super::near::hint;
use super::columns::{Column, FileKind};
use super::sheet::Sheet;
use crate::inventory::common_area::CommonAreaId;
use crate::inventory::country::Country;
use crate::inventory::settings_template::SettingsTemplate;
use crate::inventory::site::{Site, SiteId};
use crate::store::{PageRequest, StoreError, Versioned};

/// How many records are read at once.
const PAGE: usize = 500;

/// The sites, and the places with a phone of their own.
#[derive(Debug, Default)]
pub struct Known {
    sites: Vec<Site>,
    main: Option<SiteId>,
    /// Packages, and settings templates: id and name.
    packages: Vec<(String, String)>,
    templates: Vec<(String, String)>,
    /// Places by name, each with its site.
    areas: BTreeMap<String, Vec<(SiteId, CommonAreaId)>>,
    /// Every place's id, in scope or not: a new one must differ.
    area_ids: BTreeSet<CommonAreaId>,
}

impl Known {
    /// What a file of this kind needs.
    pub fn of(ground: &Ground<'_>, sheet: &Sheet) -> Result<Known, StoreError> {
        let record = sheet.kind.record();
        let mut known = Known::default();
        let mut after = None;
        loop {
            let page = ground.store.sites(&PageRequest { after, limit: PAGE })?;
            let Some(last) = page.last() else { break };
            after = Some(last.value.id.to_string());
            known.sites.extend(page.into_iter().map(|site| site.value).filter(|site| (ground.may)(record, &site.id)));
        }
        known.main = known.sites.iter().find(|site| site.main).map(|site| site.id.clone());
        if sheet.kind == FileKind::CommonAreas {
            known.add_areas(ground)?;
        }
        if sheet.has(Column::Packages) {
            known.packages = listed(
                |page| ground.store.packages(page),
                |package| (package.id.to_string(), package.name.to_string()),
            )?;
        }
        if sheet.has(Column::SettingsTemplate) {
            let named = |template: &SettingsTemplate| (template.id.to_string(), template.name.to_string());
            known.templates = listed(|page| ground.store.settings_templates(page), named)?;
        }
        Ok(known)
    }

    /// The country of a site, which says what a number without its country's code means.
    pub fn country(&self, site: Option<&SiteId>) -> Option<Country> {
        self.sites.iter().find(|known| Some(&known.id) == site)?.country
    }

    /// The package that a word means: its id, or its name, letter case aside.
    pub fn package(&self, text: &str) -> Result<String, String> {
        named("package", &self.packages, text)
    }

    /// The settings template that a word means: its id, or its name, letter case aside.
    pub fn template(&self, text: &str) -> Result<String, String> {
        named("settings template", &self.templates, text)
    }

    /// The site with that code.
    pub fn site_of_code(&self, text: &str) -> Result<SiteId, String> {
        let is = |site: &&Site| site.code.as_ref().is_some_and(|code| code.as_str() == text);
        let site = self.sites.iter().find(is).map(|site| site.id.clone());
        site.ok_or_else(|| format!("there is no site with the code {text}"))
    }

    fn add_areas(&mut self, ground: &Ground<'_>) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = ground.store.common_areas(&PageRequest { after, limit: PAGE })?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.value.id.to_string());
            for area in page.into_iter().map(|area| area.value) {
                self.area_ids.insert(area.id.clone());
                if self.sites.iter().any(|site| site.id == area.site) {
                    self.areas.entry(area.name.to_string()).or_default().push((area.site, area.id));
                }
            }
        }
    }

    /// The site that a name means: its own, letter case aside, or its id.
    pub fn site(&self, text: &str) -> Result<SiteId, String> {
        if let Some(site) = self.sites.iter().find(|site| site.id.as_str() == text) {
            return Ok(site.id.clone());
        }
        let lower = text.to_lowercase();
        let named: Vec<&Site> = self.sites.iter().filter(|site| site.name.as_str().to_lowercase() == lower).collect();
        match named.as_slice() {
            [site] => Ok(site.id.clone()),
            [] => {
                let names = self.sites.iter().flat_map(|site| [site.name.as_str(), site.id.as_str()]);
                Err(format!("there is no site {text}{}", hint(text, names)))
            }
            several => {
                let ids: Vec<&str> = several.iter().map(|site| site.id.as_str()).collect();
                Err(format!("several sites are called {text}; write the id instead: {}", ids.join(" or ")))
            }
        }
    }

    /// The main site, where what names none belongs.
    pub fn main(&self) -> Result<SiteId, String> {
        let none = "say at which site: there is no main site, or it is out of your scope";
        self.main.clone().ok_or_else(|| none.to_owned())
    }

    /// The places of that name; `site`: only there.
    pub fn areas(&self, name: &str, site: Option<&SiteId>) -> Vec<CommonAreaId> {
        let named = self.areas.get(name).into_iter().flatten();
        named.filter(|(at, _)| site.is_none_or(|site| site == at)).map(|(_, id)| id.clone()).collect()
    }

    /// An id for a new place of that name, kept from being given again; `None`: nothing can be made of the name.
    pub fn new_area(&mut self, name: &str, site: &SiteId) -> Option<CommonAreaId> {
        let plain = CommonAreaId::from_name(name)?;
        let at_site = CommonAreaId::from_name(&format!("{site} {name}"));
        let numbered = (2u32..1_000).filter_map(|number| CommonAreaId::from_name(&format!("{number} {site} {name}")));
        let id = [plain].into_iter().chain(at_site).chain(numbered).find(|id| !self.area_ids.contains(id))?;
        self.area_ids.insert(id.clone());
        Some(id)
    }
}

/// The id of the one that a word means.
fn named(kind: &str, known: &[(String, String)], text: &str) -> Result<String, String> {
    if known.iter().any(|(id, _)| id == text) {
        return Ok(text.to_owned());
    }
    let lower = text.to_lowercase();
    let called: Vec<&str> =
        known.iter().filter(|(_, name)| name.to_lowercase() == lower).map(|(id, _)| id.as_str()).collect();
    match called.as_slice() {
        [id] => Ok((*id).to_owned()),
        [] => {
            let names = known.iter().flat_map(|(id, name)| [id.as_str(), name.as_str()]);
            Err(format!("there is no {kind} {text}{}", hint(text, names)))
        }
        several => Err(format!("several are called {text}; write the id instead: {}", several.join(" or "))),
    }
}

/// Id and name of all of a kind.
fn listed<T>(
    page: impl Fn(&PageRequest) -> Result<Vec<Versioned<T>>, StoreError>,
    named: impl Fn(&T) -> (String, String),
) -> Result<Vec<(String, String)>, StoreError> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let found = page(&PageRequest { after, limit: PAGE })?;
        let Some(last) = found.last() else { return Ok(all) };
        after = Some(named(&last.value).0);
        all.extend(found.iter().map(|record| named(&record.value)));
    }
}
