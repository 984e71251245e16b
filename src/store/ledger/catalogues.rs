//! What does each verb of [`Catalogues`] come down to? Which rule decides it, and what the audit trail calls it.

use super::Ledger;
use crate::inventory::audit::{Act, AuditObject};
use crate::inventory::device::Owner;
use crate::inventory::extension::Extension;
use crate::inventory::number::{Number, PhoneNumber};
use crate::inventory::package::{Entitlements, Package, PackageId};
use crate::inventory::settings_template::{SettingsTemplate, SettingsTemplateId};
use crate::inventory::site::SiteId;
use crate::store::backend::Backend;
use crate::store::rows::Table;
use crate::store::txn::record;
use crate::store::verbs::{extensions, numbers, packages, people, settings_templates, sites};
use crate::store::{Actor, Catalogues, Expected, PageRequest, Stored, Versioned};

impl<B: Backend> Catalogues for Ledger<B> {
    fn long_extension(&self, extension: &Extension, site: &SiteId) -> Stored<Extension> {
        self.look(|rows| extensions::long(rows, extension, &sites::require(rows, site)?))
    }

    fn entitlements(&self, owner: &Owner) -> Stored<Entitlements> {
        self.look(|rows| {
            let has = people::belongings_of(rows, owner)?.map(|(_, has)| has).unwrap_or_default();
            packages::entitlements(rows, has.has_extension, &has.packages)
        })
    }

    fn number(&self, number: &PhoneNumber) -> Stored<Option<Versioned<Number>>> {
        self.look(|rows| Ok(record(rows, &numbers::key(number))?))
    }

    fn numbers(&self, page: &PageRequest) -> Stored<Vec<Versioned<Number>>> {
        self.look(|rows| Ok(page.read(rows, Table::Number)?))
    }

    fn number_owner(&self, number: &PhoneNumber) -> Stored<Option<Owner>> {
        self.look(|rows| Ok(numbers::owner(rows, number)?))
    }

    fn create_number(&self, number: Number, by: &Actor) -> Stored<Versioned<Number>> {
        let act = Act::new("create", AuditObject::new("number", &number.number));
        self.administer(by, act, move |txn, _| numbers::create(txn, number))
    }

    fn replace_number(&self, number: Number, expected: Expected, by: &Actor) -> Stored<Versioned<Number>> {
        let act = Act::new("replace", AuditObject::new("number", &number.number));
        self.administer(by, act, move |txn, _| numbers::replace(txn, number, expected))
    }

    fn remove_number(&self, number: &PhoneNumber, expected: Expected, by: &Actor) -> Stored<()> {
        let number = number.clone();
        let act = Act::new("remove", AuditObject::new("number", &number));
        self.administer(by, act, move |txn, _| numbers::remove(txn, &number, expected))
    }

    fn package(&self, id: &PackageId) -> Stored<Option<Versioned<Package>>> {
        self.look(|rows| Ok(record(rows, &packages::key(id))?))
    }

    fn packages(&self, page: &PageRequest) -> Stored<Vec<Versioned<Package>>> {
        self.look(|rows| Ok(page.read(rows, Table::Package)?))
    }

    fn seats_taken(&self, id: &PackageId) -> Stored<u32> {
        self.look(|rows| Ok(packages::taken(rows, id)?))
    }

    fn create_package(&self, package: Package, by: &Actor) -> Stored<Versioned<Package>> {
        let act = Act::new("create", AuditObject::new("package", &package.id));
        self.administer(by, act, move |txn, _| packages::create(txn, package))
    }

    fn replace_package(&self, package: Package, expected: Expected, by: &Actor) -> Stored<Versioned<Package>> {
        let act = Act::new("replace", AuditObject::new("package", &package.id));
        self.administer(by, act, move |txn, _| packages::replace(txn, package, expected))
    }

    fn remove_package(&self, id: &PackageId, expected: Expected, by: &Actor) -> Stored<()> {
        let id = id.clone();
        let act = Act::new("remove", AuditObject::new("package", &id));
        self.administer(by, act, move |txn, _| packages::remove(txn, &id, expected))
    }

    fn settings_template(&self, id: &SettingsTemplateId) -> Stored<Option<Versioned<SettingsTemplate>>> {
        self.look(|rows| Ok(record(rows, &settings_templates::key(id))?))
    }

    fn settings_templates(&self, page: &PageRequest) -> Stored<Vec<Versioned<SettingsTemplate>>> {
        self.look(|rows| Ok(page.read(rows, Table::SettingsTemplate)?))
    }

    fn create_settings_template(&self, template: SettingsTemplate, by: &Actor) -> Stored<Versioned<SettingsTemplate>> {
        let act = Act::new("create", AuditObject::new("settings_template", &template.id));
        self.administer(by, act, move |txn, _| settings_templates::create(txn, template))
    }

    fn replace_settings_template(
        &self,
        template: SettingsTemplate,
        expected: Expected,
        by: &Actor,
    ) -> Stored<Versioned<SettingsTemplate>> {
        let act = Act::new("replace", AuditObject::new("settings_template", &template.id));
        self.administer(by, act, move |txn, _| settings_templates::replace(txn, template, expected))
    }

    fn remove_settings_template(&self, id: &SettingsTemplateId, expected: Expected, by: &Actor) -> Stored<()> {
        let id = id.clone();
        let act = Act::new("remove", AuditObject::new("settings_template", &id));
        self.administer(by, act, move |txn, _| settings_templates::remove(txn, &id, expected))
    }
}
