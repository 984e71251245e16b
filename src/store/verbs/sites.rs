//! Sites: exactly one is main, none goes while something belongs to it, and listing networks opens claim windows.

use super::{Name, access, devices, dial_plan, extensions, roles};
use crate::inventory::device::Owner;
use crate::inventory::mac::MacAddr;
use crate::inventory::site::{Site, SiteId};
use crate::store::rows::{MAIN_SITE, Table, owner_key};
use crate::store::txn::{Rows, Span, Txn, read, record};
use crate::store::{AtSite, Conflict, Expected, PageRequest, StoreFault, Stored, Versioned, WindowPolicy};

pub fn main_site(rows: &dyn Rows) -> Result<Option<Versioned<Site>>, StoreFault> {
    let Some(id) = read::<SiteId>(rows, MAIN_SITE)? else { return Ok(None) };
    record(rows, &Table::Site.key(id.as_str()))
}

/// The site, which must be there.
pub fn require(rows: &dyn Rows, id: &SiteId) -> Stored<Site> {
    let site: Versioned<Site> = name(id).require(rows, &Table::Site.key(id.as_str()), Expected::Any)?;
    Ok(site.value)
}

pub fn create(txn: &mut Txn<'_>, mut site: Site) -> Stored<Versioned<Site>> {
    let key = Table::Site.key(site.id.as_str());
    if txn.get(&key)?.is_some() {
        return Err(name(&site.id).exists().into());
    }
    let first = txn.get(MAIN_SITE)?.is_none();
    if first || site.main {
        make_main(txn, &mut site)?;
    }
    dial_plan::site_changes(txn, None, Some(&site))?;
    txn.count(|counts| counts.sites += 1)?;
    Ok(txn.put_record(&key, site)?)
}

pub fn replace(
    txn: &mut Txn<'_>,
    mut site: Site,
    expected: Expected,
    windows: &WindowPolicy,
) -> Stored<Versioned<Site>> {
    let key = Table::Site.key(site.id.as_str());
    let before = name(&site.id).require::<Site>(txn, &key, expected)?.value;
    match (before.main, site.main) {
        (true, false) => return Err(Conflict::MainSite(site.id).into()),
        (false, true) => make_main(txn, &mut site)?,
        _ => {}
    }
    extensions::forget_site(txn, &site.id)?;
    dial_plan::site_changes(txn, Some(&before), Some(&site))?;
    if before.networks.is_empty() && !site.networks.is_empty() {
        for mac in phones_at(txn, &site.id)? {
            access::open_by_site(txn, mac, windows)?;
        }
    }
    Ok(txn.put_record(&key, site)?)
}

pub fn remove(txn: &mut Txn<'_>, id: &SiteId, expected: Expected) -> Stored<()> {
    let key = Table::Site.key(id.as_str());
    let site = name(id).require::<Site>(txn, &key, expected)?.value;
    let uses = Table::SiteUse.below(id.as_str());
    if let Some(user) = txn.scan(Span::first(&uses))?.first() {
        let user = user.key.strip_prefix(&uses).unwrap_or_default();
        return Err(name(id).in_use(user.replacen('/', " ", 1)).into());
    }
    if let Some(grant) = roles::naming_site(txn, id)? {
        return Err(name(id).in_use(format!("grant {grant}")).into());
    }
    if site.main {
        let others = txn.scan(Span { limit: 2, ..Span::all(Table::Site.prefix()) })?;
        if others.len() > 1 {
            return Err(Conflict::MainSite(id.clone()).into());
        }
        txn.delete(MAIN_SITE)?;
    }
    extensions::forget_site(txn, id)?;
    dial_plan::site_changes(txn, Some(&site), None)?;
    txn.count(|counts| counts.sites = counts.sites.saturating_sub(1))?;
    Ok(txn.delete(&key)?)
}

/// The key that says that a record belongs to a site.
pub fn use_by(site: &SiteId, record: &str) -> String {
    format!("{}{record}", Table::SiteUse.below(site.as_str()))
}

/// The key that says that an owner belongs to a site.
pub fn use_by_owner(site: &SiteId, owner: &Owner) -> String {
    use_by(site, &owner_key(owner))
}

/// The key that says that a phone belongs to a site.
pub fn use_by_phone(site: &SiteId, mac: MacAddr) -> String {
    use_by(site, &Table::Device.of(mac))
}

/// The names of what belongs to a site, of one kind.
pub fn names_at(rows: &dyn Rows, site: &SiteId, kind: AtSite, page: &PageRequest) -> Result<Vec<String>, StoreFault> {
    let (table, page) = match kind {
        AtSite::CommonAreas => (Table::Area, page.clone()),
        AtSite::Devices => (Table::Device, devices::plain(page)),
        AtSite::Numbers => (Table::Number, page.clone()),
        AtSite::Users => (Table::User, page.clone()),
    };
    let prefix = use_by(site, table.prefix());
    let after = page.after.map(|after| format!("{prefix}{after}"));
    let rows = rows.scan(Span { prefix: &prefix, after: after.as_deref(), limit: page.limit })?;
    Ok(rows.iter().filter_map(|row| row.key.strip_prefix(&prefix)).map(str::to_owned).collect())
}

/// The phones of a site.
pub fn phones_at(rows: &dyn Rows, site: &SiteId) -> Result<Vec<MacAddr>, StoreFault> {
    phones_below(rows, &format!("{}{}", Table::SiteUse.below(site.as_str()), Table::Device.prefix()))
}

/// The phones an index lists below a prefix.
pub fn phones_below(rows: &dyn Rows, prefix: &str) -> Result<Vec<MacAddr>, StoreFault> {
    let keys = rows.scan(Span::all(prefix))?.into_iter().map(|row| row.key);
    keys.map(|key| {
        let mac = MacAddr::from_plain(key.rsplit('/').next().unwrap_or_default());
        mac.map_err(|error| StoreFault::Corrupt(format!("row {key} {error}")))
    })
    .collect()
}

/// Takes the rank of main site over from whichever has it.
fn make_main(txn: &mut Txn<'_>, site: &mut Site) -> Stored<()> {
    if let Some(mut before) = main_site(txn)? {
        before.value.main = false;
        txn.put_record(&Table::Site.key(before.value.id.as_str()), before.value)?;
    }
    site.main = true;
    Ok(txn.put(MAIN_SITE, &site.id)?)
}

fn name(id: &SiteId) -> Name<'_> {
    Name { kind: "site", id: id.as_str() }
}
