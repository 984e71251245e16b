//! What is given to people and places out of a common stock: numbers, packages, settings templates; and what follows from
//! it for them.

use super::{Actor, Expected, PageRequest, Stored, Versioned};
use crate::inventory::device::Owner;
use crate::inventory::extension::Extension;
use crate::inventory::number::{Number, PhoneNumber};
use crate::inventory::package::{Entitlements, Package, PackageId};
use crate::inventory::settings_template::{SettingsTemplate, SettingsTemplateId};
use crate::inventory::site::SiteId;

/// The part of the store's verbs that is about what people and places are given.
pub trait Catalogues {
    /// What everybody in the account dials to reach an extension of a site: the site's code first, if there are site codes.
    fn long_extension(&self, extension: &Extension, site: &SiteId) -> Stored<Extension>;
    /// What an owner is entitled to, and by which packages.
    fn entitlements(&self, owner: &Owner) -> Stored<Entitlements>;

    /// A telephone number.
    fn number(&self, number: &PhoneNumber) -> Stored<Option<Versioned<Number>>>;
    /// Telephone numbers in their order.
    fn numbers(&self, page: &PageRequest) -> Stored<Vec<Versioned<Number>>>;
    /// Whose a telephone number is. It is given with the owner's `numbers`.
    fn number_owner(&self, number: &PhoneNumber) -> Stored<Option<Owner>>;
    /// Adds a telephone number.
    fn create_number(&self, number: Number, by: &Actor) -> Stored<Versioned<Number>>;
    /// Replaces what is known of a telephone number; one that is in use cannot become pending.
    fn replace_number(&self, number: Number, expected: Expected, by: &Actor) -> Stored<Versioned<Number>>;
    /// Removes a telephone number that nobody has or shows.
    fn remove_number(&self, number: &PhoneNumber, expected: Expected, by: &Actor) -> Stored<()>;

    /// A package.
    fn package(&self, id: &PackageId) -> Stored<Option<Versioned<Package>>>;
    /// Packages by id.
    fn packages(&self, page: &PageRequest) -> Stored<Vec<Versioned<Package>>>;
    /// How many of a package's seats are taken.
    fn seats_taken(&self, id: &PackageId) -> Stored<u32>;
    /// Adds a package.
    fn create_package(&self, package: Package, by: &Actor) -> Stored<Versioned<Package>>;
    /// Replaces a package; refused if somebody who has it would have more than it then allows.
    fn replace_package(&self, package: Package, expected: Expected, by: &Actor) -> Stored<Versioned<Package>>;
    /// Removes a package that nobody has.
    fn remove_package(&self, id: &PackageId, expected: Expected, by: &Actor) -> Stored<()>;

    /// A settings template.
    fn settings_template(&self, id: &SettingsTemplateId) -> Stored<Option<Versioned<SettingsTemplate>>>;
    /// Settings templates by id.
    fn settings_templates(&self, page: &PageRequest) -> Stored<Vec<Versioned<SettingsTemplate>>>;
    /// Adds a settings template.
    fn create_settings_template(&self, template: SettingsTemplate, by: &Actor) -> Stored<Versioned<SettingsTemplate>>;
    /// Replaces a settings template.
    fn replace_settings_template(
        &self,
        template: SettingsTemplate,
        expected: Expected,
        by: &Actor,
    ) -> Stored<Versioned<SettingsTemplate>>;
    /// Removes a settings template that nobody names.
    fn remove_settings_template(&self, id: &SettingsTemplateId, expected: Expected, by: &Actor) -> Stored<()>;
}
