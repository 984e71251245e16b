//! Who stands behind a line or a key, as far as phones show it: a person or a place, with what follows from its site.

use crate::inventory::device::Owner;
use crate::inventory::extension::Extension;
use crate::inventory::keys::Key;
use crate::inventory::number::PhoneNumber;
use crate::inventory::settings::Settings;
use crate::inventory::settings_template::{SettingsTemplate, SettingsTemplateId};
use crate::inventory::sip::SipIdentity;
use crate::inventory::site::{SiteId, Timezone};
use crate::inventory::user::{Locale, Status};
use crate::store::{Store, StoreError};
use crate::templates::facts::Assignee;

/// A person or a place, as far as a phone shows it.
pub struct Party {
    /// Who it is.
    pub owner: Owner,
    /// Its name for people.
    pub name: String,
    /// Where it belongs.
    pub site: SiteId,
    /// What its site dials.
    pub extension: Option<Extension>,
    /// What everybody dials.
    pub long_extension: Option<Extension>,
    /// Whether it may telephone; else no phone has its line.
    pub is_active: bool,
    /// Its telephone numbers, the main one first.
    pub numbers: Vec<PhoneNumber>,
    /// Its language.
    pub locale: Option<Locale>,
    /// Its time zone.
    pub timezone: Option<Timezone>,
    /// The keys of its phones.
    pub keys: Vec<Key>,
    /// Its own settings.
    pub settings: Settings,
    /// The settings it shares with others.
    pub template: Option<SettingsTemplate>,
    /// Its names at the registrar.
    pub sip: SipIdentity,
}

impl Party {
    /// The one an owner is; `None` if there is none any more.
    pub fn of(store: &dyn Store, owner: &Owner) -> Result<Option<Party>, StoreError> {
        match owner {
            Owner::CommonArea(id) => {
                let Some(area) = store.common_area(id)?.map(|area| area.value) else { return Ok(None) };
                Ok(Some(Party {
                    owner: owner.clone(),
                    name: area.name.to_string(),
                    long_extension: long(store, area.extension.as_ref(), &area.site)?,
                    site: area.site,
                    extension: area.extension,
                    is_active: is_active(area.status),
                    numbers: area.numbers,
                    locale: area.locale,
                    timezone: None,
                    keys: area.keys,
                    settings: area.settings,
                    template: template(store, area.settings_template.as_ref())?,
                    sip: area.sip,
                }))
            }
            Owner::User(id) => {
                let Some(user) = store.user(id)?.map(|user| user.value) else { return Ok(None) };
                Ok(Some(Party {
                    owner: owner.clone(),
                    name: user.display_name(),
                    long_extension: long(store, user.extension.as_ref(), &user.site)?,
                    site: user.site,
                    extension: user.extension,
                    is_active: is_active(user.status),
                    numbers: user.numbers,
                    locale: user.locale,
                    timezone: user.timezone,
                    keys: user.keys,
                    settings: user.settings,
                    template: template(store, user.settings_template.as_ref())?,
                    sip: user.sip,
                }))
            }
        }
    }

    /// As templates see the one a phone belongs to.
    pub fn as_assignee(&self) -> Assignee {
        let text = |extension: &Option<Extension>| extension.as_ref().map(ToString::to_string).unwrap_or_default();
        Assignee {
            kind: match self.owner {
                Owner::CommonArea(_) => "common_area".to_owned(),
                Owner::User(_) => "user".to_owned(),
            },
            name: self.name.clone(),
            extension: text(&self.extension),
            long_extension: text(&self.long_extension),
            numbers: self.numbers.iter().map(ToString::to_string).collect(),
            locale: self.locale.as_ref().map(|locale| locale.as_str().to_owned()).unwrap_or_default(),
        }
    }
}

fn is_active(status: Option<Status>) -> bool {
    status.is_none_or(|status| status == Status::Active)
}

fn long(store: &dyn Store, extension: Option<&Extension>, site: &SiteId) -> Result<Option<Extension>, StoreError> {
    extension.map(|extension| store.long_extension(extension, site)).transpose()
}

fn template(store: &dyn Store, id: Option<&SettingsTemplateId>) -> Result<Option<SettingsTemplate>, StoreError> {
    let found = id.map(|id| store.settings_template(id)).transpose()?.flatten();
    Ok(found.map(|template| template.value))
}
