//! Settings that many people and places share.

use super::{Name, belongings, people, sites};
use crate::inventory::settings_template::{SettingsTemplate, SettingsTemplateId};
use crate::inventory::site::SiteId;
use crate::store::rows::Table;
use crate::store::txn::{Rows, Txn, record};
use crate::store::{Conflict, Expected, Stored, Versioned};

pub fn create(txn: &mut Txn<'_>, template: SettingsTemplate) -> Stored<Versioned<SettingsTemplate>> {
    let key = key(&template.id);
    if txn.get(&key)?.is_some() {
        return Err(name(&template.id).exists().into());
    }
    belong(txn, None, template.site.as_ref(), &key)?;
    Ok(txn.put_record(&key, template)?)
}

pub fn replace(
    txn: &mut Txn<'_>,
    template: SettingsTemplate,
    expected: Expected,
) -> Stored<Versioned<SettingsTemplate>> {
    let key = key(&template.id);
    let before = name(&template.id).require::<SettingsTemplate>(txn, &key, expected)?.value;
    belong(txn, before.site.as_ref(), template.site.as_ref(), &key)?;
    if let Some(site) = template.site.as_ref().filter(|site| before.site.as_ref() != Some(*site)) {
        for owner in belongings::users_of(txn, &key)? {
            if people::belongings_of(txn, &owner)?.is_some_and(|(there, _)| there.id != *site) {
                return Err(name(&template.id).in_use(format!("{owner} at another site")).into());
            }
        }
    }
    Ok(txn.put_record(&key, template)?)
}

pub fn remove(txn: &mut Txn<'_>, id: &SettingsTemplateId, expected: Expected) -> Stored<()> {
    let key = key(id);
    let before = name(id).require::<SettingsTemplate>(txn, &key, expected)?.value;
    if let Some(owner) = belongings::users_of(txn, &key)?.first() {
        return Err(name(id).in_use(owner.to_string()).into());
    }
    belong(txn, before.site.as_ref(), None, &key)?;
    Ok(txn.delete(&key)?)
}

/// Refuses a template that people of this site may not name.
pub fn check(rows: &dyn Rows, id: &SettingsTemplateId, site: &SiteId) -> Stored<()> {
    let found: Option<Versioned<SettingsTemplate>> = record(rows, &key(id))?;
    let template = found.ok_or_else(|| name(id).unknown())?.value;
    match template.site {
        Some(there) if there != *site => {
            Err(Conflict::TemplateElsewhere { template: template.id, there, site: site.clone() }.into())
        }
        _ => Ok(()),
    }
}

/// The key of a template's record.
pub fn key(id: &SettingsTemplateId) -> String {
    Table::SettingsTemplate.key(id.as_str())
}

fn belong(txn: &mut Txn<'_>, before: Option<&SiteId>, after: Option<&SiteId>, key: &str) -> Stored<()> {
    if before == after {
        return Ok(());
    }
    if let Some(site) = before {
        txn.delete(&sites::use_by(site, key))?;
    }
    if let Some(site) = after {
        sites::require(txn, site)?;
        txn.put(&sites::use_by(site, key), &())?;
    }
    Ok(())
}

fn name(id: &SettingsTemplateId) -> Name<'_> {
    Name { kind: "settings template", id: id.as_str() }
}
